"""
A recorded call, through an exporter that runs, into a real OpenTelemetry Collector, over both protocols.

What the exporter says of itself, what the collector received and what the collector tells Prometheus are held against
one another.
"""

import asyncio
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from prometheus_client.parser import text_string_to_metric_families

from rtc_exporter import catalog
from rtc_exporter import spans as table
from rtc_exporter.metric import Kind, Tier
from rtc_exporter.tracing import SessionTrace, TraceSettings
from tests import replayed
from tests.collector import Collector, collector
from tests.received import Metric, Span
from tests.running import running
from tests.test_collector import ADDED

CALL = ("degraded-cr.p1.frames", "degraded-cr.p2.frames")
ROOM = "lab-degraded-0705d0"
PROTOCOLS = ("grpc", "http/protobuf")

#: Series -> value: a name with its labels, sorted.
Samples = dict[str, float]


class Found(NamedTuple):
    """What came of it."""

    spans: list[Span]
    #: Those that had been received when the call had ended and the exporter still ran.
    early: int
    metrics: dict[str, Metric]
    scraped: Samples
    translated: Samples
    openmetrics: str
    #: The exporter's own counts of spans and points: queued, delivered, dropped.
    counts: dict[str, tuple[float, float, float]]


def samples(text: str) -> Samples:
    """Cohort series of an exposition."""
    cohort = {metric.prometheus for metric in catalog.METRICS if metric.tier is Tier.COHORT}
    result = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = {name: value for name, value in sample.labels.items() if value and name not in ADDED}
            if "le" in labels:
                labels["le"] = str(float(labels["le"]))  # 10 and 10.0 are one bound
            if family.name in cohort or sample.name in cohort:
                result[f"{sample.name} {sorted(labels.items())}"] = sample.value
    return result


async def scenario(to: Collector, protocol: str) -> Found:
    """The call takes place, everybody leaves, the exporter ends."""
    environ = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{to.grpc if protocol == 'grpc' else to.http}",
        "OTEL_EXPORTER_OTLP_PROTOCOL": protocol,
        "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
        "OTEL_METRIC_EXPORT_INTERVAL": "50",
        "OTEL_SERVICE_NAME": "calls",
        "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=test",
    }
    async with running(environ, start=replayed.start(CALL)) as exporter:

        async def snapshot() -> None:
            """The next one is queued."""
            before = exporter.value("rtc.exporter.otlp.queued", "metrics")
            await exporter.until(lambda: exporter.value("rtc.exporter.otlp.queued", "metrics") > before)

        async def seen() -> None:
            """The second from now is begun after the last frame."""
            await snapshot()
            await snapshot()

        await replayed.play(exporter, CALL, seen)
        scraped = samples((await exporter.http.get(exporter.admin("/metrics"))).text)
        await to.until(lambda: any(span.name == table.SUMMARY for span in to.spans()))
        early = len(to.spans())
    counts = {
        signal: (
            exporter.value("rtc.exporter.otlp.queued", signal),
            exporter.value("rtc.exporter.otlp.delivered", signal),
            sum(exporter.value("rtc.exporter.otlp.dropped", signal, reason) for reason in catalog.OTLP_DROPS),
        )
        for signal in ("traces", "metrics")
    }
    await to.until(lambda: len(to.spans()) == counts["traces"][1])
    return Found(
        to.spans(), early, to.metrics(), scraped, samples(to.prometheus()),
        to.prometheus("application/openmetrics-text"), counts,
    )  # fmt: skip


@pytest.fixture(scope="module", params=PROTOCOLS)
def found(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Found]:
    """One call for each protocol."""
    with collector(tmp_path_factory.mktemp("call")) as to:
        yield asyncio.run(scenario(to, request.param))


