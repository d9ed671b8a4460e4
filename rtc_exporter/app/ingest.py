"""
The listener for clients, as far as it is HTTP: bodies of reports, dump files, and the APIs that some clients expect.

WebSockets go another way, see ``sockets``.  It answers nothing else: metrics, health and the start page are on
the other listener.
"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import BinaryIO, TypeAlias

from starlette.applications import Starlette
from starlette.convertors import PathConvertor, register_url_convertor
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from rtc_exporter import auth, wire
from rtc_exporter.app import bodies
from rtc_exporter.app.gate import Gate
from rtc_exporter.app.intake import Intake
from rtc_exporter.app.line import Line, Turns
from rtc_exporter.auth import Identity
from rtc_exporter.errors import BusyError, ClientError, FrameError, LimitError, Reason
from rtc_exporter.model import Event, ParticipantKey, Record, Report
from rtc_exporter.wire.decoder import Description

#: Documents in one body: each that is refused is answered for.
DOCUMENTS = 5000
#: Seconds after which who there was no room for may come again.
RETRY = 10
#: Where the API of a format begins: what follows, its decoder reads.
APIS = {"peermetrics": "/v1/peermetrics", "pushgateway": "/metrics"}
API_METHODS = ("POST", "PUT", "DELETE")
#: Why a request was refused, in the words at which the client of peermetrics gives up.
ERROR_CODES = {Reason.BAD_TOKEN: "invalid_api_key", Reason.BAD_ORIGIN: "domain_not_allowed"}
#: Bytes of a file that say what it is.
HEAD = 64 << 10


#: What answers a request whose sender may send it.
Work: TypeAlias = Callable[[Request, Turns], Awaitable[Response]]


class Rest(PathConvertor):
    """The rest of a path, whatever is in it: the framework's own ends at a line break, and clients name themselves."""

    regex = "(?s:.*)"


register_url_convertor("all", Rest())


