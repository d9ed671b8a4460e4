"""
Many calls in one page: which session the records of a client belong to now.

A contact centre's softphone is open all day, with one socket and often one peer connection, and has fifty calls.  Each
call is a session of its own, with its joins, its leaves, its summary and its trace.  Where one begins and ends, the
application says (``callstart``, ``callend``), or a silence does: no media for ``idle`` seconds end a call, and the next
media begins another.

A call's session is named after the one that the client may speak for, ``softphone-7.call-123``, so that a name which a
page makes up can not be another's.  Between calls nothing is counted; what is left out is counted as such.
"""

from collections.abc import Iterable, Iterator, Mapping
from hashlib import blake2b
from itertools import islice
from math import inf

from rtc_exporter.limits import ID_LENGTH
from rtc_exporter.model import Event, Joined, Left, ParticipantKey, Record, Report, Stats
from rtc_exporter.plans import number

#: Characters of the client's own session that are in every name at least.
KEPT = 30
#: Seconds of the stats clock between two looks for media.
LOOK = 5.0
#: Peer connections of a client whose media is followed.
FOLLOWED = 64
#: Clients of one connection whose calls are followed: a server that speaks for its clients has hundreds.  Who was not
#: heard of for longest is met anew.
CLIENTS = 4096
#: Events that begin a call where a silence ended the last one.
BEGINS = frozenset(("create", "getUserMedia"))

#: Counters of media, by stats type.
MEDIA = {"inbound-rtp": "packetsReceived", "outbound-rtp": "packetsSent"}
_NOTHING: Mapping[str, str] = {}


class Client:
    """One client: the call that it is in."""

    __slots__ = ("attributes", "is_explicit", "is_in_call", "looked", "media", "moved", "number", "session")

    def __init__(self, session: str) -> None:
        self.session = session
        self.is_in_call = True
        #: Whether the application says where calls begin: then a silence is no end.
        self.is_explicit = False
        self.number = 0
        #: What it told about itself last: it is the same client in the next call.
        self.attributes = _NOTHING
        #: Packets of media by peer connection, when they were looked at, and when they last moved.
        self.media: dict[str, float] = {}
        self.looked = -inf
        self.moved: float | None = None


class Calls:
    """The calls of the clients of one connection."""

    __slots__ = ("_clients", "_idle", "skipped")

    def __init__(self, idle: float = 0.0) -> None:
        """``idle``: seconds without media that end a call; 0 for never."""
        self._idle = idle
        self._clients: dict[ParticipantKey, Client] = {}
        #: Records that came between two calls.
        self.skipped = 0

    def place(self, records: Iterable[Record]) -> Iterator[Record]:
        """The records under the sessions that they belong to, with the leaves and joins between calls."""
        for record in records:
            if not self._idle and not self._clients and not _is_of_calls(record):
                yield record
            else:
                yield from self._place(record)

    def current(self, key: ParticipantKey) -> ParticipantKey:
        """Who the client is in the call that it is in; between calls, who it is at all."""
        client = self._clients.get(key)
        return key if client is None or not client.is_in_call else ParticipantKey(client.session, key.participant)

    def _place(self, record: Record) -> Iterator[Record]:
        key = ParticipantKey(*record.key[:2])
        client = self._clients.pop(key) if key in self._clients else Client(key.session)
        self._clients[key] = client
        if len(self._clients) > CLIENTS:
            del self._clients[next(iter(self._clients))]
        match record:
            case Event(name="callstart"):
                client.is_explicit = True
                yield from self._begin(client, record, str(record.facts.get("session", "")))
                return
            case Event(name="callend"):
                client.is_explicit = True
                yield from self._end(client, record, "left")
                return
            case Joined():
                client.attributes = {**client.attributes, **record.attributes}
            case Left():
                del self._clients[key]
                if client.is_in_call:
                    yield record._replace(key=ParticipantKey(client.session, key.participant))
                return
            case Report() if self._idle and not client.is_explicit:
                if self._has_ended(client, record):
                    yield from self._end(client, record, "idle")
                elif not client.is_in_call and client.moved == record.time:
                    yield from self._begin(client, record, "")
            case Event(name=name) if name in BEGINS and not client.is_in_call and not client.is_explicit:
                yield from self._begin(client, record, "")
        if client.is_in_call:
            yield _renamed(record, client.session)
        else:
            self.skipped += 1

    def _begin(self, client: Client, record: Record, name: str) -> Iterator[Record]:
        """Another call: the client leaves the one before, and comes with all that it told of itself."""
        key = ParticipantKey(*record.key[:2])
        yield from self._end(client, record, "left")
        client.number += 1
        client.session = named(key.session, name or str(client.number + 1))
        client.is_in_call = True
        yield Joined(ParticipantKey(client.session, key.participant), _time(record), client.attributes)

    def _end(self, client: Client, record: Record, reason: str) -> Iterator[Record]:
        if client.is_in_call:
            client.is_in_call = False
            yield Left(ParticipantKey(client.session, record.key.participant), _time(record), reason)

    def _has_ended(self, client: Client, report: Report) -> bool:
        """Look at what moved, now and then; whether a call that had media has had none for long."""
        if report.time - client.looked >= LOOK:
            client.looked = report.time
            who, packets = report.key.peer_connection, _packets(report.stats)
            before = client.media.get(who)
            if packets != before:
                client.moved = report.time if packets else client.moved
                client.media[who] = packets
                for name in list(islice(client.media, max(0, len(client.media) - FOLLOWED))):
                    del client.media[name]
        return client.is_in_call and client.moved is not None and report.time - client.moved >= self._idle


def named(session: str, call: str) -> str:
    """A call's session; what makes it too long gives way to a digest, so that the name is still no other's."""
    if len(session) + 1 + len(call) <= ID_LENGTH:
        return f"{session}.{call}"
    tail = f"{_digest(session)}.{call}"
    if len(tail) > ID_LENGTH - 1 - KEPT:
        tail = _digest(f"{session}\0{call}")
    return f"{session[: ID_LENGTH - 1 - len(tail)]}.{tail}"


def _digest(text: str) -> str:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _is_of_calls(record: Record) -> bool:
    return isinstance(record, Event) and record.name in ("callstart", "callend")


def _time(record: Record) -> float:
    return record.sent if isinstance(record, Report) else record.time


def _packets(stats: Stats) -> float:
    """All packets of media that moved so far; only whether the sum moves means anything."""
    return sum(
        number(members, MEDIA[kind]) or 0.0
        for members in stats.values()
        if isinstance(kind := members.get("type"), str) and kind in MEDIA
    )


def _renamed(record: Record, session: str) -> Record:
    if record.key.session == session:
        return record
    match record:
        case Report() | Event():
            return record._replace(key=record.key._replace(session=session))
        case Joined() | Left():
            return record._replace(key=record.key._replace(session=session))
