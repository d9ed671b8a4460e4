"""
Prometheus away, several at once, and one that never reads (R18).

Counters go on where nobody looks, one exposition is rendered for all who ask at once, and who does not read is
cut off without having kept anybody else from theirs.
"""

import socket
import threading
import time

from benchmarks import children
from benchmarks.load import Load, recorded
from tests.hostile.engines import until
from tests.hostile.kit import Ledger, accepted, drops, exporter, main, total

#: Growth of memory that is promised.
MOST_GROWTH = 10 << 20
PARALLEL = 5


def run(is_long: bool = False) -> Ledger:
    """Ten minutes without a scrape, as the goal has it; in CI ten seconds."""
    ledger = Ledger("scrapes: none, five at once, and one that does not read")
    seconds, number = (600.0, 800) if is_long else (10.0, 800)
    rate = 0.05 if is_long else 1.0
    settings = ("--participants.limit", "5000", "--metrics.profile", "full")
    with exporter(*settings) as running, Load(running.ingest, number, recorded()) as load:
        load.open()
        load.begin()
        load.run(12.0 if not is_long else 60.0, 1.0 if not is_long else 0.25)  # until nobody is new any more
        before = running.metrics()
        resident = running.child.resident
        load.run(seconds, rate)
        running.child.rest()
        grown = running.child.resident - resident
        time.sleep(1.5)
        after = running.metrics()
        backwards = [name for name in before if _counts(name) and after.get(name, 0.0) < before[name]]
        ledger.account("reports", load.reports, counted=accepted(after), **drops(after))
        ledger.claim("no counter went back while nobody looked", not backwards, backwards[:3])
        ledger.claim(
            f"memory grew by {MOST_GROWTH >> 20} MiB at most meanwhile",
            grown <= MOST_GROWTH,
            f"{grown / 2**20:.1f} MiB",
        )

        time.sleep(1.5)
        scrapes = _counted(running)
        bodies: list[bytes] = []
        threads = [
            threading.Thread(target=lambda: bodies.append(children.scrape(running.admin, children.TEXT).body))
            for _ in range(PARALLEL)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        time.sleep(1.5)
        came = {name: number - scrapes[name] for name, number in _counted(running).items()}
        # The two that count are rendered too: the first of them was not over when it was counted.
        ledger.account("scrapes at once", PARALLEL + 1, **came)
        ledger.claim("one was rendered, and given to all", came["rendered"] == 2 and len(set(bodies)) == 1, came)

        resident = running.child.resident
        stuck = [_stuck(running.admin) for _ in range(3)]
        time.sleep(1.2)
        asked = [children.scrape(running.admin, children.TEXT).seconds for _ in range(5)]
        grown = running.child.resident - resident
        ledger.measure("others have theirs meanwhile", max(asked), 2.0, "s")
        until(lambda: _counted(running)["cut"] == len(stuck))
        size = len(bodies[0])
        cut = sum(_is_cut(sock, size) for sock in stuck)
        ledger.account("scrapes that nobody reads", len(stuck), cut=cut)
        ledger.claim(
            "they cost no more than one exposition and what the kernel takes",
            grown <= MOST_GROWTH + size, f"{grown / 2**20:.1f} MiB, an exposition has {size / 2**20:.1f}",
        )  # fmt: skip
        ledger.claim("and are counted", _counted(running)["cut"] == len(stuck))
    return ledger


def _counts(name: str) -> bool:
    return name.partition("{")[0].endswith(("_total", "_count", "_bucket"))


def _counted(running: object) -> dict[str, int]:
    metrics = running.metrics("self")  # type: ignore[attr-defined]
    return {
        name: int(total(metrics, "rtc_exporter_scrapes_total", f'"{name}"')) for name in ("rendered", "shared", "cut")
    }


def _stuck(place: children.Place) -> socket.socket:
    """Somebody who asks and does not read."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.connect(place)
    sock.sendall(b"GET /metrics HTTP/1.1\r\nhost: a\r\n\r\n")
    return sock


def _is_cut(sock: socket.socket, size: int) -> bool:
    """Whether the server has given up: what the kernel still had comes, and no more."""
    sock.settimeout(5)
    left = size
    with sock:
        try:
            while data := sock.recv(1 << 16):
                left -= len(data)
        except ConnectionResetError:
            return True
        except OSError:
            return False
    return left > 0


if __name__ == "__main__":
    main(run)
