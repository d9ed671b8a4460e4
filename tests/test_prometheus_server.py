"""
A real Prometheus scrapes a real exporter while a recorded call plays into it.

One run for all tests of a kind, since it takes its time: Prometheus scrapes once a second.  Each test looks at what
the run has found.  There is one with what Prometheus does by itself, and one with native histograms and exemplars.
"""

import asyncio
import contextlib
import math
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

from rtc_exporter import catalog, signals
from rtc_exporter.delta import Deltas
from rtc_exporter.model import ParticipantKey, Report
from rtc_exporter.tracing import SessionTrace, TraceSettings
from rtc_exporter.wire.rtcstats import Decoder
from tests import replayed
from tests.captures import frames, names, oracle, rows
from tests.patience import PATIENCE
from tests.peers import peer
from tests.receivers import OK, http_receiver
from tests.running import Running, running

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

    def __init__(self, http: httpx2.AsyncClient, address: str) -> None:
        self._http = http
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
async def prometheus(exporter: Running, folder: Path, *flags: str) -> AsyncIterator[tuple[Server, Process]]:
    """Start Prometheus on a free port of loopback, and stop it when done."""
    async with scraping(str(exporter.server.admin_address), exporter.http, folder, *flags) as found:
        yield found


@contextlib.asynccontextmanager
async def scraping(
    target: str, http: httpx2.AsyncClient, folder: Path, *flags: str
) -> AsyncIterator[tuple[Server, Process]]:
    """Start it for whatever listens at a target."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{sock.getsockname()[1]}"
    (folder / "prometheus.yml").write_text(CONFIG.format(target=target), encoding="utf-8")
    with (folder / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            peer("prometheus"),
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address={address}",
            "--log.level=debug",
            *flags,
            stdout=log,
            stderr=log,
        )
    try:
        yield Server(http, address), process
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


def complaints(log: list[str]) -> list[str]:
    """What Prometheus warns of, and what it notes about bad samples at the debug level; not that we stop it."""
    found = [line for line in log if re.search(r"level=(warn|error)|scrape failed|Error on ingesting", line)]
    return [line for line in found if "Received SIGTERM" not in line]


def test_prometheus_has_nothing_to_complain_about(run: Run) -> None:
    """Its log has no warning."""
    assert complaints(run.log) == []
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


# ── native histograms and exemplars


NATIVE = "--enable-feature=native-histograms,exemplar-storage"
EXEMPLARS = "--enable-feature=exemplar-storage"

#: Histograms that recorded samples go to -> stats type and signal that they are.
RECORDED = {
    "rtc.remote_inbound.round_trip_time": ("remote-inbound-rtp", "round_trip_time"),
    "rtc.inbound.jitter_buffer.delay": ("inbound-rtp", "jitter_buffer_delay"),
}
#: Label values of the series that samples and errors go to.
STREAM = ("app", "audio", "opus", "Chrome", "Linux")
ERROR = ("app", "1.0", "Chrome", "Linux", "createOffer", "InvalidStateError")
#: Exemplars: trace, value, and how many seconds ago.
OFFERED = (("a" * 32, 0.004, 3.0), ("b" * 32, 0.33, 2.0), ("c" * 32, 7.0, 1.0))


def samples(signal: tuple[str, str]) -> list[float]:
    """What a signal was at each report of every recorded call, in order of size."""
    found: list[float] = []
    for name in names():
        decoder, deltas = Decoder(ParticipantKey("session", name)), dict[str, Deltas]()
        for frame in frames(name):
            for record in decoder.receive(frame.text, frame.time):
                if isinstance(record, Report):
                    fold = deltas.setdefault(record.key.peer_connection, Deltas(False)).fold(record)
                    things = [thing for thing in fold.changed if thing.type == signal[0]]
                    rows = [row for row in signals.BY_TYPE[signal[0]] if row.name == signal[1]]
                    values = [row.formula(thing, fold) for thing in things for row in rows]
                    found += [value for value in values if value is not None]
                    fold.settle()
    return sorted(found)


class Rich(NamedTuple):
    """What came of native histograms or of exemplars."""

    up: list[float]
    packets: Answer
    #: By output, how often it was rendered.
    rendered: Answer
    #: Metric -> the samples that were observed, what PromQL counts, and its quantiles.
    observed: dict[str, list[float]]
    counts: dict[str, Answer]
    quantiles: dict[str, dict[float, float]]
    #: Series of buckets with bounds.
    bounded: Answer
    #: Series that have exemplars, with their bound -> (trace, value) of each.
    exemplars: dict[str, list[tuple[str, float]]]
    log: list[str]


async def rich_scenario(folder: Path, native: bool) -> Rich:
    """A call, recorded samples and offered exemplars are scraped by a Prometheus that wants them."""
    observed = {name: samples(signal) for name, signal in RECORDED.items()}
    series = {name: catalog.BY_NAME[name].prometheus for name in RECORDED}
    counted = "histogram_count({name}{which})" if native else "{name}_count{which}"
    quantile = "histogram_quantile({q}, {name}{which})" if native else "histogram_quantile({q}, {name}_bucket{which})"
    which = '{rtc_app_name="app"}'
    async with (
        running(metrics__native_histograms="true" if native else "false") as exporter,
        prometheus(exporter, folder, NATIVE if native else EXEMPLARS) as (server, _),
    ):
        store, now = exporter.server.pipeline.store, time.time()
        for client, texts in [await call(exporter, name) for name in CALL]:
            for text in texts:
                await client.send(text)
            await client.close()
        await exporter.until(lambda: not exporter.participants)
        for name, values in observed.items():
            for value in values:
                store.observe(name, STREAM, value, now)
        for trace, value, age in OFFERED:
            labels = (("trace_id", trace), ("span_id", trace[:16]))
            store.observe("rtc.inbound.jitter", STREAM, value, now - age, exemplar=labels)
        store.add("rtc.api.errors", ERROR, 1, now, (("trace_id", "d" * 32), ("span_id", "d" * 16)))
        await server.until(f"sum(rtc_api_errors_total{which})", {"": 1})
        # Everything comes again with the scrapes after that, the exemplars too.
        seen = len(await server.times("up[5m]"))
        target = f"{exporter.server.admin_address} rtc-exporter"
        await server.until(f"count_over_time(up[5m]) > bool {seen + 1}", {target: 1})
        found = await server.get(
            "/api/v1/query_exemplars",
            query='{__name__=~"rtc_(inbound_jitter|api_errors).*"}',
            start=str(now - 60),
            end=str(now + 60),
        )
        rendered = counted.format(name="rtc_exporter_render_duration_seconds", which="")
        return Rich(
            up=list((await server.query("min_over_time(up[5m])")).values()),
            packets=await server.query(PACKETS),
            rendered=await server.query(f"sum by (rtc_output) ({rendered})"),
            observed=observed,
            counts={
                name: await server.query(f"sum({counted.format(name=series[name], which=which)})") for name in RECORDED
            },
            quantiles={
                name: {
                    q: (await server.query(f"sum({quantile.format(q=q, name=series[name], which=which)})"))[""]
                    for q in (0.5, 0.95, 0.99)
                }
                for name in RECORDED
            },
            bounded=await server.query(f"count(rtc_inbound_jitter_seconds_bucket{which})"),
            exemplars={
                row["seriesLabels"]["__name__"] + row["seriesLabels"].get("le", ""): [
                    (told["labels"]["trace_id"], float(told["value"])) for told in row["exemplars"]
                ]
                for row in found
            },
            log=(folder / "log").read_text(encoding="utf-8").splitlines(),
        )


@pytest.fixture(scope="module")
def native(tmp_path_factory: pytest.TempPathFactory) -> Rich:
    """With native histograms on both sides."""
    peer("prometheus")
    return asyncio.run(rich_scenario(tmp_path_factory.mktemp("native"), native=True))


@pytest.fixture(scope="module")
def bounded(tmp_path_factory: pytest.TempPathFactory) -> Rich:
    """With exemplars alone."""
    peer("prometheus")
    return asyncio.run(rich_scenario(tmp_path_factory.mktemp("bounded"), native=False))


@pytest.mark.parametrize(("name", "output"), [("native", "protobuf"), ("bounded", "openmetrics")])
def test_a_prometheus_that_wants_more_gets_it(name: str, output: str, request: pytest.FixtureRequest) -> None:
    """It asks for protobuf where it has native histograms, else for OpenMetrics; no scrape fails on start times."""
    run: Rich = request.getfixturevalue(name)

    assert run.up == [1]
    assert run.rendered.keys() == {output}
    assert complaints(run.log) == []


@pytest.mark.parametrize("name", ["native", "bounded"])
def test_the_same_is_counted_in_either_format(name: str, request: pytest.FixtureRequest) -> None:
    """Counters of the call, and every recorded sample."""
    run: Rich = request.getfixturevalue(name)

    assert run.packets == {
        kind: sum(oracle(name)["sums"][f"inbound-rtp/{kind}"]["packetsReceived"] for name in CALL)
        for kind in ("audio", "video")
    }
    assert run.counts == {name: {"": len(values)} for name, values in run.observed.items()}


def test_prometheus_keeps_native_histograms_alone(native: Rich, bounded: Rich) -> None:
    """One series each instead of one for each bucket, sum and count; the bounds are still there for who wants them."""
    assert native.bounded == {}
    assert bounded.bounded == {"": len(catalog.BY_NAME["rtc.inbound.jitter"].buckets) + 1}


@pytest.mark.parametrize(
    ("name", "q", "tolerance"),
    [
        ("rtc.remote_inbound.round_trip_time", 0.5, 0.01),
        ("rtc.remote_inbound.round_trip_time", 0.95, 0.01),
        ("rtc.remote_inbound.round_trip_time", 0.99, 0.01),
        ("rtc.inbound.jitter_buffer.delay", 0.5, 0.01),
        ("rtc.inbound.jitter_buffer.delay", 0.95, 0.01),
        # Ten samples in that bucket, 9 % wide, most of them in its upper half: a line through it is 2 % off.
        ("rtc.inbound.jitter_buffer.delay", 0.99, 0.03),
    ],
)
def test_quantiles_of_native_histograms_are_near_the_truth(native: Rich, name: str, q: float, tolerance: float) -> None:
    """The truth is the sample of that rank; PromQL goes in a straight line from bound to bound of its bucket."""
    values = native.observed[name]
    truth = values[math.ceil(q * len(values)) - 1]

    assert len(values) > 1500
    assert native.quantiles[name][q] == pytest.approx(truth, rel=tolerance)


def test_native_histograms_are_nearer_than_those_with_bounds(native: Rich, bounded: Rich) -> None:
    """By the worst quantile of each metric."""
    for name, values in native.observed.items():
        worst = [
            max(abs(found / values[math.ceil(q * len(values)) - 1] - 1) for q, found in run.quantiles[name].items())
            for run in (native, bounded)
        ]
        assert worst[0] < worst[1] / 3


def test_exemplars_can_be_asked_for(bounded: Rich) -> None:
    """Each bucket with a bound has its own, and so have errors."""
    assert bounded.exemplars == {
        "rtc_api_errors_total": [("d" * 32, 1.0)],
        "rtc_inbound_jitter_seconds_bucket0.005": [("a" * 32, 0.004)],
        "rtc_inbound_jitter_seconds_bucket0.5": [("b" * 32, 0.33)],
        "rtc_inbound_jitter_seconds_bucket+Inf": [("c" * 32, 7.0)],
    }


def test_exemplars_of_native_histograms_can_be_asked_for(native: Rich) -> None:
    """They are the series' own; of several, Prometheus 2.42 takes the first."""
    assert native.exemplars.keys() == {"rtc_api_errors_total", "rtc_inbound_jitter_seconds"}
    assert native.exemplars["rtc_api_errors_total"] == [("d" * 32, 1.0)]
    assert {(trace, value) for trace, value, _ in OFFERED} >= set(native.exemplars["rtc_inbound_jitter_seconds"])
    assert native.exemplars["rtc_inbound_jitter_seconds"]


