"""
The collector that other tests send to, and the names that it makes.

What is sent here is made by hand, not by our own exporter: first that what comes out of the harness is what went
in, then that every row of the catalogue has the same Prometheus name and labels on either path.
"""

import asyncio
import http.client
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

import grpc
import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2_grpc import MetricsServiceStub
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub
from prometheus_client.parser import text_string_to_metric_families

from rtc_exporter.catalog import METRICS
from rtc_exporter.metric import Kind, Metric
from tests.collector import Collector, collector
from tests.patience import PATIENCE
from tests.received import Attributes, Buckets, Event, Exemplar, Exponential, Link, Point, Span

#: A request of opentelemetry.proto; the generated classes have no types.
Request: TypeAlias = Any

PROTOCOLS = ("grpc", "http/protobuf")

#: Unix seconds, and the same in nanoseconds.
START, END = 1_795_171_686.0, 1_795_171_686.123456
START_NS, END_NS = 1_795_171_686_000_000_000, 1_795_171_686_123_456_000
TRACE, SPAN, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", "00f067aa0ba902b7"

#: What the collector adds to every series: who measured, and where.
ADDED = {"otel_scope_name", "otel_scope_version", "otel_scope_schema_url", "job", "instance"}


def grpc_send(to: Collector, request: Request) -> None:
    """Export a request over gRPC; the answer comes when every exporter has it."""
    stub = TraceServiceStub if isinstance(request, ExportTraceServiceRequest) else MetricsServiceStub
    with grpc.insecure_channel(to.grpc, options=[("grpc.enable_http_proxy", 0)]) as channel:
        answer = stub(channel).Export(request, timeout=PATIENCE)
    # The collector always sends this part; it is empty where nothing was rejected.
    assert not answer.partial_success.ListFields(), answer


def http_send(to: Collector, request: Request) -> None:
    """Export a request over HTTP; the answer comes when every exporter has it."""
    path = "/v1/traces" if isinstance(request, ExportTraceServiceRequest) else "/v1/metrics"
    connection = http.client.HTTPConnection(to.http, timeout=PATIENCE)
    try:
        connection.request("POST", path, request.SerializeToString(), {"content-type": "application/x-protobuf"})
        assert connection.getresponse().status == 200
    finally:
        connection.close()


SEND = dict(zip(PROTOCOLS, (grpc_send, http_send), strict=True))


def traces(service: str) -> Request:
    """One span that has everything a span can have."""
    request = ExportTraceServiceRequest()
    part = request.resource_spans.add()
    part.resource.attributes.add(key="service.name").value.string_value = service
    scope = part.scope_spans.add()
    scope.scope.name = "hand"
    span = scope.spans.add(
        trace_id=bytes.fromhex(TRACE),
        span_id=bytes.fromhex(SPAN),
        parent_span_id=bytes.fromhex(PARENT),
        name="participant",
        kind=1,
        start_time_unix_nano=START_NS,
        end_time_unix_nano=END_NS,
        flags=0x103,
    )
    span.attributes.add(key="text").value.string_value = "ü"
    span.attributes.add(key="number").value.int_value = 2**53 + 1
    span.attributes.add(key="ratio").value.double_value = 0.25
    span.attributes.add(key="flag").value.bool_value = True
    span.attributes.add(key="list").value.array_value.values.add().string_value = "one"
    event = span.events.add(name="freeze", time_unix_nano=END_NS)
    event.attributes.add(key="kind").value.string_value = "video"
    span.links.add(trace_id=bytes.fromhex(TRACE), span_id=bytes.fromhex(PARENT))
    span.status.code = 2
    span.status.message = "ice_failed"
    return request


def exemplar(point: Any, value: float) -> None:
    """Say which span a value of a point was measured in."""
    point.exemplars.add(
        as_double=value, time_unix_nano=END_NS, trace_id=bytes.fromhex(TRACE), span_id=bytes.fromhex(SPAN)
    )


