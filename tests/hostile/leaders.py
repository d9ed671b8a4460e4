"""
Three servers that store everything three times, of which the leader is killed under load, also twice in a row (R21).

Nothing that was taken is lost, and nothing is counted twice, whatever had to be sent again; edges hold meanwhile what
comes, and leave nothing out.
"""

import threading
import time

from tests.engines import engine
from tests.hostile.engines import Load, aggregators, compare, counted, differ, leave, recorded, settings, truth, until
from tests.hostile.kit import Exporter, Ledger, drops, exporter, main, total

RECORDING = "healthy-cr.p1"
#: Seconds for which the engine may store nothing after its leader was killed.
STALL = 10.0
#: Reports of each client a second, and seconds of load.
RATE, SECONDS = 2.0, 28.0


class Onlooker(threading.Thread):
    """Looks at an edge: how long nothing was stored, and how much waited."""

    def __init__(self, edge: Exporter) -> None:
        super().__init__(daemon=True)
        self._edge = edge
        self._ended = threading.Event()
        self.stall = 0.0
        self.waiting = 0.0

    def run(self) -> None:
        stored, since = 0.0, time.monotonic()
        while not self._ended.wait(0.25):
            metrics = self._edge.metrics("self")
            now = total(metrics, "rtc_exporter_engine_batches_total", '"stored"')
            if now > stored:
                stored, since = now, time.monotonic()
            self.stall = max(self.stall, time.monotonic() - since)
            self.waiting = max(self.waiting, total(metrics, "rtc_exporter_engine_waiting_bytes"))

    def stop(self) -> None:
        """It has seen enough."""
        self._ended.set()
        self.join()


def run(is_long: bool = False) -> Ledger:
    """500 clients and 1,000 frames a second, as the goal has it; in CI 60 clients."""
    ledger = Ledger("leaders: servers of the engine are killed under load")
    clients = 500 if is_long else 60
    with (
        engine(nodes=3) as servers,
        exporter(*settings(servers, "edge", 3)) as edge,
        aggregators(settings(servers, "aggregate", 3)) as start,
        Load(edge.ingest, clients, recorded(RECORDING)) as load,
    ):
        aggregator = start()
        aggregator.wait()
        load.open()
        load.begin()
        onlooker = Onlooker(edge)
        onlooker.start()
        sender = threading.Thread(target=load.run, args=(SECONDS, RATE))
        sender.start()
        time.sleep(4.0)
        # Streams have their leaders on all three: each kill takes some of them.  The second comes right after the
        # first has started again, and the third while that still catches up.
        for number, pause in ((0, 6.0), (1, 1.0), (2, 6.0)):
            servers[number].kill()
            time.sleep(pause)
            servers[number].start()
        sender.join()
        onlooker.stop()
        wanted = truth(load, RECORDING)
        leave(load)
        until(lambda: not differ(counted(aggregator.metrics()), wanted), 90.0)
        metrics = aggregator.metrics()
        sums, repeated = counted(metrics), total(metrics, "rtc_exporter_engine_batches_total", '"repeated"')
        lost = total(metrics, "rtc_exporter_engine_batches_total", '"lost"')
        dropped = {reason: number for reason, number in drops(edge.metrics("self")).items() if number}
        failed = total(edge.metrics("self"), "rtc_exporter_engine_batches_total", '"failed"')
        logs = aggregator.log + edge.log
    compare(ledger, wanted, sums)
    ledger.claim("no batch is gone", lost == 0, lost)
    ledger.claim("the edge left nothing out", not dropped, dropped)
    ledger.claim("batches had to be sent again", failed > 0, f"{failed:.0f}, {repeated:.0f} of them stored twice")
    ledger.claim("the logs have no fault", "internal error" not in logs and "Traceback" not in logs)
    ledger.measure("longest time in which nothing was stored", onlooker.stall, STALL, "s")
    ledger.measure("most that an edge held", onlooker.waiting / 2**20, 32.0, "MiB")
    return ledger


if __name__ == "__main__":
    main(run)
