"""
The delta engine against a simulated call whose true totals are known, and against recorded calls.

The simulated browser replaces streams, reuses ids, restarts whole objects or decoders alone, hides objects and
sleeps; the network loses reports, sends them twice and replays old ones.  Whatever happens, nothing may be counted
twice; what cannot be seen may be missed.
"""

import gzip
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from rtc_exporter import w3c
from rtc_exporter.cadence import Cadence
from rtc_exporter.delta import Deltas
from rtc_exporter.model import Member, Members, PeerConnectionKey, Report

DATA = Path(__file__).parent / "data"
KEY = PeerConnectionKey("s", "p", "PC_0")
START = 1_760_000_000.0
Totals = Counter[tuple[str, str]]

#: What each type gains in a second at most; decoder counters are those that restart alone.
GAINS: dict[str, dict[str, int]] = {
    "inbound-rtp": {"packetsReceived": 100, "bytesReceived": 100_000, "framesDecoded": 30, "totalDecodeTime": 1},
    "outbound-rtp": {"packetsSent": 100, "bytesSent": 100_000, "framesEncoded": 30},
    "transport": {"packetsReceived": 300, "bytesReceived": 300_000},
    "candidate-pair": {"packetsReceived": 300, "responsesReceived": 1},
    "remote-inbound-rtp": {"packetsReceived": 100, "roundTripTimeMeasurements": 1},
    "media-source": {"frames": 30, "totalSamplesDuration": 1},
}
DECODER = ("framesDecoded", "totalDecodeTime", "framesEncoded")
LOSSY = ("inbound-rtp", "remote-inbound-rtp")


class Thing:
    """One stats object of the simulated browser, and what it has truly gained."""

    def __init__(self, random: Random, truth: Totals, stats: str, ssrc: int) -> None:
        self.random = random
        self.truth = truth
        self.type = stats
        self.ssrc = ssrc
        self.hidden = 0
        self.time = START
        self.values: dict[str, float] = dict.fromkeys(GAINS[stats], 0)
        self.lost = self.most_lost = 0

    def gain(self, seconds: int, time: float) -> None:
        self.hidden = max(0, self.hidden - 1)
        if self.type == "remote-inbound-rtp" and self.random.random() < 0.6:
            return
        self.time = time
        for member, most in GAINS[self.type].items():
            amount: float = (
                self.random.randrange(most * seconds + 1) if member != "totalDecodeTime" else self.random.random()
            )
            if member == "roundTripTimeMeasurements":
                amount = 1
            self.values[member] += amount
            self.truth[self.type, member] += amount  # type: ignore[assignment]
        self.lost += self.random.choice((0, 0, 0, 3, 7, -2))
        if self.type in LOSSY and self.lost > self.most_lost:
            self.truth[self.type, "packetsLost"] += self.lost - self.most_lost
            self.most_lost = self.lost

    def restart(self, ssrc: int | None = None) -> None:
        self.values = dict.fromkeys(self.values, 0)
        self.lost = self.most_lost = 0
        self.ssrc = ssrc or self.ssrc

    def restart_decoder(self) -> None:
        self.values.update((member, 0) for member in DECODER if member in self.values)

    def is_old(self) -> bool:
        """Whether a restart will be seen: its counters are above what one interval can bring."""
        return all(value > 2 * GAINS[self.type][member] for member, value in self.values.items())

    def members(self) -> Members:
        identity: Members = {"type": self.type, "ssrc": self.ssrc, "timestamp": self.time}
        return {**identity, **self.values, **({"packetsLost": self.lost} if self.type in LOSSY else {})}


