"""
Serves the pages of sessions, and the same as JSON, to operators.

Ids may hold anything that is printable, so addresses are read as they were sent: a slash in an id is ``%2F``, which
Starlette's own routing would take for one of its own.
"""

from collections.abc import Callable, Mapping
from typing import Any, Literal
from urllib.parse import unquote_to_bytes

import orjson
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from rtc_exporter.history import Archive
from rtc_exporter.lookup import SORTS, STATES, Lookup, View
from rtc_exporter.pages import api, listing, shell, views
from rtc_exporter.sessions import Sessions

HEADERS = {
    "content-security-policy": shell.POLICY,
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}
#: Rows that an answer may have, and that it has where nobody says.
MOST, USUAL = 1000, 50
#: Characters of what is searched for, and of an id.
LONGEST = 1024
OFF = "Nothing is remembered of calls: history.enabled is false."

Kind = Literal["html", "json"]


class WrongError(Exception):
    """A request cannot be answered: the status, and why."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class Pages:
    """The routes; ``archive`` is None where nothing is to be remembered."""

    def __init__(
        self,
        archive: Archive | None,
        sessions: Callable[[], Mapping[str, Sessions]],
        links: shell.Links,
        clock: Callable[[], float],
        most: int = MOST,
    ) -> None:
        """``most``: rows that an answer may have."""
        self._most = most
        self._lookup = None if archive is None else Lookup(archive, sessions)
        self._links = links
        self._clock = clock
        self.routes = [
            Route("/sessions", self._list),
            Route("/sessions/{rest:path}", self._page),
            Route("/api/v1/sessions", self._list_json),
            Route("/api/v1/sessions/{rest:path}", self._json),
            Route("/assets/sessions.css", self._style),
            Route("/assets/sessions.js", self._script),
        ]

    # ── the list

    async def _list(self, request: Request) -> Response:
        try:
            rows, asked, now = self._rows(request)
        except WrongError as exc:
            return problem(exc, "./")
        return HTMLResponse(listing.render(rows, asked, now), headers=HEADERS)

    async def _list_json(self, request: Request) -> Response:
        try:
            rows, asked, _ = self._rows(request)
        except WrongError as exc:
            return error(exc)
        return answer(api.listing(rows, asked))

    def _rows(self, request: Request) -> tuple[Any, listing.Asked, float]:
        lookup, now = self._look(), self._clock()
        asked = asked_of(request.query_params, self._most)
        return lookup.rows(now, state=asked.state, search=asked.search, tenant=asked.tenant), asked, now

    # ── a session, a participant

    async def _page(self, request: Request) -> Response:
        names = _names(request, b"/sessions/")
        root = "../" * max(len(names), 1)
        try:
            if not 1 <= len(names) <= 2:
                raise WrongError(404, "There is no such page.")
            view, now = self._view(request, names[0])
            if len(names) == 1:
                return HTMLResponse(views.session(view, self._links, now), headers=HEADERS)
            text = views.participant(view, names[1], self._links, now)
            if text is None:
                raise WrongError(404, "Nobody is remembered who is so called in this session.")
        except WrongError as exc:
            return problem(exc, root)
        return HTMLResponse(text, headers=HEADERS)

    async def _json(self, request: Request) -> Response:
        names = _names(request, b"/api/v1/sessions/")
        try:
            if len(names) == 1:
                return answer(api.session(self._view(request, names[0])[0]))
            if len(names) != 3 or names[1] != "participants":
                raise WrongError(404, "There is no such resource.")
            found = api.participant(self._view(request, names[0])[0], names[2])
            if found is None:
                raise WrongError(404, "Nobody is remembered who is so called in this session.")
        except WrongError as exc:
            return error(exc)
        return answer(found)

    def _view(self, request: Request, name: str) -> tuple[View, float]:
        given, now = request.query_params, self._clock()
        at = given.get("at")
        view = self._look().view(given.get("tenant", ""), name, now, None if at is None else _time(at))
        if view is None:
            raise WrongError(404, "No session is remembered that is so called.")
        return view, now

    def _look(self) -> Lookup:
        if self._lookup is None:
            raise WrongError(404, OFF)
        return self._lookup

    # ── what pages need

    async def _style(self, request: Request) -> Response:
        return Response(shell.STYLE, media_type="text/css", headers=_ASSET)

    async def _script(self, request: Request) -> Response:
        return Response(shell.SCRIPT, media_type="text/javascript", headers=_ASSET)


def asked_of(given: Mapping[str, str], most: int = MOST) -> listing.Asked:
    """What the query of a list asks for; raises ``WrongError``."""
    return listing.Asked(
        search=given.get("search", "")[:LONGEST].strip(),
        state=_one_of(given.get("state", "live"), "state", STATES),
        sort=_one_of(given.get("sort", "worst"), "sort", tuple(SORTS)),
        tenant=given.get("tenant"),
        offset=_whole(given.get("offset", "0"), "offset", 0, 10**9),
        limit=_whole(given.get("limit", str(USUAL)), "limit", 1, most),
    )


_ASSET = {"cache-control": "no-cache", "x-content-type-options": "nosniff"}


def _names(request: Request, prefix: bytes) -> list[str]:
    """The ids of an address, each read on its own; what is no UTF-8 names nobody."""
    path: bytes = request.scope.get("raw_path") or request.scope["path"].encode()
    rest = path.partition(b"?")[0].partition(prefix)[2]
    return [shell.unsegment(unquote_to_bytes(part).decode("utf-8", "replace")[:LONGEST]) for part in rest.split(b"/")]


def _one_of(value: str, name: str, known: tuple[str, ...]) -> str:
    if value not in known:
        raise WrongError(400, f"{name} is none of {', '.join(known)}")
    return value


def _whole(value: str, name: str, least: int, most: int) -> int:
    if not (value.isascii() and value.isdecimal() and len(value) <= 10 and least <= int(value) <= most):
        raise WrongError(400, f"{name} is no whole number from {least} to {most}")
    return int(value)


def _time(value: str) -> float:
    try:
        time = float(value)
    except ValueError:
        time = -1.0
    if not 0 <= time < 1e11:
        raise WrongError(400, "at is no time in Unix seconds")
    return time


def answer(told: dict[str, Any], status: int = 200) -> Response:
    """As JSON."""
    return Response(orjson.dumps(told), status, headers=HEADERS, media_type="application/json")


def error(exc: WrongError) -> Response:
    """As JSON."""
    return answer({"error": str(exc)}, exc.status)


def problem(exc: WrongError, root: str) -> Response:
    """As a page."""
    title = "Not found" if exc.status == 404 else "Bad request"
    return HTMLResponse(shell.problem(title, str(exc), root), exc.status, headers=HEADERS)
