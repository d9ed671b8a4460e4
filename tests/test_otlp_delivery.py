"""OTLP on its way out: to receivers that take it, refuse it, hang or are not there; every item is counted once."""

import asyncio
import logging
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from itertools import pairwise

import pytest
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status

from rtc_exporter.app import senders
from rtc_exporter.app.delivery import Answer, Counts, Delivery, Part, Queue, Sender
from rtc_exporter.app.parts import trace_settings
from rtc_exporter.app.queues import SnapshotQueue, SpanQueue
from rtc_exporter.config import Config
from rtc_exporter.errors import ConfigError
from rtc_exporter.export.otlp import MetricsEncoder
from rtc_exporter.metric import Kind, Metric
from rtc_exporter.otel import Otlp, read
from rtc_exporter.series import SeriesStore
from rtc_exporter.span import Span, span_id, trace_id
from tests.certificates import Certificates, certificates
from tests.receivers import (
    DENIED,
    EXHAUSTED,
    HANG,
    INVALID,
    OK,
    PARTIAL,
    PATIENCE,
    RECEIVERS,
    TOO_LARGE,
    UNAVAILABLE,
    Receiver,
    Step,
    closed_port,
    grpc_receiver,
    http_receiver,
)
from tests.running import running

PROTOCOLS = ("http/protobuf", "grpc")


class IdleError(Exception):
    """There is nothing more to do."""


class Time(threading.Condition):
    """Time that passes only while somebody waits; what is planned happens on the way."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.plans: list[tuple[float, Callable[[], None]]] = []

    def clock(self) -> float:
        return self.now

    def wait(self, timeout: float | None = None) -> bool:
        if timeout is None:
            raise IdleError
        end = self.now + timeout
        if self.plans and self.plans[0][0] <= end:
            end, plan = self.plans.pop(0)
            self.now = end
            plan()
        self.now = end
        return True


def spans(number: int, name: str = "span", is_bad: bool = False, text: str = "") -> list[Span]:
    """Spans that differ in their ids."""
    ids = [span_id(name, str(index)) for index in range(number)]
    return [Span(name, trace_id("t"), one, b"", 1.0, 2.0, {"text": text}, is_bad=is_bad) for one in ids]


def snapshot(number: int) -> list[Part]:
    """A snapshot of so many points."""
    metric = Metric("rtc.test", Kind.COUNTER, "{thing}", ("rtc.side",), (), "Things.")
    store = SeriesStore([metric], now=0.0)
    for index in range(number):
        store.add("rtc.test", (str(index),), 1.0, 0.0)
    return [Part(message, points) for message, points in MetricsEncoder({}, False).encode(store.families(), 1.0)]


def otlp(protocol: str, port: int, **variables: str) -> Otlp:
    """The settings for a receiver on loopback."""
    given = {f"OTEL_EXPORTER_OTLP_{name}": value for name, value in variables.items()}
    endpoint = f"http://127.0.0.1:{port}"
    return read({"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_EXPORTER_OTLP_PROTOCOL": protocol, **given})


def sender(settings: Otlp, signal: str = "traces") -> Sender:
    """The sender of a signal."""
    receiver = settings.traces if signal == "traces" else settings.metrics
    assert receiver is not None
    return senders.sender(receiver)


def work(delivery: Delivery) -> Counts:
    """Let the thread's work be done here, until there is nothing more to do."""
    with pytest.raises(IdleError):
        delivery.run()
    return exact(delivery)


def exact(delivery: Delivery) -> Counts:
    """The counts, which must add up."""
    counts = delivery.counts()
    assert counts.queued == counts.delivered + sum(counts.dropped.values()) + counts.waiting
    assert counts.faults == ()
    return counts


def dropped(counts: Counts) -> dict[str, int]:
    """What was dropped, without the reasons that did not occur."""
    return {reason: number for reason, number in counts.dropped.items() if number}


