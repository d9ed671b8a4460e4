"""
Jitsi: @jitsi/rtcstats 7 to 9 in browsers, and the services behind them (subprotocols ``3.x``, ``1.0_JICOFO``, ...).

    {"statsSessionId", "type": "identity" | "stats-entry" | "keepalive" | "close", "data"}

``data`` of an entry is text that holds ``[method, peer connection, value, milliseconds, number]`` (``rows``); 7.0 sends
the array alone.  Since 9.6 the client sends nothing until it is told which number was the last that came, ``sn``, and
after a reconnect it sends what came later once more: numbers tell what has been here.  One socket may carry several
sessions.  ``Service`` is what the video bridge and its kin send: trees of their own counters, of no use here.
"""

import re

from rtc_exporter.errors import ClientError, FrameError, LimitError, Reason
from rtc_exporter.limits import Limits
from rtc_exporter.model import Joined, Left, ParticipantKey, Record
from rtc_exporter.wire.decoder import DEFAULTS, Stream, items, mapping, milliseconds, name, parse, text
from rtc_exporter.wire.decoder import Decoder as AnyDecoder
from rtc_exporter.wire.rows import Page

#: Sessions on one connection; a browser has one.
SESSIONS = 16
#: Seconds between two acknowledgements: a client keeps a thousand entries that were not acknowledged.
ACKNOWLEDGE = 5.0
#: As the server of Jitsi has it.
_ID = re.compile(r"[A-Za-z0-9_-]{1,128}", re.ASCII)

#: What the identity may name the session by, the best first; it holds the conference's whole configuration too.
CONFERENCE = ("meetingUniqueId", "confID", "confName")


class _Session:
    """One page of a client, from ``identity`` to ``close``."""

    __slots__ = ("key", "last", "page")

    def __init__(self, key: ParticipantKey, page: Page) -> None:
        self.key = key
        self.page = page
        #: The number of the last entry.
        self.last = 0


class Decoder(Stream):
    """Decodes one client's messages; ``identity`` names its participant."""

    def __init__(self, key: ParticipantKey, *, page: int = 1, claimed: bool = True, limits: Limits = DEFAULTS) -> None:
        super().__init__(key, page=page, claimed=claimed, limits=limits)
        self.replies: list[str] = [_told(0, is_first=True)]
        self._sessions: dict[str, _Session] = {}
        self._acknowledged = 0
        self._looked: float | None = None

    def adopt(self, previous: AnyDecoder) -> None:
        """Go on after what came on the connection before; what is sent once more is known by its number."""
        if isinstance(previous, Decoder):
            self._sessions = previous._sessions
            self.page = previous.page
            # Of several sessions none can be meant: 0 makes the client send all that it has.
            last = next(iter(self._sessions.values())).last if len(self._sessions) == 1 else 0
            self.replies = [_told(last, is_first=True)]
            self._acknowledged = last

    def receive(self, frame: str | bytes, now: float) -> list[Record]:
        """What one message tells."""
        document = parse(frame, self._limits)
        if isinstance(document, list):
            return self._entry("", document)
        message = mapping(document)
        if "statsSessionId" not in message:
            raise FrameError(Reason.BAD_FRAME, "no message of a session")
        id, kind = message["statsSessionId"], message.get("type")
        if not isinstance(id, str) or not _ID.fullmatch(id):
            raise FrameError(Reason.BAD_IDENTITY, "statsSessionId is not an id")
        match kind:
            case "identity":
                records = self._identify(id, message.get("data"))
            case "stats-entry":
                records = self._entries(id, message.get("data"))
            case "close":
                records = self._end(id, now)
            case "keepalive":
                records = []
            case _:
                raise FrameError(Reason.BAD_FRAME, "a message of an unknown type")
        self._acknowledge(now)
        return records

    def _acknowledge(self, now: float) -> None:
        """Let the client forget what came; with several sessions it could not tell which is meant."""
        if self._looked is not None and now - self._looked < ACKNOWLEDGE:
            return
        number = next(iter(self._sessions.values())).last if len(self._sessions) == 1 else 0
        # The greeting was one already.
        if self._looked is not None and number > self._acknowledged:
            self.replies.append(_told(number))
            self._acknowledged = number
        self._looked = now

    # ── sessions

    def _session(self, id: str) -> _Session:
        session = self._sessions.get(id)
        if session is None:
            if len(self._sessions) >= SESSIONS:
                raise LimitError(Reason.TOO_MANY, f"more than {SESSIONS} sessions on one connection")
            key = self._given
            if not self._claimed and id:
                key = ParticipantKey(key.session, id)
            number = self.page + len(self._sessions) if key == self._given else 1
            page = Page(number, all_named=True, limits=self._limits)
            session = self._sessions[id] = _Session(key, page)
        self.key = session.key
        return session

    def _identify(self, id: str, data: object) -> list[Record]:
        row = items(data)
        if len(row) < 4:
            raise FrameError(Reason.BAD_FRAME, "an identity that is none")
        time, told = milliseconds(row[3]), mapping(row[2])
        session = self._session(id)
        if not self._is_new(session, row):
            return []
        if not self._claimed:
            length = self._limits.id_length
            rooms = (name(told.get(member), length) for member in CONFERENCE)
            room = next((room for room in rooms if room), session.key.session)
            session.key = ParticipantKey(room, name(told.get("endpointId"), length) or id)
            self.key = session.key
        app = text(told.get("applicationName"), self._limits.text_length)
        return [Joined(session.key, time, {"rtc.app.name": app} if app else {})]

    def _end(self, id: str, now: float) -> list[Record]:
        session = self._sessions.pop(id, None)
        return [Left(session.key, now, "left")] if session is not None else []

    # ── entries

    def _entries(self, id: str, data: object) -> list[Record]:
        return self._entry(id, items(parse(data, self._limits) if isinstance(data, str) else data))

    def _entry(self, id: str, row: list[object]) -> list[Record]:
        if len(row) < 4:
            raise FrameError(Reason.BAD_FRAME, "not [method, peer connection, value, time]")
        if row[0] == "identity":
            return self._identify(id, row)
        session = self._session(id)
        return session.page.take(row, session.key) if self._is_new(session, row) else []

    def _is_new(self, session: _Session, row: list[object]) -> bool:
        """Whether the row has not been here before; it counts as having been, whatever becomes of it."""
        number = row[4] if len(row) > 4 else None
        if type(number) is not int:
            return True
        if number <= session.last:
            return False
        session.last = number
        return True


class Service:
    """Takes what a service sends, and makes nothing of it: that it is there is counted by connections."""

    def __init__(self, key: ParticipantKey, *, page: int = 1, claimed: bool = True, limits: Limits = DEFAULTS) -> None:
        self.key = key
        self.refused: list[ClientError] = []
        self.replies: list[str] = [_told(0, is_first=True)]
        self._limits = limits

    def adopt(self, previous: AnyDecoder) -> None:
        """Nothing is known of anybody."""

    def receive(self, frame: str | bytes, now: float) -> list[Record]:
        """Nothing, if it is a message."""
        if "statsSessionId" not in mapping(parse(frame, self._limits)):
            raise FrameError(Reason.BAD_FRAME, "no message of a session")
        return []


def _told(number: int, is_first: bool = False) -> str:
    """The client expects the state with the first alone."""
    state = ',"state":"initial"' if is_first else ""
    return f'{{"type":"sn","body":{{"value":{number}{state}}}}}'
