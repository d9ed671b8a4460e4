"""
Whether anything grows in a day with a million joins: the exporter without its sockets, under a clock that is set.

Participants come evenly, connect, tell what a recorded client told first, and leave a minute later, or sleep and
time out.  Everybody has a name of their own, a session of two, and one of more application versions than labels take.
Verdicts, spans, exemplars and the history of calls are on; scrapes and a look at all series come as they do.  What it
prints every hour of that day is the resident memory, and what is held.
"""

import argparse
import gc
import os
import time
from collections import deque
from collections.abc import Iterable
from statistics import linear_regression

from rich.console import Console
from rich.table import Table

from benchmarks.load import is_report, recorded
from rtc_exporter.app.garbage import COLLECT
from rtc_exporter.choices import Keep
from rtc_exporter.export import prometheus
from rtc_exporter.history import Archive
from rtc_exporter.model import Event, Joined, Left, ParticipantKey, PeerConnectionKey, Record, Report
from rtc_exporter.pipeline import Pipeline, PipelineSettings
from rtc_exporter.tracing import TraceSettings
from rtc_exporter.wire.rtcstats import Decoder

DAY, HOUR = 86_400, 3600
#: When the recorded call began; the day begins there.
BEGIN = 1_795_171_573.0
#: Seconds that a participant stays, and one in so many who says no goodbye.
STAY, SILENT = 60, 50
#: Application versions that clients tell.
VERSIONS = 5000
#: Seconds between two scrapes, and hours after which what is bounded by time is at its bound.
SCRAPE, WARM = 15, 4


def told() -> list[Record]:
    """What the recorded client told up to its first report."""
    decoder, found = Decoder(ParticipantKey("", "")), list[Record]()
    for text in recorded().texts:
        for record in decoder.receive(text, BEGIN):
            if isinstance(record, Report):
                stats = {ident: dict(members) for ident, members in record.stats.items()}
                record = record._replace(stats=stats, removed={})
            if isinstance(record, Event | Report):
                found.append(record)
        if is_report(text):
            break
    return found


class Day:
    """The pipeline, and who is in it."""

    def __init__(self) -> None:
        self._archive = Archive(Keep())
        self.pipeline = Pipeline(PipelineSettings(traces=TraceSettings()), BEGIN, self._archive.listener())
        self._told = told()
        self._here: deque[tuple[float, ParticipantKey]] = deque()
        self.joins = self.spans = 0

    def come(self, now: float) -> None:
        """One more."""
        key = ParticipantKey(f"session-{self.joins // 2}", f"participant-{self.joins}")
        about = {"user_agent.name": "Chrome", "rtc.app.name": "day", "rtc.app.version": f"1.{self.joins % VERSIONS}"}
        self.joins += 1
        self.pipeline.feed(Joined(key, now, about), now)
        moved = now - BEGIN
        for record in self._told:
            where = PeerConnectionKey(*key, record.key[2] if len(record.key) > 2 else "")
            if isinstance(record, Report):
                self.pipeline.feed(record._replace(key=where, time=record.time + moved, sent=record.sent + moved), now)
            elif isinstance(record, Event):
                self.pipeline.feed(record._replace(key=where, time=record.time + moved), now)
        if self.joins % SILENT:
            self._here.append((now + STAY, key))

    def second(self, now: float) -> None:
        """A second passes."""
        while self._here and self._here[0][0] <= now:
            self.pipeline.feed(Left(self._here.popleft()[1], now, "closed"), now)
        self.pipeline.tick(now)
        self._archive.tick({"": self.pipeline.sessions}, now)
        self.spans += len(self.pipeline.take_spans())
        if int(now) % SCRAPE == 0:
            self.pipeline.scraped(now)

    def scrape(self) -> int:
        """Render everything; returns how many bytes that is."""
        return sum(map(len, prometheus.render(self.pipeline.store.families(), prometheus.OPENMETRICS)))

    def row(self, scraped: int) -> Iterable[str]:
        """What is held."""
        status = self.pipeline.status()
        yield from (f"{self.joins:,}", f"{status.participants:,}", f"{status.series:,}", f"{scraped / 1e6:.2f}")
        yield from (f"{self._archive.ended:,}", f"{self._archive.held / 2**20:.1f}", f"{self.spans:,}")


def resident() -> int:
    """Bytes of this process that are resident."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description="Print the memory of a simulated day.")
    parser.add_argument("--joins", type=int, default=1_000_000, help="joins in the day (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=3600.0, help="give up after so long (default: %(default)s)")
    args = parser.parse_args()
    day, began = Day(), time.monotonic()
    gc.set_threshold(*COLLECT)
    table = Table(
        "hour", "joins", "here", "series", "scrape, MB", "calls kept", "of them MiB", "spans", "resident, MiB",
        title=f"{args.joins:,} joins in a day",
    )  # fmt: skip
    sizes: list[tuple[float, float]] = []
    for second in range(1, DAY + 1):
        now = BEGIN + second
        while day.joins < args.joins * second / DAY:
            day.come(now)
        day.second(now)
        is_late = time.monotonic() - began > args.seconds
        if second % HOUR == 0 or is_late:
            scraped = day.scrape()
            sizes.append((second / HOUR, resident() / 2**20))
            table.add_row(f"{second / HOUR:.2f}", *day.row(scraped), f"{sizes[-1][1]:.1f}")
        if is_late:
            table.caption = "given up, there was no more time"
            break
    console = Console(width=None if Console().is_terminal else 120)
    console.print(table)
    warm = [size for size in sizes if size[0] >= WARM]
    if len(warm) > 2:
        slope = linear_regression(*zip(*warm, strict=True)).slope
        console.print(f"{slope:+.2f} MiB an hour after the first {WARM} hours, {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
