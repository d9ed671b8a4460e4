"""
The clients of opentelemetry-exporter-otlp, handed messages that are encoded already.

The exporters take the SDK's own data types, which cannot carry stale flags, and answer with a yes or no, where the
counts need the status and what the receiver left out (``partial_success``).  There is no public way to either, so
this module reaches for one private name, the ``_client`` of an exporter; pyproject.toml allows only versions that
have it, and ``_client`` refuses the start without it.  Everything else is public: what was configured goes into the
constructor, and answers are read by the ``requests.Session`` that the constructor takes.

Importing this costs 0.3 s and 30 MB (requests, grpc and the SDK), so it is imported only where OTLP is on.
"""

import contextlib
import importlib.metadata
import logging
import os
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, TypeAlias

import grpc
import requests
from google.protobuf.message import DecodeError
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.exporter.otlp.proto.grpc import metric_exporter as grpc_metrics
from opentelemetry.exporter.otlp.proto.grpc import trace_exporter as grpc_traces
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http import metric_exporter as http_metrics
from opentelemetry.exporter.otlp.proto.http import trace_exporter as http_traces
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from rtc_exporter.app.delivery import Answer, Message, Sender
from rtc_exporter.errors import ConfigError
from rtc_exporter.otel import Receiver

#: An answer of opentelemetry.proto; the generated classes have no types.
_Response: TypeAlias = Any

#: Statuses after which the same may be sent again (OTLP 1.x, "Retryable Response Codes").
RETRYABLE = frozenset((429, 502, 503, 504))
#: The same for gRPC ("OTLP/gRPC Response").
RETRYABLE_CODES = frozenset(
    (
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.OUT_OF_RANGE,
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DATA_LOSS,
    )
)
#: How implementations word that a message is over the receiver's limit, which it will be again.
TOO_LARGE = ("larger than max", "exceeds maximum size")
#: Bytes of an answer that are read.
ANSWER = 64 << 10
#: gRPC waits up to two minutes before it connects again; our own pauses end after 30 s.
RECONNECT = (("grpc.initial_reconnect_backoff_ms", 1000), ("grpc.max_reconnect_backoff_ms", 5000))

EXPORTERS: dict[tuple[str, str], Any] = {
    ("http/protobuf", "traces"): http_traces.OTLPSpanExporter,
    ("http/protobuf", "metrics"): http_metrics.OTLPMetricExporter,
    ("grpc", "traces"): grpc_traces.OTLPSpanExporter,
    ("grpc", "metrics"): grpc_metrics.OTLPMetricExporter,
}
RESPONSES: dict[str, tuple[Any, str]] = {
    "traces": (ExportTraceServiceResponse, "rejected_spans"),
    "metrics": (ExportMetricsServiceResponse, "rejected_data_points"),
}


