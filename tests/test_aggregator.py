"""An aggregator as a process: what it does where memory runs short."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

from rtc_exporter.app import entries
from rtc_exporter.app.aggregator import Aggregator
from rtc_exporter.app.entries import Head
from rtc_exporter.app.eventlog import InProcess
from rtc_exporter.app.memory import Pressure
from rtc_exporter.config import Config
from rtc_exporter.model import Event, ParticipantKey, PeerConnectionKey
from tests.patience import PATIENCE

NOW = 1_795_171_686.0
MIB = 1 << 20
SETTINGS = {"engine.role": "aggregate", "engine.servers": "nats://nobody:1", "admin.listen": "127.0.0.1:0"}


def squeeze(aggregator: Aggregator, share: float) -> None:
    """Let it believe that so much of its limit is held."""
    aggregator._pressure = Pressure(1000 * MIB, lambda: int(share * 1000) * MIB, lambda: 1000)
    aggregator._relieve(NOW)


async def until(condition: Callable[[], object]) -> None:
    """Wait for something that is about to happen."""
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def aggregating(log: InProcess) -> AsyncIterator[Aggregator]:
    """One that has looked for work."""
    aggregator, ready = Aggregator(Config.load(SETTINGS, {}), log, clock=lambda: NOW), asyncio.Event()
    task = asyncio.create_task(aggregator.run(ready.set))
    try:
        async with asyncio.timeout(PATIENCE):
            await ready.wait()
        yield aggregator
    finally:
        aggregator.stop()
        await task


def test_short_memory_lets_nobody_in_who_is_not_here_yet() -> None:
    """Whoever is here goes on, others are refused and counted, and afterwards everybody may come."""

    async def scenario() -> None:
        log = InProcess(1)
        async with aggregating(log) as aggregator:
            number = 0

            async def tell(name: str, event: str) -> None:
                nonlocal number
                number += 1
                key = PeerConnectionKey("room", name, "PC_0")
                line = entries.line("", NOW + number, Event(key, NOW + number, event, {}), None)
                await log.publish(0, f"e:{number}", entries.pack(Head("e", number, NOW), [line]))
                await until(lambda: aggregator.holdings.held[0].partition.number == number)  # type: ignore[union-attr]

            def here() -> set[str]:
                return {key.participant for key in aggregator.holdings.sessions()[""].participants}

            def value(name: str, *labels: str) -> float:
                slots = [
                    family.series.get(labels) for family in aggregator.holdings.families() if family.metric.name == name
                ]
                return sum(getattr(slot, "value", 0.0) for slot in slots if slot is not None)

            await until(lambda: aggregator.holdings.shown())
            await tell("ann", "create")
            squeeze(aggregator, 0.72)
            await tell("bob", "create")
            await tell("ann", "close")

            assert here() == {"ann"}
            assert value("rtc.exporter.reports.dropped", "no_memory") == 1
            assert value("rtc.exporter.memory.stage") == 1
            connection = aggregator.holdings.sessions()[""].participants[ParticipantKey("room", "ann")]
            assert not connection.is_connected, "what was told of who is here is taken"

            squeeze(aggregator, 0.5)
            await tell("bob", "create")

            assert here() == {"ann", "bob"}
            assert value("rtc.exporter.memory.stage") == 0

    asyncio.run(scenario())


def test_what_is_remembered_is_measured() -> None:
    """As at one process: how much it is, and what no longer is."""

    async def scenario() -> None:
        async with aggregating(InProcess(1)) as aggregator:
            store = aggregator.pipeline.store
            for name in ("sessions", "usage", "dropped"):
                family = store.family(f"rtc.exporter.history.{name}")
                assert family is not None
                await until(lambda family=family: family.series)  # type: ignore[misc]

    asyncio.run(scenario())


def test_short_memory_takes_no_more_partitions_than_one() -> None:
    """What one gave up would go to the next, and so on until all had ended of it; alone, one partition goes on."""

    async def scenario() -> None:
        log = InProcess(3)
        async with aggregating(log) as aggregator:
            await until(lambda: len(aggregator.holdings.held) == 3)
            squeeze(aggregator, 0.72)
            for partition in (0, 1, 2):
                await aggregator.worker._give_back(partition)
            await aggregator.worker._look()
            await aggregator.worker._look()

            assert len(aggregator.holdings.held) == 1

            squeeze(aggregator, 0.5)
            await aggregator.worker._look()

            assert len(aggregator.holdings.held) == 3

    asyncio.run(scenario())
