"""
The listener for clients of one of several processes: what it is handed by the process in front.

Connections come through a socket between the two, each as a message that holds its descriptor and the bytes that were
read to find out whose it is.  Orders come the same way, behind the connections that were handed over before them.
When the process in front is gone, so is the other end of that socket, and this one ends too.
"""

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable, Mapping
from enum import Enum
from functools import partial
from typing import Any, NamedTuple

from starlette.types import ASGIApp

from rtc_exporter.app.gate import Gate
from rtc_exporter.app.listener import Listener
from rtc_exporter.app.sessions import MOST

logger = logging.getLogger("rtc_exporter")

#: Bytes of a message, at most: a head of 16 KiB and what came with it.
MESSAGE = 64 << 10
#: Messages that are taken before others have a turn.
TURN = 64
#: Sessions that the process in front may ask for at once.
MERGED = 10**9


class Order(Enum):
    """What the process in front may want: what SIGTERM, SIGINT and SIGHUP are to a process that is alone."""

    LEAVE = b"leave"
    END = b"end"
    RELOAD = b"reload"


class Shard(NamedTuple):
    """Which of several processes of one host this is, and how it hears of clients and operators."""

    name: str = ""
    processes: int = 1
    sockets: tuple[socket.socket, socket.socket] | None = None

    @property
    def rows(self) -> int:
        """Sessions that one answer may hold; the process in front wants all that stand before those it shows."""
        return MERGED if self.sockets else MOST


#: The one process that there is as a rule.
ALONE = Shard()


class Handed(Listener):
    """Serves connections that others accepted."""

    def __init__(
        self,
        app: ASGIApp,
        channel: socket.socket,
        sockets: Any,
        gate: Gate,
        orders: Mapping[Order, Callable[[], None]],
    ) -> None:
        """``orders``: what to do when the process in front says so."""
        # The next request on a connection may be of a session that belongs to another process.
        super().__init__(app, channel, sockets, gate=gate, headers=[("connection", "close")])
        self._orders = orders
        self._is_refusing = False
        self._tasks: set[asyncio.Task[None]] = set()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen."""
        await self.lifespan.startup()
        self._sock.setblocking(False)
        self.servers = []
        asyncio.get_running_loop().add_reader(self._sock.fileno(), self._hear)
        self.started = True
        self.listening.set()

    def refuse(self) -> None:
        """Take no more connections; orders are still heard."""
        self._is_refusing = True

    def end(self) -> None:
        """Hear nothing more, close what is open."""
        asyncio.get_running_loop().remove_reader(self._sock.fileno())
        super().end()

    def _hear(self) -> None:
        for _ in range(TURN):
            try:
                message, descriptors, _, _ = socket.recv_fds(self._sock, MESSAGE, 1)
            except BlockingIOError:
                return
            except OSError:
                message, descriptors = b"", []
            if descriptors:
                self._take(socket.socket(fileno=descriptors[0]), message)
            elif message:
                self._orders[Order(message)]()
            else:
                logger.warning("the process in front is gone")
                asyncio.get_running_loop().remove_reader(self._sock.fileno())
                self._orders[Order.END]()
                return

    def _take(self, sock: socket.socket, first: bytes) -> None:
        if self._is_refusing:
            sock.close()
            return
        sock.setblocking(False)
        task = asyncio.create_task(self._serve_one(sock, first))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve_one(self, sock: socket.socket, first: bytes) -> None:
        with contextlib.suppress(OSError):  # it went before we looked
            await asyncio.get_running_loop().connect_accepted_socket(partial(self._protocol, first), sock)