# ── a call whose trace is kept


class Traced(NamedTuple):
    """What Prometheus knows of a degraded call, and what was sent of its trace."""

    exemplars: list[dict[str, Any]]
    #: Trace and span ids that left, in hexadecimal.
    spans: set[tuple[str, str]]


async def traced_scenario(folder: Path, native: bool) -> Traced:
    """A recorded call plays while its spans go to a receiver of OTLP, and its metrics to Prometheus."""
    with http_receiver([OK]) as receiver:
        environ = {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"http://127.0.0.1:{receiver.port}/v1/traces"}
        settings = {"metrics__native_histograms": "true" if native else "false"}
        async with (
            running(environ, start=replayed.start(CALL), **settings) as exporter,
            prometheus(exporter, folder, NATIVE if native else EXEMPLARS) as (server, _),
        ):
            await replayed.play(exporter, CALL)
            target = f"{exporter.server.admin_address} rtc-exporter"
            await server.until("up", {f"up {target}": 1})
            seen = len(await server.times("up[5m]"))
            await server.until(f"count_over_time(up[5m]) > bool {seen + 1}", {target: 1})
            began = replayed.start(CALL)
            found = await server.get(
                "/api/v1/query_exemplars",
                query='{__name__=~"rtc_.*"}',
                start=str(began - 60),
                end=str(began + 600),
            )
        spans = {
            (span.trace_id.hex(), span.span_id.hex())
            for request in receiver.requests
            for part in request.message.resource_spans
            for scope in part.scope_spans
            for span in scope.spans
        }
    return Traced([{**row["seriesLabels"], **one} for row in found for one in row["exemplars"]], spans)


@pytest.mark.parametrize("native", [False, True])
def test_the_bad_bucket_leads_to_the_trace_of_the_call(native: bool, tmp_path: Path) -> None:
    """Who asks Prometheus for exemplars of a round trip over 0.4 s gets the trace, and the participant's span in it."""
    peer("prometheus")
    traced = asyncio.run(traced_scenario(tmp_path, native))
    room = SessionTrace(TraceSettings(), "lab-degraded-0705d0", replayed.start(CALL)).trace_id.hex()
    found = [(row["labels"]["trace_id"], row["labels"]["span_id"]) for row in traced.exemplars]
    slow = [
        row for row in traced.exemplars
        if row["__name__"].startswith("rtc_remote_inbound_round_trip_time") and float(row["value"]) > 0.4
    ]  # fmt: skip

    assert {trace for trace, _ in found} == {room}
    assert set(found) <= traced.spans
    assert len({row["__name__"] for row in traced.exemplars}) > 20
    assert {row["labels"]["rtc_participant_id"] for row in slow} <= {"p1", "p2"}
    # Of the exemplars of a native histogram Prometheus 2.42 takes the first alone, be it of a good bucket.
    assert slow or native
