"""
The answer to whoever asks for a WebSocket.

Before the upgrade are refused a bad Origin (403) and whoever there is no room for (503).  Everything else is refused
after it, with a close code, because a browser shows its page no other reason.
"""

import random
from typing import NamedTuple

from websockets.datastructures import Headers
from websockets.http11 import Request, Response
from websockets.server import ServerProtocol

from rtc_exporter import auth, wire
from rtc_exporter.app.gate import Visit
from rtc_exporter.app.intake import Intake
from rtc_exporter.auth import Identity
from rtc_exporter.errors import BusyError, ClientError, FrameError, OriginError, Reason

#: The answer where the library could not read the request, such as one of 200 headers.
REFUSED = b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
#: Close codes for what is refused before the first frame; others have their own.
CODES = {
    Reason.UNKNOWN_FORMAT: 1003, Reason.BAD_IDENTITY: 1008, Reason.TOO_SLOW: 1008, Reason.TOO_FAST: 1013,
}  # fmt: skip
#: Seconds after which whoever there was no room for may come back; not all at once.
RETRY = (5, 30)


class Answer(NamedTuple):
    """What is sent, and what is known of the client then."""

    response: Response
    agent: str = ""
    identity: Identity | None = None
    format: wire.Format | None = None
    #: Why the connection is closed again, once it is open.
    error: ClientError | None = None


def answer(handshake: ServerProtocol, request: Request, intake: Intake, visit: Visit, now: float) -> Answer:
    """Look at a request, and take the places that it needs."""
    headers = request.headers
    response = handshake.accept(request)
    if response.status_code != 101:
        intake.refuse(FrameError(Reason.BAD_REQUEST, "no handshake of a WebSocket"), now)
        return Answer(response)
    identity, error = None, None
    try:
        auth.welcome(headers.get("Origin"), intake.config)
        intake.has_room()
        visit.enter(headers.get_all("X-Forwarded-For"))
        identity = _identity(request, intake)
        visit.enter_as(identity)
    except (OriginError, BusyError) as exc:
        intake.refuse(exc, now)
        response = handshake.reject(exc.status, f"{exc.detail}\n")
        if isinstance(exc, BusyError):
            response.headers["Retry-After"] = str(random.randint(*RETRY))
        return Answer(response)
    except ClientError as exc:
        error = exc
    offered = [word.strip() for line in headers.get_all("Sec-WebSocket-Protocol") for word in line.split(",")]
    format = wire.choose(offered)
    if format is not None:
        response.headers["Sec-WebSocket-Protocol"] = offered[0]
    elif offered and error is None:
        error = FrameError(Reason.UNKNOWN_FORMAT, "an unknown subprotocol")
    return Answer(response, _first(headers, "User-Agent"), identity, format, error)


def _identity(request: Request, intake: Intake) -> Identity:
    path, _, query = request.path.partition("?")
    authorization = _first(request.headers, "Authorization")
    return auth.resolve(path, auth.parameters(query), authorization, intake.config, intake.wall())


def _first(headers: Headers, name: str) -> str:
    """A header that a client may have written several times."""
    return next(iter(headers.get_all(name)), "")
