"""
The store as OTLP requests.

Our own encoder, not the SDK's ``MetricsData``: its number points cannot carry ``NO_RECORDED_VALUE``, without which
a gauge of a participant who left lives on for the five minutes that Prometheus looks back, and it costs 19 µs a
point (measured; here it is 1 to 3).  What does not change between two exports is kept as bytes: the attributes of
a series are encoded once, and merged into each of its points.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import repeat
from typing import Any, NamedTuple

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1 import metrics_pb2 as metrics
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from rtc_exporter.export.otlp_values import MAX_BYTES, SCOPE, Message, add_attributes, nanoseconds, resource_of
from rtc_exporter.metric import Metric
from rtc_exporter.series import OVERFLOW, Counter, Exemplar, Family, Gauge, Histogram, NativeHistogram, Slot
from rtc_exporter.slots import ZERO_THRESHOLD

#: Points of a request.  So many gauges are 1.5 to 2 ms of work (measured), in which nobody else runs.
MAX_POINTS = 1000

#: Series of a metric that are gone and that nobody may know to be.
MOST_GONE = 2000

#: Bytes of a request that are the same in every export, which are nearly all.  The rest is bounded with the work: a
#: point takes less than 300 bytes for each gauge that it counts for, values and exemplars together.
_MAX_FRAMES = MAX_BYTES - 2 * MAX_POINTS * 300

_CUMULATIVE = metrics.AGGREGATION_TEMPORALITY_CUMULATIVE
_STALE = metrics.DATA_POINT_FLAGS_NO_RECORDED_VALUE_MASK

# ── points, by the type of their slot


def _exemplify(target: Message, exemplars: Iterable[Exemplar | None]) -> int:
    """Add exemplars to a point; returns how much work it was.  Labels besides the ids are the filtered attributes."""
    added = 0
    for exemplar in exemplars:
        if exemplar is not None:
            added += 1
            labels = dict(exemplar.labels)
            message = target.exemplars.add(
                time_unix_nano=nanoseconds(exemplar.time),
                as_double=exemplar.value,
                trace_id=bytes.fromhex(labels.pop("trace_id", "")),
                span_id=bytes.fromhex(labels.pop("span_id", "")),
            )
            add_attributes(message.filtered_attributes, labels.items())
    return 2 * added


def _counter(point: Message, slot: Counter) -> int:
    point.start_time_unix_nano = nanoseconds(slot.start)
    point.as_double = slot.value
    return 1 if slot.exemplar is None else 1 + _exemplify(point, (slot.exemplar,))


def _gauge(point: Message, slot: Gauge) -> int:
    point.as_double = slot.value
    return 1


def _explicit(point: Message, slot: Histogram) -> int:
    point.start_time_unix_nano = nanoseconds(slot.start)
    point.count = slot.count
    point.sum = slot.sum
    point.bucket_counts.extend(slot.counts)
    return 2 if slot.exemplars is None else 2 + _exemplify(point, slot.exemplars)


def _exponential(point: Message, slot: NativeHistogram) -> int:
    """The native buckets: Prometheus numbers one by its upper bound, OpenTelemetry by its lower one, so one less."""
    point.start_time_unix_nano = nanoseconds(slot.start)
    point.count = slot.count
    point.sum = slot.sum
    point.scale = slot.schema
    point.zero_count = slot.zeros
    width = 0
    if slot.buckets:
        first, last = min(slot.buckets), max(slot.buckets)
        width = last + 1 - first
        point.positive.offset = first - 1
        point.positive.bucket_counts.extend(map(slot.buckets.get, range(first, last + 1), repeat(0)))
    work = 4 + width // 16
    return work if slot.exemplars is None else work + _exemplify(point, slot.exemplars)


def _end_number(point: Message) -> None:
    point.flags = _STALE


def _end_histogram(point: Message) -> None:
    """Prometheus ends the series of the buckets and of the sum only where the point has them (its OTLP converter)."""
    point.flags = _STALE
    point.sum = 0.0
    if point.explicit_bounds:
        point.bucket_counts.extend([0] * (len(point.explicit_bounds) + 1))


def _end_exponential(point: Message) -> None:
    point.flags = _STALE
    point.sum = 0.0


class _Form(NamedTuple):
    """How slots of one type become points."""

    #: The field of a metric that has the points, and what else is in it.
    field: str
    constants: Mapping[str, object]
    #: A new point, what fills it and says how much work that was, in gauges, and what makes it the last of its series.
    point: Callable[[], Message]
    fill: Callable[[Message, Any], int]
    end: Callable[[Message], None]


_MONOTONIC = {"aggregation_temporality": _CUMULATIVE, "is_monotonic": True}
_SUM = _Form("sum", _MONOTONIC, metrics.NumberDataPoint, _counter, _end_number)
_GAUGE = _Form("gauge", {}, metrics.NumberDataPoint, _gauge, _end_number)
_TOTALS = {"aggregation_temporality": _CUMULATIVE}
_EXPLICIT = _Form("histogram", _TOTALS, metrics.HistogramDataPoint, _explicit, _end_histogram)
_EXPONENTIAL = _Form(
    "exponential_histogram", _TOTALS, metrics.ExponentialHistogramDataPoint, _exponential, _end_exponential
)
#: An INFO is a gauge of unit "": with unit "1" the translation to Prometheus would call it ``_info_ratio``.
_FORMS: dict[type[Slot], _Form] = {
    Counter: _SUM,
    Gauge: _GAUGE,
    Histogram: _EXPLICIT,
    NativeHistogram: _EXPLICIT,
}
_NATIVE_FORMS = {**_FORMS, NativeHistogram: _EXPONENTIAL}


# ── requests of points


class _Known(NamedTuple):
    """What a series was sent as: its form, and a point with all that never changes, as bytes."""

    form: _Form
    frame: bytes


#: How much work it is to get to know a series, in gauges.
_GETTING_TO_KNOW = 4


def _know(family: Family, values: tuple[str, ...] | None, form: _Form) -> _Known:
    point, metric = form.point(), family.metric
    add_attributes(point.attributes, family.constants)
    if values is None:
        # A boolean, as OpenTelemetry has it; the label that is made of it is "true" as in a scrape.
        add_attributes(point.attributes, ((OVERFLOW[0], True),))
    else:
        add_attributes(point.attributes, [pair for pair in zip(metric.attributes, values, strict=True) if pair[1]])
    if form is _EXPLICIT:
        point.explicit_bounds.extend(metric.buckets)
    elif form is _EXPONENTIAL:
        point.zero_threshold = ZERO_THRESHOLD
    return _Known(form, point.SerializeToString())


class _Request:
    """A request that is being filled."""

    __slots__ = ("message", "points", "_work", "_size", "_scope", "_metric", "_form", "_data")

    def __init__(self, resource: Resource) -> None:
        self.message = ExportMetricsServiceRequest()
        self.points = 0
        self._work = 0
        self._size = resource.ByteSize()
        self._scope = self.message.resource_metrics.add(resource=resource).scope_metrics.add(scope=SCOPE)
        self._metric: Metric | None = None
        self._form: _Form | None = None
        self._data: Message = None

    @property
    def is_full(self) -> bool:
        """Whether the next point belongs into another request."""
        return self._work >= MAX_POINTS or self._size >= _MAX_FRAMES

    def add(self, metric: Metric, known: _Known, slot: Slot | None, time: int, work: int) -> None:
        """Add a point, the last one of its series where there is no slot any more; ``work`` was done for it already."""
        form = known.form
        # A last point stands in a metric of its own: the Collector's Prometheus exporter reads no further in a metric
        # behind one (accumulator.go; seen in 0.136), so that the others would live on for its five minutes.
        if slot is None or self._metric is not metric or self._form is not form:
            self._open(metric, form)
        point = self._data.data_points.add(time_unix_nano=time)
        point.MergeFromString(known.frame)
        if slot is None:
            form.end(point)
            work += 2
        else:
            work += form.fill(point, slot)
        self.points += 1
        self._work += work
        self._size += len(known.frame)

    def _open(self, metric: Metric, form: _Form) -> None:
        self._metric, self._form = metric, form
        opened = self._scope.metrics.add(name=metric.name, description=metric.help, unit=metric.unit)
        self._data = getattr(opened, form.field)
        self._data.SetInParent()
        for name, value in form.constants.items():
            setattr(self._data, name, value)


class MetricsEncoder:
    """
    The store as requests, export after export; one export at a time.

    It remembers which series the last export had, each as the bytes that never change, so never more than the
    store held then.  What is gone from its family since gets a last point, which says so, in each export until one is
    known to have been received: a receiver that was away would show what is gone for minutes.
    """

    def __init__(self, resource: Mapping[str, str], native: bool = False) -> None:
        """With ``native``, histograms that have native buckets are sent as exponential ones."""
        self._resource = resource_of(resource)
        self._forms = _NATIVE_FORMS if native else _FORMS
        self._sent: dict[object, dict[tuple[str, ...] | None, _Known]] = {}
        #: Series that are gone and that nobody may know to be, the oldest first.
        self._gone: dict[object, dict[tuple[str, ...] | None, _Known]] = {}

    def confirm(self) -> None:
        """The last export was received."""
        self._gone.clear()

    def encode(self, families: Iterable[Family], now: float) -> Iterator[tuple[ExportMetricsServiceRequest, int]]:
        """
        Requests, each with the number of its points, of at most ``MAX_POINTS`` points and ``MAX_BYTES`` bytes.

        A request is also about 2 ms of work at most: a point that is dear to encode counts for several.  Between two
        requests series may come and go: each family is looked at when its turn comes, and a series that
        goes after that is sent once more.
        """
        time = nanoseconds(now)
        request = _Request(self._resource)
        for family in families:
            for known, slot, work in self._series(family):
                request.add(family.metric, known, slot, time, work)
                if request.is_full:
                    yield request.message, request.points
                    request = _Request(self._resource)
        if request.points:
            yield request.message, request.points

    def _series(self, family: Family) -> Iterator[tuple[_Known, Slot | None, int]]:
        """What is to be sent of a family, and the work to know it; None for the slot of a series that is gone."""
        metric, overflow, slots = family.metric, family.overflow, family.slots()
        key = metric.name, family.constants
        before = self._sent.get(key, {})
        sent: dict[tuple[str, ...] | None, _Known] = {}
        for slot in slots:
            # None is for the overflow slot, whose values, (), are also those of a metric without attributes.
            values = None if slot is overflow else slot.values
            form, work = self._forms[type(slot)], 0
            known = before.get(values)
            if known is None:
                known, work = _know(family, values, form), _GETTING_TO_KNOW
            sent[values] = known
            yield known, slot, work
        gone = {**self._gone.pop(metric.name, {}), **before}
        gone = {values: known for values, known in gone.items() if values not in sent}
        for values in list(gone)[: max(0, len(gone) - MOST_GONE)]:
            del gone[values]
        if gone:
            self._gone[metric.name] = gone
        for known in gone.values():
            yield known, None, 0
        if sent:
            self._sent[key] = sent
        else:
            self._sent.pop(key, None)
