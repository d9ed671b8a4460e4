"""
What an OpenTelemetry Collector received, out of OTLP in JSON.

https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding: 64-bit integers are strings, and what is absent
is the default of its type.
"""

from base64 import b64decode
from dataclasses import dataclass, field
from typing import Any, TypeAlias

#: Type of a metric -> its member in JSON.
TYPES = {
    "gauge": "gauge",
    "sum": "sum",
    "histogram": "histogram",
    "exponential_histogram": "exponentialHistogram",
}
#: The flag of a point that says that nothing was recorded.
NO_RECORDED_VALUE = 1

#: The value of an attribute; lists and maps hold values in turn.
Value: TypeAlias = str | int | float | bool | bytes | list[Any] | dict[str, Any] | None
Attributes: TypeAlias = dict[str, Value]


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened during a span; times are Unix seconds."""

    name: str
    time: float
    attributes: Attributes


@dataclass(frozen=True, slots=True)
class Link:
    """Another span that a span points to; ids are hexadecimal."""

    trace_id: str
    span_id: str
    attributes: Attributes


@dataclass(frozen=True, slots=True)
class Span:
    """A span as it was received; ids are hexadecimal, times Unix seconds, ``kind`` and ``status`` OTLP's numbers."""

    trace_id: str
    span_id: str
    parent_id: str | None
    name: str
    kind: int
    start: float
    end: float
    attributes: Attributes
    events: list[Event]
    links: list[Link]
    status: int
    message: str
    flags: int
    resource: Attributes
    scope: str


@dataclass(frozen=True, slots=True)
class Exemplar:
    """One measurement behind a point, and the span that it was made in."""

    value: float
    time: float
    trace_id: str
    span_id: str
    attributes: Attributes


@dataclass(frozen=True, slots=True)
class Buckets:
    """What a histogram holds: ``counts`` has one entry more than ``bounds``."""

    count: int
    sum: float | None
    bounds: list[float]
    counts: list[int]


@dataclass(frozen=True, slots=True)
class Exponential:
    """What an exponential histogram holds: buckets are the index of the first one, and counts from there on."""

    count: int
    sum: float | None
    scale: int
    zero_count: int
    zero_threshold: float
    positive: tuple[int, list[int]]
    negative: tuple[int, list[int]]


@dataclass(frozen=True, slots=True)
class Point:
    """A point of a metric; ``value`` is None where ``flags`` says that none was recorded."""

    attributes: Attributes
    value: float | Buckets | Exponential | None
    start: float
    time: float
    flags: int
    exemplars: list[Exemplar]
    resource: Attributes


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric, and its points in the order of their coming."""

    name: str
    type: str
    unit: str
    description: str
    monotonic: bool
    #: 1 is delta, 2 is cumulative; 0 for gauges.
    temporality: int
    points: list[Point] = field(default_factory=list)

    def last(self, **attributes: Value) -> Point | None:
        """The newest point that has these attributes among others; ``_`` stands for ``.`` in their names."""
        for point in reversed(self.points):
            names = {name.replace(".", "_"): value for name, value in point.attributes.items()}
            if attributes.items() <= names.items():
                return point
        return None


def _time(nanoseconds: str) -> float:
    return int(nanoseconds) / 1e9


def _value(value: dict[str, Any]) -> Value:
    match value:
        case {"stringValue": str(text)}:
            return text
        case {"boolValue": bool(flag)}:
            return flag
        case {"intValue": number}:
            return int(number)
        case {"doubleValue": number}:
            return float(number)
        case {"bytesValue": text}:
            return b64decode(text)
        case {"arrayValue": array}:
            return [_value(each) for each in array.get("values", ())]
        case {"kvlistValue": pairs}:
            return {pair["key"]: _value(pair["value"]) for pair in pairs.get("values", ())}
    return None


def attributes_of(holder: dict[str, Any]) -> Attributes:
    """The attributes of a resource, span, event, link or point."""
    return {pair["key"]: _value(pair.get("value", {})) for pair in holder.get("attributes", ())}


def read_span(row: dict[str, Any], resource: Attributes, scope: str) -> Span:
    """A row of ``spans``."""
    status = row.get("status", {})
    return Span(
        trace_id=row["traceId"],
        span_id=row["spanId"],
        parent_id=row.get("parentSpanId") or None,
        name=row["name"],
        kind=row.get("kind", 0),
        start=_time(row["startTimeUnixNano"]),
        end=_time(row["endTimeUnixNano"]),
        attributes=attributes_of(row),
        events=[
            Event(each["name"], _time(each["timeUnixNano"]), attributes_of(each)) for each in row.get("events", ())
        ],
        links=[Link(each["traceId"], each["spanId"], attributes_of(each)) for each in row.get("links", ())],
        status=status.get("code", 0),
        message=status.get("message", ""),
        flags=row.get("flags", 0),
        resource=resource,
        scope=scope,
    )


def read_metric(row: dict[str, Any]) -> Metric:
    """A row of ``metrics``, without its points."""
    (type,) = (name for name, member in TYPES.items() if member in row)
    data = row[TYPES[type]]
    return Metric(
        name=row["name"],
        type=type,
        unit=row.get("unit", ""),
        description=row.get("description", ""),
        monotonic=data.get("isMonotonic", False),
        temporality=data.get("aggregationTemporality", 0),
    )


def read_point(row: dict[str, Any], type: str, resource: Attributes) -> Point:
    """A row of ``dataPoints`` of a metric of this type."""
    return Point(
        attributes=attributes_of(row),
        value=_measured(row, type),
        start=_time(row.get("startTimeUnixNano", "0")),
        time=_time(row.get("timeUnixNano", "0")),
        flags=row.get("flags", 0),
        exemplars=[_exemplar(each) for each in row.get("exemplars", ())],
        resource=resource,
    )


def _measured(row: dict[str, Any], type: str) -> float | Buckets | Exponential | None:
    if row.get("flags", 0) & NO_RECORDED_VALUE:
        return None
    total = float(row["sum"]) if "sum" in row else None
    if type == "exponential_histogram":
        return Exponential(
            count=int(row.get("count", 0)),
            sum=total,
            scale=row.get("scale", 0),
            zero_count=int(row.get("zeroCount", 0)),
            zero_threshold=float(row.get("zeroThreshold", 0.0)),
            positive=_indexed(row.get("positive", {})),
            negative=_indexed(row.get("negative", {})),
        )
    if type == "histogram":
        bounds = [float(bound) for bound in row.get("explicitBounds", ())]
        return Buckets(int(row.get("count", 0)), total, bounds, [int(each) for each in row.get("bucketCounts", ())])
    return _number(row)


def _indexed(row: dict[str, Any]) -> tuple[int, list[int]]:
    return row.get("offset", 0), [int(count) for count in row.get("bucketCounts", ())]


def _exemplar(row: dict[str, Any]) -> Exemplar:
    filtered = {"attributes": row.get("filteredAttributes", ())}
    value = _number(row)
    assert value is not None, "an exemplar has a value"
    return Exemplar(
        value, _time(row["timeUnixNano"]), row.get("traceId", ""), row.get("spanId", ""), attributes_of(filtered)
    )


def _number(row: dict[str, Any]) -> float | None:
    if "asInt" in row:
        return int(row["asInt"])
    return float(row["asDouble"]) if "asDouble" in row else None
