"""OTLP messages: literal ones, the same as the SDK's where it can say it, and what only ours can say."""

from collections.abc import Iterable, Sequence
from math import inf, nan
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics as sdk_encode_metrics
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans as sdk_encode_spans
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.metrics import Exemplar as SdkExemplar
from opentelemetry.sdk.metrics import export as sdk
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link as SdkLink
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState

from rtc_exporter import __version__, catalog
from rtc_exporter.export import otlp_metrics
from rtc_exporter.export.otlp import MAX_BYTES, MAX_POINTS, MAX_SPANS, MetricsEncoder, batches, encode_spans
from rtc_exporter.export.otlp_values import nanoseconds
from rtc_exporter.metric import Kind, Metric, Profile, Tier
from rtc_exporter.series import Counter, Exemplar, Family, Histogram, SeriesStore
from rtc_exporter.span import Link, Span, SpanEvent

RESOURCE = {"service.name": "rtc-exporter", "service.instance.id": "a-1"}
TRACE, SPAN, PARENT = bytes(range(16)), bytes(range(1, 9)), bytes(range(2, 10))

#: The parts of a request that are the same in all.
SCOPE = {"name": "rtc_exporter", "version": __version__}
RESOURCE_MESSAGE = {
    "attributes": [
        {"key": "service.name", "value": {"string_value": "rtc-exporter"}},
        {"key": "service.instance.id", "value": {"string_value": "a-1"}},
    ]
}


def trace_request(*spans: dict[str, Any]) -> ExportTraceServiceRequest:
    """The message with these spans."""
    scope: Any = {"scope": SCOPE, "spans": spans}
    resource: Any = {"resource": RESOURCE_MESSAGE, "scope_spans": [scope]}
    return ExportTraceServiceRequest(resource_spans=[resource])


def metrics_request(*metrics: dict[str, Any]) -> ExportMetricsServiceRequest:
    """The message with these metrics."""
    scope: Any = {"scope": SCOPE, "metrics": metrics}
    resource: Any = {"resource": RESOURCE_MESSAGE, "scope_metrics": [scope]}
    return ExportMetricsServiceRequest(resource_metrics=[resource])


def text(**attributes: str) -> list[dict[str, Any]]:
    """Attributes whose values are text."""
    return [{"key": name, "value": {"string_value": value}} for name, value in attributes.items()]


# ── spans

BARE = Span("rtc.session", TRACE, SPAN, b"", 1700000000.0, 1700000000.0, {})
FULL = Span(
    "rtc.participant.segment",
    TRACE,
    SPAN,
    PARENT,
    1700000000.123,
    1700000300.000001,
    {"session.id": "é", "rtc.hidden": True, "rtc.freezes": 3, "rtc.jitter.max": 0.25},
    (SpanEvent("rtc.mute", 1700000001.5, {"rtc.media.kind": "audio"}),),
    (Link(TRACE[::-1], SPAN[::-1], {"rtc.link": "before"}),),
    "ice failed",
    "ot=th:8",
    2,
)


def test_a_span_is_written_with_all_that_it_has() -> None:
    """Names, ids, times in whole microseconds, values in their types, events, links and the status."""
    request = encode_spans((BARE, FULL), RESOURCE)

    assert ExportTraceServiceRequest.FromString(request.SerializeToString()) == trace_request(
        {
            "trace_id": TRACE,
            "span_id": SPAN,
            "flags": 0x103,
            "name": "rtc.session",
            "kind": 1,
            "start_time_unix_nano": 1_700_000_000_000_000_000,
            "end_time_unix_nano": 1_700_000_000_000_000_000,
        },
        {
            "trace_id": TRACE,
            "span_id": SPAN,
            "trace_state": "ot=th:8",
            "parent_span_id": PARENT,
            "flags": 0x103,
            "name": "rtc.participant.segment",
            "kind": 1,
            "start_time_unix_nano": 1_700_000_000_123_000_000,
            "end_time_unix_nano": 1_700_000_300_000_001_000,
            "attributes": [
                {"key": "session.id", "value": {"string_value": "é"}},
                {"key": "rtc.hidden", "value": {"bool_value": True}},
                {"key": "rtc.freezes", "value": {"int_value": 3}},
                {"key": "rtc.jitter.max", "value": {"double_value": 0.25}},
            ],
            "events": [
                {
                    "name": "rtc.mute",
                    "time_unix_nano": 1_700_000_001_500_000_000,
                    "attributes": [{"key": "rtc.media.kind", "value": {"string_value": "audio"}}],
                }
            ],
            "dropped_events_count": 2,
            "links": [
                {
                    "trace_id": TRACE[::-1],
                    "span_id": SPAN[::-1],
                    "flags": 0x103,
                    "attributes": [{"key": "rtc.link", "value": {"string_value": "before"}}],
                }
            ],
            "status": {"code": 2, "message": "ice failed"},
        },
    )


