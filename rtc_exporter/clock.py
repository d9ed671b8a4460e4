"""
The time of day, told so that timers can trust it.

Everything below the shell is told one time, in Unix seconds, and both measures with it and shows it.  The wall clock
may be set back or forth by an hour at any moment; then everybody would have been silent for an hour.  So the time
goes on with the monotonic clock, and is led towards the wall clock as NTP leads a clock: by a share of what passes.
"""

import time
from collections.abc import Callable

#: Seconds by which the time is led to the wall clock, for each second that passes: timers are off by as much at most.
#: A clock that was an hour off is right after ten hours.
LEAD = 0.1
#: As long as the wall clock is no further away than this, it is not led at all: NTP does the same more finely.
NEAR = 0.05


class Clock:
    """Calling it gives Unix seconds that never go back, and never by more than a tenth too fast or too slow."""

    def __init__(self, wall: Callable[[], float] = time.time, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._wall = wall
        self._monotonic = monotonic
        self._last = monotonic()
        self._now = wall()

    def __call__(self) -> float:
        monotonic = self._monotonic()
        passed = monotonic - self._last
        self._last = monotonic
        self._now += passed
        behind = self._wall() - self._now
        if abs(behind) > NEAR:
            most = passed * LEAD
            self._now += max(-most, min(most, behind))
        return self._now

    @property
    def offset(self) -> float:
        """Seconds that the wall clock is ahead."""
        return self._wall() - self._now
