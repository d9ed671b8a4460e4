"""
The store as Prometheus reads it in protobuf, the one format that has native histograms and start times.

``io.prometheus.client.MetricFamily`` messages, each with its length before it.  There is no package that is kept up
with the generated classes for Python, and these are few fields, so they are written by hand.  Their numbers are those
of prometheus/client_model, ``metrics.proto``, the encoding is that of protobuf.dev, "Encoding".
"""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import accumulate, groupby
from math import inf
from struct import Struct

from rtc_exporter.export.prometheus import CHUNK_LINES, Process, fits, labels_of, unit_of
from rtc_exporter.metric import Kind, label
from rtc_exporter.series import Counter, Exemplar, ExemplarLabels, Family, Histogram, NativeHistogram, Slot
from rtc_exporter.slots import ZERO_THRESHOLD

#: Wire types, the low three bits of a tag.
_VARINT, _FIXED64, _BYTES = 0, 1, 2


def _tag(field: int, wire: int) -> bytes:
    """What stands before a value; all fields used here are below 16, so it is one byte."""
    return bytes((field << 3 | wire,))


# Message, field, number.
_LABEL_NAME, _LABEL_VALUE = _tag(1, _BYTES), _tag(2, _BYTES)
FAMILY_NAME, _FAMILY_HELP, _FAMILY_TYPE = _tag(1, _BYTES), _tag(2, _BYTES), _tag(3, _VARINT)
FAMILY_METRIC, _FAMILY_UNIT = _tag(4, _BYTES), _tag(5, _BYTES)
_METRIC_LABEL, _METRIC_GAUGE, _METRIC_COUNTER = _tag(1, _BYTES), _tag(2, _BYTES), _tag(3, _BYTES)
_METRIC_UNTYPED, _METRIC_HISTOGRAM = _tag(5, _BYTES), _tag(7, _BYTES)
_VALUE = _tag(1, _FIXED64)  # of Counter, Gauge and Untyped
_COUNTER_EXEMPLAR, _COUNTER_CREATED = _tag(2, _BYTES), _tag(3, _BYTES)
_HISTOGRAM_COUNT, _HISTOGRAM_SUM, _HISTOGRAM_BUCKET = _tag(1, _VARINT), _tag(2, _FIXED64), _tag(3, _BYTES)
_HISTOGRAM_SCHEMA, _HISTOGRAM_THRESHOLD, _HISTOGRAM_ZEROS = _tag(5, _VARINT), _tag(6, _FIXED64), _tag(7, _VARINT)
_HISTOGRAM_SPAN, _HISTOGRAM_DELTA = _tag(12, _BYTES), _tag(13, _BYTES)  # positive; the deltas are packed
_HISTOGRAM_CREATED = _tag(15, _BYTES)
_HISTOGRAM_EXEMPLAR = b"\x82\x01"  # 16, the one number that needs two bytes
_BUCKET_COUNT, _BUCKET_BOUND, _BUCKET_EXEMPLAR = _tag(1, _VARINT), _tag(2, _FIXED64), _tag(3, _BYTES)
_SPAN_OFFSET, _SPAN_LENGTH = _tag(1, _VARINT), _tag(2, _VARINT)
_EXEMPLAR_LABEL, _EXEMPLAR_VALUE, _EXEMPLAR_TIME = _tag(1, _BYTES), _tag(2, _FIXED64), _tag(3, _BYTES)
_TIME_SECONDS, _TIME_NANOS = _tag(1, _VARINT), _tag(2, _VARINT)  # google.protobuf.Timestamp

#: MetricType of our kinds.
_TYPES = {Kind.COUNTER: 0, Kind.GAUGE: 1, Kind.INFO: 1, Kind.HISTOGRAM: 4}
#: MetricType and field of the value, for the types of prometheus_client's collectors; anything else is untyped.
_THEIR_TYPES = {"counter": (0, _METRIC_COUNTER), "gauge": (1, _METRIC_GAUGE)}
_UNTYPED = (3, _METRIC_UNTYPED)

_double = Struct("<d").pack
_ONE = tuple(bytes((byte,)) for byte in range(256))

#: A gauge but for the eight bytes of its value, and a field that is the same in all native histograms.
_GAUGE = _METRIC_GAUGE + b"\x09" + _VALUE
_THRESHOLD = _HISTOGRAM_THRESHOLD + _double(ZERO_THRESHOLD)

#: Controls but line feed, and halves of surrogate pairs: the same become U+FFFD as in the text formats.
_CLEAN: dict[int, str] = dict.fromkeys({*range(0x20), 0x7F, *range(0xD800, 0xE000)} - {0x0A}, "\ufffd")