#: Script -> items delivered of ten, dropped by reason, requests: delivered, retried, refused.
SCRIPTS: list[tuple[Sequence[Step], int, dict[str, int], tuple[int, int, int]]] = [
    ((OK,), 10, {}, (1, 0, 0)),
    ((UNAVAILABLE, OK), 10, {}, (1, 1, 0)),
    ((EXHAUSTED, UNAVAILABLE, OK), 10, {}, (1, 2, 0)),
    ((UNAVAILABLE,), 0, {"expired": 10}, (0, 13, 0)),
    ((INVALID,), 0, {"refused": 10}, (0, 0, 1)),
    ((DENIED,), 0, {"refused": 10}, (0, 0, 1)),
    ((UNAVAILABLE, INVALID), 0, {"refused": 10}, (0, 1, 1)),
    ((TOO_LARGE,), 0, {"too_large": 10}, (0, 0, 1)),
    ((PARTIAL,), 8, {"refused": 2}, (1, 0, 0)),
    ((UNAVAILABLE, PARTIAL), 8, {"refused": 2}, (1, 1, 0)),
    ((HANG, OK), 10, {}, (1, 1, 0)),
]


@pytest.mark.parametrize("signal", ["traces", "metrics"])
@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(("script", "delivered", "drops", "requests"), SCRIPTS)
def test_what_becomes_of_ten_items(
    protocol: str,
    signal: str,
    script: Sequence[Step],
    delivered: int,
    drops: dict[str, int],
    requests: tuple[int, int, int],
) -> None:
    """The counts are those of the table, and the receiver's own."""
    time = Time()
    with RECEIVERS[protocol](script) as receiver:
        timeout = "200" if HANG in script else "10000"
        client = sender(otlp(protocol, receiver.port, TIMEOUT=timeout), signal)
        queue: Queue = SpanQueue({}) if signal == "traces" else SnapshotQueue()
        delivery = Delivery(signal, queue, client, time.clock, time)

        delivery.put(spans(10) if signal == "traces" else snapshot(10))
        before = exact(delivery)
        counts = work(delivery)
        client.close()

        assert (before.queued, before.waiting) == (10, 10)
        assert (counts.queued, counts.delivered, counts.waiting) == (10, delivered, 0)
        assert dropped(counts) == drops
        assert tuple(counts.requests.values()) == requests
        assert len(receiver.requests) == len(counts.durations) == sum(requests)
        assert receiver.taken == delivered


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_receiver_that_is_not_there(protocol: str) -> None:
    """Nobody listens: it is tried for five minutes."""
    time = Time()
    client = sender(otlp(protocol, closed_port()))
    delivery = Delivery("traces", SpanQueue({}), client, time.clock, time)

    delivery.put(spans(3))
    counts = work(delivery)
    client.close()

    assert dropped(counts) == {"expired": 3}
    assert counts.requests["retried"] == 13


def delivery_to(receiver: Receiver, time: Time, queue: Queue | None = None) -> Delivery:
    """A delivery of spans over HTTP."""
    client = sender(otlp("http/protobuf", receiver.port))
    return Delivery("traces", queue or SpanQueue({}), client, time.clock, time)


def test_pauses_grow_and_end() -> None:
    """5 s, half as much again each time, 30 s at most, and no try after 300 s."""
    time = Time()
    with http_receiver([UNAVAILABLE]) as receiver:
        receiver.clock = time.clock
        delivery = delivery_to(receiver, time)
        delivery.put(spans(1))
        work(delivery)

        pauses = [later - earlier for earlier, later in pairwise(receiver.times)]
        assert pauses == pytest.approx([5.0, 7.5, 11.25, 16.875, 25.3125, *[30.0] * 7])
        assert receiver.times[-1] <= 300.0


def test_one_batch_is_tried_at_a_time() -> None:
    """While the first waits nothing else is tried; when it is given up, the next waits as long as it would have."""
    time = Time()
    with http_receiver([*[UNAVAILABLE] * 13, OK]) as receiver:
        receiver.clock = time.clock
        delivery = delivery_to(receiver, time)
        delivery.put(spans(513))
        counts = work(delivery)

        assert dropped(counts) == {"expired": 512}
        assert counts.delivered == receiver.taken == 1
        assert [request.items for request in receiver.requests] == [*[512] * 13, 1]
        assert receiver.times[13] - receiver.times[12] == 30.0


