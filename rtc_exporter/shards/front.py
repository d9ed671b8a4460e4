"""
Takes connections of clients, reads the head of the first request, and lets it be handed over.

Plain sockets, since what is handed over is the descriptor: no byte must be read here after the decision.
"""

import asyncio
import contextlib
import random
import socket
import time
from collections.abc import Callable
from typing import Protocol

from rtc_exporter.app.gate import Gate
from rtc_exporter.app.handshake import RETRY
from rtc_exporter.app.listener import BACKLOG
from rtc_exporter.app.protocols import HEAD_BYTES, HEAD_SECONDS
from rtc_exporter.errors import BusyError, ClientError, FrameError, LimitError, Reason

END = b"\r\n\r\n"
#: Connections that are accepted before others have a turn.
TURN = 64
#: Seconds without accepting where there are no descriptors left.
PAUSE = 1.0


class Taker(Protocol):
    """Who takes connections over."""

    def give(self, connection: "Connection") -> bool:
        """Take it, or say that it cannot be taken now."""


class Connection:
    """One that has not said yet what it wants, or waits to be handed over."""

    __slots__ = ("data", "peer", "socket", "until")

    def __init__(self, sock: socket.socket, peer: str, until: float) -> None:
        self.socket = sock
        self.peer = peer
        self.data = b""
        self.until = until

    def answer(self, status: str, *headers: str) -> None:
        """Say why not, and close."""
        lines = (f"HTTP/1.1 {status}", *headers, "connection: close", "content-length: 0", "", "")
        with contextlib.suppress(OSError):
            self.socket.send("\r\n".join(lines).encode())
            self.socket.shutdown(socket.SHUT_WR)
        self.socket.close()

    def turn_away(self) -> None:
        """It may come again in a moment."""
        self.answer("503 Service Unavailable", f"retry-after: {random.randint(*RETRY)}")


class Front:
    """The listener for clients."""

    def __init__(
        self,
        sock: socket.socket,
        gate: Gate,
        choose: Callable[[bytes, str], Taker],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``choose`` is told a head and where it comes from."""
        self._sock = sock
        self._gate = gate
        self._choose = choose
        self._clock = clock
        #: In the order in which they came, and so in that of their deadlines.
        self._waiting: dict[int, Connection] = {}

    def listen(self) -> None:
        """Begin."""
        self._loop = asyncio.get_running_loop()
        self._sock.setblocking(False)
        self._sock.listen(BACKLOG)
        self._loop.add_reader(self._sock.fileno(), self._accept)

    def close(self) -> None:
        """Take nobody else; who has not said yet what it wants goes."""
        if self._sock.fileno() >= 0:
            self._loop.remove_reader(self._sock.fileno())
            self._sock.close()
        for connection in list(self._waiting.values()):
            self._forget(connection)
            connection.turn_away()

    def tick(self) -> None:
        """Once a second: who says nothing goes."""
        now = self._clock()
        for connection in list(self._waiting.values()):
            if connection.until > now:
                break
            self._refuse(connection, "408 Request Timeout", FrameError(Reason.TOO_SLOW, "a head"))

    def _accept(self) -> None:
        for _ in range(TURN):
            try:
                sock, peer = self._sock.accept()
            except (BlockingIOError, ConnectionAbortedError):
                return
            except OSError:
                # Too many files are open: they will not be fewer at once.
                self._loop.remove_reader(self._sock.fileno())
                self._loop.call_later(PAUSE, self._go_on)
                return
            if not self._gate.arrive(peer[0]):
                sock.close()
                continue
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = Connection(sock, peer[0], self._clock() + HEAD_SECONDS)
            self._waiting[sock.fileno()] = connection
            self._loop.add_reader(sock.fileno(), self._read, connection)

    def _go_on(self) -> None:
        if self._sock.fileno() >= 0:
            self._loop.add_reader(self._sock.fileno(), self._accept)

    def _read(self, connection: Connection) -> None:
        try:
            data = connection.socket.recv(HEAD_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._forget(connection)
            connection.socket.close()
            return
        connection.data += data
        end = connection.data.find(END)
        if end >= 0:
            self._forget(connection)
            if not self._choose(connection.data[:end], connection.peer).give(connection):
                self._gate.refuse(BusyError(Reason.TOO_MANY, "its shard is down, or has too much to do"))
                connection.turn_away()
        elif len(connection.data) > HEAD_BYTES:
            error = LimitError(Reason.TOO_LARGE, f"a head has at most {HEAD_BYTES} bytes")
            self._refuse(connection, "431 Request Header Fields Too Large", error)

    def _refuse(self, connection: Connection, status: str, error: ClientError) -> None:
        self._gate.refuse(error)
        self._forget(connection)
        connection.answer(status)

    def _forget(self, connection: Connection) -> None:
        number = connection.socket.fileno()
        self._loop.remove_reader(number)
        del self._waiting[number]
        self._gate.depart(connection.peer)
