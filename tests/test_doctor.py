"""The doctor, looking at exporters that really run, and at what is broken on purpose."""

import asyncio
import contextlib
import functools
import json
import threading
import time
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path
from typing import Any

import jwt
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import Server as SocketServer
from websockets.sync.server import ServerConnection, serve

from rtc_exporter import __version__, cli
from rtc_exporter.doctor import clients, report
from rtc_exporter.doctor.checks import CHECKS, GROUPS
from rtc_exporter.doctor.findings import Level
from rtc_exporter.doctor.patient import Patient
from tests.broken import Canned, answering, nobody, relay, silent
from tests.certificates import certificates
from tests.collector import collector
from tests.patience import PATIENCE
from tests.running import Running, running
from tests.test_prometheus_server import prometheus

SECRET = "0123456789abcdef0123456789abcdef"
#: Check -> what it found: the level, what was said, what to do.
Found = dict[str, tuple[str, str, str]]
#: What tests have seen a check say is not well; at the end none is missing.
SEEN: set[str] = set()


def look(capsys: pytest.CaptureFixture[str], *args: str) -> tuple[int, Found]:
    """Run the command; its exit status, and what it found."""
    status = cli.main(["doctor", "--json", "--timeout", "2", *args])
    told = json.loads(capsys.readouterr().out)
    found = {row["name"]: (row["status"], row["said"], row["advice"]) for row in told["checks"]}
    SEEN.update(name for name, (level, _, _) in found.items() if level in ("warning", "failed"))
    for level, said, advice in found.values():
        assert advice or level not in ("warning", "failed"), "each says what to do"
        assert not said.startswith("the answer makes no sense")
    return status, found


def bad(found: Found) -> dict[str, str]:
    """What is not well."""
    return {name: level for name, (level, _, _) in found.items() if level in ("warning", "failed")}


@pytest.fixture
def secret(tmp_path: Path) -> str:
    """A file with the key."""
    (tmp_path / "secret").write_text(f"{SECRET}\n")
    return str(tmp_path / "secret")


class Live:
    """An exporter in a loop of its own, since the doctor waits for answers."""

    def __init__(self, exporter: Running, loop: asyncio.AbstractEventLoop) -> None:
        self.exporter = exporter
        self.loop = loop
        self.ingest = f"http://{exporter.server.ingest_address}"
        self.admin = f"http://{exporter.server.admin_address}"
        self.args = ("--ingest", self.ingest, "--admin", self.admin)


#: More than a process full of tests holds.
ROOMY = "64GiB"


@contextlib.contextmanager
def live(**settings: str) -> Iterator[Live]:
    """One that runs by the clock of this machine."""
    with asyncio.Runner() as runner:
        loop = runner.get_loop()
        stack = contextlib.AsyncExitStack()
        settings = {"memory__limit": ROOMY, **settings}
        exporter = runner.run(stack.enter_async_context(running(None, start=time.time(), **settings)))
        thread = threading.Thread(target=loop.run_forever)
        thread.start()
        try:
            yield Live(exporter, loop)
        finally:
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            runner.run(stack.aclose())


# ── all is well


def test_a_sound_exporter_has_nothing_the_matter(capsys: pytest.CaptureFixture[str], secret: str) -> None:
    """Every check that was asked for is made, and is well."""
    with live(ingest__token_secret=SECRET, ingest__allowed_origins="https://app.example") as here:
        args = ("--token-secret-file", secret, "--origin", "https://app.example", "--send", "--hold", "0.2")
        status, found = look(capsys, *here.args, *args)

    assert (status, bad(found)) == (0, {})
    assert {name for name, (level, _, _) in found.items() if level == "skipped"} == {
        "ingest-certificate", "otlp-delivered", "otlp-traces", "otlp-metrics",
        "prometheus-reach", "prometheus-targets", "prometheus-rules", "prometheus-exemplars",
    }  # fmt: skip
    assert found["ingest-anonymous"][1] == "who has no token is refused"
    assert found["ingest-strangers"][1] == "pages from elsewhere are refused"
    assert found["admin-counted"][1] == "the report is counted"


