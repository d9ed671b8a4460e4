"""What one client does, or one operator, is no loss to others: partitions, their snapshots, and what edges write."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable

import orjson
import pytest

from rtc_exporter import wire
from rtc_exporter.app import entries, worker
from rtc_exporter.app.aggregator import Aggregator
from rtc_exporter.app.eventlog import InProcess
from rtc_exporter.app.intake import Intake
from rtc_exporter.app.partition import Partition
from rtc_exporter.app.parts import pipeline_settings
from rtc_exporter.auth import Identity
from rtc_exporter.config import Config
from rtc_exporter.delta import VANISHED
from rtc_exporter.model import Event, ParticipantKey
from rtc_exporter.tenants import Tenants
from rtc_exporter.wire import rtcstats
from tests.patience import PATIENCE
from tests.test_aggregator import SETTINGS
from tests.test_between import FIRST, START, Client, Place, Told, heard, told
from tests.test_engine import CONFIG, PC, make

ANN = Identity(ParticipantKey("room", "ann"), True, {})


def of(*names: str, faults: list[BaseException] | None = None) -> Partition:
    """A partition of these tenants."""
    return Partition(
        pipeline_settings(CONFIG, "0"), lambda settings, now: Tenants(settings, names, now), 0.0,
        lambda exc, now: None if faults is None else faults.append(exc),
    )  # fmt: skip


# ── snapshots


def test_partitions_with_tenants_are_frozen() -> None:
    """A tenant's families are not those of the process, and go by name too."""
    line = entries.line("acme", START, Event(PC, START, "create", {}), None)
    one, two = of("acme"), of("acme")
    one.take(1, entries.pack(entries.Head("edge", 1, START), [line]))
    two.thaw(1, one.freeze())

    assert PC.session in [session.name for session in two.tenants["acme"].sessions]


def test_who_has_other_tenants_begins_anew() -> None:
    """Else there would be nobody to count what a new one sends."""
    assert of("acme").made_by == of("acme").made_by
    assert len({of().made_by, of("acme").made_by, of("acme", "other").made_by}) == 3


def test_all_processes_have_one_fingerprint() -> None:
    """Whatever order their sets have: who is pinned is no reason to begin anew."""
    code = """if True:
        from rtc_exporter.choices import PipelineSettings
        from rtc_exporter.snapshot import fingerprint
        from rtc_exporter.tracing import TraceSettings
        print(fingerprint(PipelineSettings(traces=TraceSettings(pinned=frozenset("abcd")))))"""

    def told_by(seed: str) -> str:
        command = [sys.executable, "-c", code]
        environ = {**os.environ, "PYTHONHASHSEED": seed}
        return subprocess.run(command, capture_output=True, check=True, text=True, env=environ).stdout

    assert len({told_by(seed) for seed in "0123"}) == 1


# ── an id whose value is a number: {"7": 1} beside the time, which is a number too


def poisoned(intake: Intake) -> None:
    """A client of which the newest report cannot be meant, and waits to be read."""
    evil = Client(intake, "evil")
    evil.tell(0, "create")
    evil.report(0, {**FIRST, "7": {"type": 2, "10": 7}})
    evil.report(1, heard(1))
    evil.report(2, {**heard(2), "7": 1})


def test_the_end_of_a_process_counts_everybody() -> None:
    """What one client sent is in nobody's way."""
    tenants = Tenants(pipeline_settings(CONFIG), (), START)
    intake = Intake(CONFIG, tenants)
    poisoned(intake)
    ann = Client(intake, "ann")
    ann.tell(0, "create")
    ann.report(0, FIRST)
    ann.report(2, heard(100))
    intake.shutdown(START + 3)

    assert not tenants[""].sessions.participants


def test_entries_of_others_are_taken() -> None:
    """The edge of the first is gone; time passes with an entry of another, which counts."""
    dead, alive, partition = Place(0.0, "dead"), Place(0.0, "alive"), make(0, now=START)
    poisoned(dead.intake)
    partition.take(1, dead.batch())
    ann = Client(alive.intake, "ann")
    ann.tell(0, "create")
    partition.take(2, alive.batch())
    ann.tell(150, "onconnectionstatechange", "connected")
    partition.take(3, alive.batch())

    here = partition.tenants[""].sessions.get(ANN.key)
    assert here is not None
    assert here.peer_connections["PC_0"].state == "connected"


async def _until(condition: Callable[[], object]) -> None:
    while not condition():  # noqa: ASYNC110 - it has no event
        await asyncio.sleep(0.01)


def test_an_idle_partition_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time passes there too, in spite of what waits to be read."""
    monkeypatch.setattr(worker, "SNAPSHOT", 0.1)

    async def scenario() -> None:
        log, now, ready = InProcess(1), [START], asyncio.Event()
        aggregator = Aggregator(Config.load(SETTINGS, {}), log, clock=lambda: now[0])
        task = asyncio.create_task(aggregator.run(ready.set))
        await ready.wait()
        dead = Place(0.0, "dead")
        poisoned(dead.intake)
        await log.publish(0, "dead:1", dead.batch())
        async with asyncio.timeout(PATIENCE):
            await _until(
                lambda: any(held.partition and held.partition.number for held in aggregator.holdings.held.values())
            )
            now[0] = START + 200
            await _until(
                lambda: any(
                    held.partition and held.partition.now > START + 100 for held in aggregator.holdings.held.values()
                )
            )
        faults = aggregator.pipeline.store.counter("rtc.exporter.errors.internal", (), 0).value
        aggregator.stop()
        await task

        assert faults == 0

    asyncio.run(scenario())


def test_what_is_due_at_one_costs_nobody_an_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault of ours while time passes is told, and the entry that let it pass is taken."""
    faults: list[BaseException] = []
    partition = of(faults=faults)
    monkeypatch.setattr(partition.tenants, "tick", lambda now: 1 / 0)
    lines = [entries.line("", START + at, Event(PC, START + at, "create", {}), None) for at in (0, 2)]
    partition.take(1, entries.pack(entries.Head("edge", 1, START), lines))

    assert {type(fault) for fault in faults} == {ZeroDivisionError}
    assert partition.tenants[""].sessions.get(ParticipantKey(*PC[:2])) is not None


