"""
What one client, and all clients together, may cost.

Every growing thing has its bound here; what is refused is counted by reason.  The numbers
are ten to a hundred times what real clients need (measured: a six-party SFU report is 60 kB,
a start-up burst of rtcstats-js a hundred frames).
"""

from collections.abc import Hashable
from dataclasses import dataclass
from math import inf
from typing import TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

#: What a stats object counts as, besides its members.
OBJECT = 8
#: Characters of an id that a client chooses, at most: labels have room for them, and names of calls are made to fit.
ID_LENGTH = 128
#: How many times as much one connection may hold that speaks for several.
SEVERAL = 4


def keep(table: dict[K, V], key: K, value: V, most: int) -> None:
    """Remember one value more; of too many the first that came goes."""
    table[key] = value
    if len(table) > most:
        del table[next(iter(table))]


class Lately:
    """What was done within so many seconds, and need not be done again."""

    __slots__ = ("_done", "_most", "_seconds")

    def __init__(self, seconds: float, most: int) -> None:
        """Of more than ``most`` things the ones done first are forgotten, and done again."""
        self._seconds = seconds
        self._most = most
        self._done: dict[Hashable, float] = {}

    def is_due(self, what: Hashable, now: float) -> bool:
        """Whether it is to be done now."""
        if now - self._done.get(what, -inf) < self._seconds:
            return False
        self._done.pop(what, None)
        keep(self._done, what, now, self._most)
        return True


class Room:
    """Places that several share, such as all tenants: how many there are, and how many are taken."""

    __slots__ = ("is_closed", "limit", "taken")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.taken = 0
        #: Whether nobody is let in, for whatever reason.
        self.is_closed = False

    @property
    def is_full(self) -> bool:
        """No place is left."""
        return self.is_closed or self.taken >= self.limit


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds with their defaults; sizes in bytes, rates per second."""

    #: One WebSocket message, or one line of a file.
    frame_bytes: int = 1 << 20
    #: A POST of reports, after decompression; and all bodies that are under way, since each is held until it is whole.
    body_bytes: int = 8 << 20
    bodies_bytes: int = 128 << 20
    #: A POST of a dump file, before decompression, and after.
    dump_bytes: int = 64 << 20
    dump_bytes_unpacked: int = 256 << 20
    #: Requests with a body that one address may have under way.
    address_posts: int = 8
    #: Frames and bytes of one connection, sustained; rtcstats-js flushes its start-up buffer in one burst.
    frames_per_second: float = 50.0
    frames_burst: int = 1000
    bytes_per_second: int = 256 << 10
    bytes_burst: int = 4 << 20
    #: Open connections: of all, of one tenant, of one address (of IPv6, one /64), of one participant.  An office of
    #: two hundred behind one address is common, and one page keeps one connection.
    connections: int = 10_000
    tenant_connections: int = 10_000
    address_connections: int = 200
    participant_connections: int = 4
    #: Peer connections that one client may name, and stats objects in one report.
    peer_connections: int = 64
    stats: int = 2000
    #: Members of all stats objects that are held for one client, an object counting as ``OBJECT`` more: about a
    #: megabyte (48 bytes each, measured).  A recorded call of two has 463, a mesh of four 1,435.
    members: int = 22_000
    #: Values and openings in one JSON document, counted before it is parsed.
    nodes: int = 50_000
    #: Live participants; one more is refused, so that nobody can push out who is here.
    participants: int = 50_000
    #: Label sets of the cohort tier, of the process and of one tenant where there are several: twice what 50,000
    #: simulated participants need, and the bound for a client that makes label values up.
    series: int = 50_000
    tenant_series: int = 10_000
    #: Characters of an id that a client chooses: session, participant, peer connection, stats, track.
    id_length: int = ID_LENGTH
    #: Characters of any other string that is kept.
    text_length: int = 256
    #: Levels of nesting in JSON; a getStats report has five.
    depth: int = 32
