"""
What it costs to encode for OTLP: processor time of a point, by its kind, and of a span.

Each figure stands beside a floor measured in the same run: messages of the same number and type with nothing but a
time in them.  The first export also encodes the attributes, which later ones have as bytes.  The last column is the
longest time until the next request of a later export is there, in which nobody else runs.
"""

import argparse
import gc
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from opentelemetry.proto.metrics.v1 import metrics_pb2 as metrics
from opentelemetry.proto.trace.v1 import trace_pb2 as traces
from rich.console import Console
from rich.table import Table

from benchmarks import children
from rtc_exporter.export.otlp import MetricsEncoder, encode_spans
from rtc_exporter.metric import Kind, Metric
from rtc_exporter.series import Exemplar, Family, Histogram, SeriesStore
from rtc_exporter.span import Attributes, Span, SpanEvent, span_id, trace_id

NOW = 1.7e9
RESOURCE = {"service.name": "rtc-exporter", "service.instance.id": "bench"}
ATTRIBUTES = ("rtc.app.name", "rtc.media.kind", "rtc.codec", "user_agent.name", "user_agent.os.name")
#: Fourteen buckets, as most histograms of durations have.
BOUNDS = tuple(0.001 * 2**exponent for exponent in range(13))
#: Values of each histogram: with native buckets some 60 of them, the number that recorded calls need.
VALUES = tuple(0.002 * 1.09**step for step in range(60))
LABELS = (
    ("trace_id", "4bf92f3577b34da6a3ce929d0e0e4736"),
    ("span_id", "00f067aa0ba902b7"),
    ("rtc.participant.id", "p"),
)
SPANS = 500


class Case(NamedTuple):
    """One kind of series, and the message that its points are."""

    name: str
    kind: Kind
    point: Callable[[], Any]
    native: bool = False
    exemplars: bool = False


CASES = (
    Case("counter", Kind.COUNTER, metrics.NumberDataPoint),
    Case("gauge", Kind.GAUGE, metrics.NumberDataPoint),
    Case("histogram", Kind.HISTOGRAM, metrics.HistogramDataPoint),
    Case("… with 14 exemplars", Kind.HISTOGRAM, metrics.HistogramDataPoint, exemplars=True),
    Case("exponential", Kind.HISTOGRAM, metrics.ExponentialHistogramDataPoint, native=True),
)


def filled(case: Case, series: int) -> Family:
    """A family with so many series."""
    metric = Metric("bench", case.kind, "s", ATTRIBUTES, (), "Series.", BOUNDS if case.kind is Kind.HISTOGRAM else ())
    store = SeriesStore((metric,), budget=series, total=series, native=case.native, now=NOW)
    family = store.family(metric.name)
    assert family is not None, "it is the only one"
    for number in range(series):
        slot = family.slot(
            ("meet", ("audio", "video")[number % 2], f"codec-{number % 50}", "Chrome", f"os-{number}"), NOW
        )
        if isinstance(slot, Histogram):
            for value in VALUES:
                slot.observe(value)
            if case.exemplars:
                slot.exemplars = [Exemplar(LABELS, value, NOW) for value in (*BOUNDS, 9.0)]
        else:
            slot.add(number)
    return family


def spans() -> list[Span]:
    """Spans with eight attributes and an event with two."""
    trace = trace_id("tenant", "session")
    made = []
    for number in range(SPANS):
        attributes: Attributes = {
            "session.id": "session-1",
            "rtc.participant.id": f"participant-{number % 10}",
            "rtc.app.name": "meet",
            "rtc.sampling.reason": "ratio",
            "rtc.quality": "good",
            "rtc.freezes": number,
            "rtc.round_trip_time.p95": number / 7,
            "rtc.capture.video": True,
        }
        event = SpanEvent("rtc.mute", NOW, {"rtc.media.kind": "audio", "rtc.track.id": number})
        own = span_id("segment", str(number))
        made.append(Span("rtc.participant.segment", trace, own, trace[:8], NOW, NOW + 300.0, attributes, (event,)))
    return made


def cpu(work: Callable[[], object]) -> float:
    """Seconds of processor time, without the collector of garbage, which runs when it likes."""
    gc.collect()
    gc.disable()
    try:
        began = time.process_time()
        work()
        return time.process_time() - began
    finally:
        gc.enable()


def floor(point: Callable[[], Any], number: int) -> None:
    """So many messages with a time each."""
    for _ in range(number):
        point().time_unix_nano = 1


def empty_spans() -> None:
    """As many span messages with a time each."""
    for _ in range(SPANS):
        traces.Span().start_time_unix_nano = 1


def slowest(requests: Iterator[object]) -> float:
    """The longest time that the next request takes."""
    worst, began = 0.0, time.process_time()
    for _ in requests:
        ended = time.process_time()
        worst, began = max(worst, ended - began), ended
    return worst


def measure(case: Case, series: int, repeat: int) -> tuple[str, ...]:
    """A line of the table."""
    family = filled(case, series)
    bare = min(cpu(lambda: floor(case.point, series)) for _ in range(repeat))
    firsts, laters, stalls = [], [], []
    for _ in range(repeat):
        encoder = MetricsEncoder(RESOURCE, native=case.native)
        firsts.append(cpu(lambda: list(encoder.encode((family,), NOW))))  # noqa: B023 - called at once
        laters.append(cpu(lambda: list(encoder.encode((family,), NOW))))  # noqa: B023
        stalls.append(slowest(encoder.encode((family,), NOW)))
    requests = [request for request, _ in encoder.encode((family,), NOW)]
    sizes = [len(request.SerializeToString()) for request in requests]
    written = min(cpu(lambda: [request.SerializeToString() for request in requests]) for _ in range(repeat))
    figures = (bare, min(firsts), min(laters), written)
    return (
        case.name,
        *(f"{seconds / series * 1e6:.2f}" for seconds in figures),
        f"{sum(sizes) / series:.0f}",
        f"{min(stalls) * 1e3:.2f}",
    )


def measure_spans(repeat: int) -> tuple[str, ...]:
    """The line about spans."""
    made = spans()
    bare = min(cpu(empty_spans) for _ in range(repeat))
    encoded = min(cpu(lambda: encode_spans(made, RESOURCE)) for _ in range(repeat))
    request = encode_spans(made, RESOURCE)
    written = min(cpu(request.SerializeToString) for _ in range(repeat))
    figures = (f"{seconds / SPANS * 1e6:.2f}" for seconds in (bare, encoded, encoded, written))
    return ("span", *figures, f"{request.ByteSize() / SPANS:.0f}", f"{encoded * 1e3:.2f}")


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description="Measure processor time of encoding for OTLP.")
    parser.add_argument("--series", type=int, default=10_000, help="series of each kind (default: %(default)s)")
    parser.add_argument("--repeat", type=int, default=5, help="the best of so many counts (default: %(default)s)")
    args = parser.parse_args()
    columns = ("", "floor µs", "first µs", "later µs", "to bytes µs", "bytes", "longest ms")
    table = Table(*columns, title=f"one of {args.series:,} points, or of {SPANS} spans; best of {args.repeat}")
    for column in table.columns[1:]:
        column.justify = "right"
    with children.measuring():
        for case in CASES:
            table.add_row(*measure(case, args.series, args.repeat))
        table.add_row(*measure_spans(args.repeat))
    Console().print(table)


if __name__ == "__main__":
    main()
