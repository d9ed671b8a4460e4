"""
What a scrape costs, and how long it keeps others waiting, by the number of series.

A child process fills an exporter with participants of a recorded call, in process, until it holds enough series, and
serves it.  Processor time of the child is read around each scrape.  Then another process scrapes while this one
asks the same listener for its health, again and again: the slowest answer is the stall.
"""

import argparse
import asyncio
import contextlib
import itertools
import logging
import multiprocessing
import random
import signal
import socket
import time
from collections.abc import Callable, Iterator
from statistics import median
from typing import NamedTuple

import uvloop
from rich.console import Console
from rich.table import Table

from benchmarks import children
from benchmarks.children import Child, Place
from benchmarks.load import RECORDING, is_report, recorded
from rtc_exporter.app.server import Server
from rtc_exporter.config import Config
from rtc_exporter.export import prometheus
from rtc_exporter.metric import Kind
from rtc_exporter.model import Joined, ParticipantKey
from rtc_exporter.pipeline import Pipeline
from rtc_exporter.series import Histogram
from rtc_exporter.wire.rtcstats import Decoder

READY = r"metrics at http://([\d.]+):(\d+), (\d+) series"
PROTOBUF = {"Accept": prometheus.PROTOBUF.content_type}
FORMATS = {
    "text": children.TEXT,
    "OpenMetrics": children.OPENMETRICS,
    "OpenMetrics, gzip": children.GZIP,
    "protobuf": PROTOBUF,
    "protobuf, gzip": {**PROTOBUF, "Accept-Encoding": "gzip"},
}
#: Participants that report the same browser and application version.
COHORT = 250
#: Reports of each participant: two folds, so that everything is judged.
REPORTS = 3
#: Goals for 100,000 series, in seconds.
MOST_CPU, MOST_PROTOBUF, MOST_STALL = 0.15, 0.2, 0.025
#: With native histograms: values that each one observes besides, over how many powers of two they are spread, and the
#: share of its buckets that have an exemplar.  They then have some 50 native buckets (real ones have 47 to 87).
VALUES, SPREAD, EXEMPLARS = 300, 1.0, 0.1
#: Seconds of asking while nobody scrapes: the exporter does what it does every five seconds at least once.
STILL = 6.0
#: Series of a family before they fold into one, in the child: cohorts shall not be what ends the filling.
BUDGET = 20_000


# ── the child


def fill(pipeline: Pipeline, wanted: int) -> int:
    """Let participants report until there are so many series; returns how many there are."""
    texts = recorded().texts
    reports = [text for text in texts if is_report(text)][:REPORTS]
    texts = [text for text in texts if not is_report(text)] + reports
    for number in itertools.count():
        if number % 25 == 0 and (series := count(pipeline)) >= wanted:
            return series
        now = time.time()
        key = ParticipantKey(f"session-{number // 2}", f"participant-{number}")
        agent = {"rtc.app.name": "bench", "rtc.app.version": f"1.{number // COHORT}"}
        pipeline.feed(Joined(key, now, agent), now)
        decoder = Decoder(key)
        for text in texts:
            for record in decoder.receive(text, now):
                if not isinstance(record, Joined):
                    pipeline.feed(record, now)
    raise AssertionError("unreachable")


def count(pipeline: Pipeline) -> int:
    """Series as Prometheus counts them: a histogram is one for each bucket, its sum and its count."""
    return sum(
        family.size * (len(family.metric.buckets) + 3 if family.metric.kind is Kind.HISTOGRAM else 1)
        for family in pipeline.store.families()
    )


def enrich(pipeline: Pipeline) -> None:
    """Let histograms observe more than a short recording says, and have exemplars."""
    chance = random.Random(1)
    for family in pipeline.store.families():
        for slot in family.slots():
            if isinstance(slot, Histogram):
                middle = slot.bounds[len(slot.bounds) // 2]
                for _ in range(VALUES):
                    slot.observe(middle * 2 ** chance.gauss(0, SPREAD))
                for bound in slot.bounds:
                    if chance.random() < EXEMPLARS:
                        trace = chance.randbytes(16).hex()
                        slot.offer((("trace_id", trace), ("span_id", trace[:16])), bound, time.time())


async def serve(wanted: int, native: bool) -> None:
    """Fill and serve until a signal."""
    settings = {
        "metrics.native_histograms": "true" if native else "false",
        "ingest.listen": "127.0.0.1:0",
        "admin.listen": "127.0.0.1:0",
        "metrics.fold_interval": "0",
        "metrics.budget": str(BUDGET),
        "participants.limit": str(BUDGET),
        "participants.expiry": "3600",
    }
    server = Server(Config.load(settings, {}))
    series = fill(server.pipeline, wanted)
    if native:
        enrich(server.pipeline)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, server.stop)
    await server.run(lambda: print(f"metrics at http://{server.admin_address}, {series} series", flush=True))


