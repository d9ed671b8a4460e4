"""
ObserveRTC's client-monitor-js, schema 3: samples, which an application forwards over a WebSocket or by POST.

A sample holds the whole of every peer connection's statistics by stats type, and what happened since the sample before.
The library hands out ``{clientMonitor, sample}``, its documentation says ``sample``, and several may come as an array.
Its own scores are left there.  Samples in protocol buffers make sense only one after the other, and are not taken.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from rtc_exporter.errors import FrameError, LimitError, Reason
from rtc_exporter.limits import SEVERAL, Limits, Room
from rtc_exporter.model import Event, Joined, Left, ParticipantKey, PeerConnectionKey, Record, Report
from rtc_exporter.wire.agents import agent_of
from rtc_exporter.wire.decoder import (
    DEFAULTS,
    Stream,
    Told,
    is_time,
    items,
    mapping,
    milliseconds,
    name,
    paged,
    parse,
    text,
)
from rtc_exporter.wire.decoder import Decoder as AnyDecoder
from rtc_exporter.wire.events import Facts, admitted, event_name, facts
from rtc_exporter.wire.stats import Whole, read

#: Members of which a sample has at least one; the last four are of schema 2, which is taken and not read.
MARKS = frozenset({
    "peerConnections", "clientEvents", "clientIssues", "clientMetaItems", "extensionStats", "callId", "clientId",
    "pcTransports", "inboundAudioTracks", "outboundAudioTracks", "customCallEvents",
})  # fmt: skip

#: Array of a peer connection -> the stats type of what is in it.
TYPES = {
    "codecs": "codec", "inboundRtps": "inbound-rtp", "remoteInboundRtps": "remote-inbound-rtp",
    "outboundRtps": "outbound-rtp", "remoteOutboundRtps": "remote-outbound-rtp", "mediaSources": "media-source",
    "mediaPlayouts": "media-playout", "peerConnectionTransports": "peer-connection", "dataChannels": "data-channel",
    "iceTransports": "transport", "iceCandidatePairs": "candidate-pair", "certificates": "certificate",
}  # fmt: skip

#: Participants that one connection may speak for, and samples, events and connections in one frame.
PARTICIPANTS = 1000
TOLD = 5000

#: What the library calls an event -> what we call it, and where its payload has the state.
EVENTS: dict[str, tuple[str, str]] = {
    "PEER_CONNECTION_OPENED": ("create", ""),
    "PEER_CONNECTION_CLOSED": ("close", ""),
    "PEER_CONNECTION_STATE_CHANGED": ("connectionstatechange", "connectionState"),
    "ICE_CONNECTION_STATE_CHANGED": ("iceconnectionstatechange", "iceConnectionState"),
    "ICE_GATHERING_STATE_CHANGED": ("icegatheringstatechange", "iceGatheringState"),
    "SIGNALING_STATE_CHANGE": ("signalingstatechange", "signalingState"),
    "NEGOTIATION_NEEDED": ("negotiationneeded", ""),
    "ICE_CANDIDATE": ("icecandidate", ""),
    "ICE_CANDIDATE_ERROR": ("icecandidateerror", ""),
    "ICE_RESTART": ("restartIce", ""),
    "DATA_CHANNEL_OPEN": ("datachannel", ""),
    "MEDIA_TRACK_ADDED": ("track", ""),
    "MEDIA_TRACK_MUTED": ("mute", ""),
    "MEDIA_TRACK_UNMUTED": ("unmute", ""),
    "CAPTURE_TRACK_ENDED": ("ended", ""),
}

#: Events of the library that say nothing that we use, or say again what an issue says.
IGNORED = frozenset((
    "CLIENT_JOINED", "CLIENT_LEFT", "MEDIA_TRACK_REMOVED", "MEDIA_TRACK_RESUMED", "DATA_CHANNEL_CLOSED",
    "DATA_CHANNEL_ERROR", "PEER_CONNECTION_ICE_PATH_CHANGED", "ICE_RESTART_RECOMMENDED",
    "LONG_PC_CONNECTION_ESTABLISHMENT", "EXCESSIVE_SYNTHESIZED_AUDIO", "CODEC_CHANGED", "VIDEO_RESOLUTION_CHANGED",
    "SIMULCAST_LAYER_CHANGED", "CAPTURE_TRACK_MUTED", "STATS_COLLECTION_GAP",
    *(f"{who}_{what}" for who in ("PRODUCER", "CONSUMER") for what in ("ADDED", "REMOVED", "PAUSED", "RESUMED")),
    *(f"DATA_{who}_{what}" for who in ("PRODUCER", "CONSUMER") for what in ("CREATED", "CLOSED")),
))  # fmt: skip


class _Sample(NamedTuple):
    """A sample that has been checked."""

    key: ParticipantKey
    time: float
    told: list[Told]
    attributes: dict[str, str]
    has_left: bool


def samples(frame: str | bytes, limits: Limits = DEFAULTS) -> list[dict[str, object]]:
    """The samples in a frame or body."""
    size = limits.body_bytes if isinstance(frame, bytes) else limits.frame_bytes
    found = parse(frame, limits, size)
    listed = [mapping(mapping(one).get("sample", one)) for one in (found if isinstance(found, list) else [found])]
    if not listed or not all(MARKS & sample.keys() for sample in listed):
        raise FrameError(Reason.BAD_FRAME, "no sample of a client")
    several = ("peerConnections", "clientEvents", "clientIssues", "clientMetaItems")
    if sum(1 + sum(len(items(sample.get(array))) for array in several) for sample in listed) > TOLD:
        raise LimitError(Reason.TOO_LARGE, f"at most {TOLD} samples, connections and events come together")
    return listed


def named(frame: str | bytes, limits: Limits = DEFAULTS) -> ParticipantKey | None:
    """Whom a body names."""
    keys = [_named(sample, ParticipantKey("", ""), limits) for sample in samples(frame, limits)]
    return min((key for key in keys if all(key)), default=None)


def _named(sample: Mapping[str, object], given: ParticipantKey, limits: Limits) -> ParticipantKey:
    session, participant = name(sample.get("callId"), limits.id_length), name(sample.get("clientId"), limits.id_length)
    return ParticipantKey(session or given.session, participant or given.participant)


class Decoder(Stream):
    """Decodes one client's samples; ``callId`` and ``clientId`` name its participant."""

    def __init__(self, key: ParticipantKey, *, page: int = 1, claimed: bool = True, limits: Limits = DEFAULTS) -> None:
        super().__init__(key, page=page, claimed=claimed, limits=limits)
        self._connections: dict[ParticipantKey, dict[str, Whole]] = {}
        self._room = Room(limits.members * (1 if claimed else SEVERAL))

    def adopt(self, previous: AnyDecoder) -> None:
        """Go on with the reports of the connection before, so that what is gone since is noticed."""
        if isinstance(previous, Decoder):
            self.page = previous.page
            self._connections, self._room = previous._connections, previous._room

    def receive(self, frame: str | bytes, now: float) -> list[Record]:
        """What all samples of a frame or body tell; if one cannot be used, none is."""
        read_ones = [self._read(sample, now) for sample in samples(frame, self._limits)]
        return [record for sample in read_ones for record in self._take(sample)]

    # ── reading and checking

    def _read(self, sample: dict[str, object], now: float) -> _Sample:
        key = self._given if self._claimed else _named(sample, self._given, self._limits)
        time = now if sample.get("timestamp") is None else milliseconds(sample["timestamp"])
        told = [self._report(mapping(row), time) for row in items(sample.get("peerConnections"))]
        events = [mapping(row) for row in items(sample.get("clientEvents"))]
        told += [one for row in events if (one := self._event(row, time)) is not None]
        told += [self._issue(mapping(row), time) for row in items(sample.get("clientIssues"))]
        told.sort(key=lambda one: one.time)
        attributes: dict[str, str] = {}
        for row in items(sample.get("clientMetaItems")):
            attributes |= self._meta(mapping(row))
        return _Sample(key, time, told, attributes, any(row.get("type") == "CLIENT_LEFT" for row in events))

    def _report(self, row: dict[str, object], time: float) -> Told:
        peer = self._peer(row)
        if not peer:
            raise FrameError(Reason.BAD_FRAME, "a peer connection without an id")
        rows: list[object] = []
        remote = {
            mapping(pair).get("remoteCandidateId") for pair in items(row.get("iceCandidatePairs")) if _linked(pair)
        }
        for array, kind in TYPES.items():
            rows += [{**mapping(entry), "type": kind} for entry in items(row.get(array))]
        for entry in items(row.get("iceCandidates")):
            candidate = mapping(entry)
            kind = "remote-candidate" if _text(candidate.get("id")) in remote else "local-candidate"
            rows.append({**candidate, "type": kind})
        taken, stats = read(rows, None, self._limits)
        return Told(peer, time, taken=taken, stats=stats)

    def _event(self, row: dict[str, object], time: float) -> Told | None:
        kind = row.get("type")
        if not isinstance(kind, str) or kind in IGNORED:
            return None
        payload = self._payload(row)
        peer = self._peer(payload)
        own, member = EVENTS.get(kind, ("", ""))
        if own in _OF_CONNECTION and not peer:
            raise FrameError(Reason.BAD_FRAME, "an event without its peer connection")
        event = own or event_name(kind, peer or None)
        when = milliseconds(row["timestamp"]) if is_time(row.get("timestamp")) else time
        return Told(peer, when, event, _facts(event, payload, member))

    def _issue(self, row: dict[str, object], time: float) -> Told:
        """An issue as it is raised, and once more as ``...-resolved`` when it is over."""
        type = row.get("type")
        kind = type if isinstance(type, str) else ""
        is_over = kind.endswith("-resolved")
        when = milliseconds(row["timestamp"]) if is_time(row.get("timestamp")) else time
        if kind == "USER_MEDIA_ERROR":
            return Told("", when, "getUserMediaOnFailure", facts("getUserMediaOnFailure", self._payload(row)))
        told = admitted("issue", {"issue": kind.removesuffix("-resolved"), "flag": not is_over})
        return Told(self._peer(self._payload(row)), when, "issue", told)

    def _meta(self, row: dict[str, object]) -> dict[str, str]:
        payload = self._payload(row)
        match row.get("type"):
            case "USER_AGENT_DATA":
                agent = text(payload.get("ua"), self._limits.text_length)
                return {"user_agent.original": agent} if agent else agent_of(payload)
            case "BROWSER":
                return agent_of({"browser": payload})
            case "OPERATION_SYSTEM":
                return agent_of({"os": payload})
        return {}

    def _payload(self, row: Mapping[str, object]) -> dict[str, object]:
        """An object, or (before schema 3.5) the text of one; what is neither says nothing."""
        payload = row.get("payload")
        if isinstance(payload, str):
            try:
                payload = parse(payload, self._limits)
            except FrameError:
                return {}
        return mapping(payload)

    def _peer(self, row: Mapping[str, object]) -> str:
        return text(row.get("peerConnectionId"), self._limits.id_length) or ""

    # ── taking

    def _take(self, sample: _Sample) -> list[Record]:
        key = sample.key
        known = self._connections.get(key, {})
        peers = {told.peer_connection for told in sample.told if not told.event}
        if len(known.keys() | peers) > self._limits.peer_connections:
            raise LimitError(Reason.TOO_MANY, f"more than {self._limits.peer_connections} peer connections")
        if key not in self._connections and len(self._connections) >= PARTICIPANTS:
            raise LimitError(Reason.TOO_MANY, f"more than {PARTICIPANTS} participants")
        self.key = key
        self._connections[key] = known
        records: list[Record] = [Joined(key, sample.time, sample.attributes)] if sample.attributes else []
        for told in sample.told:
            try:
                records += self._tell(told, key, known)
            except LimitError as exc:
                self.refused.append(exc.with_traceback(None))
        if sample.has_left:
            for whole in self._connections.pop(key).values():
                whole.clear()
            records.append(Left(key, sample.time, "left"))
        return records

    def _tell(self, told: Told, key: ParticipantKey, known: dict[str, Whole]) -> list[Record]:
        peer = told.peer_connection
        whose = PeerConnectionKey(*key, paged(self.page, peer) if peer else "")
        if told.event:
            if told.event == "close" and peer in known:
                known.pop(peer).clear()
            return [Event(whose, told.time, told.event, told.facts)]
        whole = known.setdefault(peer, Whole(self._room))
        # The library samples less often than it is asked to: the same statistics come again.
        if not told.stats or (told.taken is not None and told.taken == whole.time):
            return []
        time, stats, removed = whole.take(told.time if told.taken is None else told.taken, told.stats)
        return [Report(whose, time, told.time, stats, removed)]


#: Events that mean nothing without the peer connection that they are of.
_OF_CONNECTION = frozenset(own for own, _ in EVENTS.values()) - {"track", "mute", "unmute", "ended"}


def _linked(pair: object) -> bool:
    return isinstance(mapping(pair).get("remoteCandidateId"), str)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _facts(event: str, payload: Mapping[str, object], member: str) -> Facts:
    """What may be kept of an event's payload, which has names of its own."""
    if member:
        return facts(event, payload.get(member))
    reader: Callable[[Mapping[str, object]], Facts] | None = _READ.get(event)
    return facts(event, payload) if reader is None else reader(payload)


def _track(payload: Mapping[str, object]) -> Facts:
    return admitted("track", {"kind": payload.get("kind"), "track": payload.get("trackId")})


_READ: dict[str, Callable[[Mapping[str, object]], Facts]] = dict.fromkeys(("track", "mute", "unmute", "ended"), _track)
_READ["create"] = lambda payload: {}
_READ["icecandidate"] = lambda payload: facts("icecandidate", payload.get("candidate", payload))
