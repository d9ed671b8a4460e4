"""
Counting through a log: the same to the last increment as without one, whatever is killed between.

The engine here is the one of this process; ``test_jetstream`` has the real ones.
"""

import asyncio
import random
import re
import zlib
from collections.abc import Callable, Iterator
from enum import Enum
from pathlib import Path
from typing import Any

import orjson
import pytest

from rtc_exporter import snapshot, wire
from rtc_exporter.app import entries
from rtc_exporter.app.bases import KEPT, WHOLE
from rtc_exporter.app.edge import Edge
from rtc_exporter.app.entries import Attached, Departed, Detached, Head, Presence, Source
from rtc_exporter.app.eventlog import InProcess
from rtc_exporter.app.intake import Intake
from rtc_exporter.app.outbox import Outbox
from rtc_exporter.app.partition import GONE, Partition
from rtc_exporter.app.parts import pipeline_settings
from rtc_exporter.auth import Identity
from rtc_exporter.config import Config
from rtc_exporter.errors import ConfigError
from rtc_exporter.metric import Tier
from rtc_exporter.model import Event, Joined, Left, ParticipantKey, PeerConnectionKey, Record, Report
from rtc_exporter.pipeline import PipelineSettings
from rtc_exporter.slots import Histogram
from rtc_exporter.tenants import Tenants
from rtc_exporter.wire.unread import numbers_alone
from tests.captures import names, rows
from tests.hostile import canary

CONFIG = Config.load({}, {})
KEY = ParticipantKey("room", "ann")
PC = PeerConnectionKey("room", "ann", "PC_0")
#: When the calls begin, in Unix seconds.
START = 1_795_171_686.0
#: Seconds after which everybody has gone who was going to.
OVER = 200


def told() -> list[tuple[float, str, dict[str, Any]]]:
    """What the clients of all recorded calls did, in order, as if one call had begun every five seconds."""
    found = []
    first: dict[str, float] = {}
    for name in names():
        opening, *rest = rows(name)
        call = name.partition(".")[0]
        began = float(opening["connected_at"])
        first[call] = min(began, first.get(call, began))
    begins = {call: START + 5.0 * number for number, call in enumerate(first)}
    for name in names():
        opening, *rest = rows(name)
        call = name.partition(".")[0]
        began = begins[call] + float(opening["connected_at"]) - first[call]
        found.append((began, name, {**opening, "dir": "open"}))
        found += [(began + row.get("t", 0.0), name, row) for row in rest if row["dir"] in ("c2s", "close")]
    return sorted(found, key=lambda row: row[0])


def play(intake: Intake, tick: Callable[[float], None]) -> Iterator[float]:
    """Play all of it into an intake, second by second; yields the time after each frame."""
    connections: dict[str, Any] = {}
    clock = START
    for time, name, row in told():
        while clock + 1.0 <= time:
            clock += 1.0
            tick(clock)
        match row["dir"]:
            case "open":
                session, _, rest = name.partition(".")
                key = ParticipantKey(session, rest.partition(".")[0])
                identity = Identity(key, True, {})
                agent = row["headers"]["user-agent"]
                connections[name] = intake.open(identity, wire.by_name("rtcstats"), agent, time)
            case "close":
                intake.close(connections.pop(name), row["code"], time)
            case _:
                connections[name].receive(row["text"], time)
        yield time
    for connection in connections.values():
        intake.close(connection, 1000, time)
    for second in range(1, OVER):
        tick(clock + second)
        yield clock + second


def counts(several: list[Tenants], tier: Tier = Tier.COHORT) -> dict[tuple[str, tuple[str, ...]], tuple[float, ...]]:
    """Every series of the tier, summed over all of these."""
    sums: dict[tuple[str, tuple[str, ...]], tuple[float, ...]] = {}
    for tenants in several:
        for family in tenants.families(tier):
            for slot in family.slots():
                key = (family.metric.name, slot.values)
                is_histogram = isinstance(slot, Histogram)
                values = (*slot.counts, slot.sum) if is_histogram else (slot.value,)  # type: ignore[union-attr]
                before = sums.get(key, (0.0,) * len(values))
                sums[key] = tuple(a + b for a, b in zip(before, values, strict=True))
    return sums


