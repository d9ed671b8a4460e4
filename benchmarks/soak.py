"""
Whether anything grows that should not: clients that come and go for an hour (R2).

A fixed number of clients is connected at any time; so many a second leave and as many come, each under a name that
nobody had before, and a scraper comes every 15 s.  Every few seconds the memory, the open files and the series of the
exporter are written down; at the end a line is fitted through what came after the first ten minutes (or the first
third of a shorter run), and the ledger of reports is held against the exporter's own.  ``--plot`` draws it.
"""

import argparse
import contextlib
import csv
import os
import time
from collections import Counter, deque
from pathlib import Path
from statistics import median
from typing import NamedTuple

from benchmarks.load import Client, Recording, recorded
from tests.hostile.kit import Exporter, Ledger, accepted, drops, exporter, total

#: Goals: bytes an hour, and the share by which files and series may differ in the end.
MOST_SLOPE, MOST_CHANGE = 2 << 20, 0.01
WARM = 600.0
LOOK, SCRAPE = 5.0, 15.0


class Sample(NamedTuple):
    """What was seen at a time."""

    seconds: float
    resident: int
    files: int
    series: float
    participants: float


class Soak:
    """Clients that come and go."""

    def __init__(self, running: Exporter, number: int, recording: Recording, rate: float) -> None:
        self._running, self._recording, self._rate = running, recording, rate
        self._clients: deque[Client] = deque()
        self._made = 0
        self.sent = 0
        #: Clients that the exporter closed, by code; 1006 where it gave none.
        self.closed: Counter[int] = Counter()
        while len(self._clients) < number:
            self.come()

    def come(self) -> None:
        """One more."""
        client = Client(self._running.ingest, 0, self._recording.reports)
        client.socket.setblocking(True)
        client.socket.sendall(self._handshake(self._made))
        while not client.is_open:
            assert client.hear(), "the exporter refuses a client"
        client.socket.sendall(b"".join(self._recording.events))
        client.socket.setblocking(False)
        self._made += 1
        self._clients.append(client)
        self.report(client)

    def _handshake(self, number: int) -> bytes:
        place = self._running.ingest
        lines = (
            f"GET /call?session=session-{number // 2}&participant=participant-{number} HTTP/1.1",
            f"Host: {place.host}:{place.port}", "Connection: Upgrade", "Upgrade: websocket",
            "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            "Sec-WebSocket-Protocol: rtcstats#5.0", f"User-Agent: {self._recording.user_agent}",
        )  # fmt: skip
        return "".join(f"{line}\r\n" for line in (*lines, "")).encode()

    def go(self) -> None:
        """The one that is here longest leaves, as a page does."""
        client = self._clients.popleft()
        client.socket.setblocking(True)
        with contextlib.closing(client.socket), contextlib.suppress(ConnectionError):
            client.socket.sendall(bytes(client.pending) + b"\x88\x82\0\0\0\0\x03\xe9")

    def report(self, client: Client) -> None:
        """One report, where the recording has another."""
        if client.next < len(self._recording.reports):
            client.report()
            self.sent += 1

    def turn(self, number: int) -> None:
        """The next so many clients report."""
        for _ in range(number):
            client = self._clients[0]
            with contextlib.suppress(ConnectionError):
                if client.pending:
                    client.flush()
                if client.hear():
                    self._clients.rotate(-1)
                    self.report(client)
                    continue
            self._clients.popleft().socket.close()
            self.closed[client.close_code or 1006] += 1
            self.come()

    def end(self) -> None:
        """All leave."""
        while self._clients:
            self.go()


def files_of(pid: int) -> int:
    """Open files of a process."""
    return len(os.listdir(f"/proc/{pid}/fd"))


def slope(samples: list[Sample]) -> float:
    """Bytes an hour, by least squares."""
    mean_x = sum(sample.seconds for sample in samples) / len(samples)
    mean_y = sum(sample.resident for sample in samples) / len(samples)
    over = sum((sample.seconds - mean_x) * (sample.resident - mean_y) for sample in samples)
    under = sum((sample.seconds - mean_x) ** 2 for sample in samples)
    return over / under * 3600.0


