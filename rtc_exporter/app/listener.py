"""
A listener: a bound socket, and the server on it.

Sockets are bound before anything is served, so that a taken port is an error message and port 0 is a port.
"""

import asyncio
import contextlib
import functools
import socket
import ssl
from collections.abc import Iterator, Sequence
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from rtc_exporter.app import protocols
from rtc_exporter.app.gate import Gate
from rtc_exporter.errors import ConfigError
from rtc_exporter.settings import Address

#: Seconds that requests under way have to end when the process stops.
GRACE = 5
#: Connections that the kernel holds until they are accepted: as many as Linux lets a program have.
BACKLOG = 4096
#: Seconds that a client has to shake hands over TLS.
HANDSHAKE = 10.0
#: Bytes that the kernel keeps for a scraper that does not read: a network of 1 Gbit/s and 2 ms is full with half of it.
UNREAD = 1 << 19


def bind(address: Address, setting: str) -> socket.socket:
    """A socket that is bound, or a ``ConfigError`` that says which setting asked for it."""
    try:
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, place = found[0]
        result = socket.socket(family, kind, protocol)
        try:
            result.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            result.bind(place)
        except OSError:
            result.close()
            raise
    except OSError as exc:
        raise ConfigError(f"{setting} is {address}, which cannot be bound: {exc.strerror}") from None
    return result


def both(clients: Address, operators: Address) -> tuple[socket.socket, socket.socket]:
    """The sockets for clients and for operators; raises ``ConfigError``."""
    first = bind(clients, "ingest.listen")
    try:
        second = bind(operators, "admin.listen")
    except ConfigError:
        first.close()
        raise
    # Who scrapes and does not read is noticed, and the kernel holds no more for it than this.
    second.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, UNREAD)
    return first, second


def bound(sock: socket.socket) -> Address:
    """Where a socket is."""
    host, port = sock.getsockname()[:2]
    return Address(host, port)


class Listener(uvicorn.Server):
    """One of the servers; signals are handled for both together."""

    def __init__(
        self,
        app: ASGIApp,
        sock: socket.socket,
        sockets: Any = None,
        tls: ssl.SSLContext | None = None,
        gate: Gate | None = None,
        headers: Sequence[tuple[str, str]] = (),
    ) -> None:
        """``gate`` counts who is inside; ``headers`` go with every answer."""
        super().__init__(
            uvicorn.Config(
                app,
                http=functools.partial(protocols.Http, gate=gate),  # type: ignore[arg-type]
                ws=sockets or "none",
                lifespan="off",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                headers=list(headers),
                backlog=BACKLOG,
                timeout_graceful_shutdown=GRACE,
            )
        )
        self.listening = asyncio.Event()
        self._ending = asyncio.Event()
        self._sock = sock
        self._tls = tls

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen."""
        await self.lifespan.startup()
        self.servers = [await self._bind(self._tls)]
        self.started = True
        self.listening.set()

    async def _bind(self, tls: ssl.SSLContext | None) -> asyncio.Server:
        """A server on the socket; it gets a copy, since it closes what it has when it is closed."""
        loop, backlog = asyncio.get_running_loop(), BACKLOG
        if self._sock.family == socket.AF_UNIX:
            return await loop.create_unix_server(self._protocol, sock=self._sock.dup(), backlog=backlog)
        return await loop.create_server(
            self._protocol,
            sock=self._sock.dup(),
            ssl=tls,
            backlog=backlog,
            ssl_handshake_timeout=HANDSHAKE if tls else None,
        )

    def _protocol(self, first: bytes = b"") -> asyncio.Protocol:
        """``first``: what was read of the connection already."""
        protocol: asyncio.Protocol = self.config.http_protocol_class(  # type: ignore[call-arg]
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state, first=first
        )
        return protocol

    async def main_loop(self) -> None:
        """Renew the Date header once a second; the original looks ten times a second whether it shall end."""
        while not self.should_exit:
            await self.on_tick(0)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ending.wait(), 1.0)

    async def listen(self) -> None:
        """Serve until ``end``."""
        await self.serve([self._sock])

    def refuse(self) -> None:
        """Stop accepting; who is connected stays."""
        for server in self.servers:
            server.close()
        self._sock.close()

    def end(self) -> None:
        """Stop accepting, close what is open."""
        self.should_exit = True
        self._ending.set()

    def force(self) -> None:
        """Wait for nobody."""
        self.force_exit = True
        for connection in list(self.server_state.connections):
            connection.transport.abort()
