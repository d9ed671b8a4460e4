"""
Where the members and signals of a stats object go: rows of ``catalog.METRICS`` with labels filled in.

A ``Route`` is shared by all objects that have the same labels and of which the same signals can be read.
It fills itself: a series exists from the moment that a browser reports its member, so what a browser
does not report is absent and not zero.
"""

from collections.abc import Callable, Mapping
from operator import add
from typing import TypeAlias

from rtc_exporter import catalog, signals, w3c
from rtc_exporter.metric import Metric, Source, Tier
from rtc_exporter.model import LiveKey, Members
from rtc_exporter.series import Counter, ExemplarLabels, Histogram, SeriesStore

#: (stats type, member) -> the row that counts its increase; stats type -> rows that read a signal, and live gauges.
COUNTED: dict[tuple[str, str], tuple[Metric, Source]] = {}
OBSERVED: dict[str, list[tuple[Metric, Source]]] = {}
LIVE: dict[tuple[str, str], list[Metric]] = {}
for _metric in catalog.METRICS:
    for _source in _metric.sources:
        if _metric.tier is Tier.PARTICIPANT:
            LIVE.setdefault((_source.stats, _source.signal), []).append(_metric)
        elif _source.member:
            COUNTED[_source.stats, _source.member] = (_metric, _source)
        else:
            OBSERVED.setdefault(_source.stats, []).append((_metric, _source))

#: Members by which a formula judges others, and that say nothing alone.
CONDITIONS = frozenset({"active", "kind", "localId", "mediaSourceId", "trackIdentifier"})


def newest(_: float, value: float) -> float:
    """The value that came last."""
    return value


#: How the values of several streams become one gauge.
COMBINE: dict[str, Callable[[float, float], float]] = {"max": max, "min": min, "sum": add, "last": newest}


#: A live gauge that a signal feeds: its key in ``PeerConnection.live``, and how several values become one.
LiveValue: TypeAlias = tuple[LiveKey, Callable[[float, float], float]]


class Sink:
    """One signal on its way: to a row, None where the profile leaves it out, and to live gauges."""

    __slots__ = ("add", "formula", "live", "metric", "observe", "place", "source", "times")

    def __init__(
        self, signal: signals.Signal, metric: Metric | None, source: Source, live: tuple[LiveValue, ...]
    ) -> None:
        self.formula, self.place = signal.formula, signal.place
        self.metric = metric
        self.source = source
        self.times = source.times
        self.live = live
        #: Take a value to the row's slot, once that was needed: to a histogram, or to a counter.
        self.observe: Callable[[float, int, ExemplarLabels | None, float], None] | None = None
        self.add: Callable[[float], None] | None = None


class Route:
    """What becomes of objects of one stats type with these labels."""

    __slots__ = ("codec", "counters", "followed", "generation", "labels", "sinks", "stats", "_store")

    def __init__(self, store: SeriesStore, stats: str, labels: Mapping[str, str], members: Members) -> None:
        self._store = store
        self.generation = store.generation
        self.stats = stats
        self.labels = labels
        kind = labels.get(catalog.KIND, "")
        self.codec = labels.get(catalog.CODEC, "")
        self.counters: dict[str, Counter | None] = {}
        #: What who follows it keeps here, by its reasons.
        self.followed: dict[object, object] = {}
        self.sinks = tuple(_sinks(store, stats, kind, members))

    def counter(self, member: str, now: float) -> Counter | None:
        """The counter of a member, or None where nothing published counts it; remembered either way."""
        row = COUNTED.get((self.stats, member))
        slot = None if row is None or self._store.family(row[0].name) is None else self._slot(*row, now)
        counter = self.counters[member] = slot if isinstance(slot, Counter) else None
        return counter

    def fill(self, sink: Sink, now: float) -> None:
        """Find the slot of a sink that has a row; it is remembered."""
        assert sink.metric is not None, "only published rows come here"
        slot = self._slot(sink.metric, sink.source, now)
        if isinstance(slot, Histogram):
            sink.observe = slot.observe
        else:
            sink.add = slot.add

    def _slot(self, metric: Metric, source: Source, now: float) -> Counter | Histogram:
        family = self._store.family(metric.name)
        assert family is not None, "only published rows come here"
        fixed = dict(source.attributes)
        slot = family.slot(tuple(fixed.get(name) or self.labels.get(name, "") for name in metric.attributes), now)
        assert isinstance(slot, Counter | Histogram), "stats feed counters and histograms"
        return slot


def wanted(store: SeriesStore, *more: Mapping[str, tuple[str, ...]]) -> frozenset[tuple[str, str]]:
    """The members, by stats type, that anything published is made of, and ``more``; others need not be followed."""
    members = {key for key, (metric, _) in COUNTED.items() if store.family(metric.name) is not None}
    members |= {(stats, member) for group in more for stats, several in group.items() for member in several}
    for signal in signals.SIGNALS:
        rows = [metric for metric, source in OBSERVED.get(signal.stats, ()) if source.signal == signal.name]
        if any(store.family(metric.name) is not None for metric in (*rows, *LIVE.get((signal.stats, signal.name), ()))):
            for member in signal.reads:
                stats, dot, name = member.partition(".")
                of_another = bool(dot) and stats in w3c.STATS
                members.add((stats, name) if of_another else (signal.stats, member))
    return frozenset(members)


def readable(stats: str, members: Members) -> frozenset[str]:
    """The signals that these members can feed."""
    known = members.keys() - CONDITIONS
    return frozenset(
        signal.name
        for signal in signals.BY_TYPE.get(stats, ())
        if signal.unless not in known and not known.isdisjoint(signal.reads)
    )


def _sinks(store: SeriesStore, stats: str, kind: str, members: Members) -> list[Sink]:
    """The signals that something published reads and that these members can feed."""
    sinks: list[Sink] = []
    can_be_read = readable(stats, members)
    rows = {source.signal: (metric, source) for metric, source in OBSERVED.get(stats, ())}
    for signal in signals.BY_TYPE.get(stats, ()):
        if signal.name not in can_be_read:
            continue
        metric, source = rows.get(signal.name, (None, Source(stats)))
        if metric is not None and store.family(metric.name) is None:
            metric = None
        live = tuple(
            ((row.name, (kind,) if catalog.KIND in row.attributes else ()), COMBINE[row.fold])
            for row in LIVE.get((stats, signal.name), ())
        )
        if metric is not None or live:
            sinks.append(Sink(signal, metric, source, live))
    return sinks