def test_spans_are_what_the_sdk_would_send() -> None:
    """The same data as ReadableSpan gives the same message, but for the trace flags, which the SDK leaves out."""

    def context(trace: bytes, span: bytes, state: str = "") -> SpanContext:
        flags, entries = TraceFlags(TraceFlags.SAMPLED), TraceState([("ot", state)] if state else [])
        return SpanContext(int.from_bytes(trace), int.from_bytes(span), False, flags, entries)

    theirs = ReadableSpan(
        FULL.name,
        context(TRACE, SPAN, "th:8"),
        context(TRACE, PARENT),
        Resource(RESOURCE),
        FULL.attributes,
        [Event("rtc.mute", {"rtc.media.kind": "audio"}, 1_700_000_001_500_000_000)],
        [SdkLink(context(TRACE[::-1], SPAN[::-1]), {"rtc.link": "before"})],
        SpanKind.INTERNAL,
        status=Status(StatusCode.ERROR, "ice failed"),
        start_time=1_700_000_000_123_000_000,
        end_time=1_700_000_300_000_001_000,
        instrumentation_scope=InstrumentationScope("rtc_exporter", __version__),
    )
    ours = encode_spans((FULL._replace(dropped_events=0),), RESOURCE)
    encoded = ours.resource_spans[0].scope_spans[0].spans[0]
    encoded.flags = encoded.links[0].flags = 0x100

    assert ours == sdk_encode_spans([theirs])


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0.0, 0),
        (-1.0, 0),
        (-inf, 0),
        (nan, 0),
        (1e-6, 1000),
        (1700000000.123, 1_700_000_000_123_000_000),
        (1700000000.999999, 1_700_000_000_999_999_000),
        (9223372036.854774, 9_223_372_036_854_774_000),
        (9223372037.0, 2**63 - 1),
        (1e300, 2**63 - 1),
        (inf, 2**63 - 1),
    ],
)
def test_times_are_whole_microseconds_that_fit(seconds: float, expected: int) -> None:
    """What no receiver could hold becomes the nearest that it can."""
    assert nanoseconds(seconds) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (True, {"bool_value": True}),
        (False, {"bool_value": False}),
        (1, {"int_value": 1}),
        (-(2**63) - 1, {"int_value": -(2**63)}),
        (2**64, {"int_value": 2**63 - 1}),
        (1.0, {"double_value": 1.0}),
        (-inf, {"double_value": -inf}),
        ("", {"string_value": ""}),
        ("a\ud83d\udcde\x00", {"string_value": "a\ufffd\ufffd\x00"}),
        ("\U0001f4de", {"string_value": "\U0001f4de"}),
    ],
)
def test_values_keep_their_type(value: str | float, expected: dict[str, Any]) -> None:
    """A bool is no int, and what protobuf refuses becomes the nearest that it takes."""
    request = encode_spans((BARE._replace(attributes={"a": value}),), RESOURCE)

    span = request.resource_spans[0].scope_spans[0].spans[0]
    assert span == type(span)(
        trace_id=TRACE,
        span_id=SPAN,
        flags=0x103,
        name="rtc.session",
        kind=1,
        start_time_unix_nano=1_700_000_000_000_000_000,
        end_time_unix_nano=1_700_000_000_000_000_000,
        attributes=[{"key": "a", "value": expected}],
    )


def decoded(message: Any) -> Span:
    """What a receiver reads, as our own type; times in microseconds."""

    def attributes(pairs: Iterable[Any]) -> dict[str, Any]:
        return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in pairs}

    return Span(
        message.name,
        message.trace_id,
        message.span_id,
        message.parent_span_id,
        message.start_time_unix_nano / 1000,
        message.end_time_unix_nano / 1000,
        attributes(message.attributes),
        tuple(
            SpanEvent(event.name, event.time_unix_nano / 1000, attributes(event.attributes)) for event in message.events
        ),
        tuple(Link(link.trace_id, link.span_id, attributes(link.attributes)) for link in message.links),
        message.status.message if message.status.code == 2 else None,
        message.trace_state,
        message.dropped_events_count,
    )


