"""Garbage in every format, through to the series: the sender is blamed for each frame, and everybody else goes on."""

import json
import random
from collections.abc import Iterator

import pytest

from rtc_exporter.app.intake import PATIENCE, Connection, Intake
from rtc_exporter.auth import Identity
from rtc_exporter.config import Config
from rtc_exporter.errors import ClientError
from rtc_exporter.export import prometheus
from rtc_exporter.metric import Profile
from rtc_exporter.model import ParticipantKey
from rtc_exporter.pipeline import PipelineSettings
from rtc_exporter.slots import Counter
from rtc_exporter.tenants import Tenants
from tests.test_wire_garbage import DOCUMENTS, FRAMES, NOW, STREAMS, WRONG, positions, random_frame, replaced

IDENTITY = Identity(ParticipantKey("call", "mallory"), False, {})


def garbage(rng: random.Random, name: str) -> Iterator[str]:
    """Frames with a wrong value in one place, frames with changed letters, and words in any order."""
    for _ in range(150):
        frame = rng.choice(FRAMES[name])
        yield random_frame(rng, name) if name not in ("rtcstats", "json") else json.dumps(rng.choice(WRONG))
        letters = list(frame[:3000])
        for _ in range(rng.choice((1, 3, 9))):
            letters[rng.randrange(len(letters))] = rng.choice('0123456789",:[]{}ntge\\ \x00')
        yield "".join(letters)
        if name in DOCUMENTS:
            document = json.loads(frame)
            yield json.dumps(replaced(document, rng.choice(list(positions(document))), rng.choice(WRONG)))


#: What a client has to say first, where it is listened to then alone.
GREETINGS = {"rtc-exporter": '{"client":"c"}'}


@pytest.mark.parametrize("name", STREAMS)
def test_garbage_is_blamed_on_its_sender_alone(name: str) -> None:
    """Each refusal is counted for the format, nothing of ours breaks, and a client beside it counts as ever."""
    rng, form = random.Random(len(name)), STREAMS[name]
    tenants = Tenants(PipelineSettings(profile=Profile.FULL), (), NOW)
    pipeline, intake = tenants.own, Intake(Config.load({}, {}), tenants)

    def opened(identity: Identity, now: float) -> Connection:
        connection = intake.open(identity, form, "", now)
        if name in GREETINGS:
            assert connection.receive(GREETINGS[name], now)
        return connection

    honest = opened(Identity(ParticipantKey("call", "ada"), True, {}), NOW)
    blamed = 0
    connection = opened(IDENTITY, NOW)
    for number, frame in enumerate(garbage(rng, name)):
        now = NOW + number / 10
        if form.media == "api":
            try:
                intake.post(IDENTITY, form, "", frame.encode("utf-8", "replace"), now)
            except ClientError as exc:
                blamed += 1
                intake.refuse(exc, now, name)
        else:
            refused = intake.tallies[name].refused.total()
            if not connection.receive(frame, now):
                assert connection.refused >= PATIENCE
                intake.close(connection, 1007, now)
                connection = opened(IDENTITY, now)
            blamed += intake.tallies[name].refused.total() - refused
        if not number % 20:
            pipeline.tick(now)
    for frame in FRAMES[name]:
        if form.media != "api":
            assert honest.receive(frame, NOW + 100)

    assert blamed > 50
    assert intake.tallies[name].refused.total() == blamed
    family = pipeline.store.family("rtc.exporter.errors.internal")
    assert family is not None
    assert [slot.value for slot in family.series.values() if isinstance(slot, Counter)] == [0.0]
    intake.shutdown(NOW + 200)
    text = b"".join(prometheus.render(pipeline.store.families(), prometheus.TEXT)).decode()
    assert not [line for line in text.lower().splitlines() if line.endswith((" nan", " inf", "-inf"))]
    if name not in ("jitsi-service", "peermetrics", "pushgateway"):
        assert intake.tallies[name].accepted > 0