class Browser:
    """A call that goes on for some hundred reports; ``truth`` is what all its objects gained."""

    def __init__(self, random: Random, *, is_kind: bool) -> None:
        self.random = random
        self.truth: Totals = Counter()
        self.is_kind = is_kind
        self.time = START
        self.ssrc = 0
        self.things: dict[str, Thing] = {}
        for stats, count in (("inbound-rtp", 3), ("outbound-rtp", 2), ("remote-inbound-rtp", 2), ("candidate-pair", 2)):
            for _ in range(count):
                self.add(stats)
        self.add("transport")
        self.add("media-source")

    def add(self, stats: str) -> None:
        self.ssrc += 1
        self.things[f"{stats}-{self.ssrc}"] = Thing(self.random, self.truth, stats, self.ssrc)

    def step(self) -> None:
        seconds = self.random.choice((60, 300)) if self.random.random() < 0.01 else 1
        self.time += seconds
        for ident, thing in list(self.things.items()):
            # A restart during sleep has outrun the old value when the page wakes.
            if self.random.random() < 0.01 and not (self.is_kind and seconds > 1):
                self.event(ident, thing)
        if self.random.random() < 0.02:
            self.add("inbound-rtp")
        for thing in self.things.values():
            thing.gain(seconds, self.time)

    def event(self, ident: str, thing: Thing) -> None:
        what = self.random.choice(("replace", "reuse", "restart", "decoder", "remove", "hide"))
        is_fixed = thing.type in ("transport", "media-source")
        if self.is_kind and (not thing.is_old() or what == "hide" or thing.type == "remote-inbound-rtp"):
            return
        if what == "restart" or (what == "decoder" and thing.type in ("media-source", "remote-inbound-rtp")):
            thing.restart()
        elif what == "decoder":
            thing.restart_decoder()
        elif is_fixed:
            return
        elif what == "reuse":
            self.ssrc += 1
            thing.restart(self.ssrc)
        elif what == "hide":
            thing.hidden = self.random.randrange(1, 40)
        else:
            del self.things[ident]
            if what == "replace":
                self.add(thing.type)

    def show(self) -> None:
        """Nothing is hidden: what the first report of a late join leaves out is taken for new later."""
        for thing in self.things.values():
            thing.hidden = 0

    def join(self) -> Totals:
        """What was gained before now.  Who comes now cannot know of losses that were made good before."""
        for thing in self.things.values():
            thing.most_lost = max(0, thing.lost)
        return Counter(self.truth)

    def report(self) -> dict[str, Members]:
        return {ident: thing.members() for ident, thing in self.things.items() if not thing.hidden}


class Client:
    """Decoder and pipeline in short: tells what was removed, drops what is not new, folds every few reports."""

    def __init__(self, *, created: bool, every: int) -> None:
        self.deltas = Deltas(created)
        self.cadence = Cadence()
        self.every = every
        self.waiting = every  # the first report is folded at once: it is where a late join starts
        self.is_gap = False
        self.last: dict[str, Members] = {}
        self.time = START
        self.counted: Totals = Counter()

    def receive(self, time: float, stats: dict[str, Members]) -> None:
        verdict = self.cadence.admit(time)
        if verdict in ("duplicate", "out_of_order"):
            return
        removed = {ident: members for ident, members in self.last.items() if ident not in stats}
        self.last, self.time = stats, time
        self.waiting += 1
        self.is_gap |= verdict == "gap"
        if removed or self.waiting >= self.every:
            self.fold(removed)

    def fold(self, removed: dict[str, Members]) -> None:
        fold = self.deltas.fold(Report(KEY, self.time, self.time, self.last, removed), gap=self.is_gap)
        assert fold.rejected == 0
        for thing in fold.changed:
            for member, amount in thing.increments.items():
                assert amount >= 0, f"{thing.type}.{member} lost {amount}"
                self.counted[thing.type, member] += amount  # type: ignore[assignment]
        fold.settle()
        self.waiting, self.is_gap = 0, False


def call(seed: int, *, is_kind: bool, every: int, created: bool) -> tuple[Totals, Totals]:
    """One call: what was counted, and what was truly gained since counting began."""
    random = Random(seed)
    browser = Browser(random, is_kind=is_kind)
    client = Client(created=created, every=every)
    if not created:
        for _ in range(random.randrange(1, 60)):
            browser.step()
    before: Totals | None = Counter() if created else None
    sent: list[tuple[float, dict[str, Members]]] = []
    for _ in range(300):
        browser.step()
        if before is None:
            browser.show()
        sent.append((browser.time, browser.report()))
        if is_kind or random.random() < 0.9:
            client.receive(*sent[-1])
            before = browser.join() if before is None else before
        if not is_kind and random.random() < 0.1:
            client.receive(*random.choice(sent if before else sent[-1:]))
    client.fold({})
    assert before is not None
    return client.counted, Counter({key: total - before[key] for key, total in browser.truth.items()})


def share(counted: Totals, truth: Totals, member: tuple[str, str]) -> float:
    return counted[member] / truth[member] - 1 if truth[member] else 0.0


