"""
The exporter beside its peers: processor time of a report of a call of two, of the same clients, in one run.

Each round takes one after the other: two bare floors, the exporter with everything on, and what others do with the same
reports.  What is not here is left out and said: ``benchmarks/peers/fetch`` brings it.  rtcstats-server has to be got by
hand: with ``--rtcstats HOST:PORT --pid PID`` the same load is played into one that runs.
"""

import argparse
import contextlib
import functools
import hashlib
import http.client
import json
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import TypeVar

from rich.console import Console
from rich.table import Table

from benchmarks import children
from benchmarks.children import Child, Place
from benchmarks.ingest import measure
from benchmarks.load import Recording, add_arguments, place, recorded
from benchmarks.outage import environment
from benchmarks.peers import equivalents
from tests.receivers import OK, http_receiver

HERE = Path(__file__).parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rtc-exporter" / "peers"
#: Reports of each client that the peers without a WebSocket take.
REPORTS = 20
#: Groups that a Pushgateway holds, and so the participants of the smaller crowd; and clients of the others.
GROUPS = 100
#: Packets a second for StatsD: a receiver that is too slow drops them.
PACE = 1000
#: Seconds for a program that works alone.
PATIENCE = 120.0

T = TypeVar("T")
#: µs of a report, and what else there is to say.
Found = tuple[float, str]


def packages() -> Path | None:
    """Where the packages of npm are."""
    lock = hashlib.sha256((HERE / "package-lock.json").read_bytes()).hexdigest()[:12]
    folder = CACHE / f"npm-{lock}"
    return folder if (folder / "node_modules").is_dir() and shutil.which("node") else None


def found(name: str, *places: Path) -> str | None:
    """A program: of the system, or fetched."""
    return shutil.which(name) or next((str(path) for path in places if path.exists()), None)


class Peers:
    """All of them, for one recording."""

    def __init__(self, core: int | None, recording: Recording, args: argparse.Namespace) -> None:
        self._core, self._recording, self._args = core, recording, args
        self._reports = list(equivalents.reports(recording))[1:]

    def rows(self) -> Iterator[tuple[str, str, Callable[[], Found] | None]]:
        """Name, what it does, and how to measure it; None where it is not here."""
        node, statsd = packages(), found("statsd_exporter", *CACHE.glob("statsd_exporter-*"))
        gateway = found("prometheus-pushgateway", CACHE / "usr/bin/prometheus-pushgateway")
        yield "floor", "uvicorn, orjson: parses the frame", self.floor
        yield "ws of Node.js", "counts the frame", _with(self.bare, node)
        yield "rtc-exporter", "everything, and is scraped", self.exporter
        yield "observer-js", "parses a sample, keeps an object tree; no network", _with(self.observer, node)
        yield "statsd_exporter", "gauges of what changed, by UDP", _with(self.statsd, statsd)
        yield "Pushgateway", f"a push of all gauges, {GROUPS} groups held", _with(self.gateway, gateway)
        if self._args.rtcstats:
            yield "rtcstats-server", "writes the frame to a file", self.rtcstats

    def floor(self) -> Found:
        """The bare floor."""
        with children.floor(self._core) as (child, where):
            return self._sockets(child, where)

    def bare(self, folder: Path) -> Found:
        """A server in Node.js that only counts."""
        command = ["node", str(HERE / "bare.mjs"), str(folder)]
        with children.program(command, r"listening at ([\d.]+):(\d+)", self._core) as child:
            return self._sockets(child, Place(child.ready[1], int(child.ready[2])))

    def exporter(self) -> Found:
        """With tokens, verdicts, spans, exemplars, history and scrapes."""
        with http_receiver([OK]) as receiver, environment(
            OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{receiver.port}", OTEL_METRICS_EXPORTER="none"
        ), children.exporter(self._core) as (child, where, admin):  # fmt: skip
            one = measure(child, where, self._recording, self._args, admin)
            return one.cost * 1e6, f"{one.lost} lost"

    def rtcstats(self) -> Found:
        """One that was started by hand."""
        child = Child.__new__(Child)
        child.pid = self._args.pid
        return self._sockets(child, self._args.rtcstats)

    def _sockets(self, child: Child, where: Place) -> Found:
        return measure(child, where, self._recording, self._args, None).cost * 1e6, ""

    def observer(self, folder: Path) -> Found:
        """In a process of its own, without a network."""
        with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
            file.writelines(equivalents.sample(*report) + "\n" for report in self._reports)
            file.flush()
            command = ["node", str(HERE / "observer.mjs"), str(folder), file.name, str(GROUPS)]
            pinned = ["taskset", "-c", str(self._core), *command] if self._core is not None else command
            text = subprocess.run(pinned, check=True, capture_output=True, text=True, timeout=PATIENCE).stdout
        told = json.loads(text.splitlines()[-1])
        if not told["seen"] or told["inbound"] != [1]:
            raise SystemExit(f"observer-js did not take the samples: {told}")
        return told["parsing"] + told["accepting"], f"{told['parsing']:.0f} µs of it to parse"

    def statsd(self, program: str) -> Found:
        """StatsD gauges; what was lost on the way is told."""
        web, udp = _free(socket.SOCK_STREAM), _free(socket.SOCK_DGRAM)
        command = [
            program, f"--web.listen-address=127.0.0.1:{web}", f"--statsd.listen-udp=127.0.0.1:{udp}",
            "--statsd.listen-tcp=", "--statsd.read-buffer=8388608",
        ]  # fmt: skip
        with children.program(command, "Accepting Prometheus Requests", self._core) as child:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
                sender.connect(("127.0.0.1", udp))
                sent = [self._packets(sender, number) for number in range(2)]
                child.rest()
                before = child.cpu
                sent += [self._packets(sender, number) for number in range(2, REPORTS)]
                child.rest()
                spent = child.cpu - before
            body = children.scrape(Place("127.0.0.1", web), children.TEXT).body.decode()
        came = re.search(r"^statsd_exporter_udp_packets_total (\S+)", body, re.MULTILINE)
        lost = sum(sent) - float(came[1] if came else 0)
        return spent / (GROUPS * (REPORTS - 2)) * 1e6, f"{lost:.0f} of {sum(sent)} packets lost"

    def _packets(self, sender: socket.socket, number: int) -> int:
        """One report of every client; returns how many packets that was."""
        (_, before), (_, stats) = self._reports[number], self._reports[number + 1]
        count, began = 0, time.perf_counter()
        for client in range(GROUPS):
            for packet in equivalents.packets(stats, before, f"participant-{client}"):
                sender.send(packet)
                count += 1
                time.sleep(max(0.0, began + count / PACE - time.perf_counter()))
        return count

    def gateway(self, program: str) -> Found:
        """A push of one participant, while others are held."""
        command = [program, "--web.listen-address=127.0.0.1:0"]
        with children.program(command, r"Listening on\" address=([\d.]+):(\d+)", self._core) as child:
            connection = http.client.HTTPConnection(child.ready[1], int(child.ready[2]), timeout=PATIENCE)
            with contextlib.closing(connection):
                self._push(connection, 0, GROUPS)
                child.rest()
                before = child.cpu
                self._push(connection, 1, GROUPS)
                child.rest()
                return (child.cpu - before) / GROUPS * 1e6, ""

    def _push(self, connection: http.client.HTTPConnection, number: int, clients: int) -> None:
        body = equivalents.push(self._reports[number][1])
        for client in range(clients):
            connection.request("PUT", f"/metrics/job/webrtc/participant/participant-{client}", body)
            answer = connection.getresponse()
            if answer.status not in (200, 202):
                raise SystemExit(f"the Pushgateway answered {answer.status}: {answer.read(500)!r}")
            answer.read()


