"""
Whether the event loop keeps up: how late it is, as a metric, and where it hangs, in the log.

A callback that is due ten times a second says how late it comes.  A thread looks on: when the callback has not come
for a second it writes down what the loop is doing, since afterwards nobody can tell.  Only files, lines and names
of functions are written, nothing that they hold.
"""

import asyncio
import logging
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType

logger = logging.getLogger("rtc_exporter")

#: Seconds between two looks of the loop at the clock, and lateness from which on it hangs.
INTERVAL = 0.1
STALL = 1.0
#: Functions of the stack that are written.
DEEP = 40


class Watch:
    """Watches the loop that it is started on."""

    def __init__(self, observe: Callable[[float], None], stall: float = STALL) -> None:
        """``observe`` is told how late each look was, in seconds."""
        self._observe = observe
        self._stall = stall
        self._seen = 0.0
        self._handle: asyncio.TimerHandle | None = None
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        #: How often the loop hung.
        self.stalls = 0

    def start(self) -> None:
        """Begin; called on the loop."""
        self._loop = asyncio.get_running_loop()
        self._seen = time.monotonic()
        self._due = self._seen + INTERVAL
        self._handle = self._loop.call_later(INTERVAL, self._look)
        self._thread = threading.Thread(
            target=self._watch, args=(threading.get_ident(),), name="loop watchdog", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """End; called on the loop."""
        if self._handle is not None:
            self._handle.cancel()
        self._ended.set()
        if self._thread is not None:
            self._thread.join(1.0)

    def _look(self) -> None:
        now = self._seen = time.monotonic()
        self._observe(max(0.0, now - self._due))
        self._due = now + INTERVAL
        self._handle = self._loop.call_later(INTERVAL, self._look)

    def _watch(self, ident: int) -> None:
        told = 0.0
        while not self._ended.wait(self._stall / 4):
            seen = self._seen
            late = time.monotonic() - seen - INTERVAL
            if late > self._stall and told != seen:
                told = seen
                self.stalls += 1
                frame = sys._current_frames().get(ident)
                stack = "\n".join(where(frame))
                logger.error("the event loop has been busy for %.1f s", late, extra={"stack": stack})


def where(frame: FrameType | None) -> list[str]:
    """What a thread is doing, the innermost call last."""
    rows: list[str] = []
    while frame is not None and len(rows) < DEEP:
        rows.append(f"{frame.f_code.co_filename}:{frame.f_lineno} in {frame.f_code.co_name}")
        frame = frame.f_back
    return rows[::-1]
