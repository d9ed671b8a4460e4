"""What the pipeline holds, in the words of OpenTelemetry: spans and the store as OTLP protobuf messages."""

from rtc_exporter.export.otlp_metrics import MAX_POINTS, MetricsEncoder
from rtc_exporter.export.otlp_spans import MAX_SPANS, batches, encode_spans
from rtc_exporter.export.otlp_values import MAX_BYTES

__all__ = ["MAX_BYTES", "MAX_POINTS", "MAX_SPANS", "MetricsEncoder", "batches", "encode_spans"]
