"""What is remembered of calls has bounds, in number, time and bytes, and says what it has let go."""

import gc
import tracemalloc
from collections import Counter
from collections.abc import Iterable

import pytest

from rtc_exporter.choices import Keep
from rtc_exporter.history import CALL, FEWEST, FINDING, STAYS, Archive
from rtc_exporter.lookup import Lookup
from rtc_exporter.model import NOTHING, Left, Members, ParticipantKey, PeerConnectionKey, Report, Stats
from rtc_exporter.pipeline import Pipeline, PipelineSettings
from rtc_exporter.recorder import Stay
from rtc_exporter.samples import CHANNELS, SAMPLES

START = 1_760_000_000.0
#: Enough for whoever is not to be short of it.
PLENTY = 1 << 30


class World:
    """A pipeline, its archive and a clock."""

    def __init__(self, keep: Keep) -> None:
        self.archive = Archive(keep)
        self.now = START
        self.pipeline = Pipeline(PipelineSettings(), START, self.archive.listener())
        self.lookup = Lookup(self.archive, lambda: {"": self.pipeline.sessions})

    def report(self, session: str, participant: str) -> None:
        """A report in which there is something of most channels."""
        count = int(self.now - START) + 1
        stream: Members = {
            "packetsReceived": 50 * count,
            "packetsLost": count % 7,
            "bytesReceived": 5000 * count,
            "ssrc": 1,
        }
        audio: Members = {
            **stream, "jitter": 0.01, "audioLevel": 0.1, "totalSamplesReceived": 48_000 * count,
            "concealedSamples": 100 * count, "jitterBufferDelay": 0.1 * count,
            "jitterBufferEmittedCount": 48_000 * count,
        }  # fmt: skip
        video: Members = {**stream, "ssrc": 2, "framesDecoded": 30 * count, "totalFreezesDuration": 0.1 * count}
        stats: Stats = {
            "a": {"id": "a", "type": "inbound-rtp", "kind": "audio", **audio},
            "v": {"id": "v", "type": "inbound-rtp", "kind": "video", **video},
        }
        key = PeerConnectionKey(session, participant, "pc")
        self.pipeline.feed(Report(key, self.now, self.now, stats, NOTHING), self.now)

    def leave(self, session: str, participant: str) -> None:
        """Somebody goes."""
        self.pipeline.feed(Left(ParticipantKey(session, participant), self.now, "closed"), self.now)

    def wait(self, seconds: float) -> None:
        """Time passes, and is noticed."""
        self.now += seconds
        self.pipeline.tick(self.now)
        self.archive.tick({"": self.pipeline.sessions}, self.now)

    def call(self, session: str, people: Iterable[str], folds: int = 3) -> None:
        """A whole call."""
        for _ in range(folds):
            for name in people:
                self.report(session, name)
            self.wait(5)
        for name in people:
            self.leave(session, name)

    @property
    def ended(self) -> list[str]:
        """What can be looked up, the newest first."""
        return [row.session for row in self.lookup.rows(self.now, state="ended")]


def test_only_the_newest_sessions_are_kept() -> None:
    """The fourth pushes the first out, and that is counted."""
    world = World(Keep(sessions=3, memory=PLENTY))
    for number in range(5):
        world.call(f"room {number}", ["ann", "bob"])

    assert world.ended == ["room 4", "room 3", "room 2"]
    assert world.archive.dropped == {"too_many": 2}
    assert world.lookup.view("", "room 0", world.now) is None


def test_sessions_are_kept_so_long() -> None:
    """To the second, from when they ended."""
    world = World(Keep(age=3600, memory=PLENTY))
    world.call("room", ["ann"])
    world.wait(3599)
    assert world.ended == ["room"]

    world.wait(2)
    assert world.ended == []
    assert world.archive.dropped == {"too_old": 1}
    assert world.archive.held == 0


def test_bytes_of_what_ended_are_bounded() -> None:
    """Whatever ends, there is never more than the bound, and what is there is the newest."""
    world = World(Keep(memory=100_000))
    for number in range(60):
        world.call(f"room {number}", ["ann", "bob"])
        assert world.archive.past <= 100_000
    assert world.archive.dropped["memory"] > 40
    assert world.ended[0] == "room 59"
    assert world.ended == [f"room {59 - place}" for place in range(len(world.ended))]
    assert world.archive.past > 50_000


