"""
The standard variables of OpenTelemetry: whether, where and how spans and metrics are pushed.

Nothing is pushed until an endpoint is set.  A variable of one signal (``OTEL_EXPORTER_OTLP_TRACES_HEADERS``) takes
the place of the general one, an empty one counts as unset, and times are in milliseconds, all as the OpenTelemetry
documents say.  They say too that what is wrong should be passed over; here it refuses the start as every setting does.

Sources: opentelemetry.io/docs/specs/otel, "Environment Variable Specification" and "OpenTelemetry Protocol Exporter".
"""

import re
import socket
import ssl
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

from rtc_exporter import __version__
from rtc_exporter.errors import ConfigError

SERVICE = "rtc-exporter"
#: What tells this process from others, as long as it lives: the variables may be read again.
INSTANCE = str(uuid.uuid4())
PROTOCOLS = ("grpc", "http/protobuf")
EXPONENTIAL = "base2_exponential_bucket_histogram"
AGGREGATIONS = ("explicit_bucket_histogram", EXPONENTIAL)
#: Milliseconds, as the documents have them.
TIMEOUT, INTERVAL = 10_000, 60_000
#: Signal -> the path behind a general endpoint, and what the variable that chooses its exporter may say.
SIGNALS = {"traces": ("v1/traces", ("otlp", "none")), "metrics": ("v1/metrics", ("otlp", "none", "prometheus"))}

_URL = re.compile(r"(?:(https?)://)?(\[[0-9A-Fa-f:.]+\]|[^:/\[\]@?#\s]+)(?::(\d{1,5}))?(/[^#\s]*)?", re.IGNORECASE)
_PORTS = {"http": 80, "https": 443}
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_PRINTABLE = re.compile(r"[\x20-\x7e]*")


@dataclass(frozen=True, slots=True)
class Receiver:
    """Where one signal goes; ``timeout`` in seconds."""

    signal: str
    protocol: str
    #: A URL for HTTP, ``host:port`` for gRPC.
    target: str
    is_secure: bool
    #: Not in ``repr``, because keys of back ends are among them.
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    gzip: bool = False
    timeout: float = TIMEOUT / 1e3
    certificate: str | None = None
    client_certificate: str | None = None
    client_key: str | None = None

    def __str__(self) -> str:
        tls = ", TLS" if self.is_secure and self.protocol == "grpc" else ""
        gzip = ", gzip" if self.gzip else ""
        return f"{self.protocol} to {self.target}{tls}{gzip}, timeout {self.timeout:g} s"


class Origin(NamedTuple):
    """Which variable decided, and what it said."""

    variable: str
    value: str


@dataclass(frozen=True, slots=True)
class Otlp:
    """What is pushed: a receiver for each signal that is on; ``interval`` in seconds."""

    traces: Receiver | None = None
    metrics: Receiver | None = None
    #: Signal -> the variable that turned it on or off.
    origins: Mapping[str, str] = field(default_factory=dict)
    resource: Mapping[str, str] = field(default_factory=dict)
    interval: float = INTERVAL / 1e3
    #: Histograms are sent with exponential buckets.
    exponential: bool = False

    @property
    def is_on(self) -> bool:
        """Whether anything is pushed."""
        return self.traces is not None or self.metrics is not None

    def effective(self) -> Iterator[tuple[str, str, str]]:
        """What it amounts to: name, value, and where that came from."""
        for signal, receiver in (("traces", self.traces), ("metrics", self.metrics)):
            value = "off" if receiver is None else str(receiver)
            if signal == "metrics" and receiver is not None:
                value += f", every {self.interval:g} s" + (", exponential histograms" if self.exponential else "")
            yield f"OTLP {signal}", value, self.origins.get(signal, "default")


def read(environ: Mapping[str, str], shard: str = "") -> Otlp:
    """Read the variables; raises ``ConfigError``.  ``shard``: of several processes with the same variables, which."""
    variables = {name: value.strip() for name, value in environ.items() if name.startswith("OTEL_") and value.strip()}
    receivers: dict[str, Receiver | None] = {}
    origins: dict[str, str] = {}
    for signal in SIGNALS:
        endpoint = _get(variables, signal, "ENDPOINT")
        silenced = _silenced(variables, signal)
        if endpoint is not None:
            origins[signal] = silenced or endpoint.variable
        receivers[signal] = _receiver(variables, signal, endpoint) if endpoint and not silenced else None
    if not any(receivers.values()):
        return Otlp(origins=origins)
    interval, exponential = _metrics(variables) if receivers["metrics"] else (INTERVAL / 1e3, False)
    return Otlp(receivers["traces"], receivers["metrics"], origins, _resource(variables, shard), interval, exponential)