def test_after_an_outage_the_next_begins_with_short_pauses() -> None:
    """What was delivered says that the receiver is there."""
    time = Time()
    with http_receiver([UNAVAILABLE, UNAVAILABLE, OK, UNAVAILABLE, OK]) as receiver:
        receiver.clock = time.clock
        delivery = delivery_to(receiver, time)
        delivery.put(spans(513))
        work(delivery)

        assert receiver.times == [0.0, 5.0, 12.5, 12.5, 17.5]


ASKED = [("60", 60.0), ("3600", 120.0), ("1", 5.0), ("-5", 5.0), ("soon", 5.0), ("", 5.0)]


@pytest.mark.parametrize(("text", "pause"), ASKED)
def test_a_receiver_may_ask_for_a_longer_pause(text: str, pause: float) -> None:
    """Retry-After counts where it is longer than ours, and up to two minutes."""
    time = Time()
    with http_receiver([UNAVAILABLE._replace(headers={"retry-after": text}), OK]) as receiver:
        receiver.clock = time.clock
        delivery = delivery_to(receiver, time)
        delivery.put(spans(1))
        work(delivery)

        assert receiver.times == [0.0, pause]


def test_a_receiver_may_ask_for_a_longer_pause_over_grpc() -> None:
    """RetryInfo in the details of the status."""
    time = Time()
    info, asked = RetryInfo(), Status(code=14)
    info.retry_delay.seconds = 45
    asked.details.add().Pack(info)
    steps = [UNAVAILABLE._replace(details=asked.SerializeToString()), UNAVAILABLE._replace(details=b"\xff"), OK]
    with grpc_receiver(steps) as receiver:
        receiver.clock = time.clock
        client = sender(otlp("grpc", receiver.port))
        delivery = Delivery("traces", SpanQueue({}), client, time.clock, time)
        delivery.put(spans(1))
        work(delivery)
        client.close()

        assert receiver.times == [0.0, 45.0, 52.5]


def test_a_redirect_is_no_delivery() -> None:
    """OTLP knows no redirects, and what was not taken must not count as delivered."""
    with http_receiver([Step(302, headers={"location": "http://127.0.0.1:1/"})]) as receiver:
        delivery = delivery_to(receiver, Time())
        delivery.put(spans(4))

        assert dropped(work(delivery)) == {"refused": 4}


def status(text: str) -> str:
    """A ``google.rpc.Status``, as OTLP/HTTP wants it in an answer; ASCII only, so that it is text as well."""
    result: str = Status(code=3, message=text).SerializeToString().decode("ascii")
    return result


DETAILS = [
    ("text/plain; charset=utf-8", "no such\ttenant", "400 Bad Request: no such tenant"),
    ("application/x-protobuf", status("no such tenant"), "400 Bad Request: no such tenant"),
    ("application/x-protobuf", "{", "400 Bad Request"),
    ("text/html", "<h1>Oh</h1>", "400 Bad Request"),
    ("text/plain", "x" * 1000, "400 Bad Request: " + "x" * 183),
]


@pytest.mark.parametrize(("kind", "body", "detail"), DETAILS)
def test_the_log_tells_what_the_receiver_says(kind: str, body: str, detail: str) -> None:
    """In one line of bounded length."""
    with http_receiver([Step(400, text=body, headers={"content-type": kind})]) as receiver:
        answer = sender(otlp("http/protobuf", receiver.port)).send(snapshot(1)[0].message)

    assert answer == Answer("refused", detail)


# ── queues


def names(queue: SpanQueue) -> list[str]:
    """What is in the queue, in the order in which it is sent."""
    result = []
    while (batch := queue.take()) is not None:
        for part in batch.encode():
            assert part.message is not None
            sent = part.message.resource_spans[0].scope_spans[0].spans
            result += [span.name for span in sent]
    return result


