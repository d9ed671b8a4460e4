"""
What is read of each stats object to judge it, compiled once from the tables of signals, quality levels and rules.

A signal that several rows use is computed once: a probe knows all that depends on it.
"""

from collections.abc import Mapping, Sequence
from math import inf
from typing import NamedTuple

from rtc_exporter import signals, trends, w3c
from rtc_exporter.model import Member
from rtc_exporter.quality import GUARDS, INSTEAD, LEVELS, Level, levels
from rtc_exporter.rules import CAUSES, RULES, Rule
from rtc_exporter.scores import Scoring
from rtc_exporter.thresholds import Thresholds

#: Codecs that are told apart by a probe; one who makes words up only makes us look them up again.
CODECS = 100


#: Signals whose worst value in a fold is remembered.
KEPT = frozenset((cause.stats, cause.signal) for cause in CAUSES.values()) | trends.NEEDED


class Row(NamedTuple):
    """A rule as a probe knows it: its place in ``RULES``, also as a bit, and above which value it looks up."""

    place: int
    bit: int
    on: float
    settle: float
    rule: Rule


class Probe:
    """One signal of one stats type and media kind, and all that depends on it."""

    __slots__ = (
        "_by_codec", "bits", "depends_on_codec", "formula", "guard", "is_plain", "kept", "level", "on", "rows",
        "settle", "stands_in", "takes_over",
    )  # fmt: skip

    def __init__(self, signal: signals.Signal, level: Level | None, rows: Sequence[Row]) -> None:
        key = (signal.stats, signal.name)
        guard = GUARDS.get(key)
        self.formula = signal.formula
        self.guard = guard.holds if guard else None
        self.level = level
        self.rows = tuple(rows)
        #: Under which name the worst value of a fold is remembered, because it may be a cause.
        self.kept = key if key in KEPT else None
        #: Whether it takes the codec to know which of the rules are meant; what is found is remembered.
        self.depends_on_codec = any(row.rule.codecs or row.rule.but for row in rows)
        #: Where the codec does not matter: from which age on all rows are judged, their bits, and the value up to
        #: which none of them is bad.
        self.is_plain = not self.depends_on_codec
        self.settle = max((row.settle for row in rows), default=0.0)
        self.bits = sum(row.bit for row in rows)
        self.on = min((row.on for row in rows), default=inf)
        self._by_codec: dict[str | None, tuple[Row, ...]] = {}
        #: Whether it is read only where another gives nothing, and whether it is such another.
        self.stands_in = key in INSTEAD
        self.takes_over = key in INSTEAD.values()

    def about(self, codec: str | None) -> tuple[Row, ...]:
        """The rules about streams of a codec."""
        rows = self._by_codec.get(codec)
        if rows is None:
            if len(self._by_codec) >= CODECS:
                self._by_codec.clear()
            rows = self._by_codec[codec] = tuple(row for row in self.rows if row.rule.is_about(codec))
        return rows


def _compiled(bounds: Sequence[Level]) -> dict[tuple[str, Member], tuple[Probe, ...]]:
    """(stats type, media kind) -> what is read of such an object."""
    probes: dict[tuple[str, Member], tuple[Probe, ...]] = {}
    for stats, rows in signals.BY_TYPE.items():
        for kind in ("", *w3c.MEDIA_KINDS):
            found = []
            for signal in rows:
                key, kinds = (stats, signal.name), ("", kind)
                level = next((row for row in bounds if (row.stats, row.signal) == key and row.kind in kinds), None)
                about = [
                    Row(place, 1 << place, rule.on, rule.settle, rule)
                    for place, rule in enumerate(RULES)
                    if (rule.stats, rule.signal) == key and rule.kind in kinds
                ]
                if level is not None or about or key in KEPT:
                    found.append(Probe(signal, level, about))
            if found:
                probes[stats, kind] = tuple(found)
    return probes


class Bench:
    """What all judges of one process share: the probes, and the scoring, of one set of thresholds."""

    __slots__ = ("probes", "scoring")

    def __init__(self, thresholds: Thresholds) -> None:
        self.probes: Mapping[tuple[str, Member], tuple[Probe, ...]] = _compiled(levels(thresholds))
        self.scoring = Scoring(thresholds)


BENCH = Bench(Thresholds())
PROBES = BENCH.probes
#: The rules that read a trend.
TREND_ROWS: Mapping[str, tuple[Row, ...]] = {
    trend: tuple(
        Row(place, 1 << place, rule.on, rule.settle, rule)
        for place, rule in enumerate(RULES)
        if rule.source == "trend" and rule.signal == trend
    )
    for trend in trends.TRENDS
}
#: Stats types of which anything is read.
TYPES = frozenset(stats for stats, _ in PROBES) | {"inbound-rtp", "outbound-rtp"}


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
