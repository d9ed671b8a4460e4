"""
An aggregator at work: which partitions it has, and how it reads them.

Everybody who is at work says so, and takes its share of the partitions that nobody has; who has more gives some back.
A partition is read from its newest snapshot on, and a snapshot is made every few seconds, after which the log forgets
what that covers.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from math import ceil
from typing import NamedTuple

from rtc_exporter.app.eventlog import Claim, EngineError, EventLog, Kept, Lease, LostError, end
from rtc_exporter.app.holding import Holding, Holdings
from rtc_exporter.app.partition import Partition

logger = logging.getLogger("rtc_exporter")

#: Seconds between two rounds of renewing leases, a third of their life at most.
ROUND = 1.5
#: Seconds, and batches, after which a snapshot is made.
SNAPSHOT, BATCHES = 10.0, 10_000
#: Seconds of work on one partition before everybody else has a turn.
TURN = 0.010
#: Seconds until the engine is asked again.
AGAIN = 0.5
#: Seconds that a partition which is given back has for its last snapshot.
LEAVE = 10.0


class Hands(NamedTuple):
    """What a worker is given."""

    #: Makes an empty partition.
    make: Callable[[int], Partition]
    #: Counts what became of a batch, so many of them; and of a snapshot.
    note: Callable[[str, int], None]
    note_snapshot: Callable[[str], None]
    #: Lets go of what is remembered of a partition elsewhere.
    forget: Callable[[Partition], None]
    fault: Callable[[BaseException], None]


class Worker:
    """One process's share."""

    def __init__(self, log: EventLog, owner: str, holdings: Holdings, hands: Hands, clock: Callable[[], float]) -> None:
        self._log = log
        self._owner = owner
        self._holdings = holdings
        self._hands = hands
        self._clock = clock
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._giving: set[asyncio.Task[None]] = set()
        self._round: asyncio.Task[None] | None = None
        #: One snapshot at a time: the loop stands still while it is made.
        self._saving = asyncio.Lock()
        #: Whether there is room for more partitions than one.
        self.takes = True
        #: Whether the engine has answered, and every partition of ours is shown or another's.
        self.is_ready = False

    def start(self) -> None:
        """Begin; called on the event loop."""
        self._round = asyncio.create_task(self._work())

    async def stop(self) -> None:
        """Give everything back, with a snapshot each, so that others go on at once."""
        if self._round is not None:
            await end(self._round)
        await asyncio.gather(*(self._give_back(partition) for partition in list(self._tasks)))

    # ── shares

    async def _work(self) -> None:
        while True:
            began = time.monotonic()
            try:
                await self._look()
                self.is_ready = True
            except EngineError as exc:
                logger.warning("the engine: %s", exc)
            except Exception as exc:
                self._hands.fault(exc)
            await asyncio.sleep(max(0.05, began + ROUND - time.monotonic()))

    async def _look(self) -> None:
        """Renew, and take or give back."""
        held = self._holdings.held
        await asyncio.gather(*(self._renew(holding) for holding in list(held.values())))
        for holding in list(held.values()):
            if holding.partition is not None:
                holding.behind = max(0, await self._log.end(holding.lease.partition) - holding.partition.number)
        workers = await self._log.workers(self._owner)
        share = ceil(self._log.partitions / max(1, len(workers)))
        for partition in list(held)[share:]:
            if not held[partition].is_leaving:
                held[partition].is_leaving = True
                self._giving.add(task := asyncio.create_task(self._give_back(partition)))
                task.add_done_callback(self._giving.discard)
        free = [partition for partition in range(self._log.partitions) if partition not in held]
        place = workers.index(self._owner) if self._owner in workers else 0
        # Not all of them ask for the same first.
        begin = place * share % max(1, len(free))
        for partition in free[begin:] + free[:begin]:
            if len(held) >= share or (held and not self.takes):
                break
            lease = await self._log.lease(partition, self._owner)
            if lease is not None:
                self._take(lease)

    async def _renew(self, holding: Holding) -> None:
        partition = holding.lease.partition
        try:
            holding.lease = await self._log.renew(holding.lease, self._owner)
        except LostError as exc:
            logger.warning("partition %s is another's now: %s", partition, exc)
            await self._drop(partition)
        except EngineError:
            if time.monotonic() >= holding.lease.until:
                logger.warning("partition %s: its lease has ended and could not be renewed", partition)
                await self._drop(partition)

    def _take(self, lease: Lease) -> None:
        holding = self._holdings.held[lease.partition] = Holding(lease)
        self._tasks[lease.partition] = asyncio.create_task(self._hold(holding))

    async def _drop(self, partition: int) -> None:
        """It is not ours any more."""
        holding = self._holdings.held.pop(partition, None)
        task = self._tasks.pop(partition, None)
        if task is not None and task is not asyncio.current_task():
            await end(task)
        if holding is not None and holding.partition is not None:
            self._hands.forget(holding.partition)

    async def _give_back(self, partition: int) -> None:
        """Save it, stop showing it, and let others have it."""
        holding, task = self._holdings.held.get(partition), self._tasks.get(partition)
        if holding is None or task is None:
            return
        holding.is_leaving = True
        await asyncio.wait((task,), timeout=LEAVE)
        lease = holding.lease
        await self._drop(partition)
        with contextlib.suppress(EngineError):
            await self._log.release(lease)

    # ── one partition

    async def _hold(self, holding: Holding) -> None:
        """Read it for as long as it is ours."""
        partition = holding.lease.partition
        while not holding.is_leaving:
            try:
                await self._read(holding)
                return
            except LostError as exc:
                logger.warning("partition %s is another's now: %s", partition, exc)
                await self._drop(partition)
                return
            except EngineError as exc:
                logger.warning("partition %s: %s", partition, exc)
            except Exception as exc:
                self._hands.fault(exc)
            await asyncio.sleep(AGAIN)

    async def _read(self, holding: Holding) -> None:
        log, number = self._log, holding.lease.partition
        first = await log.claim(number, self._owner)
        claim: Claim | None = first
        counts = await self._restored(number, first.kept)
        # From here on nobody else can save anything; what others may have shown is in the log by now.
        holding.partition, holding.target = counts, await log.end(number)
        logger.info("partition %s: from batch %s on, %s are stored", number, counts.number, holding.target)
        # Partitions that were taken together do not all save together.
        saved, since = counts.number, time.monotonic() - SNAPSHOT * number / log.partitions
        while True:
            is_last = holding.is_leaving
            try:
                if not is_last:
                    await self._take_some(holding, counts)
                is_due = time.monotonic() - since >= SNAPSHOT or counts.number - saved >= BATCHES
                if (is_due or is_last) and counts.number > saved:
                    # What was not answered may have been done.
                    held, claim = claim or await self._claim_again(holding, counts), None
                    claim = await self._save(number, held, counts)
                    saved, since = counts.number, time.monotonic()
            except LostError:
                raise
            except EngineError as exc:
                logger.warning("partition %s: %s", number, exc)
                await asyncio.sleep(AGAIN)
            if is_last:
                return

    async def _claim_again(self, holding: Holding, counts: Partition) -> Claim:
        """After a snapshot of which nobody knows whether it was stored."""
        if not holding.is_ours:
            raise LostError("its lease has ended")
        claim = await self._log.claim(holding.lease.partition, self._owner)
        if claim.kept.number > counts.number:
            raise LostError("another has gone on")
        return claim

    async def _take_some(self, holding: Holding, counts: Partition) -> None:
        """What is next in the log; where nothing is, time passes."""
        number = holding.lease.partition
        batches = await self._log.read(number, counts.number)
        turn = time.monotonic()
        for batch in batches:
            outcomes = counts.take(batch.number, batch.payload)
            for outcome, times in outcomes.items():
                self._hands.note(outcome, times)
            if "lost" in outcomes:
                logger.error("partition %s: %s batches are gone that nobody has read", number, outcomes["lost"])
            if time.monotonic() - turn > TURN:
                await asyncio.sleep(0)
                turn = time.monotonic()
        if not batches and counts.number >= holding.target:
            counts.wait(self._clock())

    async def _restored(self, number: int, kept: Kept) -> Partition:
        counts = self._hands.make(number)
        counts.number = kept.number
        if not kept.number:
            return counts
        outcome = "begun_anew"
        if kept.made_by == counts.made_by:
            try:
                await asyncio.to_thread(counts.thaw, kept.number, kept.state)
                outcome = "restored"
            except ValueError as exc:
                self._hands.fault(exc)
                counts = self._hands.make(number)
                counts.number = kept.number
        if outcome == "begun_anew":
            logger.warning(
                "partition %s: its snapshot is of another version or other settings, counts begin anew", number
            )
        self._hands.note_snapshot(outcome)
        return counts

    async def _save(self, number: int, claim: Claim, counts: Partition) -> Claim:
        """Make a snapshot, and let the log forget what it covers."""
        try:
            async with self._saving:
                kept = Kept(counts.number, counts.made_by, counts.freeze())
                claim = await self._log.save(number, claim, kept)
        except LostError:
            raise
        except EngineError:
            self._hands.note_snapshot("failed")
            raise
        self._hands.note_snapshot("saved")
        await self._log.trim(number, kept.number)
        return claim
