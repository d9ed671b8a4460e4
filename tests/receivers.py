"""
Receivers of OTLP on loopback, over HTTP and gRPC, that behave as they are told, step by step.

They count what they took, so that a test can hold the exporter's own counts against it.
"""

import contextlib
import gzip
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

import grpc
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as metrics
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2_grpc as metrics_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as traces
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc as traces_grpc

#: Longer than anything here takes.
PATIENCE = 20.0


class Step(NamedTuple):
    """What a receiver does with one request."""

    status: int = 200
    code: grpc.StatusCode = grpc.StatusCode.OK
    text: str = ""
    #: Items that it leaves out of what it takes.
    rejected: int = 0
    #: It does not answer, and takes nothing.
    hangs: bool = False
    #: Seconds until it answers.
    delay: float = 0.0
    #: What HTTP answers with besides, and gRPC: a ``google.rpc.Status``.
    headers: Mapping[str, str] = {}
    details: bytes = b""


OK = Step()
UNAVAILABLE = Step(503, grpc.StatusCode.UNAVAILABLE, "later")
EXHAUSTED = Step(429, grpc.StatusCode.RESOURCE_EXHAUSTED, "too many")
INVALID = Step(400, grpc.StatusCode.INVALID_ARGUMENT, "what is this")
DENIED = Step(401, grpc.StatusCode.UNAUTHENTICATED, "who are you")
TOO_LARGE = Step(413, grpc.StatusCode.RESOURCE_EXHAUSTED, "Received message larger than max (10 vs. 4)")
PARTIAL = Step(rejected=2, text="two were odd")
HANG = Step(hangs=True)


class Request(NamedTuple):
    """What came: the path, or the name of the method; names of headers in lower case."""

    path: str
    headers: Mapping[str, str]
    items: int
    message: Any


class Receiver:
    """What both protocols have in common: the script, and the counts."""

    def __init__(self, script: Sequence[Step]) -> None:
        """The last step is repeated."""
        self._script = list(script)
        self._lock = threading.Lock()
        #: Set when the first request has come, and to end what hangs.
        self.came = threading.Event()
        self.released = threading.Event()
        self.requests: list[Request] = []
        #: When they came, on a clock that a test may set.
        self.times: list[float] = []
        self.clock: Callable[[], float] = time.monotonic
        #: Items taken, without those that were rejected.
        self.taken = 0
        self.port = 0

    def turn(self, step: Step) -> None:
        """Do this from now on, and end what hangs."""
        with self._lock:
            self._script = [step]
        self.released.set()

    def play(self, request: Request) -> Step:
        """Take a request as the script says."""
        with self._lock:
            step = self._script.pop(0) if len(self._script) > 1 else self._script[0]
            self.requests.append(request)
            self.times.append(self.clock())
        self.came.set()
        if step.hangs:
            self.released.wait(PATIENCE)
            return UNAVAILABLE  # nobody is there any more to hear it
        if step.delay:
            self.released.wait(step.delay)
        if step.status == 200:
            with self._lock:
                self.taken += request.items - step.rejected
        return step


def items_of(message: Any) -> int:
    """Spans or points of a request."""
    if hasattr(message, "resource_spans"):
        return sum(len(scope.spans) for one in message.resource_spans for scope in one.scope_spans)
    return sum(
        len(getattr(metric, metric.WhichOneof("data")).data_points)
        for one in message.resource_metrics
        for scope in one.scope_metrics
        for metric in scope.metrics
    )


def response(message: Any, step: Step) -> Any:
    """The answer of a receiver that takes a request."""
    result = (
        traces.ExportTraceServiceResponse()
        if hasattr(message, "resource_spans")
        else metrics.ExportMetricsServiceResponse()
    )
    if step.rejected:
        name = "rejected_spans" if hasattr(message, "resource_spans") else "rejected_data_points"
        setattr(result.partial_success, name, step.rejected)
        result.partial_success.error_message = step.text
    return result


# ── HTTP


def _handler(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            kind = traces.ExportTraceServiceRequest if "trace" in self.path else metrics.ExportMetricsServiceRequest
            message = kind.FromString(body)
            headers = {name.lower(): value for name, value in self.headers.items()}
            step = receiver.play(Request(self.path, headers, items_of(message), message))
            answer = response(message, step).SerializeToString() if step.status == 200 else step.text.encode()
            with contextlib.suppress(OSError):  # the client may have given up
                self.send_response(step.status)
                for name, value in {"content-length": str(len(answer)), **step.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(answer)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    return Handler


class _HttpServer(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that go away are no news."""


@contextlib.contextmanager
def http_receiver(script: Sequence[Step], context: ssl.SSLContext | None = None, port: int = 0) -> Iterator[Receiver]:
    """A receiver of OTLP/HTTP."""
    receiver = Receiver(script)
    server = _HttpServer(("127.0.0.1", port), _handler(receiver))
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    receiver.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.released.set()
        server.shutdown()
        server.server_close()
        thread.join(PATIENCE)


# ── gRPC


def _export(receiver: Receiver, method: str) -> Any:
    def export(self: Any, request: Any, context: Any) -> Any:
        headers = {name: value for name, value in context.invocation_metadata() if isinstance(value, str)}
        step = receiver.play(Request(method, headers, items_of(request), request))
        if step.details:
            context.set_trailing_metadata((("grpc-status-details-bin", step.details),))
        if step.code is not grpc.StatusCode.OK:
            context.abort(step.code, step.text)
        return response(request, step)

    return export


@contextlib.contextmanager
def grpc_receiver(
    script: Sequence[Step], credentials: grpc.ServerCredentials | None = None, port: int = 0
) -> Iterator[Receiver]:
    """A receiver of OTLP/gRPC."""
    receiver = Receiver(script)
    server = grpc.server(ThreadPoolExecutor(4))
    trace_service = type("Traces", (traces_grpc.TraceServiceServicer,), {"Export": _export(receiver, "traces")})
    metrics_service = type("Metrics", (metrics_grpc.MetricsServiceServicer,), {"Export": _export(receiver, "metrics")})
    traces_grpc.add_TraceServiceServicer_to_server(trace_service(), server)  # type: ignore[no-untyped-call]
    metrics_grpc.add_MetricsServiceServicer_to_server(metrics_service(), server)  # type: ignore[no-untyped-call]
    place = f"127.0.0.1:{port}"
    receiver.port = (
        server.add_insecure_port(place) if credentials is None else server.add_secure_port(place, credentials)
    )
    server.start()
    try:
        yield receiver
    finally:
        receiver.released.set()
        server.stop(None).wait(PATIENCE)


RECEIVERS: dict[str, Callable[[Sequence[Step]], contextlib.AbstractContextManager[Receiver]]] = {
    "http/protobuf": http_receiver,
    "grpc": grpc_receiver,
}


def closed_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port