def sender(receiver: Receiver) -> Sender:
    """A client for one signal; raises ``ConfigError`` when the library is not the one this was written for."""
    # They log every attempt; what they say is in our own lines, one a minute.
    for name in ("opentelemetry.exporter", "urllib3"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    # gRPC's core writes to stderr by itself, at each restart of a receiver; it reads this when it is first used.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    return _Grpc(receiver) if receiver.protocol == "grpc" else _Http(receiver)


def _method(exporter: object, name: str) -> Callable[..., Any]:
    """What sends a message that is ready."""
    method = getattr(getattr(exporter, "_client", None), name, None)
    if not callable(method):
        version = importlib.metadata.version("opentelemetry-exporter-otlp")
        raise ConfigError(f"opentelemetry-exporter-otlp is {version}, wanted a version that pyproject.toml allows")
    result: Callable[..., Any] = method
    return result


def _accepted(response: _Response, signal: str) -> Answer:
    """The receiver took the request, perhaps without some of its items."""
    rejected = getattr(response.partial_success, RESPONSES[signal][1])
    detail = f"{rejected} rejected: {response.partial_success.error_message}" if rejected else ""
    return Answer("delivered", _clean(detail), rejected=rejected)


def _clean(text: str) -> str:
    """What a receiver says, fit for one line of a log."""
    return "".join(character if character.isprintable() else " " for character in text)[:200]


# ── HTTP


class _AnsweredError(Exception):
    """
    The receiver has answered, and not with success.

    Raised through the library's client, because it would send again by itself, behind our counts, up to six times.
    """

    def __init__(self, response: requests.Response, body: bytes) -> None:
        words = _words(response.headers.get("content-type", ""), body)
        super().__init__(f"{response.status_code} {response.reason}" + (f": {words}" if words else ""))
        self.status = response.status_code
        self.pause = _retry_after(response.headers.get("retry-after", ""))


class _FailedError(Exception):
    """There was no answer; raised for the same reason."""


class _Session(requests.Session):
    """Sends once, and keeps the answer."""

    def __init__(self) -> None:
        super().__init__()
        self.body = b""

    def request(self, method: str, url: str | bytes, *args: Any, **kwargs: Any) -> requests.Response:
        self.body = b""
        if isinstance(self.verify, str):
            kwargs["verify"] = self.verify  # or REQUESTS_CA_BUNDLE would outrank what was set for OTLP
        try:
            response = super().request(method, url, *args, **{**kwargs, "stream": True})
        except (requests.RequestException, OSError) as exc:
            raise _FailedError(_cause(exc)) from exc
        # The status has said whether it was taken, so a body that breaks off is no reason to send again.
        with response, contextlib.suppress(requests.RequestException, OSError):
            for chunk in response.iter_content(ANSWER):
                self.body += chunk
                if len(self.body) > ANSWER:
                    break
        if not 200 <= response.status_code < 300:
            raise _AnsweredError(response, self.body)
        return response


class _Http:
    """OTLP over HTTP, binary."""

    def __init__(self, receiver: Receiver) -> None:
        self._signal = receiver.signal
        self._session = _Session()
        self._exporter = EXPORTERS[receiver.protocol, receiver.signal](
            endpoint=receiver.target,
            certificate_file=receiver.certificate,
            client_key_file=receiver.client_key,
            client_certificate_file=receiver.client_certificate,
            headers=receiver.headers,
            timeout=receiver.timeout,
            compression=Compression.Gzip if receiver.gzip else Compression.NoCompression,
            session=self._session,
        )
        self._export = _method(self._exporter, "export")

    def send(self, message: Message) -> Answer:
        """Send once."""
        result = self._export(message.SerializeToString())
        error = result.error
        match error:
            case None:
                return self._read() if result.success else Answer("retried", "no answer")
            case _AnsweredError() if error.status in RETRYABLE:
                return Answer("retried", _clean(str(error)), pause=error.pause)
            case _AnsweredError():
                return Answer("refused", _clean(str(error)), "too_large" if error.status == 413 else "refused")
            case _FailedError():
                return Answer("retried", _clean(str(error)))
            case _:
                raise error

    def _read(self) -> Answer:
        """The body says what was left out; one that cannot be read belongs to a success all the same."""
        response = RESPONSES[self._signal][0]()
        with contextlib.suppress(DecodeError):
            response.ParseFromString(self._session.body)
            return _accepted(response, self._signal)
        return Answer("delivered")

    def close(self) -> None:
        """Close connections that are idle; a request that hangs goes on to its timeout."""
        self._exporter.shutdown()


def _words(kind: str, body: bytes) -> str:
    """What an answer says of its reason: a ``google.rpc.Status``, or plain text; a page of HTML says nothing."""
    if kind.startswith("text/plain"):
        return body.decode(errors="replace")
    status = Status()
    if kind.startswith("application/x-protobuf"):
        with contextlib.suppress(DecodeError):
            status.ParseFromString(body)
    return str(status.message)


def _retry_after(text: str) -> float:
    """Seconds of a Retry-After header (RFC 9110 10.2.3); 0 for none."""
    if text.strip().isdecimal():
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (TypeError, ValueError):
        return 0.0


def _cause(error: BaseException) -> str:
    """The innermost error: the outer ones repeat it with addresses of objects."""
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    return f"no answer: {type(error).__name__}: {error}"


# ── gRPC


class _Grpc:
    """OTLP over gRPC."""

    def __init__(self, receiver: Receiver) -> None:
        self._signal = receiver.signal
        self._timeout = receiver.timeout
        self._headers = tuple(receiver.headers.items())
        self._exporter = EXPORTERS[receiver.protocol, receiver.signal](
            endpoint=receiver.target,
            insecure=not receiver.is_secure,
            credentials=_credentials(receiver) if receiver.is_secure else None,
            headers=self._headers,
            timeout=receiver.timeout,
            compression=grpc.Compression.Gzip if receiver.gzip else grpc.Compression.NoCompression,
            channel_options=RECONNECT,
        )
        self._export = _method(self._exporter, "Export")

    def send(self, message: Message) -> Answer:
        """Send once."""
        try:
            response = self._export(request=message, metadata=self._headers, timeout=self._timeout)
        except grpc.RpcError as exc:
            return _refusal(exc)
        except ValueError as exc:  # a call on a channel that is closed
            return Answer("retried", _clean(str(exc)))
        return _accepted(response, self._signal)

    def close(self) -> None:
        """Cancel what is under way."""
        self._exporter.shutdown()


def _credentials(receiver: Receiver) -> grpc.ChannelCredentials:
    files = (receiver.certificate, receiver.client_key, receiver.client_certificate)
    return grpc.ssl_channel_credentials(*(None if file is None else Path(file).read_bytes() for file in files))


def _refusal(error: Any) -> Answer:
    code, details = error.code(), error.details() or ""
    detail = _clean(f"{code.name}: {details}")
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED and any(words in details for words in TOO_LARGE):
        return Answer("refused", detail, "too_large")
    if code in RETRYABLE_CODES:
        return Answer("retried", detail, pause=_retry_info(error))
    return Answer("refused", detail)


def _retry_info(error: Any) -> float:
    """Seconds that the receiver asks for, in the details of its status; 0 for none."""
    info, status = RetryInfo(), Status()
    for name, value in error.trailing_metadata() or ():
        if name == "grpc-status-details-bin":
            with contextlib.suppress(DecodeError):
                status.ParseFromString(value)
    for detail in status.details:
        if detail.Is(RetryInfo.DESCRIPTOR):
            with contextlib.suppress(DecodeError):
                detail.Unpack(info)
    return max(0.0, float(info.retry_delay.seconds + info.retry_delay.nanos / 1e9))
