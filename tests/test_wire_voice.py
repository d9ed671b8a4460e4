"""Names and payloads of voice agents' clients: what each becomes, in both formats, and what is let in."""

# ruff: noqa: E501  (payloads, one per line)

import json
import string
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtc_exporter import w3c
from rtc_exporter.model import Event, Member, ParticipantKey
from rtc_exporter.wire import plain, rtcstats, voice

KEY = ParticipantKey("call", "ada")
NOW = 1_760_000_010.0

LIVEKIT: dict[str, Member] = {"framework": "livekit", "source": "framework", "scope": "client_sfu"}
PIPECAT: dict[str, Member] = {"framework": "pipecat", "source": "framework"}
TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
OWN: dict[str, Member] = {"source": "audio", "hangover": 0.2, "agent": "front-desk.v2", "framework": "own", "conversation": "c-1", "turn": 3,
       "traceparent": TRACEPARENT, "interrupted": True, "scope": "end_to_end", "agent_rtt": 0.03}  # fmt: skip

# fmt: off
SAID: list[tuple[str, Any, str, dict[str, Member]]] = [
    *((f":{name}", {}, name, {}) for name in w3c.VOICE_EVENTS),
    *((name, {}, name, {}) for name in w3c.VOICE_EVENTS),
    (":voice.user_speech_stopped", OWN, "voice.user_speech_stopped", OWN),
    (":voice.user_speech_stopped", {"source": "ear", "hangover": -1, "agent": "Ann Smith", "framework": "x", "conversation": "a b", "turn": 1.5, "traceparent": "00-0", "interrupted": 1, "scope": "all", "agent_rtt": 1e9, "text": "hello"}, "voice.user_speech_stopped", {}),
    (":voice.user_speech_stopped", None, "voice.user_speech_stopped", {}),
    (":voice.user_speech_stopped", ["x"], "voice.user_speech_stopped", {}),
    (":voice.metrics", {"e2e": 0.9, "eou": 0.3, "stt": 0.2, "llm_ttft": 0.4, "tts_ttfb": 0.1}, "voice.metrics", {"e2e": 0.9, "eou": 0.3, "stt": 0.2, "llm_ttft": 0.4, "tts_ttfb": 0.1}),
    # RTVI
    ("user-started-speaking", {}, "voice.user_speech_started", PIPECAT),
    ("user-stopped-speaking", {"hangover": 0.8}, "voice.user_speech_stopped", {**PIPECAT, "hangover": 0.8}),
    ("bot-started-speaking", None, "voice.agent_speech_started", PIPECAT),
    (":bot-stopped-speaking", {}, "voice.agent_speech_stopped", PIPECAT),
    (":rtvi.bot-llm-started", {}, "voice.agent_thinking", PIPECAT),
    ("bot-tts-started", {}, "voice.agent_synthesizing", PIPECAT),
    ("bot-ready", {"label": "rtvi-ai", "type": "bot-ready", "data": {"agent": "desk", "source": "audio"}}, "voice.agent", {**PIPECAT, "agent": "desk"}),
    ("user-mute-started", {}, "voice.user_muted", PIPECAT),
    ("user-mute-stopped", {}, "voice.user_unmuted", PIPECAT),
    ("metrics", {"ttfb": [{"processor": "OpenAILLMService#0", "value": 0.41}, {"processor": "CartesiaTTSService#0", "value": 0.12}, {"processor": "DeepgramSTTService#0", "value": 0.0}, {"processor": "Other", "value": 3}, 7]}, "voice.metrics", {**PIPECAT, "llm_ttft": 0.41, "tts_ttfb": 0.12}),
    ("metrics", {"label": "rtvi-ai", "type": "metrics", "data": {"ttfb": [{"processor": "DeepgramSTTService#1", "value": 0.25}], "processing": []}}, "voice.metrics", {**PIPECAT, "stt": 0.25}),
    # LiveKit Agents
    ("lk.agent.state", "speaking", "voice.agent_speech_started", LIVEKIT),
    (":lk.agent.state", {"state": "listening"}, "voice.agent_speech_stopped", LIVEKIT),
    ("lk.agent.state", {"state": "idle"}, "voice.agent_speech_stopped", LIVEKIT),
    ("lk.agent.state", {"state": "thinking", "conversation": "room-1"}, "voice.agent_thinking", {**LIVEKIT, "conversation": "room-1"}),
    ("lk.agent.state", {"state": "initializing"}, "voice.agent", LIVEKIT),
    ("lk.agent.state", {"state": "dancing"}, "other", {}),
    ("lk.agent.state", 5, "other", {}),
    ("agent_state_changed", {"old_state": "thinking", "new_state": "speaking"}, "voice.agent_speech_started", LIVEKIT),
    ("user_state_changed", {"old_state": "listening", "new_state": "speaking"}, "voice.user_speech_started", LIVEKIT),
    (":lk.user.state", "listening", "voice.user_speech_stopped", LIVEKIT),
    (":lk.user.state", "away", "voice.user_away", LIVEKIT),
    ("lk.metrics", {"e2e_latency": 1.1, "end_of_turn_delay": 0.5, "transcription_delay": 0.2, "llm_node_ttft": 0.35, "tts_node_ttfb": 0.15}, "voice.metrics", {**LIVEKIT, "e2e": 1.1, "eou": 0.5, "stt": 0.2, "llm_ttft": 0.35, "tts_ttfb": 0.15}),
    # none of ours
    ("voice.dance", {}, "other", {}), (":voice", {}, "other", {}), ("onvoice.agent", {}, "other", {}), ("speaking", {}, "other", {}),
]
# fmt: on


