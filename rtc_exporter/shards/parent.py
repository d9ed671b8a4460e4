"""
Life of the process in front: bind, start the shards, listen, hand over, stop.

To whoever manages it, it is one service: ready when all shards are, reloaded whole or not at all, and gone when the
last shard has gone.  A shard that ends by itself is started again with the configuration that the others have.
"""

import asyncio
import contextlib
import logging
import shutil
import signal
import tempfile
import time
import traceback
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import uvloop

from rtc_exporter import __version__, logs
from rtc_exporter.app import protocols, reload
from rtc_exporter.app.gate import Gate
from rtc_exporter.app.handed import Order
from rtc_exporter.app.listener import Listener, both, bound
from rtc_exporter.app.notify import Notify
from rtc_exporter.app.scrapes import LATELY
from rtc_exporter.app.secured import Secured
from rtc_exporter.app.server import READY, TICK
from rtc_exporter.app.watch import Watch
from rtc_exporter.config import Config
from rtc_exporter.errors import ConfigError
from rtc_exporter.shards import landing, route
from rtc_exporter.shards.books import Books
from rtc_exporter.shards.child import GRACE, Child
from rtc_exporter.shards.front import Front
from rtc_exporter.shards.operators import Operators

logger = logging.getLogger("rtc_exporter")


class Source(NamedTuple):
    """Where the configuration comes from, besides the variables."""

    flags: Mapping[str, str]
    file: str | None

    def copy(self, folder: Path) -> str | None:
        """Keep the file as it is: a shard that is started again gets what the others have."""
        return None if self.file is None else str(shutil.copyfile(self.file, folder / "settings.toml"))


def serve(load: Callable[[], Config], source: Source) -> None:
    """Run until a signal; raises ``ConfigError`` when a setting is wrong or a port cannot be had."""
    config = load()
    limit = logs.setup(config.log.level, config.log.format)
    try:
        folder = tempfile.TemporaryDirectory(prefix="rtc-exporter-")
    except OSError as exc:
        number = config.shards.processes
        raise ConfigError(f"shards.processes is {number}, and there is no room for sockets: {exc.strerror}") from None
    with folder as name, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(Parent(config, load, source, Path(name)), limit))


async def _serve(parent: "Parent", limit: logs.Limit) -> None:
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, parent.stop)
    loop.add_signal_handler(signal.SIGINT, parent.stop, False)
    loop.add_signal_handler(signal.SIGHUP, parent.reload)
    await parent.run(limit)


