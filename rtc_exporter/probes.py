"""
What is read of each stats object to judge it, compiled once from the tables of signals, quality levels and rules.

A signal that several rows use is computed once: a probe knows all that depends on it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from math import inf
from typing import NamedTuple, TypeAlias

from rtc_exporter import signals, trends, w3c
from rtc_exporter.delta import Fold, MonitoredObject
from rtc_exporter.formulas import Formula
from rtc_exporter.model import Member
from rtc_exporter.quality import GUARDS, INSTEAD, LEVELS, Level, levels
from rtc_exporter.rules import CAUSES, RULES, Rule
from rtc_exporter.scores import Scoring
from rtc_exporter.thresholds import Thresholds

#: Codecs that are told apart by a probe; one who makes words up only makes us look them up again.
CODECS = 100


#: Signals whose worst value in a fold is remembered.
KEPT = frozenset((cause.stats, cause.signal) for cause in CAUSES.values()) | trends.NEEDED


#: Whether a value means anything, see ``quality.Guard``.
Holds: TypeAlias = Callable[[MonitoredObject, Fold], bool]


class Row(NamedTuple):
    """A rule as a probe knows it: its place in ``RULES``, also as a bit, and above which value it looks up."""

    place: int
    bit: int
    on: float
    settle: float
    rule: Rule


#: What is looked at of every probe in every fold, in one piece: the probe, its formula and the place of its value, its
#: guard, whether more than rules depend on it, the value up to which none of its rules is bad, from which age on all of
#: them are judged, and their bits.
Reading: TypeAlias = tuple[
    "Probe", Formula, int, Callable[[MonitoredObject, Fold], bool] | None, bool, float, float, int
]
#: (stats type, media kind) -> what is read of such an object.
Probes: TypeAlias = Mapping[tuple[str, Member], tuple[Reading, ...]]


class Probe:
    """One signal of one stats type and media kind, and all that depends on it."""

    __slots__ = ("_by_codec", "depends_on_codec", "kept", "level", "reading", "rows", "takes_over")

    def __init__(self, signal: signals.Signal, level: Level | None, rows: Sequence[Row]) -> None:
        key = (signal.stats, signal.name)
        guard = GUARDS.get(key)
        self.level = level
        self.rows = tuple(rows)
        #: Under which name the worst value of a fold is remembered, because it may be a cause.
        self.kept = key if key in KEPT else None
        #: Whether it takes the codec to know which of the rules are meant; what is found is remembered.
        self.depends_on_codec = any(row.rule.codecs or row.rule.but for row in rows)
        self._by_codec: dict[str | None, tuple[Row, ...]] = {}
        #: Whether another is read where it gives nothing.
        self.takes_over = key in INSTEAD.values()
        is_special = self.kept is not None or level is not None or self.takes_over
        most = -inf if self.depends_on_codec else min((row.on for row in rows), default=inf)
        settle = max((row.settle for row in rows), default=0.0)
        bits = sum(row.bit for row in rows)
        holds = guard.holds if guard else None
        self.reading: Reading = (self, signal.formula, signal.place, holds, is_special, most, settle, bits)

    def about(self, codec: str | None) -> tuple[Row, ...]:
        """The rules about streams of a codec."""
        rows = self._by_codec.get(codec)
        if rows is None:
            if len(self._by_codec) >= CODECS:
                self._by_codec.clear()
            rows = self._by_codec[codec] = tuple(row for row in self.rows if row.rule.is_about(codec))
        return rows


def _compiled(bounds: Sequence[Level], *, instead: bool) -> Probes:
    """Signals that are always read, or those that are read ``instead`` where another gives nothing."""
    probes: dict[tuple[str, Member], tuple[Reading, ...]] = {}
    for stats, rows in signals.BY_TYPE.items():
        for kind in ("", *w3c.MEDIA_KINDS):
            found = []
            for signal in rows:
                key, kinds = (stats, signal.name), ("", kind)
                if (key in INSTEAD) != instead:
                    continue
                level = next((row for row in bounds if (row.stats, row.signal) == key and row.kind in kinds), None)
                about = [
                    Row(place, 1 << place, rule.on, rule.settle, rule)
                    for place, rule in enumerate(RULES)
                    if (rule.stats, rule.signal) == key and rule.kind in kinds
                ]
                if level is not None or about:
                    found.append(Probe(signal, level, about).reading)
            if found:
                probes[stats, kind] = tuple(found)
    return probes


class Bench:
    """What all judges of one process share: the probes, and the scoring, of one set of thresholds."""

    __slots__ = ("instead", "probes", "scoring")

    def __init__(self, thresholds: Thresholds) -> None:
        bounds = levels(thresholds)
        self.probes, self.instead = (_compiled(bounds, instead=instead) for instead in (False, True))
        self.scoring = Scoring(thresholds)

    def parts(self) -> Iterator[tuple[str, object]]:
        """All that is compiled, by name."""
        yield "bench", self
        yield "scoring", self.scoring
        for how, probes in (("", self.probes), ("instead", self.instead)):
            for (stats, kind), readings in probes.items():
                yield from ((f"probe {how} {stats} {kind} {at}", reading[0]) for at, reading in enumerate(readings))


BENCH = Bench(Thresholds())
#: The rules that read a trend.
TREND_ROWS: Mapping[str, tuple[Row, ...]] = {
    trend: tuple(
        Row(place, 1 << place, rule.on, rule.settle, rule)
        for place, rule in enumerate(RULES)
        if rule.source == "trend" and rule.signal == trend
    )
    for trend in trends.TRENDS
}


def _reads() -> dict[str, tuple[str, ...]]:
    used = {(level.stats, level.signal) for level in LEVELS} | {(rule.stats, rule.signal) for rule in RULES} | KEPT
    # What a judge tells of streams to who looks across participants.
    wanted = {("outbound-rtp", "packetsSent")}
    wanted |= {("inbound-rtp", name) for name in ("packetsReceived", "totalAudioEnergy", "totalSamplesDuration")}
    for signal in signals.SIGNALS:
        if (signal.stats, signal.name) in used:
            wanted |= {(signal.stats, name) for name in signal.reads}
    wanted |= {(stats, name) for (stats, _), guard in GUARDS.items() for name in guard.reads}
    wanted |= {(stats, name) for stats, names in trends.READS.items() for name in names}
    wanted |= {(rule.stats, rule.least[0]) for rule in RULES if rule.least}
    members: dict[str, set[str]] = {}
    for stats, name in wanted:
        other, dot, member = name.partition(".")
        of_another = bool(dot) and other in w3c.STATS
        members.setdefault(other if of_another else stats, set()).add(member if of_another else name)
    return {stats: tuple(sorted(names)) for stats, names in members.items()}


#: The members, by stats type, that have to be followed for all of it.
READS: Mapping[str, tuple[str, ...]] = _reads()
