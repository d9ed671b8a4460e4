"""
The walk of a frame through a running exporter: what each station costs, as a share and beside the bare floor.

Each round starts three servers one after the other and plays the same clients into them: the floor, the exporter, and
the exporter with its stations watched.  Everything is on: tokens, limits, verdicts, spans, exemplars, the history of
calls, a scrape every 15 s.  A station's share is of the watched run; what it costs is that share of the other one,
since to watch costs something too.  What is in no station is the kernel, the event loop, HTTP, the scrapes and the
clock that ticks once a second.
"""

import argparse
import functools
import importlib
import mmap
import os
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks import children
from benchmarks.ingest import Round, measure
from benchmarks.load import SFU, Recording, add_arguments, recorded
from benchmarks.outage import environment
from rtc_exporter import cli

#: Station -> the methods that make it, ``module:Class.method``; an inner station's time is not in the outer one's.
STATIONS: dict[str, tuple[str, ...]] = {
    "socket: limits of rate, batches": ("app.sockets:Socket.data_received",),
    "message: mask, fragments": ("app.messages:Messages.receive",),
    "intake: whose it is, what was refused": ("app.intake:Connection.receive",),
    "decode: whose a delta is, and when": ("wire.rtcstats:Decoder.receive",),
    "read: parse and merge what waited": ("wire.compact:Base._settle",),
    "pipeline: order, cadence": ("pipeline:Pipeline.feed",),
    "delta fold": ("delta:Deltas.fold",),
    "rules": ("detectors:Judge.fold", "detectors:Judge.pulse"),
    "scores": ("marks:Marker.fold",),
    "verdicts: time, classes, issues": ("verdicts:Verdicts.fold", "verdicts:Verdicts.report"),
    "history": ("recorder:Recorder.folded", "recorder:Recorder.passed", "history:Archive.tick"),
    "meter": ("meter:Meter.record",),
    "live gauges": ("live:Live.publish", "live:Live.tick"),
    "spans": ("tracer:Tracer.gather", "tracer:Tracer.fold", "tracer:Tracer.tick"),
    "voice": ("voice:Voice.fold", "voice:Voice.tick"),
}
#: What is played: a call of two, one of four without a server, and a report of six through one.
RECORDINGS = ("healthy-cr.p1", "mesh-cr.p1", SFU)
#: What is in none of them.
REST = "kernel, event loop, HTTP, scrapes"
#: The variable that tells a watched exporter which file to write to.
VARIABLE = "STATIONS"
#: Nanoseconds in each station, and how often it was come to.
SIZE = 16 * len(STATIONS)


class Walk:
    """Where the main thread is, and how long it was where, in memory that another process reads."""

    def __init__(self, file: int) -> None:
        os.ftruncate(file, SIZE)
        self._cells = memoryview(mmap.mmap(file, SIZE)).cast("Q")
        self._here, self._since = -1, 0

    def read(self) -> list[tuple[float, int]]:
        """Seconds in each station so far, and how often it was come to."""
        return [(self._cells[place] / 1e9, self._cells[place + 1]) for place in range(0, SIZE // 8, 2)]

    def watch(self, names: Mapping[str, Sequence[str]]) -> None:
        """Put the methods of all stations under watch."""
        for place, methods in enumerate(names.values()):
            for name in methods:
                module, _, path = name.partition(":")
                owner, _, method = path.partition(".")
                kind = getattr(importlib.import_module(f"rtc_exporter.{module}"), owner)
                setattr(kind, method, self._watched(2 * place, getattr(kind, method)))

    def _watched(self, place: int, method: Callable[..., Any]) -> Callable[..., Any]:
        cells, clock = self._cells, time.thread_time_ns

        @functools.wraps(method)
        def watched(*args: Any, **kwargs: Any) -> Any:
            now, outer = clock(), self._here
            if outer >= 0:
                cells[outer] += now - self._since
            cells[place + 1] += 1
            self._here, self._since = place, now
            try:
                return method(*args, **kwargs)
            finally:
                now = clock()
                cells[place] += now - self._since
                self._here, self._since = outer, now

        return watched


def serve() -> int:
    """The exporter under watch, with its own command line."""
    with open(os.environ.pop(VARIABLE), "r+b") as file:
        Walk(file.fileno()).watch(STATIONS)
    return cli.main(sys.argv[1:])


def watched(core: int | None, recording: Recording, args: argparse.Namespace) -> tuple[Round, list[tuple[float, int]]]:
    """A run of the exporter under watch: what it cost, and what each station took of a report."""
    with tempfile.NamedTemporaryFile() as file, environment(**{VARIABLE: file.name}):
        walk = Walk(file.fileno())
        with children.serving(["benchmarks.stations"], core) as (child, place, admin):
            before: list[tuple[float, int]] = []
            found = measure(child, place, recording, args, admin, lambda: before.extend(walk.read()))
            after = walk.read()
    reports = found.sent.reports
    return found, [(now - was, round((times - earlier) / reports, 3)) for (now, times), (was, earlier) in zip(after, before, strict=True)]


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description="Print what each station of a frame's walk costs.")
    add_arguments(parser, 600, 12.0)
    parser.set_defaults(recording=None)
    parser.add_argument("--repeat", type=int, default=3, help="rounds, of which medians are shown (default: %(default)s)")
    args = parser.parse_args()
    console = Console(width=None if Console().is_terminal else 120)
    for name in [args.recording] if args.recording else RECORDINGS:
        recording = recorded(name)
        rounds = []
        with children.measuring() as core:
            for _ in range(args.repeat):
                with children.floor(core) as (child, place):
                    floor = measure(child, place, recording, args, None)
                with children.exporter(core) as (child, place, admin):
                    whole = measure(child, place, recording, args, admin)
                rounds.append((floor, whole, *watched(core, recording, args)))
        console.print(shown(name, args, rounds))


def shown(name: str, args: argparse.Namespace, rounds: list[tuple[Round, Round, Round, list[tuple[float, int]]]]) -> Table:
    """One recording: a row for each station, by medians over the rounds."""
    floor, whole = (median(one[place].cost for one in rounds) * 1e6 for place in (0, 1))
    result = Table(
        "station", "share", "µs a report", "of the floor", "times a report",
        title=f"{name}, {args.connections} clients, {args.seconds:g} s, median of {args.repeat}",
    )  # fmt: skip
    for column in result.columns[1:]:
        column.justify = "right"
    rest = 1.0
    rows = []
    for place, station in enumerate(STATIONS):
        share = median(one[3][place][0] / (one[2].cost * one[2].sent.reports) for one in rounds)
        rest -= share
        rows.append((station, share, f"{median(one[3][place][1] for one in rounds):.2f}"))
    for station, share, times in ((REST, rest, ""), *rows):
        result.add_row(station, f"{share:.1%}", f"{share * whole:.1f}", f"{share * whole / floor:.2f}", times)
    result.add_section()
    result.add_row("the exporter", "", f"{whole:.1f}", f"{whole / floor:.2f}", "")
    result.add_row("the floor", "", f"{floor:.1f}", "1.00", "")
    return result


if __name__ == "__main__":
    if VARIABLE in os.environ:
        sys.exit(serve())
    main()
