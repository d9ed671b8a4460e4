"""An exporter that really runs, on ports of its own, and real clients for it."""

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any

import httpx2
from prometheus_client.parser import text_string_to_metric_families
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Origin, Subprotocol

from rtc_exporter.app.server import Server
from rtc_exporter.config import Config
from tests.patience import PATIENCE

RTCSTATS = "rtcstats#5.0"
#: What the exporter's clock says at first, Unix seconds.
START = 1_795_171_686.0
CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36"


class Running:
    """The exporter, its clock, and ways to talk to it."""

    def __init__(self, server: Server, http: httpx2.AsyncClient, now: list[float]) -> None:
        self.server = server
        self.http = http
        self._now = now

    @property
    def now(self) -> float:
        """The exporter's clock."""
        return self._now[0]

    def wait(self, seconds: float) -> None:
        """Let time pass on the exporter's clock, and let it notice."""
        self._now[0] += seconds
        self.server.intake.tick(self.now)
        self.server.pipeline.tick(self.now)
        self.server.remember(self.now)

    def ingest(self, path: str = "/", scheme: str = "http") -> str:
        """A URL for clients."""
        return f"{scheme}://{self.server.ingest_address}{path}"

    def admin(self, path: str = "/metrics") -> str:
        """A URL for operators."""
        return f"http://{self.server.admin_address}{path}"

    def client(self, path: str = "/", subprotocols: Sequence[str] = (RTCSTATS,), origin: str | None = None) -> connect:
        """A WebSocket, to be used with ``async with``."""
        return connect(
            self.ingest(path, "ws"),
            subprotocols=[Subprotocol(name) for name in subprotocols] or None,
            origin=Origin(origin) if origin else None,
            user_agent_header=CHROME,
            compression=None,
            open_timeout=PATIENCE,
        )

    def again(self, opening: Mapping[str, Any]) -> connect:
        """The WebSocket of a recorded client, as the first row of its recording tells."""
        headers = opening["headers"]
        return connect(
            self.ingest(opening["url"], "ws"),
            subprotocols=[Subprotocol(headers["sec-websocket-protocol"])],
            origin=headers["origin"],
            user_agent_header=headers["user-agent"],
            compression=None,
            open_timeout=PATIENCE,
        )

    async def raw(self, data: str | bytes) -> bytes:
        """What the listener for clients answers to these bytes, up to its first pause."""
        address = self.server.ingest_address
        reader, writer = await asyncio.open_connection(address.host, address.port)
        writer.write(data.encode("latin-1") if isinstance(data, str) else data)
        async with asyncio.timeout(PATIENCE):
            reply = await reader.read(1 << 16)
        writer.close()
        return reply

    def value(self, name: str, *values: str) -> float:
        """What a counter or gauge of the exporter holds now; 0 where it has no such series."""
        family = self.server.pipeline.store.family(name)
        slot = family.series.get(values) if family else None
        return getattr(slot, "value", 0.0)

    def dropped(self, reason: str) -> float:
        """How much was refused for this reason."""
        return self.value("rtc.exporter.reports.dropped", reason)

    def accepted(self, format: str = "rtcstats") -> float:
        """How many reports of a format were counted."""
        return self.value("rtc.exporter.reports", format, "accepted")

    @property
    def participants(self) -> set[tuple[str, str]]:
        """Who is here."""
        return set(self.server.pipeline.sessions.participants)

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait for something that is about to happen."""
        async with asyncio.timeout(PATIENCE):
            while not condition():  # noqa: ASYNC110 - what is waited for has no event
                await asyncio.sleep(0.002)

    async def samples(self, query: str = "") -> dict[str, float]:
        """A scrape: name with labels -> value."""
        return samples((await self.http.get(self.admin(f"/metrics{query}"))).text)


def samples(exposition: str) -> dict[str, float]:
    """What a scrape holds: name with labels -> value."""
    return {
        sample.name
        + "".join(sorted(f" {name}={value}" for name, value in sample.labels.items() if value)): sample.value
        for family in text_string_to_metric_families(exposition)
        for sample in family.samples
    }


async def closed(client: ClientConnection) -> tuple[int, str]:
    """Wait until the server closes; the code and the reason."""
    async with asyncio.timeout(PATIENCE):
        with contextlib.suppress(ConnectionClosed):
            while True:
                await client.recv()
    assert client.close_code is not None
    return client.close_code, client.close_reason or ""


@contextlib.asynccontextmanager
async def running(
    environ: Mapping[str, str] | None = None, *, start: float = START, shared: str = "0", **settings: str
) -> AsyncIterator[Running]:
    """
    Start an exporter, whose clock says ``start``, and stop it; settings are written ``ingest__resume="1"``.

    ``shared``: seconds for which a scrape is given to others too, written in the same way.
    """
    args = {name.replace("__", "."): value for name, value in settings.items()}
    config = Config.load({"ingest.listen": "127.0.0.1:0", "admin.listen": "127.0.0.1:0", **args}, environ or {})
    now = [start]
    server = Server(config, lambda: now[0], shared=float(shared))
    ready = asyncio.Event()
    task = asyncio.create_task(server.run(ready.set))
    try:
        async with asyncio.timeout(PATIENCE):
            await ready.wait()
        async with httpx2.AsyncClient(timeout=PATIENCE, trust_env=False) as http:
            yield Running(server, http, now)
    finally:
        server.stop(waits=False)
        async with asyncio.timeout(PATIENCE):
            await task


Test = Callable[[Running], Awaitable[None]]


def with_exporter(**settings: str) -> Callable[[Test], Callable[[], None]]:
    """Makes a test of a coroutine that is given a running exporter."""

    def decorate(test: Test) -> Callable[[], None]:
        async def run() -> None:
            async with running(None, start=START, **settings) as exporter:
                await test(exporter)

        @functools.wraps(test)
        def wrapped() -> None:
            asyncio.run(run())

        del wrapped.__wrapped__  # or pytest takes the parameter for a fixture
        return wrapped

    return decorate
