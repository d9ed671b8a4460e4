"""
Aggregators that are killed under load, again and again, and one that comes back from the dead (R22).

What is counted in the end is what one process counts of the same frames, exactly; no counter ever goes back, in the
eyes of whoever scrapes them all; and who was stopped for longer than its lease shows nothing when it goes on.
"""

import signal
import threading
import time
from collections.abc import Mapping

from tests.engines import engine
from tests.hostile.engines import (
    Aggregator,
    Load,
    aggregators,
    compare,
    counted,
    differ,
    leave,
    recorded,
    settings,
    truth,
    until,
)  # fmt: skip
from tests.hostile.kit import Ledger, exporter, main, total

RECORDING = "healthy-cr.p1"
#: Seconds until somebody else shows the partitions of who was killed.
TAKEOVER = 10.0
#: Reports of each client a second.
RATE = 2.0


class Prometheus:
    """Scrapes several aggregators, and remembers the newest value of every series: they must not go back."""

    def __init__(self) -> None:
        self.newest: dict[str, float] = {}
        self.fallen: list[str] = []

    def look(self, aggregator: Aggregator) -> dict[str, float]:
        """Scrape one."""
        metrics = aggregator.metrics()
        for key, value in metrics.items():
            if 'shard="' in key and key.partition("{")[0].endswith(("_total", "_count", "_bucket")):
                if value < self.newest.get(key, 0.0):
                    self.fallen.append(f"{key} {self.newest[key]} -> {value}")
                self.newest[key] = value
        return metrics


def shown(metrics: Mapping[str, float]) -> set[str]:
    """Partitions that a scrape shows."""
    return {key.partition('shard="')[2].partition('"')[0] for key in metrics if 'shard="' in key}


def run(is_long: bool = False) -> Ledger:
    """5 kills with 200 clients, as the goal has it; in CI 2 kills with 60."""
    ledger = Ledger("takeover: aggregators are killed under load")
    clients, kills = (200, 5) if is_long else (60, 2)
    with (
        engine() as servers,
        exporter(*settings(servers, "edge")) as edge,
        aggregators(settings(servers, "aggregate")) as start,
        Load(edge.ingest, clients, recorded(RECORDING)) as load,
    ):
        prometheus = Prometheus()
        alive = start()
        alive.wait()
        load.open()
        load.begin()
        sender = threading.Thread(target=load.run, args=(25.0, RATE))
        sender.start()
        slowest = 0.0
        for _ in range(kills):
            other = start()
            other.wait()
            time.sleep(3.0)
            for aggregator in (alive, other):
                prometheus.look(aggregator)
            began = time.monotonic()
            alive.process.kill()
            until(lambda other=other: len(shown(prometheus.look(other))) == 8, 60.0)  # type: ignore[misc]
            slowest = max(slowest, time.monotonic() - began)
            alive = other
        # Stopped for longer than its lease lasts: another has taken over when it goes on.
        zombie, alive = alive, start()
        alive.wait()
        before = shown(zombie.metrics())
        zombie.process.send_signal(signal.SIGSTOP)
        until(lambda: len(shown(prometheus.look(alive))) == 8, 60.0)
        zombie.process.send_signal(signal.SIGCONT)
        after = [shown(zombie.metrics()) for _ in range(20)]
        sender.join()
        wanted = truth(load, RECORDING)
        # Everybody leaves: what was not folded yet is counted.
        leave(load)
        until(lambda: total(prometheus.look(alive), "rtc_participants_active") == 0, 60.0)

        def both() -> dict[str, float]:
            """What the two show who share the work now."""
            found = [counted(each.metrics()) for each in (alive, zombie)]
            return {name: sum(each.get(name, 0.0) for each in found) for name in wanted}

        until(lambda: not differ(both(), wanted), 30.0)
        sums = both()
        logs = alive.log + zombie.log
    compare(ledger, wanted, sums)
    ledger.claim("counters never went back", not prometheus.fallen, prometheus.fallen[:3])
    ledger.claim("who was stopped showed something before", bool(before), sorted(before))
    overlap = [each for each in after if each]
    ledger.claim("who came back from the dead showed nothing of others", not overlap, overlap[:3])
    ledger.claim("the logs have no fault", "internal error" not in logs and "Traceback" not in logs)
    ledger.measure("everything shown again after a kill", slowest, TAKEOVER, "s")
    return ledger


if __name__ == "__main__":
    main(run)
