"""
Plain JSON, for applications without a telemetry client of their own: getStats() reports as they are, and events.

docs/plain-json.md is the description for those who send it.  A document is the same in a WebSocket frame and
in the body of a POST.  Reports come whole, and what is missing from one has been removed, so a decoder has to see all
documents of a participant, whichever way they come.
"""

from collections import deque
from typing import NamedTuple

from rtc_exporter.errors import FrameError, LimitError, Reason
from rtc_exporter.limits import SEVERAL, Limits, Room
from rtc_exporter.model import Event, Joined, Left, ParticipantKey, PeerConnectionKey, Record, Report
from rtc_exporter.wire.decoder import DEFAULTS, Stream, Told, items, mapping, milliseconds, paged, parse, text
from rtc_exporter.wire.decoder import Decoder as AnyDecoder
from rtc_exporter.wire.events import listed
from rtc_exporter.wire.stats import Whole, read

#: Members of which a document has at least one; anything else is not for us.
MARKS = frozenset({"stats", "reports", "events", "left", "app", "user_agent"})

#: What a report is of when it does not say so: most applications have one peer connection.
DEFAULT_CONNECTION = "PC_0"

#: Participants that one connection may speak for, where the payload names them.
PARTICIPANTS = 1000

#: Documents, reports and events in one frame or body together: each costs more than its bytes.
TOLD = 5000

#: How many documents back a repetition is recognised.
REMEMBERED = 64


class _Document(NamedTuple):
    """A document that has been checked."""

    key: ParticipantKey
    time: float
    told: list[Told]
    attributes: dict[str, str]
    mark: tuple[int, object] | None
    has_left: bool


class _Voice:
    """What is known of one participant."""

    __slots__ = ("attributes", "connections", "seen")

    def __init__(self) -> None:
        self.attributes: dict[str, str] = {}
        self.connections: dict[str, Whole] = {}
        #: Numbers and times of the last documents.
        self.seen: deque[tuple[object, object]] = deque(maxlen=REMEMBERED)

    def forget(self, peer: str) -> None:
        """Give up what is held of a peer connection."""
        if peer in self.connections:
            self.connections.pop(peer).clear()


def documents(frame: str | bytes, limits: Limits = DEFAULTS) -> list[tuple[ParticipantKey | None, dict[str, object]]]:
    """
    The documents in a frame or body, each with whom it names; "" is what it leaves open, None is nobody.

    One object, an array of objects, or one object per line.
    """
    size = limits.body_bytes if isinstance(frame, bytes) else limits.frame_bytes
    try:
        found = parse(frame, limits, size)
    except FrameError:
        rows = [line for line in frame.splitlines() if line.strip()]
        if len(rows) < 2:
            raise
        _bounded(len(rows))
        found = [parse(line, limits, size) for line in rows]
    listed = found if isinstance(found, list) else [found]
    _bounded(sum(1 + _size(document, "reports") + _size(document, "events") for document in listed))
    return [(_named(document, limits), document) for document in map(_document, listed)]


def named(frame: str | bytes, limits: Limits = DEFAULTS) -> ParticipantKey | None:
    """Whom a body names; of several, the first by name."""
    return min((key for key, _ in documents(frame, limits) if key), default=None)


def _size(document: object, name: str) -> int:
    return len(items(mapping(document).get(name)))


def _bounded(number: int) -> None:
    if number > TOLD:
        raise LimitError(Reason.TOO_LARGE, f"at most {TOLD} documents, reports and events come together")


def _document(value: object) -> dict[str, object]:
    if not isinstance(value, dict) or not MARKS & value.keys():
        raise FrameError(Reason.BAD_FRAME, "not a document with reports or events")
    return value


def _named(document: dict[str, object], limits: Limits) -> ParticipantKey | None:
    parts = []
    for name in ("session", "participant"):
        part = document.get(name)
        if part is not None and (text(part, limits.id_length) is None or not str(part).isprintable()):
            raise FrameError(Reason.BAD_IDENTITY, f"{name} is not a short string")
        parts.append("" if part is None else str(part))
    return ParticipantKey(*parts) if any(parts) else None


