"""
What a report costs: the exporter beside the bare floor, in the same run under the same load.

Each round starts the floor and then the exporter, each alone on a core, and plays the same clients into it at the
pace of real ones.  Processor time counts from when all clients have joined to when the server has read the last
report; scrapes are in it.
"""

import argparse
import contextlib
import threading
import zlib
from collections.abc import Callable
from statistics import median
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from benchmarks import children
from benchmarks.children import Child, Place
from benchmarks.load import SFU, Load, Recording, Sent, add_arguments, recorded
from benchmarks.outage import environment
from tests.receivers import OK, http_receiver

#: Seconds between two scrapes: the interval that Prometheus setups mostly have.
SCRAPE_INTERVAL = 15.0
#: Goals: processor time of a report as a multiple of the floor's, and reports a second on one core.
MOST_RATIO, MOST_RATIO_SFU = 1.8, 2.2
LEAST_REPORTS = 12_000
#: What spans and OTLP may add.
MOST_MORE = 0.03
#: Milliseconds between two snapshots: OpenTelemetry's own is a minute, which a short run would not see.
INTERVAL = "15000"


class Round(NamedTuple):
    """What one server did."""

    sent: Sent
    #: Seconds of processor time of a report.
    cost: float
    #: The same on the thread of the event loop alone, which everybody waits for.
    on_loop: float
    #: Bytes.
    resident: int
    #: Reports that it should have counted and has not; None for the floor, which does not count.
    lost: int | None
    #: Seconds that a scrape took.
    scrapes: list[float]


class Scraper(threading.Thread):
    """Scrapes as Prometheus does, the first time after half an interval."""

    def __init__(self, place: Place) -> None:
        super().__init__(daemon=True)
        self.times: list[float] = []
        self._place = place
        self._end = threading.Event()

    def run(self) -> None:
        wait = SCRAPE_INTERVAL / 2
        while not self._end.wait(wait):
            self.times.append(children.scrape(self._place, children.GZIP).seconds)
            wait = SCRAPE_INTERVAL

    def end(self) -> None:
        """Scrape no more."""
        self._end.set()
        self.join()


def measure(
    child: Child, place: Place, recording: Recording, args: argparse.Namespace, admin: Place | None,
    begin: Callable[[], object] = int,
) -> Round:  # fmt: skip
    """Play the load into a server; ``begin`` is called when what is measured begins."""
    with Load(place, args.connections, recording) as load:
        load.open()
        load.begin()
        scraper = Scraper(admin) if admin else None
        if admin:
            children.scrape(admin, children.GZIP)  # the first one renders every label
        child.rest()
        before, before_on_loop = child.cpu, child.cpu_of_loop
        begin()
        if scraper:
            scraper.start()
        sent = load.run(args.seconds, args.rate)
        if scraper:
            scraper.end()
        child.rest()
        cost = (child.cpu - before) / sent.reports
        on_loop = (child.cpu_of_loop - before_on_loop) / sent.reports
        lost = load.reports - counted(admin) if admin else None
        return Round(sent, cost, on_loop, child.resident, lost, scraper.times if scraper else [])


def counted(admin: Place) -> int:
    """The reports that the exporter has accepted, by its own metric."""
    body = children.scrape(admin, children.GZIP, "/metrics?tier=self").body
    lines = zlib.decompress(body, 31).decode().splitlines()
    found = [line for line in lines if line.startswith("rtc_exporter_reports_total{") and '"accepted"' in line]
    return int(sum(float(line.rpartition(" ")[2]) for line in found))


def pushing(core: int | None, recording: Recording, args: argparse.Namespace) -> Round:
    """The exporter once more, with spans and metrics going to a receiver that takes everything."""
    with contextlib.ExitStack() as stack:
        receiver = stack.enter_context(http_receiver([OK]))
        endpoint = f"http://127.0.0.1:{receiver.port}"
        stack.enter_context(environment(OTEL_EXPORTER_OTLP_ENDPOINT=endpoint, OTEL_METRIC_EXPORT_INTERVAL=INTERVAL))
        child, place, admin = stack.enter_context(children.exporter(core, *args.setting))
        return measure(child, place, recording, args, admin)


