"""
OTLP receivers that refuse, hang, fail and are slow (R17).

``benchmarks.outage`` does it, and prints what it costs; here its figures are held against the goals.  Everything that was
produced was delivered, dropped for a reason, or waits; memory is bounded, and the process ends in time.
"""

import argparse

from benchmarks import outage
from benchmarks.load import recorded
from tests.hostile.kit import Ledger, main


def run(is_long: bool = False) -> Ledger:
    """All kinds over HTTP for a minute each, and with 3,000 clients; in CI two kinds for a few seconds."""
    ledger = Ledger("outage: OTLP receivers that are not there for us")
    args = argparse.Namespace(
        protocol="http/protobuf", connections=3000 if is_long else 200, seconds=60.0 if is_long else 4.0, rate=0.5
    )
    kinds = outage.OUTAGES if is_long else {name: outage.OUTAGES[name] for name in ("refused", "hang")}
    for name, step in kinds.items():
        row = outage.measure(name, step, None, recorded(), args)
        for signal, counts in (("spans", row.spans), ("points", row.points)):
            assert counts is not None, "both are pushed"
            ledger.account(
                f"{name}: {signal}", counts.queued, delivered=counts.delivered, waiting=counts.waiting, **counts.dropped
            )
        growth, recovery = row.growth / 2**20, row.recovery
        ledger.claim(
            f"{name}: memory",
            row.growth <= outage.MOST_GROWTH + args.connections * 48 * 1024,
            f"{growth:+.0f} MiB, clients included",
        )
        ledger.claim(f"{name}: it recovered", recovery is not None)
        ledger.measure(f"{name}: recovery", recovery or 0.0, outage.MOST_RECOVERY, "s")
        ledger.measure(f"{name}: exit", row.exit, outage.MOST_EXIT, "s")
    return ledger


if __name__ == "__main__":
    main(run)