# ── a delta nested deeper than JSON is written


def waits(place: Place) -> Client:
    """A client at an edge, of which such a one waits with others."""
    evil = Client(place.intake, "evil")
    evil.tell(0, "create")
    evil.report(0, FIRST)
    evil.report(1, heard(1))
    evil.report(2, heard(2))
    stamp = int((START + 3) * 1000)
    deep = "[" * 300 + "]" * 300
    frame = f'["g","PC_0",{{"0":{{"14":4,"41":400,"x":{deep}}},"t":{stamp}}},{stamp}]'
    evil.connection.receive(frame, START + 3)
    return evil


def test_a_tick_writes_what_waits_of_others() -> None:
    """And what was nested goes as a report that is whole."""
    place = Place()
    waits(place)
    ann = Client(place.intake, "ann")
    ann.tell(0, "create")
    for number in range(4):
        ann.report(number, heard(number) if number else FIRST)
    place.lines.clear()
    place.edge.tick(START + 20)

    assert [each.times for each in told(place.lines) if isinstance(each, Told)] == [[2, 3], [2, 3]]


def test_who_has_gone_gives_its_place_back() -> None:
    """Whatever it had sent."""
    place = Place()
    place.intake.close(waits(place).connection, 1001, START + 4)
    place.edge.tick(START + 1000)
    place.edge.tick(START + 2000)

    assert place.edge.room.taken == 0


# ── who is connected where


def test_who_has_left_by_a_message_takes_no_socket_along() -> None:
    """Ann leaves at one edge and comes by another: when the first is gone, she is still there."""
    first, second, partition = Place(name="a"), Place(name="b"), make(0)
    for place, at, left in ((first, 0, True), (second, 2, False)):
        connection, stamp = place.intake.open(ANN, wire.by_name("json"), "", START + at), (START + at) * 1000
        event = {"name": "create", "peer_connection": "a", "time": stamp}
        connection.receive(orjson.dumps({"events": [event], "time": stamp, "left": left}).decode(), START + at)
        partition.take(partition.number + 1, place.batch())
    for at in range(10, 130, 10):
        second._number += 1
        head = entries.Head("b", second._number, START + at)
        partition.take(partition.number + 1, entries.pack(head, []))

    here = partition.tenants[""].sessions.get(ANN.key)
    assert here is not None
    assert here.sockets == 1
    assert not partition.edges["a"].sockets


def test_a_base_tells_its_state() -> None:
    """A laptop slept until it was forgotten, and comes by another edge: it is connected from its first frame on."""
    first, second, partition = Place(name="a"), Place(name="b"), make(0)
    form, later = wire.by_name("rtc-exporter"), START + 200
    connection = first.intake.open(ANN, form, "", START)
    connection.receive('{"client":"page"}', START)
    connection.receive(f'[1,"create","PC_0",{{}},{int(START * 1000)}]', START)
    first.intake.close(connection, 1006, START + 1)
    partition.take(1, first.batch())
    partition.advance(later)
    connection = second.intake.open(ANN, form, "", later)
    connection.receive('{"client":"page"}', later)
    base = ["base", "PC_0", {**FIRST, "t": later * 1000}, "connected", later * 1000]
    connection.receive(orjson.dumps(base).decode(), later)
    partition.take(2, second.batch())

    here = partition.tenants[""].sessions.get(ANN.key)
    assert here is not None
    assert [each.state for each in here.peer_connections.values()] == ["connected"]


# ── what one client can make us hold


def test_what_vanished_is_bounded() -> None:
    """A client that takes away in each report what it told in the one before."""
    tenants = Tenants(pipeline_settings(CONFIG), (), 0.0)
    client, at = Client(Intake(CONFIG, tenants)), 0.0
    client.tell(at, "create")
    old: dict[str, dict[str, int]] = {}
    for turn in range(6):
        at += 0.5
        new = {f"{turn}x{number}": {"type": 1, "10": number} for number in range(900)}
        client.report(at, {**dict.fromkeys(old), **new})
        old = new
    (here,) = tenants[""].sessions.participants.values()

    assert [len(each.deltas._vanished) for each in here.peer_connections.values()] == [VANISHED]


def test_what_waits_to_be_read_is_weighed() -> None:
    """Texts that are long and say nothing are read before they are many."""
    client = Client(Intake(CONFIG, Tenants(pipeline_settings(CONFIG), (), START)))
    for peer in range(64):
        client.tell(peer, "create", peer=f"PC_{peer}")
        client.report(peer, FIRST, peer=f"PC_{peer}")
        for number in range(1, 8):
            stamp = int((START + peer) * 1000) + number
            noise = "\u4e00" * 32_600
            frame = f'["g","PC_{peer}",{{"0":{{"14":{number},"999":"{noise}"}},"t":{stamp}}},{stamp}]'
            client.connection.receive(frame, START + peer)
    decoder = client.connection.decoder
    assert isinstance(decoder, rtcstats.Decoder)
    bases = [each.base for each in decoder._connections.values()]

    assert 0 < sum(sys.getsizeof(frame) for base in bases for frame in base._laid_by) < 2 << 20
