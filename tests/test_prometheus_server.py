"""
A real Prometheus scrapes a real exporter while a recorded call plays into it.

One run for all tests, since it takes its time: Prometheus scrapes once a second.  Each test looks at what the run
has found.
"""

import asyncio
import contextlib
import re
import socket
import time
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import httpx2
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from tests.captures import oracle, rows
from tests.peers import peer
from tests.running import Running, running

#: Longer than Prometheus takes for anything here, its start included.
PATIENCE = 20.0
#: Seconds between two questions to Prometheus.
PACE = 0.1
CALL = ("degraded-cr.p1.frames", "degraded-cr.p2.frames")
#: How a client's frame about the end of its peer connection begins.
CLOSE = '[36,"PC_0"'

CONFIG = """\
global:
  scrape_interval: 1s
  scrape_timeout: 1s
scrape_configs:
  - job_name: rtc-exporter
    static_configs:
      - targets: ["{target}"]
"""

PACKETS = "sum by (rtc_media_kind) (rtc_inbound_packets_total)"
QUANTILE = "histogram_quantile({q}, sum by (le) (rtc_candidate_pair_round_trip_time_seconds_bucket))"
INFO = "rtc_participant_info"
PEOPLE = f"count by (rtc_participant_id) ({INFO})"

#: What an instant query gives: label values, joined -> value.
Answer: TypeAlias = dict[str, float]


class Server:
    """Prometheus, and how to ask it."""

    def __init__(self, exporter: Running, address: str) -> None:
        self._http = exporter.http
        self.address = address

    async def get(self, path: str, **parameters: str) -> Any:
        """The data of one answer of its API; None while it does not answer."""
        with contextlib.suppress(httpx2.TransportError):
            response = await self._http.get(f"http://{self.address}{path}", params=parameters)
            if response.status_code == 200:
                return response.json()["data"]
        return None

    async def query(self, expression: str) -> Answer:
        """An instant query."""
        data = await self.get("/api/v1/query", query=expression) or {"result": []}
        return {" ".join(row["metric"].values()): float(row["value"][1]) for row in data["result"]}

    async def times(self, selector: str) -> list[float]:
        """When each sample of a series that a range selector finds was scraped."""
        data = await self.get("/api/v1/query", query=selector)
        return sorted(float(stamp) for row in data["result"] for stamp, _ in row["values"])

    async def until(self, expression: str, wanted: Answer) -> None:
        """Wait until a query gives this answer."""
        answer: Answer | None = None
        try:
            async with asyncio.timeout(PATIENCE):
                while (answer := await self.query(expression)) != wanted:  # noqa: ASYNC110 - Prometheus has no event
                    await asyncio.sleep(PACE)
        except TimeoutError:
            pytest.fail(f"{expression} is {answer}, not {wanted}")


class Run(NamedTuple):
    """What came of it."""

    target: dict[str, Any]
    packets: Answer
    quantiles: dict[float, float]
    rendered: Answer
    #: When everybody had left, and when Prometheus scraped each of the two, by its own clock.
    left: float
    scraped: dict[str, list[float]]
    afterwards: Answer
    up: list[float]
    metadata: dict[str, Any]
    log: list[str]
    status: int | None