def test_live_participants_become_coarser_before_they_are_forgotten() -> None:
    """Everybody is still there, with fewer samples, from first to last."""
    world = World(Keep(memory=1_500_000))
    names = [f"p{number}" for number in range(60)]
    for _ in range(150):
        for name in names:
            world.report("room", name)
        world.wait(5)
        world.archive.look()
        assert world.archive.held <= 1_500_000
    stays = world.archive.listener().stays

    assert len(stays) == 60
    assert FEWEST <= world.archive.samples < SAMPLES
    assert world.archive.dropped == {}
    for stay in stays.values():
        times = stay.series["jitter"].times
        assert times[0] - START < 60
        assert world.now - times[-1] < 120


def test_who_comes_last_is_not_remembered_where_there_is_no_room() -> None:
    """Metrics go on all the same, and it is counted."""
    world = World(Keep(memory=400_000))
    for _ in range(10):
        for number in range(200):
            world.report("room", f"p{number}")
        world.wait(5)
        assert world.archive.held <= 400_000
    here = {who.key.participant for who in world.archive.listener().stays}

    assert world.archive.is_full
    assert 5 < len(here) < 200
    assert world.archive.dropped["memory"] > 0
    assert world.pipeline.status().participants == 200
    view = world.lookup.view("", "room", world.now)
    assert view is not None
    assert len(view.people) == 200

    for number in range(200):
        world.leave("room", f"p{number}")
    world.wait(5)
    assert world.archive.held <= 400_000
    assert not world.archive.is_full


def test_who_leaves_is_counted_once() -> None:
    """A large call that ends does not push out others that there is room for."""
    world = World(Keep(memory=PLENTY))
    for number in range(20):
        world.call(f"room {number}", ["ann", "bob"])
    names = [f"p{number}" for number in range(50)]
    for _ in range(20):
        for name in names:
            world.report("town hall", name)
        world.wait(5)
    world.archive.keep = Keep(memory=world.archive.held + CALL + 50 * FINDING + 10_000)
    for name in names:
        world.leave("town hall", name)

    assert world.archive.dropped == {}
    assert len(world.ended) == 21


def test_a_session_ends_with_who_is_there_and_not_with_who_is_remembered() -> None:
    """The last who is remembered leaves, and somebody is still there."""
    world = World(Keep(memory=PLENTY))
    for name in ("ann", "bob"):
        world.report("room", name)
    world.wait(5)
    (ann, bob) = world.archive.listener().stays
    world.archive.listener().forget(bob)
    world.leave("room", ann.key.participant)
    assert [call.is_open for call in world.archive.calls] == [True]

    world.leave("room", "bob")
    assert [(call.is_open, len(call.stays)) for call in world.archive.calls] == [(False, 2)]


def test_what_one_tenant_sends_pushes_out_nothing_of_another() -> None:
    """By number and by bytes: who has most gives up its oldest."""
    for keep in (Keep(sessions=10, memory=PLENTY), Keep(memory=100_000)):
        archive = Archive(keep)
        pipelines = {name: Pipeline(PipelineSettings(), START, archive.listener(name)) for name in ("acme", "mallory")}
        for number in range(60):
            for name in ("acme",) * (number < 2) + ("mallory",):
                key = PeerConnectionKey(f"{name} {number}", "ann", "pc")
                pipelines[name].feed(Report(key, START, START, {}, NOTHING), START)
                pipelines[name].feed(Left(ParticipantKey(key.session, "ann"), START + 1, "closed"), START + 1)

        names = [call.name for call in archive.calls]
        assert names.count("acme 0") == names.count("acme 1") == 1
        assert names[0] == "mallory 59"
        assert len(names) < 30


def test_who_came_last_is_forgotten_first_whoever_it_belongs_to() -> None:
    """The tenant that was made first does not pay for the others."""
    archive = Archive(Keep(memory=PLENTY))
    pipelines = {name: Pipeline(PipelineSettings(), START, archive.listener(name)) for name in ("acme", "mallory")}
    for number, name in enumerate(("acme", "acme", "mallory", "mallory", "mallory", "mallory")):
        key = PeerConnectionKey("room", f"p{number}", "pc")
        for now in (START + number, START + number + 6):
            pipelines[name].feed(Report(key, now, now, {}, NOTHING), now)
    archive.tick({}, START + 20)
    archive.relieve()

    assert [who.key.participant for who in archive.listener("acme").stays] == ["p0", "p1"]
    assert len(archive.listener("mallory").stays) < 3


