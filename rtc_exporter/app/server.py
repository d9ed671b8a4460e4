"""
Life of the process: bind, listen, tick, stop.

Two servers share one event loop.  On SIGTERM the process is not ready any more and waits for the balancer, if there
is one that asks; then nobody new is let in, and connections are closed over some seconds (1012: come back later),
everything that was written to them being read first.  Then everybody has left and was counted; OTLP sends what
is left, and the listener for operators stays until that was scraped.  SIGINT, from a terminal, does the same without
waiting for others, and a second signal waits for nothing.
"""

import asyncio
import contextlib
import logging
import platform
import time
from collections.abc import Callable, Mapping
from functools import partial
from math import inf

from rtc_exporter import __version__, logs
from rtc_exporter.app import memory, protocols, reload
from rtc_exporter.app.admin import Admin
from rtc_exporter.app.cluster import Way
from rtc_exporter.app.gate import Gate
from rtc_exporter.app.handed import ALONE, Handed, Order, Shard
from rtc_exporter.app.ingest import Ingest
from rtc_exporter.app.intake import Intake
from rtc_exporter.app.line import Line
from rtc_exporter.app.listener import Listener, both, bound
from rtc_exporter.app.memory import Pressure, Stage
from rtc_exporter.app.notify import Notify
from rtc_exporter.app.parts import archive_of, pipeline_settings, push, remember, tenants_of
from rtc_exporter.app.scrapes import LATELY, SHARED
from rtc_exporter.app.secured import Secured
from rtc_exporter.app.sessions import Pages
from rtc_exporter.app.sockets import CLOSING, Sockets
from rtc_exporter.app.watch import Watch
from rtc_exporter.clock import Clock
from rtc_exporter.config import Config
from rtc_exporter.errors import ConfigError
from rtc_exporter.pages.shell import Links
from rtc_exporter.sessions import Sessions
from rtc_exporter.tenants import Tenants
from rtc_exporter.webconfig import WebConfig

logger = logging.getLogger("rtc_exporter")

#: What is logged when clients may come.
READY = "rtc-exporter %s: clients at ws://%s, metrics at %s://%s/metrics"

#: Seconds between two calls of ``pipeline.tick``.
TICK = 1.0
#: Connections that are closed each second when the process stops, at least.
LEAVING = 400


