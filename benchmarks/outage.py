"""
What an outage of the OTLP receiver costs, and whether every item is counted.

For each kind of outage a real exporter is fed by replayed clients while its receiver is away, then the receiver comes
back, and then the exporter is stopped while the receiver is away again.  Printed are what was produced, delivered,
dropped and still waits, what the receiver took by its own count, the growth of memory during the outage, the
processor time of a report, the seconds until the first item arrived after the outage, and the seconds to exit.
The first two rows are for comparison: no OTLP at all, and a receiver that is there.

Connections above 2,000 want more spans than the queue holds, so that something is dropped.
"""

import argparse
import contextlib
import os
import time
import zlib
from collections.abc import Iterator
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from benchmarks import children
from benchmarks.children import Child, Place
from benchmarks.load import Load, Recording, add_arguments, recorded
from tests.receivers import HANG, OK, UNAVAILABLE, Receiver, Step, closed_port, grpc_receiver, http_receiver

#: Kind -> what the receiver does meanwhile; None where nobody listens.
OUTAGES: dict[str, Step | None] = {
    "refused": None,
    "503": UNAVAILABLE,
    "hang": HANG,
    "slow": Step(delay=3.0),
}
#: Milliseconds between two snapshots, so that a short run has some.
INTERVAL = 5000
#: Goals (R17): bytes of growth, seconds of recovery and of the exit.
MOST_GROWTH, MOST_RECOVERY, MOST_EXIT = 32 << 20, 30.0, 10.0
#: Seconds after an outage in which something must have arrived.
PATIENCE = 60.0


class Counts(NamedTuple):
    """The exporter's own counts of one signal."""

    queued: int
    delivered: int
    dropped: dict[str, int]
    waiting: int

    @property
    def is_exact(self) -> bool:
        """Whether nothing was lost from sight."""
        return self.queued == self.delivered + sum(self.dropped.values()) + self.waiting

    def __str__(self) -> str:
        drops = ", ".join(f"{reason} {number}" for reason, number in self.dropped.items() if number) or "0"
        sign = "" if self.is_exact else "  DOES NOT ADD UP"
        return f"{self.queued} = {self.delivered} + ({drops}) + {self.waiting}{sign}"


class Row(NamedTuple):
    """One outage."""

    name: str
    spans: Counts | None
    points: Counts | None
    #: Items that the receiver took in the end, of both signals.
    taken: int
    growth: int
    cost: float
    recovery: float | None
    exit: float


def counts(admin: Place) -> dict[str, Counts]:
    """Read the exporter's series about OTLP."""
    body = zlib.decompress(children.scrape(admin, children.GZIP, "/metrics?tier=self").body, 31).decode()
    values: dict[tuple[str, str], dict[str, int]] = {}
    for line in body.splitlines():
        if line.startswith("rtc_exporter_otlp_") and "_duration" not in line:
            name, _, rest = line.removeprefix("rtc_exporter_otlp_").partition("{")
            labels, _, value = rest.rpartition("} ")
            pairs = dict(pair.replace('"', "").split("=") for pair in labels.split(","))
            key = (name.removesuffix("_total"), pairs["rtc_signal"])
            values.setdefault(key, {})[pairs.get("rtc_drop_reason", "")] = int(float(value.split()[0]))
    return {
        signal: Counts(
            values["queued", signal][""],
            values["delivered", signal][""],
            values["dropped", signal],
            values["waiting", signal][""],
        )
        for signal in ("traces", "metrics")
    }


@contextlib.contextmanager
def environment(**variables: str) -> Iterator[None]:
    """Variables for the children that are started inside."""
    os.environ.update(variables)
    try:
        yield
    finally:
        for name in variables:
            del os.environ[name]


def play(child: Child, place: Place, recording: Recording, args: argparse.Namespace) -> tuple[int, float]:
    """Let clients come, report and go; returns the growth of memory and the processor time of a report."""
    with Load(place, args.connections, recording) as load:
        load.open()
        load.begin()
        child.rest()
        before, resident = child.cpu, child.resident
        sent = load.run(args.seconds, args.rate)
        child.rest()
        cost = (child.cpu - before) / sent.reports
    time.sleep(2.0)  # the clients have gone, their spans are handed over within a second
    child.rest()
    return child.resident - resident, cost