def in_microseconds(span: Span) -> Span:
    """The span with the times that ``decoded`` gives."""
    events = tuple(event._replace(time=round(event.time * 1e6)) for event in span.events)
    return span._replace(start=round(span.start * 1e6), end=round(span.end * 1e6), events=events)


WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
TIMES = st.integers(0, 4 * 10**15).map(lambda microseconds: microseconds / 1e6)
VALUES = WORDS | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False)
ATTRIBUTES = st.dictionaries(WORDS, VALUES, max_size=5)
EVENTS = st.builds(SpanEvent, WORDS, TIMES, ATTRIBUTES)
LINKS = st.builds(Link, st.binary(min_size=16, max_size=16), st.binary(min_size=8, max_size=8), ATTRIBUTES)
SPANS = st.builds(
    Span,
    WORDS,
    st.binary(min_size=16, max_size=16),
    st.binary(min_size=8, max_size=8),
    st.just(b"") | st.binary(min_size=8, max_size=8),
    TIMES,
    TIMES,
    ATTRIBUTES,
    st.lists(EVENTS, max_size=3).map(tuple),
    st.lists(LINKS, max_size=2).map(tuple),
    st.none() | WORDS,
    WORDS,
    st.integers(0, 1000),
    st.just(False),
)


@given(st.lists(SPANS, max_size=4))
def test_what_is_decoded_is_what_was_encoded(spans: list[Span]) -> None:
    """Any spans made of valid parts come through with nothing lost and nothing changed."""
    data = encode_spans(spans, RESOURCE).SerializeToString()

    messages = ExportTraceServiceRequest.FromString(data).resource_spans[0].scope_spans[0].spans
    assert [decoded(message) for message in messages] == [in_microseconds(span) for span in spans]


ANY = st.text(st.characters(categories=["L", "Cs", "Cc"]), max_size=9)


@given(ANY, st.floats(), st.dictionaries(ANY, ANY | st.integers() | st.floats(), max_size=5))
def test_nothing_that_a_client_made_up_raises(name: str, time: float, attributes: dict[str, str | int | float]) -> None:
    """Halves of surrogate pairs, endless integers and times that never were are still sent as something."""
    event, link = SpanEvent(name, time, attributes), Link(TRACE, SPAN, attributes)
    span = Span(name, TRACE, SPAN, PARENT, time, time, attributes, (event,), (link,), name, name)

    data = encode_spans((span,), {name: name}).SerializeToString()

    assert len(ExportTraceServiceRequest.FromString(data).resource_spans[0].scope_spans[0].spans) == 1


def named(name: str, length: int = 0, character: str = "x") -> Span:
    """A span with an attribute of so many characters."""
    return BARE._replace(name=name, attributes={"text": character * length})


def names(batch: Sequence[Span]) -> str:
    """The spans of a batch, a letter each."""
    return "".join(span.name for span in batch)


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        ([], []),
        ([named("a")], [("a", True)]),
        ([named(name, 200) for name in "abcdef"], [("ab", True), ("cd", True), ("ef", True)]),
        ([named("a"), named("b", 2000), named("c")], [("a", True), ("b", False), ("c", True)]),
        # The estimate counts characters, so these fit by it and are halved.
        ([named(name, 90, "\U0001f4de") for name in "abcd"], [("a", True), ("b", True), ("c", True), ("d", True)]),
    ],
    ids=["none", "one", "several", "too large", "halved"],
)
def test_batches_stay_below_their_limit(spans: list[Span], expected: list[tuple[str, bool]]) -> None:
    """Order is kept, and a span that no request can hold is given back."""
    made = list(batches(spans, RESOURCE, 900))

    assert [(names(batch), request is not None) for request, batch in made] == expected
    for request, batch in made:
        if request is not None:
            assert request.ByteSize() <= 900
            assert request == encode_spans(batch, RESOURCE)


def test_a_batch_holds_no_more_spans_than_the_sdk_sends() -> None:
    """Small spans are counted."""
    made = [len(batch) for _, batch in batches([BARE] * (2 * MAX_SPANS + 1), RESOURCE)]

    assert made == [MAX_SPANS, MAX_SPANS, 1]


# ── metrics

