"""
An engine that is gone for a while, and one whose disk is full (R20).

What was answered with 202 is counted, whatever happened; what could not be stored is refused with words, and nothing
grows without end meanwhile.
"""

import http.client
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter

from benchmarks.children import Place
from tests.engines import engine
from tests.hostile.engines import aggregators, settings, until
from tests.hostile.kit import Ledger, exporter, main, total

#: Bytes that an edge may need more while the engine is gone.
MEMORY = 64 << 20
#: Bytes of the disk that becomes full.
DISK = 16 << 20
#: Stats objects of a document, with names that cannot be compressed: 100 kB of the disk.
STREAMS = 1000


def document(number: int) -> bytes:
    """One report of one participant, which is counted as one join."""
    stats = [
        {
            "type": "inbound-rtp", "id": f"in{index}", "kind": "audio", "ssrc": number * 1000 + index,
            "timestamp": 1.8e12 + number, "packetsReceived": index, "trackIdentifier": os.urandom(100).hex(),
        }
        for index in range(STREAMS)
    ]  # fmt: skip
    return json.dumps({"time": 1.8e12 + number, "stats": stats}).encode()


class Poster:
    """Posts documents of one participant each, one after the other."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self.answers: Counter[int] = Counter()
        self.taken: set[str] = set()
        self.refused: set[str] = set()
        self.slowest = 0.0
        self._number = 0

    def post(self, number: int, until_refused: bool = False) -> None:
        """So many, or fewer where one is refused."""
        for _ in range(number):
            self._number += 1
            name = f"p{self._number}"
            began = time.monotonic()
            connection = http.client.HTTPConnection(*self._place, timeout=60)
            connection.request(
                "POST",
                f"/v1/reports/s{self._number}/{name}",
                document(self._number),
                {"content-type": "application/json"},
            )
            status = connection.getresponse().status
            connection.close()
            self.slowest = max(self.slowest, time.monotonic() - began)
            self.answers[status] += 1
            (self.taken if status == 202 else self.refused).add(name)
            if until_refused and status != 202:
                return


def joins(metrics: dict[str, float]) -> int:
    """Participants that were ever counted."""
    return int(total(metrics, "rtc_participant_joins_total"))


def gone(ledger: Ledger, seconds: float) -> None:
    """The engine is killed and comes back."""
    with (
        engine() as servers,
        exporter(*settings(servers, "edge")) as edge,
        aggregators(settings(servers, "aggregate")) as start,
    ):
        aggregator = start()
        aggregator.wait()
        poster = Poster(edge.ingest)
        poster.post(20)
        before = edge.child.resident
        servers[0].kill()
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            poster.post(1)
        after = edge.child.resident
        servers[0].start()
        poster.post(20)
        until(lambda: joins(aggregator.metrics()) >= len(poster.taken | poster.refused), 60.0)
        found = joins(aggregator.metrics())
        logs = edge.log + aggregator.log
        alive = edge.process.poll() is None and aggregator.process.poll() is None
    # Who was told to wait was held all the same, and is stored when the engine is back: its client may send it again.
    late = found - len(poster.taken)
    ledger.account("documents, engine gone", sum(poster.answers.values()), counted=len(poster.taken), counted_late=late)
    ledger.claim(
        "what could not be stored in time was refused with 503", set(poster.answers) == {202, 503}, poster.answers
    )
    ledger.claim("nothing ended, and no log has a fault", alive and "Traceback" not in logs)
    ledger.claim(
        "memory of the edge grew by no more than it may", after - before <= MEMORY, f"{(after - before) >> 20} MiB"
    )


def full(ledger: Ledger, disk: list[str], what: str) -> None:
    """The disk of the engine becomes full while nobody reads, and is read then."""
    small = ["--engine.log-bytes", "100MiB" if disk else "1MiB", "--engine.partitions", "2"]
    with (
        engine(before=disk) as servers,
        exporter(*settings(servers, "edge"), *small, "--engine.waiting-bytes", "4MiB") as edge,
        aggregators([*settings(servers, "aggregate"), *small]) as start,
    ):
        poster = Poster(edge.ingest)
        poster.post(500, until_refused=True)
        poster.post(2)
        refused = total(edge.metrics("self"), "rtc_exporter_engine_batches_total", '"refused"')
        failed = total(edge.metrics("self"), "rtc_exporter_engine_batches_total", '"failed"')
        aggregator = start()
        aggregator.wait()
        until(lambda: joins(aggregator.metrics()) >= len(poster.taken), 60.0)
        found = joins(aggregator.metrics())
        alive = edge.process.poll() is None and aggregator.process.poll() is None
        logs = edge.log + aggregator.log
    late = max(0, found - len(poster.taken))
    lost = poster.answers[503] - late
    ledger.account(
        f"documents, {what} full", sum(poster.answers.values()), counted=found - late, counted_late=late, refused=lost
    )
    ledger.claim(f"{what} full: the engine refused, and metrics say so", refused + failed > 0, (refused, failed))
    ledger.claim(f"{what} full: nothing ended, and no log has a fault", alive and "Traceback" not in logs)


def tmpfs() -> list[str]:
    """What gives a server a small disk of its own; nothing where this machine lets nobody mount one."""
    with tempfile.TemporaryDirectory() as folder:
        script = f"mount -t tmpfs -o size={DISK} tmpfs {folder}"
        tried = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script]
        if shutil.which("unshare") is None or subprocess.run(tried, capture_output=True, check=False).returncode:
            return []
    # The folder is the server's last argument but what follows -sd.
    make = f'mkdir -p "$last" && mount -t tmpfs -o size={DISK} tmpfs "$last"'
    mount = f'for last in "$@"; do :; done; {make} && exec "$@"'
    return ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mount, "sh"]


def run(is_long: bool = False) -> Ledger:
    """30 s without the engine, as the goal has it; in CI 8."""
    ledger = Ledger("engine: gone, and full")
    gone(ledger, 30.0 if is_long else 8.0)
    full(ledger, [], "stream")
    if disk := tmpfs():
        full(ledger, disk, "disk")
    else:
        print("engine: nothing can be mounted here, so no disk was filled", file=sys.stderr)
    return ledger


if __name__ == "__main__":
    main(run)
