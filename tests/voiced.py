"""
A call with a voice agent of which everything is known: a script of what is said, as a client's frames.

The one recording (``voiceagent-cr``) is of tones over a perfect network.  Here the page's counters grow by what a way
of known length makes of them, and the script says who speaks when.  ``rtcstats`` writes what rtcstats-js would send,
in its compact form; ``plain`` the same as plain JSON.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from rtc_exporter.model import Left, ParticipantKey
from rtc_exporter.pipeline import Pipeline, PipelineSettings
from rtc_exporter.span import Span
from rtc_exporter.tracing import TraceSettings
from rtc_exporter.wire.codes import MEMBERS, TYPES
from rtc_exporter.wire.decoder import Decoder
from rtc_exporter.wire.plain import Decoder as PlainDecoder
from rtc_exporter.wire.rtcstats import METHODS
from rtc_exporter.wire.rtcstats import Decoder as RtcstatsDecoder

START = 1_760_000_000.0
KEY = ParticipantKey("support-1", "ada")

#: The way: what each part takes, in seconds.  Together with 20 ms of packetisation that is 195 ms.
SEND_DELAY, ROUND_TRIP, JITTER_BUFFER, PLAYOUT = 0.005, 0.08, 0.06, 0.03
WAY = 0.02 + SEND_DELAY + ROUND_TRIP + JITTER_BUFFER + PLAYOUT

TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
AGENT = {
    "agent": "concierge", "framework": "pipecat", "source": "audio", "conversation": "conv-1", "scope": "client_sfu",
    "traceparent": TRACEPARENT,
}  # fmt: skip
AUDIO = {"source": "audio"}


class Said(NamedTuple):
    """Something that happens at a second of the call: an event of the page, or of its peer connection."""

    time: float
    name: str
    facts: Mapping[str, Any] = {}
    peer_connection: str | None = None


class Trouble(NamedTuple):
    """From a second on, for a second, these counters grow by more (or less) than they should."""

    second: int
    changes: Mapping[str, Mapping[str, float]]


Script: TypeAlias = Sequence[Said]

#: A connection that comes about within a second, to an agent that the page knows.
CONNECTED: Script = (
    Said(0.0, "create", {"iceTransportPolicy": "all"}, "PC_0"),
    Said(0.1, "createOffer", {}, "PC_0"),
    Said(1.0, "connectionstatechange", {"state": "connected"}, "PC_0"),
    Said(1.0, "voice.agent", AGENT),
)


def user(begin: float, end: float, hangover: float = 0.2) -> list[Said]:
    """The user speaks; the detector says so after it has waited."""
    return [
        Said(begin, "voice.user_speech_started", AUDIO),
        Said(end + hangover, "voice.user_speech_stopped", {**AUDIO, "hangover": hangover}),
    ]


def agent(begin: float, end: float, hold: float = 0.06, **facts: Any) -> list[Said]:
    """The agent is heard; its begin is told once it has held, its end at once."""
    return [
        Said(begin + hold, "voice.agent_speech_started", {**AUDIO, "hangover": hold}),
        Said(end, "voice.agent_speech_stopped", {**AUDIO, **facts}),
    ]


def counters(seconds: int, troubles: Iterable[Trouble]) -> dict[str, dict[str, Any]]:
    """What getStats says after so many seconds of audio at 50 packets a second."""
    packets, samples = 50 * seconds, 48_000 * seconds
    stats: dict[str, dict[str, Any]] = {
        "I": {"type": "inbound-rtp", "kind": "audio", "ssrc": 1, "packetsReceived": packets, "packetsLost": 0,
              "packetsDiscarded": 0, "bytesReceived": 5000 * seconds, "totalSamplesReceived": samples,
              "concealedSamples": 0, "silentConcealedSamples": 0, "removedSamplesForAcceleration": 0,
              "jitterBufferEmittedCount": samples, "jitterBufferDelay": JITTER_BUFFER * samples, "jitter": 0.005},
        "O": {"type": "outbound-rtp", "kind": "audio", "ssrc": 2, "packetsSent": packets, "bytesSent": 5000 * seconds,
              "totalPacketSendDelay": SEND_DELAY * packets},
        "R": {"type": "remote-inbound-rtp", "kind": "audio", "ssrc": 2, "localId": "O", "packetsLost": 0,
              "roundTripTime": ROUND_TRIP, "totalRoundTripTime": ROUND_TRIP * seconds,
              "roundTripTimeMeasurements": seconds},
        "P": {"type": "media-playout", "kind": "audio", "totalSamplesDuration": float(seconds),
              "totalSamplesCount": samples, "totalPlayoutDelay": PLAYOUT * samples, "synthesizedSamplesDuration": 0.0},
    }  # fmt: skip
    for trouble in troubles:
        if seconds > trouble.second:
            for ident, changes in trouble.changes.items():
                for member, amount in changes.items():
                    stats[ident][member] += amount
    return stats


class Frame(NamedTuple):
    """What is sent, and when."""

    time: float
    text: str


def _steps(script: Script, troubles: Sequence[Trouble], seconds: int) -> list[tuple[float, Said | int]]:
    """Events and reports in the order of time; from the first second of media on there is a report each second."""
    steps: list[tuple[float, Said | int]] = [(said.time, said) for said in script]
    steps += [(1.05 + number, number) for number in range(seconds)]
    return sorted(steps, key=lambda step: step[0])


_CODES = {name: str(code) for code, name in MEMBERS.items()}
_TYPES = {name: code for code, name in TYPES.items() if isinstance(code, int)}
_METHODS = {"createOffer": 2, "create": 39, "connectionstatechange": 25}


def rtcstats(script: Script, troubles: Sequence[Trouble] = (), seconds: int = 45) -> Iterator[Frame]:
    """The frames of rtcstats-js 2.x: codes, and of each report what has changed."""
    assert METHODS[25] == "onconnectionstatechange"
    page = {"userAgentData": {"brands": [{"brand": "Google Chrome", "version": "156"}], "platform": "Linux"}}
    yield Frame(0.0, json.dumps([39, None, page, START * 1000]))
    last, before = 0, dict[str, dict[str, Any]]()
    for time, step in _steps(script, troubles, seconds):
        now = round(time * 1000)
        if isinstance(step, Said):
            value: Any = step.facts.get("state") if "state" in step.facts else dict(step.facts)
            method = _METHODS.get(step.name, f":{step.name}")
            row: list[Any] = [method, step.peer_connection, value, now - last]
        else:
            stats = counters(step, troubles)
            delta: dict[str, Any] = {}
            for ident, members in stats.items():
                known = before.get(ident, {})
                changed = {_CODES.get(name, name): value for name, value in members.items() if known.get(name) != value}
                if "type" in changed:
                    changed["type"] = _TYPES[members["type"]]
                if changed:
                    delta[ident] = changed
            before = stats
            row = ["g", "PC_0", {**delta, "t": START * 1000 + now}, now - last]
            if "R" in delta:
                delta["R"]["t"] = START * 1000 + now
        last = now
        yield Frame(time, json.dumps(row, separators=(",", ":")))


def plain(script: Script, troubles: Sequence[Trouble] = (), seconds: int = 45) -> Iterator[Frame]:
    """The same as documents of plain JSON, each when it happens."""
    yield Frame(0.0, json.dumps({"time": START * 1000, "app": {"name": "shop"}}))
    for time, step in _steps(script, troubles, seconds):
        now = START * 1000 + round(time * 1000)
        if isinstance(step, Said):
            event = {"name": step.name, **step.facts}
            if step.peer_connection:
                event["peer_connection"] = step.peer_connection
            yield Frame(time, json.dumps({"time": now, "events": [event]}))
        else:
            stats = {ident: {**members, "timestamp": now} for ident, members in counters(step, troubles).items()}
            yield Frame(time, json.dumps({"time": now, "peer_connection": "PC_0", "stats": stats}))


FORMATS: dict[str, tuple[Callable[..., Iterator[Frame]], Callable[[ParticipantKey], Decoder]]] = {
    "rtcstats": (rtcstats, RtcstatsDecoder),
    "json": (plain, PlainDecoder),
}


class Played:
    """A call on its way through a pipeline."""

    key = KEY

    def __init__(self, settings: PipelineSettings | None = None) -> None:
        self.pipeline = Pipeline(settings or PipelineSettings(traces=TraceSettings()), START)
        self.now = START
        self.spans: list[Span] = []

    def play(self, form: str, script: Script, troubles: Sequence[Trouble] = (), seconds: int = 45) -> None:
        """Send all of it; the pipeline ticks each second."""
        write, decode = FORMATS[form]
        decoder = decode(KEY)
        for frame in write(script, troubles, seconds):
            self.wait(START + frame.time)
            for record in decoder.receive(frame.text, self.now):
                assert self.pipeline.feed(record, self.now)
            self.spans += self.pipeline.take_spans()

    def wait(self, until: float) -> None:
        """Time passes."""
        while self.now + 1.0 <= until:
            self.now += 1.0
            self.pipeline.tick(self.now)
        self.now = max(self.now, until)

    def leave(self) -> None:
        """The page goes."""
        self.pipeline.feed(Left(KEY, self.now, "page_hide"), self.now)
        self.spans += self.pipeline.take_spans()
