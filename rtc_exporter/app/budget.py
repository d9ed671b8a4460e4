"""
What one sender may send: frames and bytes, at once and sustained; and how much work it was.

A budget delays before it refuses.  Who owes something is not read until that is made up for; who has owed something for
so long that no client which is well can have so much to say is refused.  Work refuses nobody: it says who goes first.
"""

from rtc_exporter.limits import Limits

#: Frames that a client may have stored before it connected: it sends them at once, and they are read late and kept
#: (rtcstats-js stores without a bound; 5,000 events are an hour).  Whoever is still too fast when as many could have
#: been read, and for ``DEBT`` seconds more, is no such client and is refused.
STORED, DEBT = 10_000, 5.0
#: Seconds that whoever is too fast waits at least, so that many of them cost little.
PAUSE = 0.2
#: Share of the loop that a sender may take and still go first, and seconds that it may take at once: sixty times what a
#: call of two takes, and its first frames.
SHARE, WORK = 0.02, 0.02


class Rates:
    """What senders of one kind may send, as the settings say."""

    __slots__ = ("_connections", "bytes", "bytes_burst", "frames", "frames_burst", "patience")

    def __init__(self, limits: Limits, connections: int = 1) -> None:
        """``connections``: as much as so many of them."""
        self._connections = connections
        self.configure(limits)

    def configure(self, limits: Limits) -> None:
        """Take over what the settings say now."""
        times = float(self._connections)
        self.frames, self.frames_burst = limits.frames_per_second * times, limits.frames_burst * times
        self.bytes, self.bytes_burst = limits.bytes_per_second * times, limits.bytes_burst * times
        self.patience = STORED / limits.frames_per_second + DEBT


class Budget:
    """What one sender has left; times are of a monotonic clock."""

    __slots__ = ("_rates", "_slowed", "bytes", "frames", "heard", "work")

    def __init__(self, rates: Rates, now: float) -> None:
        self._rates = rates
        self._slowed: float | None = None
        #: Less than nothing where the sender owes some.
        self.frames, self.bytes = rates.frames_burst, rates.bytes_burst
        #: Seconds of work that it may still take and go first.
        self.work = WORK
        #: When it was last heard.
        self.heard = now

    @property
    def is_light(self) -> bool:
        """Whether it has taken little lately."""
        return self.work > 0.0

    def fill(self, now: float) -> None:
        """Time has passed since it was last heard."""
        rates, silence = self._rates, now - self.heard
        frames = self.frames + silence * rates.frames
        self.frames = frames if frames < rates.frames_burst else rates.frames_burst
        left = self.bytes + silence * rates.bytes
        self.bytes = left if left < rates.bytes_burst else rates.bytes_burst
        work = self.work + silence * SHARE
        self.work = work if work < WORK else WORK
        self.heard = now

    @property
    def debt(self) -> float:
        """Seconds until it owes nothing."""
        return max(0.0, -self.frames / self._rates.frames, -self.bytes / self._rates.bytes)

    def settle(self) -> float | None:
        """
        Seconds that it has to wait, 0 for none, or None where it has owed something for too long.

        To be called when what has come is taken.
        """
        if self.frames >= 0.0 and self.bytes >= 0.0:
            if self.frames > 1.0 and self.bytes > 0.0:
                self._slowed = None
            return 0.0
        if self._slowed is None:
            self._slowed = self.heard
        if self.heard - self._slowed > self._rates.patience:
            return None
        return max(self.debt, PAUSE)

    def forgive(self) -> None:
        """It owes nothing any more."""
        self.frames, self.bytes = self._rates.frames_burst, self._rates.bytes_burst