@pytest.mark.parametrize("created", [True, False], ids=["from the start", "joined late"])
@pytest.mark.parametrize("every", [1, 5], ids=["every report", "every fifth"])
def test_nothing_is_counted_twice(every: int, created: bool) -> None:
    """No member of any type is ever counted above what was gained; little is missed."""
    counted: Totals = Counter()
    truth: Totals = Counter()
    for seed in range(25):
        seen, true = call(seed, is_kind=False, every=every, created=created)
        for key, total in true.items():
            assert seen[key] <= total * (1 + 1e-9) + 1e-6, f"seed {seed}: {key} counted {seen[key]}, gained {total}"
        counted.update(seen)
        truth.update(true)

    for key in truth:
        assert share(counted, truth, key) > -MISSED, f"{key}: {share(counted, truth, key):.2%}"


#: One report in ten is lost, and at each one object in a hundred restarts, is replaced, goes or hides.  What an
#: object gains after its last report is missed, and so is a restart that has outrun the old value.  Measured over 400
#: calls: at most 2.6 % of any member, and 1.2 % of objects that neither go nor hide.
MISSED = 0.05


@pytest.mark.parametrize("created", [True, False], ids=["from the start", "joined late"])
def test_counts_are_exact_where_all_can_be_seen(created: bool) -> None:
    """When no report is lost and no restart outruns the old value, totals are the truth."""
    for seed in range(25):
        seen, true = call(seed, is_kind=True, every=1, created=created)
        for key, total in true.items():
            assert seen[key] == pytest.approx(total, rel=1e-9, abs=1e-6), f"seed {seed}: {key}"


def recording(name: str) -> Iterator[Report]:
    """The reports of a recorded call, as a decoder gives them."""
    for called, report in json.loads(gzip.decompress((DATA / f"{name}.getstats.json.gz").read_bytes())):
        time = max((stats["timestamp"] for stats in report.values()), default=called) / 1000
        stats = {ident: _kept(members) for ident, members in report.items() if members.get("type") in w3c.STATS}
        yield Report(KEY, time, time, stats, {})


def _kept(members: dict[str, object]) -> Members:
    stats = str(members["type"])
    kept: Members = {"type": stats}
    names = w3c.STATS[stats].members
    for name, value in members.items():
        flat = {f"{name}.{part}": one for part, one in value.items()} if isinstance(value, dict) else {name: value}
        kept.update({key: _member(one) for key, one in flat.items() if key in names})
    stamp = members["timestamp"]
    assert isinstance(stamp, (int, float))
    kept["timestamp"] = stamp / 1000
    return kept


def _member(value: object) -> Member:
    assert isinstance(value, (int, float, str, bool))
    return value


RECORDINGS = ("audioonly-cr.p1.pc0", "degraded-ff.p1.pc0", "simulcast-cr.p2.pc0")


@pytest.mark.parametrize("every", [1, 5], ids=["every report", "every fifth"])
@pytest.mark.parametrize("name", RECORDINGS)
def test_recorded_calls_add_up(name: str, every: int) -> None:
    """Nothing restarts in these calls: the sum is the last value, or the highest of packetsLost."""
    reports = list(recording(name))
    truth: dict[tuple[str, str], float] = {}
    for report in reports:
        for ident, members in report.stats.items():
            row = w3c.STATS[str(members["type"])]
            for member in (*row.anchors, *row.counters, *row.signed):
                value = members.get(member)
                if isinstance(value, (int, float)):
                    truth[ident, member] = max(value, truth.get((ident, member), 0))
    counted: Counter[tuple[str, str]] = Counter()
    deltas = Deltas(created=True)
    for report in [*reports[:-1:every], reports[-1]]:
        fold = deltas.fold(report)
        assert (fold.rejected, [thing.id for thing in fold.changed if thing.restarted]) == (0, [])
        for thing in fold.changed:
            counted.update({(thing.id, member): amount for member, amount in thing.increments.items()})

    signed = {key for key in truth if key[1] == "packetsLost"} if every > 1 else set()
    assert dict(counted).keys() == truth.keys()
    for key in truth.keys() - signed:
        assert counted[key] == pytest.approx(truth[key]), key
    for key in signed:
        assert counted[key] <= truth[key], key
