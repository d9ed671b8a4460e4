"""
The webrtc-internals-exporter extension: gauges in Prometheus' text, as for a Pushgateway, by PUT, POST and DELETE.

    POST .../metrics/job/JOB/peerConnectionId/ID

A sample is a member of a stats object, its labels are the words of that object: from all samples with one ``id`` the
object is put together again.  Labels are not escaped, and hold the address of the page with whatever token is in it:
only the labels that the W3C names are looked at.
"""

import re
from collections.abc import Mapping
from math import isfinite

from rtc_exporter.errors import FrameError, LimitError, Reason
from rtc_exporter.limits import Limits, Room
from rtc_exporter.model import Event, Left, ParticipantKey, PeerConnectionKey, Record, Report
from rtc_exporter.w3c import LIMITATION_REASONS, STATS
from rtc_exporter.wire.decoder import DEFAULTS, Request, Stream, mapping, name, paged
from rtc_exporter.wire.decoder import Decoder as AnyDecoder
from rtc_exporter.wire.stats import W3C, Whole, read

#: ``inbound_rtp_packetsReceived`` -> stats type and member, a member of a record with its dot.
SAMPLES: dict[str, tuple[str, str]] = {
    f"{kind.replace('-', '_')}_{member.replace('.', '_')}": (kind, member)
    for kind, row in STATS.items()
    for member in (*row.numbers, *row.identity, "timestamp")
}

#: A word that comes as a number, and what the numbers mean.
SAMPLES["outbound_rtp_qualityLimitationReason"] = ("outbound-rtp", "qualityLimitationReason")
REASONS = {0.0: "none", 1.0: "bandwidth", 2.0: "cpu", 3.0: "other"}

#: Samples of a body, and characters of a line: each is looked at.
MOST_SAMPLES = 20_000
LINE = 16 << 10
#: Whole numbers below this are exact as doubles.
EXACT = 2.0**53
PEER_CONNECTION = "peerConnectionId"

#: Where a label ends and the next begins: a quote alone does not say so.
_NEXT = re.compile(r'"\s*,\s*(?=[a-zA-Z_]\w*=")', re.ASCII)


def named(frame: str | bytes, limits: Limits = DEFAULTS) -> ParticipantKey | None:
    """Whom a request names: nobody but its peer connection, which is then alone in its session."""
    peer = _peer(Request.read(frame), limits)
    return ParticipantKey(peer, peer)


def _peer(request: Request, limits: Limits) -> str:
    """The grouping key ``peerConnectionId`` of the path."""
    parts = request.path.strip("/").split("/")
    labels = dict(zip(parts[::2], parts[1::2], strict=False))
    peer = name(labels.get(PEER_CONNECTION), limits.id_length)
    if "job" not in labels or peer is None:
        raise FrameError(Reason.BAD_FRAME, "wanted metrics/job/JOB/peerConnectionId/ID")
    return peer


