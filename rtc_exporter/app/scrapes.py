"""
Expositions as they are asked for: one is rendered at a time, and whoever asks for the same within a second gets it.

Two Prometheus servers that scrape the same exporter do so at the same time more often than not, and an attacker
may ask a hundred times a second.  What was rendered is in memory until the second is over and the slowest has it:
the renderer waits for nobody's network, or one that does not read would keep the others from their samples.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from math import inf
from typing import NamedTuple

from rtc_exporter.export import prometheus
from rtc_exporter.metric import Tier
from rtc_exporter.wire.acknowledged import Client

#: Seconds for which an exposition is given to others as well.
SHARED = 1.0

#: Who asked whether we are ready, or scraped, in so many seconds will do so again.
LATELY = 120.0
#: Pauses between scrapes of which the longest counts: two servers scrape soon after each other, and then not for long.
PAUSES = 4


def _always() -> bool:
    return True


class Key(NamedTuple):
    """What was asked for."""

    tier: Tier | None
    exposition: prometheus.Exposition


class Rendering:
    """One exposition in the making."""

    def __init__(self, started: float) -> None:
        self.started = started
        #: What clients are told once somebody has read it.
        self.owed: list[tuple[Client, str]] = []
        #: Whether all that it shows is still this process's to show.
        self.is_ours: Callable[[], bool] = _always
        self._chunks: list[bytes] = []
        self._is_done = False
        self._error: BaseException | None = None
        self._more = asyncio.Event()

    async def run(self, chunks: Iterator[bytes]) -> None:
        """Render; whoever waits has a turn after each chunk."""
        try:
            for chunk in chunks:
                if chunk:
                    self._chunks.append(chunk)
                    self._tell()
                await asyncio.sleep(0)
        except Exception as exc:
            self._error = exc
        self._is_done = True
        self._tell()

    def _tell(self) -> None:
        self._more.set()
        self._more = asyncio.Event()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        position = 0
        while True:
            while position < len(self._chunks):
                position += 1
                yield self._chunks[position - 1]
            if self._error is not None:
                raise self._error
            if self._is_done:
                return
            await self._more.wait()


class Rhythm:
    """How often somebody scrapes, so that the end of the process can wait for the next time."""

    def __init__(self) -> None:
        self._last = -inf
        self._pauses: deque[float] = deque(maxlen=PAUSES)

    def note(self, now: float) -> None:
        """Somebody has scraped."""
        if now - self._last < LATELY:
            self._pauses.append(now - self._last)
        else:
            self._pauses.clear()
        self._last = now

    def pause(self, now: float) -> float:
        """Seconds from one scrape to the next, at the longest; infinity where none is to be expected."""
        return max(self._pauses, default=inf) if now - self._last < LATELY else inf


class Scrapes:
    """Who asks, and what there is."""

    def __init__(
        self,
        render: Callable[[Key], Iterator[bytes]],
        owed: Callable[[Key], list[tuple[Client, str]]],
        watch: Callable[[], Callable[[], bool]],
        clock: Callable[[], float],
        shared: float = SHARED,
    ) -> None:
        self._render = render
        self._owed = owed
        self._watch = watch
        self._shared = shared
        self._clock = clock
        self._lock = asyncio.Lock()
        self._fresh: dict[Key, Rendering] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def get(self, key: Key) -> tuple[Rendering, bool]:
        """The exposition, and whether somebody else has asked for it before."""
        known = self._fresh.get(key)
        if known is not None:
            return known, True
        rendering = self._fresh[key] = Rendering(self._clock())
        task = asyncio.create_task(self._run(key, rendering))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return rendering, False

    async def _run(self, key: Key, rendering: Rendering) -> None:
        async with self._lock:
            rendering.started, rendering.owed, rendering.is_ours = self._clock(), self._owed(key), self._watch()
            await rendering.run(self._render(key))
        if self._shared:
            asyncio.get_running_loop().call_later(self._shared, self._forget, key, rendering)
        else:
            self._forget(key, rendering)

    def renew(self) -> None:
        """Something has changed that everybody shall see: what was rendered is given to nobody else."""
        self._fresh.clear()

    def _forget(self, key: Key, rendering: Rendering) -> None:
        if self._fresh.get(key) is rendering:
            del self._fresh[key]