@contextlib.asynccontextmanager
async def prometheus(exporter: Running, folder: Path) -> AsyncIterator[tuple[Server, Process]]:
    """Start Prometheus on a free port of loopback, and stop it when done."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{sock.getsockname()[1]}"
    (folder / "prometheus.yml").write_text(CONFIG.format(target=exporter.server.admin_address), encoding="utf-8")
    with (folder / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            peer("prometheus"),
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address={address}",
            "--log.level=debug",
            stdout=log,
            stderr=log,
        )
    try:
        yield Server(exporter, address), process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(PATIENCE):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


async def call(exporter: Running, name: str) -> tuple[ClientConnection, list[str]]:
    """A client that has sent everything but its farewell, and the frames of that."""
    opening, *rest = rows(name)
    client = await connect(
        exporter.ingest(opening["url"], "ws"),
        subprotocols=[Subprotocol("rtcstats#5.0")],
        user_agent_header=opening["headers"]["user-agent"],
        compression=None,
    )
    texts = [row["text"] for row in rest if row["dir"] == "c2s"]
    end = next(index for index, text in enumerate(texts) if text.startswith(CLOSE))
    for text in texts[:end]:
        await client.send(text)
    return client, texts[end:]


async def scenario(folder: Path) -> Run:
    """A call comes, is scraped, goes, and is scraped again."""
    async with running() as exporter, prometheus(exporter, folder) as (server, process):
        target = f"{exporter.server.admin_address} rtc-exporter"
        await server.until("up", {f"up {target}": 1})
        calls = [await call(exporter, name) for name in CALL]
        await server.until(PEOPLE, {"p1": 1, "p2": 1})
        for client, texts in calls:
            for text in texts:
                await client.send(text)
            await client.close()
        await exporter.until(lambda: not exporter.participants)
        left = time.time()
        await server.until(PEOPLE, {})
        packets = await server.query(PACKETS)
        # Once they are gone they stay so: one more scrape.
        seen = len(await server.times("up[5m]"))
        await server.until(f"count_over_time(up[5m]) > bool {seen}", {target: 1})
        run = Run(
            target=(await server.get("/api/v1/targets"))["activeTargets"][0],
            packets=packets,
            quantiles={q: (await server.query(QUANTILE.format(q=q)))[""] for q in (0.5, 0.9, 0.99)},
            rendered=await server.query("sum by (rtc_output) (rtc_exporter_render_duration_seconds_count)"),
            left=left,
            scraped={p: await server.times(f'{INFO}{{rtc_participant_id="{p}"}}[5m]') for p in ("p1", "p2")},
            afterwards=await server.query(PACKETS),
            up=list((await server.query("min_over_time(up[5m])")).values()),
            metadata=await server.get("/api/v1/metadata"),
            log=[],
            status=None,
        )
    return run._replace(log=(folder / "log").read_text(encoding="utf-8").splitlines(), status=process.returncode)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The run that all tests look at."""
    peer("prometheus")
    return asyncio.run(scenario(tmp_path_factory.mktemp("prometheus")))


def test_the_target_is_up_from_its_first_scrape_on(run: Run) -> None:
    """No scrape failed, while calls came and went."""
    assert (run.target["health"], run.target["lastError"]) == ("up", "")
    assert run.up == [1]


def test_prometheus_asks_for_openmetrics_and_gets_it(run: Run) -> None:
    """It negotiates by itself; nothing was rendered in the other format."""
    assert run.rendered.keys() == {"openmetrics"}


def test_prometheus_has_nothing_to_complain_about(run: Run) -> None:
    """Its log, down to the debug level where it notes bad samples, has no warning but the one that we stop it."""
    complaints = [line for line in run.log if re.search(r"level=(warn|error)|scrape failed|Error on ingesting", line)]

    assert [line for line in complaints if "Received SIGTERM" not in line] == []
    assert run.status == 0


def test_counters_arrive_with_the_right_sum(run: Run) -> None:
    """What the clients told by their last frame, by media kind."""
    assert run.packets == {
        kind: sum(oracle(name)["sums"][f"inbound-rtp/{kind}"]["packetsReceived"] for name in CALL)
        for kind in ("audio", "video")
    }


def test_quantiles_can_be_asked_for(run: Run) -> None:
    """For most of this call a round trip took 0.4 to 0.47 s: the buckets from 0.4 to 0.6 s say so."""
    assert all(0.4 < value <= 0.6 for value in run.quantiles.values())
    assert sorted(run.quantiles.values()) == [value for _, value in sorted(run.quantiles.items())]


@pytest.mark.parametrize("participant", ["p1", "p2"])
def test_series_of_a_participant_end_two_scrapes_after_it_left(run: Run, participant: str) -> None:
    """They are scraped once more at most, and gone from instant queries with the scrape after that."""
    times = run.scraped[participant]

    assert min(times) < run.left, "it was seen while it was there"
    assert sum(1 for each in times if each > run.left) <= 1


def test_counters_stay_when_participants_go(run: Run) -> None:
    """A call that is over has happened all the same."""
    assert run.afterwards == run.packets


@pytest.mark.parametrize(
    ("family", "type", "unit"),
    [
        ("rtc_inbound_packets", "counter", ""),
        ("rtc_inbound_freeze_time_seconds", "counter", "seconds"),
        ("rtc_candidate_pair_round_trip_time_seconds", "histogram", "seconds"),
        ("rtc_inbound_packet_loss_ratio", "histogram", "ratio"),
        ("rtc_participants_active", "gauge", ""),
    ],
)
def test_prometheus_knows_what_a_metric_is(run: Run, family: str, type: str, unit: str) -> None:
    """Type, unit and help come with OpenMetrics, and Grafana shows them."""
    (entry,) = run.metadata[family]

    assert (entry["type"], entry["unit"]) == (type, unit)
    assert entry["help"]
