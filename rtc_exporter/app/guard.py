"""
Who may ask the listener for operators: basic auth, headers and a rate limit as the web config file says.

bcrypt is slow on purpose, so it runs in a thread, a few at a time, and answers are remembered.  A name that nobody
has is compared with one fixed hash of the file all the same, or the time of the answer would tell which names there
are.  Health needs no password: a probe has none, and what it learns is one word.
"""

import asyncio
import base64
import binascii
import hashlib
import secrets
from collections import OrderedDict
from collections.abc import Callable

import bcrypt
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rtc_exporter.webconfig import WebConfig

#: Answers that are remembered, as in exporter-toolkit.
REMEMBERED = 100
#: Comparisons at a time, and requests that may wait for one.
AT_ONCE, WAITING = 2, 16
#: bcrypt looks at no more; what is longer is nobody's password.
PASSWORD_BYTES = 72
OPEN = ("/-/healthy", "/-/ready")


class Guard:
    """Stands before an application; ``count`` is told what became of each request."""

    def __init__(
        self, app: ASGIApp, config: WebConfig, count: Callable[[str], None], clock: Callable[[], float]
    ) -> None:
        """``clock`` is a monotonic one."""
        self._app = app
        self._count = count
        self._clock = clock
        self._comparing = asyncio.Semaphore(AT_ONCE)
        self._waiting = 0
        self._salt = secrets.token_bytes(16)
        self.configure(config)

    def configure(self, config: WebConfig) -> None:
        """Another file, or another version of it: what was remembered is void."""
        self.config = config
        self._remembered: OrderedDict[bytes, bool] = OrderedDict()
        #: What unknown names are compared with: a hash as dear as those of the others.
        self._nobody = max(config.users.values(), key=lambda hashed: hashed[4:6], default=b"")
        self._headers = [(name.encode(), value.encode()) for name, value in config.headers.items()]
        self._tokens, self._since = float(config.rate[1]) if config.rate else 0.0, self._clock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *self._headers]
            await send(message)

        refusal = await self._refusal(scope)
        self._count("answered" if refusal is None else "limited" if refusal.status_code == 429 else "unauthorized")
        await (self._app if refusal is None else refusal)(scope, receive, with_headers)

    async def _refusal(self, scope: Scope) -> Response | None:
        if scope["path"] in OPEN:
            return None
        if not self._has_token():
            return PlainTextResponse("too many requests\n", 429, {"retry-after": "1"})
        if not self.config.users:
            return None
        given = [value for name, value in scope["headers"] if name == b"authorization"]
        known = await self._is_known(given[0]) if len(given) == 1 else False
        if known is None:
            return PlainTextResponse("too many requests\n", 429, {"retry-after": "1"})
        return None if known else PlainTextResponse("unauthorized\n", 401, {"www-authenticate": "Basic"})

    def _has_token(self) -> bool:
        if self.config.rate is None:
            return True
        rate, burst = self.config.rate
        now = self._clock()
        self._tokens = min(float(burst), self._tokens + (now - self._since) * rate)
        self._since = now
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True

    async def _is_known(self, header: bytes) -> bool | None:
        """Whether the header holds a name and its password; None where too many wait to be told."""
        user, password = credentials(header)
        if not user or len(password) > PASSWORD_BYTES or b"\0" in password:
            user, password = "", b"-"
        hashed = self.config.users.get(user)
        # Neither passwords nor what could be guessed offline are kept; each part has a length, so that none flows over.
        parts = (user.encode("utf-8", "surrogateescape"), hashed or b"", password)
        key = hashlib.blake2b(
            b"".join(len(part).to_bytes(4, "big") + part for part in parts), key=self._salt, digest_size=32
        ).digest()
        known = self._remembered.get(key)
        if known is not None:
            self._remembered.move_to_end(key)
            return known
        if self._waiting >= WAITING:
            return None
        self._waiting += 1
        try:
            async with self._comparing:
                remembered = self._remembered
                fits = await asyncio.to_thread(bcrypt.checkpw, password, hashed or self._nobody)
        finally:
            self._waiting -= 1
        known = fits and hashed is not None
        remembered[key] = known
        while len(remembered) > REMEMBERED:
            remembered.popitem(last=False)
        return known


def credentials(header: bytes) -> tuple[str, bytes]:
    """Name and password of a header of basic auth (RFC 7617); empty where it is none."""
    scheme, _, encoded = header.partition(b" ")
    if scheme.lower() != b"basic":
        return "", b""
    try:
        name, colon, password = base64.b64decode(encoded.strip(), validate=True).partition(b":")
    except binascii.Error:
        return "", b""
    return (name.decode("utf-8", "surrogateescape"), password) if colon else ("", b"")
