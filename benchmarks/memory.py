"""
What a client costs in memory: connected and silent, in a call, its connection included, and after it has left.

The resident memory of an exporter process before the clients come is subtracted.  The growth from the smaller crowd to
the larger one is printed as well: what does not grow with the crowd, such as the series of the first cohort and the
500 participants that have series of their own, is not in it.
"""

import argparse
from statistics import median
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from benchmarks import children
from benchmarks.load import SFU, STAGGER, Load, Recording, recorded

#: Bytes of a live participant of a call of two, with its connection; of a connection that is silent; and of a live
#: participant of a call of six.
MOST_LIVE, MOST_IDLE, MOST_CROWD = 48 << 10, 8 << 10, 140 << 10
#: Reports of each client before its memory is read: enough for all that comes late in a call.
REPORTS = 24
#: Reports a second, all clients together; the exporter must keep up.
PACE = 1500


class Size(NamedTuple):
    """Bytes of an exporter with so many clients, above what it had without."""

    clients: int
    base: int
    idle: int
    live: int
    #: After all have left: their series linger, and the history keeps what happened to them.
    ended: int


def measure(core: int | None, clients: int, recording: Recording) -> Size:
    """Let clients come, be silent, and then be in a call."""
    with children.exporter(core) as (child, place, admin):
        with Load(place, 1, recording) as first:
            # One client before the others, so that what is made once is in the base.
            first.open()
            first.begin()
        children.scrape(admin, children.GZIP)
        child.rest()
        base = child.resident
        with Load(place, clients, recording) as load:
            load.open()
            child.rest()
            idle = child.resident
            load.begin()
            child.rest()
            rate = PACE / clients
            load.run((REPORTS - STAGGER + 0.5) / rate, rate)
            child.rest()
            live = child.resident
        child.rest()
        return Size(clients, base, idle - base, live - base, child.resident - base)


def kib(size: float) -> str:
    """Bytes as KiB."""
    return f"{size / 1024:.1f}"


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description="Measure the memory of a client, by resident memory of the exporter.")
    parser.add_argument("--clients", type=int, nargs=2, default=(500, 2000), help="two crowds (default: 500 2000)")
    parser.add_argument("--recording", default="healthy-cr.p1", help="what the clients play (default: %(default)s)")
    parser.add_argument("--repeat", type=int, default=3, help="runs, of which medians are shown (default: %(default)s)")
    args = parser.parse_args()
    recording = recorded(args.recording)
    crowds: list[Size] = []
    with children.measuring() as core:
        for clients in args.clients:
            sizes = [measure(core, clients, recording) for _ in range(args.repeat)]
            crowds.append(Size(clients, *(round(median(column)) for column in list(zip(*sizes, strict=True))[1:])))
    table = Table(
        "clients", "process MiB", "idle, KiB each", "live, KiB each", "left, KiB each",
        title=f"{args.recording}, {REPORTS} reports each, median of {args.repeat}",
    )  # fmt: skip
    for column in table.columns:
        column.justify = "right"
    for one in crowds:
        each = (kib(size / one.clients) for size in (one.idle, one.live, one.ended))
        table.add_row(f"{one.clients}", f"{one.base / 2**20:.0f}", *each)
    small, large = crowds
    more = large.clients - small.clients
    growth = zip(small[2:], large[2:], strict=True)
    table.add_row(f"each above {small.clients}", "", *(kib((size - less) / more) for less, size in growth))
    console = Console(width=None if Console().is_terminal else 100)
    console.print(table)
    console.print(
        f"goals: at most {kib(MOST_IDLE)} KiB for a silent connection, {kib(MOST_LIVE)} for a live participant of a "
        f"call of two, {kib(MOST_CROWD)} of a call of six (--recording {SFU})"
    )


if __name__ == "__main__":
    main()
