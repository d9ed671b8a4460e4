"""
WebSockets: the hot path.

uvicorn hands a connection over when it asks for an upgrade.  From then on bytes go to messages, and messages to the
``intake``, within one call: no task, no queue and no event for each message, and 16 KiB less for each connection
(measured).  The handshake is that of the websockets library.

Any path is taken, since clients append the path of their page; the format is found by subprotocol, else by
the first frame.  Who is let in at all is decided in ``handshake``.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

from uvicorn.server import ServerState
from websockets.http11 import Request
from websockets.server import ServerProtocol

from rtc_exporter import wire
from rtc_exporter.app import handshake as handshakes
from rtc_exporter.app import memory, messages
from rtc_exporter.app.budget import Budget, Rates
from rtc_exporter.app.deadline import Deadline
from rtc_exporter.app.gate import Gate, Visit
from rtc_exporter.app.intake import Connection, Intake
from rtc_exporter.app.line import TURN, Line
from rtc_exporter.app.messages import Fault, Messages
from rtc_exporter.app.vigil import Sign, Vigil
from rtc_exporter.auth import Identity
from rtc_exporter.errors import ClientError, FrameError, LimitError, Reason

#: Seconds that a client has until its first frame.
FIRST_FRAME = 10.0
#: Seconds that a client has to answer a close frame.
CLOSING = 5.0
#: Bytes of pongs that a client may leave unread; and of a frame that goes first: changes of a call of six have 4,000.
UNREAD, LONG = 1 << 16, 16 << 10


class Sockets:
    """All WebSockets, and what they have in common; calling it makes the protocol of one more."""

    def __init__(self, intake: Intake, gate: Gate, line: Line, clock: Callable[[], float]) -> None:
        self.intake, self.gate, self.line, self.clock = intake, gate, line, clock
        self.open: set[Socket] = set()
        self.rates = Rates(intake.limits)

    def configure(self) -> None:
        """Take over what the settings say now."""
        self.rates.configure(self.intake.limits)

    def __call__(self, config: Any, server_state: ServerState, app_state: Any) -> "Socket":
        return Socket(self, server_state)

    def tick(self) -> None:
        """Every few seconds: ask the silent whether they are there."""
        for socket in list(self.open):
            socket.check(socket.loop.time())

    def lighten(self, excess: int) -> None:
        """Close the heaviest until about so many bytes are given back: a tenth of all at a time."""
        memory.lighten([socket for socket in self.open if not socket._is_closing], excess)


class Socket(asyncio.Protocol):
    """One WebSocket, from the upgrade to the end."""

    __slots__ = (
        "_budget", "_close_code", "_connection", "_deadline", "_fault_seen", "_format", "_handshake", "_identity",
        "_is_closing", "_is_leaving", "_is_paused", "_messages", "_sockets", "_state", "_vigil", "_visit", "_waiting",
        "agent", "loop", "recent", "transport",
    )  # fmt: skip

    def __init__(self, sockets: Sockets, state: ServerState) -> None:
        self._sockets = sockets
        self._state = state
        self.loop = asyncio.get_running_loop()
        self.agent = ""
        self._handshake: ServerProtocol | None = ServerProtocol()
        self._messages = Messages(sockets.intake.limits.frame_bytes)
        self._waiting: list[tuple[int, bytes]] = []
        self._format: wire.Format | None = None
        self._identity: Identity | None = None
        self._connection: Connection | None = None
        self._deadline = Deadline()
        self._close_code = messages.LOST
        self._is_closing = self._is_leaving = self._is_paused = False
        #: The fault after the messages that wait.
        self._fault_seen: Fault | None = None
        self._budget = Budget(sockets.rates, self.loop.time())
        self._vigil = Vigil()
        #: Bytes that came lately.
        self.recent = 0

    # ── what the server calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport
        self._visit = Visit(self._sockets.gate, (transport.get_extra_info("peername") or ("",))[0])
        self._state.connections.add(self)  # type: ignore[arg-type]  # another protocol of ours

    def data_received(self, data: bytes) -> None:
        if self._is_closing:
            return  # whatever it is: the client closes its side when it has read ours
        if self._handshake is not None and self._sockets.line.is_over:
            self._pause()
            self._sockets.line.join(partial(self.data_received, data), is_light=True)
            return
        self.recent += len(data)
        self._budget.fill(self.loop.time())
        self._budget.bytes -= len(data)
        try:
            if self._handshake is not None:
                self._come(self._handshake, data)
                return
            self._messages.receive(data, self._waiting)
        except Fault as fault:
            self._fault_seen = fault
        except Exception as exc:
            self._fault(exc)
        self._work()

    def connection_lost(self, exc: Exception | None) -> None:
        self._deadline.clear()
        self._state.connections.discard(self)
        self._sockets.open.discard(self)
        self._is_closing = True
        self._drop()
        self._visit.end()
        connection, self._connection = self._connection, None
        if connection is not None:
            self._sockets.intake.close(connection, self._close_code, self._sockets.clock())

    def shutdown(self) -> None:
        """The process ends."""
        if self._handshake is None and not self._is_closing and not self._is_leaving:
            self._say_goodbye()
        if not self._is_leaving:
            self.transport.close()

    def leave(self) -> None:
        """The process is about to end: say so, and read what the client wrote before it hears of it."""
        if self._handshake is not None or self._is_closing or self._is_leaving or self.transport.is_closing():
            self.transport.close()
            return
        self._deadline.clear()
        if self._is_paused:
            self._budget.forgive()  # this is the last that is heard of it
            self._resume()
        self._say_goodbye()
        self._is_leaving = True
        self._deadline.set(CLOSING, self.transport.abort)

    def _say_goodbye(self) -> None:
        self._close_code = 1012
        self._sockets.intake.part(self._connection)
        self._reply()
        self.transport.write(messages.close_frame(1012))

    def lighten(self) -> int:
        """Close it because memory is short and it is one of the heaviest; about how many bytes that gives back."""
        weight = self.weight
        self._sockets.intake.shed("heaviest", self._sockets.clock())
        self._close(1013, "memory is short")
        return weight

    @property
    def weight(self) -> int:
        """About how many bytes are held for it: what came lately, what waits, and what is known of its calls."""
        waits = self.recent + sum(len(payload) for _, payload in self._waiting)
        return waits + (0 if self._connection is None else memory.weight(self._connection.participants()))

    # ── handshake

    def _come(self, handshake: ServerProtocol, data: bytes) -> None:
        line = self._sockets.line
        began = line.clock()
        self._shake_hands(handshake, data)
        line.spend(line.clock() - began)
        if self._is_paused:
            self._is_paused = False
            self.transport.resume_reading()

    def _shake_hands(self, handshake: ServerProtocol, data: bytes) -> None:
        handshake.receive_data(data)
        request = next((event for event in handshake.events_received() if isinstance(event, Request)), None)
        if request is None:
            self._sockets.gate.refuse(FrameError(Reason.BAD_REQUEST, "no handshake of a WebSocket"))
            self._is_closing = True
            self.transport.write(handshakes.REFUSED)
            self.transport.close()
            return
        sockets = self._sockets
        answer = handshakes.answer(handshake, request, sockets.intake, self._visit, sockets.clock())
        handshake.send_response(answer.response)
        self.transport.write(b"".join(handshake.data_to_send()))
        self._handshake = None
        if answer.response.status_code != 101:
            self._is_closing = True
            self.transport.close()
            return
        self.agent, self._identity, self._format = answer.agent, answer.identity, answer.format
        sockets.open.add(self)
        self._deadline.set(FIRST_FRAME, self._give_up)
        try:
            if answer.error is not None:
                raise answer.error
            if answer.format is not None:
                self._open(answer.format)
        except ClientError as exc:
            self._refuse(exc)

    def _open(self, format: wire.Format) -> None:
        assert self._identity is not None, "identified before"
        self._format, sockets = format, self._sockets
        self._connection = sockets.intake.open(self._identity, format, self.agent, sockets.clock(), self._visit.address)
        self._visit.address = ""
        self._connection.speak = self._reply
        self._reply()

    def _reply(self) -> None:
        """Send what the decoder wants its client to be told."""
        replies = self._connection.replies() if self._connection is not None else []
        if replies and self.transport.get_write_buffer_size() > UNREAD:
            self.transport.abort()
        elif replies and not (self._is_closing or self._is_leaving):
            self.transport.write(b"".join(messages.frame(messages.TEXT, reply.encode()) for reply in replies))

    # ── messages

    def _work(self) -> None:
        """Take the messages that wait, as many as a turn allows; who sends too fast waits too."""
        line = self._sockets.line
        began = line.clock()
        if not line.is_over:
            self._take_batch(began + TURN)
            while self._messages.has_more and not (self._waiting or self._is_paused or self._is_closing):
                try:
                    self._messages.receive(b"", self._waiting)
                except Fault as fault:
                    self._fault_seen = fault
                self._take_batch(began + TURN)
            took = line.clock() - began
            self._budget.work -= took
            line.spend(took)
        if self._waiting and not (self._is_paused or self._is_closing):
            self._pause()
            line.join(self._resume, self._budget.is_light and len(self._waiting[0][1]) <= LONG)
        if self._fault_seen is not None and not self._waiting and not self._is_paused:
            self._fail(self._fault_seen)

    def _take_batch(self, until: float) -> None:
        waiting, budget, clock, done = self._waiting, self._budget, self._sockets.line.clock, 0
        try:
            for opcode, payload in waiting:
                if self._is_paused or self._is_closing or (done and len(payload) > LONG):
                    break  # a long frame has a turn of its own
                done += 1
                if opcode == messages.TEXT:
                    self._text(messages.text(payload))
                else:
                    self._control(opcode, payload)
                budget.frames -= 1.0
                if budget.frames < 0.0:
                    self._slow_down()
                elif clock() >= until:
                    break
        except Fault as fault:
            self._fail(fault)
        except Exception as exc:
            self._fault(exc)
        del waiting[:done]
        if not self._is_paused and not self._is_closing:
            self._slow_down()
        if self._is_closing:
            self._drop()

    def _drop(self) -> None:
        """The connection ends: what came and was not taken is counted."""
        waiting, sockets = self._waiting, self._sockets
        for _ in range(sum(opcode in (messages.TEXT, messages.BINARY) for opcode, _ in waiting)):
            sockets.intake.refuse(LimitError(Reason.TOO_FAST, "more than could be read"), sockets.clock())
        waiting.clear()

    def _text(self, frame: str | bytes) -> None:
        if self._deadline.is_set:
            self._deadline.clear()
        connection = self._connection
        if connection is None:
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
            self._close(connection.verdict, "too many frames that cannot be taken")
        elif connection.decoder is not None and connection.decoder.replies:
            self._reply()

    def _control(self, opcode: int, payload: bytes) -> None:
        if opcode == messages.BINARY:
            self._text(payload)
        elif opcode == messages.PING:
            if self.transport.get_write_buffer_size() > UNREAD:
                self.transport.abort()
            elif not self._is_leaving:
                self.transport.write(messages.frame(messages.PONG, payload))
        elif opcode == messages.CLOSE:
            if self._is_leaving:
                self.transport.close()
                self._is_closing = True
                return
            self._close_code = messages.close_code(payload)
            if not self._is_closing:
                self._is_closing = True
                self.transport.write(messages.frame(messages.CLOSE, payload[:2]))
            self.transport.close()

    def _slow_down(self) -> None:
        """Let who sends too fast wait until what it owes is made up for."""
        if self._is_leaving:
            return  # this is the last that is heard of it
        pause = self._budget.settle()
        if pause is None:
            self._refuse(LimitError(Reason.TOO_FAST, "more than can be read"))
        elif pause:
            self._pause()
            self.loop.call_later(pause, self._resume)

    def _pause(self) -> None:
        self._is_paused = True
        self.transport.pause_reading()

    def _resume(self) -> None:
        if self._is_closing or self.transport.is_closing():
            return
        self._is_paused = False
        self._budget.fill(self.loop.time())
        self._work()
        if not self._is_paused and not self._is_closing:
            self.transport.resume_reading()

    def check(self, now: float) -> None:
        """Every few seconds: whether the client is still there."""
        self.recent >>= 1
        match self._vigil.look(now, self._budget.heard, self._messages, self._is_paused):
            case Sign.STUCK:
                self._refuse(FrameError(Reason.TOO_SLOW, "the end of a frame did not come"))
            case Sign.GONE:
                self.transport.abort()
            case Sign.ASK if not self._is_closing:
                self.transport.write(messages.frame(messages.PING))

    # ── ends

    def _refuse(self, error: ClientError, code: int | None = None) -> None:
        intake, format = self._sockets.intake, self._format.name if self._format else ""
        intake.refuse(error, self._sockets.clock(), format, self._identity.tenant if self._identity else "")
        self._close(code or handshakes.CODES.get(error.reason) or error.close_code, error.detail)

    def _give_up(self) -> None:
        """No frame has come, unless it waits to be read."""
        if self._is_paused:
            self._deadline.set(FIRST_FRAME, self._give_up)
        else:
            self._refuse(FrameError(Reason.TOO_SLOW, "no frame came"))

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
        if self._is_leaving:
            self.transport.close()
            return
        self._close_code = code if self._close_code == messages.LOST else self._close_code
        self._deadline.clear()
        self.transport.write(messages.close_frame(code, reason))
        self.transport.write_eof()
        if self._is_paused:
            self._is_paused = False
            self.transport.resume_reading()
        self._deadline.set(CLOSING, self.transport.abort)