def metrics(service: str) -> Request:
    """One metric of each kind, and a gauge that has ended."""
    request = ExportMetricsServiceRequest()
    part = request.resource_metrics.add()
    part.resource.attributes.add(key="service.name").value.string_value = service
    rows = part.scope_metrics.add().metrics
    times = {"start_time_unix_nano": START_NS, "time_unix_nano": END_NS}

    point = rows.add(name="a.gauge", unit="{thing}").gauge.data_points.add(as_double=1.5, **times)
    point.attributes.add(key="rtc.media.kind").value.string_value = "audio"
    rows.add(name="an.ended.gauge").gauge.data_points.add(flags=1, **times)

    total = rows.add(name="a.sum", unit="By", description="Bytes.").sum
    total.is_monotonic, total.aggregation_temporality = True, 2
    exemplar(total.data_points.add(as_int=2**53 + 1, **times), 3.0)

    histogram = rows.add(name="a.histogram", unit="s").histogram
    histogram.aggregation_temporality = 2
    buckets = {"explicit_bounds": [0.1, 1.0], "bucket_counts": [1, 2, 0]}
    exemplar(histogram.data_points.add(count=3, sum=1.25, **buckets, **times), 0.5)

    native = rows.add(name="an.exponential.histogram", unit="s").exponential_histogram
    native.aggregation_temporality = 2
    buckets = {"positive": {"offset": -3, "bucket_counts": [1, 0, 2]}}
    exemplar(native.data_points.add(count=4, sum=1.25, scale=3, zero_count=1, **buckets, **times), 0.5)
    return request


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collector]:
    """One collector for all tests; each sends as a service of its own."""
    with collector(tmp_path_factory.mktemp("otelcol")) as running:
        yield running


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_span_comes_out_as_it_went_in(running: Collector, protocol: str) -> None:
    """Ids, times to the microsecond, and every type of attribute."""

    def spans() -> list[Span]:
        return [span for span in running.spans() if span.resource == {"service.name": protocol}]

    SEND[protocol](running, traces(protocol))
    asyncio.run(running.until(spans))

    assert spans() == [
        Span(
            trace_id=TRACE,
            span_id=SPAN,
            parent_id=PARENT,
            name="participant",
            kind=1,
            start=START,
            end=END,
            attributes={"text": "ü", "number": 2**53 + 1, "ratio": 0.25, "flag": True, "list": ["one"]},
            events=[Event("freeze", END, {"kind": "video"})],
            links=[Link(TRACE, PARENT, {})],
            status=2,
            message="ice_failed",
            flags=0x103,
            resource={"service.name": protocol},
            scope="hand",
        )
    ]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_metrics_come_out_as_they_went_in(running: Collector, protocol: str) -> None:
    """Each kind with unit, value and exemplar; a gauge that has ended has no value."""
    names = ("a.gauge", "an.ended.gauge", "a.sum", "a.histogram", "an.exponential.histogram")

    def points() -> dict[str, list[Point]]:
        found = {
            name: [point for point in metric.points if point.resource == {"service.name": protocol}]
            for name, metric in running.metrics().items()
        }
        return {name: points for name, points in found.items() if points}

    SEND[protocol](running, metrics(protocol))
    asyncio.run(running.until(points))

    resource: Attributes = {"service.name": protocol}
    native = Exponential(4, 1.25, scale=3, zero_count=1, zero_threshold=0.0, positive=(-3, [1, 0, 2]), negative=(0, []))
    half = [Exemplar(0.5, END, TRACE, SPAN, {})]
    assert points() == {
        "a.gauge": [Point({"rtc.media.kind": "audio"}, 1.5, START, END, 0, [], resource)],
        "an.ended.gauge": [Point({}, None, START, END, 1, [], resource)],
        "a.sum": [Point({}, 2**53 + 1, START, END, 0, [Exemplar(3.0, END, TRACE, SPAN, {})], resource)],
        "a.histogram": [Point({}, Buckets(3, 1.25, [0.1, 1.0], [1, 2, 0]), START, END, 0, half, resource)],
        "an.exponential.histogram": [Point({}, native, START, END, 0, half, resource)],
    }
    found = running.metrics()
    assert [(found[name].type, found[name].unit, found[name].monotonic, found[name].temporality) for name in names] == [
        ("gauge", "{thing}", False, 0),
        ("gauge", "", False, 0),
        ("sum", "By", True, 2),
        ("histogram", "s", False, 2),
        ("exponential_histogram", "s", False, 2),
    ]
    assert found["a.gauge"].last(rtc_media_kind="audio") is found["a.gauge"].points[-1]
    assert found["a.gauge"].last(rtc_media_kind="video") is None


def test_prometheus_names_an_exemplar_by_its_span(running: Collector) -> None:
    """OpenMetrics has exemplars, under the labels that Grafana links by."""
    http_send(running, metrics("exemplars"))

    lines = running.prometheus("application/openmetrics-text; version=1.0.0").splitlines()

    wanted = ('job="exemplars"', "a_histogram_seconds_bucket", 'le="1.0"')
    (line,) = (each for each in lines if all(part in each for part in wanted))
    assert f'trace_id="{TRACE}"' in line
    assert f'span_id="{SPAN}"' in line


