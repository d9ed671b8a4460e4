"""
The process that counts what edges have put into an engine: a worker, and the listener for operators.

It looks to operators as the whole program does, but that its series carry the partition that they are of (``shard``):
they go on in another process where this one ends.
"""

import asyncio
import logging
import platform
import signal
from collections.abc import Callable
from dataclasses import replace

from rtc_exporter import __version__, logs
from rtc_exporter.app import memory, protocols
from rtc_exporter.app.admin import Admin
from rtc_exporter.app.cluster import log_of, owner, reach
from rtc_exporter.app.eventlog import EngineError, EventLog, end
from rtc_exporter.app.garbage import collect_less
from rtc_exporter.app.holding import Holdings
from rtc_exporter.app.intake import Intake
from rtc_exporter.app.listener import Listener, bind, bound
from rtc_exporter.app.memory import Pressure, Stage
from rtc_exporter.app.notify import Notify
from rtc_exporter.app.partition import Partition
from rtc_exporter.app.parts import archive_of, pipeline_settings, push, remember, tenants_of
from rtc_exporter.app.scrapes import SHARED
from rtc_exporter.app.secured import Secured
from rtc_exporter.app.sessions import Pages
from rtc_exporter.app.watch import Watch
from rtc_exporter.app.worker import Hands, Worker
from rtc_exporter.clock import Clock
from rtc_exporter.config import Config
from rtc_exporter.errors import ConfigError
from rtc_exporter.pages.shell import Links
from rtc_exporter.pipeline import PipelineSettings
from rtc_exporter.tenants import Tenants

logger = logging.getLogger("rtc_exporter")

#: What is logged when it is ready.
READY = "rtc-exporter %s: aggregates at %s, metrics at %s://%s/metrics"
#: Seconds between two looks at what is due.
TICK = 1.0