def render(families: Iterable[Family], lines: int = CHUNK_LINES) -> Iterator[bytes]:
    """
    The families in chunks of about as much work as so many lines of text.

    A message begins with its length, so a long family is kept until it is all there; meanwhile empty chunks come,
    at which the caller may let others run as after any.  Series may come and go as they may for the text.
    """
    parts: list[bytes] = []
    size = 0
    for metric, together in groupby(families, lambda family: family.metric):
        pairs = [(family, slot) for family in together for slot in family.slots()]
        if not pairs:
            continue
        done: list[bytes] = []
        metrics: list[bytes] = []
        for family, slot in pairs:
            metrics.append(_metric(family, slot))
            size += _work(slot)
            if size >= lines:
                done.append(b"".join(metrics))
                metrics.clear()
                size = 0
                yield b"".join(parts)
                parts.clear()
        done.append(b"".join(metrics))
        head = _head(metric.prometheus, metric.help, _TYPES[metric.kind], unit_of(metric))
        parts.append(varint(len(head) + sum(map(len, done))) + head)
        if len(done) > 1:
            yield b"".join(parts)
            yield from done[:-1]
            parts.clear()
        parts.append(done[-1])
    if parts:
        yield b"".join(parts)


def process_metrics(shard: str = "") -> bytes:
    """What prometheus_client says about this process, its Python and its garbage collector; one part among others."""
    result = []
    for family in Process(shard).collect():
        kind, field = _THEIR_TYPES.get(family.type, _UNTYPED)
        name = f"{family.name}_total" if family.type == "counter" else family.name
        message = _head(name, family.documentation, kind, "")
        for sample in family.samples:
            if sample.name == name:
                labels = b"".join([_pair(*pair) for pair in sample.labels.items()])
                message += _sized(FAMILY_METRIC, labels + _sized(field, _VALUE + _double(float(sample.value))))
        result.append(varint(len(message)) + message)
    return b"".join(result)


def _work(slot: Slot) -> int:
    """How many lines of text take as long to write."""
    if not isinstance(slot, Histogram):
        return 1
    return len(slot.counts) + 2 + (len(slot.buckets) if isinstance(slot, NativeHistogram) else 0)


# ── messages


def _head(name: str, help: str, type: int, unit: str) -> bytes:
    """A MetricFamily without its metrics."""
    text = _text(FAMILY_NAME, name) + _text(_FAMILY_HELP, help) + _FAMILY_TYPE + _ONE[type]
    return text + (_text(_FAMILY_UNIT, unit) if unit else b"")


def _metric(family: Family, slot: Slot) -> bytes:
    """A Metric, as one of its family."""
    labels = slot.packed or _pack(family, slot)
    if isinstance(slot, Histogram):
        return _sized(FAMILY_METRIC, labels + _sized(_METRIC_HISTOGRAM, _histogram(slot)))
    if isinstance(slot, Counter):
        value = _VALUE + _double(slot.value)
        if slot.exemplar is not None and (exemplar := _exemplar(slot.exemplar)):
            value += _sized(_COUNTER_EXEMPLAR, exemplar)
        return _sized(FAMILY_METRIC, labels + _sized(_METRIC_COUNTER, value + _created(_COUNTER_CREATED, slot.start)))
    return _sized(FAMILY_METRIC, labels + _GAUGE + _double(slot.value))


def _histogram(slot: Histogram) -> bytes:
    """A Histogram: the buckets with bounds, and the exponential ones where it has them."""
    parts = [_HISTOGRAM_COUNT, varint(slot.count), _HISTOGRAM_SUM, _double(slot.sum)]
    bounds, totals = _bounds(slot.bounds), accumulate(slot.counts)
    exemplars: list[tuple[float, float, bytes]] = []
    if slot.exemplars is None:
        for bound, total in zip(bounds, totals, strict=True):
            number = varint(total)
            parts += (_HISTOGRAM_BUCKET, _ONE[len(number) + 10], _BUCKET_COUNT, number, bound)
    else:
        for bound, total, exemplar in zip(bounds, totals, slot.exemplars, strict=True):
            bucket = _BUCKET_COUNT + varint(total) + bound
            if exemplar is not None and (message := _exemplar(exemplar)):
                exemplars.append((exemplar.time, exemplar.value, message))
                bucket += _sized(_BUCKET_EXEMPLAR, message)
            parts.append(_sized(_HISTOGRAM_BUCKET, bucket))
    if isinstance(slot, NativeHistogram):
        parts += (_HISTOGRAM_SCHEMA, varint(_zigzag(slot.schema)), _THRESHOLD, _HISTOGRAM_ZEROS, varint(slot.zeros))
        parts += _native(slot.buckets)
        # Prometheus takes the exemplars of one series in the order of time, and then of value, only.
        parts += [_sized(_HISTOGRAM_EXEMPLAR, message) for _, _, message in sorted(exemplars)]
    parts.append(_created(_HISTOGRAM_CREATED, slot.start))
    return b"".join(parts)


