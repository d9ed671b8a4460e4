"""
WebSocket messages from the bytes of a client (RFC 6455 5), within bounds.

Nothing here touches a socket.  In the common case one chunk of bytes is one frame and one message, and costs one
slice and one call of the C function that takes the mask off.
"""

from struct import Struct

from websockets.frames import apply_mask  # type: ignore[attr-defined]  # the C function where there is one

from rtc_exporter.errors import ClientError, FrameError, LimitError, Reason

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
#: Pieces of one message.  Browsers send one; proxies may cut it.
FRAGMENTS = 64
#: Messages that are taken from the bytes at hand at a time: a quarter of a megabyte of empty ones would be forty
#: thousand, and take twenty times the memory.
BATCH = 256
#: The longest payload of a control frame (RFC 6455 5.5).
CONTROL_BYTES = 125
#: No close frame came, and a close frame without a code (RFC 6455 7.4.1).
LOST, NO_CODE = 1006, 1005

_CODE = Struct(">H")
_LENGTH_16, _LENGTH_64 = 126, 127


class Fault(Exception):  # noqa: N818 - the client's fault, and no error of ours
    """The client broke the protocol or a bound: close with ``code``, count ``error``."""

    def __init__(self, code: int, error: ClientError) -> None:
        super().__init__(str(error))
        self.code = code
        self.error = error


def _broken(detail: str) -> Fault:
    return Fault(1002, FrameError(Reason.BAD_FRAME, detail))


class Messages:
    """Bytes in, messages out: pairs of an opcode and a payload.  Fragments are joined, control frames come at once."""

    __slots__ = ("_buffer", "_limit", "_needed", "_opcode", "_parts", "_size", "begun", "has_more")

    def __init__(self, limit: int) -> None:
        """``limit``: bytes of a message."""
        self._limit = limit
        self._buffer: bytearray | None = None
        self._needed = 0
        self._opcode = 0
        self._parts: list[bytes] = []
        self._size = 0
        #: How often a frame had begun, and its end was still to come.
        self.begun = 0
        #: Whether there may be more messages in what has come: call ``receive`` again, with nothing.
        self.has_more = False

    @property
    def is_waiting(self) -> bool:
        """Whether a frame has begun, and its end is still to come."""
        return self._buffer is not None and not self.has_more

    def receive(self, data: bytes, messages: list[tuple[int, bytes]]) -> None:
        """
        Append what is complete to ``messages``, up to a batch; raises ``Fault`` after those before it were appended.
        """
        if self._buffer is not None:
            # What comes in many small pieces is not copied for each of them.
            self._buffer += data
            if len(self._buffer) < self._needed:
                return
            data = bytes(self._buffer)
        position, end = 0, len(data)
        self.has_more = False
        while end - position >= 2:
            if len(messages) >= BATCH:
                self.has_more, self._needed = True, 2
                break
            first, second = data[position], data[position + 1]
            length, start = second & 0x7F, position + 6
            if length == _LENGTH_16:
                length, start = int.from_bytes(data[position + 2 : position + 4], "big"), position + 8
            elif length == _LENGTH_64:
                length, start = int.from_bytes(data[position + 2 : position + 10], "big"), position + 14
            if end < start:
                self._check(first, second, second & 0x7F)
                self._needed = start - position
                break
            self._check(first, second, length)
            if end - start < length:
                self._needed = start - position + length
                break
            payload = apply_mask(data[start : start + length], data[start - 4 : start])
            position = start + length
            if first == 0x81 and not self._parts:
                messages.append((TEXT, payload))
            else:
                self._assemble(first, payload, messages)
        else:
            self._needed = 2
        if position < end:
            self._buffer = bytearray(data[position:])
            self.begun += 1
        else:
            self._buffer = None

    def _check(self, first: int, second: int, length: int) -> None:
        opcode = first & 0x0F
        if first & 0x70:
            raise _broken("reserved bits, or a compressed frame that was not agreed on")
        if not second & 0x80:
            raise _broken("a frame without a mask")
        if opcode >= CLOSE:
            if length > CONTROL_BYTES or not first & 0x80 or opcode > PONG:
                raise _broken("a control frame that is long, cut or unknown")
        elif opcode > BINARY:
            raise _broken("an unknown opcode")
        elif length + self._size > self._limit:
            raise Fault(1009, LimitError(Reason.TOO_LARGE, "a frame over the limit"))

    def _assemble(self, first: int, payload: bytes, messages: list[tuple[int, bytes]]) -> None:
        opcode, is_final = first & 0x0F, first & 0x80
        if opcode >= CLOSE:
            messages.append((opcode, payload))
            return
        if (opcode == CONTINUATION) != bool(self._parts):
            raise _broken("a fragment out of order")
        if len(self._parts) >= FRAGMENTS:
            raise Fault(1008, FrameError(Reason.BAD_FRAME, "too many fragments"))
        if opcode != CONTINUATION:
            self._opcode = opcode
        self._parts.append(payload)
        self._size += len(payload)
        if is_final:
            messages.append((self._opcode, b"".join(self._parts)))
            self._parts, self._size = [], 0


def text(payload: bytes) -> str:
    """A text message; raises ``Fault`` where it is not UTF-8."""
    try:
        return payload.decode()
    except UnicodeDecodeError:
        raise Fault(1007, FrameError(Reason.BAD_ENCODING, "not UTF-8")) from None


def close_code(payload: bytes) -> int:
    """The code of a close frame."""
    if not payload:
        return NO_CODE
    if len(payload) < 2:
        raise _broken("a close frame with half a code")
    code: int = _CODE.unpack_from(payload)[0]
    return code


def frame(opcode: int, payload: bytes = b"") -> bytes:
    """A frame of ours: control frames, and what a format answers, which is short too."""
    if len(payload) < _LENGTH_16:
        return bytes((0x80 | opcode, len(payload))) + payload
    if len(payload) < 1 << 16:
        return bytes((0x80 | opcode, _LENGTH_16)) + len(payload).to_bytes(2, "big") + payload
    return bytes((0x80 | opcode, _LENGTH_64)) + len(payload).to_bytes(8, "big") + payload


def close_frame(code: int, reason: str = "") -> bytes:
    """A close frame; a reason that is too long is cut."""
    return frame(CLOSE, _CODE.pack(code) + reason.encode()[: CONTROL_BYTES - 2])
