"""Several processes on one host: who is handed to whom, what operators see, and what becomes of one that dies."""

import asyncio
import contextlib
import gzip
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
import jwt
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families
from prometheus_client.parser import text_string_to_metric_families
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from benchmarks.children import ROOT, Place
from rtc_exporter import auth
from rtc_exporter.app.gate import Gate
from rtc_exporter.config import Config
from rtc_exporter.errors import ClientError, RtcExporterError
from rtc_exporter.export import merging, protobuf
from rtc_exporter.export.prometheus import OPENMETRICS, PROTOBUF, TEXT, render
from rtc_exporter.series import SeriesStore
from rtc_exporter.shards import route
from rtc_exporter.shards.child import Child, pause
from rtc_exporter.shards.front import Connection, Front
from tests.hostile import calls
from tests.hostile.balancers import balancer
from tests.hostile.kit import Exporter, exporter, parse, total
from tests.patience import PATIENCE
from tests.peers import peer
from tests.test_prometheus import METRICS
from tests.test_prometheus_server import scraping
from tests.test_protobuf import read

SECRET = "0123456789abcdef0123456789abcdef"
TOKEN = jwt.encode({"rtcStats": {"conference": "standup", "user": "ann"}}, SECRET)
BASIC = "Basic YW55OnNlY3JldA=="
#: Requests, and what is hashed of them.
ROUTES = {
    "a path": ("GET /v1/rtcstats/standup/ann HTTP/1.1", "session standup"),
    "the same in another format": ("POST /v1/reports/standup/bob HTTP/1.1", "session standup"),
    "a path and the page behind it": ("GET /v1/rtcstats/standup/ann/call/7?x=y HTTP/1.1", "session standup"),
    "an encoded path": ("GET /v1/rtcstats/stand%20up/ann HTTP/1.1", "session stand up"),
    "a query": ("GET /call?session=standup&participant=ann HTTP/1.1", "session standup"),
    "a token in the query": (f"GET /call?rtcstats-token={TOKEN} HTTP/1.1", "session standup"),
    "a token that outranks the path": (f"GET /v1/rtcstats/other/ann?token={TOKEN} HTTP/1.1", "session standup"),
    "a token in the head": (f"GET / HTTP/1.1\r\nAuthorization: Bearer {TOKEN}", "session standup"),
    "a password that is none": (
        f"POST /v1/pushgateway/standup/ann/metrics/job/x HTTP/1.1\r\nauthorization: {BASIC}", "session standup",
    ),
    "nothing": ("GET / HTTP/1.1", "address 192.0.2.1"),
    "a token that is none": ("GET /?token=x.y.z HTTP/1.1", "address 192.0.2.1"),
    "a proxy": ("GET / HTTP/1.1\r\nX-Forwarded-For: 203.0.113.9, 198.51.100.7", "address 198.51.100.7"),
    "peermetrics, whose paths name no session": ("POST /v1/peermetrics/connections/7 HTTP/1.1", "address 192.0.2.1"),
    "more fields than a query may have": (f"GET /?{'a=b&' * 65} HTTP/1.1", "address 192.0.2.1"),
    "no request": ("nonsense", "address 192.0.2.1"),
    "nothing at all": ("", "address 192.0.2.1"),
}  # fmt: skip


@pytest.mark.parametrize(("head", "key"), ROUTES.values(), ids=ROUTES)
def test_what_decides_about_the_shard(head: str, key: str) -> None:
    """The session, wherever it is named; else the address, behind proxies that of the client."""
    config = Config.load({"ingest.trusted_hops": "1" if "X-Forwarded" in head else "0"}, {})

    assert route.key_of(route.read(head.encode()), "192.0.2.1", config) == key


@pytest.mark.parametrize("name", [name for name in ROUTES if ROUTES[name][1].startswith("session")])
def test_the_session_is_the_one_that_the_shard_will_find(name: str) -> None:
    """Else a client would be handed to a shard where its session is not."""
    config = Config.load({}, {})
    head = route.read(ROUTES[name][0].encode())

    identity = auth.resolve(head.path, auth.parameters(head.query), head.authorization, config, 0.0)

    assert f"session {identity.key.session}" == ROUTES[name][1]