def measure(name: str, step: Step | None, core: int | None, recording: Recording, args: argparse.Namespace) -> Row:
    """One outage."""
    port = closed_port()
    receiving = grpc_receiver if args.protocol == "grpc" else http_receiver
    variables = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}",
        "OTEL_EXPORTER_OTLP_PROTOCOL": args.protocol,
        "OTEL_METRIC_EXPORT_INTERVAL": str(INTERVAL),
    }
    with contextlib.ExitStack() as stack:
        receiver: Receiver | None = None
        if step is not None:
            receiver = stack.enter_context(receiving([step], port=port))
        stack.enter_context(environment(**variables))
        exporter = contextlib.ExitStack()
        with exporter:
            child, place, admin = exporter.enter_context(children.exporter(core))
            growth, cost = play(child, place, recording, args)
            if receiver is None:
                receiver = stack.enter_context(receiving([OK], port=port))
            recovery = recover(receiver) if step is not OK else None
            found, taken = settled(admin, receiver)
            receiver.turn(HANG)
            receiver.released.clear()
            began = time.monotonic()
            exporter.close()
            left = time.monotonic() - began
    return Row(name, found["traces"], found["metrics"], taken, growth, cost, recovery, left)


def recover(receiver: Receiver) -> float:
    """Let the receiver be there again; seconds until something has arrived."""
    before, began = receiver.taken, time.monotonic()
    receiver.turn(OK)
    while receiver.taken == before:
        if time.monotonic() - began > PATIENCE:
            raise SystemExit(f"nothing has arrived {PATIENCE:.0f} s after the outage")
        time.sleep(0.05)
    return time.monotonic() - began


def settled(admin: Place, receiver: Receiver) -> tuple[dict[str, Counts], int]:
    """The counts when nothing waits, and what the receiver took until then; they are published once a second."""
    end = time.monotonic() + PATIENCE
    while True:
        before = receiver.taken
        found = counts(admin)
        is_settled = not any(count.waiting for count in found.values()) and before == receiver.taken
        is_same = before == sum(count.delivered for count in found.values())
        if (is_settled and is_same) or time.monotonic() > end:
            return found, before
        time.sleep(0.2)


def without(core: int | None, recording: Recording, args: argparse.Namespace) -> Row:
    """The same load, and no OTLP."""
    with contextlib.ExitStack() as exporter:
        child, place, _ = exporter.enter_context(children.exporter(core))
        growth, cost = play(child, place, recording, args)
        began = time.monotonic()
        exporter.close()
        return Row("no OTLP", None, None, 0, growth, cost, None, time.monotonic() - began)


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description="Measure what an outage of the OTLP receiver costs.")
    add_arguments(parser, 300, 60.0)
    parser.add_argument("--protocol", choices=("http/protobuf", "grpc"), default="http/protobuf")
    parser.add_argument("--outage", choices=OUTAGES, action="append", help="only these kinds")
    args = parser.parse_args()
    recording = recorded(args.recording)
    chosen = {name: OUTAGES[name] for name in args.outage or OUTAGES}
    with children.measuring() as core:
        rows = [without(core, recording, args), measure("none", OK, core, recording, args)]
        rows += [measure(name, step, core, recording, args) for name, step in chosen.items()]
    title = f"{args.protocol}, {args.connections} clients, {args.rate:g} reports a second each, {args.seconds:g} s"
    table = Table(
        "outage", "spans: queued = delivered + dropped + waiting", "points", "receiver took", "RSS MiB", "µs a report",
        "recovery s", "exit s", title=title,
    )  # fmt: skip
    for row in rows:
        found = [count for count in (row.spans, row.points) if count is not None]
        exact = row.taken == sum(count.delivered for count in found)
        table.add_row(
            row.name,
            str(row.spans or ""),
            str(row.points or ""),
            f"{row.taken}" + ("" if exact else "  NOT WHAT WAS DELIVERED"),
            f"{row.growth / 2**20:+.1f}" + (" !" if row.growth > MOST_GROWTH else ""),
            f"{row.cost * 1e6:.0f}",
            "" if row.recovery is None else f"{row.recovery:.1f}" + (" !" if row.recovery > MOST_RECOVERY else ""),
            f"{row.exit:.1f}" + (" !" if row.exit > MOST_EXIT else ""),
        )
    Console(width=200).print(table)


if __name__ == "__main__":
    main()