IO = Metric("t.io", Kind.COUNTER, "By", ("user_agent.name", "b"), (), "Bytes.")
ACTIVE = Metric("t.active", Kind.GAUGE, "{thing}", (), (), "Things.")
DELAY = Metric("t.delay", Kind.HISTOGRAM, "s", ("a",), (), "Delay.", (0.25, 1.0, 4.0))
INFO = Metric("t.info", Kind.INFO, "", ("a", "b"), (), "Labels.", tier=Tier.PARTICIPANT)
LIVE = Metric("t.live", Kind.GAUGE, "1", ("a",), (), "A share.", tier=Tier.PARTICIPANT)
EMPTY = Metric("t.empty", Kind.COUNTER, "{thing}", ("a",), (), "Nothing yet.")
METRICS = (IO, ACTIVE, DELAY, INFO, LIVE, EMPTY)

START, NOW = 1700000000.0, 1700000060.5
START_NS, NOW_NS = 1_700_000_000_000_000_000, 1_700_000_060_500_000_000
LABELS = (("trace_id", TRACE.hex()), ("span_id", SPAN.hex()), ("rtc.participant.id", "p\ud800"))


def store_of(*metrics: Metric, budget: int = 100, native: bool = False) -> SeriesStore:
    """An empty store with these metrics."""
    return SeriesStore(metrics, budget=budget, idle=10.0, native=native, now=START)


def family_of(store: SeriesStore, metric: Metric) -> Family:
    """The family of a metric."""
    family = store.family(metric.name)
    assert family is not None
    return family


def filled(native: bool = False) -> SeriesStore:
    """A store with something of every kind."""
    store = store_of(*METRICS, budget=2, native=native)
    store.add("t.io", ("Chrome", "x"), 12, START)
    store.add("t.io", ("Chrome", ""), 0.5, START + 1)
    store.add("t.io", ("Firefox", "x"), 3, START + 2)  # over the budget
    store.set("t.active", (), 2, START)
    for value in (0.0, 0.25, 0.5, 0.5, 1.0, 2.0, 9.0):
        store.observe("t.delay", ("x",), value, START)
    store.set("t.info", ("\ud800", "x"), 1, START)
    io, delay = family_of(store, IO).slots()[0], family_of(store, DELAY).slots()[0]
    assert isinstance(io, Counter)
    assert isinstance(delay, Histogram)
    io.exemplar = Exemplar(LABELS, 7.0, START + 3.25)
    delay.exemplars = [None, Exemplar(LABELS[:2], 0.5, START + 4), None, Exemplar((), 9.0, START + 5)]
    return store


def export(encoder: MetricsEncoder, store: SeriesStore, now: float = NOW) -> ExportMetricsServiceRequest:
    """The only request of an export, as a receiver reads it."""
    ((request, points),) = encoder.encode(store.families(), now)
    received: ExportMetricsServiceRequest = ExportMetricsServiceRequest.FromString(request.SerializeToString())
    assert points == sum(len(points_of(metric)) for metric in metrics_of(received))
    return received


def points_of(metric: Any) -> Any:
    """The points of a metric of any kind."""
    return getattr(metric, metric.WhichOneof("data")).data_points


def metrics_of(request: ExportMetricsServiceRequest) -> list[Any]:
    """The metrics of a request."""
    return list(request.resource_metrics[0].scope_metrics[0].metrics)


