"""
rtcstats-js 1.x and 2.x (subprotocols ``rtcstats#4.0`` and ``rtcstats#5.0``): one JSON array per frame.

    [method, peer connection or null, value, ...extra, milliseconds since the frame before]

Methods are numbers, and reports hold only what changed (``compact``).  SDP is compressed against earlier
SDP; nothing that is kept comes from SDP, so it is not rebuilt.
"""

import re

from rtc_exporter.errors import ClientError, FrameError, LimitError, Reason
from rtc_exporter.limits import Limits, Room
from rtc_exporter.model import (
    NOTHING,
    Event,
    Joined,
    ParticipantKey,
    PeerConnectionKey,
    Record,
    Report,
)  # fmt: skip
from rtc_exporter.wire.agents import agent
from rtc_exporter.wire.compact import Base, continues, heard
from rtc_exporter.wire.decoder import DEFAULTS, LATEST, NUMBERS, Stream, mapping, paged, parse
from rtc_exporter.wire.decoder import Decoder as AnyDecoder
from rtc_exporter.wire.events import told
from rtc_exporter.wire.stats import Whole, read
from rtc_exporter.wire.unread import heard_in

#: Method codes; the clients' table only grows, "numbers must not be reassigned".
METHODS: dict[int, str] = {
    1: "getStats",
    2: "createOffer", 3: "createOfferOnSuccess", 12: "createOfferOnFailure",
    4: "createAnswer", 5: "createAnswerOnSuccess", 13: "createAnswerOnFailure",
    6: "setLocalDescription", 7: "setLocalDescriptionOnSuccess", 14: "setLocalDescriptionOnFailure",
    8: "setRemoteDescription", 9: "setRemoteDescriptionOnSuccess", 15: "setRemoteDescriptionOnFailure",
    10: "addIceCandidate", 11: "addIceCandidateOnSuccess", 16: "addIceCandidateOnFailure",
    20: "onicecandidate", 21: "onicecandidateerror", 22: "ontrack", 23: "onsignalingstatechange",
    24: "oniceconnectionstatechange", 25: "onconnectionstatechange", 26: "onicegatheringstatechange",
    27: "onnegotiationneeded", 28: "ondatachannel",
    30: "addTrack", 31: "addTrackOnSuccess", 32: "addTransceiver", 33: "addTransceiverOnSuccess", 34: "removeTrack",
    35: "createDataChannel", 36: "close", 37: "restartIce", 38: "setConfiguration", 39: "create", 40: "constraints",
    41: "setCodecPreferences", 42: "setHeaderExtensionsToNegotiate",
    50: "setParameters", 51: "replaceTrack",
    60: "navigator.mediaDevices.getUserMedia", 61: "navigator.mediaDevices.getUserMediaOnSuccess",
    65: "navigator.mediaDevices.getUserMediaOnFailure",
    63: "navigator.mediaDevices.getDisplayMedia", 64: "navigator.mediaDevices.getDisplayMediaOnSuccess",
    68: "navigator.mediaDevices.getDisplayMediaOnFailure",
    66: "navigator.mediaDevices.enumerateDevices", 67: "navigator.mediaDevices.ondevicechange",
    70: "MediaStreamTrack.stop", 71: "MediaStreamTrack.applyConstraints", 72: "MediaStreamTrack.onended",
    73: "MediaStreamTrack.onmute", 74: "MediaStreamTrack.onunmute", 80: "HTMLMediaElement.resize",
}  # fmt: skip

#: Milliseconds by which a client's clock may run ahead of where it was, beyond the time that really passed: what
#: differs more is no time, but a clock that was set.
SLACK = 5000.0
#: Seconds in which a client sends what it kept until it was connected, at once; until then only the present is a bound.
FLUSH = 2.0

#: A time beyond this many milliseconds (1973) is a date, below it is a difference.
ABSOLUTE = 1e11


class _Connection:
    """What is known of one RTCPeerConnection."""

    __slots__ = ("base", "is_baseless", "is_closed", "key", "parked", "whole")

    def __init__(self, key: PeerConnectionKey, limits: Limits, refused: list[ClientError], room: Room) -> None:
        self.key = key
        self.base = Base(limits=limits, refused=refused, room=room)
        self.whole = Whole(room)
        self.is_closed = False
        #: Whether it was told that its reports cannot be read.
        self.is_baseless = False
        #: The base from before a reconnect, until the first report tells whether it goes on.
        self.parked: Base | None = None

    def forget(self) -> None:
        """It is over, or another one by its name begins."""
        self.base.part()
        self.whole.clear()