def test_a_place_is_the_same_in_every_process_and_release() -> None:
    """It depends on nothing but the name and the number; and names are spread."""
    assert [route.place(f"session {name}", 4) for name in ("a", "b", "c", "standup")] == PLACES
    many = [route.place(f"session room-{number}", 4) for number in range(4000)]
    assert all(900 < many.count(shard) < 1100 for shard in range(4))


PLACES = [2, 1, 1, 0]


def test_shards_are_told_apart_where_they_push() -> None:
    """They have the same variables."""
    environ = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318",
        "OTEL_RESOURCE_ATTRIBUTES": "service.instance.id=pod-7",
    }
    ids = [Config.load({}, environ, shard=shard).otlp.resource["service.instance.id"] for shard in ("", "0", "1")]

    assert ids == ["pod-7", "pod-7-0", "pod-7-1"]


# ── expositions put together


def store(shard: str, value: float) -> SeriesStore:
    """A counter and a histogram of one shard, with a label that tries to look like a family."""
    found = SeriesStore(METRICS, constants=(("shard", shard),), now=0.0)
    counter, histogram = (next(m for m in METRICS if m.kind.value == kind) for kind in ("counter", "histogram"))
    values = ("\n# HELP evil x\n", *["x"] * len(counter.attributes))[: len(counter.attributes)]
    found.add(counter.name, values, value, 0.0)
    found.observe(histogram.name, tuple("y" for _ in histogram.attributes), value, 0.0)
    return found


@pytest.mark.parametrize(
    ("exposition", "families"), [(TEXT, text_string_to_metric_families), (OPENMETRICS, openmetrics_families)]
)
def test_texts_become_one_with_each_family_once(exposition: Any, families: Callable[[str], Any]) -> None:
    """A parser that is strict about that reads what each had, and nothing else."""
    texts = [
        b"".join(render(store(name, value).families(), exposition)) + exposition.end
        for name, value in (("0", 3.0), ("1", 5.0))
    ]

    together = b"".join(merging.merged(texts, exposition)).decode()

    found = list(families(together))
    assert len({family.name for family in found}) == len(found)
    alone = [sample for text in texts for family in families(text.decode()) for sample in family.samples]
    assert sorted(map(str, (sample for family in found for sample in family.samples))) == sorted(map(str, alone))
    assert together.count("# EOF") == (exposition is OPENMETRICS)


def test_messages_become_one_with_each_family_once() -> None:
    """As the protobuf library reads them; the head is there once too."""
    parts = [b"".join(protobuf.render(store(name, value).families())) for name, value in (("0", 3.0), ("1", 5.0))]

    found = read(b"".join(merging.merged(parts, PROTOBUF)))

    alone = [read(part) for part in parts]
    assert found.keys() == alone[0].keys() | alone[1].keys()
    for name, family in found.items():
        both = [one[name] for one in alone if name in one]
        assert list(family.metric) == [metric for one in both for metric in one.metric]
        assert (family.help, family.type, family.unit) == (both[0].help, both[0].type, both[0].unit)


def test_none_answers() -> None:
    """Then there is nothing but the end."""
    assert list(merging.merged([], OPENMETRICS)) == [b"# EOF\n"]


# ── the front, with real sockets


class Taker:
    """Takes what it is given, or not."""

    def __init__(self) -> None:
        self.is_up = True
        self.given: list[tuple[bytes, bytes]] = []
        self.head = b""

    def choose(self, head: bytes, peer: str) -> "Taker":
        """There is only one."""
        self.head = head
        return self

    def give(self, connection: Connection) -> bool:
        """Keep what was read."""
        if self.is_up:
            self.given.append((self.head, connection.data))
            connection.answer("200 OK")
        return self.is_up


