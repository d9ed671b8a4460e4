"""Finished spans as OTLP requests."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1 import trace_pb2 as traces

from rtc_exporter.export.otlp_values import MAX_BYTES, SCOPE, Message, add_attributes, nanoseconds, resource_of, text
from rtc_exporter.span import Span, size

#: Spans of a request: what the SDK's batch processor sends at most (OTEL_BSP_MAX_EXPORT_BATCH_SIZE).
MAX_SPANS = 512

#: Sampled and random (W3C Trace Context 2), and the parent, or the span that is linked, is known not to be remote:
#: all are our own, and what is sent is what was sampled.
_FLAGS = 0x03 | traces.SPAN_FLAGS_CONTEXT_HAS_IS_REMOTE_MASK


def encode_spans(spans: Sequence[Span], resource: Mapping[str, str]) -> ExportTraceServiceRequest:
    """One request with all these spans, in their order."""
    request = ExportTraceServiceRequest()
    scope = request.resource_spans.add(resource=resource_of(resource)).scope_spans.add(scope=SCOPE)
    for span in spans:
        _span(scope.spans.add(), span)
    return request


def batches(
    spans: Iterable[Span], resource: Mapping[str, str], limit: int = MAX_BYTES
) -> Iterator[tuple[ExportTraceServiceRequest | None, list[Span]]]:
    """
    Requests of at most ``limit`` bytes and ``MAX_SPANS`` spans, each with the spans in it.

    A span that no request can hold comes alone, with None.
    """
    group: list[Span] = []
    total = 0
    for span in spans:
        estimate = size(span)
        if group and (total + estimate > limit or len(group) >= MAX_SPANS):
            yield from _fitting(group, resource, limit)
            group, total = [], 0
        group.append(span)
        total += estimate
    if group:
        yield from _fitting(group, resource, limit)


def _fitting(
    group: list[Span], resource: Mapping[str, str], limit: int
) -> Iterator[tuple[ExportTraceServiceRequest | None, list[Span]]]:
    """Halve what is too large after all: the estimate counts characters, of which one may take four bytes."""
    request = encode_spans(group, resource)
    if request.ByteSize() <= limit:
        yield request, group
    elif len(group) == 1:
        yield None, group
    else:
        half = len(group) // 2
        yield from _fitting(group[:half], resource, limit)
        yield from _fitting(group[half:], resource, limit)


def _span(target: Message, span: Span) -> None:
    target.trace_id = span.trace_id
    target.span_id = span.span_id
    target.trace_state = text(span.trace_state)
    target.parent_span_id = span.parent_id
    target.flags = _FLAGS
    target.name = text(span.name)
    target.kind = traces.Span.SPAN_KIND_INTERNAL
    target.start_time_unix_nano = nanoseconds(span.start)
    target.end_time_unix_nano = nanoseconds(span.end)
    target.dropped_events_count = span.dropped_events
    add_attributes(target.attributes, span.attributes.items())
    for event in span.events:
        added = target.events.add(name=text(event.name), time_unix_nano=nanoseconds(event.time))
        add_attributes(added.attributes, event.attributes.items())
    for link in span.links:
        added = target.links.add(trace_id=link.trace_id, span_id=link.span_id, flags=_FLAGS)
        add_attributes(added.attributes, link.attributes.items())
    if span.error is not None:
        target.status.code = traces.Status.STATUS_CODE_ERROR
        target.status.message = text(span.error)