def lacking(core: int | None, recording: Recording, args: argparse.Namespace) -> Round:
    """The exporter once more, with something switched off."""
    with children.exporter(core, *args.setting, f"--{args.without}", "false") as (child, place, admin):
        return measure(child, place, recording, args, admin)


def compare(core: int | None, recording: Recording, args: argparse.Namespace) -> tuple[Round, Round]:
    """The floor, then the exporter."""
    with children.floor(core) as (child, place):
        floor = measure(child, place, recording, args, None)
    with children.exporter(core, *args.setting) as (child, place, admin):
        exporter = measure(child, place, recording, args, admin)
    return floor, exporter


def row(name: str, rounds: list[Round]) -> tuple[str, ...]:
    """One line of the table: medians over the rounds, and the least and the most of the cost."""
    costs = [one.cost * 1e6 for one in rounds]
    scrapes = [seconds for one in rounds for seconds in one.scrapes]
    lost = [one.lost for one in rounds if one.lost is not None]
    return (
        name,
        f"{median(costs):.1f}",
        f"{min(costs):.1f} to {max(costs):.1f}",
        f"{1e6 / median(costs):,.0f}",
        f"{sum(lost)} of {sum(one.sent.reports for one in rounds)}" if lost else "",
        f"{median(one.resident for one in rounds) / 2**20:.0f}",
        f"{median(scrapes) * 1e3:.0f}" if scrapes else "",
        f"{median(one.sent.lateness_p99 for one in rounds) * 1e3:.1f}",
        f"{median(one.sent.cpu / one.sent.seconds for one in rounds):.0%}",
    )


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description="Measure the processor time of a report, beside the bare floor.")
    add_arguments(parser, 1000, 20.0)
    parser.add_argument(
        "--repeat", type=int, default=3, help="rounds, of which medians are shown (default: %(default)s)"
    )
    parser.add_argument("--otlp", action="store_true", help="once more with spans and metrics pushed to a receiver")
    parser.add_argument("--without", help="once more without this, to see what it costs, such as history.enabled")
    parser.add_argument(
        "setting", nargs="*", help="settings of the exporter after --, such as -- --metrics.fold-interval 0"
    )
    args = parser.parse_args()
    recording = recorded(args.recording)
    with children.measuring() as core:
        rounds, pushed, lacked = [], [], []
        for _ in range(args.repeat):
            rounds.append(compare(core, recording, args))
            pushed += [pushing(core, recording, args)] if args.otlp else []
            lacked += [lacking(core, recording, args)] if args.without else []
    floors, exporters = [floor for floor, _ in rounds], [exporter for _, exporter in rounds]
    table = Table(
        "", "µs a report", "range", "reports/s and core", "lost", "RSS MiB", "scrape ms", "p99 late ms", "generator",
        title=f"{args.recording}, {args.connections} clients, {args.rate:g} reports a second each, "
        f"{args.seconds:g} s, median of {args.repeat}",
    )  # fmt: skip
    for column in table.columns[1:]:
        column.justify = "right"
    table.add_row(*row("floor", floors))
    table.add_row(*row("exporter", exporters))
    if pushed:
        table.add_row(*row("exporter, OTLP", pushed))
    if lacked:
        table.add_row(*row(f"exporter without {args.without}", lacked))
    console = Console(width=None if Console().is_terminal else 140)
    console.print(table)
    ratio = median(exporter.cost / floor.cost for floor, exporter in rounds)
    each = 1 / median(exporter.cost for exporter in exporters)
    most = MOST_RATIO_SFU if args.recording == SFU else MOST_RATIO
    console.print(f"ratio {ratio:.2f} (goal: at most {most}); {each:,.0f} reports a second (goal: {LEAST_REPORTS:,})")
    if pushed:
        pairs = list(zip(pushed, exporters, strict=True))
        more = median(push.cost / exporter.cost for push, exporter in pairs) - 1
        on_loop = median(push.on_loop / exporter.on_loop for push, exporter in pairs) - 1
        console.print(f"spans and OTLP add {more:.1%}, {on_loop:.1%} on the loop (goal: at most {MOST_MORE:.0%})")
    if lacked:
        more = median(exporter.cost / lack.cost for lack, exporter in zip(lacked, exporters, strict=True)) - 1
        console.print(f"{args.without} adds {more:.1%}")


if __name__ == "__main__":
    main()