EXPECTED_IO = {
    "name": "t.io",
    "description": "Bytes.",
    "unit": "By",
    "sum": {
        "aggregation_temporality": 2,
        "is_monotonic": True,
        "data_points": [
            {
                "attributes": [*text(**{"user_agent.name": "Chrome"}), *text(b="x")],
                "start_time_unix_nano": START_NS,
                "time_unix_nano": NOW_NS,
                "as_double": 12.0,
                "exemplars": [
                    {
                        "time_unix_nano": START_NS + 3_250_000_000,
                        "as_double": 7.0,
                        "trace_id": TRACE,
                        "span_id": SPAN,
                        "filtered_attributes": text(**{"rtc.participant.id": "p\ufffd"}),
                    }
                ],
            },
            {
                "attributes": text(**{"user_agent.name": "Chrome"}),
                "start_time_unix_nano": START_NS + 1_000_000_000,
                "time_unix_nano": NOW_NS,
                "as_double": 0.5,
            },
            {
                "attributes": [{"key": "otel.metric.overflow", "value": {"bool_value": True}}],
                "start_time_unix_nano": START_NS + 2_000_000_000,
                "time_unix_nano": NOW_NS,
                "as_double": 3.0,
            },
        ],
    },
}
EXPECTED_ACTIVE = {
    "name": "t.active",
    "description": "Things.",
    "unit": "{thing}",
    "gauge": {"data_points": [{"time_unix_nano": NOW_NS, "as_double": 2.0}]},
}
EXPECTED_EXEMPLARS = [
    {"time_unix_nano": START_NS + 4_000_000_000, "as_double": 0.5, "trace_id": TRACE, "span_id": SPAN},
    {"time_unix_nano": START_NS + 5_000_000_000, "as_double": 9.0},
]
EXPECTED_DELAY = {
    "name": "t.delay",
    "description": "Delay.",
    "unit": "s",
    "histogram": {
        "aggregation_temporality": 2,
        "data_points": [
            {
                "attributes": text(a="x"),
                "start_time_unix_nano": START_NS,
                "time_unix_nano": NOW_NS,
                "count": 7,
                "sum": 13.25,
                "bucket_counts": [2, 3, 1, 1],
                "explicit_bounds": [0.25, 1.0, 4.0],
                "exemplars": EXPECTED_EXEMPLARS,
            }
        ],
    },
}
#: Buckets of eight to the double; the bounds are ``2 ** (offset / 8)`` on, and a bound belongs to the bucket below it.
EXPECTED_NATIVE = {
    "name": "t.delay",
    "description": "Delay.",
    "unit": "s",
    "exponential_histogram": {
        "aggregation_temporality": 2,
        "data_points": [
            {
                "attributes": text(a="x"),
                "start_time_unix_nano": START_NS,
                "time_unix_nano": NOW_NS,
                "count": 7,
                "sum": 13.25,
                "scale": 3,
                "zero_count": 1,
                "zero_threshold": 2.0**-30,
                "positive": {
                    "offset": -17,
                    "bucket_counts": [1, *[0] * 7, 2, *[0] * 7, 1, *[0] * 7, 1, *[0] * 17, 1],
                },
                "exemplars": EXPECTED_EXEMPLARS,
            }
        ],
    },
}
EXPECTED_INFO = {
    "name": "t.info",
    "description": "Labels.",
    "gauge": {
        "data_points": [{"attributes": text(a="\ufffd", b="x"), "time_unix_nano": NOW_NS, "as_double": 1.0}],
    },
}


@pytest.mark.parametrize("native", [False, True])
def test_a_store_is_written_as_it_is(native: bool) -> None:
    """All kinds, in the order of the catalogue, the second time as the first."""
    store, encoder = filled(native), MetricsEncoder(RESOURCE, native)
    delay = EXPECTED_NATIVE if native else EXPECTED_DELAY

    for _ in range(2):
        assert export(encoder, store) == metrics_request(EXPECTED_IO, EXPECTED_ACTIVE, delay, EXPECTED_INFO)


def test_native_buckets_are_sent_only_where_they_are_wanted() -> None:
    """A store may have them for scrapes alone, and an encoder takes the bounds where there are no native buckets."""
    for native in (False, True):
        request = export(MetricsEncoder(RESOURCE, native=not native), filled(native))

        assert request == metrics_request(EXPECTED_IO, EXPECTED_ACTIVE, EXPECTED_DELAY, EXPECTED_INFO)