def test_when_the_queue_is_full_good_spans_go_first_and_old_ones_before_new() -> None:
    """The bad ones stay until there is nothing else, and the order of coming stays as well."""
    queue = SpanQueue({}, most=4)

    counts = [
        queue.put(
            [*spans(1, "good 1"), *spans(1, "bad 1", True), *spans(1, "good 2"), *spans(1, "bad 2", True)], False
        ),
        queue.put(spans(1, "bad 3", True), False),
        queue.put(spans(1, "good 3"), False),
    ]

    assert counts == [(4, {"queue_full": 0}), (1, {"queue_full": 1}), (1, {"queue_full": 1})]
    assert names(queue) == ["bad 1", "bad 2", "bad 3", "good 3"]


def test_a_queue_of_bad_spans_drops_its_oldest_and_takes_no_good_one() -> None:
    """Among equals the oldest goes; what is worth less than all others goes itself."""
    queue = SpanQueue({}, most=2)

    queue.put([*spans(1, "bad 1", True), *spans(1, "bad 2", True), *spans(1, "bad 3", True)], False)
    assert queue.put(spans(1, "good"), False) == (1, {"queue_full": 1})

    assert names(queue) == ["bad 2", "bad 3"]


def test_the_queue_is_bounded_in_bytes_too() -> None:
    """Spans with long texts fill it before it has many."""
    queue = SpanQueue({}, most_bytes=10_000)

    _, drops = queue.put(spans(100, text="x" * 1000), False)

    assert queue.waiting == 8
    assert drops == {"queue_full": 92}


def test_what_is_under_way_counts_against_the_bound() -> None:
    """It is in memory until it is delivered."""
    queue = SpanQueue({}, most=600)
    queue.put(spans(600), False)

    assert getattr(queue.take(), "items", 0) == 512
    assert queue.put(spans(512), False) == (512, {"queue_full": 512})
    assert queue.waiting == 88


def test_the_last_spans_of_all_are_not_held_to_the_bound() -> None:
    """They are in memory already, and nothing comes after them."""
    queue = SpanQueue({}, most=10)

    assert queue.put(spans(20), True) == (20, {"queue_full": 0})
    assert queue.waiting == 20


def test_requests_are_bounded_in_spans_and_bytes() -> None:
    """512 spans, or 3.5 MiB: gRPC receivers refuse more than 4 MiB."""
    with http_receiver([OK]) as receiver:
        delivery = delivery_to(receiver, Time())
        delivery.put(spans(1000))
        delivery.put(spans(8, text="x" * 1_000_000))
        delivery.put(spans(2, text="\u8a71" * 1_500_000))  # three bytes each: larger than was thought
        counts = work(delivery)

        assert [request.items for request in receiver.requests] == [512, 491, 3, 1, 1]
        assert all(request.message.ByteSize() < 4 << 20 for request in receiver.requests)
        assert dropped(counts) == {"too_large": 2}


def test_a_newer_snapshot_replaces_one_that_waits() -> None:
    """Totals are cumulative: the older one would say less."""
    delivery = Delivery("metrics", SnapshotQueue(), sender(otlp("grpc", closed_port()), "metrics"))

    delivery.put(snapshot(10))
    delivery.put(snapshot(20))
    counts = exact(delivery)

    assert (counts.queued, counts.waiting, dropped(counts)) == (30, 20, {"superseded": 10})


def test_a_newer_snapshot_replaces_one_that_failed() -> None:
    """It is not sent again before the newer one."""
    time = Time()
    with grpc_receiver([UNAVAILABLE, OK]) as receiver:
        client = sender(otlp("grpc", receiver.port), "metrics")
        delivery = Delivery("metrics", SnapshotQueue(), client, time.clock, time)
        time.plans.append((2.0, lambda: delivery.put(snapshot(20))))
        delivery.put(snapshot(10))
        counts = work(delivery)
        client.close()

        assert dropped(counts) == {"superseded": 10}
        assert counts.delivered == receiver.taken == 20


# ── the end


def test_closing_sends_what_waits_at_once() -> None:
    """The pause between two tries is cut short for one last try."""
    with http_receiver([UNAVAILABLE, OK]) as receiver:
        delivery = Delivery("traces", SpanQueue({}), sender(otlp("http/protobuf", receiver.port)))
        delivery.start()
        delivery.put(spans(600))
        assert receiver.came.wait(PATIENCE)
        delivery.close(PATIENCE)

        counts = exact(delivery)
        assert (counts.delivered, counts.waiting, dropped(counts)) == (600, 0, {})
        assert receiver.taken == 600