class Server:
    """The whole program, from configuration to exit."""

    def __init__(
        self,
        config: Config,
        clock: Callable[[], float] | None = None,
        load: Callable[[], Config] | None = None,
        shared: float = SHARED,
        shard: Shard = ALONE,
    ) -> None:
        """``load`` reads the configuration anew; ``shared``: seconds for which a scrape is given to others too."""
        self._shard = shard
        self._config = config
        self._load = load
        wall = clock or time.time
        self._clock = clock = clock or Clock()
        self.archive = archive_of(config)
        listener = None if self.archive is None else self.archive.listener
        self.tenants = Tenants(pipeline_settings(config, shard.name), tenants_of(config), clock(), listener)
        self.pipeline = self.tenants.own
        self._way = Way(config, self.tenants, clock) if config.engine.role == "edge" else None
        edge = None if self._way is None else self._way.edge
        self.intake = Intake(config, edge or self.tenants, edge)
        self.intake.wall = wall
        self._push = push(config, self.tenants, self.intake.fault, clock)
        self._ingest_socket, self._admin_socket = shard.sockets or both(config.ingest.listen, config.admin.listen)
        self._gate = Gate(
            config.bounds,
            config.ingest.trusted_hops,
            lambda error: self.intake.refuse(error, clock()),
            lambda limit: self.pipeline.count("rtc.exporter.connections.refused", (limit,), now=clock()),
        )
        line = Line()
        self.sockets = Sockets(self.intake, self._gate, line, clock)
        self._ingest = Ingest(self.intake, self._gate, line, clock)
        pages = Pages(self.archive, self._sessions, Links(config.links.grafana, config.links.trace), clock, shard.rows)
        # Of several processes the one in front gives a scrape to others, and asks for passwords.
        self._admin = Admin(self.intake, self.tenants, clock, 0.0 if shard.name else shared, pages.routes, shard.name)
        self.ingest_address, self.admin_address = (config.ingest.listen, config.admin.listen)
        if not shard.sockets:
            self.ingest_address, self.admin_address = bound(self._ingest_socket), bound(self._admin_socket)
        web = WebConfig() if shard.name else config.web
        self._secured = Secured(self._admin, web, self._count_request, partial(self._count_reload, "web"))
        self._pressure = Pressure(self._memory, memory.resident, forget=self._forget)
        self._lag = self.pipeline.store.histogram("rtc.exporter.loop.lag", (), clock())
        self._watch = Watch(self._lag.observe)
        self._limit: logs.Limit | None = None
        self._notify = Notify()
        self._stopping, self._forced = asyncio.Event(), asyncio.Event()
        self._waits = True
        self._lingers = False

    async def run(self, ready: Callable[[], None] | None = None) -> None:
        """Serve until ``stop``; ``ready`` is called once after the first tick."""
        admin = self._admin
        admin.ingest_address, admin.admin_address = str(self.ingest_address), str(self.admin_address)
        self._listeners = (
            self._listener_for_clients(),
            Listener(self._secured, self._admin_socket, tls=self._secured.web.tls),
        )
        for listener in self._listeners:
            listener.config.load()
        protocols.quiet()
        tasks = [asyncio.create_task(listener.listen()) for listener in self._listeners]
        for listener in self._listeners:
            await listener.listening.wait()
        if self._push is not None:
            self._push.start()
        self._watch.start()
        build = (__version__, platform.python_version())
        self.pipeline.store.set("rtc.exporter.build.info", build, 1, self._clock())
        if self._way is not None:
            self._way.start(self.stop)
        for file in ("settings", "web"):
            self.pipeline.store.set("rtc.exporter.config.applied.timestamp", (file,), self._clock(), self._clock())
        ticking = asyncio.create_task(self._tick(ready))
        await self._stopping.wait()
        try:
            await self._end(tasks, ticking)
        finally:
            self._watch.stop()
        logger.info("stopped")

    def _listener_for_clients(self) -> Listener:
        shard = self._shard
        if not shard.sockets:
            return Listener(self._ingest, self._ingest_socket, self.sockets, gate=self._gate)
        orders: dict[Order, Callable[[], None]] = {
            Order.LEAVE: self.stop, Order.END: partial(self.stop, waits=False), Order.RELOAD: self.reload,
        }  # fmt: skip
        return Handed(self._ingest, self._ingest_socket, self.sockets, self._gate, orders)

    @property
    def _memory(self) -> int:
        """Bytes that this process may hold."""
        return (self._config.memory.limit or memory.limit_of_group()) // self._shard.processes

    @property
    def error(self) -> ConfigError | None:
        """Why it has ended by itself."""
        return None if self._way is None else self._way.error

    # ── the end

    def stop(self, waits: bool = True) -> None:
        """Stop; called again, stop waiting for whatever is still under way.  ``waits``: for others to take notice."""
        if self._stopping.is_set():
            self._forced.set()
            for listener in self._listeners:
                listener.force()
            if self._push is not None:
                self._push.hurry()
        self._waits = waits
        self._stopping.set()

    async def _end(self, tasks: list[asyncio.Task[None]], ticking: asyncio.Task[None]) -> None:
        clients, operators = self._listeners
        shutdown, admin = self._config.shutdown, self._admin
        self._notify.stopping()
        admin.is_ready = False
        self.pipeline.store.set("rtc.exporter.ready", (), 0.0, self._clock())
        logger.info("stopping: %s connections, %s participants", len(self.sockets.open), self._present())
        if self._waits and time.monotonic() - admin.asked < LATELY:
            await self._pause(shutdown.delay)
        clients.refuse()
        self.intake.is_closing = True
        self._lingers = self._waits and self._way is None and admin.rhythm.pause(time.monotonic()) < inf
        self.intake.is_read_to_the_end = self._lingers or self._push is not None
        await self._leave(shutdown.spread if self._waits else 0.0)
        clients.end()
        await tasks[0]
        ticking.cancel()
        self.intake.shutdown(self._clock())
        if self._way is not None:
            await self._way.stop()
        admin.finish()
        # These take place at the same time: what supervises us should not have to wait for one after the other.
        await asyncio.gather(self._linger(), *([] if self._push is None else [self._push.stop()]))
        operators.end()
        await tasks[1]

    async def _leave(self, spread: float) -> None:
        """Close all connections, some at a time, and read what they wrote before."""
        several = list(self.sockets.open)
        pause = min(spread, len(several) / LEAVING) / max(1, len(several))
        due = 0.0
        for each in several:
            each.leave()
            due += pause
            if due >= 0.05:
                await self._pause(due)
                due = 0.0
        until = time.monotonic() + CLOSING + TICK
        while self.sockets.open and time.monotonic() < until and not self._forced.is_set():
            await self._pause(0.01)

    async def _linger(self) -> None:
        """Wait for one more scrape, where somebody scrapes."""
        admin = self._admin
        if self._lingers:
            most = min(self._config.shutdown.linger, 1.5 * admin.rhythm.pause(time.monotonic()) + TICK)
            waits = (asyncio.create_task(admin.was_scraped.wait()), asyncio.create_task(self._forced.wait()))
            await asyncio.wait(waits, timeout=most, return_when=asyncio.FIRST_COMPLETED)
            for wait in waits:
                wait.cancel()

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._forced.wait(), seconds)

    # ── reload

    def reload(self) -> None:
        """Read the configuration again, and take it whole or not at all."""
        self._notify.reloading()
        outcome = "refused"
        try:
            if self._load is not None:
                config = self._load()
                changes = reload.check(self._config, config)
                self._apply(config)
                outcome = "applied"
                logger.info("the configuration was read again; changed: %s", ", ".join(changes) or "nothing")
        except ConfigError as exc:
            logger.error("the configuration was read again and is refused, what was is kept: %s", exc)
        self._count_reload("settings", outcome)
        self._notify.ready()

    def _apply(self, config: Config) -> None:
        if not self._shard.name:
            self._secured.take(config.web)  # first: it may refuse
        self._config = config
        self.intake.configure(config)
        self._gate.configure(config.bounds)
        self.sockets.configure()
        self._ingest.configure()
        self._pressure.limit = self._memory
        logger.setLevel(config.log.level.upper())

    # ── time

    async def _tick(self, ready: Callable[[], None] | None) -> None:
        while True:
            now = self._clock()
            try:
                self.tenants.tick(now)
                if self._way is not None:
                    self._way.edge.tick(now)
                self.intake.tick(now)
                self.remember(now)
                self.sockets.tick()
                if self._push is not None:
                    self._push.tick(now)
                self._relieve(now)
                self._secured.look(self._config.admin.web_config_file)
                self._show(now)
            except Exception as exc:
                self.intake.fault(exc, now)
            self._notify.alive()
            is_up = self._way is None or self._way.is_up
            if is_up and not self._admin.is_ready and not self._stopping.is_set():
                self._begin(now)
                if ready is not None:
                    ready()
            await asyncio.sleep(TICK)

    def _begin(self, now: float) -> None:
        self._admin.is_ready = True
        self.pipeline.store.set("rtc.exporter.ready", (), 1.0, now)
        self._notify.ready()
        if self._shard.name:
            logger.info("ready")
            return
        scheme = "https" if self._secured.web.tls else "http"
        logger.info(READY, __version__, self.ingest_address, scheme, self.admin_address)

    def _relieve(self, now: float) -> None:
        """Take less where memory runs short."""
        self.intake.stage = memory.look(self._pressure, self.pipeline.store, now)
        if self.intake.stage is Stage.CLOSE:
            self.sockets.lighten(self._pressure.excess)

    def _forget(self) -> None:
        """Let go of some of what is only remembered."""
        self.intake.acknowledgements.relieve()
        if self.archive is not None:
            self.archive.relieve()

    def _show(self, now: float) -> None:
        """Bring what others count up to date."""
        store = self.pipeline.store
        store.counter("rtc.exporter.loop.stalls", (), now).value = float(self._watch.stalls)
        if isinstance(self._clock, Clock):
            store.set("rtc.exporter.clock.offset", (), self._clock.offset, now)
        if self._limit is not None:
            store.counter("rtc.exporter.log.suppressed", (), now).value = float(self._limit.suppressed)

    def _sessions(self) -> Mapping[str, Sessions]:
        """Those that are live, by tenant."""
        return {tenant: self.tenants[tenant].sessions for tenant in self.tenants}

    def remember(self, now: float) -> None:
        """Once a second: look at who is here, and say how much is remembered and what no longer is."""
        if self.archive is not None:
            remember(self.archive, self._sessions(), self.pipeline.store, now)

    def _count_request(self, outcome: str) -> None:
        if self._shard.name:
            return  # the process in front has asked, and counts who asked it
        self.pipeline.count("rtc.exporter.admin.requests", (outcome,), now=self._clock())

    def _count_reload(self, file: str, outcome: str) -> None:
        now = self._clock()
        self.pipeline.count("rtc.exporter.config.reloads", (file, outcome), now=now)
        if outcome == "applied":
            self.pipeline.store.set("rtc.exporter.config.applied.timestamp", (file,), now, now)

    def _present(self) -> int:
        return self.tenants.status().participants

    def log_through(self, limit: logs.Limit) -> None:
        """Show how many lines this filter leaves out."""
        self._limit = limit

    @property
    def is_busy(self) -> bool:
        """Whether any request or connection is under way."""
        return bool(self.sockets.open) or any(listener.server_state.tasks for listener in self._listeners)
