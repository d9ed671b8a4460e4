"""
What is given up when memory runs short, and in which order: new clients first, then reports, then the heaviest clients.

The kernel ends a process that goes over the limit of its control group, and with it everybody's call; so less is taken
long before.  Events are kept: there are few of them, and they say what went wrong.  A stage ends when there is five
percent less than where it began, so that it does not come and go, and everything comes back by itself.

CPython and the C library keep freed memory for later, and a process that was full once would look full for ever.
So what is free is given back to the system while a stage lasts; and what CPython keeps because something small is
still alive in between is not counted: it is there for whoever comes next (measured: 600 participants of a call of four
took 37 MiB, and of those 37 stayed when they had gone; the next 600 fitted in).
"""

import ctypes
import gc
import logging
import sys
import time
from collections.abc import Callable, Collection, Iterable
from enum import IntEnum
from heapq import nlargest
from pathlib import Path
from typing import Protocol

from rtc_exporter.series import SeriesStore
from rtc_exporter.sessions import Participant

logger = logging.getLogger("rtc_exporter")

PAGE = 4096
#: Bytes that each small object brought along, with the larger ones beside it, at most: 90 to 130 were measured.
BLOCK = 160
#: About what a stats object takes with all that hangs on it: 45 kB for the 35 objects of a call of two.
OBJECT = 1300
#: Seconds between two rounds of giving back: looking through everything takes time from everybody.
ROUND = 5.0
#: Without a limit on either, the kernel of version 1 shows a number about as large as an address.
ENDLESS = 1 << 60
#: Where the limit of our own control group is: version 2, and version 1.
LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


class Stage(IntEnum):
    """How short memory is."""

    NORMAL = 0
    #: Whoever is not here yet is refused.
    REFUSE = 1
    #: Reports are dropped, events are kept.
    SHED = 2
    #: Those that cost most are closed.
    CLOSE = 3


#: Share of the limit at which a stage begins, and by how much less it ends.
BEGINS = {Stage.REFUSE: 0.70, Stage.SHED: 0.80, Stage.CLOSE: 0.85}
HYSTERESIS = 0.05


def weight(participants: Iterable[Participant | None]) -> int:
    """About how many bytes are held for them."""
    several = (each for participant in participants if participant for each in participant.peer_connections.values())
    return sum(OBJECT * (1 + len(each.report.stats if each.report else ())) for each in several)


class Pressure:
    """The stage that memory is in."""

    def __init__(
        self,
        limit: int,
        held: Callable[[], int],
        blocks: Callable[[], int] = sys.getallocatedblocks,
        forget: Callable[[], None] = lambda: None,
    ) -> None:
        """
        ``limit`` in bytes, 0 for none; ``held`` says how many the process has, ``blocks`` how many small objects.

        ``forget`` lets go of some of what nobody needs, and is called again where that was not enough.
        """
        self.limit = limit
        self._held = held
        self._blocks = blocks
        self._forget = forget
        #: Bytes that the process has, and those of them that it can use again.
        self.held = self.reusable = 0
        self._least: tuple[int, int] | None = None
        self._most_held = self._most_blocks = 0
        self.stage = Stage.NORMAL
        self._next = 0.0

    def tick(self, now: float) -> Stage:
        """Look, once a second; ``now`` is a monotonic clock."""
        self._look()
        if self.limit:
            if (self._reached() or self.stage) and now >= self._next:
                self._next = now + ROUND
                self._forget()
                give_back()
                self._look()
            self.stage = self._reached()
        return self.stage

    def _look(self) -> None:
        self.held, blocks = self._held(), self._blocks()
        self._most_held, self._most_blocks = max(self._most_held, self.held), max(self._most_blocks, blocks)
        if self._least is None:
            self._least = self.held, blocks
        # Where objects were, objects can be, unless their memory was given back meanwhile.
        grown, more = self._most_held - self._least[0], max(1, self._most_blocks - self._least[1])
        free = int((self._most_blocks - blocks) * min(BLOCK, grown / more)) - (self._most_held - self.held)
        self.reusable = max(0, min(free, self.held))

    def _reached(self) -> Stage:
        return max(stage for stage in Stage if stage is Stage.NORMAL or self.used >= self._bar(stage))

    @property
    def used(self) -> int:
        """Bytes that are in use."""
        return self.held - self.reusable

    def _bar(self, stage: Stage) -> float:
        """Where a stage begins, or ends if it lasts."""
        return self.limit * (BEGINS[stage] - (HYSTERESIS if self.stage >= stage else 0.0))

    @property
    def excess(self) -> int:
        """Bytes to be given up for the last stage to end."""
        return max(0, self.used - int(self.limit * (BEGINS[Stage.CLOSE] - HYSTERESIS))) if self.limit else 0


def look(pressure: Pressure, store: SeriesStore, now: float) -> Stage:
    """Once a second: see how short memory is, and say so."""
    before, stage = pressure.stage, pressure.tick(time.monotonic())
    if stage is not before:
        used, limit = pressure.used >> 20, pressure.limit >> 20
        logger.warning("memory: %s, %d of %d MiB", stage.name.lower(), used, limit)
    store.set("rtc.exporter.memory.usage", (), pressure.held, now)
    store.set("rtc.exporter.memory.reusable", (), pressure.reusable, now)
    store.set("rtc.exporter.memory.limit", (), pressure.limit, now)
    store.set("rtc.exporter.memory.stage", (), stage, now)
    return stage


def resident() -> int:
    """Bytes that this process holds in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE


def limit_of_group() -> int:
    """The limit that the kernel has set for our control group; 0 where there is none."""
    for name in LIMITS:
        try:
            text = Path(name).read_text().strip()
        except OSError:
            continue
        if text.isdecimal() and int(text) < ENDLESS:
            return int(text)
    return 0


def give_back() -> None:
    """Collect what is unreachable, and give free memory back to the system."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc alone has it
    if trim is not None:
        trim(0)


class Heavy(Protocol):
    """What can be closed to have its memory back."""

    @property
    def weight(self) -> int:
        """About how many bytes are held for it."""

    def lighten(self) -> int:
        """Close it; about how many bytes that gives back."""


def lighten(several: Collection[Heavy], excess: int) -> None:
    """Close the heaviest until about so many bytes are given back: a tenth of all at a time."""
    most = max(1, len(several) // 10)
    for heavy in nlargest(most, several, key=lambda heavy: heavy.weight):
        if excess <= 0:
            break
        excess -= heavy.lighten()
