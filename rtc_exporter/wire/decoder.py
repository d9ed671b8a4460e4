"""
What every wire format shares: the shape of a decoder and of a file reader, the one JSON
parser, and the few functions through which client values become ours.

Bytes go in and records come out.  Time is told by the caller, nothing is logged and nothing
is counted: what cannot be used raises a ``ClientError`` with its reason.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO, ClassVar, NamedTuple, Protocol

import orjson

from rtc_exporter.errors import ClientError, FrameError, LimitError, Reason
from rtc_exporter.limits import OBJECT, Limits
from rtc_exporter.model import Member, Members, ParticipantKey, Record

#: What holds where the caller sets no limits.
DEFAULTS = Limits()

#: 2100-01-01 in milliseconds.  A clock that is ahead of that is not a clock.
LATEST = 4_102_444_800_000

#: Bytes for which a document may have one object or array; a stats object has hundreds, and an event has sixty.
NODE = 32
#: Objects and arrays that every document may have, however short.
NODES = 5000

#: Bytes of the first line of a request.
HEAD = 4096

#: The exact types of a JSON number; ``bool`` is a subclass of ``int`` and stays outside.
NUMBERS = frozenset((int, float))

#: WebSocket close codes (RFC 6455 7.4.1) by what they say about a participant.  rtcstats-js closes
#: without a code (1005), browsers close with 1001 when the page goes.
LEAVE_CODES = {1000: "closed", 1005: "closed", 1001: "page_hide"}


class Decoder(Protocol):
    """
    One client's stream, frame by frame.

    ``key`` says whose telemetry it is, ``page`` how many pages this participant has loaded before
    and with this one: peer connections of the second page are named ``2:PC_0``.  ``claimed`` is
    False where nobody vouched for the key, so that a format which names its participant may do so;
    ``key`` then becomes what the payload says.
    """

    key: ParticipantKey
    #: Why frames that were taken unread could not be used after all; whoever counts refusals empties it.
    refused: list[ClientError]
    #: What the client waits to be told, as text frames, or as the bodies of answers; whoever sends it empties it.
    #: Before the first frame it holds the greeting, where the format has one.
    replies: list[str]

    def __init__(
        self, key: ParticipantKey, *, page: int = 1, claimed: bool = True, limits: Limits = DEFAULTS
    ) -> None: ...

    def receive(self, frame: str | bytes, now: float) -> list[Record]:
        """What one frame tells; raises ClientError and stays usable."""

    def adopt(self, previous: "Decoder") -> None:
        """
        Go on where this client's last connection ended, as far as the frames bear it out.

        Called before the first frame, and ``previous`` is not used again.
        """


class Stream:
    """One client's stream, as far as all decoders are alike; see ``Decoder``."""

    def __init__(self, key: ParticipantKey, *, page: int = 1, claimed: bool = True, limits: Limits = DEFAULTS) -> None:
        self.key = key
        self.refused: list[ClientError] = []
        self.replies: list[str] = []
        self.page = page
        self._given = key
        self._claimed = claimed
        self._limits = limits


class Told(NamedTuple):
    """A report or an event, read and checked, but not yet taken."""

    peer_connection: str
    #: When it was sent, or happened.
    time: float
    event: str = ""
    facts: Mapping[str, Member] = {}
    #: The time of the statistics, which have a clock of their own.
    taken: float | None = None
    stats: dict[str, Members] = {}


class Request(NamedTuple):
    """
    One request to a format that is an HTTP API, which comes as a frame too: a line of its own for method and path, then
    the body.
    """

    method: str
    #: Below where the format begins.
    path: str
    body: bytes

    def frame(self) -> bytes:
        """The request as bytes."""
        return f"{self.method} {self.path}\n".encode("utf-8", "replace") + self.body

    @staticmethod
    def read(frame: str | bytes) -> "Request":
        """The request that a frame holds."""
        raw = frame.encode("utf-8", "replace") if isinstance(frame, str) else frame
        head = raw[:HEAD].partition(b"\n")[0]
        words = head.split(b" ")
        if len(words) != 2 or len(head) == HEAD:
            raise FrameError(Reason.BAD_FRAME, "no request")
        return Request(words[0].decode("latin-1"), words[1].decode("utf-8", "replace"), raw[len(head) + 1 :])


class Description(NamedTuple):
    """What the head of a file says about its origin; "" and None where it is silent."""

    session: str = ""
    participant: str = ""
    #: A JSON Web Token from a recorded URL.  The shell reads its claims; here nothing is verified.
    token: str = ""
    user_agent: str = ""
    started: float | None = None


