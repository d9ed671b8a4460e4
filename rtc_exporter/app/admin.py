"""
The listener for operators: ``/metrics``, health, the start page and the OpenAPI document.
"""

import asyncio
import time
import zlib
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from math import inf

from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from rtc_exporter.app import landing, openapi
from rtc_exporter.app.eventlog import LostError
from rtc_exporter.app.intake import Intake
from rtc_exporter.app.protocols import FLUSHED
from rtc_exporter.app.scrapes import SHARED, Key, Rendering, Rhythm, Scrapes
from rtc_exporter.app.taking import Published
from rtc_exporter.export import prometheus, protobuf
from rtc_exporter.metric import Tier
from rtc_exporter.wire.acknowledged import Client

#: Level 1 of gzip: five times cheaper than level 9 for 13 % more bytes (measured on 12.7 MB of exposition).
GZIP_LEVEL = 1
GZIP_WINDOW = 16 + zlib.MAX_WBITS


class Admin:
    """The ASGI application of the listener for operators."""

    def __init__(
        self,
        intake: Intake,
        published: Published,
        clock: Callable[[], float],
        shared: float = SHARED,
        pages: Sequence[Route] = (),
        shard: str = "",
    ) -> None:
        """``published``: the series that are shown; ``shard``: which of several processes this is."""
        self._shard = shard
        self._intake = intake
        self._published = published
        self._clock = clock
        self._started = clock()
        self._scrapes = Scrapes(self._chunks, self._owed, published.watch, clock, shared)
        self.is_ready = False
        #: When somebody last asked whether it is ready, on the monotonic clock; and how often the cohorts are scraped.
        self.asked = -inf
        self.rhythm = Rhythm()
        self._final = inf
        self.was_scraped = asyncio.Event()
        #: The addresses in use, for the start page.
        self.ingest_address = self.admin_address = ""
        self._document = openapi.document()
        self._routes = Starlette(
            routes=[
                Route("/", self._landing),
                Route("/metrics", self._metrics),
                Route("/-/healthy", self._healthy),
                Route("/-/ready", self._ready),
                Route("/openapi.json", self._openapi),
                *pages,
            ]
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._routes(scope, receive, send)
        except (OSError, LostError):
            pass  # the scraper went, or has to
        except Exception as exc:
            # Starlette has answered 500, if there was still something to answer.
            self._intake.fault(exc, self._clock())

    def finish(self) -> None:
        """Everything is counted: the next scrape has it all, and sets ``was_scraped``."""
        self._final = self._clock()
        self._scrapes.renew()

    async def _landing(self, request: Request) -> Response:
        ingest, admin = self.ingest_address, self.admin_address
        text = landing.page(self._intake, ingest, admin, self._started, self.is_ready, self._clock())
        policy = "default-src 'none'; style-src 'unsafe-inline'"
        return HTMLResponse(text, headers={"content-security-policy": policy, "cache-control": "no-store"})

    async def _healthy(self, request: Request) -> Response:
        return PlainTextResponse("healthy\n")

    async def _ready(self, request: Request) -> Response:
        self.asked = time.monotonic()
        return PlainTextResponse("ready\n") if self.is_ready else PlainTextResponse("not ready\n", 503)

    async def _openapi(self, request: Request) -> Response:
        return JSONResponse(self._document)

    async def _metrics(self, request: Request) -> Response:
        name = request.query_params.get("tier")
        if name is not None and name not in [tier.value for tier in Tier]:
            wanted = ", ".join(tier.value for tier in Tier)
            return PlainTextResponse(f"tier is none of {wanted}\n", 400)
        exposition = prometheus.choose(request.headers.get("accept"))
        headers = {"content-type": exposition.content_type, "vary": "accept, accept-encoding"}
        reading = _Reading(Tier(name) if name else None)
        chunks = self._read(request, reading, exposition)
        if request.method == "HEAD":
            return Response(headers=headers)
        if takes_gzip(request.headers.get("accept-encoding", "")):
            headers["content-encoding"] = "gzip"
            chunks = gzipped(chunks)
        return StreamingResponse(chunks, headers=headers, background=BackgroundTask(self._sent, request, reading))

    async def _read(
        self, request: Request, reading: "_Reading", exposition: prometheus.Exposition
    ) -> AsyncIterator[bytes]:
        rendering, reading.is_shared = await self._scrapes.get(Key(reading.tier, exposition))
        try:
            async for chunk in rendering:
                if not rendering.is_ours():
                    raise LostError("another process shows it")  # cuts the answer: no scraper takes half of one
                yield chunk
            # What is written to a connection that is gone goes nowhere, without a word.
            if not await request.is_disconnected():
                reading.whole = rendering
        finally:
            if reading.whole is None:
                self._count("cut")

    async def _sent(self, request: Request, reading: "_Reading") -> None:
        """
        The answer has gone out, to its last byte.

        Not before: were this process killed, what clients have been told is counted would be in no scrape.
        """
        rendering, tier = reading.whole, reading.tier
        if rendering is None:
            return
        flushed = request.scope.get("extensions", {}).get(FLUSHED)
        if flushed is not None and not await flushed():
            self._count("cut")
            return
        self._count("shared" if reading.is_shared else "rendered")
        now = self._clock()
        self._intake.pipeline.store.set("rtc.exporter.last_scrape.timestamp", (), now, now)
        if tier in (None, Tier.PARTICIPANT):
            self._published.scraped(rendering.started)  # who left while the chunks went out may not be in them
        if tier not in (None, Tier.COHORT):
            return
        # What clients have sent is counted in the cohorts: whoever reads those can be told of it, and waited for.
        owed, rendering.owed = rendering.owed, []
        for _ in self._intake.acknowledgements.published(owed, now):
            await asyncio.sleep(0)
        self.rhythm.note(time.monotonic())
        if rendering.started >= self._final:
            self.was_scraped.set()

    def _count(self, outcome: str) -> None:
        self._intake.pipeline.store.add("rtc.exporter.scrapes", (outcome,), 1, self._clock())

    def _owed(self, key: Key) -> list[tuple[Client, str]]:
        return self._intake.acknowledgements.owed() if key.tier in (None, Tier.COHORT) else []

    def _chunks(self, key: Key) -> Iterator[bytes]:
        tier, exposition = key
        started = self._clock()
        store = self._intake.pipeline.store
        families = self._published.families(tier)
        is_binary, with_process = exposition is prometheus.PROTOBUF, tier in (None, Tier.SELF)
        yield from protobuf.render(families) if is_binary else prometheus.render(families, exposition)
        if with_process:
            yield process_metrics(exposition, self._shard)
        if exposition.end:
            yield exposition.end
        now = self._clock()
        store.observe("rtc.exporter.render.duration", (exposition.name,), now - started, now)


class _Reading:
    """What one scraper is given."""

    def __init__(self, tier: Tier | None) -> None:
        self.tier = tier
        self.is_shared = False
        #: What was rendered, once all of it has been written.
        self.whole: Rendering | None = None


def process_metrics(exposition: prometheus.Exposition, shard: str) -> bytes:
    """What is about the process, in any format."""
    if exposition is prometheus.PROTOBUF:
        return protobuf.process_metrics(shard)
    return prometheus.process_metrics(exposition.openmetrics, shard)


async def gzipped(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The chunks, packed; whoever waits has a turn after each: all may be there, since somebody else has asked."""
    packer = zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, GZIP_WINDOW)
    async for chunk in chunks:
        if packed := packer.compress(chunk):
            yield packed
        await asyncio.sleep(0)
    yield packer.flush()


def takes_gzip(accept: str) -> bool:
    """Whether the header allows gzip (RFC 9110 12.5.3)."""
    weights = {}
    for part in accept.lower().split(","):
        coding, _, parameters = part.strip().partition(";")
        weights[coding.strip()] = parameters.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return weights.get("gzip", weights.get("*", False))