def test_every_span_arrives_and_none_without_its_parent(found: Found) -> None:
    """One trace, whose id can be computed from the session; everything hangs together; nothing is there twice."""
    ids = {span.span_id for span in found.spans}
    room = SessionTrace(TraceSettings(), ROOM, replayed.start(CALL))

    assert {span.trace_id for span in found.spans} == {room.trace_id.hex()}
    assert len(ids) == len(found.spans) > 40
    assert [span.name for span in found.spans if span.parent_id and span.parent_id not in ids] == []
    assert [span.name for span in found.spans if not span.parent_id] == [table.SESSION]
    assert found.early > 40


def test_spans_say_what_happened_when_it_happened(found: Found) -> None:
    """The outage of three seconds, at its time; who it was; and that it was kept."""
    outages = [span for span in found.spans if span.name == "rtc.episode.no_media"]
    began = replayed.start(CALL)

    assert {span.attributes["rtc.participant.id"] for span in outages} == {"p1", "p2"}
    assert all(began + 29 < span.start < span.end < began + 36 and 2 < span.end - span.start < 4 for span in outages)
    assert {span.attributes["session.id"] for span in found.spans} == {ROOM}
    assert {
        span.attributes["rtc.sampling.reason"] for span in found.spans if "rtc.participant.id" in span.attributes
    } == {"ratio"}
    assert {span.resource["service.name"] for span in found.spans} == {"calls"}
    assert {span.resource["deployment.environment.name"] for span in found.spans} == {"test"}


def test_what_was_queued_was_delivered(found: Found) -> None:
    """By the exporter's counts and by the collector's files."""
    queued, delivered, dropped = found.counts["traces"]
    assert queued == delivered == len(found.spans)
    assert dropped == 0
    queued, delivered, dropped = found.counts["metrics"]
    assert queued == delivered + dropped
    assert delivered == sum(len(metric.points) for metric in found.metrics.values())


def test_metrics_are_the_same_on_either_path(found: Found) -> None:
    """Every cohort series of a scrape, with its labels and its value, is what the collector tells Prometheus."""
    assert len(found.scraped) > 500
    assert found.translated.keys() >= found.scraped.keys()
    differing = {
        name: (value, found.translated[name]) for name, value in found.scraped.items()
        if found.translated[name] != pytest.approx(value)
    }  # fmt: skip
    assert differing == {}


def test_metrics_have_the_names_and_units_of_the_catalogue(found: Found) -> None:
    """As OpenTelemetry writes them; a counter is a monotonic sum, and everything is cumulative."""
    for name, metric in found.metrics.items():
        row = catalog.BY_NAME[name]
        assert (metric.unit, metric.description) == (row.unit, row.help)
        assert metric.type == {
            Kind.COUNTER: "sum", Kind.GAUGE: "gauge", Kind.INFO: "gauge", Kind.HISTOGRAM: "histogram",
        }[row.kind]  # fmt: skip
        assert metric.temporality == (0 if metric.type == "gauge" else 2)


def test_exemplars_lead_to_spans_that_are_there(found: Found) -> None:
    """Trace and span of each, over OTLP and in what the collector tells Prometheus."""
    spans = {(span.trace_id, span.span_id): span for span in found.spans}
    exemplars = [
        (name, exemplar)
        for name, metric in found.metrics.items() for point in metric.points for exemplar in point.exemplars
    ]  # fmt: skip

    assert len({name for name, _ in exemplars}) > 20
    assert {(exemplar.trace_id, exemplar.span_id) for _, exemplar in exemplars} <= spans.keys()
    assert {spans[exemplar.trace_id, exemplar.span_id].name for _, exemplar in exemplars} == {table.PARTICIPANT}
    assert f'trace_id="{found.spans[0].trace_id}"' in found.openmetrics


def test_series_of_participants_end_when_they_leave(found: Found) -> None:
    """The last point of each says that there is no value any more."""
    last: dict[tuple[str, ...], float | object] = {}
    for name, metric in found.metrics.items():
        if catalog.BY_NAME[name].tier is Tier.PARTICIPANT:
            for point in metric.points:
                last[name, *map(str, sorted(point.attributes.items()))] = point.value

    assert len(last) > 10
    assert set(last.values()) == {None}
