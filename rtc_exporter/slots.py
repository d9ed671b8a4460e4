"""
What one series holds: a counter, a gauge, or a histogram of either kind, with its exemplars.

Adding to a slot is the hot path: it knows nothing of names, labels or limits, which are the store's matter.
"""

from bisect import bisect_left
from math import ceil, inf, log2
from typing import NamedTuple, TypeAlias

#: Seconds for which a bucket, or a counter, keeps its exemplar: none of them is busy with exemplars alone.
EXEMPLAR_INTERVAL = 10.0

#: Resolution of a native histogram at first: each bound is 2**(1/8), or 9.05 %, above the one before.
SCHEMA = 3

#: Buckets of a native histogram; with more it goes on at half the resolution (client_golang's documents, and the
#: OpenTelemetry SDK, have 160 as well).
MOST_BUCKETS = 160

#: Values up to this count as zero in a native histogram.  A power of two is a bound at every resolution, and
#: nothing that is measured in seconds, bytes or shares is so small without being nothing.
ZERO_THRESHOLD = 2.0**-30

#: Attributes of an exemplar: names and values.
ExemplarLabels: TypeAlias = tuple[tuple[str, str], ...]


class Exemplar(NamedTuple):
    """One measurement with the trace that it was made in."""

    labels: ExemplarLabels
    value: float
    time: float


class Counter:
    """A sum that only grows."""

    __slots__ = ("value", "start", "values", "prefix", "packed", "exemplar", "mark", "since")

    def __init__(self, values: tuple[str, ...], now: float) -> None:
        self.value = 0.0
        #: When it was 0.
        self.start = now
        self.values = values
        #: Rendered labels, as text and for protobuf; they belong to the renderers, which fill them on first use.
        self.prefix = ""
        self.packed = b""
        self.exemplar: Exemplar | None = None
        #: Value at the last sweep, and since when it is the same.
        self.mark = 0.0
        self.since = now

    def add(self, amount: float) -> None:
        """Count more; what is negative or no number is left out, for a counter that falls looks like a restart."""
        if 0.0 <= amount < inf:
            self.value += amount

    def offer(self, labels: ExemplarLabels, value: float, now: float) -> None:
        """Keep this increase as exemplar, unless a young one is there."""
        old = self.exemplar
        if (old is None or not 0.0 <= now - old.time < EXEMPLAR_INTERVAL) and 0.0 < value < inf:
            self.exemplar = Exemplar(labels, value, now)


class Gauge:
    """A value that goes up and down.  Who counts up and down keeps the slot, so that both go to the same one."""

    __slots__ = ("value", "start", "values", "prefix", "packed", "mark", "since")

    def __init__(self, values: tuple[str, ...], now: float) -> None:
        self.value = 0.0
        self.start = now
        self.values = values
        self.prefix = ""
        self.packed = b""
        self.mark = 0.0
        self.since = now

    def set(self, value: float) -> None:
        """The value is this now."""
        self.value = value + 0.0  # an int or a bool becomes a float, so that all values are written alike

    def add(self, amount: float) -> None:
        """The value goes up, or down when negative."""
        self.value += amount


class Histogram:
    """How often a value fell between which bounds; ``counts`` has one more entry than ``bounds``, for what is above."""

    __slots__ = (
        "bounds",
        "counts",
        "sum",
        "count",
        "start",
        "values",
        "prefix",
        "packed",
        "exemplars",
        "mark",
        "since",
    )

    def __init__(self, values: tuple[str, ...], now: float, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0
        self.count = 0
        self.start = now
        self.values = values
        self.prefix = ""
        self.packed = b""
        #: Newest exemplar of each bucket; there only once one was kept.
        self.exemplars: list[Exemplar | None] | None = None
        self.mark = 0.0
        self.since = now

    def observe(self, value: float, times: int = 1, exemplar: ExemplarLabels | None = None, now: float = 0.0) -> None:
        """
        Count a value, so many times; what is no finite number is left out, for it would spoil the sum for ever.

        With ``exemplar`` it is one of its bucket, unless a young one is there.
        """
        if -inf < value < inf:
            index = bisect_left(self.bounds, value)
            self.counts[index] += times
            self.sum += value * times
            self.count += times
            if exemplar is not None:
                self._keep(index, exemplar, value, now)

    def offer(self, labels: ExemplarLabels, value: float, now: float) -> None:
        """Keep this value as exemplar, without counting it."""
        if -inf < value < inf:
            self._keep(bisect_left(self.bounds, value), labels, value, now)

    def _keep(self, index: int, labels: ExemplarLabels, value: float, now: float) -> None:
        kept = self.exemplars
        if kept is None:
            kept = self.exemplars = [None] * len(self.counts)
        old = kept[index]
        # As a rule there is a young one; one from the future tells that the clock was set back.
        if old is None or not 0.0 <= now - old.time < EXEMPLAR_INTERVAL:
            kept[index] = Exemplar(labels, value, now)


class NativeHistogram(Histogram):
    """
    A histogram that has, besides its buckets, exponential ones that need no bounds.

    Prometheus calls them native, OpenTelemetry exponential.  Bucket ``k`` holds what is over ``2**((k-1)/2**schema)``
    and at most ``2**(k/2**schema)``; OpenTelemetry numbers the same bucket ``k - 1``.  Zero, what rounds to it, and
    what is negative is in ``zeros``: the only values here that can be below 0 are decibels of echo, of which the
    buckets with bounds say no more than "at most 5" either.  The sum of ``buckets`` and ``zeros`` is ``count``.

    A value within a rounding error of a bound may fall on either side of it; powers of two are exact.
    """

    __slots__ = ("buckets", "scale", "schema", "zeros")

    def __init__(self, values: tuple[str, ...], now: float, bounds: tuple[float, ...]) -> None:
        super().__init__(values, now, bounds)
        self.schema = SCHEMA
        #: 2**schema: buckets between a number and its double.
        self.scale = 2.0**SCHEMA
        self.buckets: dict[int, int] = {}
        self.zeros = 0

    def observe(self, value: float, times: int = 1, exemplar: ExemplarLabels | None = None, now: float = 0.0) -> None:
        """Count a value, so many times, in both kinds of bucket."""
        if -inf < value < inf:
            place = bisect_left(self.bounds, value)
            self.counts[place] += times
            if exemplar is not None:
                self._keep(place, exemplar, value, now)
            self.sum += value * times
            self.count += times
            if value > ZERO_THRESHOLD:
                index, buckets = ceil(log2(value) * self.scale), self.buckets
                if index in buckets:
                    buckets[index] += times
                else:
                    buckets[index] = times
                    if len(buckets) > MOST_BUCKETS:
                        self._coarsen()
            else:
                self.zeros += times

    def _coarsen(self) -> None:
        """Halve the resolution until there are few enough buckets: each pair becomes one."""
        # Ends at schema -3 at the latest, where all numbers over the threshold fit into 132 buckets; formats have -4.
        while len(self.buckets) > MOST_BUCKETS:
            self.schema -= 1
            self.scale /= 2.0
            merged: dict[int, int] = {}
            for index, count in self.buckets.items():
                half = (index + 1) // 2
                merged[half] = merged.get(half, 0) + count
            self.buckets = merged


Slot: TypeAlias = Counter | Gauge | Histogram