def test_closing_gives_up_after_one_more_failure() -> None:
    """What is left is dropped and counted, and so is what comes later."""
    with http_receiver([UNAVAILABLE]) as receiver:
        delivery = Delivery("traces", SpanQueue({}), sender(otlp("http/protobuf", receiver.port)))
        delivery.put(spans(600))
        delivery.start()
        delivery.close(PATIENCE)
        delivery.put(spans(7))

        counts = exact(delivery)
        assert (counts.delivered, counts.waiting, dropped(counts)) == (0, 0, {"shutdown": 607})
        assert counts.requests["retried"] == len(receiver.requests) <= 2


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_closing_does_not_wait_for_a_receiver_that_hangs(protocol: str) -> None:
    """What is under way counts as dropped, whatever becomes of it."""
    with RECEIVERS[protocol]([HANG]) as receiver:
        delivery = Delivery("traces", SpanQueue({}), sender(otlp(protocol, receiver.port)))
        delivery.put(spans(600))
        delivery.start()
        assert receiver.came.wait(PATIENCE)
        delivery.close(0.05)
        receiver.released.set()

        counts = exact(delivery)
        assert (counts.delivered, counts.waiting, dropped(counts)) == (0, 0, {"shutdown": 600})


def test_an_error_of_ours_is_handed_over_and_ends_nothing() -> None:
    """What cannot be encoded is dropped, the rest is sent; the event loop counts the error."""
    with http_receiver([OK]) as receiver:
        delivery = delivery_to(receiver, Time())
        delivery.put([*spans(1), Span("broken", b"", b"", b"", "no time", 0.0, {})])  # type: ignore[arg-type]
        with pytest.raises(IdleError):
            delivery.run()
        faults = [type(fault) for fault in delivery.counts().faults]
        delivery.put(spans(5))
        counts = work(delivery)

        assert faults == [TypeError]
        assert (counts.queued, counts.delivered, dropped(counts)) == (7, 5, {"refused": 2})


# ── what is sent, and how


@pytest.mark.parametrize("signal", ["traces", "metrics"])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_requests_are_sent_as_configured(protocol: str, signal: str) -> None:
    """Path, headers, compression and resource."""
    variables = {"HEADERS": "api-key=a%2Cb,X-Tenant=t", "COMPRESSION": "gzip"}
    with RECEIVERS[protocol]([OK]) as receiver:
        settings = otlp(protocol, receiver.port, **variables)
        client = sender(settings, signal)
        queue: Queue = SpanQueue({"service.name": "x"}) if signal == "traces" else SnapshotQueue()
        delivery = Delivery(signal, queue, client, condition=Time())
        delivery.put(spans(3, text="x" * 1000) if signal == "traces" else snapshot(3))
        work(delivery)
        client.close()

        (request,) = receiver.requests
        assert request.path == (signal if protocol == "grpc" else f"/v1/{signal}")
        assert (request.headers["api-key"], request.headers["x-tenant"]) == ("a,b", "t")
        if protocol == "grpc":
            assert request.headers["user-agent"].startswith("OTel-OTLP-Exporter-Python/")
        else:
            assert request.headers["content-encoding"] == "gzip"
            assert request.headers["content-type"] == "application/x-protobuf"


def test_signals_can_go_to_different_places() -> None:
    """A variable of the signal takes the place of the general one."""
    with http_receiver([OK]) as general, grpc_receiver([OK]) as special:
        settings = otlp(
            "http/protobuf",
            general.port,
            HEADERS="to=general",
            METRICS_ENDPOINT=f"127.0.0.1:{special.port}",
            METRICS_PROTOCOL="grpc",
            METRICS_INSECURE="true",
            METRICS_HEADERS="to=special",
        )
        sent: list[tuple[str, Queue, Sequence[object]]] = [
            ("traces", SpanQueue({}), spans(1)),
            ("metrics", SnapshotQueue(), snapshot(2)),
        ]
        for signal, queue, items in sent:
            client = sender(settings, signal)
            delivery = Delivery(signal, queue, client, condition=Time())
            delivery.put(items)
            work(delivery)
            client.close()

        assert [(request.path, request.headers["to"]) for request in general.requests] == [("/v1/traces", "general")]
        assert [(request.path, request.headers["to"]) for request in special.requests] == [("metrics", "special")]