class Reader(Protocol):
    """
    One file, gzipped or not, as records in order: a Joined first and a Left last.

    What cannot be used is skipped and counted in ``refused``.  Iterating raises ClientError only
    where nothing can be read at all, or where the file unpacks to more than the limit.
    """

    #: Which format this is, for labels.
    name: ClassVar[str]
    refused: Counter[Reason]

    def __init__(self, stream: BinaryIO, key: ParticipantKey, now: float, limits: Limits = DEFAULTS) -> None: ...

    def __iter__(self) -> Iterator[Record]: ...

    @staticmethod
    def describe(head: bytes) -> Description:
        """Whose file this is, from its first bytes (64 kB are plenty)."""


def parse(frame: str | bytes, limits: Limits, size: int | None = None, is_file: bool = False) -> object:
    """
    The document in ``frame``.

    orjson refuses what JSON does not have (``NaN``, ``Infinity``, numbers beyond a double,
    broken UTF-8) and nesting beyond 1024; ours is a tighter bound.  A file may have more values than a frame.
    """
    if len(frame) > (limits.frame_bytes if size is None else size):
        raise LimitError(Reason.TOO_LARGE, f"{len(frame)} bytes")
    openings = frame.count("{") + frame.count("[") if isinstance(frame, str) else frame.count(b"{") + frame.count(b"[")
    if openings > NODES and openings > len(frame) // NODE:
        raise LimitError(Reason.TOO_LARGE, f"{openings} objects and arrays")
    # Few frames are long enough to have so many values at all.
    if len(frame) > limits.nodes and not is_file:
        commas = frame.count(",") if isinstance(frame, str) else frame.count(b",")
        if openings + commas > limits.nodes:
            raise LimitError(Reason.TOO_LARGE, f"{openings + commas} values")
    try:
        document: object = orjson.loads(frame)
    except (ValueError, RecursionError) as exc:
        raise FrameError(Reason.BAD_JSON, "not JSON") from exc
    # Fewer openings than allowed levels: most frames are done here.
    if openings > limits.depth and _is_deeper(document, limits.depth):
        raise FrameError(Reason.BAD_JSON, f"nested deeper than {limits.depth}")
    return document


#: What the parser makes of objects and arrays.
_CONTAINERS = frozenset((dict, list))


def _is_deeper(document: object, depth: int) -> bool:
    # Most objects hold no other, which the interpreter is not needed for: else this is half of what a wide one costs.
    level: list[Any] = [document]
    for _ in range(depth):
        below: list[Any] = []
        for node in level:
            children = node.values() if node.__class__ is dict else node
            if not _CONTAINERS.isdisjoint(map(type, children)):
                below += [child for child in children if type(child) in _CONTAINERS]
        if not below:
            return False
        level = below
    return True


def milliseconds(value: object) -> float:
    """A client's time in milliseconds as seconds."""
    if type(value) not in NUMBERS or not 0 <= value <= LATEST:  # type: ignore[operator]  # a number by now
        raise FrameError(Reason.BAD_TIME, "not a time in milliseconds")
    return value / 1000  # type: ignore[operator]


def is_time(value: object) -> bool:
    """Whether ``milliseconds`` takes it."""
    return type(value) in NUMBERS and 0 <= value <= LATEST  # type: ignore[operator]


def text(value: object, length: int) -> str | None:
    """The string, or None if it is none, is empty or is longer than allowed: what is cut may mean something else."""
    return value if isinstance(value, str) and 0 < len(value) <= length else None


def name(value: object, length: int) -> str | None:
    """The string, if it can name somebody in a label: not too long, and printable."""
    found = text(value, length)
    return found if found is not None and found.isprintable() and found.strip() else None


def mapping(value: object) -> dict[str, object]:
    """The object, or an empty one where something else stands: its members are then absent."""
    return value if isinstance(value, dict) else {}


def weight(stats: Mapping[str, Members]) -> int:
    """What stats objects count as where what is held for one client is bounded."""
    return sum(map(len, stats.values())) + OBJECT * len(stats)


def items(value: object) -> list[object]:
    """The array, or an empty one where something else stands."""
    return value if isinstance(value, list) else []


def paged(page: int, peer_connection: str) -> str:
    """The name of a peer connection that stays unique when the page is loaded again."""
    return peer_connection if page <= 1 else f"{page}:{peer_connection}"


def leave_reason(code: object) -> str:
    """Why a participant left, from the close code of its WebSocket; without one, what was recorded just ends."""
    if code is None:
        return "closed"
    return LEAVE_CODES.get(code, "error") if type(code) is int else "error"