PIECES = {
    "whole": [b"GET /a HTTP/1.1\r\nhost: x\r\n\r\n"],
    "in pieces": [b"GET /a HT", b"TP/1.1\r\nhost: x\r", b"\n\r\n"],
    "with a body": [b"GET /a HTTP/1.1\r\nhost: x\r\n\r\nbody"],
}


async def fronted(pieces: list[bytes], taker: Taker, wait: float = 0.0) -> tuple[str, list[ClientError]]:
    """Send pieces to a front; the first line of the answer, and what was refused."""
    refused: list[ClientError] = []
    config = Config.load({}, {})
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    port = sock.getsockname()[1]
    now = [0.0]
    front = Front(sock, Gate(config.bounds, 0, refused.append, lambda limit: None), taker.choose, lambda: now[0])
    front.listen()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for piece in pieces:
        writer.write(piece)
        await writer.drain()
        await asyncio.sleep(0)
    if wait:
        async with asyncio.timeout(PATIENCE):
            while not front._waiting:  # noqa: ASYNC110 - nobody says so
                await asyncio.sleep(0.001)
        now[0] = wait
        front.tick()
    async with asyncio.timeout(PATIENCE):
        answer = (await reader.read()).decode()
    front.close()
    writer.close()
    return answer, refused


@pytest.mark.parametrize("pieces", PIECES.values(), ids=PIECES)
def test_a_connection_is_handed_over_with_what_was_read(pieces: list[bytes]) -> None:
    """Once the head is whole, however it came."""
    taker = Taker()

    answer, refused = asyncio.run(fronted(pieces, taker))

    assert answer.startswith("HTTP/1.1 200 ")
    assert taker.given == [(b"GET /a HTTP/1.1\r\nhost: x", b"".join(pieces))]
    assert refused == []


def test_who_says_nothing_goes() -> None:
    """After the time that a head has."""
    answer, refused = asyncio.run(fronted([b"GET / HTTP/1.1\r\n"], Taker(), 5.0))

    assert answer.startswith("HTTP/1.1 408 ")
    assert [error.reason for error in refused] == ["too_slow"]


def test_too_long_a_head_is_refused() -> None:
    """As one process refuses it."""
    answer, refused = asyncio.run(fronted([b"GET / HTTP/1.1\r\nx: " + b"y" * 17000], Taker()))

    assert answer.startswith("HTTP/1.1 431 ")
    assert [error.reason for error in refused] == ["too_large"]


def test_who_cannot_be_handed_over_is_told_to_come_back() -> None:
    """Its shard is down: the others do not take it, since its session is not theirs."""
    taker = Taker()
    taker.is_up = False

    answer, refused = asyncio.run(fronted(PIECES["whole"], taker))

    assert re.match(r"HTTP/1.1 503 Service Unavailable\r\nretry-after: \d+\r\n", answer)
    assert [error.reason for error in refused] == ["too_many"]


# ── life of a shard


def test_who_fails_again_and_again_waits_longer_each_time() -> None:
    """Not at all after the first time, and a minute at the most."""
    assert [pause(failures) for failures in range(10)] == [0.0, 0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]


def test_a_start_that_fails_is_not_tried_again(tmp_path: Path) -> None:
    """Whoever has started it shall hear of it."""
    child = Child("0", tmp_path, lambda: {"flags": {"nonsense": "1"}, "file": None, "processes": 2})

    with pytest.raises(RtcExporterError, match="shard 0 ended with status 2 before it was ready"):
        asyncio.run(child.live())
    assert child.restarts == 0


# ── all of it, really run


@pytest.fixture(scope="module")
def two() -> Iterator[Exporter]:
    """Two shards."""
    with exporter("--processes", "2", "--log.format", "json") as running:
        yield running


CALLS = {f"room-{number}": case for number, case in enumerate(calls.CASES)}


class Got(NamedTuple):
    """An answer of the listener for operators."""

    status: int
    type: str
    body: bytes

    @property
    def told(self) -> Any:
        """What the JSON of it says."""
        return json.loads(self.body)


