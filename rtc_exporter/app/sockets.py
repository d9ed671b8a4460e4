"""
WebSockets: the hot path.

uvicorn hands a connection over when it asks for an upgrade.  From then on bytes go to messages, and messages to the
``intake``, within one call: no task, no queue and no event for each message, and 16 KiB less for each connection
(measured).  The handshake is that of the websockets library.

Any path is taken, since clients append the path of their page; the format is found by subprotocol, else by
the first frame.  A bad Origin is refused before the upgrade.  Everything else is refused after it, with a close
code, because a browser shows its page no other reason: 1008 for the token, 1003 for the format, 1013 for no room.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from uvicorn.server import ServerState
from websockets.datastructures import Headers
from websockets.http11 import Request
from websockets.server import ServerProtocol

from rtc_exporter import auth, wire
from rtc_exporter.app import messages
from rtc_exporter.app.intake import Connection, Intake
from rtc_exporter.app.messages import Fault, Messages
from rtc_exporter.auth import Identity
from rtc_exporter.errors import ClientError, FrameError, LimitError, OriginError, Reason

#: Seconds that a client without a subprotocol has until its first frame says what it is.
FIRST_FRAME = 10.0
#: Seconds of silence after which a ping asks whether the client is there, and after which it is not.
PING, DEAD = 20.0, 40.0
#: Seconds that a client has to answer a close frame.
CLOSING = 5.0
#: Seconds of being read more slowly than it sends, without a pause, after which a client is refused.
DEBT = 300.0
#: Bytes of a frame that count as one more frame: a megabyte takes as long to read as sixty usual frames.
FRAME = 1 << 14
#: Bytes of pongs that a client may leave unread.
UNREAD = 1 << 16
#: Close codes for what is refused before the first frame; others have their own.
CODES = {Reason.UNKNOWN_FORMAT: 1003, Reason.TOO_MANY: 1013, Reason.BAD_IDENTITY: 1008}

Message = tuple[int, bytes]


class Sockets:
    """All WebSockets, and what they have in common; calling it makes the protocol of one more."""

    def __init__(self, intake: Intake, clock: Callable[[], float]) -> None:
        self.intake = intake
        self.clock = clock
        self.open: set[Socket] = set()
        self.rate, self.burst = intake.limits.frames_per_second, float(intake.limits.frames_burst)
        self._origins = frozenset(intake.config.ingest.allowed_origins)

    def __call__(self, config: Any, server_state: ServerState, app_state: Any) -> "Socket":
        return Socket(self, server_state)

    def is_welcome(self, origin: str | None) -> bool:
        """Browsers always name the page; who names none is no page, and nothing here hangs on cookies."""
        return not self._origins or origin is None or origin in self._origins

    def tick(self) -> None:
        """Every few seconds: ask the silent whether they are there."""
        now = asyncio.get_running_loop().time()
        for socket in list(self.open):
            socket.check(now)


class Socket(asyncio.Protocol):
    """One WebSocket, from the upgrade to the end."""

    __slots__ = (
        "_allowance", "_close_code", "_connection", "_format", "_handshake", "_heard", "_identity", "_is_admitted",
        "_is_closing", "_is_paused", "_messages", "_pinged", "_slowed", "_sockets", "_state", "_timer", "_waiting",
        "agent", "loop", "transport",
    )  # fmt: skip

    def __init__(self, sockets: Sockets, state: ServerState) -> None:
        self._sockets = sockets
        self._state = state
        self.loop = asyncio.get_running_loop()
        self.agent = ""
        self._handshake: ServerProtocol | None = ServerProtocol()
        self._messages = Messages(sockets.intake.limits.frame_bytes)
        self._waiting: list[Message] = []
        self._format: wire.Format | None = None
        self._identity: Identity | None = None
        self._connection: Connection | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._close_code = messages.LOST
        self._is_admitted = self._is_closing = self._is_paused = False
        self._heard = self.loop.time()
        self._pinged = 0.0
        self._allowance = float(sockets.intake.limits.frames_burst)
        self._slowed: float | None = None

    # ── what the server calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport
        self._state.connections.add(self)  # type: ignore[arg-type]  # another protocol of ours

    def data_received(self, data: bytes) -> None:
        if self._is_closing:
            return  # whatever it is: the client closes its side when it has read ours
        now = self.loop.time()
        sockets = self._sockets
        allowance = self._allowance + (now - self._heard) * sockets.rate
        self._allowance = allowance if allowance < sockets.burst else sockets.burst
        self._heard = now
        try:
            if self._handshake is not None:
                self._shake_hands(self._handshake, data)
                return
            self._messages.receive(data, self._waiting)
        except Fault as fault:
            self._work()
            self._fail(fault)
        except Exception as exc:
            self._fault(exc)
        else:
            self._work()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        self._state.connections.discard(self)
        self._sockets.open.discard(self)
        self._waiting.clear()
        if self._is_admitted:
            self._is_admitted = False
            self._sockets.intake.connections -= 1
        connection, self._connection = self._connection, None
        if connection is not None:
            self._sockets.intake.close(connection, self._close_code, self._sockets.clock())

    def shutdown(self) -> None:
        """The process ends."""
        if self._handshake is None and not self._is_closing:
            self._close_code = 1012
            if self._connection is not None:
                self._sockets.intake.part(self._connection)
                self._reply()
            self.transport.write(messages.close_frame(1012))
        self.transport.close()

    # ── handshake

    def _shake_hands(self, handshake: ServerProtocol, data: bytes) -> None:
        handshake.receive_data(data)
        request = next((event for event in handshake.events_received() if isinstance(event, Request)), None)
        if request is None:
            if handshake.close_expected() or handshake.parser_exc is not None:
                self.transport.close()
            return
        intake, headers = self._sockets.intake, request.headers
        response = handshake.accept(request)
        if response.status_code == 101 and not self._sockets.is_welcome(headers.get("Origin")):
            intake.refuse(OriginError(Reason.BAD_ORIGIN, "a page from elsewhere"), self._sockets.clock())
            response = handshake.reject(403, "This page is not on the list of allowed origins.\n")
        offered = [word.strip() for line in headers.get_all("Sec-WebSocket-Protocol") for word in line.split(",")]
        self._format = wire.choose(offered)
        if response.status_code == 101 and self._format is not None:
            response.headers["Sec-WebSocket-Protocol"] = offered[0]
        handshake.send_response(response)
        self.transport.write(b"".join(handshake.data_to_send()))
        self._handshake = None
        if response.status_code != 101:
            self.transport.close()
            return
        self.agent = _first(headers, "User-Agent")
        try:
            intake.admit()
            self._is_admitted = True
            self._sockets.open.add(self)
            self._identity = self._resolve(request)
            if self._format is None and offered:
                raise FrameError(Reason.UNKNOWN_FORMAT, "an unknown subprotocol")
            if self._format is None:
                self._timer = self.loop.call_later(FIRST_FRAME, self._give_up)
            else:
                self._open(self._format)
        except ClientError as exc:
            self._refuse(exc)

    def _resolve(self, request: Request) -> Identity:
        path, _, query = request.path.partition("?")
        authorization = _first(request.headers, "Authorization")
        intake = self._sockets.intake
        return auth.resolve(path, auth.parameters(query), authorization, intake.config, self._sockets.clock())

    def _open(self, format: wire.Format) -> None:
        assert self._identity is not None, "identified before"
        self._format = format
        self._connection = self._sockets.intake.open(self._identity, format, self.agent, self._sockets.clock())
        self._connection.speak = self._reply
        self._reply()

    def _reply(self) -> None:
        """Send what the decoder wants its client to be told."""
        replies = self._connection.replies() if self._connection is not None else []
        if replies and self.transport.get_write_buffer_size() > UNREAD:
            self.transport.abort()
        elif not self._is_closing:
            for reply in replies:
                self.transport.write(messages.frame(messages.TEXT, reply.encode()))

    # ── messages

    def _work(self) -> None:
        """Take the messages that wait; a token bucket makes whoever sends too fast wait too."""
        waiting = self._waiting
        done = 0
        try:
            for opcode, payload in waiting:
                if self._is_paused or self._is_closing:
                    break
                done += 1
                if opcode == messages.TEXT:
                    self._text(messages.text(payload))
                else:
                    self._control(opcode, payload)
                self._allowance -= 1.0 + len(payload) / FRAME
                if self._allowance < 0.0:
                    self._slow_down()
        except Fault as fault:
            self._fail(fault)
        except Exception as exc:
            self._fault(exc)
        del waiting[: len(waiting) if self._is_closing else done]
        if self._allowance > 1.0:
            self._slowed = None

    def _give_up(self) -> None:
        self._refuse(FrameError(Reason.UNKNOWN_FORMAT, "no frame came"), 1008)

    def _text(self, frame: str | bytes) -> None:
        connection = self._connection
        if connection is None:
            self._stop_timer()
            try:
                if not isinstance(frame, str):
                    raise FrameError(Reason.BAD_FRAME, "a binary frame")
                self._open(wire.sniff(frame, self._sockets.intake.limits))
            except ClientError as exc:
                self._refuse(exc)
                return
            connection = self._connection
            assert connection is not None, "just opened"
        if not connection.receive(frame, self._sockets.clock()):
            self._close(1007, "too many frames that are not understood")
        elif connection.decoder is not None and connection.decoder.replies:
            self._reply()

    def _control(self, opcode: int, payload: bytes) -> None:
        if opcode == messages.BINARY:
            self._text(payload)
        elif opcode == messages.PING:
            if self.transport.get_write_buffer_size() > UNREAD:
                self.transport.abort()
            else:
                self.transport.write(messages.frame(messages.PONG, payload))
        elif opcode == messages.CLOSE:
            self._close_code = messages.close_code(payload)
            if not self._is_closing:
                self._is_closing = True
                self.transport.write(messages.frame(messages.CLOSE, payload[:2]))
            self.transport.close()

    def _slow_down(self) -> None:
        self._slowed = self._heard if self._slowed is None else self._slowed
        if self._heard - self._slowed > DEBT:
            self._refuse(LimitError(Reason.TOO_FAST, "more than can be read"), 1013)
            return
        self._is_paused = True
        self.transport.pause_reading()
        self.loop.call_later(-self._allowance / self._sockets.rate, self._resume)

    def _resume(self) -> None:
        if self._is_closing or self.transport.is_closing():
            return
        self._is_paused = False
        now = self.loop.time()
        self._allowance += (now - self._heard) * self._sockets.rate
        self._heard = now
        self._work()
        if not self._is_paused and not self._is_closing:
            self.transport.resume_reading()

    def check(self, now: float) -> None:
        """Data counts as life; a pong may wait behind frames that we have yet to read."""
        silence = now - self._heard
        if self._is_paused or silence < PING:
            return
        if silence >= DEAD:
            self.transport.abort()
        elif self._pinged <= self._heard and not self._is_closing:
            self._pinged = now
            self.transport.write(messages.frame(messages.PING))

    # ── ends

    def _refuse(self, error: ClientError, code: int | None = None) -> None:
        self._sockets.intake.refuse(error, self._sockets.clock(), self._format.name if self._format else "")
        self._close(code or CODES.get(error.reason) or error.close_code, error.detail)

    def _fail(self, fault: Fault) -> None:
        if not self._is_closing:
            self._close_code = fault.code
            self._refuse(fault.error, fault.code)

    def _fault(self, error: Exception) -> None:
        """A bug of ours ends this connection and no other."""
        self._sockets.intake.fault(error, self._sockets.clock())
        self._close_code = 1011
        self._close(1011)

    def _close(self, code: int, reason: str = "") -> None:
        if self._is_closing or self.transport.is_closing():
            return
        self._is_closing = True
        self._close_code = code if self._close_code == messages.LOST else self._close_code
        self._stop_timer()
        self.transport.write(messages.close_frame(code, reason))
        self.transport.write_eof()
        if self._is_paused:
            self._is_paused = False
            self.transport.resume_reading()
        self._timer = self.loop.call_later(CLOSING, self.transport.abort)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _first(headers: Headers, name: str) -> str:
    """A header that a client may have written several times."""
    return next(iter(headers.get_all(name)), "")