class Decoder(Stream):
    """Decodes one client's documents; ``key`` is whose the last one was."""

    def __init__(self, key: ParticipantKey, *, page: int = 1, claimed: bool = True, limits: Limits = DEFAULTS) -> None:
        super().__init__(key, page=page, claimed=claimed, limits=limits)
        self._voices: dict[ParticipantKey, _Voice] = {}
        self._room = Room(limits.members * (1 if claimed else SEVERAL))

    def adopt(self, previous: AnyDecoder) -> None:
        """Go on with the reports of the connection before, so that what is gone since is noticed."""
        if isinstance(previous, Decoder):
            self.page = previous.page
            self._voices = previous._voices
            self._room = previous._room

    def receive(self, frame: str | bytes, now: float) -> list[Record]:
        """What all documents of a frame or body tell; if one cannot be used, none is."""
        named = documents(frame, self._limits)
        read_ones = [self._read(document, self._whose(name), now) for name, document in named]
        return [record for document in read_ones for record in self._take(document)]

    # ── reading and checking

    def _whose(self, named: ParticipantKey | None) -> ParticipantKey:
        if self._claimed or named is None:
            return self._given
        return ParticipantKey(named.session or self._given.session, named.participant or self._given.participant)

    def _read(self, document: dict[str, object], key: ParticipantKey, now: float) -> _Document:
        time = _time(document, now)
        told = [self._report(row, time) for row in _reports(document)]
        told += [self._event(mapping(row), time) for row in items(document.get("events"))]
        told.sort(key=lambda one: one.time)
        number = document.get("seq")
        mark = (number, document["time"]) if type(number) is int and document.get("time") is not None else None
        app = mapping(document.get("app"))
        attributes = {
            "rtc.app.name": text(app.get("name"), self._limits.text_length),
            "rtc.app.version": text(app.get("version"), self._limits.text_length),
            "user_agent.original": text(document.get("user_agent"), self._limits.text_length),
            "traceparent": text(document.get("traceparent"), self._limits.text_length),
        }
        given = {name: value for name, value in attributes.items() if value is not None}
        return _Document(key, time, told, given, mark, document.get("left") is True)

    def _report(self, row: dict[str, object], time: float) -> Told:
        peer = self._connection(row.get("peer_connection"), DEFAULT_CONNECTION)
        taken, stats = read(row.get("stats"), None, self._limits)
        return Told(peer, _time(row, time), taken=taken, stats=stats)

    def _event(self, row: dict[str, object], time: float) -> Told:
        spelling = text(row.get("name"), self._limits.id_length)
        if spelling is None:
            raise FrameError(Reason.BAD_FRAME, "an event without a name")
        peer = self._connection(row.get("peer_connection"), "")
        return Told(peer, _time(row, time), *listed(spelling, peer or None, row))

    def _connection(self, value: object, default: str) -> str:
        if value is None:
            return default
        name = text(value, self._limits.id_length)
        if name is None:
            raise FrameError(Reason.BAD_FRAME, "a peer connection is not a short string")
        return name

    # ── taking

    def _take(self, document: _Document) -> list[Record]:
        key = document.key
        voice = self._voices.get(key) or _Voice()
        peers = {told.peer_connection for told in document.told} - {""}
        if len(voice.connections.keys() | peers) > self._limits.peer_connections:
            raise LimitError(Reason.TOO_MANY, f"more than {self._limits.peer_connections} peer connections")
        if key not in self._voices and len(self._voices) >= PARTICIPANTS:
            raise LimitError(Reason.TOO_MANY, f"more than {PARTICIPANTS} participants")
        self.key = key
        self._voices[key] = voice
        # A client that got no answer sends again; number and time together tell it from one that has restarted.
        if document.mark is not None and document.mark in voice.seen:
            return []
        if document.mark is not None:
            voice.seen.append(document.mark)

        records: list[Record] = []
        attributes = voice.attributes | document.attributes
        if attributes != voice.attributes:
            voice.attributes = attributes
            records.append(Joined(key, document.time, attributes))
        for told in document.told:
            try:
                records.append(self._tell(told, key, voice))
            except LimitError as exc:
                self.refused.append(exc.with_traceback(None))
        if document.has_left:
            for peer in list(voice.connections):
                voice.forget(peer)
            del self._voices[key]
            records.append(Left(key, document.time, "left"))
        return records

    def _tell(self, told: Told, key: ParticipantKey, voice: _Voice) -> Record:
        peer = told.peer_connection
        whose = PeerConnectionKey(*key, paged(self.page, peer) if peer else "")
        if told.event:
            if told.event in ("create", "close"):
                voice.forget(peer)
            return Event(whose, told.time, told.event, told.facts)
        whole = voice.connections.setdefault(peer, Whole(self._room))
        time, stats, removed = whole.take(told.time if told.taken is None else told.taken, told.stats)
        return Report(whose, time, told.time, stats, removed)


def _time(row: dict[str, object], default: float) -> float:
    return default if row.get("time") is None else milliseconds(row["time"])


def _reports(document: dict[str, object]) -> list[dict[str, object]]:
    """The rows of ``reports``, and the document itself where it has ``stats``."""
    rows = items(document.get("reports"))
    if not all(isinstance(row, dict) for row in rows):
        raise FrameError(Reason.BAD_FRAME, "a report is not an object")
    return [*([document] if "stats" in document else []), *map(mapping, rows)]