class Parent:
    """The process in front."""

    def __init__(self, config: Config, load: Callable[[], Config], source: Source, folder: Path) -> None:
        """``folder`` is nobody else's."""
        self._config = config
        self._load = load
        self._source = source
        self._folder = folder
        self._clock = time.time
        self._began = self._clock()
        self._file = source.copy(folder)
        self._ingest_socket, self._admin_socket = both(config.ingest.listen, config.admin.listen)
        self._addresses = str(bound(self._ingest_socket)), str(bound(self._admin_socket))
        names = map(str, range(config.shards.processes))
        self._children = [Child(name, folder, self._task) for name in names]
        self._books = Books(self._children, self._began)
        self._operators = Operators(self._children, self._books, self._fault, self._clock, self._start_page)
        self._secured = Secured(
            self._operators, config.web, partial(self._count, "rtc.exporter.admin.requests"),
            partial(self._count_reload, "web"),
        )  # fmt: skip
        gate = self._gate = Gate(
            config.bounds, config.ingest.trusted_hops,
            lambda error: self._books.refuse(error, self._clock()),
            partial(self._count, "rtc.exporter.connections.refused"),
        )  # fmt: skip
        self._front = Front(self._ingest_socket, gate, self._choose)
        self._notify = Notify()
        self._watch = Watch(self._books.store.histogram("rtc.exporter.loop.lag", (), self._began).observe)
        self._stopping, self._forced = asyncio.Event(), asyncio.Event()
        self._waits = True

    def _task(self) -> dict[str, Any]:
        return {"flags": dict(self._source.flags), "file": self._file, "processes": len(self._children)}

    def _choose(self, head: bytes, peer: str) -> Child:
        try:
            key = route.key_of(route.read(head), peer, self._config)
        except Exception as exc:
            self._fault(exc)
            key = peer  # whoever gets it says what is wrong with it
        return self._children[route.place(key, len(self._children))]

    def _start_page(self, is_ready: bool) -> str:
        return landing.page(self._children, self._config, *self._addresses, is_ready, self._clock() - self._began)

    async def run(self, limit: logs.Limit) -> None:
        """Serve until ``stop``."""
        admin = Listener(self._secured, self._admin_socket, tls=self._secured.web.tls)
        admin.config.load()
        protocols.quiet()
        operating = asyncio.create_task(admin.listen())
        await admin.listening.wait()
        self._watch.start()
        for file in ("settings", "web"):
            self._applied(file)
        lives = [asyncio.create_task(child.live()) for child in self._children]
        ticking = asyncio.create_task(self._tick(limit))
        try:
            await self._begin(lives)
            await self._stopping.wait()
            await self._end(lives)
        finally:
            for child in self._children:
                child.kill()
            ticking.cancel()
            self._watch.stop()
            admin.end()
            await operating
        logger.info("stopped")

    async def _begin(self, lives: list[asyncio.Task[None]]) -> None:
        """Wait until all shards are ready: a start of which one part fails is one that fails."""
        ready = asyncio.create_task(self._all_ready())
        stopped = asyncio.create_task(self._stopping.wait())
        waits: set[asyncio.Task[Any]] = {ready, stopped, *lives}
        done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in (ready, stopped):
            wait.cancel()
        for life in set(lives) & done:
            life.result()
        if ready not in done:
            return
        self._front.listen()
        self._notify.ready()
        ingest, operators = self._addresses
        scheme = "https" if self._secured.web.tls else "http"
        logger.info("%d shards are ready", len(self._children))
        logger.info(READY, __version__, ingest, scheme, operators)

    async def _all_ready(self) -> None:
        for child in self._children:
            await child.was_ready.wait()

    # ── the end

    def stop(self, waits: bool = True) -> None:
        """Stop; called again, stop waiting for whatever is still under way.  ``waits``: for others to take notice."""
        if self._stopping.is_set():
            self._forced.set()
        self._waits = waits
        self._stopping.set()

    async def _end(self, lives: list[asyncio.Task[None]]) -> None:
        self._notify.stopping()
        self._operators.is_leaving = True
        logger.info("stopping: %d shards", len(self._children))
        if self._waits and time.monotonic() - self._operators.asked < LATELY:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._forced.wait(), self._config.shutdown.delay)
        self._front.close()
        # Each lets its own clients go, and waits for its last scrape, which comes through us.
        self._order(Order.LEAVE if self._waits else Order.END)
        forced = asyncio.create_task(self._forced.wait())
        left: set[asyncio.Task[Any]] = set(lives)
        while left and not forced.done():
            await asyncio.wait({*left, forced}, return_when=asyncio.FIRST_COMPLETED)
            left = {life for life in left if not life.done()}
        forced.cancel()
        if left:
            self._order(Order.END)
            await asyncio.wait(left, timeout=GRACE)

    def _order(self, order: Order) -> None:
        for child in self._children:
            child.order(order)

    # ── reload

    def reload(self) -> None:
        """Read the configuration again, and take it whole or not at all; the shards take what was found to be good."""
        self._notify.reloading()
        outcome = "refused"
        try:
            config = self._load()
            changes = reload.check(self._config, config)
            self._secured.take(config.web)  # first: it may refuse
            self._config = config
            self._file = self._source.copy(self._folder)
            self._gate.configure(config.bounds)
            logger.setLevel(config.log.level.upper())
            self._order(Order.RELOAD)
            outcome = "applied"
            logger.info("the configuration was read again; changed: %s", ", ".join(changes) or "nothing")
        except (ConfigError, OSError) as exc:
            logger.error("the configuration was read again and is refused, what was is kept: %s", exc)
        self._count_reload("settings", outcome)
        self._notify.ready()

    # ── time

    async def _tick(self, limit: logs.Limit) -> None:
        store = self._books.store
        while True:
            try:
                self._front.tick()
                for child in self._children:
                    child.tick()
                self._secured.look(self._config.admin.web_config_file)
                store.counter("rtc.exporter.loop.stalls", (), self._clock()).value = float(self._watch.stalls)
                store.counter("rtc.exporter.log.suppressed", (), self._clock()).value = float(limit.suppressed)
            except Exception as exc:
                self._fault(exc)
            self._notify.alive()
            await asyncio.sleep(TICK)

    # ── counting

    def _count(self, name: str, value: str) -> None:
        self._books.count(name, (value,), self._clock())

    def _count_reload(self, file: str, outcome: str) -> None:
        self._books.count("rtc.exporter.config.reloads", (file, outcome), self._clock())
        if outcome == "applied":
            self._applied(file)

    def _applied(self, file: str) -> None:
        now = self._clock()
        self._books.store.set("rtc.exporter.config.applied.timestamp", (file,), now, now)

    def _fault(self, error: Exception) -> None:
        trace = "".join(traceback.format_tb(error.__traceback__))
        logger.error("internal error, please report it: %s\n%s", type(error).__name__, trace)
        self._books.count("rtc.exporter.errors.internal", (), self._clock())
