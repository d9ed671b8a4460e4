"""
What an edge has taken and the engine does not have yet.

Each partition has a lane: entries in order, closed to batches by size or after a moment, of which one at a time is
under way, so that nothing overtakes, however often it has to be sent again.  Who has to be told that something is
stored is told when all that came before it is.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from hashlib import blake2b
from typing import NamedTuple

from rtc_exporter.app import entries
from rtc_exporter.app.eventlog import EngineError, EventLog, FullError, end

#: Seconds that an entry waits for others; and bytes, before compression, with which a batch is closed at once.
LINGER = 0.1
BATCH = 256 << 10
#: Seconds without a batch after which an edge says to a partition that it is there.
BEAT = 10.0
#: Seconds until a batch is sent again, at first and at most.
PAUSE, LONGEST = 0.1, 1.0
#: Shares of the room with which what can be done without is left out, and with which what somebody waits for, and was
#: begun while there was room, is refused midway.
SCARCE, MOST = 0.5, 2.0


class Closed(NamedTuple):
    """A batch."""

    number: int
    payload: bytes
    #: The place of its first entry among all entries of the edge.
    first: int


class Lane:
    """What waits for one partition."""

    def __init__(self, partition: int) -> None:
        self.partition = partition
        self.lines: list[bytes] = []
        self.size = 0
        self.closed: deque[Closed] = deque()
        #: The place of the oldest entry that is not stored.
        self.oldest: int | None = None
        #: The place of the first entry that is in no batch yet.
        self.first = 0
        self.batches = 0
        self.is_due = asyncio.Event()
        self.is_full = asyncio.Event()
        self.sent = 0.0


class Outbox:
    """All lanes of one edge."""

    def __init__(
        self, log: EventLog, edge: str, clock: Callable[[], float], most: int, note: Callable[[str], None]
    ) -> None:
        """``most``: bytes that may wait; ``note`` counts what became of a batch."""
        self._log = log
        self._edge = edge
        self._clock = clock
        self._most = most
        self._note = note
        self._lanes = [Lane(partition) for partition in range(log.partitions)]
        self._waiting: deque[tuple[int, Callable[[], None]]] = deque()
        self._tasks: list[asyncio.Task[None]] = []
        self._is_ending = False
        #: Entries taken so far, and up to where all are stored.
        self.taken = self.stored = 0
        #: Bytes that wait.
        self.held = 0

    @property
    def partitions(self) -> int:
        """How many there are."""
        return len(self._lanes)

    @property
    def is_scarce(self) -> bool:
        """Whether what can be done without has no room."""
        return self.held >= self._most * SCARCE

    @property
    def is_full(self) -> bool:
        """Whether nothing has room."""
        return self.held >= self._most

    @property
    def is_over(self) -> bool:
        """Whether there is more than should ever be."""
        return self.held >= self._most * MOST

    # ── what comes in

    def put(self, tenant: str, session: str, line: bytes) -> None:
        """Take an entry about a session: what is about the same goes in order."""
        lane = self._lanes[partition_of(tenant, session, len(self._lanes))]
        if lane.lines and lane.size + len(line) > BATCH:
            # What is too large for the engine has a batch of its own, and is nobody else's loss.
            self._close(lane)
            lane.is_full.set()
        self.taken += 1
        if not lane.lines:
            lane.first = self.taken
        lane.oldest = self.taken if lane.oldest is None else lane.oldest
        lane.lines.append(line)
        lane.size += len(line)
        self.held += len(line)
        if lane.size >= BATCH:
            self._close(lane)
            lane.is_full.set()
        lane.is_due.set()

    def when_stored(self, tell: Callable[[], None]) -> None:
        """Call when all that was taken so far is stored: now, if it is."""
        if self.stored >= self.taken:
            tell()
        else:
            self._waiting.append((self.taken, tell))

    # ── what goes out

    def start(self) -> None:
        """Begin to send."""
        self._tasks = [asyncio.create_task(self._send(lane)) for lane in self._lanes]

    async def stop(self, patience: float) -> None:
        """Send what is there, for so many seconds at most."""
        self._is_ending = True
        for lane in self._lanes:
            lane.is_full.set()
            lane.is_due.set()
        done = asyncio.Event()
        self.when_stored(done.set)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await done.wait()
        await asyncio.gather(*map(end, self._tasks))

    def beat(self) -> None:
        """Now and then: say to the partitions that have not heard of this edge that it is there."""
        now = self._clock()
        for lane in self._lanes:
            if now - lane.sent >= BEAT and not lane.closed and not lane.lines:
                lane.sent = now
                self._close(lane)
                lane.is_full.set()
                lane.is_due.set()

    async def _send(self, lane: Lane) -> None:
        while True:
            await lane.is_due.wait()
            lane.is_due.clear()
            if not lane.closed and not self._is_ending:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(LINGER):
                        await lane.is_full.wait()
            lane.is_full.clear()
            while lane.closed or lane.lines:
                if not lane.closed:
                    self._close(lane)
                await self._store(lane, lane.closed[0])

    def _close(self, lane: Lane) -> None:
        """Make a batch of what waits; of nothing too, which says that the edge is there."""
        lane.batches += 1
        payload = entries.pack(entries.Head(self._edge, lane.batches, self._clock()), lane.lines)
        lane.closed.append(Closed(lane.batches, payload, lane.first))
        self.held += len(payload) - lane.size
        lane.lines, lane.size = [], 0

    async def _store(self, lane: Lane, batch: Closed) -> None:
        pause, payload = PAUSE, batch.payload
        if len(payload) > self._log.largest:
            # A client's report of megabytes.  An empty batch takes its place: numbers have no gaps.
            self._note("too_large")
            payload = entries.pack(entries.Head(self._edge, batch.number, self._clock()), ())
        while True:
            try:
                await self._log.publish(lane.partition, f"{self._edge}:{lane.partition}:{batch.number}", payload)
            except EngineError as exc:
                self._note("refused" if isinstance(exc, FullError) else "failed")
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST)
            else:
                self._note("stored")
                break
        lane.sent = self._clock()
        lane.closed.popleft()
        self.held -= len(batch.payload)
        lane.oldest = lane.closed[0].first if lane.closed else lane.first if lane.lines else None
        self.stored = min((lane.oldest for lane in self._lanes if lane.oldest is not None), default=self.taken + 1) - 1
        while self._waiting and self._waiting[0][0] <= self.stored:
            self._waiting.popleft()[1]()


def partition_of(tenant: str, session: str, partitions: int) -> int:
    """Where a session goes, for as long as there are so many partitions."""
    digest = blake2b(f"{tenant}\0{session}".encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") % partitions