def _silenced(variables: Mapping[str, str], signal: str) -> str:
    """The variable that turns a signal off although it has an endpoint; "" for none."""
    disabled = "OTEL_SDK_DISABLED"
    if disabled in variables and _boolean(Origin(disabled, variables[disabled])):
        return disabled
    chosen = Origin(f"OTEL_{signal.upper()}_EXPORTER", variables.get(f"OTEL_{signal.upper()}_EXPORTER", "otlp"))
    names = {name.strip().lower() for name in chosen.value.split(",")}
    wanted = SIGNALS[signal][1]
    if not names.issubset(wanted):
        raise _wrong(chosen, _one_of(wanted))
    return "" if "otlp" in names else chosen.variable


def _receiver(variables: Mapping[str, str], signal: str, endpoint: Origin) -> Receiver:
    protocol = _choice(_get(variables, signal, "PROTOCOL"), PROTOCOLS, "http/protobuf")
    target, is_secure = _target(variables, signal, endpoint, protocol)
    timeout = _get(variables, signal, "TIMEOUT")
    certificate, client_certificate, client_key = _certificates(variables, signal) if is_secure else (None, None, None)
    return Receiver(
        signal=signal,
        protocol=protocol,
        target=target,
        is_secure=is_secure,
        headers=_headers(_get(variables, signal, "HEADERS")),
        gzip=_choice(_get(variables, signal, "COMPRESSION"), ("gzip", "none"), "none") == "gzip",
        timeout=_milliseconds(timeout, TIMEOUT),
        certificate=certificate,
        client_certificate=client_certificate,
        client_key=client_key,
    )


def _target(variables: Mapping[str, str], signal: str, endpoint: Origin, protocol: str) -> tuple[str, bool]:
    """The URL or ``host:port``, and whether TLS is spoken there."""
    found = _URL.fullmatch(endpoint.value)
    shown = endpoint if "@" not in endpoint.value else Origin(endpoint.variable, "***")  # a password may be in it
    if found is None or int(found[3] or 0) > 65535:
        wanted = "http:// or https://, host and port, without a password (OTEL_EXPORTER_OTLP_HEADERS takes keys)"
        raise _wrong(shown, wanted)
    scheme, host, port, path = (found[1] or "").lower(), found[2], found[3], found[4] or ""
    if protocol == "grpc":
        if not scheme and not port:
            raise _wrong(shown, "a port, as in collector.example:4317")
        # The scheme outranks the variable, which is for endpoints without one.
        insecure = _get(variables, signal, "INSECURE")
        is_secure = scheme == "https" or (not scheme and not (insecure is not None and _boolean(insecure)))
        return f"{host}:{port or _PORTS[scheme]}", is_secure
    if not scheme:
        raise _wrong(shown, "http:// or https:// in front, as in http://collector.example:4318")
    if endpoint.variable == "OTEL_EXPORTER_OTLP_ENDPOINT":
        path, question, query = path.partition("?")
        path = f"{path.rstrip('/')}/{SIGNALS[signal][0]}{question}{query}"
    return f"{scheme}://{host}{f':{port}' if port else ''}{path or '/'}", scheme == "https"


def _certificates(variables: Mapping[str, str], signal: str) -> tuple[str | None, str | None, str | None]:
    """The files, of which each could be read: authorities, our own certificate, its key."""
    names = ("CERTIFICATE", "CLIENT_CERTIFICATE", "CLIENT_KEY")
    authorities, chain, key = (_get(variables, signal, name) for name in names)
    for file in (authorities, chain, key):
        if file is not None and not _readable(file.value):
            raise _wrong(file, "a file that can be read")
    context = ssl.create_default_context()
    if authorities is not None:
        try:
            context.load_verify_locations(authorities.value)
        except (OSError, ValueError):
            raise _wrong(authorities, "a file of certificates in PEM") from None
    if key is not None and chain is None:
        raise ConfigError(f"{key.variable} is set without a certificate, wanted the variable with CERTIFICATE, too")
    if chain is not None:
        try:
            # A key with a password would stop the start to ask for it.
            context.load_cert_chain(chain.value, key and key.value, password=lambda: "")
        except (OSError, ValueError):
            raise _wrong(chain, "a certificate in PEM with its key, without a password") from None
        key = key or chain
    return authorities and authorities.value, chain and chain.value, key and key.value


