"""
Plain JSON, for applications without a telemetry client of their own: getStats() reports as they are, and events.

docs/plain-json.md is the description for those who send it.  A document is the same in a WebSocket frame and
in the body of a POST.  Reports come whole, and what is missing from one has been removed, so a decoder has to see all
documents of a participant, whichever way they come.
"""

from collections import deque
from typing import NamedTuple

from rtc_exporter.errors import FrameError, LimitError, Reason
from rtc_exporter.limits import Limits
from rtc_exporter.model import Event, Joined, Left, Members, ParticipantKey, PeerConnectionKey, Record, Report
from rtc_exporter.wire.decoder import DEFAULTS, items, mapping, milliseconds, paged, parse, text
from rtc_exporter.wire.decoder import Decoder as AnyDecoder
from rtc_exporter.wire.events import Facts, admitted, event_name
from rtc_exporter.wire.stats import Whole, read

#: Members of which a document has at least one; anything else is not for us.
MARKS = frozenset({"stats", "reports", "events", "left", "app", "user_agent"})

#: What a report is of when it does not say so: most applications have one peer connection.
DEFAULT_CONNECTION = "PC_0"

#: Participants that one connection may speak for, where the payload names them.
PARTICIPANTS = 1000

#: How many documents back a repetition is recognised.
REMEMBERED = 64


class _Told(NamedTuple):
    """A report or an event, read and checked, but not yet taken."""

    peer_connection: str
    time: float | None
    name: str = ""
    facts: Facts = {}
    stats: dict[str, Members] = {}


class _Voice:
    """What is known of one participant."""

    __slots__ = ("attributes", "connections", "seen")

    def __init__(self) -> None:
        self.attributes: dict[str, str] = {}
        self.connections: dict[str, Whole] = {}
        #: Numbers and times of the last documents.
        self.seen: deque[tuple[int, object]] = deque(maxlen=REMEMBERED)


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
        found = [parse(line, limits, size) for line in rows]
    listed = found if isinstance(found, list) else [found]
    return [(_named(document, limits), document) for document in map(_document, listed)]


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


class Decoder:
    """Decodes one client's documents; ``key`` is whose the last one was."""

    def __init__(
        self, key: ParticipantKey, *, page: int = 1, claimed: bool = True, limits: Limits = DEFAULTS
    ) -> None:
        self.key = key
        self.page = page
        self._given = key
        self._claimed = claimed
        self._limits = limits
        self._voices: dict[ParticipantKey, _Voice] = {}

    def adopt(self, previous: AnyDecoder) -> None:
        """Go on with the reports of the connection before, so that what is gone since is noticed."""
        if isinstance(previous, Decoder):
            self.page = previous.page
            self._voices = previous._voices

    def receive(self, frame: str | bytes, now: float) -> list[Record]:
        """What all documents of a frame or body tell."""
        records: list[Record] = []
        for named, document in documents(frame, self._limits):
            records += self._take(document, self._whose(named), now)
        return records

    def _whose(self, named: ParticipantKey | None) -> ParticipantKey:
        if self._claimed or named is None:
            return self._given
        return ParticipantKey(named.session or self._given.session, named.participant or self._given.participant)

    def _take(self, document: dict[str, object], key: ParticipantKey, now: float) -> list[Record]:
        """One document, as a whole or not at all."""
        voice = self._voices.get(key) or _Voice()
        time = milliseconds(document["time"]) if document.get("time") is not None else None
        reports = [self._report(row, time) for row in _reports(document)]
        events = [self._event(row, time) for row in items(document.get("events"))]
        fresh = {told.peer_connection for told in (*reports, *events)} - voice.connections.keys() - {""}
        if len(voice.connections) + len(fresh) > self._limits.peer_connections:
            raise LimitError(Reason.TOO_MANY, f"more than {self._limits.peer_connections} peer connections")
        if key not in self._voices and len(self._voices) >= PARTICIPANTS:
            raise LimitError(Reason.TOO_MANY, f"more than {PARTICIPANTS} participants")

        self.key = key
        self._voices[key] = voice
        if self._is_repeated(document, voice):
            return []
        moment = now if time is None else time
        records = [*self._joined(document, key, voice, moment)]
        told = sorted((*events, *reports), key=lambda told: moment if told.time is None else told.time)
        for one in told:
            records += self._tell(one, key, voice, moment)
        if document.get("left") is True:
            del self._voices[key]
            records.append(Left(key, moment, "left"))
        return records

    def _report(self, row: dict[str, object], time: float | None) -> _Told:
        own = milliseconds(row["time"]) if row.get("time") is not None else time
        stamp, stats = read(row.get("stats"), own, self._limits)
        return _Told(self._connection(row.get("peer_connection"), DEFAULT_CONNECTION), stamp, stats=stats)

    def _event(self, value: object, time: float | None) -> _Told:
        row = mapping(value)
        spelling = text(row.get("name"), self._limits.id_length)
        if spelling is None:
            raise FrameError(Reason.BAD_FRAME, "an event without a name")
        own = milliseconds(row["time"]) if row.get("time") is not None else time
        peer = self._connection(row.get("peer_connection"), "")
        name = event_name(spelling, peer or None)
        return _Told(peer, own, name, admitted(name, row))

    def _connection(self, value: object, default: str) -> str:
        if value is None:
            return default
        name = text(value, self._limits.id_length)
        if name is None:
            raise FrameError(Reason.BAD_FRAME, "a peer connection is not a short string")
        return name

    def _is_repeated(self, document: dict[str, object], voice: _Voice) -> bool:
        """A client that got no answer sends again; number and time together tell it from one that has restarted."""
        number = document.get("seq")
        if type(number) is not int:
            return False
        mark = (number, document.get("time"))
        if mark in voice.seen:
            return True
        voice.seen.append(mark)
        return False

    def _joined(self, document: dict[str, object], key: ParticipantKey, voice: _Voice, time: float) -> list[Record]:
        app = mapping(document.get("app"))
        told = {
            "rtc.app.name": text(app.get("name"), self._limits.text_length),
            "rtc.app.version": text(app.get("version"), self._limits.text_length),
            "user_agent.original": text(document.get("user_agent"), self._limits.text_length),
        }
        attributes = voice.attributes | {name: value for name, value in told.items() if value is not None}
        if attributes == voice.attributes:
            return []
        voice.attributes = attributes
        return [Joined(key, time, attributes)]

    def _tell(self, told: _Told, key: ParticipantKey, voice: _Voice, moment: float) -> list[Record]:
        peer = told.peer_connection
        whose = PeerConnectionKey(*key, paged(self.page, peer) if peer else "")
        if told.name:
            if peer and told.name in ("create", "close"):
                voice.connections.pop(peer, None)
            return [Event(whose, moment if told.time is None else told.time, told.name, told.facts)]
        whole = voice.connections.setdefault(peer, Whole())
        time, stats, removed = whole.take(moment if told.time is None else told.time, told.stats)
        return [Report(whose, time, time, stats, removed)]


def _reports(document: dict[str, object]) -> list[dict[str, object]]:
    """The rows of ``reports``, and the document itself where it has ``stats``."""
    rows = items(document.get("reports"))
    if not all(isinstance(row, dict) for row in rows):
        raise FrameError(Reason.BAD_FRAME, "a report is not an object")
    return [*([document] if "stats" in document else []), *map(mapping, rows)]