def test_looking_counts_nothing_but_a_refusal(capsys: pytest.CaptureFixture[str], secret: str) -> None:
    """No report, no participant, no series of somebody who is none."""
    with live(ingest__token_secret=SECRET) as here:
        look(capsys, *here.args, "--token-secret-file", secret)

        assert here.exporter.accepted("json") == 0
        assert here.exporter.dropped("bad_token") == 1
        assert here.exporter.participants == set()


def test_a_scrape_that_is_shared_does_not_hide_what_was_counted(capsys: pytest.CaptureFixture[str]) -> None:
    """As it is outside of tests: whoever asks within the second is given what was there before."""
    with live(shared="1") as here:
        _, found = look(capsys, *here.args, "--send")

    assert found["admin-counted"][1] == "the report is counted"


def test_who_is_sent_leaves_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    """One report, and nobody stays."""
    with live() as here:
        _, found = look(capsys, *here.args, "--send")

        assert here.exporter.accepted("json") == 1
        assert here.exporter.participants == set()
    assert found["admin-counted"][0] == "ok"


# ── the listener for clients


@pytest.mark.parametrize("origin", ["", "https://app.example"])
def test_another_key(capsys: pytest.CaptureFixture[str], tmp_path: Path, origin: str) -> None:
    """The token is refused after the upgrade, which a page cannot see."""
    (tmp_path / "other").write_text("x" * 32)
    with live(ingest__token_secret=SECRET) as here:
        args = ("--token-secret-file", str(tmp_path / "other"), *(("--origin", origin) if origin else ()))
        status, found = look(capsys, *here.args, *args, "--send")

    assert (status, bad(found)) == (1, {"ingest-token": "failed", "admin-counted": "failed"})
    assert "the token is refused" in found["ingest-token"][1]
    assert "clocks" in found["ingest-token"][2]


