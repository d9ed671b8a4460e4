"""
The engine as the exporter needs it: a log in partitions, a place for snapshots, and leases.

Edges append to it, and the one aggregator that has a partition's lease reads it in order.  ``jetstream`` has the one
for several machines; the one here lives and dies with the process, and serves tests and benchmarks as the plainest
engine there is.

A snapshot says up to which batch it goes.  Who takes a partition over *claims* its snapshot first, and from then on
whoever had it before can write none: leases say who should work, claims who may.
"""

import asyncio
import contextlib
import time
from typing import NamedTuple, Protocol

from rtc_exporter.errors import RtcExporterError

#: Seconds that a reader waits for news before it is told that there is none.
WAIT = 1.0


class EngineError(RtcExporterError):
    """The engine does not answer, or not in time: the same can be asked again."""


class FullError(EngineError):
    """The engine has no room for more: what is stored stays."""


class LostError(EngineError):
    """Somebody else has it now."""


class Batch(NamedTuple):
    """What is stored under one number; numbers of a partition have no gaps."""

    number: int
    payload: bytes


class Kept(NamedTuple):
    """A snapshot: who made it, up to which batch it goes, and with what it can be read."""

    number: int = 0
    made_by: str = ""
    state: bytes = b""


class Claim(NamedTuple):
    """The right to write a partition's snapshots, until somebody else claims it."""

    revision: int
    kept: Kept


class Lease(NamedTuple):
    """The right to read a partition."""

    partition: int
    revision: int
    #: When it ends unless it is renewed, on the monotonic clock.
    until: float


class EventLog(Protocol):
    """What an engine can do.  All methods raise ``EngineError`` where it does not answer."""

    partitions: int
    #: Bytes that one batch may have.
    largest: int

    async def start(self) -> None:
        """Connect, and make what is not there yet."""

    async def stop(self) -> None:
        """Disconnect."""

    async def publish(self, partition: int, ident: str, payload: bytes) -> None:
        """Append; returns when it is stored.  The same ``ident`` within two minutes is stored once."""

    async def end(self, partition: int) -> int:
        """The number of the newest batch; 0 where there was none."""

    async def read(self, partition: int, after: int) -> list[Batch]:
        """Some of the batches after this number, from the next that there is; waits a little for the first."""

    async def trim(self, partition: int, number: int) -> None:
        """Forget all batches up to this number."""

    async def claim(self, partition: int, owner: str) -> Claim:
        """The newest snapshot, and from now on the right to replace it."""

    async def save(self, partition: int, claim: Claim, kept: Kept) -> Claim:
        """Replace it; raises ``LostError`` where somebody else has claimed it."""

    async def lease(self, partition: int, owner: str) -> Lease | None:
        """Take a partition, if nobody has it."""

    async def renew(self, lease: Lease, owner: str) -> Lease:
        """Keep it; raises ``LostError``."""

    async def release(self, lease: Lease) -> None:
        """Give it back."""

    async def workers(self, owner: str) -> list[str]:
        """Say that this one is at work; everybody who is, in order."""


class InProcess:
    """An engine of this process alone."""

    largest = 1 << 20

    def __init__(self, partitions: int = 1, ttl: float = 5.0) -> None:
        self.partitions = partitions
        self._ttl = ttl
        self._batches: list[list[Batch]] = [[] for _ in range(partitions)]
        self._ends = [0] * partitions
        self._idents: list[dict[str, int]] = [{} for _ in range(partitions)]
        self._claims = [Claim(0, Kept()) for _ in range(partitions)]
        self._leases: dict[str, tuple[str, int, float]] = {}
        self._news = asyncio.Event()
        self._revision = 0
        #: Whether it answers.
        self.is_up = True

    async def start(self) -> None:
        """Nothing to do."""

    async def stop(self) -> None:
        """Nothing to do."""

    def _ask(self) -> None:
        if not self.is_up:
            raise EngineError("the engine is down")

    async def publish(self, partition: int, ident: str, payload: bytes) -> None:
        """See ``EventLog``."""
        self._ask()
        if ident not in self._idents[partition]:
            self._ends[partition] += 1
            self._idents[partition][ident] = self._ends[partition]
            self._batches[partition].append(Batch(self._ends[partition], payload))
            self._news.set()
            self._news = asyncio.Event()

    async def end(self, partition: int) -> int:
        """See ``EventLog``."""
        self._ask()
        return self._ends[partition]

    async def read(self, partition: int, after: int) -> list[Batch]:
        """See ``EventLog``."""
        self._ask()
        news = self._news
        found = [batch for batch in self._batches[partition] if batch.number > after]
        if not found:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(WAIT):
                    await news.wait()
        return found

    async def trim(self, partition: int, number: int) -> None:
        """See ``EventLog``."""
        self._ask()
        self._batches[partition] = [batch for batch in self._batches[partition] if batch.number > number]

    async def claim(self, partition: int, owner: str) -> Claim:
        """See ``EventLog``."""
        self._ask()
        self._claims[partition] = claim = self._claims[partition]._replace(revision=self._next())
        return claim

    async def save(self, partition: int, claim: Claim, kept: Kept) -> Claim:
        """See ``EventLog``."""
        self._ask()
        if self._claims[partition].revision != claim.revision:
            raise LostError(f"partition {partition} was claimed")
        self._claims[partition] = saved = Claim(self._next(), kept)
        return saved

    async def lease(self, partition: int, owner: str) -> Lease | None:
        """See ``EventLog``."""
        self._ask()
        now, key = time.monotonic(), str(partition)
        if key in self._leases and self._leases[key][2] > now:
            return None
        self._leases[key] = (owner, self._next(), now + self._ttl)
        return Lease(partition, self._revision, now + self._ttl)

    async def renew(self, lease: Lease, owner: str) -> Lease:
        """See ``EventLog``."""
        self._ask()
        now, key = time.monotonic(), str(lease.partition)
        if key not in self._leases or self._leases[key][1] != lease.revision or self._leases[key][2] <= now:
            raise LostError(f"partition {lease.partition} is another's")
        self._leases[key] = (owner, self._next(), now + self._ttl)
        return Lease(lease.partition, self._revision, now + self._ttl)

    async def release(self, lease: Lease) -> None:
        """See ``EventLog``."""
        if self._leases.get(str(lease.partition), ("", 0, 0.0))[1] == lease.revision:
            del self._leases[str(lease.partition)]

    async def workers(self, owner: str) -> list[str]:
        """See ``EventLog``."""
        self._ask()
        now = time.monotonic()
        self._leases[f"worker {owner}"] = (owner, self._next(), now + self._ttl)
        return sorted(
            {who for key, (who, _, until) in self._leases.items() if key.startswith("worker") and until > now}
        )

    def _next(self) -> int:
        self._revision += 1
        return self._revision


async def end(task: asyncio.Task[None]) -> None:
    """Cancel a task until it ends: before Python 3.12, ``wait_for`` may lose one cancellation."""
    while not task.done():
        task.cancel()
        await asyncio.wait((task,), timeout=WAIT)
