"""
Life of the process: bind, listen, tick, stop.

Sockets are bound before anything is served, so that a taken port is an error message and port 0 is a port.  Two
servers share one event loop.  On SIGTERM the listener for clients closes first (1012: come back later), everybody
leaves and is counted, then the listener for operators closes, while OTLP sends what is left; a second signal
waits for nothing.
"""

import asyncio
import contextlib
import gc
import importlib
import logging
import signal
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import uvicorn
import uvloop
from starlette.types import ASGIApp

from rtc_exporter import __version__, useragent
from rtc_exporter.app import protocols
from rtc_exporter.app.admin import Admin
from rtc_exporter.app.ingest import Ingest
from rtc_exporter.app.intake import Intake
from rtc_exporter.app.sockets import Sockets
from rtc_exporter.config import Config
from rtc_exporter.errors import ConfigError
from rtc_exporter.pipeline import Pipeline, PipelineSettings
from rtc_exporter.settings import Address
from rtc_exporter.tracing import TraceSettings

logger = logging.getLogger("rtc_exporter")

#: Seconds between two calls of ``pipeline.tick``.
TICK = 1.0
#: Seconds that requests under way have to end when the process stops.
GRACE = 5
BACKLOG = 2048


def bind(address: Address, setting: str) -> socket.socket:
    """A socket that is bound, or a ``ConfigError`` that says which setting asked for it."""
    try:
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, place = found[0]
        result = socket.socket(family, kind, protocol)
        try:
            result.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            result.bind(place)
        except OSError:
            result.close()
            raise
    except OSError as exc:
        raise ConfigError(f"{setting} is {address}, which cannot be bound: {exc.strerror}") from None
    return result


#: Thresholds of the garbage collector.  Reports make and drop thousands of objects without a cycle; with Python's own
#: thresholds (700, 10, 10) looking at those took about a fifth of a profile with 4,000 clients that had just come.
COLLECT = (50_000, 20, 50)


class Listener(uvicorn.Server):
    """One of the servers; signals are handled for both together."""

    def __init__(self, app: ASGIApp, sock: socket.socket, sockets: Any = None) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=protocols.Http,
                ws=sockets or "none",
                lifespan="off",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                backlog=BACKLOG,
                timeout_graceful_shutdown=GRACE,
            )
        )
        self.listening = asyncio.Event()
        self._ending = asyncio.Event()
        self._sock = sock

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()

    async def main_loop(self) -> None:
        """Renew the Date header once a second; the original looks ten times a second whether it shall end."""
        while not self.should_exit:
            await self.on_tick(0)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ending.wait(), 1.0)

    async def listen(self) -> None:
        """Serve until ``end``."""
        await self.serve([self._sock])

    def end(self) -> None:
        """Stop accepting, close what is open."""
        self.should_exit = True
        self._ending.set()


class Push(Protocol):
    """What the server asks of OTLP, see ``rtc_exporter.app.otlp``."""

    def start(self) -> None:
        """Begin."""

    def tick(self, now: float) -> None:
        """Once a second."""

    async def stop(self) -> None:
        """Send what is left."""

    def hurry(self) -> None:
        """Wait for nothing."""