def _readable(path: str) -> bool:
    try:
        with Path(path).open("rb"):
            return True
    except OSError:
        return False


def _headers(given: Origin | None) -> dict[str, str]:
    """Pairs ``name=value`` with percent-encoded values; no message repeats a value, for keys are among them."""
    result = {}
    for number, (name, equals, value) in enumerate(_pairs(given), 1):
        assert given is not None
        if not equals or not _HEADER.fullmatch(name):
            raise ConfigError(
                f"{given.variable}: entry {number} is not name=value, wanted such pairs with commas between"
            )
        if not _PRINTABLE.fullmatch(value):
            raise ConfigError(f"{given.variable}: the value of {name!r} cannot be sent, wanted printable ASCII")
        result[name.lower()] = value
    return result


def _resource(variables: Mapping[str, str], shard: str) -> dict[str, str]:
    """What is said of this process; the operator's words go before ours."""
    name = "OTEL_RESOURCE_ATTRIBUTES"
    given = Origin(name, variables[name]) if name in variables else None
    result = {
        "service.name": SERVICE,
        "service.version": __version__,
        "service.instance.id": INSTANCE,
        "host.name": socket.gethostname(),
    }
    for key, equals, value in _pairs(given):
        assert given is not None
        if not equals or not key:
            raise _wrong(given, "pairs key=value with commas between")
        result[key] = value
    if "OTEL_SERVICE_NAME" in variables:
        result["service.name"] = variables["OTEL_SERVICE_NAME"]
    if shard:
        result["service.instance.id"] += f"-{shard}"
    return result


def _pairs(given: Origin | None) -> Iterator[tuple[str, str, str]]:
    """Name, the sign between, and value of each entry, decoded."""
    for entry in given.value.split(",") if given else ():
        if not entry.strip():
            continue
        name, equals, value = entry.partition("=")
        try:
            yield unquote(name.strip(), errors="strict"), equals, unquote(value.strip(), errors="strict")
        except UnicodeDecodeError:
            assert given is not None
            raise ConfigError(f"{given.variable} is percent-encoded, but not UTF-8") from None


def _metrics(variables: Mapping[str, str]) -> tuple[float, bool]:
    """Seconds between two snapshots, and whether histograms are exponential."""
    prefix = "OTEL_EXPORTER_OTLP_METRICS_"
    given = {name: Origin(name, value) for name, value in variables.items()}
    _choice(given.get(f"{prefix}TEMPORALITY_PREFERENCE"), ("cumulative",), "cumulative")
    aggregation = _choice(given.get(f"{prefix}DEFAULT_HISTOGRAM_AGGREGATION"), AGGREGATIONS, AGGREGATIONS[0])
    return _milliseconds(given.get("OTEL_METRIC_EXPORT_INTERVAL"), INTERVAL), aggregation == EXPONENTIAL


# ── single values


def _get(variables: Mapping[str, str], signal: str, name: str) -> Origin | None:
    """The variable of the signal, or else the general one."""
    for variable in (f"OTEL_EXPORTER_OTLP_{signal.upper()}_{name}", f"OTEL_EXPORTER_OTLP_{name}"):
        if variable in variables:
            return Origin(variable, variables[variable])
    return None


def _choice(given: Origin | None, wanted: tuple[str, ...], default: str) -> str:
    if given is None:
        return default
    if given.value.lower() not in wanted:
        raise _wrong(given, _one_of(wanted))
    return given.value.lower()


def _boolean(given: Origin) -> bool:
    return _choice(given, ("true", "false"), "") == "true"


def _milliseconds(given: Origin | None, default: int) -> float:
    """Seconds."""
    if given is None:
        return default / 1e3
    if not re.fullmatch(r"[0-9]{1,9}", given.value) or not int(given.value):
        raise _wrong(given, "milliseconds, a whole number over 0")
    return int(given.value) / 1e3


def _one_of(wanted: tuple[str, ...]) -> str:
    return f"{', '.join(wanted[:-1])} or {wanted[-1]}" if len(wanted) > 1 else wanted[0]


def _wrong(given: Origin, wanted: str) -> ConfigError:
    return ConfigError(f"{given.variable} is {given.value!r}, wanted {wanted}")