def get(running: Exporter, path: str, accept: str = "*/*", encoding: str = "identity") -> Got:
    """Ask it."""
    connection = http.client.HTTPConnection(*running.admin, timeout=PATIENCE)
    with contextlib.closing(connection):
        connection.request("GET", path, headers={"accept": accept, "accept-encoding": encoding})
        answer = connection.getresponse()
        return Got(answer.status, answer.headers["content-type"], answer.read())


def until(condition: Callable[[], Any]) -> Any:
    """Wait for something that is about to happen in another process."""
    end = time.monotonic() + 60.0
    while not (found := condition()):
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)
    return found


def child_of(running: Exporter, shard: str) -> int:
    """The process of a shard."""
    pid = running.process.pid
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        if Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")[3:4] == [shard.encode()]:
            return int(child)
    raise LookupError(shard)


def is_up(running: Exporter, shard: str) -> bool:
    """Whether the metrics say so."""
    return running.metrics("self")[f'rtc_exporter_shard_up{{shard="{shard}"}}'] == 1.0


def test_the_sums_are_those_of_one_process(two: Exporter) -> None:
    """All counters and histograms of recorded calls, but for those in which the server's own clock is."""
    with exporter() as one:
        for running in (one, two):
            asyncio.run(calls.play(running.ingest, CALLS))
        wanted, found = (calls.cohorts([running.metrics("cohort")]) for running in (one, two))

    assert len(wanted) > 500
    assert calls.differences(wanted, found) == []


def test_one_page_has_the_metrics_of_all(two: Exporter) -> None:
    """In every format the same series, each with its shard, and promtool has nothing to say against it."""
    text = get(two, "/metrics", "text/plain").body.decode()
    samples = parse(text)
    shards = {re.search(r'[{,]shard="(\w+)"', name)[1] for name in samples}  # type: ignore[index]
    # Of the participants who have left the last values are told once.
    plain, openmetrics, packed, messages = (
        get(two, "/metrics?tier=cohort", accept, encoding).body
        for accept, encoding in (
            (TEXT.content_type, ""), (OPENMETRICS.content_type, ""), (TEXT.content_type, "gzip"),
            (PROTOBUF.content_type, ""),
        )
    )  # fmt: skip

    assert shards == {"0", "1", "front"}
    series = parse(plain.decode())
    assert series == parse(gzip.decompress(packed).decode()) == parse(openmetrics.decode().replace(" # {", "\n# {"))
    families = text_string_to_metric_families(plain.decode())
    assert read(messages).keys() == {family.name + "_total" * (family.type == "counter") for family in families}
    checked = subprocess.run(
        [peer("promtool"), "check", "metrics"], input=text, capture_output=True, text=True, check=False
    )
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")


def test_prometheus_sums(two: Exporter, tmp_path: Path) -> None:
    """A real one, which knows of each shard whether it is up, and of all together what one would have said."""
    asyncio.run(calls.play(two.ingest, CALLS))
    packets = total(two.metrics("cohort"), "rtc_inbound_packets_total")

    async def scraped() -> tuple[dict[str, float], dict[str, float], list[dict[str, Any]]]:
        async with (
            httpx2.AsyncClient(timeout=PATIENCE, trust_env=False) as http,
            scraping(f"{two.admin.host}:{two.admin.port}", http, tmp_path) as (server, _),
        ):
            await server.until("sum without (shard, instance, job) (rtc_exporter_shard_up)", {"": 2.0})
            up = await server.query("sum by (shard) (up * on (instance) group_right rtc_exporter_shard_up)")
            targets = (await server.get("/api/v1/targets"))["activeTargets"]
            return up, await server.query("sum(rtc_inbound_packets_total)"), targets

    up, sums, targets = asyncio.run(scraped())
    assert up == {"0": 1.0, "1": 1.0}
    assert sums == {"": packets}
    assert packets > 10_000
    assert [(target["health"], target["lastError"]) for target in targets] == [("up", "")]


