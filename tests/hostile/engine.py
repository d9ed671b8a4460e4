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
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.children import Place
from tests.engines import Nats, engine
from tests.hostile.engines import aggregators, settings, until
from tests.hostile.kit import Ledger, exporter, main, together, total

#: Bytes that an edge may need more while the engine is gone.
MEMORY = 64 << 20
#: Bytes of the disk that becomes full, and of what somebody else has there until they make room.
DISK, ELSE = 48 << 20, 32 << 20
OTHER = "other"
#: Documents that are more than there is room for, and are not sent.
MOST = 500
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
        numbers = range(self._number, self._number + number)
        self._number += number
        with ThreadPoolExecutor(at_once) as pool:
            for name, status in pool.map(self._post, numbers):
                self.answers[status] += 1
                (self.taken if status == 202 else self.refused).add(name)

    def _post(self, number: int) -> tuple[str, int]:
        """Post one; its participant, and the status of the answer."""
        name, connection = f"p{number}", http.client.HTTPConnection(*self._place, timeout=60)
        with contextlib.closing(connection):
            connection.request(
                "POST", f"/v1/reports/s{number}/{name}", document(number), {"content-type": "application/json"}
            )
            return name, connection.getresponse().status


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
        until(lambda: joins(aggregator.metrics()) >= len(poster.taken | poster.refused), 120.0)
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


class Disk:
    """A small disk for one server, of which somebody else has a part; it stays when the server ends."""

    def __init__(self, holder: subprocess.Popen[bytes]) -> None:
        self._holder = holder
        # The folder is the server's last argument.
        mount = f'mkdir -p "$1" && mount -t tmpfs -o size={DISK} tmpfs "$1" && head -c {ELSE} /dev/zero > "$1/{OTHER}"'
        script = (
            f'for last in "$@"; do :; done; room() {{ {mount}; }}; mountpoint -q "$last" || room "$last"; exec "$@"'
        )
        enter = ("nsenter", "--target", str(holder.pid), "--user", "--mount", "--preserve-credentials")
        #: What gives it to the command that follows.
        self.before = (*enter, "sh", "-c", script, "sh")

    def make_room(self, server: Nats) -> None:
        """What somebody else had there goes."""
        Path(f"/proc/{self._holder.pid}/root{server.folder}", OTHER).unlink()


@contextlib.contextmanager
def small_disk() -> Iterator[Disk | None]:
    """One, to the end of the block; None where this machine lets nobody mount one."""
    command = [
        "unshare",
        "--user",
        "--map-root-user",
        "--mount",
        "sh",
        "-c",
        "mount -t tmpfs tmpfs /mnt && echo && exec cat",
    ]
    if shutil.which("unshare") is None or shutil.which("nsenter") is None:
        yield None
        return
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as holder:
        assert holder.stdout is not None
        yield Disk(holder) if holder.stdout.readline() else None
        holder.communicate()


def full(ledger: Ledger, disk: Disk | None, what: str) -> None:
    """The stream or the disk of the engine becomes full while nobody reads; it is read then, once the disk has room."""
    small = ["--engine.log-bytes", "100MiB" if disk else "1MiB", "--engine.partitions", "2"]
    with (
        engine(before=disk.before if disk else ()) as servers,
        exporter(*settings(servers, "edge"), *small, "--engine.waiting-bytes", "4MiB") as edge,
        aggregators([*settings(servers, "aggregate"), *small]) as start,
    ):
        poster = Poster(edge.ingest)
        while not poster.refused and poster.answers.total() < MOST:
            poster.post(4, at_once=4)
        poster.post(2, at_once=2)
        refused = total(edge.metrics("self"), "rtc_exporter_engine_batches_total", '"refused"')
        failed = total(edge.metrics("self"), "rtc_exporter_engine_batches_total", '"failed"')
        if disk:
            # A server that could not write may have to be started again; and who reads writes snapshots, until which
            # nothing goes from the log: for these there has to be room.
            disk.make_room(servers[0])
            servers[0].kill()
            servers[0].start()
        aggregator = start()
        aggregator.wait()
        until(lambda: joins(aggregator.metrics()) >= len(poster.taken), 120.0)
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


def run(is_long: bool = False) -> Ledger:
    """30 s without the engine, as the goal has it; in CI 8.  Each engine has an edge and an aggregator of its own."""
    ledger = Ledger("engine: gone, and full")
    with small_disk() as disk:
        parts: list[Callable[[Ledger], None]] = [
            lambda part: gone(part, 30.0 if is_long else 8.0), lambda part: full(part, None, "stream"),
        ]  # fmt: skip
        if disk is not None:
            parts.append(lambda part: full(part, disk, "disk"))
        else:
            print("engine: nothing can be mounted here, so no disk was filled", file=sys.stderr)
        together(ledger, parts)
    return ledger


if __name__ == "__main__":
    main(run)
