"""
The server's HTTP, with the deadlines and bounds that uvicorn has no setting for.

A head has five seconds and 16 KiB, a body one minute.
"""

import asyncio
import logging
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

#: As nginx and HAProxy have it, give or take.
HEAD_BYTES = 16 << 10
HEAD_SECONDS = 5.0
#: Long enough for a 64 MB dump at 10 Mbit/s.
BODY_SECONDS = 60.0
#: Seconds in which a client that stopped reading has to read something.
UNREAD_SECONDS = 10.0
#: What is not worth a line, since any client can cause it.
NOISE = ("Invalid UTF-8 sequence", "Invalid HTTP request")


class Http(HttpToolsProtocol):
    """HTTP/1.1 that does not wait for ever."""

    _deadline: asyncio.TimerHandle | None = None
    _head = 0
    _unread: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._expect(HEAD_SECONDS)

    def data_received(self, data: bytes) -> None:
        if self._head >= 0:
            self._head += len(data)
        super().data_received(data)
        if self._head > HEAD_BYTES and not self.transport.is_closing():
            self.transport.write(b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\n\r\n")
            self.transport.close()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if self._head < 0:
            self._head = 0
            self._expect(HEAD_SECONDS)

    def on_headers_complete(self) -> None:
        size = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        if size > HEAD_BYTES:
            raise ValueError("head too large")
        self._head = -1
        self._expect(BODY_SECONDS)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._expect(None)
        super().on_message_complete()

    def handle_websocket_upgrade(self) -> None:
        self._expect(None)
        super().handle_websocket_upgrade()

    def connection_lost(self, exc: Exception | None) -> None:
        self._expect(None)
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """The client does not read as fast as we write: it has a while to begin."""
        super().pause_writing()
        self._unread = self.loop.call_later(UNREAD_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None
        super().resume_writing()

    def _expect(self, seconds: float | None) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = self.loop.call_later(seconds, self.transport.close) if seconds else None


class Quiet(logging.Filter):
    """Drops the lines of the server that a client can cause at will."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not str(record.msg).startswith(NOISE)


def quiet() -> None:
    """Let the server log its faults alone: its other lines hold URLs, and with them tokens."""
    log: Any = logging.getLogger("uvicorn.error")
    log.setLevel(logging.ERROR)
    log.filters[:] = [Quiet()]
    logging.getLogger("websockets").setLevel(logging.ERROR)