def _native(buckets: dict[int, int]) -> list[bytes]:
    """Runs of buckets without a gap, as distance from the run before and length; and how each count differs."""
    runs: list[list[int]] = []  # first bucket, and the one after the last
    deltas: list[bytes] = []
    end, before = None, 0
    for index in sorted(buckets):
        if index == end:
            runs[-1][1] += 1
        else:
            runs.append([index, index + 1])
        end = index + 1
        count = buckets[index]
        deltas.append(varint(_zigzag(count - before)))
        before = count
    # A histogram without positive values still has a span, of length 0, to be told from one that has only bounds.
    parts, end = [], 0
    for first, after in runs or [[0, 0]]:
        span = _SPAN_OFFSET + varint(_zigzag(first - end)) + _SPAN_LENGTH + varint(after - first)
        parts.append(_sized(_HISTOGRAM_SPAN, span))
        end = after
    return [*parts, _sized(_HISTOGRAM_DELTA, b"".join(deltas))] if deltas else parts


def _exemplar(exemplar: Exemplar) -> bytes:
    """An Exemplar; nothing when its labels are too long."""
    labels = _exemplar_labels(exemplar.labels)
    value = _EXEMPLAR_VALUE + _double(exemplar.value) + _sized(_EXEMPLAR_TIME, _timestamp(exemplar.time))
    return labels + value if labels else b""


@lru_cache(maxsize=4096)
def _exemplar_labels(labels: ExemplarLabels) -> bytes:
    """Many exemplars of one participant have the same.  Nothing when they are too long."""
    return b"".join(_sized(_EXEMPLAR_LABEL, _names(label(name), value)) for name, value in labels if fits(labels))


def _pack(family: Family, slot: Slot) -> bytes:
    """The labels of a metric, and keep them."""
    slot.packed = b"".join([_pair(name, value) for name, value in labels_of(family, slot)])
    return slot.packed


def _pair(name: str, value: str) -> bytes:
    return _sized(_METRIC_LABEL, _names(name, value))


def _names(name: str, value: str) -> bytes:
    return _text(_LABEL_NAME, name) + _text(_LABEL_VALUE, value.translate(_CLEAN))


@lru_cache(maxsize=256)
def _bounds(bounds: tuple[float, ...]) -> tuple[bytes, ...]:
    return tuple(_BUCKET_BOUND + _double(bound) for bound in (*bounds, inf))


@lru_cache(maxsize=4096)
def _created(tag: bytes, start: float) -> bytes:
    """When a series began; many of a cohort begin together."""
    return _sized(tag, _timestamp(start))


def _timestamp(time: float) -> bytes:
    """A Timestamp in whole milliseconds: Prometheus reads no more, and the text formats write no more."""
    seconds, rest = divmod(round(time * 1000), 1000)
    return _TIME_SECONDS + varint(seconds) + _TIME_NANOS + varint(rest * 1_000_000)


# ── values


def _text(tag: bytes, text: str) -> bytes:
    return _sized(tag, text.encode("utf-8", "replace"))


def _sized(tag: bytes, value: bytes) -> bytes:
    """A field of a length that is told before it."""
    return tag + varint(len(value)) + value


def varint(number: int) -> bytes:
    """Seven bits a byte, the lowest first; all but the last byte have the eighth bit set."""
    if number < 0x80:
        return _ONE[number]
    if number < 0x4000:
        return _ONE[number & 0x7F | 0x80] + _ONE[number >> 7]
    if number < 0x200000:
        return _ONE[number & 0x7F | 0x80] + _ONE[number >> 7 & 0x7F | 0x80] + _ONE[number >> 14]
    return _ONE[number & 0x7F | 0x80] + varint(number >> 7)


def _zigzag(number: int) -> int:
    """A signed number as an unsigned one: 0, -1, 1, -2, 2 become 0, 1, 2, 3, 4."""
    return number << 1 if number >= 0 else (-number << 1) - 1
