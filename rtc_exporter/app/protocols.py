"""
The server's HTTP, with the deadlines and bounds that uvicorn has no setting for.

A head has five seconds and 16 KiB, a body a quarter of a minute, a file one minute.  What could be read in two ways,
such as two lengths of one body, the parser refuses, and so nobody can hide a second request from a proxy in front.
"""

import asyncio
import logging
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from rtc_exporter.app.deadline import Deadline
from rtc_exporter.app.gate import Gate
from rtc_exporter.errors import ClientError, FrameError, LimitError, Reason

#: As nginx and HAProxy have it, give or take.
HEAD_BYTES = 16 << 10
HEAD_SECONDS = 5.0
BODY_SECONDS = 15.0
#: Seconds in which a client that is refused may read why.
LINGER = 0.5
#: Long enough for a 64 MB dump at 10 Mbit/s.
FILE_SECONDS = 60.0
FILES = b"/v1/dumps"
#: Seconds in which a client that stopped reading has to read something.
UNREAD_SECONDS = 10.0
#: What is not worth a line, since any client can cause it.
NOISE = ("Invalid UTF-8 sequence", "Invalid HTTP request")

#: The extension of ASGI by which an application waits until its answer is with the kernel: ``await it()`` is False
#: where the connection was lost before.
FLUSHED = "rtc_exporter.flushed"

_END = b"connection: close\r\ncontent-length: 0\r\n\r\n"


class Http(HttpToolsProtocol):
    """HTTP/1.1 that does not wait for ever."""

    _head = 0
    _unread: asyncio.TimerHandle | None = None
    _peer = ""
    _is_inside = _is_over = _is_broken = False

    def __init__(self, *args: Any, gate: Gate | None = None, first: bytes = b"", **kwargs: Any) -> None:
        """``gate`` counts who is inside; ``first`` was read already, by whoever took the connection."""
        super().__init__(*args, **kwargs)
        self._gate = gate
        self._first = first
        self._deadline = Deadline()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if self._gate is None:
            # For operators: what is written goes to the kernel at once, and who waits for that is not told too early.
            # Of zero TLS makes a pause without an end.  What TLS has encrypted, up to 64 KiB, is not waited for.
            transport.set_write_buffer_limits(high=1)
        else:
            self._peer = self.client[0] if self.client else ""
            self._is_inside = self._gate.arrive(self._peer)
            if not self._is_inside:
                transport.abort()
                return
        self._deadline.set(HEAD_SECONDS, self._give_up)
        if self._first:
            first, self._first = self._first, b""
            self.data_received(first)

    def data_received(self, data: bytes) -> None:
        if self._is_over:
            return
        if self._head >= 0:
            self._head += len(data)
        super().data_received(data)
        if self._head > HEAD_BYTES:
            self._refuse_head()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {FLUSHED: self._flushed}  # type: ignore[dict-item]  # ours
        if self._head < 0:
            self._head = 0
            self._deadline.set(HEAD_SECONDS, self._give_up)

    def on_headers_complete(self) -> None:
        size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        if size > HEAD_BYTES:
            self._head = size
            raise ValueError("head too large")
        self._head = -1
        self._deadline.set(FILE_SECONDS if self.url.startswith(FILES) else BODY_SECONDS, self._give_up)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._deadline.clear()
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        if self._head > HEAD_BYTES:
            self._refuse_head()
        else:
            self._refuse(b"400 Bad Request", FrameError(Reason.BAD_REQUEST, "not HTTP, or not as it should be"))

    def _refuse_head(self) -> None:
        error = LimitError(Reason.TOO_LARGE, f"a head has at most {HEAD_BYTES} bytes")
        self._refuse(b"431 Request Header Fields Too Large", error)

    def _refuse(self, status: bytes, error: ClientError) -> None:
        """Say why, and read no more: who is cut off while it still writes may never see the answer."""
        if self._is_over or self.transport.is_closing():
            return
        self._is_over = True
        if self._gate is not None:
            self._gate.refuse(error)
        cycle: Any = self.cycle  # None before the first request
        if self._head >= 0 or cycle is None or not cycle.response_started:
            self.transport.write(b"HTTP/1.1 " + status + b"\r\n" + _END)
        self.transport.write_eof()
        self._deadline.set(LINGER, self.transport.abort)

    def handle_websocket_upgrade(self) -> None:
        self._deadline.clear()
        self._is_inside = False  # the WebSocket says when it goes
        super().handle_websocket_upgrade()

    def connection_lost(self, exc: Exception | None) -> None:
        self._deadline.clear()
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None
        if self._is_inside and self._gate is not None:
            self._is_inside = False
            self._gate.depart(self._peer)
        self._is_broken = exc is not None or self.flow.write_paused
        super().connection_lost(exc)

    async def _flushed(self) -> bool:
        if self.flow.write_paused:
            await self.flow.drain()
        return not self._is_broken

    def pause_writing(self) -> None:
        """The client does not read as fast as we write: it has a while to begin."""
        super().pause_writing()
        self._unread = self.loop.call_later(UNREAD_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None
        super().resume_writing()

    def _give_up(self) -> None:
        """What was to come did not come in time."""
        self._refuse(b"408 Request Timeout", FrameError(Reason.TOO_SLOW, "a head" if self._head >= 0 else "a body"))


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
