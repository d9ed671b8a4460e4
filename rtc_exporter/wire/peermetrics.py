"""
peermetrics' sdk-js 2.x: an HTTP API with one request for each event, and answers that the client goes on with.

The first request, ``/initialize``, brings the names of conference and user and the ``apiKey``, where our token goes.
The answer's ``token`` stands in every later body.  It is made of what the first request said, so that nothing has to be
remembered here for a client to go on after a restart.  What gets an answer that is no JSON is sent again, so every
answer is JSON, and reports that come twice are known by their time.
"""

import base64
import binascii
from collections.abc import Callable, Mapping
from typing import NamedTuple

import orjson

from rtc_exporter.errors import FrameError, LimitError, Reason
from rtc_exporter.limits import Limits, Room
from rtc_exporter.model import Event, Joined, Left, Member, ParticipantKey, PeerConnectionKey, Record, Report
from rtc_exporter.wire.agents import agent_of
from rtc_exporter.wire.decoder import DEFAULTS, NUMBERS, Request, Stream, items, mapping, name, paged, parse, text
from rtc_exporter.wire.decoder import Decoder as AnyDecoder
from rtc_exporter.wire.events import admitted, facts
from rtc_exporter.wire.stats import Whole, read

#: Milliseconds between two reports that a client is asked for.
INTERVAL = 5000
#: Characters of a ticket: a token of 4096, and two names.
TICKET = 8192
#: Milliseconds that an event may have waited at the client; it tries for minutes, and a laptop sleeps for a night.
WAITED = 86_400_000

#: Handlers of a peer connection whose state stands in ``data``, or in a member of it.
STATES = {
    "onsignalingstatechange": "signalingState", "oniceconnectionstatechange": "iceConnectionState",
    "onicegatheringstatechange": "iceGatheringState", "onconnectionstatechange": "connectionState",
}  # fmt: skip

#: Track events of the library -> ours.
TRACKS = {"ontrack": "track", "mute": "mute", "unmute": "unmute", "ended": "ended"}

#: What the page says of itself; of ``tabFocus`` the name lies: true is hidden.
LEAVES = {"endCall": "left", "unload": "page_hide", "beforeunload": ""}

#: Parts of ``data`` in a report -> the stats type of what they hold.
STREAMS = {"inbound": "inbound-rtp", "outbound": "outbound-rtp"}
#: Members of the peer connection that are merged into its candidate pair.
CHANNELS = ("dataChannelsOpened", "dataChannelsClosed")
#: Members of a codec that are merged into its streams.
CODEC = ("mimeType", "clockRate")


