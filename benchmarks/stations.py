"""
The walk of a frame through a running exporter: what each station costs, as a share and beside the bare floor.

Each round starts three servers one after the other and plays the same clients into them: the floor, the exporter, and
the exporter with its stations watched.  Everything is on: tokens, limits, verdicts, spans, exemplars, the history of
calls, a scrape every 15 s.  A station's share is of the watched run; what it costs is that share of the other one,
since to watch costs something too.  What is in no station is the kernel, the event loop, HTTP, the scrapes and the
clock that ticks once a second.
"""

import argparse
import contextlib
import functools
import importlib
import json
import mmap
import os
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple, Self

from rich.console import Console
from rich.table import Table

from benchmarks import children
from benchmarks.ingest import Round, measure
from benchmarks.load import SFU, Recording, add_arguments, recorded
from benchmarks.outage import environment
from rtc_exporter import cli
from tests.receivers import OK, http_receiver

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


class Watched(NamedTuple):
    """A round: the floor, the exporter, and under watch, by station, its share and how often it was come to."""

    floor: Round
    exporter: Round
    shares: list[float]
    times: list[float]


def play(core: int | None, recording: Recording, args: argparse.Namespace) -> Watched:
    """All three, one after the other."""
    with contextlib.ExitStack() as stack:
        receiver = stack.enter_context(http_receiver([OK]))
        endpoint = f"http://127.0.0.1:{receiver.port}"
        stack.enter_context(environment(OTEL_EXPORTER_OTLP_ENDPOINT=endpoint, OTEL_METRICS_EXPORTER="none"))
        file = stack.enter_context(tempfile.NamedTemporaryFile())
        with children.floor(core) as (child, place):
            floor = measure(child, place, recording, args, None)
        with children.exporter(core) as (child, place, admin):
            exporter = measure(child, place, recording, args, admin)
        walk, before = Walk(file.fileno()), list[tuple[float, int]]()
        stack.enter_context(environment(**{VARIABLE: file.name}))
        with children.serving(["benchmarks.stations"], core) as (child, place, admin):
            watched = measure(child, place, recording, args, admin, lambda: before.extend(walk.read()))
            passed = [(now - was, times - had) for (now, times), (was, had) in zip(walk.read(), before, strict=True)]
    reports = watched.sent.reports
    return Watched(
        floor, exporter, [spent / (watched.cost * reports) for spent, _ in passed], [n / reports for _, n in passed]
    )


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description="Print what each station of a frame's walk costs.")
    add_arguments(parser, 600, 12.0)
    parser.set_defaults(recording=None)
    parser.add_argument(
        "--repeat", type=int, default=3, help="rounds, of which medians are shown (default: %(default)s)"
    )
    parser.add_argument("--json", type=Path, help="write what was found, for benchmarks.plot")
    args = parser.parse_args()
    found: dict[str, Summary] = {}
    console = Console(width=None if Console().is_terminal else 120)
    for name in [args.recording] if args.recording else RECORDINGS:
        recording = recorded(name)
        with children.measuring() as core:
            rounds = [play(core, recording, args) for _ in range(args.repeat)]
        found[name] = Summary.of(rounds)
        title = f"{name}, {args.connections} clients, {args.seconds:g} s, median of {args.repeat}"
        console.print(shown(title, found[name]))
    if args.json:
        args.json.write_text(json.dumps({name: one.floors for name, one in found.items()}, indent=1))


class Summary(NamedTuple):
    """Medians over the rounds of one recording: µs of a report, multiples of the floor's, and by station."""

    floor: float
    ratio: float
    shares: list[float]
    times: list[float]

    @classmethod
    def of(cls, rounds: list[Watched]) -> Self:
        """Of so many rounds."""
        return cls(
            median(one.floor.cost for one in rounds) * 1e6,
            median(one.exporter.cost / one.floor.cost for one in rounds),
            [median(row) for row in zip(*(one.shares for one in rounds), strict=True)],
            [median(row) for row in zip(*(one.times for one in rounds), strict=True)],
        )

    @property
    def floors(self) -> dict[str, float]:
        """What each station costs, as a multiple of the floor."""
        shares = (1 - sum(self.shares), *self.shares)
        return {station: share * self.ratio for station, share in zip((REST, *STATIONS), shares, strict=True)}


def shown(title: str, found: Summary) -> Table:
    """One recording: a row for each station."""
    result = Table("station", "share", "of the floor", "µs a report", "times a report", title=title)
    for column in result.columns[1:]:
        column.justify = "right"
    times = ("", *(f"{often:.2f}" for often in found.times))
    for (station, floors), often in zip(found.floors.items(), times, strict=True):
        result.add_row(station, f"{floors / found.ratio:.1%}", f"{floors:.2f}", f"{floors * found.floor:.1f}", often)
    result.add_section()
    result.add_row("the exporter", "", f"{found.ratio:.2f}", f"{found.ratio * found.floor:.1f}", "")
    result.add_row("the floor", "", "1.00", f"{found.floor:.1f}", "")
    return result


if __name__ == "__main__":
    if VARIABLE in os.environ:
        sys.exit(serve())
    main()
