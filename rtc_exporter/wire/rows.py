"""
What the clients share that came of the first rtcstats: ``[method, peer connection or null, value, milliseconds]``.

Methods are names, times are dates, and a report holds only what changed, by another rule than that of rtcstats-js.
``Page`` follows the peer connections of one page; ``legacy`` and ``jitsi`` say how its rows come.
"""

from collections.abc import Callable

from rtc_exporter.errors import FrameError, LimitError, Reason
from rtc_exporter.limits import Limits, Room
from rtc_exporter.model import NOTHING, Event, Members, ParticipantKey, PeerConnectionKey, Record, Report
from rtc_exporter.w3c import MEDIA_KINDS
from rtc_exporter.wire.browsers import TYPES
from rtc_exporter.wire.compact import Base, heard
from rtc_exporter.wire.decoder import DEFAULTS, items, mapping, milliseconds, paged
from rtc_exporter.wire.events import event_name, facts
from rtc_exporter.wire.stats import W3C

#: What is sent and says nothing that we use; faces are nobody's business.  ``getStats`` is a call of the page's own.
IGNORED = frozenset({
    "getStats", "constraints", "constraintsOptional", "identity", "publicIP", "tags", "wsconnect", "wsconnecterror",
    "addStream", "removeStream", "onaddstream", "onremovestream", "ondtlsstatechange", "ondtlserror",
    "logs", "dominantSpeaker", "e2eRtt", "setVideoType", "faceLandmarks", "conferenceStartTimestamp", "connectionInfo",
})  # fmt: skip


class Delta:
    """
    The reports of one peer connection.

    Of an object only those members come that changed; nested ones come whole.  ``timestamp`` stands at the top, and 0
    in an object means that one.  ``all_named``: an object that is not mentioned is gone (Jitsi since 7.0); else
    nothing of it changed, and nobody says when it goes.
    """

    __slots__ = ("base", "_all_named")

    def __init__(self, all_named: bool, limits: Limits, room: Room | None = None) -> None:
        """``room`` is for what is held, and is shared by all peer connections of a page."""
        self.base = Base(W3C, TYPES, limits, room=room)
        self._all_named = all_named

    def merge(self, value: dict[str, object]) -> tuple[dict[str, Members], bool]:
        """Take a report; the objects that it removes, and whether anything arrived since the last."""
        # Some clients on Android wrap it.
        wrapped = value.get("values")
        rows = {**mapping(wrapped)} if isinstance(wrapped, dict) and "type" not in wrapped else {**value}
        stamp = value.get("timestamp")
        rows.pop("timestamp", None)
        if not all(type(row) is dict for row in rows.values()):
            raise FrameError(Reason.BAD_STATS, "stats that are no objects")
        base = self.base
        delta: dict[str, object] = {id: self._dated(id, mapping(row), stamp is not None) for id, row in rows.items()}
        if self._all_named:
            delta |= dict.fromkeys(base.ids - rows.keys())
        if stamp is not None:
            milliseconds(stamp)
            delta["t"] = stamp
        removed = base.merge(delta)
        base.weigh()
        return removed, heard(rows)

    def _dated(self, id: str, row: dict[str, object], has_moved: bool) -> dict[str, object]:
        """The row as ``Base`` wants it: a time of its own is ``t``, none means that of the report."""
        stamp = row.get("timestamp")
        row = {name: value for name, value in row.items() if name not in ("timestamp", "t")}
        if stamp is None and self._all_named:
            # Here it means that the object has not been looked at anew.
            known = self.base.get(id)
            last = None if known is None else known.get("timestamp", self.base.time if has_moved else None)
            return row if last is None else {**row, "t": last * 1000}
        return {**row, "t": stamp} if stamp else row


class _Connection:
    """What is known of one RTCPeerConnection."""

    __slots__ = ("delta", "is_baseless", "is_closed")

    def __init__(self, delta: Delta) -> None:
        self.delta = delta
        self.is_closed = False
        #: Whether it was said that some of its reports never came.
        self.is_baseless = False