@pytest.mark.parametrize("native", [False, True])
def test_metrics_are_what_the_sdk_would_send(native: bool) -> None:
    """The same data as MetricsData gives the same message, but for the zero threshold, which the SDK leaves out."""

    def number(
        attributes: dict[str, Any], value: float, start: int = 0, *exemplars: SdkExemplar
    ) -> sdk.NumberDataPoint:
        return sdk.NumberDataPoint(attributes, START_NS + start, NOW_NS, value, list(exemplars))

    def exemplar(attributes: dict[str, Any], value: float, time: int) -> SdkExemplar:
        return SdkExemplar(attributes, value, START_NS + time, int.from_bytes(SPAN), int.from_bytes(TRACE))

    second = 1_000_000_000
    cumulative = sdk.AggregationTemporality.CUMULATIVE
    seen = exemplar({"rtc.participant.id": "p\ufffd"}, 7.0, 3_250_000_000)
    counters = [
        number({"user_agent.name": "Chrome", "b": "x"}, 12.0, 0, seen),
        number({"user_agent.name": "Chrome"}, 0.5, second),
        number({"otel.metric.overflow": True}, 3.0, 2 * second),
    ]
    exemplars = [
        exemplar({}, 0.5, 4 * second),
        SdkExemplar({}, 9.0, START_NS + 5 * second, None, None),
    ]
    delay: sdk.Histogram | sdk.ExponentialHistogram
    unknown: Any = None  # the SDK's types want a minimum and a maximum, its encoder does not
    if native:
        counts = [1, *[0] * 7, 2, *[0] * 7, 1, *[0] * 7, 1, *[0] * 17, 1]
        buckets, none = sdk.Buckets(-17, counts), sdk.Buckets(0, [])
        delay = sdk.ExponentialHistogram(
            [
                sdk.ExponentialHistogramDataPoint(
                    {"a": "x"}, START_NS, NOW_NS, 7, 13.25, 3, 1, buckets, none, 0, unknown, unknown, exemplars
                )
            ],
            cumulative,
        )
    else:
        bounds = [0.25, 1.0, 4.0]
        delay = sdk.Histogram(
            [
                sdk.HistogramDataPoint(
                    {"a": "x"}, START_NS, NOW_NS, 7, 13.25, [2, 3, 1, 1], bounds, unknown, unknown, exemplars
                )
            ],
            cumulative,
        )
    theirs = [
        sdk.Metric("t.io", "Bytes.", "By", sdk.Sum(counters, cumulative, True)),
        sdk.Metric("t.active", "Things.", "{thing}", sdk.Gauge([number({}, 2.0)])),
        sdk.Metric("t.delay", "Delay.", "s", delay),
        sdk.Metric("t.info", "Labels.", "", sdk.Gauge([number({"a": "\ufffd", "b": "x"}, 1.0)])),
    ]
    scope = sdk.ScopeMetrics(InstrumentationScope("rtc_exporter", __version__), theirs, "")
    data = sdk.MetricsData([sdk.ResourceMetrics(Resource(RESOURCE), [scope], "")])

    ours = export(MetricsEncoder(RESOURCE, native), filled(native))
    if native:
        metrics_of(ours)[2].exponential_histogram.data_points[0].ClearField("zero_threshold")

    assert ours == sdk_encode_metrics(data)


def test_values_are_read_when_their_turn_comes() -> None:
    """What is kept from export to export are attributes, not values, start times or exemplars."""
    store, encoder = store_of(IO, LIVE), MetricsEncoder(RESOURCE)
    store.add("t.io", ("a", "b"), 1, START)
    store.set("t.live", ("a",), nan, START)
    export(encoder, store)

    store.add("t.io", ("a", "b"), 1, START)
    first, live = (points_of(metric)[0] for metric in metrics_of(export(encoder, store, NOW + 1)))
    store.remove("t.io", ("a", "b"))
    store.add("t.io", ("a", "b"), 5, NOW)
    again = points_of(metrics_of(export(encoder, store, NOW + 2))[0])

    assert (first.as_double, first.start_time_unix_nano, first.time_unix_nano) == (2.0, START_NS, NOW_NS + 10**9)
    assert live.as_double != live.as_double, "a gauge may be no number"
    # It came back before anybody saw that it was gone: a counter that starts anew, and no last point.
    assert [(point.as_double, point.start_time_unix_nano, point.flags) for point in again] == [(5.0, NOW_NS, 0)]


def test_a_series_that_is_gone_gets_one_last_point() -> None:
    """
    The gauge of who left ends at once, even when its family is empty, and is not spoken of again.

    Each last point is in a metric of its own, for the Collector's Prometheus exporter takes no notice of a second.
    """
    store, encoder = store_of(LIVE, INFO), MetricsEncoder(RESOURCE)
    for participant in "ab":
        store.set("t.live", (participant,), 0.5, START)
    store.set("t.info", ("a", "x"), 1, START)
    export(encoder, store)

    store.remove("t.live", ("a",))
    store.remove("t.info", ("a", "x"))

    assert export(encoder, store) == metrics_request(
        {
            "name": "t.live",
            "description": "A share.",
            "unit": "1",
            "gauge": {"data_points": [{"attributes": text(a="b"), "time_unix_nano": NOW_NS, "as_double": 0.5}]},
        },
        {
            "name": "t.live",
            "description": "A share.",
            "unit": "1",
            "gauge": {"data_points": [{"attributes": text(a="a"), "time_unix_nano": NOW_NS, "flags": 1}]},
        },
        {
            "name": "t.info",
            "description": "Labels.",
            "gauge": {"data_points": [{"attributes": text(a="a", b="x"), "time_unix_nano": NOW_NS, "flags": 1}]},
        },
    )
    encoder.confirm()
    store.remove("t.live", ("b",))
    assert [len(points_of(metric)) for metric in metrics_of(export(encoder, store))] == [1]
    encoder.confirm()
    assert list(encoder.encode(store.families(), NOW)) == []


