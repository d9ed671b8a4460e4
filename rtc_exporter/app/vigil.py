"""
Whether a client is still there, and whether the frame that it has begun will ever end.

Data counts as life; a pong may wait behind frames that have yet to be read.
"""

from enum import Enum, auto

from rtc_exporter.app.messages import Messages

#: Seconds of silence after which a ping asks whether the client is there, and after which it is not.
PING, DEAD = 20.0, 40.0
#: Seconds for the rest of a frame: a megabyte at 17 kB/s.
REST = 60.0


class Sign(Enum):
    """What is to be done."""

    FINE = auto()
    ASK = auto()
    GONE = auto()
    STUCK = auto()


class Vigil:
    """Over one connection; times are of a monotonic clock."""

    __slots__ = ("_pinged", "_rest")

    def __init__(self) -> None:
        self._pinged = 0.0
        #: Which frame has begun and not ended, and since when.
        self._rest = (0, 0.0)

    def look(self, now: float, heard: float, messages: Messages, is_paused: bool) -> Sign:
        """Every few seconds; ``heard`` is when the client last was; who is not read (``is_paused``) cannot be."""
        if messages.is_waiting and messages.begun == self._rest[0]:
            if now - self._rest[1] > REST:
                return Sign.STUCK
        else:
            self._rest = (messages.begun, now)
        if is_paused or now - heard < PING:
            return Sign.FINE
        if now - heard >= DEAD:
            return Sign.GONE
        if self._pinged > heard:
            return Sign.FINE
        self._pinged = now
        return Sign.ASK
