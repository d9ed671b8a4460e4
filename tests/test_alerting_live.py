"""
A real exporter, Prometheus, Alertmanager and a webhook: from calls that fail to a message, and no message too many.

The rules are those that are shipped, evaluated each second and without their waits; routes go to one webhook, and
inhibition and the template are those of the example.
"""

import asyncio
import contextlib
import http.server
import json
import socket
import threading
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
import pytest
import yaml

from rtc_exporter.player import Plan, Tally, play
from tests.patience import PATIENCE
from tests.peers import peer
from tests.running import Running, running
from tests.test_alertmanager import CONFIG, FOLDER
from tools.rules import groups

PACE = 0.2


def free() -> str:
    """An address of loopback that nobody listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{sock.getsockname()[1]}"


@contextlib.contextmanager
def webhook() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """What Alertmanager posts."""
    posted: list[dict[str, Any]] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            posted.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/", posted
        finally:
            server.shutdown()
            thread.join()


@contextlib.asynccontextmanager
async def program(folder: Path, name: str, *flags: str) -> AsyncIterator[Process]:
    """A program that is stopped when done; its log goes into the folder."""
    with (folder / f"{name}.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(peer(name), *flags, stdout=log, stderr=log)
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


def write(folder: Path, target: str, manager: str, hook: str) -> None:
    """The configuration of both servers."""
    found = groups("standard")
    for group in found:
        group["interval"] = "1s"
        for rule in group["rules"]:
            rule.pop("for", None)
            rule.pop("keep_firing_for", None)
    (folder / "rules.yml").write_text(yaml.safe_dump({"groups": found}), encoding="utf-8")
    prometheus = {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
        "rule_files": ["rules.yml"],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [manager]}]}]},
        "scrape_configs": [{"job_name": "rtc-exporter", "static_configs": [{"targets": [target]}]}],
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(prometheus), encoding="utf-8")
    example = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))
    alertmanager = {
        "route": {
            "receiver": "hook", "group_by": ["alertname"], "group_wait": "0s", "group_interval": "1s",
            "repeat_interval": "1h",
        },
        "inhibit_rules": example["inhibit_rules"],
        "templates": [str(FOLDER / name) for name in example["templates"]],
        "receivers": [{"name": "hook", "webhook_configs": [{"url": hook, "send_resolved": False}]}],
    }  # fmt: skip
    (folder / "alertmanager.yml").write_text(yaml.safe_dump(alertmanager), encoding="utf-8")


class Came(NamedTuple):
    """What came of it."""

    posted: list[dict[str, Any]]
    #: Alert -> by how many others it is inhibited, when the exporter is down.
    held: dict[str, int]

    @property
    def messages(self) -> dict[str, dict[str, Any]]:
        """The first alert of each name that was posted."""
        found: dict[str, dict[str, Any]] = {}
        for message in self.posted:
            for alert in message["alerts"]:
                found.setdefault(alert["labels"]["alertname"], alert)
        return found


async def failing_calls(exporter: Running, number: int) -> None:
    """Calls that find no path, as fast as they go."""
    await play(Plan(exporter.ingest("", "ws"), ("icefail-cr",), calls=number, speed=0.0), Tally())


async def until(what: str, condition: Any) -> None:
    """Wait for something that takes its time; servers have no event for it."""
    try:
        async with asyncio.timeout(PATIENCE):
            while not await condition():  # noqa: ASYNC110
                await asyncio.sleep(PACE)
    except TimeoutError:
        pytest.fail(f"it did not happen: {what}")


async def scenario(folder: Path) -> Came:
    """Calls fail, which is told; then the exporter goes, which is told, and the failing calls no more."""
    manager, server = free(), free()
    with webhook() as (hook, posted):
        async with contextlib.AsyncExitStack() as stack:
            exporter_life = contextlib.AsyncExitStack()
            stack.push_async_exit(exporter_life)
            exporter = await exporter_life.enter_async_context(running())
            write(folder, str(exporter.server.admin_address), manager, hook)
            await stack.enter_async_context(
                program(
                    folder, "prometheus-alertmanager", f"--config.file={folder / 'alertmanager.yml'}",
                    f"--storage.path={folder / 'manager'}", f"--web.listen-address={manager}",
                    "--cluster.listen-address=",
                )
            )  # fmt: skip
            http = await stack.enter_async_context(httpx2.AsyncClient(trust_env=False))

            async def ask(address: str, **parameters: str) -> Any:
                with contextlib.suppress(httpx2.TransportError):
                    answer = await http.get(f"http://{address}", params=parameters)
                    return answer.json() if answer.status_code == 200 else None
                return None

            async def seen() -> bool:
                query = 'sum(rtc_connection_attempts_total{rtc_outcome="ice_failed"}) >= 4'
                answer = await ask(f"{server}/api/v1/query", query=query)
                return bool(answer and answer["data"]["result"])

            def told(name: str) -> bool:
                return any(alert["labels"]["alertname"] == name for post in posted for alert in post["alerts"])

            async def held() -> dict[str, int]:
                alerts = await ask(f"{manager}/api/v2/alerts") or []
                return {alert["labels"]["alertname"]: len(alert["status"]["inhibitedBy"]) for alert in alerts}

            async def burning() -> bool:
                return told("RTCSetupErrorBurn")

            async def down() -> bool:
                return told("RTCExporterAllDown")

            async def silenced() -> bool:
                return (await held()).get("RTCSetupErrorBurn", 0) > 0

            async def ready() -> bool:
                return await ask(f"{manager}/api/v2/status") is not None

            # What nobody was there to hear, Prometheus tells again, here a second later.
            await until("Alertmanager is ready", ready)
            await stack.enter_async_context(
                program(
                    folder, "prometheus", f"--config.file={folder / 'prometheus.yml'}",
                    f"--storage.tsdb.path={folder / 'data'}", f"--web.listen-address={server}",
                    "--rules.alert.resend-delay=1s",
                )
            )  # fmt: skip
            # A counter has to be seen before it grows.
            await failing_calls(exporter, 2)
            await until("the first failures are scraped", seen)
            await failing_calls(exporter, 6)
            await until("failing calls are told", burning)
            await exporter_life.aclose()
            await until("the end of the exporter is told", down)
            await until("what is said of calls is inhibited", silenced)
            return Came(list(posted), await held())


@pytest.fixture(scope="module")
def came(tmp_path_factory: pytest.TempPathFactory) -> Came:
    """The run that all tests look at."""
    peer("prometheus")
    peer("prometheus-alertmanager")
    return asyncio.run(scenario(tmp_path_factory.mktemp("alerting")))


def test_calls_that_fail_are_told(came: Came) -> None:
    """As the annotations say it, with the share and the links."""
    alert = came.messages["RTCSetupErrorBurn"]

    assert alert["labels"]["severity"] == "critical"
    assert alert["annotations"]["summary"] == "Users cannot get into calls"
    assert alert["annotations"]["description"].startswith(
        "100% of attempts of the application were bad over 1h, and the objective of 99.0% allows 1.0%."
    )
    assert alert["annotations"]["runbook_url"].endswith("/RTCSetupErrorBurn.md")


def test_an_exporter_that_is_gone_is_told(came: Came) -> None:
    """And that nothing is known of calls."""
    alert = came.messages["RTCExporterAllDown"]

    assert alert["labels"]["job"] == "rtc-exporter"
    assert alert["annotations"]["summary"] == "All exporters are down, so nothing is known of calls"


def test_what_is_said_of_calls_is_then_held_back(came: Came) -> None:
    """The alert about failing calls still fires, on numbers from before, and nobody is told again; the page is free."""
    assert came.held["RTCSetupErrorBurn"] >= 1
    assert came.held["RTCExporterAllDown"] == 0


def test_the_watchdog_comes_through(came: Came) -> None:
    """Whoever waits for it hears it."""
    assert "RTCWatchdog" in came.messages
