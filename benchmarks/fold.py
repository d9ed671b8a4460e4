"""
What each station of a report costs, in process: decode and merge, read, delta fold, meter.

Many clients play the same recording, each with its own state, and the stations run one after the other over all of
them: so caches are as cold as in a server, and a clock is read once for many calls.  Folds come at the pace of the
exporter's default interval.  The first report of a peer connection, which is the only whole one, is not measured.
"""

import argparse
import cProfile
import pstats
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import orjson
from rich.console import Console
from rich.table import Table

from benchmarks import children
from benchmarks.load import recorded
from rtc_exporter import catalog
from rtc_exporter.cadence import is_due
from rtc_exporter.delta import Fold
from rtc_exporter.labels import Labels
from rtc_exporter.meter import Meter
from rtc_exporter.model import Joined, ParticipantKey, Record, Report
from rtc_exporter.pipeline import Pipeline, PipelineSettings
from rtc_exporter.series import SeriesStore
from rtc_exporter.sessions import Participant, PeerConnection
from rtc_exporter.wire.rtcstats import Decoder

RECORDINGS = ("healthy-cr.p1", "mesh-cr.p1")
#: When it is, for the exporter: any time does.
NOW = 1_795_171_573.0
#: Functions that a profile lists.
LISTED = 30


@dataclass(slots=True)
class Station:
    """How long a station took, and how often it was passed."""

    seconds: float = 0.0
    times: int = 0

    @contextmanager
    def passing(self, times: int) -> Iterator[None]:
        """Measure a block in which it is passed so many times."""
        began = time.process_time_ns()
        yield
        self.seconds += (time.process_time_ns() - began) / 1e9
        self.times += times


@dataclass(slots=True)
class Client:
    """One client's state: the decoder, and what the pipeline would hold."""

    decoder: Decoder
    participant: Participant
    connections: dict[str, PeerConnection] = field(default_factory=dict)


def _key(number: int) -> ParticipantKey:
    return ParticipantKey(f"session-{number // 2}", f"participant-{number}")


def measure(texts: list[str], clients: int, interval: float) -> dict[str, Station]:
    """Play the recording with so many clients; folds come once an interval."""
    store, labels = SeriesStore(catalog.METRICS, now=NOW), Labels()
    meter = Meter(store, labels)
    stations = {name: Station() for name in ("parse", "decode", "read", "fold", "meter")}
    crowd = [Client(Decoder(_key(number)), Participant(_key(number), NOW)) for number in range(clients)]
    for client in crowd:
        client.participant.describe({}, labels, NOW)
    met: set[str] = set()
    for text in texts:
        row = orjson.loads(text)
        is_report, name = row[0] == "g", row[1]
        is_measured = is_report and name in met
        if is_report:
            met.add(name)
        now = stations if is_measured else {name: Station() for name in stations}
        with now["parse"].passing(clients):
            for _ in crowd:
                orjson.loads(text)
        with now["decode"].passing(clients):
            records = [client.decoder.receive(text, NOW) for client in crowd]
        if is_report:
            reports = [record for found in records for record in found if isinstance(record, Report)]
            _fold(crowd, reports, interval, now, meter)
    return stations


def _fold(crowd: list[Client], reports: list[Report], interval: float, now: dict[str, Station], meter: Meter) -> None:
    """Read, fold and count what is due."""
    due: list[tuple[Client, PeerConnection, Report]] = []
    for client, report in zip(crowd, reports, strict=True):
        name = report.key.peer_connection
        if name not in client.connections:
            client.connections[name] = PeerConnection(report.key, NOW, NOW)
        connection = client.connections[name]
        if is_due(report.time, connection.folded, bool(report.removed), interval):
            due.append((client, connection, report))
            connection.folded, connection.report = report.time, report
    folds: list[Fold] = []
    with now["read"].passing(len(due)):
        for _, _, report in due:
            list(report.stats.values())
    with now["fold"].passing(len(due)):
        for _, connection, report in due:
            folds.append(connection.deltas.fold(report))
    with now["meter"].passing(len(due)):
        for (client, connection, _), fold in zip(due, folds, strict=True):
            meter.record(client.participant, connection, fold, NOW)


def whole(texts: list[str], clients: int, interval: float) -> Station:
    """The same through the pipeline, with all that it does besides; decoding is not in it."""
    pipeline = Pipeline(PipelineSettings(fold_interval=interval), NOW)
    decoders = [Decoder(_key(number)) for number in range(clients)]
    for number in range(clients):
        pipeline.feed(Joined(_key(number), NOW, {}), NOW)
    station, met = Station(), set[str]()
    for text in texts:
        records: list[Record] = [record for decoder in decoders for record in decoder.receive(text, NOW)]
        row = orjson.loads(text)
        is_report, name = row[0] == "g", row[1]
        now = station if is_report and name in met else Station()
        if is_report:
            met.add(name)
        with now.passing(clients):
            for record in records:
                pipeline.feed(record, NOW)
    return station


def show(name: str, texts: list[str], clients: int, interval: float, console: Console) -> None:
    """Measure a recording and print its table."""
    stations, feed = measure(texts, clients, interval), whole(texts, clients, interval)
    reports = stations["decode"].times
    table = Table("station", "µs", "for each", "µs a report", title=f"{name}, {clients} clients, fold {interval:g} s")
    table.columns[1].justify = table.columns[3].justify = "right"

    def add(text: str, station: Station, less: Station | None = None) -> float:
        seconds = station.seconds - (less.seconds if less else 0.0)
        unit = "report" if station.times == reports else "fold"
        table.add_row(text, f"{seconds / station.times * 1e6:.1f}", unit, f"{seconds / reports * 1e6:.1f}")
        return seconds / reports * 1e6

    add("floor: orjson alone", stations["parse"])
    total = add("decode: parse, check, merge", stations["decode"])
    total += add("reading what was merged", stations["read"])
    total += add("delta fold", stations["fold"])
    total += add("meter", stations["meter"])
    table.add_row("these together", "", "", f"{total:.1f}", style="bold")
    add("pipeline: fold, meter, and the rest", feed)
    console.print(table)


def profile(work: Callable[[], object]) -> None:
    """Run under cProfile, and print where the time goes."""
    profiler = cProfile.Profile()
    profiler.runcall(work)
    pstats.Stats(profiler).strip_dirs().sort_stats("tottime").print_stats(LISTED)


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description="Measure decode, merge, fold and meter in process.")
    parser.add_argument("--clients", type=int, default=200, help="clients that play (default: %(default)s)")
    parser.add_argument("--interval", type=float, default=5.0, help="seconds between folds (default: %(default)s)")
    parser.add_argument("--recording", action="append", help="what they play; may be repeated (default: 1:1 and mesh)")
    parser.add_argument("--profile", action="store_true", help="print a cProfile of each recording instead")
    args = parser.parse_args()
    console = Console(width=None if Console().is_terminal else 140)
    with children.measuring() as core:
        children.pin(core)
        for name in args.recording or RECORDINGS:
            texts = recorded(name).texts
            if args.profile:
                profile(lambda texts=texts: measure(texts, args.clients, args.interval))  # type: ignore[misc]
                profile(lambda texts=texts: whole(texts, args.clients, args.interval))  # type: ignore[misc]
            else:
                show(name, texts, args.clients, args.interval, console)


if __name__ == "__main__":
    main()