@pytest.mark.parametrize("tier", ["cohort", "participant", "self"])
def test_a_tier_is_that_tier_of_all(two: Exporter, tier: str) -> None:
    """And only the exporter itself has something of the front."""
    answer = get(two, f"/metrics?tier={tier}").body.decode()

    assert ('shard="front"' in answer) == (tier == "self")
    assert get(two, "/metrics?tier=none").status == 400


def test_sessions_are_one_list(two: Exporter) -> None:
    """Sorted and cut as one, and each is found, whoever has it."""
    asyncio.run(calls.play(two.ingest, CALLS))
    told = get(two, "/api/v1/sessions?state=all&limit=1000").told
    first = get(two, "/api/v1/sessions?state=all&limit=3&offset=2").told

    names = [row["session"] for row in told["sessions"]]
    assert set(names) >= CALLS.keys()
    assert told["total"] == first["total"] == len(names)
    assert [row["session"] for row in first["sessions"]] == names[2:5]
    assert f"{len(names)} sessions" in get(two, "/sessions?state=all").body.decode()
    for name in CALLS:
        assert get(two, f"/api/v1/sessions/{name}").told["session"] == name
        assert get(two, f"/sessions/{name}").type.startswith("text/html")
    assert get(two, "/api/v1/sessions/nobody").status == get(two, "/sessions/nobody").status == 404
    assert get(two, "/api/v1/sessions?state=none").status == get(two, "/sessions?sort=none").status == 400


def test_other_pages_are_there(two: Exporter) -> None:
    """Those of the process in front, and those of single shards."""
    page = get(two, "/").body.decode()

    assert page.count('<span class="good">up</span>') == 2
    assert "Held now" in get(two, "/shards/1/").body.decode()
    assert get(two, "/shards/7/").status == 404
    assert get(two, "/-/ready").status == get(two, "/-/healthy").status == get(two, "/openapi.json").status == 200
    assert get(two, "/assets/sessions.css").type.startswith("text/css")


async def _say(place: Place, path: str, close: str = "") -> str:
    """Post a report; the answer, to the end of the connection."""
    reader, writer = await asyncio.open_connection(*place)
    body = b'{"time":1795171686000,"stats":[{"id":"a","type":"inbound-rtp","ssrc":1,"packetsReceived":5}]}'
    head = f"POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
    writer.write(f"{head}{close}\r\n".encode() + body)
    async with asyncio.timeout(PATIENCE):
        answer = await reader.read()  # to the end: the connection is closed
    writer.close()
    return answer.decode()


def test_a_connection_is_for_one_request(two: Exporter) -> None:
    """The next may be of a session that belongs elsewhere."""
    answer = asyncio.run(_say(two.ingest, "/v1/reports/posted/ann"))

    assert answer.startswith("HTTP/1.1 202 ")
    assert "connection: close" in answer


def test_a_dead_shard_hides_no_other(two: Exporter) -> None:
    """It is shown, its clients are told to come back, and it is started again."""
    names = [f"s{number}" for number in range(20)]
    its = next(name for name in names if route.place(f"session {name}", 2) == 1)
    others = next(name for name in names if route.place(f"session {name}", 2) == 0)
    restarts = 'rtc_exporter_shard_restarts_total{shard="1"}'
    before = two.metrics("self")[restarts]
    pid = child_of(two, "1")
    os.kill(pid, signal.SIGKILL)

    until(lambda: two.metrics("self")[restarts] == before + 1)
    metrics = two.metrics("self")
    assert metrics['rtc_exporter_shard_up{shard="0"}'] == 1.0
    if metrics['rtc_exporter_shard_up{shard="1"}'] == 0.0:
        assert total(metrics, "process_start_time_seconds", 'shard="0"') > 0
        assert total(metrics, "process_start_time_seconds", 'shard="1"') == 0
    assert get(two, "/-/ready").status == 200
    assert asyncio.run(_say(two.ingest, f"/v1/reports/{others}/ann")).startswith("HTTP/1.1 202 ")
    until(lambda: is_up(two, "1"))
    assert asyncio.run(_say(two.ingest, f"/v1/reports/{its}/ann")).startswith("HTTP/1.1 202 ")
    assert child_of(two, "1") != pid


