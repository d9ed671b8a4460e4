"""
A real OpenTelemetry Collector on loopback, and what it received.

It takes OTLP over gRPC and HTTP, writes every request into files as JSON, and serves the metrics in Prometheus
form, under the names of the official translation.  ``scripts/collector`` says what it is made of.
"""

import asyncio
import contextlib
import http.client
import json
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.patience import PATIENCE
from tests.peers import peer
from tests.received import TYPES, Attributes, Metric, Span, attributes_of, read_metric, read_point, read_span

#: Seconds between two looks.
PACE = 0.02

CONFIG = """\
receivers:
  otlp:
    protocols:
      grpc: {{endpoint: "{grpc}"}}
      http: {{endpoint: "{http}"}}
exporters:
  # "append": what was received before a restart stays.
  file/traces: {{path: "{folder}/traces.jsonl", append: true, flush_interval: 10ms}}
  file/metrics: {{path: "{folder}/metrics.jsonl", append: true, flush_interval: 10ms}}
  prometheus: {{endpoint: "{prometheus}", add_metric_suffixes: true, enable_open_metrics: true}}
service:
  telemetry:
    metrics: {{level: none}}
  pipelines:
    traces: {{receivers: [otlp], exporters: [file/traces]}}
    metrics: {{receivers: [otlp], exporters: [file/metrics, prometheus]}}
"""


class Collector:
    """The collector, on ports that stay the same when it is stopped and started again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._program = peer("otelcol")
        self._process: subprocess.Popen[bytes] | None = None
        self._config = folder / "otelcol.yaml"
        self.grpc, self.http, self.exposition = _free(3)
        addresses = {"grpc": self.grpc, "http": self.http, "prometheus": self.exposition}
        self._config.write_text(CONFIG.format(folder=folder, **addresses), encoding="utf-8")

    def start(self) -> None:
        """Start it, and wait until it listens everywhere."""
        with (self.folder / "otelcol.log").open("ab") as log:
            command = [self._program, f"--config={self._config}"]
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        end = time.monotonic() + PATIENCE
        while not all(map(_listens, (self.grpc, self.http, self.exposition))):
            if self._process.poll() is not None or time.monotonic() > end:
                self.stop()
                raise RuntimeError(f"the collector does not listen:\n{self.log}")
            time.sleep(PACE)

    def stop(self) -> None:
        """Stop it, if it runs; what it received a moment before may not be written."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    @property
    def log(self) -> str:
        """What it said."""
        return (self.folder / "otelcol.log").read_text(encoding="utf-8")

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait for something that is about to arrive, while others run."""
        async with asyncio.timeout(PATIENCE):
            while not condition():  # noqa: ASYNC110 - a file has no event
                await asyncio.sleep(PACE)

    def spans(self) -> list[Span]:
        """All spans that were received, in the order of their coming."""
        return [
            read_span(span, resource, scope.get("scope", {}).get("name", ""))
            for resource, scope in self._scopes("traces", "resourceSpans", "scopeSpans")
            for span in scope.get("spans", ())
        ]

    def metrics(self) -> dict[str, Metric]:
        """All metrics that were received, by their OpenTelemetry name."""
        result: dict[str, Metric] = {}
        for resource, scope in self._scopes("metrics", "resourceMetrics", "scopeMetrics"):
            for row in scope.get("metrics", ()):
                metric = read_metric(row)
                # The same metric as before: one that changes its type or unit would show as a second one.
                same = result.setdefault(metric.name, metric)
                described = (metric.type, metric.unit, metric.description, metric.monotonic, metric.temporality)
                before = (same.type, same.unit, same.description, same.monotonic, same.temporality)
                assert described == before, f"{metric.name} was {before}, and is {described}"
                same.points.extend(
                    read_point(point, metric.type, resource) for point in row[TYPES[metric.type]].get("dataPoints", ())
                )
        return result

    def prometheus(self, accept: str = "text/plain") -> str:
        """What its Prometheus exporter says; exemplars only for ``application/openmetrics-text``."""
        connection = http.client.HTTPConnection(self.exposition, timeout=PATIENCE)
        try:
            connection.request("GET", "/metrics", headers={"accept": accept})
            response = connection.getresponse()
            text = response.read().decode()
        finally:
            connection.close()
        assert response.status == 200, text
        return text

    def _scopes(self, signal: str, outer: str, inner: str) -> Iterator[tuple[Attributes, dict[str, Any]]]:
        """Every scope of every request, with the attributes of its resource."""
        path = self.folder / f"{signal}.jsonl"
        lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
        for line in lines:
            # A line without an end is being written.
            if line.endswith(b"\n"):
                for part in json.loads(line).get(outer, ()):
                    attributes = attributes_of(part.get("resource", {}))
                    yield from ((attributes, scope) for scope in part.get(inner, ()))


@contextlib.contextmanager
def collector(folder: Path) -> Iterator[Collector]:
    """A collector that runs, with its files in this folder."""
    running = Collector(folder)
    running.start()
    try:
        yield running
    finally:
        running.stop()


def _free(number: int) -> list[str]:
    """So many addresses on loopback that nobody uses."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(number)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [f"127.0.0.1:{each.getsockname()[1]}" for each in sockets]


def _listens(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), PATIENCE).close()
    except ConnectionRefusedError:
        return False
    return True