class Ingest:
    """The ASGI application of the listener for clients."""

    def __init__(self, intake: Intake, gate: Gate, line: Line, clock: Callable[[], float]) -> None:
        self._intake = intake
        self._gate = gate
        self._line = line
        self._clock = clock
        self.configure()

    def configure(self) -> None:
        """Take over what the settings say now."""
        posts = {"reports" if form.name == "json" else form.name: form for form in wire.FORMATS if "post" in form.media}
        takers = {f"/v1/{name}": partial(self._reports, form=form) for name, form in posts.items()}
        paths: dict[str, Callable[[Request], Awaitable[Response]]] = {**takers, "/v1/dumps": self._dumps}
        routes = [
            Route(path + rest, answer, methods=["POST"])
            for path, answer in paths.items()
            for rest in ("", "/{rest:all}")
        ]
        forms = {form.name: form for form in wire.FORMATS if form.media == "api"}
        peermetrics, pushgateway = (partial(self._api, form=forms[name]) for name in APIS)
        methods = list(API_METHODS)
        routes += [
            Route("/v1/peermetrics/{rest:all}", peermetrics, methods=methods),
            Route("/v1/pushgateway/{rest:all}", pushgateway, methods=methods),
            Route("/metrics/job/{rest:all}", pushgateway, methods=methods),
        ]
        cors = Middleware(
            CORSMiddleware,
            allow_origins=sorted(self._intake.config.ingest.allowed_origins) or ["*"],
            allow_methods=methods,
            allow_headers=["authorization", "content-type", "content-encoding"],
            max_age=3600,
        )
        self._routes = Starlette(routes=routes, middleware=[cors])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._routes(scope, receive, send)

    async def _answer(self, request: Request, format: str, work: Work) -> Response:
        """Do the work, and say in one shape what is wrong."""
        try:
            auth.welcome(request.headers.get("origin"), self._intake.config)
            address = self._gate.address(*_source(request))
            with self._gate.request(address):
                budget = self._gate.budget(address, asyncio.get_running_loop().time())
                if budget.debt:
                    await asyncio.sleep(budget.debt)
                budget.frames -= 1.0
                return await work(request, Turns(self._line, budget))
        except ClientError as exc:
            self._intake.refuse(exc, self._clock(), format)
            return _refusal(exc, format)
        except ClientDisconnect:
            return Response(status_code=400)
        except Exception as exc:
            self._intake.fault(exc, self._clock())
            return JSONResponse({"error": "internal", "detail": ""}, 500)

    def _identity(self, request: Request, credential: str | None = None) -> Identity:
        """``credential``: the token in a body, for formats that have it there, and no names in their path."""
        scope, config = request.scope, self._intake.config
        query = auth.parameters(scope["query_string"].decode("latin-1"))
        path = scope["raw_path"].decode("latin-1") if credential is None else ""
        if credential and (not config.keys.is_empty or auth.looks_like_token(credential)):
            query[auth.TOKEN_PARAMETERS[0]] = credential
        return auth.resolve(path, query, request.headers.get("authorization", ""), config, self._intake.wall())

    # ── reports

    async def _reports(self, request: Request, form: wire.Format) -> Response:
        return await self._answer(request, form.name, partial(self._take_reports, form=form))

    async def _take_reports(self, request: Request, turns: Turns, form: wire.Format) -> Response:
        identity = self._identity(request)
        with self._gate.body() as hold:
            body, is_lines = await bodies.text(request, self._intake.limits.body_bytes, hold)
            turns.budget.bytes -= len(body)
            documents = [line for line in body.splitlines() if line.strip()] if is_lines else [body]
            async with turns:
                answer = await self._take_documents(request, turns, identity, form, documents)
        await self._stored()
        return answer

    async def _take_documents(
        self, request: Request, turns: Turns, identity: Identity, form: wire.Format, documents: list[bytes]
    ) -> Response:
        if len(documents) > DOCUMENTS:
            raise LimitError(Reason.TOO_LARGE, f"a body has at most {DOCUMENTS} lines")
        agent, address = request.headers.get("user-agent", ""), self._gate.address(*_source(request))
        accepted, rejected = 0, []
        turns.budget.frames -= len(documents)
        for index, document in enumerate(documents):
            now = self._clock()
            try:
                accepted += self._intake.post(identity, form, agent, document, now, address).reports
            except ClientError as exc:
                self._intake.refuse(exc, now, form.name, identity.tenant)
                rejected.append({"index": index, "reason": exc.reason.value})
                if len(documents) == 1:
                    return _refusal(exc, form.name)
            await turns.rest()
        return JSONResponse({"accepted": accepted, "rejected": rejected}, 202)

    async def _stored(self) -> None:
        """Where there is an engine, wait until it has what was taken; ``BusyError`` where that takes too long."""
        if self._intake.edge is not None:
            await self._intake.edge.stored()

    # ── formats that are an API

    async def _api(self, request: Request, form: wire.Format) -> Response:
        return await self._answer(request, form.name, partial(self._take_request, form=form))

    async def _take_request(self, request: Request, turns: Turns, form: wire.Format) -> Response:
        """What the decoder leaves as a reply is the answer; who waits for none is told that it was taken."""
        with self._gate.body() as hold:
            body = await bodies.content(request, self._intake.limits.body_bytes, hold)
            turns.budget.bytes -= len(body)
            async with turns:
                answer = self._take_api(request, form, body)
        await self._stored()
        return answer

    def _take_api(self, request: Request, form: wire.Format, body: bytes) -> Response:
        limits = self._intake.limits
        begin = APIS[form.name]
        path = request.scope["raw_path"].decode("latin-1")
        # Names may stand in front: /v1/pushgateway/SESSION/PARTICIPANT/metrics/job/...
        start = path.find(f"{begin}/job/") if form.name == "pushgateway" else path.find(begin)
        if start < 0:
            raise FrameError(Reason.BAD_FRAME, f"wanted {begin}/...")
        frame = wire.Request(request.method, path[start + len(begin) :], body).frame()
        credential = None if form.credential is None else form.credential(frame, limits)
        identity = self._identity(request, credential)
        agent = request.headers.get("user-agent", "")
        address = self._gate.address(*_source(request))
        posted = self._intake.post(identity, form, agent, frame, self._clock(), address)
        if posted.replies:
            return Response(posted.replies[-1], media_type="application/json")
        return Response(status_code=202)

    # ── dumps

    async def _dumps(self, request: Request) -> Response:
        return await self._answer(request, "dump", self._take_dump)

    async def _take_dump(self, request: Request, turns: Turns) -> Response:
        identity = self._identity(request)
        self._intake.has_room()
        with self._gate.upload(self._gate.address(*_source(request))):
            with self._gate.body() as hold:
                stream = await bodies.file(request, self._intake.limits.dump_bytes, hold)
                async with turns:
                    answer = await self._play(stream, turns, identity)
            await self._stored()
            return answer

    async def _play(self, stream: BinaryIO, turns: Turns, identity: Identity) -> Response:
        """Read the file in turns, so that live clients do not wait for it."""
        head = stream.read(HEAD)
        stream.seek(0)
        reader = wire.detect_file(head)
        told = reader.describe(head)
        key = self._intake.people.name(identity.key if identity.claimed else self._described(identity.key, told))
        start = self._clock()
        connection = self._intake.upload(identity.tenant, wire.name_of(reader), told.user_agent)
        reports = events = 0
        records = iter(reader(stream, key, start, self._intake.limits))
        while True:
            # Some files have to be read to their end before the first record is known: not in our thread.
            is_begun = reports or events
            record: Record | None = next(records, None) if is_begun else await turns.aside(next, records, None)
            if record is None:
                break
            now = self._clock()
            connection.take((record,), now)
            reports += isinstance(record, Report)
            events += isinstance(record, Event)
            await turns.rest()
        return JSONResponse(
            {"session": key.session, "participant": key.participant, "reports": reports, "events": events}
        )

    def _described(self, key: ParticipantKey, told: Description) -> ParticipantKey:
        """Whose file it is, as far as the file says so."""
        names = auth.claimed_names(told.token, self._intake.config.claims)
        length = self._intake.limits.id_length
        return ParticipantKey(
            auth.identifier(names.session or told.session or key.session, length),
            auth.identifier(names.participant or told.participant or key.participant, length),
        )


def _refusal(error: ClientError, format: str) -> Response:
    """What is wrong, in the shape that the format's clients read; who is told to wait can send the same again."""
    headers = {"retry-after": str(RETRY), "connection": "close"} if isinstance(error, BusyError) else None
    if format == "peermetrics":
        told = {"error_code": ERROR_CODES.get(error.reason, error.reason.value), "message": error.detail}
    else:
        told = {"error": error.reason.value, "detail": error.detail}
    return JSONResponse(told, error.status, headers)


def _source(request: Request) -> tuple[str, list[str]]:
    """Where a request comes from, and what proxies say of that."""
    return request.client.host if request.client else "", request.headers.getlist("x-forwarded-for")