def _with(work: Callable[[T], Found], what: T | None) -> Callable[[], Found] | None:
    return None if what is None else functools.partial(work, what)


def _free(kind: int) -> int:
    """A port that was free just now."""
    with socket.socket(socket.AF_INET, kind) as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description="Measure the exporter beside its peers.")
    add_arguments(parser, 500, 12.0)
    parser.add_argument("--repeat", type=int, default=3, help="rounds (default: %(default)s)")
    parser.add_argument("--rtcstats", type=place, help="HOST:PORT of an rtcstats-server that runs")
    parser.add_argument("--pid", type=int, help="its process")
    args = parser.parse_args()
    if (args.rtcstats is None) != (args.pid is None):
        parser.error("--rtcstats and --pid go together")
    figures: dict[str, list[Found]] = {}
    with children.measuring() as core:
        peers = Peers(core, recorded(args.recording), args)
        for _ in range(args.repeat):
            for name, _, work in peers.rows():
                if work is not None:
                    figures.setdefault(name, []).append(work())
    table = Table(
        "", "what it does", "µs a report", "of the floor", "of the exporter", "",
        title=f"{args.recording}, {args.connections} clients, {args.seconds:g} s, median of {args.repeat}",
    )  # fmt: skip
    for name, text, work in peers.rows():
        if work is None:
            table.add_row(name, text, "not here", "", "", "benchmarks/peers/fetch brings it")
            continue
        costs = [cost for cost, _ in figures[name]]
        ratios = [
            median(cost / other for cost, (other, _) in zip(costs, figures[beside], strict=True))
            for beside in ("floor", "rtc-exporter")
        ]
        table.add_row(name, text, f"{median(costs):,.1f}", *(f"{ratio:.2f}" for ratio in ratios), figures[name][-1][1])
    Console(width=None if Console().is_terminal else 140).print(table)


if __name__ == "__main__":
    main()
