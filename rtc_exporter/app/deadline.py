"""
What has to come in time, or else.

A loop that is late itself finds the timer that is over before it finds what came in time; so what has come is read
first, and only then is anybody blamed.
"""

import asyncio
from collections.abc import Callable

#: Seconds between the end of the time and the end of patience: the loop looks at least once for what has come.
GRACE = 0.1


class Deadline:
    """One at a time."""

    __slots__ = ("_handle",)

    def __init__(self) -> None:
        self._handle: asyncio.TimerHandle | None = None

    @property
    def is_set(self) -> bool:
        """Whether something is waited for."""
        return self._handle is not None

    def set(self, seconds: float, otherwise: Callable[[], object]) -> None:
        """Wait so long, and no more for what was waited for before; then do something else."""
        self.clear()
        self._handle = asyncio.get_running_loop().call_later(seconds, self._look, otherwise)

    def clear(self) -> None:
        """It has come."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _look(self, otherwise: Callable[[], object]) -> None:
        self._handle = asyncio.get_running_loop().call_later(GRACE, self._end, otherwise)

    def _end(self, otherwise: Callable[[], object]) -> None:
        self._handle = None
        otherwise()