def test_a_shard_that_hangs_hides_no_other(two: Exporter) -> None:
    """It is not waited for, and is back when it goes on."""
    pid = child_of(two, "0")
    os.kill(pid, signal.SIGSTOP)
    try:
        until(lambda: not is_up(two, "0"))
        assert is_up(two, "1")
    finally:
        os.kill(pid, signal.SIGCONT)
    until(lambda: is_up(two, "0"))
    assert child_of(two, "0") == pid


def test_every_line_of_the_log_says_whose_it_is(two: Exporter) -> None:
    """The lines of the process in front have no shard."""
    told = [json.loads(line) for line in two.log.splitlines()]

    assert {line.get("shard", "front") for line in told} == {"0", "1", "front"}
    assert [line["message"] for line in told if "clients at" in line["message"]] == [
        f"rtc-exporter 0.1.0: clients at ws://127.0.0.1:{two.ingest.port}, "
        f"metrics at http://127.0.0.1:{two.admin.port}/metrics"
    ]


# ── the life of all together


def test_a_reload_is_taken_by_all_or_by_none(tmp_path: Path) -> None:
    """And who is started again has what the others have, whatever the file says by then."""
    file = tmp_path / "config.toml"
    file.write_text("[shards]\nprocesses = 2\n[limits]\nframes_burst = 5\n")
    with exporter("--config", str(file)) as running:
        refused = 'rtc_exporter_config_reloads_total{rtc_config_file="settings",rtc_outcome="refused",shard="front"}'
        applied = 'rtc_exporter_config_reloads_total{rtc_config_file="settings",rtc_outcome="applied",shard="%s"}'
        for wrong in ("nonsense", "[shards]\nprocesses = 3\n"):
            file.write_text(wrong)
            before = running.metrics("self")[refused]
            running.kill(signal.SIGHUP)
            until(lambda before=before: running.metrics("self")[refused] == before + 1)  # type: ignore[misc]
        assert all(running.metrics("self")[applied % shard] == 0 for shard in ("0", "1", "front"))
        # What stands in the file now would not let it start.
        os.kill(child_of(running, "0"), signal.SIGKILL)
        until(lambda: running.metrics("self")['rtc_exporter_shard_restarts_total{shard="0"}'] == 1)
        until(lambda: is_up(running, "0"))
        file.write_text("[shards]\nprocesses = 2\n[limits]\nframes_burst = 6\n")
        running.kill(signal.SIGHUP)
        until(lambda: all(running.metrics("self")[applied % shard] == 1 for shard in ("0", "1", "front")))


async def _hold(place: Place, session: str) -> tuple[int | None, str]:
    """A client that stays until it is told to go; the close code."""
    async with connect(
        f"ws://{place.host}:{place.port}/v1/rtcstats/{session}/ann", subprotocols=[Subprotocol("rtcstats#5.0")],
        compression=None, proxy=None,
    ) as client:  # fmt: skip
        HELD.set()
        await client.wait_closed()
        return client.close_code, client.close_reason or ""


HELD = threading.Event()


