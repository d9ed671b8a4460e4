"""
Clients that tell nonsense, at random: whatever they say, their spans hang together, are bounded, and hold no secret.

Each seed is a client of the plain format that names what the format knows, with values that it does not expect.
"""

import json
import random
from collections import Counter
from typing import Any

import pytest

from rtc_exporter import spans as table
from rtc_exporter import tree
from rtc_exporter.errors import ClientError
from rtc_exporter.export.otlp import batches
from rtc_exporter.model import ParticipantKey
from rtc_exporter.pipeline import Pipeline, PipelineSettings
from rtc_exporter.span import Span
from rtc_exporter.tracing import BUFFERED, PENDING, TraceSettings
from rtc_exporter.w3c import EVENTS
from rtc_exporter.wire.plain import Decoder
from tests.test_tracer import orphans

NOW = 1_795_169_700.0
KEY = ParticipantKey("room", "mallory")
SECRETS = ("10.77.0.1", "2001:db8::1", "v=0 o=- 4611", "Alice's phone", "FaceTime HD Camera", "alice@example.com")
STATES = ("new", "checking", "connected", "disconnected", "failed", "closed", "gathering", "complete", "connected\n")
NAMES = ("room", "r\u202e", "x" * 128, "x" * 129, "\u0000", "é")
FACTS = ("call", "state", "error", "audio", "video", "kind", "track", "type", "protocol", "scheme", "relay_only",
         "ice_restart", "value", "flag", "issue")  # fmt: skip
NUMBERS = ("packetsReceived", "packetsLost", "packetsSent", "bytesReceived", "freezeCount", "totalFreezesDuration",
           "framesDecoded", "jitter", "totalSamplesReceived", "concealedSamples", "ssrc", "frameWidth", "frameHeight",
           "cpuState", "currentRoundTripTime")  # fmt: skip
WORDS = ("mid", "dtlsState", "selectedCandidatePairId", "candidateType", "mimeType", "localCandidateId", "codecId",
         "remoteCandidateId", "transportId", "tlsVersion", "dtlsCipher", "srtpCipher", "address", "ip", "label",
         "networkType", "protocol")  # fmt: skip
TYPES = ("inbound-rtp", "outbound-rtp", "remote-inbound-rtp", "transport", "candidate-pair", "local-candidate",
         "remote-candidate", "codec", "compute-pressure")  # fmt: skip
OBJECTS = tuple(f"{kind}0" for kind in TYPES)


def anything(dice: random.Random) -> Any:
    """A value of some kind or other."""
    odd: tuple[Any, ...] = (
        None,
        True,
        0,
        -1,
        3.5,
        1e308,
        -1e308,
        2**63,
        2**70,
        "",
        "x" * 1000,
        [],
        {},
        "relay",
        "NotAllowedError",
    )
    return dice.choice((*odd, dice.choice(SECRETS), dice.choice(STATES)))


def event(dice: random.Random, time: float) -> dict[str, Any]:
    """One of the events that there are, or none of them."""
    told = {fact: anything(dice) for fact in FACTS if dice.random() < 0.3}
    told |= {"state": dice.choice(STATES), "call": str(dice.randrange(3))} if dice.random() < 0.5 else {}
    if dice.random() < 0.8:
        told["peer_connection"] = dice.choice(("PC_0", "PC_1", "PC_2", dice.choice(NAMES)))
    name = dice.choice(sorted(EVENTS)) if dice.random() < 0.95 else dice.choice(SECRETS)
    return {**told, "name": name, "time": time + dice.choice((0, 0, 0, 1e3, -1e3, 1e9, -1e9))}


def report(dice: random.Random, time: float) -> list[dict[str, Any]]:
    """Some stats objects."""
    return [
        {
            "id": f"{kind}0", "type": kind, "timestamp": time, "kind": dice.choice(("audio", "video", None, "x")),
            **{name: dice.choice((dice.randrange(10**6), dice.random(), anything(dice))) for name in NUMBERS
               if dice.random() < 0.6},
            **{name: dice.choice((dice.choice(SECRETS), dice.choice(OBJECTS), anything(dice))) for name in WORDS
               if dice.random() < 0.4},
        }
        for kind in TYPES if dice.random() < 0.7
    ]  # fmt: skip


def document(dice: random.Random, time: float) -> str:
    """What the client sends at once."""
    told: dict[str, Any] = {"time": time, "events": [event(dice, time) for _ in range(dice.randrange(6))]}
    optional = {
        "session": dice.choice(NAMES), "participant": dice.choice(NAMES), "stats": report(dice, time),
        "traceparent": f"00-{dice.getrandbits(128):032x}-{dice.getrandbits(64):016x}-01", "left": True,
    }  # fmt: skip
    chances = {"session": 0.3, "participant": 0.3, "stats": 0.7, "traceparent": 0.2, "left": 0.05}
    return json.dumps(told | {name: value for name, value in optional.items() if dice.random() < chances[name]})


def play(dice: random.Random) -> tuple[list[Span], float]:
    """All spans of a client, and when it was over; while it is there, what waits is bounded."""
    settings = TraceSettings(
        dice.choice((0.0, 1.0)), budget=dice.choice((3, 20, 500)), longest=dice.choice((600.0, 28_800.0)),
        together=dice.choice((1, 150)),
    )  # fmt: skip
    pipeline = Pipeline(PipelineSettings(traces=settings, fold_interval=dice.choice((0.0, 5.0))), NOW)
    decoder = Decoder(KEY, claimed=False)
    now, clock = NOW, NOW * 1000.0
    left: list[Span] = []
    for _ in range(dice.randrange(20, 80)):
        step = dice.choice((0.0, 0.25, 1.0, 5.0, 40.0, 400.0))
        clock += step * 1000.0 + (dice.choice((-1e10, 1e10, 3.6e6, -3.6e6)) if dice.random() < 0.02 else 0.0)
        for _ in range(int(step)):
            now += 1.0
            pipeline.tick(now)
        try:
            records = decoder.receive(document(dice, clock), now)
        except ClientError:
            records = []
        for record in records:
            try:
                pipeline.feed(record, now)
            except ClientError:
                continue
        if dice.random() < 0.1:
            pipeline.attach(KEY, now)
        left += pipeline.take_spans()
        stories = [participant.story for participant in pipeline.sessions.participants.values()]
        assert all(story is not None and story.trace.buffered <= BUFFERED + PENDING for story in stories)
    pipeline.shutdown(now)
    return left + pipeline.take_spans(), now


@pytest.mark.parametrize("seed", range(40))
def test_spans_of_a_client_that_tells_nonsense(seed: int) -> None:
    """Parents first, no id twice, as the table says, within bounds and times, fit to be sent and printed."""
    spans, now = play(random.Random(seed))

    assert orphans(spans) == []
    assert max(Counter((span.trace_id, span.span_id) for span in spans).values()) == 1
    for span in spans:
        row = table.BY_NAME[span.name]
        assert set(span.attributes) <= {*table.COMMON, *row.attributes}, span.name
        assert NOW - 301.0 <= span.start <= span.end <= now
        assert len(span.events) <= 128
        assert len(span.links) <= 128
        assert all(span.start <= event.time <= span.end for event in span.events)
    for request, _ in batches(spans, {"service.name": "x"}):
        assert request is not None
        sent = request.SerializeToString()
        assert len(sent) < 4 << 20
        assert [secret for secret in SECRETS if secret.encode() in sent] == []
    assert all(line.isprintable() for line in tree.render(spans))
