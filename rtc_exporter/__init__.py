"""Turns what WebRTC clients report about a call into Prometheus and OpenTelemetry metrics."""

__version__ = "0.1.0"