def alone() -> dict[tuple[str, tuple[str, ...]], tuple[float, ...]]:
    """What one process counts of all recorded calls."""
    tenants = Tenants(pipeline_settings(CONFIG), (), 0.0)
    intake = Intake(CONFIG, tenants)

    def tick(now: float) -> None:
        tenants.tick(now)
        intake.tick(now)

    for _ in play(intake, tick):
        pass
    return counts([tenants])


def make(number: int, settings: PipelineSettings | None = None, now: float = 0.0) -> Partition:
    """An empty partition."""

    def fault(error: BaseException, now: float) -> None:
        raise error

    settings = settings or pipeline_settings(CONFIG, str(number))
    return Partition(settings, lambda settings, now: Tenants(settings, (), now), now, fault)


async def recorded(log: InProcess, interval: float) -> None:
    """Play all recorded calls into an edge of this engine."""
    now = [0.0]
    tenants = Tenants(pipeline_settings(CONFIG), (), 0.0)
    outbox = Outbox(log, "edge-1", lambda: now[0], 1 << 30, lambda outcome: None)
    edge = Edge(tenants, outbox, CONFIG.bounds, CONFIG.participants.expiry, interval)
    intake = Intake(CONFIG, edge, edge)

    def tick(time: float) -> None:
        now[0] = time
        edge.tick(time)
        intake.tick(time)

    outbox.start()
    for number, time in enumerate(play(intake, tick)):
        now[0] = time
        if number % 100 == 0:
            done = asyncio.Event()
            outbox.when_stored(done.set)
            await done.wait()
    await outbox.stop(10.0)
    assert outbox.stored == outbox.taken


@pytest.fixture(scope="module", params=[CONFIG.metrics.fold_interval, 0.0], ids=["gathered", "at_once"])
def engine(request: pytest.FixtureRequest) -> InProcess:
    """An engine that holds all recorded calls, in three partitions; with what is between two folds gathered, or not."""
    log = InProcess(3)
    asyncio.run(recorded(log, request.param))
    return log


def near(ours: dict[Any, tuple[float, ...]], theirs: dict[Any, tuple[float, ...]]) -> list[Any]:
    """Series that differ by more than rounding: seconds since 1970 have seven digits after the point."""
    return [
        (key, ours.get(key), theirs.get(key))
        for key in sorted(ours.keys() | theirs.keys())
        if ours.get(key) != pytest.approx(theirs.get(key), rel=1e-9, abs=1e-5)
    ]


def test_sums_over_partitions_are_those_of_one_process(engine: InProcess) -> None:
    """All series of all recorded calls: counters, histograms and gauges."""
    partitions = [make(number) for number in range(3)]

    for number, partition in enumerate(partitions):
        for batch in engine._batches[number]:
            assert partition.take(*batch) == {"read": 1}

    assert near(counts([partition.tenants for partition in partitions]), alone()) == []


def test_nothing_is_lost_or_counted_twice_by_who_is_killed(engine: InProcess) -> None:
    """An aggregator dies at random; the next has its last snapshot and reads the rest again, to the same counts."""
    chance = random.Random(7)
    partitions = []
    for number in range(3):
        partition, kept = make(number), (0, b"")
        batches = engine._batches[number]
        while partition.number < batches[-1].number:
            for batch in batches[partition.number : partition.number + chance.randrange(1, 12)]:
                partition.take(*batch)
                if chance.random() < 0.1:
                    kept = (partition.number, partition.freeze())
            if chance.random() < 0.5:
                partition = make(number)
                if kept[1]:
                    partition.thaw(*kept)
        partitions.append(partition)

    assert near(counts([partition.tenants for partition in partitions]), alone()) == []


def test_what_edges_send_again_counts_once(engine: InProcess) -> None:
    """A batch that was stored twice, since nobody heard that it was stored."""
    once, twice = make(0), make(0)
    for batch in engine._batches[0]:
        once.take(*batch)
        twice.take(*batch)
        assert twice.take(*batch) == {"repeated": 1}

    assert counts([twice.tenants]) == counts([once.tenants])


