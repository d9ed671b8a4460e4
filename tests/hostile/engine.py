"""
An engine that is gone for a while, and one whose disk is full (R20).

What was answered with 202 is counted, whatever happened; what could not be stored is refused with words, and nothing
grows without end meanwhile.
"""

import contextlib
import http.client
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from benchmarks.children import Place
from tests.engines import engine
from tests.hostile.engines import aggregators, settings, until
from tests.hostile.kit import Ledger, exporter, main, together, total

#: Bytes that an edge may need more while the engine is gone.
MEMORY = 64 << 20
#: Bytes of the disk that becomes full, and of what somebody else has there until they make room.
DISK, ELSE = 17 << 20, 1 << 20
OTHER = "other"
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
    """Posts documents of one participant each."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self.answers: Counter[int] = Counter()
        self.taken: set[str] = set()
        self.refused: set[str] = set()
        self._number = 0

    def post(self, number: int, at_once: int = 1) -> None:
        """So many, and so many of them at the same time."""
        with ThreadPoolExecutor(at_once) as pool:
            self._note(pool.map(self._post, self._names(number)))

    def post_until_refused(self, most: int) -> None:
        """One after the other, until one is refused; so many at most."""
        for number in self._names(most):
            self._note([self._post(number)])
            if self.refused:
                return

    def _names(self, number: int) -> Iterator[int]:
        for _ in range(number):
            self._number += 1
            yield self._number

    def _post(self, number: int) -> tuple[str, int]:
        """Post one; its participant, and the status of the answer."""
        name, connection = f"p{number}", http.client.HTTPConnection(*self._place, timeout=60)
        with contextlib.closing(connection):
            connection.request(
                "POST", f"/v1/reports/s{number}/{name}", document(number), {"content-type": "application/json"}
            )
            return name, connection.getresponse().status

    def _note(self, answered: Iterable[tuple[str, int]]) -> None:
        for name, status in answered:
            self.answers[status] += 1
            (self.taken if status == 202 else self.refused).add(name)


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


def full(ledger: Ledger, disk: Sequence[str], what: str) -> None:
    """The stream or the disk of the engine becomes full while nobody reads; it is read then, on a disk with room."""
    small = ["--engine.log-bytes", "100MiB" if disk else "1MiB", "--engine.partitions", "2"]
    with (
        engine(before=disk) as servers,
        exporter(*settings(servers, "edge"), *small, "--engine.waiting-bytes", "4MiB") as edge,
        aggregators([*settings(servers, "aggregate"), *small]) as start,
    ):
        poster = Poster(edge.ingest)
        poster.post_until_refused(500)
        poster.post(2, at_once=2)
        refused = total(edge.metrics("self"), "rtc_exporter_engine_batches_total", '"refused"')
        failed = total(edge.metrics("self"), "rtc_exporter_engine_batches_total", '"failed"')
        if disk:
            # Who begins to read writes that they do: on a disk without any room nobody could.
            servers[0].inside(OTHER).unlink()
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
    # The folder is the server's last argument.
    make = (
        f'mkdir -p "$last" && mount -t tmpfs -o size={DISK} tmpfs "$last" && head -c {ELSE} /dev/zero > "$last/{OTHER}"'
    )
    mount = f'for last in "$@"; do :; done; {make} && exec "$@"'
    return ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mount, "sh"]


def run(is_long: bool = False) -> Ledger:
    """30 s without the engine, as the goal has it; in CI 8.  Each engine has an edge and an aggregator of its own."""
    ledger = Ledger("engine: gone, and full")
    parts: list[Callable[[Ledger], None]] = [
        lambda part: gone(part, 30.0 if is_long else 8.0), lambda part: full(part, (), "stream"),
    ]  # fmt: skip
    if disk := tmpfs():
        parts.append(lambda part: full(part, disk, "disk"))
    else:
        print("engine: nothing can be mounted here, so no disk was filled", file=sys.stderr)
    together(ledger, parts)
    return ledger


if __name__ == "__main__":
    main(run)
