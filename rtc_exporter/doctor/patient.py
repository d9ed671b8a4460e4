"""
Talks to what is looked at, and remembers the answers, so that several checks can read one.

What goes wrong on the way becomes a ``TroubleError`` with the words for the operator: a name that is not known, a port
that nobody listens on, a certificate that is not trusted.
"""

import contextlib
import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import jwt
import requests
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text
from websockets.exceptions import InvalidHandshake, InvalidStatus, InvalidURI
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin, Subprotocol

from rtc_exporter import __version__
from rtc_exporter.errors import ConfigError
from rtc_exporter.otel import Otlp

AGENT = f"rtc-exporter-doctor/{__version__}"
SESSION, PARTICIPANT = "rtc-exporter-doctor", "doctor"
SUBPROTOCOL = "rtcstats#5.0"
#: What Prometheus 2.42 asks for.
ACCEPT = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;q=0.5"
#: How long a token of ours is good for, in seconds.
LIFETIME = 300
#: Bytes of an answer that are read.
MOST = 256 << 20


class TroubleError(Exception):
    """Something does not answer as it should."""

    def __init__(self, said: str, advice: str) -> None:
        super().__init__(said)
        self.said = said
        self.advice = advice


class Answer(NamedTuple):
    """An HTTP response; ``took`` seconds, read to its end."""

    status: int
    headers: Mapping[str, str]
    text: str
    bytes: int
    took: float
    #: When it was asked, by our clock.
    asked: float


@dataclass
class Patient:
    """What is looked at, as far as it was told."""

    ingest: str
    admin: str
    prometheus: str = ""
    job: str = "rtc-exporter"
    secret: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    origin: str = ""
    login: tuple[str, str] | None = field(default=None, repr=False)
    ca_file: str = ""
    send: bool = False
    hold: float = 0.0
    timeout: float = 5.0
    otlp: Otlp = field(default_factory=Otlp)

    def __post_init__(self) -> None:
        self._http = requests.Session()
        self._http.headers["user-agent"] = AGENT
        self._answers: dict[tuple[str, str], Answer] = {}

    # ── HTTP

    def get(self, base: str, path: str, accept: str = "*/*", *, again: bool = False) -> Answer:
        """What is at a path; asked once, unless ``again``."""
        key = (base + path, accept)
        if again or key not in self._answers:
            self._answers[key] = self.request("GET", base, path, {"accept": accept})
        return self._answers[key]

    def request(self, method: str, base: str, path: str, headers: Mapping[str, str], body: bytes = b"") -> Answer:
        """One request; redirects are not followed, because neither clients nor probes follow them."""
        url = base.rstrip("/") + path
        asked, begin = time.time(), time.monotonic()
        try:
            answer = self._http.request(
                method, url, headers=dict(headers), data=body or None, timeout=self.timeout, allow_redirects=False,
                auth=self.login if base == self.admin else None, verify=self.ca_file or True, stream=True,
            )  # fmt: skip
            with answer:
                content = answer.raw.read(MOST, decode_content=True)
        except (requests.RequestException, OSError) as exc:
            raise trouble(exc, url) from None
        except Exception as exc:  # urllib3's own, where the answer ends early
            raise TroubleError(f"{url} answers, and not to the end: {type(exc).__name__}", CUT) from None
        took = time.monotonic() - begin
        return Answer(answer.status_code, answer.headers, content.decode("utf-8", "replace"), len(content), took, asked)

    # ── tokens and WebSockets

    @property
    def has_token(self) -> bool:
        """Whether we can show one."""
        return bool(self.secret or self.token)

    @cached_property
    def credential(self) -> str:
        """A token of ours, or the one that we were given."""
        if not self.secret:
            return self.token
        now = int(time.time())
        names = {"conference": SESSION, "user": PARTICIPANT}
        return jwt.encode({"iat": now, "exp": now + LIFETIME, "rtcStats": names}, self.secret, "HS256")

    @contextlib.contextmanager
    def websocket(self, credential: str = "", origin: str = "") -> Iterator[ClientConnection]:
        """A connection as rtcstats clients make it."""
        parts = urlsplit(self.ingest)
        scheme = {"http": "ws", "https": "wss"}.get(parts.scheme, parts.scheme)
        query = f"?rtcstats-token={credential}" if credential else ""
        url = f"{scheme}://{parts.netloc}{parts.path.rstrip('/')}/{query}"
        shown = url.partition("?")[0]
        context = ssl.create_default_context(cafile=self.ca_file or None) if scheme == "wss" else None
        try:
            connection = connect(
                url, subprotocols=[Subprotocol(SUBPROTOCOL)], origin=Origin(origin) if origin else None, ssl=context,
                open_timeout=self.timeout, close_timeout=self.timeout, user_agent_header=AGENT, compression=None,
            )  # fmt: skip
        except InvalidStatus as exc:
            status = exc.response.status_code
            advice = BUSY if status == 503 and "Retry-After" in exc.response.headers else upgrade(status)
            raise RefusedError(status, f"{shown} answers the upgrade with {status}", advice) from None
        except InvalidURI:
            raise RefusedError(302, f"{shown} answers the upgrade with a redirect", upgrade(302)) from None
        except (InvalidHandshake, EOFError) as exc:
            raise TroubleError(f"{shown} does not speak WebSocket: {exc}", upgrade(0)) from None
        except (OSError, TimeoutError) as exc:
            raise trouble(exc, shown) from None
        with connection:
            yield connection

    # ── metrics

    @cached_property
    def samples(self) -> dict[str, dict[tuple[tuple[str, str], ...], float]]:
        """The exporter's own metrics: name -> labels -> value."""
        return self.scrape()

    def scrape(self) -> dict[str, dict[tuple[tuple[str, str], ...], float]]:
        """They as they are now; ``TroubleError`` where they cannot be read."""
        answer = self.get(self.admin, "/metrics?tier=self", "text/plain", again=True)
        if answer.status != 200:
            raise TroubleError(f"/metrics answers {answer.status}", "See admin-scrape.")
        found: dict[str, dict[tuple[tuple[str, str], ...], float]] = {}
        for name, labels, value in parse(answer.text, openmetrics=False):
            found.setdefault(name, {})[tuple(sorted(labels.items()))] = value
        return found

    def value(self, name: str, **labels: str) -> float | None:
        """The sum of the series of a name that have these labels; None where there is none."""
        wanted = set(labels.items())
        found = [value for told, value in self.samples.get(name, {}).items() if wanted <= set(told)]
        return sum(found) if found else None

    def by(self, name: str, label: str) -> dict[str, float]:
        """Sums by a label, what is 0 left out."""
        found: dict[str, float] = {}
        for told, value in self.samples.get(name, {}).items():
            key = dict(told).get(label, "")
            found[key] = found.get(key, 0.0) + value
        return {key: value for key, value in found.items() if value}