def test_sigterm_ends_all_of_them(tmp_path: Path) -> None:
    """A manager that was told that they are ready is told that they stop; clients are told to come back; status 0."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(60.0)
        with exporter("--processes", "2", environ={"NOTIFY_SOCKET": str(tmp_path / "notify")}) as running:
            assert manager.recv(100) == b"READY=1"
            pids = [child_of(running, shard) for shard in ("0", "1")]
            codes: list[tuple[int | None, str]] = []
            client = threading.Thread(target=lambda: codes.append(asyncio.run(_hold(running.ingest, "held"))))
            client.start()
            assert HELD.wait(60.0)
            running.kill(signal.SIGTERM)
            assert manager.recv(100) == b"STOPPING=1"
            client.join(60.0)
            assert running.process.wait(60.0) == 0
        assert codes == [(1012, "")]
        assert not any(Path(f"/proc/{pid}").exists() for pid in pids)
        manager.setblocking(False)
        with pytest.raises(BlockingIOError):
            manager.recv(100)


def test_a_second_signal_waits_for_nobody() -> None:
    """One shard hangs: it is killed, and the rest goes in peace."""
    with exporter("--processes", "2") as running:
        pids = [child_of(running, shard) for shard in ("0", "1")]
        os.kill(pids[0], signal.SIGSTOP)
        running.kill(signal.SIGTERM)
        until(lambda: "stopping: 2 shards" in running.log)
        running.kill(signal.SIGTERM)
        assert running.process.wait(60.0) == 0
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)


def test_shards_do_not_outlive_the_process_in_front() -> None:
    """Nobody would hand them anything."""
    with exporter("--processes", "2") as running:
        pids = [child_of(running, shard) for shard in ("0", "1")]
        running.kill(signal.SIGKILL)
        running.process.wait(60.0)
        until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids))


WRONG = {
    "too few": (("--processes", "0"), "--shards.processes is '0', wanted a whole number from 1 to 256"),
    "no number": (("--processes", "many"), "--shards.processes is 'many', wanted a whole number from 1 to 256"),
    "another setting": (("--processes", "2", "--ingest.listen", ":80"), "nothing checks who sends"),
}


@pytest.mark.parametrize(("arguments", "text"), WRONG.values(), ids=WRONG)
def test_a_wrong_setting_ends_before_anything_begins(arguments: tuple[str, ...], text: str) -> None:
    """With status 2 and one sentence, as ever."""
    command = [sys.executable, "-m", "rtc_exporter", "serve", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, timeout=60)

    assert done.returncode == 2
    assert text in done.stderr
    assert "Traceback" not in done.stderr


def test_a_taken_port_is_a_sentence() -> None:
    """And no shard was started for nothing."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        command = [sys.executable, "-m", "rtc_exporter", "serve", "--processes", "2", "--admin.listen", address]
        done = subprocess.run(
            [*command, "--ingest.listen", "127.0.0.1:0"],
            capture_output=True,
            text=True,
            check=False,
            cwd=ROOT,
            timeout=60,
        )

    assert (done.returncode, done.stderr.strip()) == (
        2, f"rtc-exporter: admin.listen is {address}, which cannot be bound: Address already in use",
    )  # fmt: skip


# ── the examples of the page


@pytest.mark.parametrize("name", ["haproxy", "nginx"])
def test_the_examples_keep_sessions_together(name: str) -> None:
    """In each of the ways in which a request can name its session, for the real programs."""
    peer(name)
    ways = ("/v1/rtcstats/{s}/p1", "/v1/rtcstats/{s}/p2/page?x=y", "/call?session={s}&participant=p3")
    rooms = [f"room-{number}" for number in range(12)]
    with contextlib.ExitStack() as stack:
        exporters = [stack.enter_context(exporter("--ingest.trusted-hops", "1")) for _ in range(2)]
        front = stack.enter_context(balancer(name, [one.ingest for one in exporters]))

        async def come() -> list[set[str]]:
            async with contextlib.AsyncExitStack() as clients:
                for room in rooms:
                    for way in ways:
                        client = await clients.enter_async_context(
                            connect(
                                f"ws://{front.host}:{front.port}{way.format(s=room)}", compression=None, proxy=None,
                                subprotocols=[Subprotocol("rtcstats#5.0")],
                            )
                        )  # fmt: skip
                        await client.send('["navigator.mediaDevices.ondevicechange",null,null,1]')
                        await (await client.ping())
                    assert (await _say(front, f"/v1/reports/{room}/p4", "connection: close\r\n")).startswith(
                        "HTTP/1.1 202 "
                    )
                told = [get(one, "/api/v1/sessions").told for one in exporters]
                assert all(len(row["participants"]) == 4 for one in told for row in one["sessions"]), told
                return [{row["session"] for row in one["sessions"]} for one in told]

        first, second = asyncio.run(come())
    assert first | second == set(rooms)
    assert not first & second
    assert first
    assert second