@pytest.mark.parametrize(("spelling", "value", "name", "facts"), SAID)
def test_a_name_becomes_one_of_ours(spelling: str, value: Any, name: str, facts: dict[str, Member]) -> None:
    """From a frame of rtcstats-js, on the page or on a peer connection."""
    for peer in (None, "PC_0"):
        decoder = rtcstats.Decoder(KEY)
        (event,) = decoder.receive(json.dumps([spelling, peer, value, NOW * 1000]), NOW)

        assert isinstance(event, Event)
        assert (event.name, dict(event.facts)) == (name, facts)


@pytest.mark.parametrize(("spelling", "value", "name", "facts"), [row for row in SAID if isinstance(row[1], dict)])
def test_plain_json_has_the_same_names(spelling: str, value: Any, name: str, facts: dict[str, Member]) -> None:
    """The facts stand beside the name; a message that is passed on whole has them inside."""
    (event,) = plain.Decoder(KEY).receive(json.dumps({"events": [{**value, "name": spelling}]}), NOW)

    assert isinstance(event, Event)
    assert (event.name, dict(event.facts)) == (name, facts)


def test_the_tables_are_closed() -> None:
    """Each row leads to an event of ours with facts that pass their own checks."""
    events = {event for event, _ in voice.SAID.values()} | {
        event for states, _ in voice.STATES.values() for event in states.values()
    }
    presets = [preset for _, preset in (*voice.SAID.values(), *voice.STATES.values())]

    assert events == set(w3c.VOICE_EVENTS)
    assert all(voice.CHECKS[fact](value) == value for preset in presets for fact, value in preset.items())
    assert set(voice.ALIASES) == {"e2e", *w3c.VOICE_STAGES}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(string.printable, max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(
        st.sampled_from([*voice.CHECKS, "data", "state", "new_state", "ttfb", "processor", "value", "x"]), inner, max_size=6
    ),
    max_leaves=20,
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.sampled_from([*voice.SAID, *voice.STATES, "x"]), JSON)
def test_no_payload_brings_anything_else(spelling: str, value: Any) -> None:
    """Only listed facts, of their type, and finite."""
    found = voice.read(spelling, value)
    if found is None:
        assert spelling == "x"
        return
    name, facts = found
    assert name in w3c.EVENTS
    for fact, member in facts.items():
        assert type(member) is w3c.FACTS[fact]
        if isinstance(member, float):
            assert 0 <= member <= voice.LONGEST