def test_who_hears_whom_has_a_share_of_the_bound() -> None:
    """However many say that they hear each other, people are remembered beside it."""
    world = World(Keep(memory=40_000))
    names = [f"p{number}" for number in range(12)]
    for _ in range(4):
        for name in names:
            stats: dict[str, Members] = {
                f"in{sender}": {
                    "id": f"in{sender}", "type": "inbound-rtp", "kind": "audio", "ssrc": number,
                    "packetsReceived": 50 * int(world.now - START + 1),
                }
                for number, sender in enumerate(names) if sender != name
            }  # fmt: skip
            stats["out"] = {
                "id": "out", "type": "outbound-rtp", "kind": "audio", "ssrc": names.index(name),
                "packetsSent": 50 * int(world.now - START + 1),
            }  # fmt: skip
            world.pipeline.feed(
                Report(PeerConnectionKey("room", name, "pc"), world.now, world.now, stats, NOTHING), world.now
            )
        world.wait(5)

    assert 10 < len(world.archive.pairs("", "room")) <= 25
    assert world.archive.held <= 40_000
    assert world.archive.listener().stays


def test_sessions_are_looked_at_in_turn() -> None:
    """Each once in five seconds, and not all in the same one; a late second is made up for."""
    world = World(Keep(memory=PLENTY))
    rooms = [f"room {number}" for number in range(40)]
    for count in (1, 2):
        for room in rooms:
            sent: Members = {"type": "outbound-rtp", "kind": "audio", "ssrc": 1, "packetsSent": 50 * count}
            heard: Members = {"type": "inbound-rtp", "kind": "audio", "ssrc": 1, "packetsReceived": 50 * count}
            for name, stats in (("ann", {"out": sent}), ("bob", {"in": heard})):
                key = PeerConnectionKey(room, name, "pc")
                world.pipeline.feed(Report(key, world.now, world.now, stats, NOTHING), world.now)
        world.wait(6)

    def seconds() -> Counter[float]:
        return Counter(sum(pair.seconds for pair in world.archive.pairs("", room).values()) for room in rooms)

    (before,) = seconds()
    for passed in (1, 1, 1):
        world.wait(passed)
        assert 0 < seconds()[before + 5] < 40
    world.wait(2)
    assert seconds() == {before + 5: 40}
    world.wait(-3600)
    assert seconds() == {before + 10: 40}, "a clock that is set back does not stop it"


def test_short_memory_of_the_process_halves_what_is_held() -> None:
    """What ended goes first, the oldest before; then who came last; in the end there is nothing."""
    world = World(Keep(memory=PLENTY))
    for number in range(4):
        world.call(f"room {number}", ["ann", "bob"])
    world.report("room", "ann")
    world.wait(5)
    world.report("room", "ann")
    world.wait(5)
    before = world.archive.held

    world.archive.relieve()
    assert world.archive.held <= before / 2
    assert world.ended == ["room 3"]
    assert len(world.archive.listener().stays) == 1

    for _ in range(30):
        world.archive.relieve()
    assert world.archive.held == 0
    assert world.ended == []


def test_who_comes_and_goes_all_day_pushes_nobody_else_out() -> None:
    """Of one session so many stays are kept, the newest."""
    world = World(Keep(memory=PLENTY))
    world.call("other", ["ann"])
    world.report("room", "host")
    for number in range(STAYS + 20):
        world.report("room", f"p{number}")
        world.leave("room", f"p{number}")
    view = world.lookup.view("", "room", world.now)

    assert view is not None
    assert len(view.people) == STAYS + 1
    assert {"p19", "p20"} & {who.name for who in view.people} == {"p20"}
    assert world.ended == ["other"]


def test_what_is_held_adds_up_and_ends_at_nothing() -> None:
    """After all is dropped no byte is left over."""
    world = World(Keep(age=100, memory=PLENTY))
    for number in range(10):
        world.call(f"room {number % 3}", ["ann", "bob"], folds=2)
    world.wait(200)

    assert (world.archive.ended, world.archive.held) == (0, 0)


@pytest.mark.parametrize("folds", [1, 30, 300])
def test_the_size_that_is_said_is_that_of_memory(folds: int) -> None:
    """As Python itself measures it, within a third, or it would be no bound."""
    stays = []
    gc.collect()
    tracemalloc.start()
    for _ in range(40):
        stay = Stay()
        for number in range(folds):
            stay.sample("pc", [START + 5 * number, *(0.1 * number for _ in CHANNELS)])
            stay.spend(START + 5 * number, START + 5 * number + 5, ("good", "bad")[number // 3 % 2], 4.0 - number % 2)
        stays.append(stay)
    gc.collect()
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    said = sum(stay.size for stay in stays)

    assert 0.67 < said / used < 1.5, (said, used)
