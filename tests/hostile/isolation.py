"""
What operators ask for, at full load and with every place taken (R13).

Clients find nothing of it on their listener; and who scrapes, or asks whether the exporter is ready, is answered as if
nobody else were there.
"""

import threading
import time

from benchmarks import children
from benchmarks.load import Load, recorded
from tests.hostile import raw
from tests.hostile.kit import Exporter, Ledger, accepted, drops, exporter, main, total
from tests.hostile.raw import source, upgrade

#: Paths of operators, and what scanners ask for.
PATHS = (
    "/metrics", "/metrics/", "//metrics", "/%6detrics", "/metrics?tier=self", "/-/ready", "/-/healthy", "/", "/debug",
    "/debug/pprof/", "/config", "/openapi.json", "/docs", "/.env", "/v1/../metrics",
)  # fmt: skip
#: Seconds that an answer may take.
ANSWER = 0.2
BEYOND = 500


class Operator(threading.Thread):
    """Asks ten times a second, by turns, and notes how long it takes."""

    def __init__(self, running: Exporter) -> None:
        super().__init__(daemon=True)
        self.delays: list[float] = []
        self._place = running.admin
        self._end = threading.Event()

    def run(self) -> None:
        while not self._end.wait(0.1):
            for path in ("/-/ready", "/metrics?tier=self"):
                self.delays.append(children.scrape(self._place, {}, path).seconds)

    def end(self) -> float:
        """Ask no more; the time that all but a hundredth took at most."""
        self._end.set()
        self.join()
        return sorted(self.delays)[int(len(self.delays) * 0.99)]


def run(is_long: bool = False) -> Ledger:
    """Two thousand places, five hundred more who want one, and a report a second from each who has one."""
    ledger = Ledger("isolation: operators while clients do what they can")
    places, seconds = (5000, 50.0) if is_long else (2000, 6.0)
    with exporter("--limits.connections", str(places)) as running:
        for path in PATHS:
            for method in ("GET", "HEAD", "POST"):
                found = status(running, method, path)
                if found not in (404, 405):
                    ledger.claim(f"clients find nothing at {method} {path}", False, found)
        ledger.claim(f"{len(PATHS)} paths are not there for clients", True)
        with Load(running.ingest, places, recorded()) as load:
            load.open()
            load.begin()
            operator = Operator(running)
            operator.start()
            sent = load.run(seconds, 1.0)
            refused = sum(knock(running, n) == 503 for n in range(BEYOND))
            slowest = operator.end()
            running.child.rest()
            metrics = running.metrics()
    ledger.account("reports", load.reports, counted=accepted(metrics), **_others(drops(metrics)))
    ledger.account("who came when it was full", BEYOND, counted=refused)
    ledger.account(
        "the same, by its metric",
        BEYOND,
        counted=int(total(metrics, "rtc_exporter_connections_refused_total", "process")),
    )
    ledger.claim("nobody who was in was closed", sent.closed == 0, sent.closed)
    ledger.measure("p99 of an operator's answer", slowest, ANSWER, "s")
    return ledger


def _others(reasons: dict[str, int]) -> dict[str, int]:
    return {reason: number for reason, number in reasons.items() if reason not in ("too_many", "rejected_value")}


def status(running: Exporter, method: str, path: str) -> int:
    """What clients' listener answers."""
    with raw.connect(running.ingest) as sock:
        sock.sendall(f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
        return raw.status(sock)


def knock(running: Exporter, number: int) -> int:
    """Ask for a WebSocket."""
    with raw.connect(running.ingest, source(number)) as sock:
        sock.sendall(upgrade())
        began = time.monotonic()
        answer = raw.status(sock)
        assert time.monotonic() - began < 30
        return answer


if __name__ == "__main__":
    main(run)