class Server:
    """The whole program, from configuration to exit."""

    def __init__(self, config: Config, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self.pipeline = Pipeline(pipeline_settings(config), clock())
        self.intake = Intake(config, self.pipeline)
        self._push = push(config, self.intake, clock)
        self._ingest_socket = bind(config.ingest.listen, "ingest.listen")
        try:
            self._admin_socket = bind(config.admin.listen, "admin.listen")
        except ConfigError:
            self._ingest_socket.close()
            raise
        self.sockets = Sockets(self.intake, clock)
        self.ingest_address = _bound(self._ingest_socket)
        self.admin_address = _bound(self._admin_socket)
        self._stopping = asyncio.Event()

    async def run(self, ready: Callable[[], None] | None = None) -> None:
        """Serve until ``stop``; ``ready`` is called once after the first tick."""
        admin = Admin(self.intake, self._clock)
        admin.ingest_address, admin.admin_address = str(self.ingest_address), str(self.admin_address)
        self._listeners = (
            Listener(Ingest(self.intake, self._clock), self._ingest_socket, self.sockets),
            Listener(admin, self._admin_socket),
        )
        for listener in self._listeners:
            listener.config.load()
        protocols.quiet()
        tasks = [asyncio.create_task(listener.listen()) for listener in self._listeners]
        for listener in self._listeners:
            await listener.listening.wait()
        if self._push is not None:
            self._push.start()
        ticking = asyncio.create_task(self._tick(admin, ready))
        await self._stopping.wait()
        admin.is_ready = False
        logger.info("stopping: %s participants leave", self.pipeline.status().participants)
        ticking.cancel()
        self.intake.is_closing = True
        clients, operators = self._listeners
        clients.end()
        await tasks[0]
        self.intake.shutdown(self._clock())
        operators.end()
        # Both take five seconds at most: what supervises us should not have to wait for one after the other.
        await asyncio.gather(tasks[1], *([] if self._push is None else [self._push.stop()]))
        logger.info("stopped")

    def stop(self) -> None:
        """Stop; called again, stop waiting for whatever is still under way."""
        if self._stopping.is_set():
            for listener in self._listeners:
                listener.force_exit = True
                for connection in list(listener.server_state.connections):
                    connection.transport.abort()
            if self._push is not None:
                self._push.hurry()
        self._stopping.set()

    @property
    def is_busy(self) -> bool:
        """Whether any request or connection is under way."""
        return bool(self.sockets.open) or any(listener.server_state.tasks for listener in self._listeners)

    async def _tick(self, admin: Admin, ready: Callable[[], None] | None) -> None:
        while True:
            now = self._clock()
            try:
                self.pipeline.tick(now)
                self.intake.tick(now)
                self.sockets.tick()
                if self._push is not None:
                    self._push.tick(now)
            except Exception as exc:
                self.intake.fault(exc, now)
            if not admin.is_ready:
                admin.is_ready = True
                logger.info(
                    "rtc-exporter %s: clients at ws://%s, metrics at http://%s/metrics",
                    __version__, self.ingest_address, self.admin_address,
                )  # fmt: skip
                if ready is not None:
                    ready()
            await asyncio.sleep(TICK)


def pipeline_settings(config: Config) -> PipelineSettings:
    """What the pipeline is told of the configuration."""
    return PipelineSettings(
        profile=config.profile,
        fold_interval=config.metrics.fold_interval,
        budget=config.metrics.budget,
        participants_series=config.participants.series,
        participants_limit=config.participants.limit,
        pinned=config.participants.pinned,
        expiry=config.participants.expiry,
        native=config.metrics.native_histograms or config.otlp.exponential,
        traces=trace_settings(config) if config.otlp.traces else None,
        thresholds=config.thresholds,
        limits=config.bounds,
    )


def trace_settings(config: Config) -> TraceSettings:
    """What is told of the spans that are made, where they have a receiver."""
    return TraceSettings(
        ratio=config.traces.ratio,
        epoch=config.traces.epoch,
        budget=config.traces.budget,
        replica=config.otlp.resource["service.instance.id"],
        pinned=frozenset((*config.traces.pinned, *config.participants.pinned)),
    )


def push(config: Config, intake: Intake, clock: Callable[[], float]) -> Push | None:
    """What pushes, if anything shall be pushed: by name, since importing it takes 0.4 s and 30 MB."""
    if not config.otlp.is_on:
        return None
    otlp = importlib.import_module("rtc_exporter.app.otlp")
    result: Push = otlp.Push(config.otlp, intake.pipeline, intake.fault, clock)
    return result


def serve(config: Config) -> None:
    """Run until a signal; raises ``ConfigError`` when a port cannot be had."""
    logging.basicConfig(level=config.log.level.upper(), format="%(asctime)s %(levelname)s %(message)s")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(config))


async def _serve(config: Config) -> None:
    server = Server(config)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, server.stop)
    useragent.parse("Mozilla/5.0")  # reads its tables now, and not when the first client comes
    gc.collect()
    gc.set_threshold(*COLLECT)
    gc.freeze()  # what is there now stays: the collector need not look at it again
    await server.run()


def _bound(sock: socket.socket) -> Address:
    host, port = sock.getsockname()[:2]
    return Address(host, port)
