"""
The listener for operators in front of several processes: each page is what all of them together would say.

Metrics are put together, and so are lists of sessions; a single session is shown by the shard that knows it.  A shard
that does not answer in time is left out, and the metrics say so.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from math import inf
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from rtc_exporter.app import sessions
from rtc_exporter.app.admin import gzipped, process_metrics, takes_gzip
from rtc_exporter.app.scrapes import SHARED, Key
from rtc_exporter.app.sessions import WrongError
from rtc_exporter.export import merging, prometheus, protobuf
from rtc_exporter.lookup import Row
from rtc_exporter.metric import Tier
from rtc_exporter.pages import api, listing, shell
from rtc_exporter.shards.ask import Answer, ask
from rtc_exporter.shards.books import FRONT, Books
from rtc_exporter.shards.child import Child

#: Headers of a shard's answer that go on to whoever has asked.
PASSED = ("content-type", "content-security-policy", "cache-control", "x-content-type-options", "referrer-policy")


#: Bytes that are put together before others have a turn.
CHUNK = 256 << 10


class Operators:
    """The ASGI application."""

    def __init__(
        self, children: Sequence[Child], books: Books, fault: Callable[[Exception], None], clock: Callable[[], float],
        start_page: Callable[[bool], str],
    ) -> None:  # fmt: skip
        """``start_page`` is told whether we are ready."""
        self._children = children
        self._books = books
        self._fault = fault
        self._clock = clock
        self._start_page = start_page
        self._scrapes: dict[Key, asyncio.Task[list[bytes]]] = {}
        #: When somebody last asked whether we are ready, on the monotonic clock.
        self.asked = -inf
        self.is_leaving = False
        self._routes = Starlette(
            routes=[
                Route("/", self._landing),
                Route("/metrics", self._metrics),
                Route("/-/healthy", self._healthy),
                Route("/-/ready", self._ready),
                Route("/sessions", self._list),
                Route("/api/v1/sessions", self._list_json),
                Route("/shards/{name}/{rest:path}", self._one),
                *(
                    Route(path, self._any)
                    for path in ("/openapi.json", "/sessions/{rest:path}", "/api/v1/sessions/{rest:path}",
                                 "/assets/{rest:path}")
                ),
            ]
        )  # fmt: skip

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._routes(scope, receive, send)
        except OSError:
            pass  # whoever asked went
        except Exception as exc:
            self._fault(exc)

    # ── about the process

    @property
    def is_ready(self) -> bool:
        """Whether clients may come: one shard that is down keeps nobody from the others."""
        return not self.is_leaving and any(child.is_up for child in self._children)

    async def _landing(self, request: Request) -> Response:
        policy = "default-src 'none'; style-src 'unsafe-inline'"
        headers = {"content-security-policy": policy, "cache-control": "no-store"}
        return HTMLResponse(self._start_page(self.is_ready), headers=headers)

    async def _healthy(self, request: Request) -> Response:
        return PlainTextResponse("healthy\n")

    async def _ready(self, request: Request) -> Response:
        self.asked = time.monotonic()
        return PlainTextResponse("ready\n") if self.is_ready else PlainTextResponse("not ready\n", 503)

    # ── metrics

    async def _metrics(self, request: Request) -> Response:
        name = request.query_params.get("tier")
        if name is not None and name not in [tier.value for tier in Tier]:
            return PlainTextResponse(f"tier is none of {', '.join(tier.value for tier in Tier)}\n", 400)
        exposition = prometheus.choose(request.headers.get("accept"))
        headers = {"content-type": exposition.content_type, "vary": "accept, accept-encoding"}
        if request.method == "HEAD":
            return Response(headers=headers)
        chunks = _turns(merging.merged(await self._scrape(Key(Tier(name) if name else None, exposition)), exposition))
        if takes_gzip(request.headers.get("accept-encoding", "")):
            headers["content-encoding"] = "gzip"
            chunks = gzipped(chunks)
        return StreamingResponse(chunks, headers=headers)

    async def _scrape(self, key: Key) -> list[bytes]:
        """The expositions of all; whoever asks for the same at the same time, or soon after, gets them too."""
        task = self._scrapes.get(key)
        if task is None:
            task = self._scrapes[key] = asyncio.create_task(self._expositions(key))
            task.add_done_callback(
                lambda _: asyncio.get_running_loop().call_later(SHARED, self._scrapes.pop, key, None)
            )
        return await asyncio.shield(task)

    async def _expositions(self, key: Key) -> list[bytes]:
        tier, exposition = key
        target = f"/metrics?tier={tier.value}" if tier else "/metrics"
        answers = await self._ask_all(target, exposition.content_type)
        if tier not in (None, Tier.SELF):
            return [answer.body for answer in answers.values()]
        families = self._books.families(answers, self._clock())
        is_binary = exposition is prometheus.PROTOBUF
        ours = protobuf.render(families) if is_binary else prometheus.render(families, exposition)
        return [answer.body for answer in answers.values()] + [b"".join((*ours, process_metrics(exposition, FRONT)))]

    # ── sessions

    async def _list(self, request: Request) -> Response:
        try:
            rows, total, asked = await self._rows(request)
        except WrongError as exc:
            return sessions.problem(exc, "./")
        return HTMLResponse(listing.render(rows, asked, self._clock(), total), headers=sessions.HEADERS)

    async def _list_json(self, request: Request) -> Response:
        try:
            rows, total, asked = await self._rows(request)
        except WrongError as exc:
            return sessions.error(exc)
        return sessions.answer(api.listing(rows, asked, total))

    async def _rows(self, request: Request) -> tuple[list[Row], int, listing.Asked]:
        """Of each shard those that can be among the first, and how many there are."""
        asked = sessions.asked_of(request.query_params)
        query = shell.query(
            search=asked.search, state=asked.state, sort=asked.sort, tenant=asked.tenant,
            limit=str(asked.offset + asked.limit),
        )  # fmt: skip
        answers = await self._ask_all(f"/api/v1/sessions{query}")
        told: list[dict[str, Any]] = [orjson.loads(answer.body) for answer in answers.values()]
        wrong = next((one for one in told if "error" in one), None)
        if wrong is not None:
            raise WrongError(404, wrong["error"])
        return [api.row_of(row) for one in told for row in one["sessions"]], sum(one["total"] for one in told), asked

    # ── one of them

    async def _any(self, request: Request) -> Response:
        """The first answer of a shard that knows what is asked for."""
        answer = None
        for child in self._children:
            answer = await self._try(child, _target(request)) or answer
            if answer is not None and answer.status != 404:
                break
        return _passed(answer)

    async def _one(self, request: Request) -> Response:
        """What the process of one shard itself says."""
        prefix = f"/shards/{request.path_params['name']}"
        child = next((child for child in self._children if child.name == request.path_params["name"]), None)
        if child is None:
            return PlainTextResponse("There is no such shard.\n", 404)
        accept = request.headers.get("accept", "*/*")
        return _passed(await self._try(child, _target(request).removeprefix(prefix), accept))

    async def _ask_all(self, target: str, accept: str = "*/*") -> dict[Child, Answer]:
        """What they answer; who does not is left out."""
        answers = await asyncio.gather(*(self._try(child, target, accept) for child in self._children))
        return {child: answer for child, answer in zip(self._children, answers, strict=True) if answer is not None}

    async def _try(self, child: Child, target: str, accept: str = "*/*") -> Answer | None:
        if not child.answers:
            return None
        try:
            return await ask(child.admin, target, accept)
        except OSError:
            return None


async def _turns(chunks: Iterable[bytes]) -> AsyncIterator[bytes]:
    """Others have a turn between two chunks of a useful size."""
    parts: list[bytes] = []
    size = 0
    for chunk in chunks:
        parts.append(chunk)
        size += len(chunk)
        if size >= CHUNK:
            yield b"".join(parts)
            await asyncio.sleep(0)
            parts.clear()
            size = 0
    yield b"".join(parts)


def _target(request: Request) -> str:
    """Path and query as they were sent."""
    path: bytes = request.scope.get("raw_path") or request.scope["path"].encode()
    query: bytes = request.scope["query_string"]
    return (path.partition(b"?")[0] + (b"?" + query if query else b"")).decode("latin-1")


def _passed(answer: Answer | None) -> Response:
    if answer is None:
        return PlainTextResponse("No shard answers.\n", 503, {"retry-after": "1"})
    headers = {name: value for name, value in answer.headers.items() if name in PASSED}
    return Response(answer.body, answer.status, headers)
