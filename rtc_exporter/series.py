"""
The series store: what is counted, by metric and label values, until it is forgotten.

A family is one row of the catalogue, a *slot* one of its label sets.  Who counts often looks a slot
up once and keeps it.

What bounds the store: a family of the cohort tier has a budget of live label sets, and so have all of
them together; what comes after goes into one *overflow* slot for each family, so totals stay right
(OpenTelemetry, "Cardinality limits").  Label sets that nothing has changed for a day make room.
"""

from collections.abc import Iterable

from rtc_exporter.limits import Limits, Room
from rtc_exporter.metric import Kind, Metric, Profile, Tier
from rtc_exporter.slots import Counter, Exemplar, ExemplarLabels, Gauge, Histogram, NativeHistogram, Slot

__all__ = [
    "OVERFLOW", "Counter", "Exemplar", "ExemplarLabels", "Family", "Gauge", "Histogram",
    "NativeHistogram", "SeriesStore", "Slot",
]  # fmt: skip

#: The attribute, and its value, of the series that takes what is over the budget (OpenTelemetry metrics SDK).
OVERFLOW = ("otel.metric.overflow", "true")

_SERIES, _LIMITED, _EXPIRED = "rtc.exporter.series", "rtc.exporter.series.limited", "rtc.exporter.series.expired"
_OWN = (_SERIES, _LIMITED, _EXPIRED)


class _Budget:
    """How many label sets of the cohort tier there may be, and are."""

    __slots__ = ("family", "total", "taken", "room")

    def __init__(self, family: int, total: int, room: Room) -> None:
        self.family = family
        self.total = total
        self.taken = 0
        #: What all stores of the process share.
        self.room = room

    def has_room(self, family: int) -> bool:
        """Whether one more fits, into a family that has so many."""
        return family < self.family and self.taken < self.total and not self.room.is_full

    def take(self, number: int) -> None:
        """Take places, or give them back."""
        self.taken += number
        self.room.taken += number


class Family:
    """All series of one metric.  ``series`` is for reading; what is in it may change between two awaits."""

    __slots__ = ("metric", "constants", "series", "overflow", "limited", "expired", "_budget", "_histogram", "_zeros")

    def __init__(
        self,
        metric: Metric,
        budget: _Budget,
        now: float,
        histogram: type[Histogram] = Histogram,
        constants: tuple[tuple[str, str], ...] = (),
    ) -> None:
        self.metric = metric
        #: Attributes that all series of the store have, with their values.
        self.constants = constants
        self.series: dict[tuple[str, ...], Slot] = {}
        #: Takes what is over the budget; there once it was needed.
        self.overflow: Slot | None = None
        #: How often an unknown label set went to the overflow slot, and how many series were removed.
        self.limited = 0
        self.expired = 0
        self._budget = budget
        self._histogram = histogram
        self._zeros = frozenset(metric.zeros)
        for values in metric.zeros:
            self.slot(values, now)

    def slot(self, values: tuple[str, ...], now: float) -> Slot:
        """The slot of these label values, in the order of ``metric.attributes``; "" for an attribute that is absent."""
        slot = self.series.get(values)
        return self._admit(values, now) if slot is None else slot

    def slots(self) -> list[Slot]:
        """Every slot there is now."""
        slots = list(self.series.values())
        return slots if self.overflow is None else [*slots, self.overflow]

    @property
    def size(self) -> int:
        """Series held."""
        return len(self.series) + (self.overflow is not None)

    def _admit(self, values: tuple[str, ...], now: float) -> Slot:
        if len(values) != len(self.metric.attributes):
            raise ValueError(f"{self.metric.name} has the attributes {self.metric.attributes}, not values for {values}")
        if self.metric.tier is Tier.COHORT:
            if not self._budget.has_room(len(self.series)):
                self.limited += 1
                if self.overflow is None:
                    self.overflow = self._new((), now)
                return self.overflow
            self._budget.take(1)
        slot = self.series[values] = self._new(values, now)
        return slot

    def _new(self, values: tuple[str, ...], now: float) -> Slot:
        match self.metric.kind:
            case Kind.COUNTER:
                return Counter(values, now)
            case Kind.HISTOGRAM:
                return self._histogram(values, now, self.metric.buckets)
            case Kind.GAUGE | Kind.INFO:
                return Gauge(values, now)

    def remove(self, values: tuple[str, ...]) -> bool:
        """Forget a series; False when there is none."""
        if self.series.pop(values, None) is None:
            return False
        self.expired += 1
        self._budget.take(-(self.metric.tier is Tier.COHORT))
        return True

    def expire(self, now: float, idle: float) -> int:
        """Forget what nothing has changed for ``idle`` seconds; a gauge that is not 0 says something as it is."""
        gone = [
            values for values, slot in self.series.items() if _is_idle(slot, now, idle) and values not in self._zeros
        ]
        for values in gone:
            self.remove(values)
        if self.overflow is None or not _is_idle(self.overflow, now, idle):
            return len(gone)
        self.overflow = None
        self.expired += 1
        return len(gone) + 1


def _is_idle(slot: Slot, now: float, idle: float) -> bool:
    """Whether nothing has changed for so long: compares with the sweep before, so counting itself costs no more."""
    value = slot.count if isinstance(slot, Histogram) else slot.value
    if value != slot.mark or (value and isinstance(slot, Gauge)):
        slot.mark, slot.since = value, now
        return False
    return now - slot.since >= idle