ADDRESS = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}")


def test_the_log_has_changes_as_clients_wrote_them_and_nothing_private(engine: InProcess) -> None:
    """Most reports are what has changed, in numbers; addresses, which the frames are full of, are not in the log."""
    texts = [line for batches in engine._batches for batch in batches for line in entries.unpack(batch.payload)[1]]
    reports = [line for line in texts if line.startswith((b'["report"', b'["change"'))]
    changes = [line.partition(b"\t")[2] for line in reports if line.startswith(b'["change"')]

    assert len(changes) > 0.7 * len(reports)
    assert any(ADDRESS.search(row["text"]) for _, _, row in told() if row["dir"] == "c2s")
    assert [line for line in texts if ADDRESS.search(line.decode())] == []
    members = [row.values() for change in changes for row in orjson.loads(change)[2].values() if isinstance(row, dict)]
    assert {type(value) for values in members for value in values} <= {int, float, bool, dict}


def logged(frames: list[str]) -> tuple[list[bytes], set[str]]:
    """What an edge writes of frames, and which private strings of ``tests/hostile/canary`` are in it."""
    outbox = Outbox(InProcess(1), "edge", lambda: 1.0, 1 << 20, lambda outcome: None)
    edge = Edge(Tenants(pipeline_settings(CONFIG), (), 0.0), outbox, CONFIG.bounds, 60.0)
    connection = Intake(CONFIG, edge, edge).open(Identity(KEY, True, {}), wire.by_name("rtcstats"), "", START)
    for frame in frames:
        connection.receive(frame, START)
    lines = list(outbox._lanes[0].lines)
    told = b"\n".join(lines).lower()
    return lines, {place for place, text in canary.CANARIES.items() if text.lower().encode() in told}


def test_no_private_string_is_in_the_log() -> None:
    """
    But for three that stand there where a client tells an id of a track, a network, an implementation, a browser:
    who counts makes labels of these, and takes what nobody knows for other.
    """
    lines, found = logged([orjson.dumps(frame).decode() for frame in canary.frames()])

    assert any(line.startswith(b'["report"') for line in lines)
    assert found == {"device id", "unknown member", "user agent"}


def test_no_private_name_is_in_the_log() -> None:
    """What a client calls members and objects as it likes, in changes that are written in its own words."""
    frames = ['["g","PC_1",{"0":{"type":1,"11":"video","10":1,"14":1},"t":1795171700000},1795171700000]']
    for number, text in enumerate(canary.CANARIES.values(), 1):
        for stats in (f'"0":{{"14":{number},"{text}":{number}}}', f'"{text}":{{"14":{number}}}'):
            frames.append(f'["g","PC_1",{{{stats},"t":{1795171700000 + 1000 * len(frames)}}},1000]')
    frames.append(f'["g","PC_1",{{"0":{{"14":1}},"t":{1795171700000 + 1000 * len(frames)}}},1000]')
    lines, found = logged(frames)

    assert sum(line.startswith((b'["report"', b'["change"')) for line in lines) == len(frames)
    assert found == set()