class RefusedError(TroubleError):
    """A handshake that was answered, and not with an upgrade."""

    def __init__(self, status: int, said: str, advice: str) -> None:
        super().__init__(said, advice)
        self.status = status


def parse(text: str, *, openmetrics: bool) -> Iterator[tuple[str, Mapping[str, str], float]]:
    """Samples of an exposition; ValueError where it is none."""
    for family in (read_openmetrics if openmetrics else read_text)(text):
        for sample in family.samples:
            yield sample.name, sample.labels, sample.value


CUT = "Look for a proxy between that cuts answers, and at the exporter's log."


#: Our own 503 says when to come back.
BUSY = "It has no room: look at limits.connections, at memory, and at the number of processes."


def upgrade(status: int) -> str:
    """What to do where a handshake got this answer."""
    match status:
        case 403:
            return "Pages of this origin are refused: set ingest.allowed_origins, or look at the proxy's own rules."
        case 301 | 302 | 307 | 308:
            return "Give clients the address that this leads to: a WebSocket follows no redirect."
        case 502 | 503 | 504:
            return "A proxy answers, and finds no exporter behind it: look at its back ends and their health checks."
        case _:
            return "A proxy between does not pass the Upgrade header, or the address is that of another program."


def trouble(exc: BaseException, url: str) -> TroubleError:
    """What the operator is told when there was no answer."""
    parts = urlsplit(url)
    where = f"{parts.hostname}:{parts.port or {'https': 443, 'wss': 443}.get(parts.scheme, 80)}"
    chain = list(causes(exc))
    for cause in chain:
        match cause:
            case ssl.SSLCertVerificationError():
                advice = "Renew the certificate, or name its authority with --ca-file."
                return TroubleError(f"the certificate of {where} is not trusted: {cause.verify_message}", advice)
            case ssl.SSLError():
                return TroubleError(
                    f"{where} does not speak TLS as it should: {cause.reason}", "Is it http, not https?"
                )
            case socket.gaierror():
                return TroubleError(f"the name {parts.hostname} is not known", "Look at DNS, and at the spelling.")
            case ConnectionRefusedError():
                advice = "Is it running, does it listen on an address that is reached from here, and is the port right?"
                return TroubleError(f"nobody listens at {where}", advice)
    if any(isinstance(cause, TimeoutError | requests.Timeout) for cause in chain):
        return TroubleError(f"{where} does not answer in time", "Look at firewalls and network policies between.")
    return TroubleError(f"{where} cannot be reached: {type(chain[-1]).__name__}", "Look at the network between.")


def causes(exc: BaseException) -> Iterator[BaseException]:
    """An error and what it came of; libraries wrap the one that says it, in arguments too."""
    seen: set[int] = set()
    waiting: list[Any] = [exc]
    while waiting:
        found = waiting.pop(0)
        if isinstance(found, BaseException) and id(found) not in seen:
            seen.add(id(found))
            yield found
            waiting += [found.__cause__, found.__context__, getattr(found, "reason", None), *found.args]


def file(path: str, flag: str) -> str:
    """What stands in a file, without the end of its line; "" without a path."""
    try:
        return Path(path).read_text(encoding="utf-8").strip() if path else ""
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigError(f"{flag} is {path!r}, which cannot be read: {type(exc).__name__}") from None