class Decoder(Stream):
    """Decodes one client's requests."""

    def __init__(self, key: ParticipantKey, *, page: int = 1, claimed: bool = True, limits: Limits = DEFAULTS) -> None:
        super().__init__(key, page=page, claimed=claimed, limits=limits)
        self._connections: dict[str, Whole] = {}
        self._room = Room(limits.members)
        #: How often a peer connection was taken away.
        self._deleted: dict[str, int] = {}

    def adopt(self, previous: AnyDecoder) -> None:
        """Requests know nothing of connections."""

    def receive(self, frame: str | bytes, now: float) -> list[Record]:
        """What one request tells."""
        request = Request.read(frame)
        peer = _peer(request, self._limits)
        if not self._claimed:
            self.key = ParticipantKey(peer, peer)
        if request.method == "DELETE":
            return self._delete(peer, now)
        if request.method not in ("POST", "PUT"):
            raise FrameError(Reason.BAD_FRAME, "no request of a Pushgateway")
        taken, stats = read(_objects(request.body), None, self._limits)
        if not stats:
            return []
        if peer not in self._connections and len(self._connections) >= self._limits.peer_connections:
            raise LimitError(Reason.TOO_MANY, f"more than {self._limits.peer_connections} peer connections")
        whole = self._connections.setdefault(peer, Whole(self._room))
        time, fresh, removed = whole.take(now if taken is None else taken, stats)
        return [Report(self._named(peer), time, now, fresh, removed)]

    def _delete(self, peer: str, now: float) -> list[Record]:
        """It was closed, or said nothing for half a minute: should it speak again, it is another one."""
        if peer not in self._connections:
            return []
        self._connections.pop(peer).clear()
        closed = Event(self._named(peer), now, "close", {})
        if len(self._deleted) >= self._limits.peer_connections:
            del self._deleted[next(iter(self._deleted))]
        self._deleted[peer] = self._deleted.get(peer, 0) + 1
        return [closed] if self._claimed else [closed, Left(self.key, now, "closed")]

    def _named(self, peer: str) -> PeerConnectionKey:
        return PeerConnectionKey(*self.key, paged(self._deleted.get(peer, 0) + 1, peer))


def _objects(body: bytes) -> dict[str, dict[str, object]]:
    """The stats objects in a body, by id."""
    try:
        lines = body.decode().split("\n")
    except UnicodeDecodeError:
        raise FrameError(Reason.BAD_ENCODING, "not UTF-8") from None
    if len(lines) > MOST_SAMPLES:
        raise LimitError(Reason.TOO_LARGE, f"at most {MOST_SAMPLES} lines come together")
    objects: dict[str, dict[str, object]] = {}
    for line in map(str.strip, lines):
        if line and not line.startswith("#"):
            _sample(line, objects)
    return objects


def _sample(line: str, objects: dict[str, dict[str, object]]) -> None:
    """Put one sample in its place, if it is one that is used."""
    metric, brace, rest = line.partition("{")
    written, closing, tail = rest.rpartition("}") if brace else ("", "}", " ".join(line.split(None, 3)[1:]))
    words = tail.split(None, 2)
    if not closing or not 0 < len(words) <= 2 or len(line) > LINE:
        raise FrameError(Reason.BAD_FRAME, "not a sample of Prometheus' text format")
    try:
        value = float(words[0])
    except ValueError:
        raise FrameError(Reason.BAD_FRAME, "not a sample of Prometheus' text format") from None
    kind, member = SAMPLES.get(metric.strip(), ("", ""))  # without labels, it is no object's
    labels = _labels(written) if kind and isfinite(value) else {}
    id = labels.get("id")
    if not id:
        return
    row = objects.get(id)
    if row is None:
        row = objects[id] = {"type": kind, **_words(labels)}
    record, dot, key = member.partition(".")
    if row["type"] != kind:
        return
    if member == "qualityLimitationReason":
        row[member] = REASONS.get(value, LIMITATION_REASONS[-1])
    elif dot:
        mapping(row.setdefault(record, {}))[key] = value
    else:
        row[member] = int(value) if value.is_integer() and abs(value) < EXACT else value


def _labels(written: str) -> dict[str, str]:
    """Names and values, as far as they can be told apart."""
    pairs = (part.partition('="') for part in _NEXT.split(written.rstrip(", ").removesuffix('"')))
    return {label.strip(): value for label, equals, value in pairs if equals}


def _words(labels: Mapping[str, str]) -> dict[str, object]:
    """Labels that are words or flags of the W3C; a number among them is the SSRC."""
    words: dict[str, object] = {label: value for label, value in labels.items() if label in W3C.words}
    words |= {label: value == "true" for label, value in labels.items() if label in W3C.flags}
    ssrc = labels.get("ssrc", "")
    return {**words, "ssrc": int(ssrc)} if ssrc.isdecimal() and len(ssrc) <= 10 else words