def test_last_points_come_again_until_they_were_received() -> None:
    """A snapshot that a newer one replaced, or that was refused, has told nobody; who is back has not ended."""
    store, encoder = store_of(LIVE), MetricsEncoder(RESOURCE)
    for participant in "abc":
        store.set("t.live", (participant,), 0.5, START)
    export(encoder, store)
    for participant in "ab":
        store.remove("t.live", (participant,))

    def told() -> list[tuple[str, int]]:
        """Participants and flags."""
        metrics = metrics_of(export(encoder, store))
        points = [point for metric in metrics for point in points_of(metric)]
        return sorted((point.attributes[0].value.string_value, point.flags) for point in points)

    assert told() == told() == [("a", 1), ("b", 1), ("c", 0)]
    store.set("t.live", ("a",), 0.5, START)
    assert told() == [("a", 0), ("b", 1), ("c", 0)]
    encoder.confirm()
    assert told() == [("a", 0), ("c", 0)]


def test_last_points_that_nobody_receives_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """During a long outage many come and go: the oldest are forgotten."""
    monkeypatch.setattr(otlp_metrics, "MOST_GONE", 10)
    store, encoder = store_of(LIVE), MetricsEncoder(RESOURCE)
    for number in range(50):
        store.set("t.live", (str(number),), 0.5, START)
        list(encoder.encode(store.families(), NOW))
        store.remove("t.live", (str(number),))

    points = [point for metric in metrics_of(export(encoder, store)) for point in points_of(metric)]
    assert [point.attributes[0].value.string_value for point in points] == [str(number) for number in range(40, 50)]


@pytest.mark.parametrize(
    ("native", "expected"),
    [
        (False, {"sum": 0.0, "bucket_counts": [0, 0, 0, 0], "explicit_bounds": [0.25, 1.0, 4.0]}),
        (True, {"sum": 0.0, "zero_threshold": 2.0**-30}),
    ],
)
def test_expired_cohorts_end_in_all_their_series(native: bool, expected: dict[str, Any]) -> None:
    """The last point of a histogram has what Prometheus makes series of; the overflow series ends as well."""
    store, encoder = store_of(IO, DELAY, budget=1, native=native), MetricsEncoder(RESOURCE, native)
    for browser in ("Chrome", "Firefox"):
        store.add("t.io", (browser, ""), 1, START)
    store.observe("t.delay", ("x",), 0.5, START)
    export(encoder, store)
    for now in (START, START + 11):
        store.expire(now)

    field = "exponential_histogram" if native else "histogram"
    last = {"attributes": text(a="x"), "time_unix_nano": NOW_NS, "flags": 1, **expected}
    gone = [
        {"attributes": text(**{"user_agent.name": "Chrome"}), "time_unix_nano": NOW_NS, "flags": 1},
        {
            "attributes": [{"key": "otel.metric.overflow", "value": {"bool_value": True}}],
            "time_unix_nano": NOW_NS,
            "flags": 1,
        },
    ]
    assert export(encoder, store) == metrics_request(
        *(
            {
                "name": "t.io",
                "description": "Bytes.",
                "unit": "By",
                "sum": {"aggregation_temporality": 2, "is_monotonic": True, "data_points": [point]},
            }
            for point in gone
        ),
        {
            "name": "t.delay",
            "description": "Delay.",
            "unit": "s",
            field: {"aggregation_temporality": 2, "data_points": [last]},
        },
    )


def test_the_overflow_series_is_not_the_series_without_attributes() -> None:
    """Both have no values; each is known as itself."""
    store, encoder = SeriesStore((ACTIVE,), total=0, idle=10.0, now=START), MetricsEncoder(RESOURCE)
    store.add("t.active", (), 2, START)
    before = points_of(metrics_of(export(encoder, store))[0])
    family = family_of(store, ACTIVE)
    family._budget.total = family._budget.room.limit = 1
    store.add("t.active", (), 1, START)
    after = points_of(metrics_of(export(encoder, store))[0])

    assert [[pair.key for pair in point.attributes] for point in before] == [["otel.metric.overflow"]]
    assert [([pair.key for pair in point.attributes], point.as_double) for point in after] == [
        ([], 1.0),
        (["otel.metric.overflow"], 2.0),
    ]


