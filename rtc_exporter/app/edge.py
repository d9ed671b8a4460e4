"""
An edge: what clients send goes into the log, and is counted by who reads it there.

It looks to the intake as pipelines do.  Of participants it knows no more than who is connected here, which is what it
takes to say when somebody has gone; what it counts itself is about itself.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import count
from math import inf
from typing import Protocol

from rtc_exporter.app import entries
from rtc_exporter.app.entries import Attached, Departed, Detached, Presence, Source
from rtc_exporter.app.outbox import Outbox
from rtc_exporter.choices import Status
from rtc_exporter.errors import BusyError, Reason
from rtc_exporter.limits import Limits, Room
from rtc_exporter.model import Event, Left, ParticipantKey, PeerConnectionKey, Record, Report
from rtc_exporter.series import SeriesStore
from rtc_exporter.sessions import Participant
from rtc_exporter.tenants import Tenants
from rtc_exporter.wire import acknowledged
from rtc_exporter.wire.compact import Base
from rtc_exporter.wire.decoder import Decoder
from rtc_exporter.wire.unread import numbers_alone

#: Seconds that who has posted something waits for it to be stored: a new leader takes five.
PATIENCE = 10.0
#: Seconds in which a report is written whole once, though what reads the log should know what it is a change of: then
#: that goes on after anything.
WHOLE = 60.0
#: What clients are told while the engine takes nothing and no more can be held.
NO_ROOM = BusyError(Reason.NO_ENGINE, "the engine takes nothing")


class Speaker(Protocol):
    """A connection that is told what its client need not send again."""

    due: list[str]

    def say(self) -> None:
        """Send what is due."""


class Told:
    """What who reads the log knows of a base: under which number, of whom, up to which delta; and when it was whole."""

    __slots__ = ("ident", "key", "number", "whole")

    def __init__(self, ident: int) -> None:
        self.ident = ident
        self.key: PeerConnectionKey | None = None
        self.number = 0
        self.whole = -inf


class Present:
    """A participant that is connected here, or posts here."""

    __slots__ = ("connections", "pages", "seen", "sockets")

    def __init__(self) -> None:
        self.sockets = self.pages = 0
        self.seen = 0.0
        #: Names of its peer connections, and whether they are open.
        self.connections: dict[str, bool] = {}

    @property
    def is_connected(self) -> bool:
        """Whether a peer connection is open."""
        return any(self.connections.values())

    def hear(self, connection: str, event: str, most: int) -> None:
        """Something was heard of a peer connection: one that is closed opens anew, and no other way."""
        known = self.connections
        if event == "close":
            known[connection] = False
        elif event == "create" or connection not in known:
            known[connection] = True
        while len(known) > most:
            del known[next(iter(known))]


class People:
    """Who is here, the last to be heard of last."""

    def __init__(self) -> None:
        self._participants: dict[ParticipantKey, Present] = {}

    @property
    def participants(self) -> Mapping[ParticipantKey, Present]:
        """By key."""
        return self._participants

    def get(self, key: ParticipantKey) -> Participant | None:
        """What is held of it is held by who reads the log."""
        return None

    def is_folded(self, key: PeerConnectionKey) -> bool:
        """Nothing waits here to be counted."""
        return True

    def find(self, key: ParticipantKey, room: Room, now: float) -> Present:
        """The participant, who may be new; raises ``BusyError`` where there is no room for one more."""
        present = self._participants.pop(key, None)
        if present is None:
            if room.is_full:
                raise BusyError(Reason.TOO_MANY, "participants")
            room.taken += 1
            present = Present()
        self._participants[key] = present
        present.seen = now
        return present

    def drop(self, key: ParticipantKey, room: Room) -> None:
        """It is gone."""
        room.taken -= self._participants.pop(key, None) is not None

    def silent(self, since: float) -> list[ParticipantKey]:
        """Who has no socket here, and was not heard of after ``since``."""
        return [key for key, present in self._participants.items() if present.seen < since and not present.sockets]


class Passing:
    """Takes what the clients of one tenant send, and puts it into the log."""

    def __init__(self, edge: "Edge", tenant: str) -> None:
        self._edge = edge
        self._tenant = tenant
        self._pipeline = edge.tenants[tenant]
        self.sessions = People()

    @property
    def store(self) -> SeriesStore:
        """Where the edge counts itself."""
        return self._pipeline.store

    def _put(self, key: ParticipantKey | PeerConnectionKey, what: Record | Presence, now: float) -> None:
        edge = self._edge
        if isinstance(what, Report) and isinstance(what.stats, Base):
            line = self._line(what, what.stats, now)
        else:
            source = None if isinstance(what, Attached | Detached | Departed) else edge.source
            line = entries.line(self._tenant, now, what, source)
        edge.outbox.put(self._tenant, key.session, line)

    def _line(self, report: Report, base: Base, now: float) -> bytes:
        """A report as a change, if who reads the log knows of what, and the client's own words may stand there."""
        told: Told = base.told or Told(next(self._edge.idents))
        base.told = told
        is_next = told.number + 1 == base.number and told.key == report.key and now - told.whole < WHOLE
        told.number, told.key = base.number, report.key
        if is_next and base.newest and (delta := numbers_alone(base.newest)):
            return entries.change(self._tenant, now, report, self._edge.source, told.ident, delta)
        told.whole = now
        return entries.line(self._tenant, now, report._replace(stats=base.stats), self._edge.source, told.ident)

    def feed(self, record: Record, now: float) -> bool:
        """Put one record into the log; a report only while there is room to spare, and not if it can come again."""
        edge = self._edge
        key = ParticipantKey(*record.key[:2])
        if edge.outbox.is_full or (isinstance(record, Report) and edge.outbox.is_scarce and edge.source is None):
            edge.shed(self._tenant, now)
            return False
        if isinstance(record, Left):
            self.sessions.drop(key, edge.room)
        else:
            present = self.sessions.find(key, edge.room, now)
            if isinstance(record, Event | Report) and record.key.peer_connection:
                event = record.name if isinstance(record, Event) else ""
                present.hear(record.key.peer_connection, event, edge.limits.peer_connections)
        self._put(record.key, record, now)
        return True

    def attach(self, key: ParticipantKey, now: float) -> int:
        """See ``Taker``: pages are numbered here."""
        present = self.sessions.find(key, self._edge.room, now)
        present.sockets += 1
        present.pages += 1
        self._put(key, Attached(key), now)
        return present.pages

    def detach(self, key: ParticipantKey, now: float) -> int:
        """See ``Taker``."""
        present = self.sessions.participants.get(key)
        self._put(key, Detached(key), now)
        if present is None:
            return 0
        present.sockets = max(0, present.sockets - 1)
        return self.sessions.find(key, self._edge.room, now).sockets

    def depart(self, key: ParticipantKey, reason: str, now: float, even_connected: bool = True) -> bool:
        """See ``Taker``; whoever reads the log may know of sockets at other edges."""
        present = self.sessions.participants.get(key)
        if present is not None and (present.sockets or (present.is_connected and not even_connected)):
            return False
        self.sessions.drop(key, self._edge.room)
        self._put(key, Departed(key, reason, even_connected), now)
        return True

    def count(self, name: str, values: tuple[str, ...] = (), amount: float = 1.0, *, now: float) -> None:
        """Count something about the edge itself."""
        self._pipeline.count(name, values, amount, now=now)