def test_who_has_lost_everything_goes_on_within_a_minute(engine: InProcess) -> None:
    """Changes build on what is gone, and count again when a report was whole; what they skip is dropped with words."""
    number = max(range(3), key=lambda number: len(engine._batches[number]))
    batches = engine._batches[number]
    whole, late = make(number), make(number)
    for batch in batches:
        whole.take(*batch)
    for batch in batches[len(batches) // 4 :]:
        late.take(*batch)

    def rows(partition: Partition, reason: str) -> float:
        family = partition.tenants.own.store.family("rtc.exporter.reports.dropped")
        assert family is not None
        return sum(getattr(slot, "value", 0.0) for values, slot in family.series.items() if values == (reason,))

    assert rows(whole, "no_base") == 0
    assert rows(late, "no_base") > 0
    assert packets(late) > 0.5 * packets(whole)


# ── one partition


class Writer:
    """Writes batches as an edge does."""

    def __init__(self, name: str, partition: Partition) -> None:
        self.name = name
        self.number = 0
        self._partition = partition

    def tell(self, now: float, *what: Record | Presence, source: Source | None = None) -> dict[str, int]:
        """One batch."""
        self.number += 1
        lines = [entries.line("", now, each, source) for each in what]
        return self._partition.take(self._partition.number + 1, entries.pack(Head(self.name, self.number, now), lines))


def packets(partition: Partition) -> float:
    """Packets received, of everybody."""
    family = partition.tenants.own.store.family("rtc.inbound.packets")
    assert family is not None
    return sum(getattr(slot, "value", 0.0) for slot in family.series.values())


def report(time: float, number: int) -> Report:
    """A report of one stream."""
    stats = {"in": {"type": "inbound-rtp", "kind": "audio", "ssrc": 1, "packetsReceived": number, "timestamp": time}}
    return Report(PC, time, time, stats, {}, None)  # type: ignore[arg-type]


def test_a_frame_that_comes_by_two_edges_counts_once() -> None:
    """The first edge died before its client heard that frames 2 and 3 were stored, so they come again by another."""
    partition = make(0)
    one, two = Writer("one", partition), Writer("two", partition)
    me = ("room", "ann", "page")
    one.tell(100.0, Attached(KEY), Joined(KEY, 100.0, {}))
    one.tell(100.0, Event(PC, 100.0, "create", {}), source=(*me, 1))
    one.tell(106.0, report(106.0, 10), source=(*me, 2))
    one.tell(112.0, report(112.0, 20), source=(*me, 3))
    two.tell(120.0, Attached(KEY))
    two.tell(120.0, report(106.0, 10), Event(PC, 120.0, "connectionstatechange", {"state": "new"}), source=(*me, 0))
    two.tell(120.0, report(106.0, 10), source=(*me, 2))
    two.tell(120.0, report(112.0, 20), source=(*me, 3))
    two.tell(120.0, report(118.0, 30), source=(*me, 4))
    two.tell(121.0, Left(KEY, 121.0, "left"))

    assert packets(partition) == 30
    dropped = partition.tenants.own.store.family("rtc.exporter.reports.dropped")
    assert dropped is not None
    assert getattr(dropped.series[("duplicate",)], "value", None) == 4


def test_what_one_frame_tells_has_one_fate() -> None:
    """A frame that is a report and an event is new with both, or repeated with both."""
    partition = make(0)
    edge, source = Writer("one", partition), ("room", "ann", "page", 1)
    edge.tell(100.0, Event(PC, 100.0, "create", {}), report(100.0, 5), source=source)
    edge.tell(101.0, Left(KEY, 101.0, "left"))

    assert packets(partition) == 5


def test_who_was_connected_at_an_edge_that_died_leaves() -> None:
    """Nobody says so, but nothing is heard of the edge: its participants are silent from then on, and expire."""
    partition = make(0)
    dead, alive = Writer("dead", partition), Writer("alive", partition)
    dead.tell(100.0, Attached(KEY))
    for second in range(100, 100 + int(GONE), 10):
        alive.tell(float(second))
    assert KEY in partition.tenants.own.sessions.participants
    alive.tell(100.0 + GONE + 2)
    alive.tell(100.0 + GONE + 70)
    alive.tell(100.0 + GONE + 80)

    assert KEY not in partition.tenants.own.sessions.participants


def test_an_edge_that_is_new_is_not_gone() -> None:
    """Its first batch is of several seconds: who connects in the first of them is connected in the next."""
    partition = make(0, now=100.0)
    lines = [entries.line("", 100.0, Attached(KEY), None), entries.line("", 102.0, Joined(KEY, 102.0, {}), None)]
    partition.take(1, entries.pack(Head("one", 1, 102.0), lines))

    assert partition.tenants.own.sessions.participants[KEY].sockets == 1


def test_who_goes_on_at_another_edge_stays() -> None:
    """It has a socket there when the first edge is found to be dead, and when that says that it has gone."""
    partition = make(0)
    one, two = Writer("one", partition), Writer("two", partition)
    one.tell(100.0, Attached(KEY))
    two.tell(101.0, Attached(KEY))
    one.tell(102.0, Detached(KEY), Departed(KEY, "closed", True))
    assert KEY in partition.tenants.own.sessions.participants
    two.tell(103.0, Detached(KEY), Departed(KEY, "closed", True))

    assert KEY not in partition.tenants.own.sessions.participants


def test_what_no_report_builds_on_any_more_is_forgotten() -> None:
    """An edge writes a report whole again long before, so what was not used is over."""
    partition = make(0)
    edge = Writer("one", partition)
    line = entries.line("", 100.0, report(100.0, 5), None, base=1)
    partition.take(1, entries.pack(Head("one", 1, 100.0), [line]))
    edge.number = 1
    edge.tell(100.0 + KEPT)
    assert len(partition.edges["one"].bases) == 1
    edge.tell(101.0 + KEPT)

    assert len(partition.edges["one"].bases) == 0
    assert KEPT >= 2 * WHOLE


def test_batches_that_are_gone_are_seen() -> None:
    """Numbers of an edge have no gaps, so what the engine has lost is known."""
    partition = make(0)
    edge = Writer("one", partition)
    edge.tell(100.0)
    edge.number += 2

    assert edge.tell(101.0) == {"read": 1, "lost": 2}


@pytest.mark.parametrize("payload", [b"", b"{}", entries.pack(Head("e", 1, 0.0), [])[:-3], zlib.compress(b"[2,1,1,1]")])
def test_what_is_no_batch_stops_nothing(payload: bytes) -> None:
    """It is logged and counted; what follows is read."""
    faults: list[BaseException] = []
    settings = pipeline_settings(CONFIG, "0")
    partition = Partition(
        settings, lambda settings, now: Tenants(settings, (), now), 0.0, lambda error, now: faults.append(error)
    )

    assert partition.take(1, payload) == {"spoilt": 1}
    assert Writer("one", partition).tell(1.0, Attached(KEY)) == {"read": 1}
    assert len(faults) == 1


# ── snapshots


def test_a_snapshot_of_another_version_or_of_other_settings_is_not_read() -> None:
    """What counts by other rules must not go on with these counts; bounds may be others."""
    one = make(0)
    other = make(0, pipeline_settings(Config.load({"metrics.fold-interval": "1"}, {}), "0"))
    bounds = make(0, pipeline_settings(Config.load({"limits.participants": "7"}, {}), "0"))

    assert one.made_by != other.made_by
    assert one.made_by == bounds.made_by


@pytest.mark.parametrize("member", [member for kind in snapshot.ENUMERATIONS for member in kind])
def test_members_of_enumerations_go_by_their_value(member: Enum, monkeypatch: pytest.MonkeyPatch) -> None:
    """Debian's Python 3.11.2 would write ``getattr``, with which a snapshot could do anything."""
    monkeypatch.setattr(Enum, "__reduce_ex__", lambda self, protocol: (getattr, (type(self), self.name)))
    tenants = make(0).tenants

    assert snapshot.thaw(snapshot.freeze(member, tenants), tenants) is member


def test_all_enumerations_of_the_core_are_known() -> None:
    """One that is not would be found where a snapshot is read, after a crash."""
    core = {f"rtc_exporter.{path.stem}" for path in Path(snapshot.__file__).parent.glob("*.py")}
    found, several = set(), [Enum]
    while several:
        kinds = several.pop().__subclasses__()
        several += kinds
        found |= {kind for kind in kinds if kind.__module__ in core}

    assert found == {*snapshot.ENUMERATIONS}


@pytest.mark.parametrize(
    "evil",
    [
        b"cos\nsystem\n(S'true'\ntR.",
        b"crtc_exporter.geo\n_open\n(S'x'\nS'y'\ntR.",
        b"crtc_exporter.app.cluster\nowner\n(tR.",
        b"crtc_exporter.tenants\nTenants.__init__\n.",
        b"cbuiltins\ngetattr\n.",
    ],
)
def test_a_snapshot_runs_no_code(evil: bytes) -> None:
    """Whoever can write into the engine can falsify counts, and that is all."""
    with pytest.raises(ValueError, match="no snapshot"):
        make(0).thaw(1, zlib.compress(evil))


# ── the edge


def test_replies_wait_for_the_engine() -> None:
    """An acknowledgement is sent when what it is about is stored, and in order; after an outage too."""

    async def run() -> None:
        log = InProcess(2)
        await log.start()
        log.is_up = False
        tenants = Tenants(pipeline_settings(CONFIG), (), 0.0)
        outcomes: list[str] = []
        outbox = Outbox(log, "edge", lambda: 1.0, 1 << 20, outcomes.append)
        edge = Edge(tenants, outbox, CONFIG.bounds, 60.0)
        intake = Intake(CONFIG, edge, edge)
        said: list[str] = []
        connection = intake.open(Identity(KEY, True, {}), wire.by_name("rtc-exporter"), "", 1.0)
        connection.speak = lambda: said.extend(connection.replies())
        outbox.start()
        connection.receive('{"client":"page"}', 1.0)
        connection.receive('[1,"create","PC_0",{},1000]', 1.0)
        connection.say()
        while "failed" not in outcomes:  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.01)
        assert said == []
        log.is_up = True
        done = asyncio.Event()
        outbox.when_stored(done.set)
        await done.wait()
        await outbox.stop(1.0)
        assert [orjson.loads(text) for text in said] == [{"last": 0, "base": True}, {"ack": 1, "but": {}}]

    asyncio.run(run())