def test_a_token_from_a_file(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Where the key is not at hand; this one is good, the next has ended."""
    for name, ends in (("good", time.time() + 60), ("old", time.time() - 3600)):
        (tmp_path / name).write_text(jwt.encode({"iat": int(ends) - 60, "exp": int(ends)}, SECRET, "HS256"))
    with live(ingest__token_secret=SECRET) as here:
        _, good = look(capsys, *here.args, "--token-file", str(tmp_path / "good"))
        _, old = look(capsys, *here.args, "--token-file", str(tmp_path / "old"))

    assert good["ingest-token"][:2] == ("ok", "the token is taken")
    assert old["ingest-token"][0] == "failed"


def test_the_origin_of_the_page_is_not_allowed(capsys: pytest.CaptureFixture[str], secret: str) -> None:
    """As the page would see it: no reason at all."""
    with live(ingest__token_secret=SECRET, ingest__allowed_origins="https://app.example") as here:
        args = ("--token-secret-file", secret, "--origin", "https://evil.example")
        status, found = look(capsys, *here.args, *args)

    assert (status, bad(found)) == (1, {"ingest-websocket": "failed"})
    assert "403" in found["ingest-websocket"][1]
    assert "ingest.allowed_origins" in found["ingest-websocket"][2]


@pytest.mark.parametrize(
    ("place", "said"),
    [
        (nobody, "nobody listens at 127.0.0.1:"),
        (lambda: "http://rtc-exporter.invalid", "the name rtc-exporter.invalid is not known"),
    ],
)
def test_nobody_is_there(capsys: pytest.CaptureFixture[str], place: Any, said: str) -> None:
    """One fault is said once, and what hangs on it is not looked at."""
    url = place()
    status, found = look(capsys, "--ingest", url, "--admin", url)

    assert (status, bad(found)) == (1, {"ingest-reach": "failed", "admin-reach": "failed"})
    assert found["ingest-reach"][1].startswith(said)
    assert found["ingest-hold"][1] == "needs --hold"
    assert found["ingest-strangers"][:2] == ("skipped", "see ingest-reach")
    assert found["otlp-delivered"][:2] == ("skipped", "see admin-reach")


def test_a_firewall_forgets_what_it_is_sent(capsys: pytest.CaptureFixture[str]) -> None:
    """No answer is an answer, after the time that was given."""
    with silent() as url:
        status, found = look(capsys, "--ingest", url, "--no-admin", "--timeout", "0.2")

    assert status == 1
    assert "does not answer in time" in found["ingest-reach"][1]
    assert "network policies" in found["ingest-reach"][2]


def test_clients_are_led_to_the_metrics(capsys: pytest.CaptureFixture[str]) -> None:
    """The wrong port behind a proxy."""
    with live() as here:
        status, found = look(capsys, "--ingest", here.admin, "--admin", here.admin)

    assert status == 1
    assert found["ingest-private"][:2] == (
        "failed",
        "clients can read /metrics, /-/ready, /-/healthy, /openapi.json",
    )
    assert bad(found).keys() == {"ingest-private", "ingest-anonymous", "ingest-websocket"}


@pytest.mark.parametrize(
    ("answer", "check", "advice"),
    [
        (Canned(502), "ingest-reach", "finds no exporter"),
        (Canned(404), "ingest-anonymous", "pass all paths"),
        (Canned(500), "ingest-reach", "back ends"),
        (Canned(301, headers={"location": "https://elsewhere.example/"}), "ingest-websocket", "follows no redirect"),
        (Canned(200, "a page"), "ingest-websocket", "does not pass the Upgrade header"),
        (Canned(200, "a page"), "ingest-private", "lead to the port for clients alone"),
    ],
)
def test_a_proxy_answers_itself(capsys: pytest.CaptureFixture[str], answer: Canned, check: str, advice: str) -> None:
    """What each answer says of it."""
    with answering({}, answer) as url:
        status, found = look(capsys, "--ingest", url, "--no-admin")

    assert (status, found[check][0]) == (1, "failed")
    assert advice in found[check][2]


def _listen(connection: ServerConnection) -> None:
    with contextlib.suppress(ConnectionClosed):
        connection.recv()


@contextlib.contextmanager
def another_program() -> Iterator[str]:
    """A server of WebSockets that is not ours."""
    with serve(_listen, "127.0.0.1", 0) as server, _threaded(server):
        yield f"http://127.0.0.1:{server.socket.getsockname()[1]}"


@contextlib.contextmanager
def _threaded(server: SocketServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(("off", "level"), [(0, "ok"), (-10, "warning"), (3600, "failed"), (-3600, "failed")])
def test_clocks_are_apart(capsys: pytest.CaptureFixture[str], off: int, level: str) -> None:
    """By the date of an answer, its whole second and the way reckoned in."""
    headers = {"date": formatdate(time.time() + off, usegmt=True)}
    healthy = Canned(200, "healthy\n", headers)
    with answering({"/": Canned(404, headers=headers), "/-/healthy": healthy}) as url:
        _, found = look(capsys, "--ingest", url, "--admin", url)

    assert (found["ingest-clock"][0], found["admin-clock"][0]) == (level, level)


@pytest.mark.parametrize(("days", "level"), [(90, "ok"), (3, "warning")])
def test_a_certificate(capsys: pytest.CaptureFixture[str], tmp_path: Path, days: int, level: str) -> None:
    """Trusted and untrusted, soon over and not; WebSockets too."""
    made = certificates(tmp_path, days=days)
    with live() as here, relay(here.ingest.removeprefix("http://"), made.context()) as proxy:
        _, trusted = look(capsys, "--ingest", f"https://{proxy}", "--no-admin", "--ca-file", str(made.certificate))
        _, unknown = look(capsys, "--ingest", f"https://{proxy}", "--no-admin")

    assert trusted["ingest-certificate"][0] == level
    assert trusted["ingest-websocket"][0] == "ok"
    assert "is not trusted" in unknown["ingest-reach"][1]


def test_tls_where_there_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    """The scheme is wrong."""
    with live() as here:
        _, found = look(capsys, "--ingest", here.ingest.replace("http", "https"), "--no-admin")

    assert "does not speak TLS" in found["ingest-reach"][1]


def test_a_proxy_ends_websockets(capsys: pytest.CaptureFixture[str]) -> None:
    """As one does that has a timeout for requests."""
    with live() as here, relay(here.ingest.removeprefix("http://"), lifetime=0.4) as proxy:
        status, found = look(capsys, "--ingest", f"http://{proxy}", "--no-admin", "--hold", "5")

    assert (status, bad(found)) == (1, {"ingest-hold": "failed"})
    assert "1006" in found["ingest-hold"][1]
    assert "timeouts.request 0s" in found["ingest-hold"][2]


def test_it_has_no_room(capsys: pytest.CaptureFixture[str], secret: str) -> None:
    """A token that is good, and a server that is full."""
    with live(ingest__token_secret=SECRET, limits__connections="1") as here:
        token = jwt.encode({"iat": int(time.time()), "exp": int(time.time()) + 60}, SECRET, "HS256")

        async def occupy() -> Any:
            connection = await here.exporter.client(f"/?rtcstats-token={token}")
            await here.exporter.until(lambda: len(here.exporter.server.sockets.open) == 1)
            return connection

        connection = asyncio.run_coroutine_threadsafe(occupy(), here.loop).result(10)
        _, found = look(capsys, *here.args, "--token-secret-file", secret)
        asyncio.run_coroutine_threadsafe(connection.close(), here.loop).result(10)

    assert found["ingest-websocket"][0] == "failed"
    assert "no room" in found["ingest-websocket"][2]


def test_another_program_speaks_websocket(capsys: pytest.CaptureFixture[str]) -> None:
    """It does not confirm the subprotocol, and everybody may connect."""
    with another_program() as url:
        _, found = look(capsys, "--ingest", url, "--no-admin")

    assert found["ingest-websocket"][0] == "failed"


def test_everybody_may_send(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """On this machine that is meant; elsewhere it is worth a word. Here another name of this machine is elsewhere."""
    monkeypatch.setattr(clients, "is_loopback", lambda host: False)
    with live() as here:
        status, found = look(capsys, *here.args)
        strict, _ = look(capsys, *here.args, "--strict")

    assert (status, strict) == (0, 1)
    assert bad(found) == {
        "ingest-anonymous": "warning",
        "ingest-certificate": "warning",
        "ingest-strangers": "warning",
    }


def test_a_page_that_is_refused_though_clients_are_not(capsys: pytest.CaptureFixture[str]) -> None:
    """A row that fails by itself: the first handshake passes, that of the page does not."""
    check = next(row for row in CHECKS if row.name == "ingest-origin")
    with live(ingest__allowed_origins="https://app.example") as here:
        patient = Patient(ingest=here.ingest, admin="", origin="https://evil.example")
        finding = report.make(check, patient)

    assert (finding.level, "403" in finding.said) == (Level.FAILED, True)
    SEEN.add(check.name)


# ── the listener for operators

PROMETHEUS_TEXT = "# TYPE up gauge\nup 1\n# EOF\n"
OPENMETRICS = {"content-type": "application/openmetrics-text; version=1.0.0; charset=utf-8"}
HEALTHY = {"/-/healthy": Canned(200, "healthy\n"), "/-/ready": Canned(200, "ready\n")}
SOUND = {
    **HEALTHY,
    "/metrics": Canned(200, PROMETHEUS_TEXT, OPENMETRICS),
    "/openapi.json": Canned(200, json.dumps({"info": {"version": __version__}})),
}

#: What is broken -> answers that differ, the check, its level, and what is said.
OPERATORS: dict[str, tuple[dict[str, Canned], str, str, str]] = {
    "another program": ({"/-/healthy": Canned(200, "<html>")}, "admin-reach", "failed", "answers 200"),
    "it ends": ({"/-/ready": Canned(503, "not ready\n")}, "admin-ready", "failed", "not ready"),
    "a password": ({"/metrics": Canned(401)}, "admin-scrape", "failed", "wants a password"),
    "an error": ({"/metrics": Canned(500)}, "admin-scrape", "failed", "answers 500"),
    "no exemplars": (
        {"/metrics": Canned(200, PROMETHEUS_TEXT, {"content-type": "text/plain"})},
        "admin-scrape", "failed", "exemplars are lost",
    ),
    "cut short": ({"/metrics": Canned(200, "up 1\n", OPENMETRICS)}, "admin-scrape", "failed", "cannot be read"),
    "another version": (
        {"/openapi.json": Canned(200, '{"info": {"version": "9.9.9"}}')}, "admin-version", "warning", "it is 9.9.9",
    ),
    "no version": ({"/openapi.json": Canned(200, "[]")}, "admin-version", "failed", "does not say"),
    "a password for its document": ({"/openapi.json": Canned(401)}, "admin-version", "failed", "wants a password"),
}  # fmt: skip


@pytest.mark.parametrize("name", OPERATORS)
def test_what_operators_would_see(capsys: pytest.CaptureFixture[str], name: str) -> None:
    """Each is found, and nothing else is blamed."""
    answers, check, level, said = OPERATORS[name]
    with answering({**SOUND, **answers}) as url:
        _, found = look(capsys, "--admin", url, "--no-ingest")

    assert bad(found) == {check: level}
    assert said in found[check][1]


DROPPED = 'rtc_exporter_reports_dropped_total{rtc_drop_reason="%s"} %s\n'
TAKEN = 'rtc_exporter_reports_total{rtc_transport_protocol="json",rtc_outcome="accepted"} %s\n'
#: What the exporter says of itself -> the check, its level, and what is said or advised.
SELF: dict[str, tuple[str, str, str, str]] = {
    "little is refused": (
        DROPPED % ("bad_json", 15) + DROPPED % ("too_fast", 5) + TAKEN % 5000,
        "limits-refused", "ok", "20 refused, 5000 taken",
    ),
    "much is refused": (
        DROPPED % ("bad_json", 15) + DROPPED % ("bad_token", 90) + TAKEN % 500,
        "limits-refused", "warning", "Compare the keys and the clocks.",
    ),
    "a reason of another version": (
        DROPPED % ("too_new", 90) + TAKEN % 5, "limits-refused", "warning", "table of reasons",
    ),
    "it has a fault": ("rtc_exporter_errors_internal_total 2\n", "limits-faults", "warning", "2 internal errors"),
    "all files are open": ("process_open_fds 900\nprocess_max_fds 1024\n", "limits-files", "failed", "900 of 1024"),
    "few files": ("process_open_fds 20\nprocess_max_fds 1024\n", "limits-files", "warning", "room for 924 clients"),
    "many files": ("process_open_fds 20\nprocess_max_fds 65536\n", "limits-files", "ok", "20 of 65536"),
    "no files": ("process_open_fds 20\n", "limits-files", "skipped", "does not say"),
    "memory": ("process_resident_memory_bytes 104857600\n", "limits-memory", "ok", "100 MiB"),
    "half of its memory": (
        "process_resident_memory_bytes 104857600\nrtc_exporter_memory_limit_bytes 209715200\n",
        "limits-memory", "ok", "100 MiB of 200 MiB",
    ),
    "little memory left": (
        "process_resident_memory_bytes 104857600\nrtc_exporter_memory_limit_bytes 115343360\n",
        "limits-memory", "warning", "100 MiB of 110 MiB",
    ),
    "no limit of memory": (
        "process_resident_memory_bytes 104857600\nrtc_exporter_memory_limit_bytes 0\n",
        "limits-memory", "warning", "no limit",
    ),
    "it sheds load": (
        "process_resident_memory_bytes 104857600\nrtc_exporter_memory_stage 1\n",
        "limits-memory", "failed", "for want of memory",
    ),
    "over its budget": (
        'rtc_exporter_series_limited_total{rtc_metric_family="rtc_x"} 7\n', "limits-series", "warning", "rtc_x",
    ),
    "nothing arrives": (
        'rtc_exporter_otlp_queued_total{rtc_signal="traces"} 9\n'
        'rtc_exporter_otlp_requests_total{rtc_signal="traces",rtc_outcome="retried"} 3\n',
        "otlp-delivered", "failed", "0 of 9 spans",
    ),
    "some is given up": (
        'rtc_exporter_otlp_queued_total{rtc_signal="traces"} 9\n'
        'rtc_exporter_otlp_delivered_total{rtc_signal="traces"} 4\n'
        'rtc_exporter_otlp_dropped_total{rtc_signal="traces",rtc_drop_reason="queue_full"} 5\n',
        "otlp-delivered", "warning", "most by queue_full",
    ),
    "all arrives": (
        'rtc_exporter_otlp_queued_total{rtc_signal="traces"} 9\n'
        'rtc_exporter_otlp_delivered_total{rtc_signal="traces"} 9\n',
        "otlp-delivered", "ok", "9 of 9",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SELF)
def test_what_the_exporter_says_of_itself(capsys: pytest.CaptureFixture[str], name: str) -> None:
    """In its own metrics."""
    text, check, level, said = SELF[name]
    with answering({**SOUND, "/metrics?tier=self": Canned(200, text)}) as url:
        _, found = look(capsys, "--admin", url, "--no-ingest")

    assert found[check][0] == level
    assert said in " ".join(found[check])


def test_reports_that_are_really_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """Thirty bodies that are no JSON, counted by the exporter itself."""
    with live() as here:

        async def send() -> None:
            for _ in range(30):
                await here.exporter.http.post(here.exporter.ingest("/v1/reports"), content=b"{")

        asyncio.run_coroutine_threadsafe(send(), here.loop).result(10)
        status, found = look(capsys, *here.args)

    assert (status, bad(found)) == (0, {"limits-refused": "warning"})
    assert "most by bad_json (30)" in found["limits-refused"][1]


def test_listeners_of_different_processes(capsys: pytest.CaptureFixture[str]) -> None:
    """As behind a Service of several pods."""
    with live() as one, live() as other:
        _, found = look(capsys, "--ingest", one.ingest, "--admin", other.admin, "--send")

    assert bad(found) == {"admin-counted": "warning"}
    assert "the same process" in found["admin-counted"][2]


# ── Prometheus and OTLP


def test_a_real_prometheus(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Scraped and without alerts; under another job; without exemplars and without a target."""

    async def scenario() -> list[tuple[int, Found]]:
        async with running(None, start=time.time(), memory__limit=ROOMY) as exporter:
            admin = f"http://{exporter.server.admin_address}"
            answers = []
            async with prometheus(exporter, tmp_path, "--enable-feature=exemplar-storage") as (server, _):
                await server.until("up", {f"up {exporter.server.admin_address} rtc-exporter": 1.0})
                args = ("--no-ingest", "--admin", admin, "--prometheus", f"http://{server.address}")
                for more in ((), ("--job", "another")):
                    answers.append(await asyncio.to_thread(look, capsys, *args, *more))
            return answers

    (status, well), (lost_status, lost) = asyncio.run(asyncio.wait_for(scenario(), 3 * PATIENCE))

    assert (status, bad(well)) == (0, {"prometheus-rules": "warning"})
    assert well["prometheus-reach"][1].startswith("Prometheus 2.")
    assert well["prometheus-targets"][1] == "1 targets, all up"
    assert well["prometheus-exemplars"][1] == "exemplars are kept"
    assert (lost_status, lost["prometheus-targets"][0]) == (1, "failed")


def api(**data: Any) -> dict[str, Canned]:
    """Answers of the API of Prometheus."""
    paths = {
        "buildinfo": "/api/v1/status/buildinfo", "targets": "/api/v1/targets", "rules": "/api/v1/rules",
        "flags": "/api/v1/status/flags",
    }  # fmt: skip
    sound: dict[str, Any] = {
        "buildinfo": {"version": "3.14.0"},
        "targets": {"activeTargets": [target("up")]},
        "rules": {"groups": [{"rules": [rule("RTCWatchdog"), rule("RTCExporterDown", "inactive"), rule("Other")]}]},
        "flags": {"enable-feature": "exemplar-storage,x"},
    }
    return {path: Canned(200, json.dumps({"data": {**sound, **data}[name]})) for name, path in paths.items()}


def target(health: str) -> dict[str, Any]:
    """As its API tells of one."""
    labels = {"job": "rtc-exporter", "instance": "a:9464"}
    return {"labels": labels, "health": health, "scrapeUrl": "http://a:9464/metrics", "lastError": "timed\x1b out"}


def rule(name: str, state: str = "firing", health: str = "ok") -> dict[str, Any]:
    """As its API tells of one."""
    return {"name": name, "state": state, "health": health, "lastError": "many-to-many matching"}


#: What Prometheus says -> the check, its level, what is said.
PROMETHEUS: dict[str, tuple[dict[str, Any], str, str, str]] = {
    "an old one": ({"buildinfo": {"version": "2.37.0"}}, "prometheus-reach", "warning", "2.37.0"),
    "no target": ({"targets": {"activeTargets": []}}, "prometheus-targets", "failed", "no target of the job"),
    "all down": ({"targets": {"activeTargets": [target("down")]}}, "prometheus-targets", "failed", "timed  out"),
    "one down": (
        {"targets": {"activeTargets": [target("up"), target("down")]}}, "prometheus-targets", "warning", "1 of 2",
    ),
    "not yet": ({"targets": {"activeTargets": [target("unknown")]}}, "prometheus-targets", "skipped", "none of them"),
    "no alerts": ({"rules": {"groups": []}}, "prometheus-rules", "warning", "nobody is woken"),
    "a broken alert": (
        {"rules": {"groups": [{"rules": [rule("RTCX", health="err")]}]}}, "prometheus-rules", "failed", "many-to-many",
    ),
    "alerts": ({}, "prometheus-rules", "ok", "2 alerts, 0 firing"),
    "no exemplars": ({"flags": {"enable-feature": ""}}, "prometheus-exemplars", "warning", "thrown away"),
}  # fmt: skip


@pytest.mark.parametrize("name", PROMETHEUS)
def test_what_prometheus_says(capsys: pytest.CaptureFixture[str], name: str) -> None:
    """Its own words reach the terminal without what could move its cursor."""
    data, check, level, said = PROMETHEUS[name]
    with answering(api(**data)) as url:
        _, found = look(capsys, "--no-ingest", "--no-admin", "--prometheus", url)

    assert found[check][0] == level
    assert said in found[check][1]


def test_what_makes_no_sense_ends_one_check_alone() -> None:
    """A list where the API has objects."""
    with answering(api(targets={"activeTargets": ["up"]}, rules={"groups": 7})) as url:
        found = {each.check.name: each.finding for each in report.examine(Patient("", "", prometheus=url))}

    assert found["prometheus-targets"].said == "the answer makes no sense to it: AttributeError"
    assert found["prometheus-rules"].level is Level.FAILED
    assert found["prometheus-exemplars"].level is Level.OK


def test_something_else_than_prometheus(capsys: pytest.CaptureFixture[str]) -> None:
    """Grafana, say."""
    with answering({}, Canned(302)) as url:
        status, found = look(capsys, "--no-ingest", "--no-admin", "--prometheus", url)

    assert (status, bad(found)) == (1, {"prometheus-reach": "failed"})


@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
def test_a_real_collector(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, protocol: str
) -> None:
    """It takes what has nothing in it; on the port of the other protocol it does not; and stopped it does not."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "2000")
    look_there = functools.partial(look, capsys, "--no-ingest", "--no-admin")
    with collector(tmp_path) as there:
        right, wrong = (there.grpc, there.http) if protocol == "grpc" else (there.http, there.grpc)
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://{right}")
        status, found = look_there()
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://{wrong}")
        wrong_status, swapped = look_there()

    assert (status, bad(found)) == (0, {})
    assert found["otlp-traces"][0] == found["otlp-metrics"][0] == "ok"
    assert (wrong_status, bad(swapped)) == (1, {"otlp-traces": "failed", "otlp-metrics": "failed"})
    assert "4317 is gRPC" in swapped["otlp-traces"][2]


# ── the command


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--ingest", "rtc.example"], "--ingest is 'rtc.example', wanted a URL"),
        (["--admin", "http://a:b@c"], "--admin holds a name or password, wanted them in --password-file"),
        (["--prometheus", "ftp://x"], "--prometheus is 'ftp://x'"),
        (["--token-secret-file", "/nowhere"], "--token-secret-file is '/nowhere', which cannot be read"),
        (["--ca-file", "/nowhere"], "--ca-file is '/nowhere', which cannot be read"),
        (["--token-file", "/dev/null", "--token-secret-file", "/dev/null"], "are both set, wanted one of them"),
        (["--password-file", "/dev/null"], "wanted USER:PASSWORD"),
        (["--timeout", "0"], "wanted more than 0"),
    ],
)
def test_wrong_arguments(capsys: pytest.CaptureFixture[str], args: list[str], said: str) -> None:
    """One sentence, status 2, and nothing is looked at."""
    assert cli.main(["doctor", *args]) == 2
    assert said in capsys.readouterr().err


def test_people_read_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    """Groups, findings, advice under them, a sum; and no secret."""
    with answering({**SOUND, "/-/ready": Canned(503, "not ready\n")}) as url:
        status = cli.main(["doctor", "--no-ingest", "--admin", url])
    text = capsys.readouterr().out

    assert status == 1
    assert "\nOperators\n" in text
    assert "FAILED   admin-ready           it says: not ready\n" in text
    assert "It starts or ends, or has no memory: see its log." in text
    assert ", 1 failed; " in text


def test_a_password_is_shown_to_operators_alone(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """And neither key nor token nor password is ever printed."""
    (tmp_path / "login").write_text("admin:hunter2hunter2\n")
    (tmp_path / "key").write_text(SECRET)
    args = ["--password-file", str(tmp_path / "login"), "--token-secret-file", str(tmp_path / "key")]
    with answering({}, Canned(401)) as url:
        cli.main(["doctor", "--ingest", url, "--admin", url, *args])
    printed = "".join(capsys.readouterr())

    assert "hunter2" not in printed
    assert SECRET not in printed
    assert "eyJ" not in printed


def test_every_check_has_found_something() -> None:
    """A check that no test has seen fail may not be able to."""
    if len(SEEN) < 5:
        pytest.skip("the other tests of this file have not run")

    assert {check.name for check in CHECKS} - SEEN == set()


def test_the_table_hangs_together() -> None:
    """What a check comes after stands before it; every group has a name."""
    names = [check.name for check in CHECKS]

    assert len(names) == len(set(names))
    for index, check in enumerate(CHECKS):
        assert set(check.after) <= set(names[:index])
        assert check.group in GROUPS