class Decoder(Stream):
    """
    Decodes one client's frames.

    ``whole`` is set for Chrome's own dumps, which have the same frames but write every report in full, and the
    page as peer connection ``<renderer>-0``.
    """

    def __init__(self, key: ParticipantKey, *, page: int = 1, claimed: bool = True, limits: Limits = DEFAULTS) -> None:
        super().__init__(key, page=page, claimed=claimed, limits=limits)
        self.whole = False
        #: The time of the last event, in milliseconds of the client's clock.
        self.time: float | None = None
        #: How far its clock is ahead of ours, in milliseconds, as its first frames say, and until when they do.
        self._ahead = 0.0
        self._flushed = 0.0
        self._room = Room(limits.members)
        self._connections: dict[str, _Connection] = {}
        self._previous: Decoder | None = None

    @property
    def held(self) -> int:
        """Members of stats objects that it holds, see ``Limits.members``."""
        return self._room.taken

    def adopt(self, previous: AnyDecoder) -> None:
        """
        Go on where this client's last connection ended, if it turns out to be the same page.

        After a reconnect the client sends neither ``create`` nor full reports.  So a peer connection
        that was not created here and that ``previous`` knows keeps its name, and keeps its stats if its first
        report has no types and only known ids.
        """
        if isinstance(previous, Decoder):
            self._previous = previous
            # What it might have gone on with itself is over: reconnects do not add up.
            previous._previous = None

    def receive(self, frame: str | bytes, now: float) -> list[Record]:
        """What one frame tells."""
        return self._lay_by(frame, now) or self._decode(frame, now)

    def _lay_by(self, frame: str | bytes, now: float) -> list[Record]:
        """
        Take a getStats frame unread, if its ends say all that is needed now: whose it is, and its times.

        rtcstats-js writes it in one way.  What is written otherwise, removes an object or comes first is read at once.
        """
        if not isinstance(frame, str) or len(frame) > min(self._limits.frame_bytes, LONGEST_LAID_BY):
            return []
        tail = _DELTA_TAIL.search(frame, len(frame) - _DELTA_TAIL_LENGTH)
        if tail is None or not frame.startswith('["g","PC_') or self.time is None or self.whole or '":null' in frame:
            return []
        connection = self._connections.get(frame[6 : frame.find('"', 6, _DELTA_HEAD_LENGTH)])
        if connection is None or connection.is_closed or connection.parked is not None:
            return []
        base, stamp, step = connection.base, float(tail[1]), float(tail[2])
        sent = step if step >= ABSOLUTE else self._after(self.time, step, now)
        if base.time is None or not base.is_trusted or stamp > LATEST or sent > LATEST:
            return []
        self.time = sent
        base.lay_by(frame, stamp / 1000)
        return [Report(connection.key, stamp / 1000, sent / 1000, base, NOTHING, heard_in(frame))]

    def _decode(self, frame: str | bytes, now: float) -> list[Record]:
        row = parse(frame, self._limits)
        if not isinstance(row, list) or len(row) < 4:
            raise FrameError(Reason.BAD_FRAME, "not [method, peer connection, value, ..., time]")
        # The clock first: the next frame counts from here even if the rest of this one is refused.
        sent = self._tell(row[-1], now)
        method, peer = row[0], row[1]
        if type(method) is not str and type(method) is not int:
            raise FrameError(Reason.BAD_FRAME, "a method is neither a string nor an integer")
        if self.whole and isinstance(peer, str) and _CHROME_PAGE.fullmatch(peer):
            peer = None
        if self.whole and peer == _CHROME_NOBODY:
            return []
        if peer is not None and not (type(peer) is str and 0 < len(peer) <= self._limits.id_length):
            raise FrameError(Reason.BAD_FRAME, "a peer connection is not a short string")
        if method == "g" or method == 1 or method == "getStats":
            return self._report(peer, row[2], sent, self.whole or method == "getStats")
        method = METHODS.get(method, "other") if isinstance(method, int) else method
        return self._event(method, peer, row[2], row[3:-1], sent)

    def _tell(self, value: object, now: float) -> float:
        """
        The event clock, in seconds.

        The first frame of a page has a date, the others a difference, but some versions send a date
        or a small first difference after a reconnect.
        """
        if type(value) not in NUMBERS:
            raise FrameError(Reason.BAD_TIME, "a frame without a time")
        number: float = value  # type: ignore[assignment]  # a number, as checked above
        if number >= ABSOLUTE:
            time = number
            self._ahead, self._flushed = time - now * 1000, now + FLUSH
        elif self.time is None:
            time = now * 1000
        else:
            time = self._after(self.time, number, now)
        if not 0 <= time <= LATEST:
            raise FrameError(Reason.BAD_TIME, "an absurd time")
        self.time = time
        return time / 1000

    def _after(self, time: float, step: float, now: float) -> float:
        """``time`` and a step: a clock that was set back stands still, one that was set forth keeps to ours."""
        present = now * 1000
        if now < self._flushed:
            time = max(time, min(time + step, present + max(0.0, self._ahead) + SLACK))
            self._ahead = max(self._ahead, time - present)
            return time
        return max(time, min(time + step, present + self._ahead + SLACK))

    def _report(self, peer: str | None, value: object, sent: float, whole: bool) -> list[Record]:
        if peer is None or type(value) is not dict:
            raise FrameError(Reason.BAD_STATS, "getStats without a peer connection or without stats")
        connection = self._connections.get(peer) or self._meet(peer, delta=value)
        if connection.is_closed:
            # getStats() may be under way when a peer connection is closed.
            self.refused.append(FrameError(Reason.NO_BASE, "a report of a peer connection that is closed"))
            return []
        if whole:
            time, stats, gone = connection.whole.take(*read(value, None, self._limits))
            return [Report(connection.key, time, sent, stats, gone)]
        if connection.parked is not None:
            if continues(value, connection.parked):
                connection.base = connection.parked
                connection.base.refused = self.refused
                connection.base.move(self._room)
            connection.parked = None
        base = connection.base
        arrived = None if base.time is None else heard(value)
        removed = base.merge(value)
        base.weigh()
        # What it changes went to another process, or to this one before its restart: nobody can say what it is.
        news: list[Record] = []
        if (base.is_orphan or base.has_strangers) and not connection.is_baseless:
            connection.is_baseless = True
            news = [Event(PeerConnectionKey(*self.key, ""), sent, "baseless", {})]
        if base.is_orphan:
            base.is_trusted = False
            self.refused.append(FrameError(Reason.NO_BASE, "a change of a report that never came"))
            return news
        return [*news, Report(connection.key, base.time or sent, sent, base, removed or NOTHING, arrived)]

    def _event(self, method: str, peer: str | None, value: object, extra: list[object], sent: float) -> list[Record]:
        name, facts = told(method, peer, value, extra)
        if peer is None:
            event = Event(PeerConnectionKey(*self.key, ""), sent, name, facts)
            attributes = agent(mapping(value).get("userAgentData")) if name == "createPage" else {}
            return [Joined(self.key, sent, attributes), event] if attributes else [event]
        connection = self._connections.get(peer)
        if connection is None or name == "create":
            connection = self._meet(peer, created=name == "create")
        if name == "close":
            connection.is_closed = True
            connection.forget()
            connection.base = Base(limits=self._limits, refused=self.refused, room=self._room)
        return [Event(connection.key, sent, name, facts)]

    def rebase(self, peer: object, value: object, time: object, now: float) -> Report:
        """A client tells what the next report of a peer connection builds on: nothing of it is news."""
        if not (type(peer) is str and 0 < len(peer) <= self._limits.id_length) or type(value) is not dict:
            raise FrameError(Reason.BAD_FRAME, "a base without a peer connection or without stats")
        sent = self._tell(time, now)
        connection = self._meet(peer, created=True)
        connection.base.merge(value)
        connection.base.weigh()
        return Report(connection.key, connection.base.time or sent, sent, connection.base, NOTHING)

    def _meet(self, peer: str, created: bool = False, delta: dict[str, object] | None = None) -> _Connection:
        """Begin to follow a peer connection, or go on with one from before a reconnect."""
        if peer not in self._connections and len(self._connections) >= self._limits.peer_connections:
            self._connections = {name: kept for name, kept in self._connections.items() if not kept.is_closed}
            if len(self._connections) >= self._limits.peer_connections:
                raise LimitError(Reason.TOO_MANY, f"more than {self._limits.peer_connections} peer connections")
        parked = None if created or self._previous is None else self._previous._connections.get(peer)
        if parked is not None and (parked.is_closed or (delta is not None and not continues(delta, parked.base))):
            parked = None
        if parked is not None and self._previous is not None:
            self.page = self._previous.page
            del self._previous._connections[peer]
        connection = _Connection(
            PeerConnectionKey(*self.key, paged(self.page, peer)), self._limits, self.refused, self._room
        )
        if parked is not None:
            connection.parked = parked.base
        if peer in self._connections:
            self._connections[peer].forget()
        self._connections[peer] = connection
        return connection


#: Characters of a frame that is kept unread: a call of six has deltas of 4,000, and what is kept has to be bounded.
LONGEST_LAID_BY = 32 << 10
#: The ends of ``["g","PC_0",{...,"t":1760000002000.5},59]``; the last number is a difference, or our own client's date.
_DELTA_HEAD_LENGTH = 64
_DELTA_TAIL = re.compile(r'"t":(\d{10,13}(?:\.\d{1,12})?)\},(\d{1,13})\]\Z')
_DELTA_TAIL_LENGTH = 64

#: How Chrome's dumps write what belongs to a page, and what the versions before 145 cannot assign.
_CHROME_PAGE = re.compile(r"\d+-0")
_CHROME_NOBODY = "undefined-undefined"