class Ticket(NamedTuple):
    """What a client has to show with each request, and what we know it by."""

    api_key: str
    session: str
    participant: str

    def encode(self) -> str:
        """As the answer's ``token``."""
        return base64.urlsafe_b64encode(orjson.dumps(list(self))).decode("ascii")

    @staticmethod
    def of(frame: str | bytes, limits: Limits = DEFAULTS) -> "Ticket":
        """The ticket of a request."""
        request = Request.read(frame)
        return Ticket.read(request.path, _body(request, limits), limits)

    @staticmethod
    def read(path: str, body: Mapping[str, object], limits: Limits) -> "Ticket":
        """A ticket is made of the first request, and shown by the others."""
        length = limits.id_length
        if path == "/initialize":
            names = (name(body.get(member), length) or "" for member in ("conferenceId", "userId"))
            return Ticket(text(body.get("apiKey"), TICKET // 2) or "", *names)
        shown = text(body.get("token"), TICKET)
        if shown is None:
            return Ticket("", "", "")
        try:
            parts = orjson.loads(base64.urlsafe_b64decode(shown))
        except (ValueError, binascii.Error):
            parts = None
        if not isinstance(parts, list) or len(parts) != 3 or not all(isinstance(part, str) for part in parts):
            raise FrameError(Reason.BAD_IDENTITY, "a token that was not made here")
        return Ticket(parts[0][: TICKET // 2], name(parts[1], length) or "", name(parts[2], length) or "")


def named(frame: str | bytes, limits: Limits = DEFAULTS) -> ParticipantKey | None:
    """Whom a request names."""
    ticket = Ticket.of(frame, limits)
    return ParticipantKey(ticket.session, ticket.participant) if ticket.session and ticket.participant else None


def credential(frame: str | bytes, limits: Limits = DEFAULTS) -> str:
    """The token that a request brings."""
    return Ticket.of(frame, limits).api_key


def _body(request: Request, limits: Limits) -> dict[str, object]:
    body = parse(request.body or b"{}", limits, limits.body_bytes)
    if not isinstance(body, dict):
        raise FrameError(Reason.BAD_FRAME, "a body that is no object; batches name nobody, and are not asked for")
    return body


class Decoder(Stream):
    """Decodes one client's requests; each one leaves the body of its answer in ``replies``."""

    def __init__(self, key: ParticipantKey, *, page: int = 1, claimed: bool = True, limits: Limits = DEFAULTS) -> None:
        super().__init__(key, page=page, claimed=claimed, limits=limits)
        self._connections: dict[str, Whole] = {}
        self._room = Room(limits.members)
        self._added = 0

    def adopt(self, previous: AnyDecoder) -> None:
        """Requests know nothing of connections."""

    def receive(self, frame: str | bytes, now: float) -> list[Record]:
        """What one request tells."""
        self.replies.clear()
        request = Request.read(frame)
        body = _body(request, self._limits)
        answer = _ANSWERS.get((request.method, request.path))
        if answer is None:
            raise FrameError(Reason.BAD_FRAME, "no request of this API")
        ticket = Ticket.read(request.path, body, self._limits)
        if not self._claimed:
            self.key = ParticipantKey(
                ticket.session or self._given.session, ticket.participant or self._given.participant
            )
        waited = body.get("delta", 0)
        if type(waited) in NUMBERS and 0 < waited <= WAITED:  # type: ignore[operator]  # a number, as checked
            now -= waited / 1000  # type: ignore[operator]
        records = answer(self, body, now)
        if not self.replies:
            self.replies.append("{}")
        return records

    # ── the page

    def _initialize(self, body: Mapping[str, object], now: float) -> list[Record]:
        key = text(body.get("apiKey"), TICKET // 2) or ""
        token = Ticket(key, self.key.session, self.key.participant).encode()
        answer = {"token": token, "getStatsInterval": INTERVAL, "batchConnectionEvents": False, "time": int(now * 1000)}
        self.replies.append(orjson.dumps(answer).decode())
        return [Joined(self.key, now, {})]

    def _session(self, body: Mapping[str, object], now: float) -> list[Record]:
        """The answer of POST has to hold a token, or be an object at least; ours stays the same."""
        self.replies.append(orjson.dumps({"token": text(body.get("token"), TICKET) or ""}).decode())
        told = agent_of(body.get("platform"))
        version = text(body.get("appVersion"), self._limits.text_length)
        return [Joined(self.key, now, told | ({"rtc.app.version": version} if version else {}))]

    def _details(self, body: Mapping[str, object], now: float) -> list[Record]:
        return []

    def _media(self, body: Mapping[str, object], now: float) -> list[Record]:
        """Constraints, an error, or what was got, in a request of its own each."""
        data = mapping(body.get("data"))
        if "error" in data:
            return [self._event("", now, "getUserMediaOnFailure", facts("getUserMediaOnFailure", data["error"]))]
        if "constraints" in data:
            return [self._event("", now, "getUserMedia", facts("getUserMedia", data["constraints"]))]
        kinds = [[kind, ""] for kind in ("audio", "video") if data.get(kind) or data.get(f"{kind}Tracks")]
        return [self._event("", now, "getUserMediaOnSuccess", facts("getUserMediaOnSuccess", kinds))]

    def _browser(self, body: Mapping[str, object], now: float) -> list[Record]:
        kind = text(body.get("eventName"), self._limits.id_length)
        if kind in LEAVES:
            # A page may stay after beforeunload: the user is asked.
            return [Left(self.key, now, LEAVES[kind])] if LEAVES[kind] else []
        if kind == "mediaDeviceChange":
            return [self._event("", now, "devicechange", {})]
        if kind == "tabFocus":
            return [self._event("", now, "visibilitychange", admitted("visibilitychange", {"flag": body.get("focus")}))]
        return []

    # ── peer connections

    def _connection(self, body: Mapping[str, object], now: float) -> list[Record]:
        kind = text(body.get("eventName"), self._limits.id_length) or ""
        data = body.get("data")
        if kind == "addConnection":
            self._added += 1
            name = f"{int(now * 1000)}-{self._added}"
            peer = text(body.get("peerId"), self._limits.id_length) or name
            self.replies.append(orjson.dumps({"peer_id": peer, "connection_id": name}).decode())
            return [self._event(name, now, "create", {})]
        peer = self._peer(body)
        if kind in STATES:
            state = mapping(data).get(STATES[kind], data)
            return [self._event(peer, now, kind[2:], facts(kind[2:], state))]
        if kind in ("onicecandidate", "onicecandidateerror"):
            return [self._event(peer, now, kind[2:], facts(kind[2:], data))]
        if kind in ("onnegotiationneeded", "ondatachannel"):
            return [self._event(peer, now, kind[2:], {})]
        if kind == "removeConnection":
            if peer in self._connections:
                self._connections.pop(peer).clear()
            return [self._event(peer, now, "close", {})]
        return []

    def _stats(self, body: Mapping[str, object], now: float) -> list[Record]:
        peer = self._peer(body)
        taken, stats = read(_rows(mapping(body.get("data")), self._limits), None, self._limits)
        if peer not in self._connections and len(self._connections) >= self._limits.peer_connections:
            raise LimitError(Reason.TOO_MANY, f"more than {self._limits.peer_connections} peer connections")
        if taken is None:
            return []
        whole = self._connections.setdefault(peer, Whole(self._room))
        time, stats, removed = whole.take(taken, stats)  # type: ignore[assignment]
        return [Report(self._named(peer), time, now, stats, removed)]

    def _track(self, body: Mapping[str, object], now: float) -> list[Record]:
        kind = TRACKS.get(text(body.get("event"), self._limits.id_length) or "")
        if kind is None:
            return []
        data = mapping(body.get("data"))
        told = admitted(kind, {"track": body.get("trackId"), "kind": data.get("kind", body.get("kind"))})
        return [self._event(self._peer(body), now, kind, told)]

    def _peer(self, body: Mapping[str, object]) -> str:
        peer = text(body.get("connectionId"), self._limits.id_length)
        if peer is None:
            raise FrameError(Reason.BAD_FRAME, "no connectionId")
        return peer

    def _named(self, peer: str) -> PeerConnectionKey:
        return PeerConnectionKey(*self.key, paged(self.page, peer) if peer else "")

    def _event(self, peer: str, time: float, event: str, told: Mapping[str, Member]) -> Event:
        return Event(self._named(peer), time, event, told)


#: What is done for each request of the API.
_ANSWERS: dict[tuple[str, str], Callable[[Decoder, Mapping[str, object], float], list[Record]]] = {
    ("POST", "/initialize"): Decoder._initialize,
    ("POST", "/sessions"): Decoder._session,
    ("PUT", "/sessions"): Decoder._details,
    ("POST", "/connection"): Decoder._connection,
    ("POST", "/stats"): Decoder._stats,
    ("POST", "/tracks"): Decoder._track,
    ("PUT", "/tracks"): Decoder._track,
    ("POST", "/events/get-user-media"): Decoder._media,
    ("POST", "/events/browser"): Decoder._browser,
}


def _rows(data: Mapping[str, object], limits: Limits) -> list[dict[str, object]]:
    """The stats objects that the library has sorted and merged, taken apart."""
    rows: list[dict[str, object]] = []
    for part, prefix in ((data, ""), (mapping(data.get("remote")), "remote-")):
        for kind in ("audio", "video"):
            for way, type in STREAMS.items():
                streams = items(mapping(part.get(kind)).get(way))
                if len(rows) + len(streams) > limits.stats:
                    raise LimitError(Reason.TOO_MANY, f"more than {limits.stats} streams")
                for entry in streams:
                    rows += _stream({"type": f"{prefix}{type}", "kind": kind, **mapping(entry)})
    pair = mapping(data.get("connection"))
    if isinstance(pair.get("id"), str):
        channels = {member: pair.get(member) for member in CHANNELS}
        rows.append({"id": "peer-connection", "type": "peer-connection", **channels})
        told = {member: value for member, value in pair.items() if member not in channels}
        rows.append({**told, "type": "candidate-pair", "selected": True})
        for side in ("local", "remote"):
            candidate = mapping(pair.get(side))
            rows.append({"id": pair.get(f"{side}CandidateId"), **candidate, "type": f"{side}-candidate"})
    return rows


def _stream(row: dict[str, object]) -> list[dict[str, object]]:
    """A stream, its codec and its source; the library's own rates are not read."""
    rows = [{name: value for name, value in row.items() if name not in CODEC}]
    codec, source = row.get("codecId"), mapping(row.get("track"))
    if isinstance(codec, str) and "mimeType" in row:
        told = {name: row.get(name) for name in CODEC}
        rows.append({"id": codec, "type": "codec", **told})
    if source.get("type") == "media-source":
        rows.append({**source})
    return rows
