"""
Child processes that are measured: started on a core of their own, read from outside, ended by their id.

Processor time comes from the kernel's clock of the process, which counts in nanoseconds what ``/proc/<pid>/stat``
counts in hundredths of a second.
"""

import contextlib
import http.client
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from rtc_exporter.sources import PREFIX

#: Where the modules are found.
ROOT = Path(__file__).parent.parent
#: All clients come from this machine, and are many.
ONE_ADDRESS = ("--limits.connections", "20000", "--limits.address-connections", "20000")
#: Clients have a token, as they do in production.
SECRET = "what the benchmarks sign tokens with, on loopback alone"
#: Seconds in which a child must be ready, and in which it must have ended.
PATIENCE = 60.0
#: A child that uses less than this share of a core for so many seconds is at rest.
REST, AT_REST = 0.25, 0.02
#: What the floor and the exporter print when they listen.
FLOOR_READY = r"floor at ws://([\d.]+):(\d+)"
EXPORTER_READY = r"clients at ws://[\d.]+:(\d+), metrics at http://([\d.]+):(\d+)/metrics"


class Place(NamedTuple):
    """Host and port."""

    host: str
    port: int


class Child:
    """A process that is ready."""

    def __init__(self, process: subprocess.Popen[bytes], ready: re.Match[str]) -> None:
        self.pid = process.pid
        self.ready = ready

    @property
    def cpu(self) -> float:
        """Seconds of processor time that it has used, all its threads together."""
        # The clock id of another process, as clock_getcpuclockid(3) makes it on Linux.
        return time.clock_gettime_ns((~self.pid << 3) | 2) / 1e9

    @property
    def cpu_of_loop(self) -> float:
        """Seconds of processor time of its main thread alone, which is where its event loop runs."""
        with open(f"/proc/{self.pid}/task/{self.pid}/schedstat") as file:
            return int(file.read().split()[0]) / 1e9

    @property
    def resident(self) -> int:
        """Bytes of its memory that are resident."""
        with open(f"/proc/{self.pid}/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def rest(self) -> None:
        """Wait until it has nothing to do: frames that it has read may still wait for the application."""
        for _ in range(round(PATIENCE / REST)):
            before = self.cpu
            time.sleep(REST)
            if self.cpu - before < REST * AT_REST:
                return
        raise SystemExit(f"the server still works after {PATIENCE:.0f} s")


def cores() -> tuple[int | None, int | None]:
    """A core for what is measured and another one for what measures; None and None where there is only one."""
    usable = sorted(os.sched_getaffinity(0))
    return (usable[0], usable[1]) if len(usable) > 1 else (None, None)


def pin(core: int | None, pid: int = 0) -> None:
    """Keep a process, this one by default, on a core."""
    if core is not None:
        os.sched_setaffinity(pid, {core})


@contextlib.contextmanager
def measuring() -> Iterator[int | None]:
    """Keep this process on the core for what measures, and give the other one for what is measured."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # through the blocks that end the children
    before = os.sched_getaffinity(0)
    measured, here = cores()
    pin(here)
    try:
        yield measured
    finally:
        os.sched_setaffinity(0, before)


@contextlib.contextmanager
def running(arguments: Sequence[str], ready: str, core: int | None) -> Iterator[Child]:
    """Run a module of this environment, ``-m arguments``, from its word that it is ready to the end of the block."""
    with program([sys.executable, "-u", "-m", *arguments], ready, core) as child:
        yield child


@contextlib.contextmanager
def program(command: Sequence[str], ready: str, core: int | None) -> Iterator[Child]:
    """The same of any program."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environ, cwd=ROOT)
        try:
            pin(core, process.pid)
            yield Child(process, _wait(process, log.fileno(), ready))
        finally:
            _end(process)


def _wait(process: subprocess.Popen[bytes], log: int, ready: str) -> re.Match[str]:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        text = os.pread(log, 1 << 16, 0).decode(errors="replace")
        if found := re.search(ready, text):
            return found
        if process.poll() is not None:
            raise SystemExit(f"the child has ended with status {process.returncode}:\n{text[-2000:]}")
        time.sleep(0.02)
    raise SystemExit(f"the child is not ready after {PATIENCE:.0f} s")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextlib.contextmanager
def floor(core: int | None) -> Iterator[tuple[Child, Place]]:
    """The bare floor."""
    with running(["benchmarks.floor", "--port", "0"], FLOOR_READY, core) as child:
        yield child, Place(child.ready[1], int(child.ready[2]))


@contextlib.contextmanager
def exporter(core: int | None, *settings: str) -> Iterator[tuple[Child, Place, Place]]:
    """The exporter as operators run it, with the places for clients and for scrapes."""
    with serving(["rtc_exporter"], core, *settings) as served:
        yield served


@contextlib.contextmanager
def serving(module: Sequence[str], core: int | None, *settings: str) -> Iterator[tuple[Child, Place, Place]]:
    """The same by another module, which has the exporter's command line."""
    listen = ["--ingest.listen", "127.0.0.1:0", "--admin.listen", "127.0.0.1:0", "--ingest.token-secret", SECRET]
    with running([*module, "serve", *listen, *ONE_ADDRESS, *settings], EXPORTER_READY, core) as child:
        host, clients, scrapes = child.ready[2], child.ready[1], child.ready[3]
        yield child, Place(host, int(clients)), Place(host, int(scrapes))


class Scrape(NamedTuple):
    """One answer of ``/metrics``."""

    seconds: float
    body: bytes


#: What Prometheus asks for, without and with its compression.
OPENMETRICS = {"accept": "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"}
GZIP = {**OPENMETRICS, "accept-encoding": "gzip"}
TEXT = {"accept": "text/plain;version=0.0.4"}


def scrape(place: Place, headers: dict[str, str], path: str = "/metrics") -> Scrape:
    """Ask once, on a connection of its own."""
    began = time.perf_counter()
    connection = http.client.HTTPConnection(*place, timeout=PATIENCE)
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        body = answer.read()
    finally:
        connection.close()
    if answer.status != 200:
        raise SystemExit(f"{path} answered {answer.status}")
    return Scrape(time.perf_counter() - began, body)