class Page:
    """The peer connections of one page load; ``number`` makes their names unique."""

    def __init__(self, number: int, *, all_named: bool, limits: Limits = DEFAULTS) -> None:
        self.number = number
        self._all_named = all_named
        self._limits = limits
        self._room = Room(limits.members)
        self._connections: dict[str, _Connection] = {}

    def take(self, row: list[object], key: ParticipantKey) -> list[Record]:
        """What one row tells."""
        method, peer, value = row[0], row[1], row[2]
        if type(method) is not str:
            raise FrameError(Reason.BAD_FRAME, "a method is no string")
        if peer is not None and not (type(peer) is str and 0 < len(peer) <= self._limits.id_length):
            raise FrameError(Reason.BAD_FRAME, "a peer connection is not a short string")
        time = milliseconds(row[3])
        if method == "getstats":
            return self._report(peer, value, time, key)
        if method in IGNORED or (method == "close" and peer is None):
            return []
        if method.endswith("OnError"):
            method = f"{method.removesuffix('OnError')}OnFailure"
        name = event_name(method, peer)
        read = READ.get(name)
        told = facts(name, value if read is None else read(value))
        if peer is None:
            return [Event(PeerConnectionKey(*key, ""), time, name, told)]
        if name == "create" or peer not in self._connections:
            self._meet(peer)
        if name == "close":
            self._connections[peer].is_closed = True
            self._connections[peer].delta.base.part()
            self._connections[peer].delta = self._delta()
        return [Event(self._named(key, peer), time, name, told)]

    def _report(self, peer: str | None, value: object, sent: float, key: ParticipantKey) -> list[Record]:
        if peer is None or type(value) is not dict:
            raise FrameError(Reason.BAD_STATS, "getstats without a peer connection or without stats")
        connection = self._connections.get(peer) or self._meet(peer)
        base = connection.delta.base
        if connection.is_closed or (base.time is None and value.keys() <= {"timestamp"}):
            return []
        is_first = base.time is None
        removed, arrived = connection.delta.merge(value)
        time = sent if base.time is None else base.time
        news: list[Record] = []
        if base.has_strangers and not connection.is_baseless:
            # These clients drop a report while their socket is not open, and send what changed since all the same.
            connection.is_baseless = True
            news = [Event(PeerConnectionKey(*key, ""), time, "baseless", {})]
        heard_of = None if is_first else arrived
        return [*news, Report(self._named(key, peer), time, sent, base, removed or NOTHING, heard_of)]

    def _named(self, key: ParticipantKey, peer: str) -> PeerConnectionKey:
        return PeerConnectionKey(*key, paged(self.number, peer))

    def _delta(self) -> Delta:
        return Delta(self._all_named, self._limits, self._room)

    def _meet(self, peer: str) -> _Connection:
        if peer not in self._connections and len(self._connections) >= self._limits.peer_connections:
            self._connections = {name: known for name, known in self._connections.items() if not known.is_closed}
            if len(self._connections) >= self._limits.peer_connections:
                raise LimitError(Reason.TOO_MANY, f"more than {self._limits.peer_connections} peer connections")
        if peer in self._connections:
            self._connections[peer].delta.base.part()
        connection = self._connections[peer] = _Connection(self._delta())
        return connection


# ── payloads as these clients write them, to what ``events`` reads


def _track(value: object) -> object:
    """``audio:ID stream:ID``."""
    if not isinstance(value, str):
        return value
    kind, _, track = value.split(" ", 1)[0].partition(":")
    return [kind, track]


def _transceiver(value: object) -> object:
    """``video {"direction": ...}``, or the arguments as an object with numbers."""
    first = mapping(value).get("0") if isinstance(value, dict) else value
    if isinstance(first, str):
        kind = first.split(" ", 1)[0]
        return [kind if kind in MEDIA_KINDS else _track(first)]
    return [first]


def _stream(value: object) -> object:
    """``{id, tracks: [{id, kind, ...}]}``."""
    tracks = [mapping(track) for track in items(mapping(value).get("tracks"))]
    return [[track.get("kind"), track.get("id")] for track in tracks]


#: Event -> how its payload becomes what rtcstats-js sends today.
READ: dict[str, Callable[[object], object]] = {
    "addTrack": _track, "track": _track, "addTransceiver": _transceiver,
    "getUserMediaOnSuccess": _stream, "getDisplayMediaOnSuccess": _stream,
}  # fmt: skip