def soak(args: argparse.Namespace) -> tuple[Ledger, list[Sample]]:
    """One run."""
    ledger = Ledger(f"soak: {args.minutes:g} min, {args.connections} clients, {args.joins:g} joins a second")
    samples: list[Sample] = []
    with exporter() as running:
        empty = files_of(running.process.pid)
        time.sleep(2)
        metrics = running.metrics()
        began = time.monotonic()
        crowd = Soak(running, args.connections, recorded(args.recording), args.rate)
        turned = came = 0
        look = scrape = 0.0
        while (seconds := time.monotonic() - began) < args.minutes * 60:
            while came < seconds * args.joins:
                came += 1
                crowd.go()
                crowd.come()
            number = int(seconds * args.connections * args.rate) - turned
            turned += number
            crowd.turn(number)
            if seconds >= scrape:
                scrape += SCRAPE
                metrics = running.metrics()
            if seconds >= look:
                look += LOOK
                samples.append(
                    Sample(
                        round(seconds, 1), running.child.resident, files_of(running.process.pid),
                        total(metrics, "rtc_exporter_series"), total(metrics, "rtc_participants_active"),
                    )
                )  # fmt: skip
            time.sleep(0.01)
        crowd.end()
        for _ in range(8):
            time.sleep(3)
            metrics = running.metrics()
        running.child.rest()
        metrics = running.metrics()
        left = files_of(running.process.pid)
    warm = [sample for sample in samples if sample.seconds >= min(WARM, args.minutes * 20)]
    quarter = len(warm) // 4
    first, last = (median(sample.series for sample in part) for part in (warm[:quarter], warm[-quarter:]))
    grows = slope(warm)
    ledger.account("reports", crowd.sent, counted=accepted(metrics), **drops(metrics))
    ledger.claim(
        f"memory grows by {MOST_SLOPE >> 20} MiB an hour at most", grows <= MOST_SLOPE, f"{grows / 2**20:+.2f} MiB/h"
    )
    ledger.claim("files are back to what they were", left <= empty + 2, f"{empty} before, {left} after")
    ledger.claim("series differ by 1 % at most", abs(last - first) <= MOST_CHANGE * first, f"{first:.0f}, {last:.0f}")
    ledger.claim("nobody was closed", not crowd.closed, dict(crowd.closed))
    ledger.claim("nobody is left", total(metrics, "rtc_participants_active") == 0)
    ledger.claim(
        "everybody was counted", total(metrics, "rtc_participant_leaves_total") == args.connections + came, came
    )
    return ledger, samples


def plot(samples: list[Sample], title: str, path: Path) -> None:
    """Draw memory, files and series over time."""
    from matplotlib import pyplot

    minutes = [sample.seconds / 60 for sample in samples]
    figure, rows = pyplot.subplots(3, 1, sharex=True, figsize=(8, 6), layout="constrained")
    for axes, name, values in zip(
        rows,
        ("resident memory, MiB", "open files", "series"),
        (
            [sample.resident / 2**20 for sample in samples],
            [sample.files for sample in samples],
            [sample.series for sample in samples],
        ),
        strict=True,
    ):
        axes.plot(minutes, values, linewidth=1)
        axes.set_ylabel(name)
        axes.set_ylim(bottom=0)
        axes.grid(alpha=0.3)
    rows[-1].set_xlabel("minutes")
    figure.suptitle(title)
    figure.savefig(path)


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--connections", type=int, default=1000)
    parser.add_argument("--joins", type=float, default=10.0, help="clients that leave and come each second")
    parser.add_argument("--rate", type=float, default=0.5, help="reports of each client a second")
    parser.add_argument("--recording", default="healthy-cr.p1")
    parser.add_argument("--csv", type=Path)
    parser.add_argument("--plot", type=Path, help="an .svg or .png; needs matplotlib")
    args = parser.parse_args()
    ledger, samples = soak(args)
    if args.csv:
        with args.csv.open("w", newline="") as file:
            csv.writer(file).writerows([Sample._fields, *samples])
    if args.plot:
        plot(samples, ledger.title, args.plot)
    print(ledger)
    raise SystemExit(bool(ledger.failures))


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
