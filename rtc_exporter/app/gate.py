"""
Who is inside, and whether there is room for one more.

Counts what is open: connections as they come, WebSockets by address, tenant and participant, requests by address, and
the bytes of all bodies; and what an address has posted lately.  Who is refused is told to come back, before anything of
it is read.
"""

from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import contextmanager
from typing import NamedTuple, TypeVar

from rtc_exporter.app.addresses import client, group
from rtc_exporter.app.budget import Budget, Rates
from rtc_exporter.auth import Identity
from rtc_exporter.errors import BusyError, ClientError, Reason
from rtc_exporter.limits import Limits, Room

#: Connections that have said nothing yet, or are being refused, beyond those that there is room for: so many times as
#: many of one address, and this share of all.  Each is gone after a few seconds.
WAITING, SHARE = 2, 10
#: What an address may post is what so many WebSockets may send: an office, or a server that speaks for its clients.
POSTERS = 20
#: Dump files that are read at the same time, since each is held in memory while it is: of all, and of one address.
UPLOADS, ADDRESS_UPLOADS = 4, 2
#: Addresses whose posts are remembered, and seconds that a request waits at most for its budget.
REMEMBERED, LATE = 10_000, 5.0


class Gate:
    """Counts of one process."""

    def __init__(
        self, limits: Limits, hops: int, refuse: Callable[[ClientError], None], note: Callable[[str], None]
    ) -> None:
        """``hops``: proxies in front; ``refuse`` counts what is refused, and ``note`` which limit it was."""
        self.limits = limits
        self.hops = hops
        self.refuse = refuse
        self.note = note
        self.bodies = Room(limits.bodies_bytes)
        self._inside = 0
        self._arrived: Counter[str] = Counter()
        self._sockets: Counter[Place] = Counter()
        self._requests: Counter[str] = Counter()
        self._uploads: Counter[str] = Counter()
        self._rates = Rates(limits, POSTERS)
        self._budgets: OrderedDict[str, Budget] = OrderedDict()

    def configure(self, limits: Limits) -> None:
        """Take over what the settings say now; who is inside stays."""
        self.limits = limits
        self.bodies.limit = limits.bodies_bytes
        self._rates.configure(limits)

    def address(self, peer: str, forwarded: Iterable[str]) -> str:
        """Where a client is."""
        return client(peer, forwarded, self.hops)

    # ── connections, before they have said anything

    def arrive(self, peer: str) -> bool:
        """Somebody connects; False when it is not even worth an answer."""
        limits, who = self.limits, self._who(peer)
        if self._inside >= limits.connections + max(64, limits.connections // SHARE):
            return self._turn_away("process")
        if who and self._arrived[who] >= limits.address_connections * WAITING:
            return self._turn_away("address")
        self._arrived[who] += 1
        self._inside += 1
        return True

    def _who(self, peer: str) -> str:
        """Who is counted; behind proxies all connections are theirs."""
        return "" if self.hops else group(peer)

    def _turn_away(self, limit: str) -> bool:
        self.note(limit)
        self.refuse(BusyError(Reason.TOO_MANY, f"connections ({limit})"))
        return False

    def depart(self, peer: str) -> None:
        """It is gone."""
        self._inside -= 1
        _release(self._arrived, self._who(peer))

    # ── WebSockets

    def enter(self, place: "Place", most: int) -> None:
        """Take a place; raises ``BusyError``."""
        if self._sockets[place] >= most:
            self.note(place.limit)
            raise BusyError(Reason.TOO_MANY, f"connections ({place.limit})")
        self._sockets[place] += 1

    def leave(self, place: "Place") -> None:
        """Give it back."""
        _release(self._sockets, place)

    # ── requests

    @contextmanager
    def request(self, address: str) -> Iterator[None]:
        """A request with a body, while it is under way; raises ``BusyError``."""
        who = group(address)
        if self._requests[who] >= self.limits.address_posts:
            self.note("requests")
            raise BusyError(Reason.TOO_MANY, "requests of one address")
        self._requests[who] += 1
        try:
            yield
        finally:
            _release(self._requests, who)

    def budget(self, address: str, now: float) -> Budget:
        """What an address may still post; raises ``BusyError`` where it has to wait for longer than a request can."""
        who = group(address)
        budget = self._budgets.pop(who, None) or Budget(self._rates, now)
        self._budgets[who] = budget
        if len(self._budgets) > REMEMBERED:
            self._budgets.popitem(last=False)
        budget.fill(now)
        if budget.debt > LATE:
            self.note("rate")
            raise BusyError(Reason.TOO_FAST, "more than one address may post")
        return budget

    @contextmanager
    def upload(self, address: str) -> Iterator[None]:
        """A dump file, from its first byte until it is read; raises ``BusyError``."""
        who = group(address)
        if self._uploads.total() >= UPLOADS or self._uploads[who] >= ADDRESS_UPLOADS:
            self.note("uploads")
            raise BusyError(Reason.TOO_MANY, "too many files at the same time")
        self._uploads[who] += 1
        try:
            yield
        finally:
            _release(self._uploads, who)

    @contextmanager
    def body(self) -> Iterator[Callable[[int], None]]:
        """A body, while it is held: call what is given for each so many bytes more; that raises ``BusyError``."""
        held = 0

        def hold(size: int) -> None:
            nonlocal held
            if self.bodies.taken + size > self.bodies.limit:
                self.note("bodies")
                raise BusyError(Reason.TOO_MANY, "bodies of all requests")
            self.bodies.taken += size
            held += size

        try:
            yield hold
        finally:
            self.bodies.taken -= held


class Place(NamedTuple):
    """What a WebSocket takes one of, and whose."""

    limit: str
    who: Hashable


class Visit:
    """The places that one WebSocket has taken."""

    __slots__ = ("_gate", "_peer", "_places", "address")

    def __init__(self, gate: Gate, peer: str) -> None:
        self._gate = gate
        self._peer = peer
        self._places: list[Place] = []
        #: Where the client is, until somebody has asked.
        self.address = peer

    def enter(self, forwarded: Iterable[str]) -> None:
        """One of the process, and one of the address; raises ``BusyError``."""
        limits = self._gate.limits
        self._take(Place("process", ""), limits.connections)
        self.address = self._gate.address(self._peer, forwarded)
        self._take(Place("address", group(self.address)), limits.address_connections)

    def enter_as(self, identity: Identity) -> None:
        """One of the tenant, and one of the participant; raises ``BusyError``."""
        limits = self._gate.limits
        if identity.tenant:
            self._take(Place("tenant", identity.tenant), limits.tenant_connections)
        if identity.claimed:
            self._take(Place("participant", (identity.tenant, identity.key)), limits.participant_connections)

    def _take(self, place: Place, most: int) -> None:
        self._gate.enter(place, most)
        self._places.append(place)

    def end(self) -> None:
        """The connection is closed."""
        self._gate.depart(self._peer)
        while self._places:
            self._gate.leave(self._places.pop())


K = TypeVar("K", bound=Hashable)


def _release(counts: "Counter[K]", who: K) -> None:
    counts[who] -= 1
    if counts[who] <= 0:
        del counts[who]
