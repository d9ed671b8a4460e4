"""
An edge: what clients send goes into the log, and is counted by who reads it there.

It looks to the intake as pipelines do.  Of participants it knows no more than who is connected here, which is what it
takes to say when somebody has gone; what it counts itself is about itself.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import count
from typing import Protocol

from rtc_exporter.app import entries
from rtc_exporter.app.between import Reports, Told
from rtc_exporter.app.entries import Attached, Departed, Detached, Presence, Source
from rtc_exporter.app.outbox import Outbox
from rtc_exporter.choices import Status
from rtc_exporter.errors import BusyError, Reason
from rtc_exporter.limits import Limits, Room
from rtc_exporter.model import Event, Left, ParticipantKey, PeerConnectionKey, Record, Report
from rtc_exporter.series import SeriesStore
from rtc_exporter.sessions import Participant
from rtc_exporter.tenants import Tenants
from rtc_exporter.wire import acknowledged, jitsi
from rtc_exporter.wire.compact import Base
from rtc_exporter.wire.decoder import Decoder

#: Seconds that who has posted something waits for it to be stored: a new leader takes five.
PATIENCE = 10.0
#: Seconds that a report waits at most for the next one that is judged: of a participant that is silent for ten nobody
#: knows whether its clock goes on (``verdicts.SILENT``).
LONGEST = 5.0
#: Bytes of a report that is written whole: more than one frame may bring.
LONGEST_LINE = 2 << 20
#: What clients are told while the engine takes nothing and no more can be held.
NO_ROOM = BusyError(Reason.NO_ENGINE, "the engine takes nothing")


class Speaker(Protocol):
    """A connection that is told what its client need not send again."""

    due: list[str]

    def say(self) -> None:
        """Send what is due."""


class Present:
    """A participant that is connected here, or posts here."""

    __slots__ = ("connections", "pages", "seen", "sockets")

    def __init__(self) -> None:
        self.sockets = self.pages = 0
        self.seen = 0.0
        #: Its peer connections by name.
        self.connections: dict[str, Reports] = {}

    @property
    def is_connected(self) -> bool:
        """Whether a peer connection is open."""
        return any(reports.is_open for reports in self.connections.values())


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
        """Of clients that ask for it nothing waits here."""
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

    def feed(self, record: Record, now: float) -> bool:
        """
        Put one record into the log; a report that nobody waits for only while there is room to spare.

        Raises ``BusyError`` where there is no room for what somebody waits for.
        """
        edge = self._edge
        key = ParticipantKey(*record.key[:2])
        if edge.is_awaited and edge.outbox.is_over:
            raise NO_ROOM
        if not edge.is_awaited and edge.leaves_out(isinstance(record, Report)):
            edge.shed(self._tenant, now)
            return False
        if isinstance(record, Report):
            self._report(record, self._reports(key, record.key.peer_connection, now), now)
            return True
        self._flush(key, now)
        if isinstance(record, Left):
            self.sessions.drop(key, edge.room)
        elif isinstance(record, Event) and record.key.peer_connection:
            self._reports(key, record.key.peer_connection, now).event(record, now, edge.gathers)
        else:
            self.sessions.find(key, edge.room, now)
        self._put(key, record, now)
        return True

    def _put(self, key: ParticipantKey, what: Record | Presence, now: float) -> None:
        source = None if isinstance(what, Attached | Detached | Departed) else self._edge.source
        self._edge.outbox.put(self._tenant, key.session, entries.line(self._tenant, now, what, source))

    # ── reports

    def _reports(self, key: ParticipantKey, name: str, now: float) -> Reports:
        """Those of a peer connection of a participant, both of which may be new."""
        edge = self._edge
        known = self.sessions.find(key, edge.room, now).connections
        reports = known.get(name)
        if reports is None:
            if len(known) >= edge.limits.peer_connections:
                self._flush(key, now)
                del known[next(iter(known))]
            reports = known[name] = Reports()
        return reports

    def _report(self, report: Report, reports: Reports, now: float) -> None:
        edge, base = self._edge, report.stats
        if reports.arrivals and report.time <= reports.time:
            self.write(reports, now)  # this one is dropped by who reads the log, and those before it are not
        if (
            reports.add(report, edge.interval, now)
            and edge.gathers
            and isinstance(base, Base)
            and base.told is not None
            and base.told.can_wait(base, report.key, now)
        ):
            edge.waiting.setdefault(reports, self)
            return
        self.write(reports, now, edge.source)
        reports.read(report)

    def write(self, reports: Reports, now: float, source: Source | None = None) -> None:
        """Write what waits of a peer connection."""
        edge = self._edge
        edge.waiting.pop(reports, None)
        report, arrivals = reports.take(now)
        base, ident, delta = report.stats, 0, ""
        if isinstance(base, Base):
            base.told = told = base.told or Told(next(edge.idents))
            ident, delta = told.ident, told.change(base, report.key, now)
        if delta:
            line = entries.change(self._tenant, now, report, source, ident, arrivals, delta)
        else:
            whole = report._replace(stats=base.stats) if isinstance(base, Base) else report
            line = entries.line(self._tenant, now, whole, source, ident, arrivals)
            if len(line) > LONGEST_LINE:
                if isinstance(base, Base):
                    base.clear()  # else each small change would be as dear as this
                    base.is_trusted = False
                self._pipeline.count(
                    "rtc.exporter.reports.dropped", (Reason.TOO_LARGE.value,), len(arrivals) or 1, now=now
                )
                return
        edge.outbox.put(self._tenant, report.key.session, line)

    def forget(self, since: float, now: float) -> None:
        """Who has no socket here, and was not heard of after ``since``, is not here any more."""
        for key in self.sessions.silent(since):
            self._edge.alone(partial(self._flush, key, now), now)
            self.sessions.drop(key, self._edge.room)

    def _flush(self, key: ParticipantKey, now: float) -> None:
        """Write what waits of a participant, before anything else is told of it."""
        present = self.sessions.participants.get(key)
        for reports in () if present is None else present.connections.values():
            if reports.arrivals:
                self.write(reports, now)

    # ── sockets

    def attach(self, key: ParticipantKey, now: float) -> int:
        """See ``Taker``: pages are numbered here."""
        present = self.sessions.find(key, self._edge.room, now)
        present.sockets += 1
        present.pages += 1
        self._flush(key, now)
        self._put(key, Attached(key), now)
        return present.pages

    def detach(self, key: ParticipantKey, now: float) -> int:
        """See ``Taker``."""
        present = self.sessions.participants.get(key)
        if present is not None:
            present.sockets = max(0, present.sockets - 1)
        self._flush(key, now)
        self._put(key, Detached(key), now)
        return 0 if present is None else self.sessions.find(key, self._edge.room, now).sockets

    def depart(self, key: ParticipantKey, reason: str, now: float, even_connected: bool = True) -> bool:
        """See ``Taker``; whoever reads the log may know of sockets at other edges."""
        present = self.sessions.participants.get(key)
        if present is not None and (present.sockets or (present.is_connected and not even_connected)):
            return False
        self._flush(key, now)
        self.sessions.drop(key, self._edge.room)
        self._put(key, Departed(key, reason, even_connected), now)
        return True

    def count(self, name: str, values: tuple[str, ...] = (), amount: float = 1.0, *, now: float) -> None:
        """Count something about the edge itself."""
        self._pipeline.count(name, values, amount, now=now)


class Edge:
    """Everything that goes into the log here, by tenant."""

    def __init__(self, tenants: Tenants, outbox: Outbox, limits: Limits, expiry: float, interval: float = 0.0) -> None:
        """
        ``expiry``: seconds of silence after which a participant without a socket is no longer here.

        ``interval``: how often the reports of a peer connection are judged; those in between wait for that.
        """
        self.tenants, self.outbox = tenants, outbox
        self.limits = limits
        self.room = Room(limits.participants)
        #: Which frame of a client that numbers them is being taken; None for all others.
        self.source: Source | None = None
        #: Whether somebody is told that it is stored, as who posts is: then it is, or is refused.
        self.is_awaited = True
        #: Numbers of bases that reports build on.
        self.idents = count(1)
        #: Peer connections of which reports wait, longest first; and whether what is being taken may.
        self.waiting: dict[Reports, Passing] = {}
        self.gathers = False
        self.interval = interval
        #: Told of bugs of ours, which are in nobody else's way; raised where nobody is.
        self.fault: Callable[[BaseException, float], None] = _raise
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
        """
        Take what one frame tells.

        Who reads the log has to know which frame it is, where its client numbers them: that waits for an answer.
        """
        self.source = decoder.source if isinstance(decoder, acknowledged.Decoder) else None
        self.is_awaited = isinstance(decoder, acknowledged.Decoder | jitsi.Decoder)
        self.gathers = self.interval > 0 and not self.is_awaited
        try:
            take()
        finally:
            self.source, self.gathers, self.is_awaited = None, False, True

    def leaves_out(self, is_report: bool) -> bool:
        """Whether there is no room for a record that nobody waits for; a report can be done without before others."""
        return self.outbox.is_full or (is_report and self.outbox.is_scarce)

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
        """Once a second: write what has waited long enough, forget who is not here any more, and be heard of."""
        longest = min(self.interval, LONGEST)
        while self.waiting and not self.outbox.is_full:
            reports, passing = next(iter(self.waiting.items()))
            if now - reports.arrivals[0][0] < longest:
                break
            self.alone(partial(passing.write, reports, now), now)
        for passing in self._passing.values():
            passing.forget(now - self._expiry, now)
        self.outbox.beat()
        store = self.tenants.own.store
        store.set("rtc.exporter.engine.waiting", (), self.outbox.held, now)
        store.set("rtc.exporter.engine.partitions", ("configured",), self.outbox.partitions, now)

    def shutdown(self, now: float) -> None:
        """The process ends: who was connected here comes back elsewhere; what waits is written."""
        self.interval = 0.0
        for reports, passing in list(self.waiting.items()):
            self.alone(partial(passing.write, reports, now), now)

    def alone(self, act: Callable[[], object], now: float) -> None:
        """Do what is due of one, so that a fault in it is nobody else's."""
        try:
            act()
        except Exception as exc:
            self.fault(exc, now)

    def status(self) -> Status:
        """Who is connected here."""
        people = [passing.sessions.participants for passing in self._passing.values()]
        sessions = {(index, key.session) for index, keys in enumerate(people) for key in keys}
        connections = sum(len(present.connections) for keys in people for present in keys.values())
        return Status(len(sessions), sum(map(len, people)), connections, self.tenants.status().series)


def _raise(exc: BaseException, now: float) -> None:
    raise exc


def _release(speaker: Speaker, replies: list[str]) -> None:
    speaker.due += replies
    speaker.say()