def test_a_full_edge_sheds_what_cannot_come_again_and_closes_on_who_can() -> None:
    """Past half of its room reports go and events stay; past all of it nobody is let in, and who numbers is closed."""

    async def run() -> None:
        log = InProcess(1)
        log.is_up = False
        tenants = Tenants(pipeline_settings(CONFIG), (), 0.0)
        outbox = Outbox(log, "edge", lambda: 1.0, 4000, lambda outcome: None)
        edge = Edge(tenants, outbox, CONFIG.bounds, 60.0)
        intake = Intake(CONFIG, edge, edge)
        numbered = intake.open(Identity(KEY, True, {}), wire.by_name("rtc-exporter"), "", 1.0)
        assert numbered.receive('{"client":"page"}', 1.0)
        stream = wire.by_name("rtcstats").decoder(KEY, page=1, claimed=True, limits=CONFIG.bounds)

        def told(record: Record) -> bool:
            """By a client that is told nothing of it."""
            taken: list[bool] = []
            edge.telling(stream, lambda: taken.append(edge.own.feed(record, 1.0)))
            return taken == [True]

        while not outbox.is_scarce:
            assert told(Event(PC, 1.0, "other", {}))
        assert not told(report(1.0, 1))
        assert told(Event(PC, 1.0, "other", {}))
        assert numbered.receive('[1,"create","PC_0",{},1000]', 1.0)
        while not outbox.is_full:
            assert told(Event(PC, 1.0, "other", {}))
        assert not told(Event(PC, 1.0, "other", {}))
        assert not numbered.receive('[2,"other","PC_0",{},1000]', 1.0)
        assert (numbered.verdict, numbered.decoder.client.last) == (1013, 1)  # type: ignore[union-attr]
        with pytest.raises(Exception, match="no_engine"):
            intake.has_room()

    asyncio.run(run())


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ('["g","PC_0",{"3":{"14":5,"67":"1,2"},"t":1},5]', '["g","PC_0",{"3":{"14":5},"t":1},5]'),
        ('["g","PC_0",{"3":{"100":true,"96":{"none":1.5}},"t":1760000002000},59]', "all"),
        ('["g","PC_0",{"3":{"137":"10.0.0.1"},"t":1760000002000},59]', ""),
        ('["g","PC_0",{"3":{"137": "10.0.0.1"},"t":1760000002000},59]', ""),
        ('["g","PC_0",{"3":{"10.0.0.1":1},"t":1760000002000},59]', ""),
        ('["g","PC_0",{"3":{"ann@example.com":1},"t":1760000002000},59]', ""),
        ('["g","PC_0",{"ann":{"14":1},"t":1760000002000},59]', ""),
        ('["g","PC_0",{"3":{"4917012345678":1},"t":1760000002000},59]', ""),
        ('["g","PC_0",{"3":{"framesDecoded":1},"t":1760000002000},59]', "all"),
        ('["g","PC_0",{"3":["10.0.0.1"],"t":1760000002000},59]', ""),
        ('["g","PC_0",{"3":{"type":6,"135":5000},"t":1760000002000},59]', ""),
        ('["g","PC_0",{"3":{"14\\"":5},"t":1760000002000},59]', ""),
        ('["g","PC_0",\n{"3":{"14":5},"t":1760000002000},59]', ""),
        ('["g","PC_0",{"3":{,"67":"1"67":"t":1760000002000},59]', ""),
    ],
)  # fmt: skip
def test_a_change_goes_on_in_its_clients_words_where_they_are_numbers(text: str, kept: str) -> None:
    """What else it says is read first, and written by what we keep."""
    assert numbers_alone(text) == (text if kept == "all" else kept)