class SeriesStore:
    """All families that a profile publishes."""

    def __init__(
        self,
        metrics: Iterable[Metric],
        *,
        profile: Profile = Profile.STANDARD,
        budget: int = 2000,
        total: int = Limits().series,
        room: Room | None = None,
        constants: tuple[tuple[str, str], ...] = (),
        idle: float = 86400.0,
        native: bool = False,
        now: float,
    ) -> None:
        """
        ``budget`` and ``total`` are label sets of one family and of all, cohort tier; ``idle`` is in seconds.

        ``room`` is for how many there may be in all stores that have it, and ``constants`` tell their series apart.
        With ``native`` all histograms have exponential buckets as well.
        """
        metrics = tuple(metrics)
        self._budget = _Budget(budget, total, Room(total) if room is None else room)
        self._idle = idle
        self._start = now
        self._names = frozenset(metric.name for metric in metrics)
        self._families = {
            metric.name: Family(metric, self._budget, now, NativeHistogram if native else Histogram, constants)
            for metric in metrics
            if metric.profile <= profile or metric.tier is Tier.SELF
        }
        #: Grows whenever a series of the cohort or self tier was removed: who keeps slots looks them up again.
        #: Series of the participant tier have one owner, who removes them and so needs no sign.
        self.generation = 0

    @property
    def size(self) -> int:
        """Series held."""
        return sum(family.size for family in self._families.values())

    def limit(self, total: int) -> None:
        """Take over how many label sets there may be; those that are there stay."""
        self._budget.total = total

    def family(self, name: str) -> Family | None:
        """The family of a metric; None when the profile does not publish it."""
        family = self._families.get(name)
        if family is None and name not in self._names:
            raise KeyError(f"{name} is not in the catalogue")  # a slip of ours, not a matter of profiles
        return family

    def families(self, tier: Tier | None = None) -> list[Family]:
        """The families of a tier, or all, in the order of the catalogue."""
        if tier is None or tier is Tier.SELF:
            self._count_itself()
        return [family for family in self._families.values() if tier is None or family.metric.tier is tier]

    def gauge(self, name: str, values: tuple[str, ...], now: float) -> Gauge:
        """The gauge to count up and down; one that nobody reads where the metric is not published."""
        family = self.family(name)
        slot = Gauge(values, now) if family is None else family.slot(values, now)
        if not isinstance(slot, Gauge):
            raise TypeError(f"{name} is no gauge")
        return slot

    def counter(self, name: str, values: tuple[str, ...], now: float) -> Counter:
        """A counter of the self tier, to keep."""
        slot = self._families[name].slot(values, now)
        if not isinstance(slot, Counter):
            raise TypeError(f"{name} is no counter")
        return slot

    def histogram(self, name: str, values: tuple[str, ...], now: float) -> Histogram:
        """A histogram of the self tier, to keep."""
        slot = self._families[name].slot(values, now)
        if not isinstance(slot, Histogram):
            raise TypeError(f"{name} is no histogram")
        return slot

    def add(
        self, name: str, values: tuple[str, ...], amount: float, now: float, exemplar: ExemplarLabels | None = None
    ) -> None:
        """
        Add to a counter or gauge; nothing where the metric is not published.  Adding 0 lets the series exist.

        ``exemplar`` is whose trace this is part of, where it is kept; only counters take one.
        """
        family = self.family(name)
        if family is not None:
            slot = family.slot(values, now)
            if isinstance(slot, Histogram):
                raise TypeError(f"{name} is a histogram")
            slot.add(amount)
            if exemplar is not None and isinstance(slot, Counter):
                slot.offer(exemplar, amount, now)

    def set(self, name: str, values: tuple[str, ...], value: float, now: float) -> None:
        """Set a gauge; nothing where the metric is not published."""
        self.gauge(name, values, now).set(value)

    def observe(
        self,
        name: str,
        values: tuple[str, ...],
        value: float,
        now: float,
        times: int = 1,
        exemplar: ExemplarLabels | None = None,
    ) -> None:
        """Let a histogram observe; nothing where the metric is not published."""
        family = self.family(name)
        if family is not None:
            slot = family.slot(values, now)
            if not isinstance(slot, Histogram):
                raise TypeError(f"{name} is no histogram")
            slot.observe(value, times, exemplar, now)

    def remove(self, name: str, values: tuple[str, ...]) -> None:
        """Forget a series; it may be gone already."""
        family = self.family(name)
        if family is not None and family.remove(values) and family.metric.tier is not Tier.PARTICIPANT:
            self.generation += 1

    def expire(self, now: float) -> int:
        """
        Forget series of cohorts that are gone; returns how many.

        The other tiers do not expire: participants' series are removed when they leave, and the exporter's
        own have closed label sets.
        """
        removed = sum(
            family.expire(now, self._idle) for family in self._families.values() if family.metric.tier is Tier.COHORT
        )
        if removed:
            self.generation += 1
        return removed

    def _count_itself(self) -> None:
        """Bring the series about the store up to date; a family has them from its first series on, limited or not."""
        if not self._names.issuperset(_OWN):
            return
        used = [family for name, family in self._families.items() if family.size or family.expired or name in _OWN]
        for name in _OWN:
            for family in used:
                self._own(name, family)
        # Only now are the rows themselves all there to be counted.
        for family in used:
            self._own(_SERIES, family).value = float(family.size)
            self._own(_LIMITED, family).value = float(family.limited)
            self._own(_EXPIRED, family).value = float(family.expired)

    def _own(self, name: str, family: Family) -> Counter | Gauge:
        slot = self._families[name].slot((family.metric.prometheus,), self._start)
        assert not isinstance(slot, Histogram), "the store counts itself with counters and gauges"
        return slot
