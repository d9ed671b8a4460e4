"""
One shard, as the process in front sees it: started, ready, handed connections, gone, started again.

It tells its state as any service tells its manager (sd_notify(3)), so nothing had to be made for that.
"""

import asyncio
import contextlib
import json
import logging
import os
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from rtc_exporter.app.handed import Order
from rtc_exporter.app.listener import BACKLOG
from rtc_exporter.errors import RtcExporterError
from rtc_exporter.shards.front import Connection

logger = logging.getLogger("rtc_exporter")

#: Seconds without a sign of life, which comes once a second, after which a shard is killed.
SILENCE = 60.0
#: Who lived for so many seconds is started again at once; else there is a pause of a second, doubled each time.
STEADY, LONGEST = 60.0, 60.0
#: Seconds that it has to end when nobody is to be waited for.
GRACE = 5.0
#: Seconds without a sign of life after which a shard is not asked, since whoever asks would wait in vain.
QUIET = 3.0


def pause(failures: int) -> float:
    """Seconds before it is started again, when it has failed so many times in a row: none after the first."""
    return min(2.0 ** (failures - 2), LONGEST) if failures > 1 else 0.0


class Child:
    """A shard and its process."""

    def __init__(self, name: str, folder: Path, task: Callable[[], dict[str, Any]]) -> None:
        """``folder`` holds its sockets; ``task`` is what it is told at its start."""
        self.name = name
        self.admin = folder / f"{name}.admin"
        self._word = folder / f"{name}.notify"
        self._task = task
        #: What it is to be sent, in this order.
        self._queue: deque[Connection | Order] = deque()
        self._channel: socket.socket | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._is_writing = False
        self._leaving = asyncio.Event()
        self._heard = 0.0
        #: Whether it takes connections and answers.
        self.is_up = False
        self.was_ready = asyncio.Event()
        self.restarts = self.handed = 0

    @property
    def answers(self) -> bool:
        """Whether it is worth asking."""
        return self.is_up and time.monotonic() - self._heard < QUIET

    @property
    def pid(self) -> int | None:
        """The number of its process, while there is one."""
        return None if self._process is None else self._process.pid

    # ── life

    async def live(self) -> None:
        """Run it, again and again; ends when it was to leave.  Raises where it ends before it was ever ready."""
        failures = 0
        while not self._leaving.is_set():
            began = time.monotonic()
            try:
                with self._listen():
                    status: object = await self._run()
            except OSError as exc:  # no descriptors, no processes or no room to be had
                status = exc.strerror
            if self._leaving.is_set():
                return
            if not self.was_ready.is_set():
                raise RtcExporterError(f"shard {self.name} ended with status {status} before it was ready")
            self.restarts += 1
            failures = 0 if time.monotonic() - began >= STEADY else failures + 1
            rest = pause(failures)
            logger.error("shard %s ended with status %s and is started again in %.0f s", self.name, status, rest)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._leaving.wait(), rest)

    @contextlib.contextmanager
    def _listen(self) -> Iterator[None]:
        """Its word to us."""
        self._word.unlink(missing_ok=True)
        loop = asyncio.get_running_loop()
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as word:
            word.setblocking(False)
            word.bind(str(self._word))
            loop.add_reader(word.fileno(), self._hear, word)
            try:
                yield
            finally:
                loop.remove_reader(word.fileno())

    async def _run(self) -> int:
        """Start it, and wait for its end; its status."""
        self.admin.unlink(missing_ok=True)
        environ = {name: value for name, value in os.environ.items() if name not in ("WATCHDOG_PID", "NOTIFY_SOCKET")}
        environ |= {"NOTIFY_SOCKET": str(self._word), "WATCHDOG_USEC": str(int(SILENCE * 1e6))}
        ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with its, socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as admin:
            admin.bind(str(self.admin))
            ours.send(json.dumps(self._task()).encode())
            ours.setblocking(False)
            self._heard = time.monotonic()
            self._process = await asyncio.create_subprocess_exec(
                # A session of its own: what a terminal says is for the process in front, which passes it on.
                sys.executable, "-m", "rtc_exporter.shards", self.name, str(its.fileno()), str(admin.fileno()),
                stdin=subprocess.DEVNULL, pass_fds=(its.fileno(), admin.fileno()), env=environ, start_new_session=True,
            )  # fmt: skip
        self._channel = ours
        if self._leaving.is_set():
            self.order(Order.END)  # that was said while it was being started
        try:
            return await self._process.wait()
        finally:
            self._down()

    def _down(self) -> None:
        self.is_up = False
        self._stop_writing()
        if self._channel is not None:
            self._channel.close()
            self._channel = None
        self._process = None
        self._turn_away()

    def _hear(self, word: socket.socket) -> None:
        with contextlib.suppress(BlockingIOError):
            while message := word.recv(4096):
                self._heard = time.monotonic()
                if b"READY=1" in message and not self._leaving.is_set():
                    self.is_up = True
                    self.was_ready.set()

    def tick(self) -> None:
        """Once a second: one that hangs is killed, and started again as any that ended."""
        if self._process is not None and time.monotonic() - self._heard > SILENCE:
            logger.error("shard %s has not been heard of for %.0f s and is killed", self.name, SILENCE)
            self.kill()

    def kill(self) -> None:
        """End it now."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()

    # ── orders

    def order(self, order: Order) -> None:
        """Tell it what to do."""
        if order is not Order.RELOAD:
            self._leaving.set()
            self._turn_away()
        if self._channel is not None:  # else there is nobody, and who comes next reads the settings as they are
            self._queue.append(order)
            self._write()

    # ── connections

    def give(self, connection: Connection) -> bool:
        """Hand a connection over; False where it cannot be taken."""
        if not self.is_up or len(self._queue) >= BACKLOG:
            return False
        self._queue.append(connection)
        self._write()
        return True

    def _write(self) -> None:
        """Those that wait, as long as they fit."""
        while self._queue and self._channel is not None:
            try:
                self._send(self._channel, self._queue[0])
            except BlockingIOError:
                if not self._is_writing:
                    self._is_writing = True
                    asyncio.get_running_loop().add_writer(self._channel.fileno(), self._write)
                return
            except OSError:  # it is just ending
                self._turn_away()
                break
            sent = self._queue.popleft()
            if isinstance(sent, Connection):
                sent.socket.close()
                self.handed += 1
        self._stop_writing()

    def _send(self, channel: socket.socket, what: Connection | Order) -> None:
        if isinstance(what, Connection):
            socket.send_fds(channel, [what.data], [what.socket.fileno()])
        else:
            channel.send(what.value)

    def _turn_away(self) -> None:
        """Those that wait may come again."""
        for waiting in self._queue:
            if isinstance(waiting, Connection):
                waiting.turn_away()
        self._queue.clear()

    def _stop_writing(self) -> None:
        if self._is_writing and self._channel is not None:
            asyncio.get_running_loop().remove_writer(self._channel.fileno())
        self._is_writing = False
