"""The standard variables of OpenTelemetry: what they turn on, who wins, and what a wrong one says."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from rtc_exporter import __version__
from rtc_exporter.config import Config
from rtc_exporter.errors import ConfigError
from rtc_exporter.otel import read

GENERAL = "OTEL_EXPORTER_OTLP_"
ENDPOINT = {f"{GENERAL}ENDPOINT": "http://c:4318"}
GRPC = {f"{GENERAL}PROTOCOL": "grpc"}


#: Variables -> where traces and metrics go; "" for off.
TARGETS: list[tuple[dict[str, str], str, str]] = [
    ({}, "", ""),
    ({f"{GENERAL}PROTOCOL": "http/json"}, "", ""),
    ({f"{GENERAL}ENDPOINT": ""}, "", ""),
    (ENDPOINT, "http://c:4318/v1/traces", "http://c:4318/v1/metrics"),
    ({f"{GENERAL}ENDPOINT": "https://c/otlp/"}, "https://c/otlp/v1/traces", "https://c/otlp/v1/metrics"),
    ({f"{GENERAL}ENDPOINT": "http://c/a?k=v"}, "http://c/a/v1/traces?k=v", "http://c/a/v1/metrics?k=v"),
    ({f"{GENERAL}ENDPOINT": "HTTP://[::1]:1"}, "http://[::1]:1/v1/traces", "http://[::1]:1/v1/metrics"),
    ({f"{GENERAL}TRACES_ENDPOINT": "http://t:1/x"}, "http://t:1/x", ""),
    ({f"{GENERAL}METRICS_ENDPOINT": "http://m:1"}, "", "http://m:1/"),
    ({**ENDPOINT, f"{GENERAL}TRACES_ENDPOINT": "http://t:1/"}, "http://t:1/", "http://c:4318/v1/metrics"),
    ({**ENDPOINT, "OTEL_TRACES_EXPORTER": "none"}, "", "http://c:4318/v1/metrics"),
    ({**ENDPOINT, "OTEL_METRICS_EXPORTER": "none"}, "http://c:4318/v1/traces", ""),
    ({**ENDPOINT, "OTEL_METRICS_EXPORTER": "prometheus"}, "http://c:4318/v1/traces", ""),
    ({**ENDPOINT, "OTEL_METRICS_EXPORTER": "otlp, prometheus", "OTEL_TRACES_EXPORTER": "none"}, "", "http://c:4318/v1/metrics"),
    ({**ENDPOINT, "OTEL_SDK_DISABLED": "true"}, "", ""),
    ({**ENDPOINT, "OTEL_SDK_DISABLED": "FALSE", "OTEL_METRICS_EXPORTER": "none"}, "http://c:4318/v1/traces", ""),
    ({**GRPC, f"{GENERAL}ENDPOINT": "http://c:4317"}, "c:4317", "c:4317"),
    ({**GRPC, f"{GENERAL}ENDPOINT": "https://c:4317/ignored"}, "c:4317 TLS", "c:4317 TLS"),
    ({**GRPC, f"{GENERAL}ENDPOINT": "https://c"}, "c:443 TLS", "c:443 TLS"),
    ({**GRPC, f"{GENERAL}ENDPOINT": "c:4317"}, "c:4317 TLS", "c:4317 TLS"),
    ({**GRPC, f"{GENERAL}ENDPOINT": "c:4317", f"{GENERAL}INSECURE": "true"}, "c:4317", "c:4317"),
    ({**GRPC, f"{GENERAL}ENDPOINT": "c:4317", f"{GENERAL}TRACES_INSECURE": "True"}, "c:4317", "c:4317 TLS"),
    ({**GRPC, f"{GENERAL}ENDPOINT": "https://c:1", f"{GENERAL}INSECURE": "true"}, "c:1 TLS", "c:1 TLS"),
    ({**GRPC, f"{GENERAL}ENDPOINT": "http://c:1", f"{GENERAL}INSECURE": "false"}, "c:1", "c:1"),
    ({**ENDPOINT, f"{GENERAL}METRICS_PROTOCOL": "grpc"}, "http://c:4318/v1/traces", "c:4318"),
]  # fmt: skip


@pytest.mark.parametrize(("environ", "traces", "metrics"), TARGETS)
def test_where_signals_go(environ: dict[str, str], traces: str, metrics: str) -> None:
    """Off without an endpoint; a path is added to a general endpoint and to no other; the scheme decides about TLS."""
    otlp = read(environ)

    targets = [
        receiver and receiver.target + (" TLS" if receiver.is_secure and receiver.protocol == "grpc" else "")
        for receiver in (otlp.traces, otlp.metrics)
    ]
    assert targets == [traces or None, metrics or None]
    assert otlp.is_on == any(targets)


HEADERS = [
    ("", {}),
    ("a=b", {"a": "b"}),
    (" A = b c , d = e", {"a": "b c", "d": "e"}),
    ("key=a%2Cb%3Dc,X-T=1=2,", {"key": "a,b=c", "x-t": "1=2"}),
    ("a=", {"a": ""}),
]


@pytest.mark.parametrize(("text", "headers"), HEADERS)
def test_headers(text: str, headers: dict[str, str]) -> None:
    """Pairs with commas between, percent-encoded; names are in lower case, as gRPC wants them."""
    receiver = read({**ENDPOINT, f"{GENERAL}HEADERS": text}).traces

    assert receiver is not None
    assert receiver.headers == headers


def test_a_variable_of_the_signal_takes_the_place_of_the_general_one() -> None:
    """Each by itself; headers are not merged."""
    general = {"HEADERS": "a=1,b=2", "COMPRESSION": "gzip", "TIMEOUT": "2500"}
    special = {"TRACES_HEADERS": "c=3", "TRACES_COMPRESSION": "none", "TRACES_TIMEOUT": "1"}
    otlp = read({**ENDPOINT, **{f"{GENERAL}{name}": value for name, value in {**general, **special}.items()}})

    assert otlp.traces is not None
    assert otlp.metrics is not None
    assert (otlp.traces.headers, otlp.traces.gzip, otlp.traces.timeout) == ({"c": "3"}, False, 0.001)
    assert (otlp.metrics.headers, otlp.metrics.gzip, otlp.metrics.timeout) == ({"a": "1", "b": "2"}, True, 2.5)


def test_defaults() -> None:
    """Those of the OpenTelemetry documents."""
    otlp = read(ENDPOINT)

    assert otlp.traces is not None
    assert otlp.traces.protocol == "http/protobuf"
    assert (otlp.traces.timeout, otlp.traces.gzip, otlp.traces.certificate) == (10.0, False, None)
    assert (otlp.interval, otlp.exponential) == (60.0, False)


RESOURCES = [
    ({}, {"service.name": "rtc-exporter", "service.version": __version__}),
    ({"OTEL_SERVICE_NAME": "calls"}, {"service.name": "calls"}),
    ({"OTEL_RESOURCE_ATTRIBUTES": "service.name=a,b.c=d%2Ce%20f"}, {"service.name": "a", "b.c": "d,e f"}),
    ({"OTEL_RESOURCE_ATTRIBUTES": "service.name=a", "OTEL_SERVICE_NAME": "b"}, {"service.name": "b"}),
    (
        {"OTEL_RESOURCE_ATTRIBUTES": "host.name=h,service.instance.id=i,service.version=v,"},
        {"host.name": "h", "service.instance.id": "i", "service.version": "v"},
    ),
]


@pytest.mark.parametrize(("environ", "attributes"), RESOURCES)
def test_the_resource(environ: dict[str, str], attributes: dict[str, str]) -> None:
    """What the operator says goes before what we know."""
    resource = read({**ENDPOINT, **environ}).resource

    assert attributes.items() <= resource.items()
    assert resource.keys() >= {"service.name", "service.version", "service.instance.id", "host.name"}


def test_each_process_is_an_instance_of_its_own() -> None:
    """A uuid, unless one is given; the same as long as it lives, though the variables are read again."""
    first, again = (read(ENDPOINT).resource["service.instance.id"] for _ in range(2))
    program = f"from rtc_exporter.otel import read; print(read({ENDPOINT}).resource['service.instance.id'])"
    other = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.strip()

    assert again == first
    for one in (first, other):
        assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", one)
    assert other != first


def test_how_metrics_are_sent() -> None:
    """The interval in milliseconds, and the form of histograms."""
    aggregation = f"{GENERAL}METRICS_DEFAULT_HISTOGRAM_AGGREGATION"
    given = {"OTEL_METRIC_EXPORT_INTERVAL": "1500", aggregation: "base2_exponential_bucket_histogram"}
    otlp = read({**ENDPOINT, **given, f"{GENERAL}METRICS_TEMPORALITY_PREFERENCE": "Cumulative"})

    assert (otlp.interval, otlp.exponential) == (1.5, True)


MISTAKES: list[tuple[dict[str, str], str]] = [
    ({f"{GENERAL}PROTOCOL": "http/json"}, f"{GENERAL}PROTOCOL is 'http/json', wanted grpc or http/protobuf"),
    ({f"{GENERAL}TRACES_PROTOCOL": "udp"}, f"{GENERAL}TRACES_PROTOCOL is 'udp', wanted grpc or http/protobuf"),
    ({f"{GENERAL}COMPRESSION": "zstd"}, f"{GENERAL}COMPRESSION is 'zstd', wanted gzip or none"),
    ({f"{GENERAL}TIMEOUT": "10s"}, f"{GENERAL}TIMEOUT is '10s', wanted milliseconds, a whole number over 0"),
    ({f"{GENERAL}METRICS_TIMEOUT": "0"}, f"{GENERAL}METRICS_TIMEOUT is '0', wanted milliseconds"),
    ({"OTEL_METRIC_EXPORT_INTERVAL": "-1"}, "OTEL_METRIC_EXPORT_INTERVAL is '-1', wanted milliseconds"),
    ({f"{GENERAL}ENDPOINT": "c:4318"}, f"{GENERAL}ENDPOINT is 'c:4318', wanted http:// or https:// in front"),
    ({f"{GENERAL}ENDPOINT": "ftp://c"}, f"{GENERAL}ENDPOINT is 'ftp://c', wanted http:// or https://"),
    ({f"{GENERAL}ENDPOINT": "http://c:99999"}, "wanted http:// or https://, host and port"),
    ({f"{GENERAL}ENDPOINT": "http://u:canary@c"}, f"{GENERAL}ENDPOINT is '***', wanted http:// or https://"),
    ({**GRPC, f"{GENERAL}ENDPOINT": "c"}, f"{GENERAL}ENDPOINT is 'c', wanted a port"),
    ({**GRPC, f"{GENERAL}ENDPOINT": "c:1", f"{GENERAL}INSECURE": "yes"}, f"{GENERAL}INSECURE is 'yes', wanted true or"),
    ({f"{GENERAL}HEADERS": "canary"}, f"{GENERAL}HEADERS: entry 1 is not name=value"),
    ({f"{GENERAL}HEADERS": "a=b,c d=canary"}, f"{GENERAL}HEADERS: entry 2 is not name=value"),
    ({f"{GENERAL}HEADERS": "a=canary%0A"}, f"{GENERAL}HEADERS: the value of 'a' cannot be sent"),
    ({f"{GENERAL}HEADERS": "a=canary%FF"}, f"{GENERAL}HEADERS is percent-encoded, but not UTF-8"),
    ({"OTEL_RESOURCE_ATTRIBUTES": "a"}, "OTEL_RESOURCE_ATTRIBUTES is 'a', wanted pairs key=value"),
    ({"OTEL_RESOURCE_ATTRIBUTES": "a=%FF"}, "OTEL_RESOURCE_ATTRIBUTES is percent-encoded, but not UTF-8"),
    ({"OTEL_TRACES_EXPORTER": "zipkin"}, "OTEL_TRACES_EXPORTER is 'zipkin', wanted otlp or none"),
    ({"OTEL_METRICS_EXPORTER": "otlp,x"}, "OTEL_METRICS_EXPORTER is 'otlp,x', wanted otlp, none or prometheus"),
    ({"OTEL_SDK_DISABLED": "1"}, "OTEL_SDK_DISABLED is '1', wanted true or false"),
    (
        {f"{GENERAL}METRICS_TEMPORALITY_PREFERENCE": "delta"},
        f"{GENERAL}METRICS_TEMPORALITY_PREFERENCE is 'delta', wanted cumulative",
    ),
    (
        {f"{GENERAL}METRICS_DEFAULT_HISTOGRAM_AGGREGATION": "summary"},
        f"{GENERAL}METRICS_DEFAULT_HISTOGRAM_AGGREGATION is 'summary', wanted explicit_bucket_histogram or",
    ),
]


@pytest.mark.parametrize(("environ", "text"), MISTAKES)
def test_a_mistake_is_named(environ: dict[str, str], text: str) -> None:
    """Which variable, what was got, what was wanted; never a key of somebody's back end."""
    with pytest.raises(ConfigError) as error:
        Config.load({}, {**ENDPOINT, **environ})

    assert text in str(error.value)
    assert "canary" not in str(error.value)


