"""
WebSockets: the hot path, as plain ASGI.

Any path is taken, since clients append the path of their page; the format is found by subprotocol, else by
the first frame.  A bad Origin is refused before the upgrade.  Everything else is refused after it, with a close
code, because a browser shows its page no other reason: 1008 for the token, 1003 for the format, 1013 for no room.
"""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

from starlette.types import Receive, Scope, Send

from rtc_exporter import auth, wire
from rtc_exporter.app.intake import Connection, Intake
from rtc_exporter.auth import Identity
from rtc_exporter.errors import ClientError, FrameError, LimitError, OriginError, Reason

#: Seconds that a client without a subprotocol has until its first frame says what it is.
FIRST_FRAME = 10.0
#: Seconds for which a client may be slowed without a pause: more than it takes to catch up after a
#: long wait (rtcstats-js sends what it has kept all at once), and what comes later than that is stale.
DEBT = 300.0
#: Close codes that the server sends by itself, and what they say about the client (RFC 6455 7.4.1).
SERVER_CODES = {
    1002: FrameError(Reason.BAD_FRAME, "not the WebSocket protocol"),
    1007: FrameError(Reason.BAD_ENCODING, "not UTF-8"),
    1008: FrameError(Reason.BAD_FRAME, "too many fragments"),
    1009: LimitError(Reason.TOO_LARGE, "a frame over the limit"),
}
ABNORMAL = 1006


class Sockets:
    """The ASGI application for WebSockets."""

    def __init__(self, intake: Intake, clock: Callable[[], float]) -> None:
        self._intake = intake
        self._clock = clock
        self._origins = frozenset(intake.config.ingest.allowed_origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()  # websocket.connect
        try:
            await self._accept(scope, receive, send)
        except OSError:
            pass  # the client went while we answered
        except Exception as exc:
            self._intake.fault(exc, self._clock())
            await _close(send, 1011)

    async def _accept(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers: dict[bytes, bytes] = dict(scope["headers"])
        if not self._is_welcome(headers.get(b"origin")):
            self._intake.refuse(OriginError(Reason.BAD_ORIGIN, "a page from elsewhere"), self._clock())
            await send({"type": "websocket.close", "code": 1008})
            return
        offered: list[str] = scope["subprotocols"]
        format = wire.choose(offered)
        await send({"type": "websocket.accept", "subprotocol": offered[0] if format else None})
        try:
            self._intake.admit()
        except LimitError as exc:
            self._intake.refuse(exc, self._clock())
            await _close(send, 1013, "too many connections")
            return
        try:
            await self._identify(scope, headers, format, receive, send)
        finally:
            self._intake.connections -= 1

    async def _identify(
        self, scope: Scope, headers: dict[bytes, bytes], format: wire.Format | None, receive: Receive, send: Send
    ) -> None:
        name = format.name if format else ""
        try:
            identity = self._resolve(scope, headers)
            message = None
            if format is None:
                if scope["subprotocols"]:
                    raise FrameError(Reason.UNKNOWN_FORMAT, "an unknown subprotocol")
                async with asyncio.timeout(FIRST_FRAME):
                    message = await receive()
                if message["type"] == "websocket.disconnect":
                    return
                format = self._sniff(message)
            agent = headers.get(b"user-agent", b"").decode("latin-1")
            connection = self._intake.open(identity, format, agent, self._clock())
        except ClientError as exc:
            self._intake.refuse(exc, self._clock(), name)
            code = {Reason.UNKNOWN_FORMAT: 1003, Reason.TOO_MANY: 1013, Reason.BAD_IDENTITY: 1008}.get(exc.reason)
            await _close(send, code or exc.close_code, exc.detail)
            return
        except TimeoutError:
            await _close(send, 1008, "no frame came")
            return
        code = ABNORMAL
        try:
            code = await self._converse(connection, message, receive, send)
        finally:
            self._intake.close(connection, code, self._clock())

    async def _converse(self, connection: Connection, message: Any, receive: Receive, send: Send) -> int:
        """Take frames until the end; returns the close code."""
        limits = self._intake.limits
        rate, burst = limits.frames_per_second, float(limits.frames_burst)
        clock, ticks = self._clock, asyncio.get_running_loop().time
        allowance, last = burst, ticks()
        slowed: float | None = None
        while True:
            if message is None:
                message = await receive()
            if message["type"] == "websocket.disconnect":
                return self._ended(connection, message)
            frame = message.get("text")
            if not connection.receive(message["bytes"] if frame is None else frame, clock()):
                await _close(send, 1007, "too many frames that are not understood")
                return 1007
            message = None
            # A token bucket that does not refuse at first: whoever sends faster is read more slowly.
            before, last = last, ticks()
            allowance = min(burst, allowance + (last - before) * rate) - 1.0
            if allowance < 0.0:
                slowed = last if slowed is None else slowed
                if last - slowed > DEBT:
                    self._intake.refuse(
                        LimitError(Reason.TOO_FAST, "more than can be read"), clock(), connection.format
                    )
                    await _close(send, 1013, "too fast for too long")
                    return 1013
                await asyncio.sleep(-allowance / rate)
            elif allowance > 1.0:
                slowed = None

    def _ended(self, connection: Connection, message: Any) -> int:
        """The close code.  The server says 1005 for a lost connection too, but then without a reason."""
        code: int = message.get("code", ABNORMAL) if "reason" in message else ABNORMAL
        if message.get("code") == 1012:
            return 1012
        if error := SERVER_CODES.get(code):
            self._intake.refuse(error, self._clock(), connection.format)
        return code

    def _resolve(self, scope: Scope, headers: dict[bytes, bytes]) -> Identity:
        query = auth.parameters(scope["query_string"].decode("latin-1"))
        path = scope["raw_path"].decode("latin-1")
        authorization = headers.get(b"authorization", b"").decode("latin-1")
        return auth.resolve(path, query, authorization, self._intake.config, self._clock())

    def _sniff(self, message: Any) -> wire.Format:
        frame = message.get("text")
        if frame is None:
            raise FrameError(Reason.BAD_FRAME, "a binary frame")
        return wire.sniff(frame, self._intake.limits)

    def _is_welcome(self, origin: bytes | None) -> bool:
        """Browsers always name the page; who names none is no page, and nothing here hangs on cookies."""
        return not self._origins or origin is None or origin.decode("latin-1") in self._origins


async def _close(send: Send, code: int, reason: str = "") -> None:
    with contextlib.suppress(OSError, RuntimeError):  # it may be closed
        await send({"type": "websocket.close", "code": code, "reason": reason[:120]})
