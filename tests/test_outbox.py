"""What an edge says is stored is in the log, whoever else writes there, and however little room there is."""

import asyncio
import os

import orjson
import pytest

from rtc_exporter import wire
from rtc_exporter.app import entries
from rtc_exporter.app.eventlog import InProcess
from rtc_exporter.app.outbox import Outbox
from rtc_exporter.auth import Identity
from rtc_exporter.errors import BusyError
from rtc_exporter.model import ParticipantKey
from rtc_exporter.wire.codes import NAMES
from tests.test_between import FIRST, START, Client, Place, Told, heard, told

ANN = Identity(ParticipantKey("room", "ann"), True, {})
STREAM = {"id": "1", "type": "inbound-rtp", "kind": "audio", "ssrc": 1, "packetsReceived": 5, "timestamp": START * 1000}


def test_what_is_too_large_is_its_sender_s_loss_alone() -> None:
    """It does not fit into the log; what stands before and after it does."""
    large = os.urandom(2 << 20).hex().encode()

    async def scenario() -> None:
        log, outcomes = InProcess(1), list[str]()
        outbox = Outbox(log, "edge", lambda: START, 1 << 30, outcomes.append)
        for session, line in (("room", b"before"), ("other", large), ("room", b"after")):
            outbox.put("", session, line)
        stored = asyncio.Event()
        outbox.when_stored(stored.set)
        outbox.start()
        await stored.wait()
        await outbox.stop(5)
        batches = [entries.unpack(batch.payload)[1] for batch in await log.read(0, 0)]

        assert outcomes.count("too_large") == 1
        assert [line for lines in batches for line in lines] == [b"before", b"after"]

    asyncio.run(scenario())


def test_a_post_is_stored_or_refused() -> None:
    """Where room is scarce, reports of streams are left out: of them nobody was told anything."""
    place = Place(most=10_000)
    place.outbox.held += 6_000
    document = {"time": START * 1000, "peer_connection": "a", "stats": [STREAM]}
    try:
        place.intake.post(ANN, wire.by_name("json"), "", orjson.dumps(document), START)
    except BusyError:
        return

    assert any(isinstance(each, Told) for each in told(place.lines))


def test_a_post_that_outgrows_the_room_is_refused() -> None:
    """Whoever is told that there is no room sends it again; nobody is told that half of it is stored."""
    place = Place(most=10_000)
    rows = [{**STREAM, "id": str(number), "ssrc": number} for number in range(100)]
    several = [{"time": START * 1000 + at, "peer_connection": "a", "stats": rows} for at in range(0, 9000, 1000)]
    with pytest.raises(BusyError):
        place.intake.post(ANN, wire.by_name("json"), "", orjson.dumps({"reports": several}), START)


@pytest.mark.parametrize("end", ["tick", "shutdown"])
def test_a_fault_at_one_is_in_nobody_else_s_way(monkeypatch: pytest.MonkeyPatch, end: str) -> None:
    """What waits of others is written, and what is wrong with us is counted."""
    place = Place()
    for name in ("ann", "bob"):
        client = Client(place.intake, name)
        client.tell(0, "create")
        for number in range(4):
            client.report(number, heard(number) if number else FIRST)
    place.lines.clear()
    put = place.outbox.put

    def without_ann(tenant: str, session: str, line: bytes) -> None:
        assert b'"ann"' not in line
        put(tenant, session, line)

    monkeypatch.setattr(place.outbox, "put", without_ann)
    getattr(place.edge, end)(START + 20)

    assert [each.times for each in told(place.lines) if isinstance(each, Told)] == [[2, 3]]
    assert place.edge.own.store.counter("rtc.exporter.errors.internal", (), START).value == 1


def test_jitsi_is_told_what_is_written() -> None:
    """Its reports do not wait for a fold either: they are acknowledged when what is written is stored."""
    place = Place(most=10_000)
    connection = place.intake.open(ANN, wire.by_name("jitsi"), "", START)
    connection.replies()

    def entry(at: float, number: int, value: object, method: str = "getstats") -> None:
        row = [method, "PC_0", value, (START + at) * 1000, number]
        session = "3b9f1c9e-5b0c-4a43-a2c5-000000000001"
        frame = {"statsSessionId": session, "type": "stats-entry", "data": row}
        connection.receive(orjson.dumps(frame).decode(), START + at)

    entry(0, 1, {}, "create")
    place.outbox.held = 6_000
    for number in (2, 3, 4):
        entry(number, number, {"1": STREAM, "timestamp": (START + number) * 1000})

    assert [each.times for each in told(place.lines) if isinstance(each, Told)] == [[2], [3], [4]]


def test_small_frames_of_one_client_do_not_fill_an_edge() -> None:
    """Of a report of megabytes each change of a word would be written whole: it is let go."""
    place = Place(most=32 << 20)
    evil = Client(place.intake, "evil")
    evil.tell(0, "create")
    words = sorted({name: code for code, name in NAMES.words.items()}.values())
    for begin in range(0, 200, 20):
        large = {word: f"{begin}{word}".rjust(250, "\U0001f300") for word in words}
        evil.report(begin / 100, {str(number): {"type": 1, **large} for number in range(begin, begin + 20)})
    held = place.outbox.held
    for number in range(60):
        evil.report(3 + number / 10, {"0": {"118": f"x{number}"}})

    assert place.edge.own.store.counter("rtc.exporter.reports.dropped", ("too_large",), START).value > 0
    assert place.outbox.held - held < 4 << 20


def test_a_frame_is_taken_whole() -> None:
    """One that is begun while there is room is not cut off in the middle: it would not come again."""
    place = Place(most=10_000)
    connection = place.intake.open(ANN, wire.by_name("rtc-exporter"), "", START)
    connection.receive('{"client":"page"}', START)
    data = {"brands": [{"brand": "Chromium", "version": "120"}], "platform": "Linux"}
    frame = orjson.dumps([1, "createPage", None, {"userAgentData": data}, START * 1000]).decode()
    place.outbox.held = 9_999
    connection.receive(frame, START)

    assert "createPage" in told(place.lines)