@pytest.fixture(scope="module")
def certified(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """A certificate for 127.0.0.1."""
    return certificates(tmp_path_factory.mktemp("certificates"))


def secure(protocol: str, certified: Certificates, asks_for_one: bool) -> AbstractContextManager[Receiver]:
    """A receiver with TLS."""
    if protocol == "grpc":
        return grpc_receiver([OK], certified.credentials(asks_for_one=asks_for_one))
    return http_receiver([OK], certified.context(asks_for_one=asks_for_one))


#: Variables of files that are given -> whether the receiver asks for a certificate, and whether it is delivered.
TLS = [
    (("CERTIFICATE",), False, True),
    (("CERTIFICATE", "CLIENT_CERTIFICATE", "CLIENT_KEY"), True, True),
    (("CERTIFICATE",), True, False),
    ((), False, False),
]


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(("files", "asks_for_one", "is_delivered"), TLS)
def test_tls(
    certified: Certificates, protocol: str, files: tuple[str, ...], asks_for_one: bool, is_delivered: bool
) -> None:
    """The receiver must be known, and may want to know us."""
    given = {name: str(certified.key if name == "CLIENT_KEY" else certified.certificate) for name in files}
    with secure(protocol, certified, asks_for_one) as receiver:
        settings = otlp(protocol, receiver.port, ENDPOINT=f"https://127.0.0.1:{receiver.port}", **given)
        client = sender(settings)
        time = Time()
        delivery = Delivery("traces", SpanQueue({}), client, time.clock, time)
        delivery.put(spans(1))
        counts = work(delivery)
        client.close()

        assert counts.delivered == receiver.taken == is_delivered
        assert dropped(counts) == ({} if is_delivered else {"expired": 1})


def test_a_library_without_its_private_name_refuses_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """Better than a push that never works."""

    class Exporter:
        def __init__(self, **_: object) -> None:
            pass

    monkeypatch.setitem(senders.EXPORTERS, ("grpc", "traces"), Exporter)

    with pytest.raises(ConfigError, match=r"wanted a version that pyproject\.toml allows"):
        sender(otlp("grpc", 1))


def test_the_log_says_when_it_fails_and_when_it_works_again(caplog: pytest.LogCaptureFixture) -> None:
    """One line at first, one a minute, and one at the end; nothing from the libraries."""
    caplog.set_level(logging.DEBUG)
    time = Time()
    with http_receiver([*[UNAVAILABLE] * 7, OK, INVALID]) as receiver:
        delivery = delivery_to(receiver, time)
        delivery.put(spans(1))
        work(delivery)
        delivery.put(spans(2))
        work(delivery)

    lines = [record.getMessage() for record in caplog.records if record.levelno >= logging.INFO]
    assert lines == [
        "OTLP traces: 503 Service Unavailable; will be sent again",
        "OTLP traces: 503 Service Unavailable; will be sent again",
        "OTLP traces: delivered again, after 126 s",
        "OTLP traces: 400 Bad Request; all dropped",
    ]


# ── the exporter as a whole


REPORT = {"time": 1_795_171_686_000, "stats": [{"id": "T", "type": "transport", "timestamp": 1_795_171_686_000}]}


def environ(protocol: str, port: int, **variables: str) -> dict[str, str]:
    """The environment of an exporter that pushes."""
    return {
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}",
        "OTEL_EXPORTER_OTLP_PROTOCOL": protocol,
        "OTEL_METRIC_EXPORT_INTERVAL": "50",
        **variables,
    }


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_an_exporter_pushes_metrics(protocol: str) -> None:
    """Each interval and once more at the end, with the resource; its counts are the receiver's."""

    async def run(receiver: Receiver) -> None:
        async with running(environ=environ(protocol, receiver.port, OTEL_SERVICE_NAME="calls")) as exporter:
            await exporter.until(lambda: receiver.requests)
            await exporter.until(lambda: exporter.value("rtc.exporter.otlp.delivered", "metrics"))
            server = exporter.server
        values = {
            name: exporter.value(f"rtc.exporter.otlp.{name}", "metrics") for name in ("queued", "delivered", "waiting")
        }
        superseded = exporter.value("rtc.exporter.otlp.dropped", "metrics", "superseded")
        assert server.pipeline.status().participants == 0
        assert values["delivered"] == receiver.taken > 0
        assert values["queued"] == values["delivered"] + superseded
        assert values["waiting"] == 0

    with RECEIVERS[protocol]([OK]) as receiver:
        asyncio.run(run(receiver))
        resource = receiver.requests[-1].message.resource_metrics[0].resource
        found = {attribute.key: attribute.value.string_value for attribute in resource.attributes}

    assert found["service.name"] == "calls"
    assert found.keys() == {"service.name", "service.version", "service.instance.id", "host.name"}


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_an_exporter_pushes_spans_when_it_stops(protocol: str) -> None:
    """Everybody leaves, and what is told of them is sent before the exporter ends."""

    async def run(receiver: Receiver) -> None:
        off = {"OTEL_METRICS_EXPORTER": "none"}
        async with running(environ=environ(protocol, receiver.port, **off)) as exporter:
            answer = await exporter.http.post(exporter.ingest("/v1/reports/s/p"), json=REPORT)
            assert answer.status_code < 300
        values = [exporter.value(f"rtc.exporter.otlp.{name}", "traces") for name in ("queued", "delivered", "waiting")]
        assert values == [receiver.taken, receiver.taken, 0]
        assert exporter.value("rtc.exporter.otlp.queued", "metrics") == 0

    with RECEIVERS[protocol]([OK]) as receiver:
        asyncio.run(run(receiver))

    assert receiver.taken > 0
    assert all(hasattr(request.message, "resource_spans") for request in receiver.requests)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_receiver_that_hangs_touches_nothing_else(protocol: str) -> None:
    """Reports are taken as ever, and the exporter ends without it; what was not sent is counted."""

    async def run(receiver: Receiver) -> None:
        async with running(environ=environ(protocol, receiver.port)) as exporter:
            await exporter.until(lambda: receiver.requests)
            for _ in range(3):
                answer = await exporter.http.post(exporter.ingest("/v1/reports/s/p"), json=REPORT)
                assert answer.status_code < 300
            await exporter.until(lambda: exporter.value("rtc.exporter.otlp.waiting", "metrics"))
            assert "rtc_exporter_otlp_waiting rtc_signal=metrics" in await exporter.samples()
            exporter.server.stop()
            exporter.server.stop()  # wait for nothing
        assert exporter.value("rtc.exporter.otlp.delivered", "metrics") == 0
        assert exporter.value("rtc.exporter.otlp.dropped", "metrics", "shutdown") > 0

    with RECEIVERS[protocol]([HANG]) as receiver:
        asyncio.run(run(receiver))


def test_without_an_endpoint_nothing_of_it_is_loaded() -> None:
    """The libraries take 30 MB, and a third of a second."""
    program = """if True:
        import sys
        from rtc_exporter import cli
        assert "grpc" not in sys.modules and "requests" not in sys.modules
        assert not any(name.startswith("opentelemetry") for name in sys.modules)
    """
    subprocess.run([sys.executable, "-c", program], check=True, timeout=PATIENCE)


def test_a_wrong_variable_refuses_the_start() -> None:
    """Before a port is opened."""
    with pytest.raises(ConfigError, match="OTEL_EXPORTER_OTLP_PROTOCOL is 'http/json', wanted grpc or http/protobuf"):
        Config.load({}, environ("http/json", 1))


def test_what_is_pinned_is_kept_whatever_the_ratio() -> None:
    """Sessions and participants by their own setting, and participants that have series of their own."""
    args = {"traces.pinned": "standup, alice", "participants.pinned": "bob", "traces.ratio": "0"}
    settings = trace_settings(Config.load(args, environ("grpc", 1)))

    assert settings.pinned == {"standup", "alice", "bob"}
    assert settings.ratio == 0.0