class Edge:
    """Everything that goes into the log here, by tenant."""

    def __init__(self, tenants: Tenants, outbox: Outbox, limits: Limits, expiry: float) -> None:
        """``expiry``: seconds of silence after which a participant without a socket is no longer here."""
        self.tenants, self.outbox = tenants, outbox
        self.limits = limits
        self.room = Room(limits.participants)
        #: Which frame of a client that numbers them is being taken; None for all others.
        self.source: Source | None = None
        #: Numbers of bases that reports build on.
        self.idents = count(1)
        self._expiry = expiry
        self._passing = {tenant: Passing(self, tenant) for tenant in tenants}

    @property
    def own(self) -> Passing:
        """The one for nobody's clients."""
        return self._passing[""]

    def __getitem__(self, tenant: str) -> Passing:
        return self._passing[tenant]

    def __iter__(self) -> Iterator[str]:
        return iter(self._passing)

    def configure(self, limits: Limits) -> None:
        """Take over other limits."""
        self.limits = limits
        self.room.limit = limits.participants
        self.tenants.configure(limits)

    def telling(self, decoder: Decoder, take: Callable[[], object]) -> None:
        """Take what one frame tells; who reads the log has to know which frame it is, where its client numbers them."""
        self.source = decoder.source if isinstance(decoder, acknowledged.Decoder) else None
        try:
            take()
        finally:
            self.source = None

    def hold(self, speaker: Speaker, replies: list[str]) -> list[str]:
        """Keep replies until all that came before them is stored; returns those that may be sent now."""
        if replies:
            self.outbox.when_stored(partial(_release, speaker, replies))
        due, speaker.due = speaker.due, []
        return due

    async def stored(self) -> None:
        """Wait until all that was taken so far is stored; raises ``BusyError`` where that takes too long."""
        done = asyncio.Event()
        self.outbox.when_stored(done.set)
        try:
            async with asyncio.timeout(PATIENCE):
                await done.wait()
        except TimeoutError:
            raise NO_ROOM from None

    def shed(self, tenant: str, now: float) -> None:
        """Count a record that the engine would have to take first."""
        self.tenants[tenant].count("rtc.exporter.reports.dropped", (Reason.NO_ENGINE.value,), now=now)

    def tick(self, now: float) -> None:
        """Once a second: forget who is not here any more, and be heard of."""
        for passing in self._passing.values():
            for key in passing.sessions.silent(now - self._expiry):
                passing.sessions.drop(key, self.room)
        self.outbox.beat()
        store = self.tenants.own.store
        store.set("rtc.exporter.engine.waiting", (), self.outbox.held, now)
        store.set("rtc.exporter.engine.partitions", ("configured",), self.outbox.partitions, now)

    def shutdown(self, now: float) -> None:
        """The process ends: who was connected here comes back elsewhere."""

    def status(self) -> Status:
        """Who is connected here."""
        people = [passing.sessions.participants for passing in self._passing.values()]
        sessions = {(index, key.session) for index, keys in enumerate(people) for key in keys}
        connections = sum(len(present.connections) for keys in people for present in keys.values())
        return Status(len(sessions), sum(map(len, people)), connections, self.tenants.status().series)


def _release(speaker: Speaker, replies: list[str]) -> None:
    speaker.due += replies
    speaker.say()