class Aggregator:
    """The whole program in this role, from configuration to exit."""

    def __init__(
        self,
        config: Config,
        log: EventLog | None = None,
        clock: Callable[[], float] | None = None,
        shared: float = SHARED,
    ) -> None:
        """``log``: another engine than the settings name; ``shared``: as for ``Server``."""
        self._config = config
        self._clock = clock = clock or Clock()
        name = owner()
        self._log = log or log_of(config, name)
        self.archive = archive_of(config)
        self._own = Tenants(pipeline_settings(config), tenants_of(config), clock())
        self.pipeline = self._own.own
        self._intake = Intake(config, self._own)
        self.holdings = Holdings(self._own)
        hands = Hands(self._make, self._note, self._note_snapshot, self._forget, self._fault)
        self.worker = Worker(self._log, name, self.holdings, hands, clock)
        self._push = push(config, self.holdings, self._intake.fault, clock)
        links = Links(config.links.grafana, config.links.trace)
        pages = Pages(self.archive, self.holdings.sessions, links, clock)
        self._admin = Admin(self._intake, self.holdings, clock, shared, pages.routes)
        self._secured = Secured(self._admin, config.web, self._count_request, self._count_reload)
        self._socket = bind(config.admin.listen, "admin.listen")
        self.admin_address = bound(self._socket)
        forget = (lambda: None) if self.archive is None else self.archive.relieve
        self._pressure = Pressure(config.memory.limit or memory.limit_of_group(), memory.resident, forget=forget)
        self._watch = Watch(self.pipeline.store.histogram("rtc.exporter.loop.lag", (), clock()).observe)
        self._limit: logs.Limit | None = None
        self._notify = Notify()
        self._stopping = asyncio.Event()
        #: Why it has ended by itself.
        self.error: ConfigError | None = None

    # ── partitions

    def _make(self, number: int) -> Partition:
        settings = pipeline_settings(self._config, str(number))
        if settings.traces is not None:
            # Ids of spans are the partition's, whoever counts it.
            settings = replace(settings, traces=replace(settings.traces, replica=str(number)))
        return Partition(settings, self._pipelines, self._clock(), lambda exc, now: self._fault(exc))

    def _pipelines(self, settings: PipelineSettings, now: float) -> Tenants:
        listener = None if self.archive is None else self.archive.listener
        return Tenants(settings, tenants_of(self._config), now, listener)

    def _note(self, outcome: str, times: int) -> None:
        self.pipeline.count("rtc.exporter.engine.batches", (outcome,), times, now=self._clock())

    def _note_snapshot(self, outcome: str) -> None:
        self.pipeline.count("rtc.exporter.engine.snapshots", (outcome,), now=self._clock())

    def _forget(self, partition: Partition) -> None:
        """Another process has it: pages of calls say nothing of it any more."""
        for tenant in partition.tenants:
            for participant in partition.tenants[tenant].sessions.participants.values():
                if self.archive is not None:
                    self.archive.listener(tenant).forget(participant)

    def _fault(self, error: BaseException) -> None:
        self._intake.fault(error, self._clock())

    # ── life

    async def run(self, ready: Callable[[], None] | None = None) -> None:
        """Count until ``stop``; ``ready`` is called once it has looked for work."""
        self._admin.ingest_address, self._admin.admin_address = "", str(self.admin_address)
        operators = Listener(self._secured, self._socket, tls=self._secured.web.tls)
        operators.config.load()
        protocols.quiet()
        listening = asyncio.create_task(operators.listen())
        await operators.listening.wait()
        if self._push is not None:
            self._push.start()
        self._watch.start()
        build = (__version__, platform.python_version())
        self.pipeline.store.set("rtc.exporter.build.info", build, 1, self._clock())
        for file in ("settings", "web"):
            self.pipeline.store.set("rtc.exporter.config.applied.timestamp", (file,), self._clock(), self._clock())
        ticking = asyncio.create_task(self._tick(ready))
        reaching = asyncio.create_task(self._reach())
        await self._stopping.wait()
        self._notify.stopping()
        self._admin.is_ready = False
        logger.info("stopping: %s partitions", len(self.holdings.held))
        await end(reaching)
        if self._push is not None:
            self._push.tick(self._clock())  # while spans are still ours to send
        await self.worker.stop()
        ticking.cancel()
        if self._push is not None:
            await self._push.stop()
        operators.end()
        await listening
        try:
            await self._log.stop()
        except EngineError as exc:
            logger.warning("the engine: %s", exc)
        self._watch.stop()
        logger.info("stopped")

    async def _reach(self) -> None:
        def fail(error: ConfigError) -> None:
            logger.error("%s", error)
            self.error = error
            self.stop()

        if await reach(self._log, fail):
            self.worker.start()

    def stop(self, waits: bool = True) -> None:
        """Give everything back, and end."""
        self._stopping.set()

    async def _tick(self, ready: Callable[[], None] | None) -> None:
        while True:
            now = self._clock()
            try:
                self._own.tick(now)
                if self.archive is not None:
                    remember(self.archive, self.holdings.sessions(), self.pipeline.store, now)
                if self._push is not None:
                    self._push.tick(now)
                self._relieve(now)
                self._secured.look(self._config.admin.web_config_file)
                self._show(now)
            except Exception as exc:
                self._fault(exc)
            self._notify.alive()
            if self.worker.is_ready and not self._admin.is_ready and not self._stopping.is_set():
                self._admin.is_ready = True
                self.pipeline.store.set("rtc.exporter.ready", (), 1.0, now)
                self._notify.ready()
                scheme = "https" if self._secured.web.tls else "http"
                logger.info(READY, __version__, self._config.engine.name, scheme, self.admin_address)
                if ready is not None:
                    ready()
            await asyncio.sleep(TICK)

    def _relieve(self, now: float) -> None:
        """
        Where memory runs short nobody comes who is not here, and no more partitions.

        What others gave up would else go from one to the next until all had ended of it.  Reports of those who are
        here go on: they take no more memory.
        """
        is_short = memory.look(self._pressure, self.pipeline.store, now) >= Stage.REFUSE
        self.worker.takes = not is_short
        for holding in self.holdings.held.values():
            if holding.partition is not None:
                holding.partition.tenants.close(is_short)

    def _show(self, now: float) -> None:
        """Bring what others count up to date."""
        store, held = self.pipeline.store, self.holdings.held
        store.set("rtc.exporter.engine.partitions", ("configured",), self._config.engine.partitions, now)
        store.set("rtc.exporter.engine.partitions", ("held",), len(held), now)
        store.set("rtc.exporter.engine.partitions", ("shown",), len(self.holdings.shown()), now)
        store.set("rtc.exporter.engine.behind", (), sum(holding.behind for holding in held.values()), now)
        store.counter("rtc.exporter.loop.stalls", (), now).value = float(self._watch.stalls)
        if self._limit is not None:
            store.counter("rtc.exporter.log.suppressed", (), now).value = float(self._limit.suppressed)

    def _count_request(self, outcome: str) -> None:
        self.pipeline.count("rtc.exporter.admin.requests", (outcome,), now=self._clock())

    def _count_reload(self, outcome: str) -> None:
        now = self._clock()
        self.pipeline.count("rtc.exporter.config.reloads", ("web", outcome), now=now)
        if outcome == "applied":
            self.pipeline.store.set("rtc.exporter.config.applied.timestamp", ("web",), now, now)

    def log_through(self, limit: logs.Limit) -> None:
        """Show how many lines this filter leaves out."""
        self._limit = limit


async def serve(config: Config, limit: logs.Limit) -> None:
    """Run one until a signal; raises ``ConfigError`` where the engine is another's."""
    aggregator = Aggregator(config)
    aggregator.log_through(limit)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, aggregator.stop)
    # Another configuration is another aggregator's: partitions have one set of rules at a time.
    loop.add_signal_handler(signal.SIGHUP, logger.warning, "an aggregator reads its settings at its start alone")
    collect_less()
    await aggregator.run()
    if aggregator.error is not None:
        raise aggregator.error