# ── the measurement


class Cost(NamedTuple):
    """One way to scrape; seconds and bytes."""

    cpu: float
    seconds: float
    size: int
    stalls: list[float]


def costs(child: Child, place: Place, headers: dict[str, str], repeat: int) -> Cost:
    """Medians over some scrapes; the first one of a child is not to be among them."""
    cpu, seconds, sizes, stalls = [], [], [], []
    for _ in range(repeat):
        before = child.cpu
        answer = children.scrape(place, headers)
        cpu.append(child.cpu - before)
        seconds.append(answer.seconds)
        sizes.append(len(answer.body))
        stalls.append(stall(place, lambda: children.scrape(place, headers)))
    return Cost(median(cpu), median(seconds), round(median(sizes)), stalls)


def stall(place: Place, work: Callable[[], object]) -> float:
    """The slowest answer to another request while another process does the work."""
    process = multiprocessing.get_context("fork").Process(target=work)
    slowest = 0.0
    with probe(place) as ask:
        ask()
        process.start()
        while process.is_alive():
            slowest = max(slowest, ask())
            time.sleep(0.001)
    process.join()
    return slowest


@contextlib.contextmanager
def probe(place: Place) -> Iterator[Callable[[], float]]:
    """Ask for the health, over and over on one connection; each call returns how long the answer took."""
    request = f"GET /-/healthy HTTP/1.1\r\nHost: {place.host}\r\n\r\n".encode()
    with socket.create_connection(place, children.PATIENCE) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

        def ask() -> float:
            began = time.perf_counter()
            sock.sendall(request)
            answer = b""
            while not answer.endswith(b"healthy\n"):
                part = sock.recv(4096)
                if not part:
                    raise SystemExit("the listener has closed the connection")
                answer += part
            return time.perf_counter() - began

        yield ask


def measure(core: int | None, wanted: int, native: bool, repeat: int, table: Table) -> None:
    """Measure a child with so many series and add its lines to the table."""
    command = ["benchmarks.scrape", "--serve", str(wanted), *(["--native"] if native else [])]
    with children.running(command, READY, core) as child:
        place, series = Place(child.ready[1], int(child.ready[2])), int(child.ready[3])
        before = child.cpu
        children.scrape(place, children.TEXT)
        first = child.cpu - before
        still = stall(place, lambda: time.sleep(STILL))
        table.add_row(
            f"{series:,}{', native' if native else ''}",
            "text, first time",
            f"{first * 1e3:.1f}",
            "",
            "",
            "",
            f"{still * 1e3:.1f} (no scrape)",
        )
        for name, headers in FORMATS.items():
            cost = costs(child, place, headers, repeat)
            figures = (f"{cost.cpu * 1e3:.1f}", f"{cost.seconds * 1e3:.1f}", f"{cost.size / 1e6:.2f}")
            table.add_row("", name, *figures, f"{median(cost.stalls) * 1e3:.1f}", f"{max(cost.stalls) * 1e3:.1f}")
    table.add_section()


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description="Measure processor time and stall of a scrape.")
    parser.add_argument(
        "--series", type=int, nargs="+", default=(1000, 10_000, 100_000), help="how many (default: 1000 10000 100000)"
    )
    parser.add_argument("--repeat", type=int, default=7, help="scrapes of each kind (default: %(default)s)")
    parser.add_argument("--native", action="store_true", help="with native histograms, well filled, and exemplars")
    parser.add_argument("--serve", type=int, metavar="SERIES", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.serve is not None:
        logging.disable(logging.INFO)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(serve(args.serve, args.native))
        return
    table = Table(
        "series", "format", "CPU ms", "time ms", "MB", "stall ms", "worst of all", title=f"median of {args.repeat}"
    )
    for column in (table.columns[0], *table.columns[2:]):
        column.justify = "right"
    with children.measuring() as core:
        for wanted in args.series:
            measure(core, wanted, args.native, args.repeat, table)
    console = Console(width=None if Console().is_terminal else 120)
    console.print(table)
    console.print(
        f"goals for 100,000 series: at most {MOST_CPU * 1e3:.0f} ms CPU, of protobuf {MOST_PROTOBUF * 1e3:.0f}, no "
        f"stall over {MOST_STALL * 1e3:.0f} ms; clients play {RECORDING}"
    )


if __name__ == "__main__":
    main()