@pytest.mark.parametrize("shed", [False, True])
def test_a_change_holds_what_was_left_out(shed: bool) -> None:
    """Who reads the log gets to know what is different from the last report that was written."""
    log = InProcess(1)
    outbox = Outbox(log, "edge", lambda: 1.0, 10_000, lambda outcome: None)
    edge = Edge(Tenants(pipeline_settings(CONFIG), (), 0.0), outbox, CONFIG.bounds, 60.0)
    connection = Intake(CONFIG, edge, edge).open(Identity(KEY, True, {}), wire.by_name("rtcstats"), "", 1.0)
    stats = {"0": {"type": 1, "11": "audio", "10": 1, "14": 1}, "t": 1.76e12}
    connection.receive(orjson.dumps(["create", "PC_0", {}, 1.76e12]).decode(), 1.0)
    connection.receive(orjson.dumps(["g", "PC_0", stats, 0]).decode(), 1.0)
    for number in range(2, 5):
        held = outbox.held
        outbox.held += 5000 if shed and number == 3 else 0
        lost = ',"15":7' if number == 3 else ""
        connection.receive(
            f'["g","PC_0",{{"0":{{"14":{number}{lost}}},"t":{1760000000000 + 1000 * number}}},1000]', 1.0
        )
        outbox.held -= 5000 if shed and number == 3 else 0
        assert (outbox.held > held) == (not shed or number != 3)

    lines = [line for line in outbox._lanes[0].lines if b"PC_0" in line]
    names = [orjson.loads(line.partition(b"\t")[0])[0] for line in lines]
    assert names == ["event", "report", "change", "change", *([] if shed else ["change"])]
    members = [orjson.loads(line.partition(b"\t")[2])[2]["0"] for line in lines[2:]]
    assert members == [{"14": 2}, *([{"14": 4, "15": 7}] if shed else [{"14": 3, "15": 7}, {"14": 4}])]


# ── settings


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"engine.role": "edge"}, "--engine.role is edge, and there are no engine.servers, wanted nats://HOST:4222"),
        (
            {"engine.servers": "nats://a:4222"},
            "--engine.servers is set, and engine.role is all: wanted edge or aggregate",
        ),
        (
            {"engine.role": "edge", "engine.servers": "nats://me:secret@a:4222"},
            "--engine.servers is 'nats://me:secret@a:4222', wanted servers such as nats://10.0.0.1:4222",
        ),
        (
            {"engine.role": "edge", "engine.servers": "nats://a:4222", "shards.processes": "2"},
            "--engine.role is edge, and --shards.processes is 2, wanted 1",
        ),
        (
            {"engine.role": "edge", "engine.servers": "nats://a:4222", "engine.name": "a.b"},
            "--engine.name is 'a.b', wanted up to 32 letters, digits, - and _",
        ),
    ],
)
def test_wrong_settings_say_what_is_wanted(settings: dict[str, str], text: str) -> None:
    """Before a port is opened."""
    with pytest.raises(ConfigError) as error:
        Config.load({f"--{name}": value for name, value in settings.items()}, {})

    assert str(error.value) == text
