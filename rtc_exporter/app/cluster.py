"""
The engine in this process: how it is reached, and an edge's way to it.
"""

import asyncio
import contextlib
import importlib
import logging
import secrets
from collections.abc import Callable

from rtc_exporter.app.edge import Edge
from rtc_exporter.app.eventlog import EngineError, EventLog, end
from rtc_exporter.app.outbox import Outbox
from rtc_exporter.config import Config
from rtc_exporter.errors import ConfigError
from rtc_exporter.tenants import Tenants

logger = logging.getLogger("rtc_exporter")

#: Seconds between two attempts to reach the engine.
AGAIN = 1.0
#: Seconds that an edge that ends has to store what it took.
LAST = 5.0


def owner() -> str:
    """A name for this process that nobody else has had."""
    return secrets.token_hex(8)


def log_of(config: Config, name: str) -> EventLog:
    """The engine that the settings name: by name, since nats-py is an extra."""
    engine = config.engine
    jetstream = importlib.import_module("rtc_exporter.app.jetstream")
    settings = jetstream.Settings(
        engine.servers, engine.name, engine.partitions, engine.replicas, int(engine.log_bytes),
        engine.credentials_file, engine.ca_file,
    )  # fmt: skip
    log: EventLog = jetstream.JetStream(settings, name)
    return log


async def reach(log: EventLog, fail: Callable[[ConfigError], None]) -> bool:
    """Start it, however long that takes; False where the settings and what is there do not agree."""
    last = ""
    while True:
        try:
            await log.start()
        except ConfigError as exc:
            fail(exc)
            return False
        except EngineError as exc:
            if str(exc) != last:
                logger.warning("the engine is not there yet: %s", exc)
            last = str(exc)
            await asyncio.sleep(AGAIN)
        else:
            return True


class Way:
    """An edge's way to the engine, from start to end."""

    def __init__(
        self, config: Config, tenants: Tenants, clock: Callable[[], float], log: EventLog | None = None
    ) -> None:
        name = owner()
        self._log = log or log_of(config, name)
        own, most = tenants.own, int(config.engine.waiting_bytes)

        def note(outcome: str) -> None:
            own.count("rtc.exporter.engine.batches", (outcome,), now=clock())

        self.outbox = Outbox(self._log, name, clock, most, note)
        interval = config.metrics.fold_interval if config.engine.gather else 0.0
        self.edge = Edge(tenants, self.outbox, config.bounds, config.participants.expiry, interval)
        #: Whether the engine was reached; and why not, where that is for good.
        self.is_up = False
        self.error: ConfigError | None = None
        self._reaching: asyncio.Task[None] | None = None

    def start(self, stop: Callable[[], None]) -> None:
        """Begin; called on the event loop.  ``stop``: it is no use to go on."""
        self._reaching = asyncio.create_task(self._reach(stop))

    async def _reach(self, stop: Callable[[], None]) -> None:
        def fail(error: ConfigError) -> None:
            logger.error("%s", error)
            self.error = error
            stop()

        self.is_up = await reach(self._log, fail)
        if self.is_up:
            self.outbox.start()

    async def stop(self) -> None:
        """Store what is left, and disconnect."""
        if self._reaching is not None:
            await end(self._reaching)
        await self.outbox.stop(LAST if self.is_up else 0.0)
        with contextlib.suppress(EngineError):
            await self._log.stop()
        if self.outbox.stored < self.outbox.taken:
            logger.warning("%d entries were not stored and are lost", self.outbox.taken - self.outbox.stored)