def test_a_gauge_that_has_ended_is_gone(running: Collector) -> None:
    """A point without a recorded value takes its series off the exposition at once."""
    request = ExportMetricsServiceRequest()
    point = request.resource_metrics.add().scope_metrics.add().metrics.add(name="brief").gauge.data_points.add()
    seen = []
    for point.flags in (0, 1):
        point.as_double = 1.0
        point.time_unix_nano += END_NS
        http_send(running, request)
        seen.append("\nbrief{" in running.prometheus())

    assert seen == [True, False]


def test_what_was_received_outlives_a_restart(tmp_path: Path) -> None:
    """A collector that goes and comes back is on the same ports, and goes on in the same files."""
    with collector(tmp_path) as first:
        http_send(first, traces("before"))
        # What it has taken a moment before its end it may not write: seen when the machine was busy.
        asyncio.run(first.until(lambda: first.spans()))
        first.stop()
        with pytest.raises(ConnectionRefusedError):
            http_send(first, traces("meanwhile"))
        first.start()
        grpc_send(first, traces("after"))
        asyncio.run(first.until(lambda: len(first.spans()) == 2))

        assert [span.resource["service.name"] for span in first.spans()] == ["before", "after"]


def test_a_line_that_is_being_written_is_left_for_later(tmp_path: Path) -> None:
    """Readers come at any time."""
    reader = Collector(tmp_path)
    line = (
        b'{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"a","gauge":{"dataPoints":[{"asInt":"1"}]}}]}]}]}\n'
    )

    found = []
    for text in (b"", line[:20], line[:-1], line, line + line[:60], line * 2):
        (tmp_path / "metrics.jsonl").write_bytes(text)
        found.append([point.value for metric in reader.metrics().values() for point in metric.points])

    assert found == [[], [], [], [1], [1], [1, 1]]


# ── names


def catalogue() -> Request:
    """One point of every row, under its name, unit, kind and attributes; the description says which row it is."""
    request = ExportMetricsServiceRequest()
    part = request.resource_metrics.add()
    part.resource.attributes.add(key="service.name").value.string_value = "catalogue"
    part.resource.attributes.add(key="service.instance.id").value.string_value = "1"
    rows = part.scope_metrics.add().metrics
    for metric in METRICS:
        row = rows.add(name=metric.name, unit=metric.unit, description=metric.name)
        times = {"start_time_unix_nano": START_NS, "time_unix_nano": END_NS}
        match metric.kind:
            case Kind.COUNTER:
                row.sum.is_monotonic, row.sum.aggregation_temporality = True, 2
                point = row.sum.data_points.add(as_double=1.0, **times)
            case Kind.HISTOGRAM:
                row.histogram.aggregation_temporality = 2
                buckets = {"explicit_bounds": metric.buckets, "bucket_counts": [1] + [0] * len(metric.buckets)}
                point = row.histogram.data_points.add(count=1, sum=0.0, **buckets, **times)
            case Kind.GAUGE | Kind.INFO:
                point = row.gauge.data_points.add(as_double=1.0, **times)
        for name in metric.attributes:
            point.attributes.add(key=name).value.string_value = "x"
    return request


#: Row -> its type, and its series: name and labels.
Translation: TypeAlias = dict[str, tuple[str, set[str]]]


def series(name: str, labels: set[str]) -> str:
    """A series without values: ``name{a,b}``."""
    return f"{name}{{{','.join(sorted(labels))}}}"


def expected(metric: Metric) -> tuple[str, set[str]]:
    """The type and the series that our own exposition has for a row."""
    name, labels = metric.prometheus, set(metric.labels)
    if metric.kind is Kind.HISTOGRAM:
        ends = {"_bucket": labels | {"le"}, "_sum": labels, "_count": labels}
        return "histogram", {series(name + end, each) for end, each in ends.items()}
    # Text 0.0.4 has no info metrics, nor has OTLP: they are gauges at 1.
    return "gauge" if metric.kind is Kind.INFO else metric.kind.value, {series(name, labels)}


@pytest.fixture(scope="module")
def translation(tmp_path_factory: pytest.TempPathFactory) -> Translation:
    """What a collector makes of the catalogue."""
    with collector(tmp_path_factory.mktemp("names")) as running:
        http_send(running, catalogue())
        families = text_string_to_metric_families(running.prometheus())
        return {
            family.documentation: (
                family.type,
                {series(sample.name, set(sample.labels) - ADDED) for sample in family.samples},
            )
            for family in families
        }


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_a_metric_has_one_name_on_either_path(translation: Translation, metric: Metric) -> None:
    """Dashboards and alert rules work on scraped metrics and on those that came by OTLP."""
    assert metric.name in translation, "the collector does not export it"
    assert translation[metric.name] == expected(metric)
