"""
What clients of voice agents call things, and our one set of names for it: ``w3c.VOICE_EVENTS``.

Applications send ours (``:voice.user_speech_stopped``); messages of RTVI, which Pipecat speaks, and states of LiveKit
Agents can be passed on as they are.  To add a framework, add rows to ``SAID`` or ``STATES``, and its names of the
seconds to ``ALIASES``.

Sources: RTVI 2.4.0 (docs.pipecat.ai), the AgentState of LiveKit's client SDK and the user states and metrics of
LiveKit Agents 1.x.
"""

import re
from collections.abc import Callable, Iterable, Mapping

from rtc_exporter.model import Member
from rtc_exporter.w3c import FACTS, FRAMEWORKS, TIMING_SOURCES, TRANSPORT_SCOPES, VOICE_EVENTS, VOICE_STAGES
from rtc_exporter.wire.decoder import NUMBERS, items, mapping

#: No part of a turn takes longer, and no detector waits for longer.
LONGEST = 600.0
LONGEST_HANGOVER = 5.0

PIPECAT: Mapping[str, Member] = {"framework": "pipecat", "source": "framework"}
LIVEKIT: Mapping[str, Member] = {"framework": "livekit", "source": "framework", "scope": "client_sfu"}

#: What is said -> our event, and what that tells by itself.
SAID: dict[str, tuple[str, Mapping[str, Member]]] = {
    **{name: (name, {}) for name in VOICE_EVENTS},
    **{
        prefix + name: (event, PIPECAT)
        for prefix in ("", "rtvi.")
        for name, event in {
            "bot-ready": "voice.agent",
            "user-started-speaking": "voice.user_speech_started",
            "user-stopped-speaking": "voice.user_speech_stopped",
            "user-mute-started": "voice.user_muted",
            "user-mute-stopped": "voice.user_unmuted",
            "bot-started-speaking": "voice.agent_speech_started",
            "bot-stopped-speaking": "voice.agent_speech_stopped",
            "bot-llm-started": "voice.agent_thinking",
            "bot-tts-started": "voice.agent_synthesizing",
            "metrics": "voice.metrics",
        }.items()
    },
    "lk.metrics": ("voice.metrics", LIVEKIT),
}

_AGENT_STATES = {
    "initializing": "voice.agent",
    "idle": "voice.agent_speech_stopped",
    "listening": "voice.agent_speech_stopped",
    "thinking": "voice.agent_thinking",
    "speaking": "voice.agent_speech_started",
}
_USER_STATES = {
    "speaking": "voice.user_speech_started",
    "listening": "voice.user_speech_stopped",
    "away": "voice.user_away",
}
#: What has a state -> the state -> our event.
STATES: dict[str, tuple[Mapping[str, str], Mapping[str, Member]]] = {
    "lk.agent.state": (_AGENT_STATES, LIVEKIT), "agent_state_changed": (_AGENT_STATES, LIVEKIT),
    "lk.user.state": (_USER_STATES, LIVEKIT), "user_state_changed": (_USER_STATES, LIVEKIT),
}  # fmt: skip

#: Other names of the seconds that an agent tells: fields of LiveKit's metrics, span attributes of LiveKit and Pipecat.
ALIASES: dict[str, tuple[str, ...]] = {
    "e2e": ("e2e_latency", "lk.e2e_latency", "user_bot_latency_seconds", "turn.user_bot_latency_seconds"),
    "eou": ("end_of_turn_delay", "lk.end_of_turn_delay", "end_of_utterance_delay"),
    "stt": ("transcription_delay", "lk.transcription_delay"),
    "llm_ttft": ("llm_node_ttft", "lk.response.ttft"),
    "tts_ttfb": ("tts_node_ttfb", "lk.response.ttfb"),
}
#: RTVI's ``ttfb`` is a list of services; which one it is says its name: ``OpenAILLMService#0``.
_SERVICES = {"STT": "stt", "LLM": "llm_ttft", "TTS": "tts_ttfb"}
_SERVICE = re.compile(r"(STT|LLM|TTS)Service")

_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,63}", re.ASCII)
#: As ``wire.events`` has it: what machines make, and no address.
_ID = re.compile(r"(?!\d+\.\d+\.\d+\.)[\w{}+=.~-]{1,128}", re.ASCII)
#: W3C Trace Context, version 00; ids that are zero are none.
_TRACEPARENT = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


def _among(words: Iterable[str], value: object) -> str | None:
    return value if isinstance(value, str) and value in words else None


def _like(shape: re.Pattern[str], value: object) -> str | None:
    return value if isinstance(value, str) and shape.fullmatch(value) else None


def _seconds(value: object, longest: float = LONGEST) -> float | None:
    return float(value) if type(value) in NUMBERS and 0 <= value <= longest else None  # type: ignore[arg-type,operator]


def _count(value: object) -> int | None:
    return value if type(value) is int and 0 <= value < 1_000_000 else None


CHECKS: dict[str, Callable[[object], Member | None]] = {
    "source": lambda value: _among(TIMING_SOURCES, value),
    "hangover": lambda value: _seconds(value, LONGEST_HANGOVER),
    "agent": lambda value: _like(_NAME, value),
    "framework": lambda value: _among(FRAMEWORKS, value),
    "conversation": lambda value: _like(_ID, value),
    "turn": _count,
    "traceparent": lambda value: _like(_TRACEPARENT, value),
    "interrupted": lambda value: value if isinstance(value, bool) else None,
    "scope": lambda value: _among(TRANSPORT_SCOPES, value),
    "agent_rtt": _seconds, "e2e": _seconds, **dict.fromkeys(VOICE_STAGES, _seconds),
}  # fmt: skip
assert CHECKS.keys() <= FACTS.keys(), "every fact is listed"


def read(spelling: object, value: object) -> tuple[str, dict[str, Member]] | None:
    """One of ``VOICE_EVENTS`` and its facts for what a client wrote; None where that has nothing to do with voice."""
    if not isinstance(spelling, str):
        return None
    spelling = spelling.removeprefix(":")
    if (said := SAID.get(spelling)) is not None:
        name, preset = said
        return name, {**_facts(name, value), **preset}
    states = STATES.get(spelling)
    if states is None:
        return None
    events, preset = states
    told = value if isinstance(value, str) else mapping(value).get("state", mapping(value).get("new_state"))
    event = events.get(told) if isinstance(told, str) else None
    return ("other", {}) if event is None else (event, {**_facts(event, value), **preset})


def _facts(name: str, value: object) -> dict[str, Member]:
    told = mapping(value)
    # A message may be passed on whole: {label: "rtvi-ai", type, data}.
    told = {**told, **mapping(told.get("data"))}
    found = {fact: check(told[fact]) for fact, check in CHECKS.items() if fact in told}
    if name == "voice.metrics":
        for fact, others in ALIASES.items():
            seconds = (_seconds(told.get(other)) for other in (fact, *others))
            found[fact] = next((number for number in seconds if number is not None), None)
        for row in items(told.get("ttfb"))[:_ROWS]:
            service, number = str(mapping(row).get("processor", "")), _seconds(mapping(row).get("value"))
            if (match := _SERVICE.search(service[:128])) and number:  # services that were not asked say 0
                found[_SERVICES[match[1]]] = number
    return {fact: member for fact, member in found.items() if member is not None}


#: Services of one pipeline that are looked at.
_ROWS = 16