#: Files by the end of their variables -> the message.
FILES = [
    ({"CERTIFICATE": "none.pem"}, "none.pem', wanted a file that can be read"),
    ({"CERTIFICATE": "empty.pem"}, "empty.pem', wanted a file of certificates in PEM"),
    ({"CLIENT_CERTIFICATE": "empty.pem"}, "empty.pem', wanted a certificate in PEM with its key"),
    ({"CLIENT_KEY": "empty.pem"}, f"{GENERAL}CLIENT_KEY is set without a certificate"),
]


@pytest.mark.parametrize(("files", "text"), FILES)
def test_a_wrong_certificate_is_found_at_the_start(tmp_path: Path, files: dict[str, str], text: str) -> None:
    """Not when the first span is sent; where TLS is not spoken they are not looked at."""
    (tmp_path / "empty.pem").write_text("nothing")
    given = {f"{GENERAL}{name}": str(tmp_path / file) for name, file in files.items()}

    with pytest.raises(ConfigError) as error:
        read({f"{GENERAL}ENDPOINT": "https://c", **given})

    assert text in str(error.value)
    assert read({**ENDPOINT, **given}).is_on


CHECKS = [
    ({}, ("OTLP traces", "off", "default"), ("OTLP metrics", "off", "default")),
    (
        {**ENDPOINT, "OTEL_TRACES_EXPORTER": "none", f"{GENERAL}HEADERS": "key=canary"},
        ("OTLP traces", "off", "OTEL_TRACES_EXPORTER"),
        (
            "OTLP metrics",
            "http/protobuf to http://c:4318/v1/metrics, timeout 10 s, every 60 s",
            f"{GENERAL}ENDPOINT",
        ),
    ),
    (
        {**GRPC, f"{GENERAL}TRACES_ENDPOINT": "https://c:4317", f"{GENERAL}COMPRESSION": "gzip"},
        ("OTLP traces", "grpc to c:4317, TLS, gzip, timeout 10 s", f"{GENERAL}TRACES_ENDPOINT"),
        ("OTLP metrics", "off", "default"),
    ),
]


@pytest.mark.parametrize(("environ", "traces", "metrics"), CHECKS)
def test_what_check_says(environ: dict[str, str], traces: tuple[str, str, str], metrics: tuple[str, str, str]) -> None:
    """Where it goes and by which protocol, or that it is off; and which variable decided."""
    config = Config.load({}, environ)

    assert list(config.effective())[-2:] == [traces, metrics]
    assert "canary" not in repr(config) + repr(config.otlp)