def test_requests_are_split_by_points() -> None:
    """A family goes on in the next request under its name, and no point is lost or sent twice."""
    store, encoder = store_of(LIVE, DELAY, budget=2000), MetricsEncoder(RESOURCE)
    for number in range(2500):
        store.set("t.live", (str(number),), number, START)
    for number in range(700):
        store.observe("t.delay", (str(number),), number, START)

    for _ in range(2):
        requests = list(encoder.encode(store.families(), NOW))

        seen = [point for request, _ in requests for metric in metrics_of(request) for point in points_of(metric)]
        assert len(seen) == sum(points for _, points in requests) == 3200
        assert len({point.SerializeToString() for point in seen}) == 3200
        assert all(points <= MAX_POINTS for _, points in requests)
        assert {metric.unit for request, _ in requests for metric in metrics_of(request)} == {"1", "s"}
    # Known series are less work: 1000, 1000, 500 and 250, and the rest of the histograms.
    assert [points for _, points in requests] == [1000, 1000, 750, 450]


def test_requests_are_split_by_bytes() -> None:
    """Long values and full histograms do not make a request that a receiver refuses."""
    wide = Metric("t.wide", Kind.INFO, "", tuple("abcdefghijkl"), (), "Labels.", tier=Tier.PARTICIPANT)
    fine = Metric("t.fine", Kind.HISTOGRAM, "s", tuple("abcd"), (), "Delay.", tuple(float(2**n) for n in range(30)))
    labels = (*LABELS[:2], ("rtc.participant.id", "\U0001f4de" * 60))
    store = store_of(wide, fine, budget=2000, native=True)
    for number in range(900):
        store.set("t.wide", (str(number), *["\U0001f4de" * 256] * 11), 1, START)
        store.observe("t.fine", (str(number), *["\U0001f4de" * 256] * 3), number, START)
        store.observe("t.fine", (str(number), *["\U0001f4de" * 256] * 3), 1e300, START)
    for slot in family_of(store, fine).slots():
        assert isinstance(slot, Histogram)
        slot.counts = [2**60] * 31
        slot.exemplars = [Exemplar(labels, 1.0, START)] * 31

    for native in (False, True):
        encoder = MetricsEncoder(RESOURCE, native)
        for _ in range(2):
            sizes = [request.ByteSize() for request, _ in encoder.encode(store.families(), NOW)]
            assert max(sizes) <= MAX_BYTES


def test_the_store_may_change_between_two_requests() -> None:
    """What goes while its family is being sent is sent once more, and what comes then waits for the next export."""
    store, encoder = store_of(IO, LIVE, budget=MAX_POINTS), MetricsEncoder(RESOURCE)
    for number in range(MAX_POINTS + 1):
        store.add("t.io", (str(number), ""), 1, START)
    store.set("t.live", ("a",), 1, START)
    requests = encoder.encode(store.families(), NOW)
    points = next(requests)[1]

    for now in (START, START + 11):
        store.expire(now)
    store.set("t.live", ("b",), 1, START)
    points += sum(points for _, points in requests)

    assert family_of(store, IO).size == 0
    assert points == MAX_POINTS + 1 + 2
    assert sum(points for _, points in encoder.encode(store.families(), NOW)) == MAX_POINTS + 1 + 2


def test_nothing_is_remembered_of_what_is_gone() -> None:
    """What the encoder holds is what the store held at the last export."""
    store, encoder = store_of(LIVE, IO), MetricsEncoder(RESOURCE)
    for number in range(50):
        store.set("t.live", (str(number),), 1, START)
        export(encoder, store)
        store.remove("t.live", (str(number),))
    assert [len(series) for series in encoder._sent.values()] == [1]

    list(encoder.encode(store.families(), NOW))
    assert encoder._sent == {}


def test_every_metric_of_the_catalogue_can_be_sent() -> None:
    """Names, units and help are the catalogue's, and each family has one kind of data."""
    store = SeriesStore(catalog.METRICS, profile=Profile.FULL, native=True, now=START)
    for metric in catalog.METRICS:
        family_of(store, metric).slot(tuple("x" for _ in metric.attributes), START)

    requests = MetricsEncoder(RESOURCE, native=True).encode(store.families(), NOW)
    sent = {metric.name: metric for request, _ in requests for metric in metrics_of(request)}

    fields = {
        Kind.COUNTER: "sum",
        Kind.GAUGE: "gauge",
        Kind.INFO: "gauge",
        Kind.HISTOGRAM: "exponential_histogram",
    }
    assert {name: (metric.unit, metric.description, metric.WhichOneof("data")) for name, metric in sent.items()} == {
        metric.name: (metric.unit, metric.help, fields[metric.kind]) for metric in catalog.METRICS
    }
