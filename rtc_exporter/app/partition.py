"""
One partition of the log, as its aggregator holds it: pipelines, and what was taken of whom.

It is told batches in their order and is moved by nothing else, so that whoever starts from the same snapshot and
reads the same log comes to the same counts: its clock is what edges wrote, and the wall clock only where none of them
says anything.
"""

from collections import Counter, OrderedDict
from collections.abc import Callable
from math import ceil, floor
from typing import NamedTuple

from rtc_exporter.app import entries
from rtc_exporter.app.bases import Bases
from rtc_exporter.app.entries import Attached, Departed, Detached, Entry, Source
from rtc_exporter.errors import ClientError
from rtc_exporter.model import NOTHING, Event, Left, ParticipantKey, Record, Report
from rtc_exporter.pipeline import PipelineSettings
from rtc_exporter.snapshot import fingerprint, freeze, thaw
from rtc_exporter.tenants import Tenants
from rtc_exporter.wire.acknowledged import REMEMBERED

#: Seconds that the clock stays behind the wall clock where no edge says anything: what is under way is not late.
BEHIND = 5.0
#: Seconds without a batch after which an edge is gone, and who was connected there is not any more.
GONE = 35.0
#: Edges of which the number of the newest batch is remembered.
EDGES = 1000
#: Ticks that make up for a time without any.
TICKS = 120


class EdgeState:
    """What is known of an edge."""

    __slots__ = ("bases", "frame", "is_gone", "is_new", "number", "seen", "sockets")

    def __init__(self) -> None:
        #: Its newest batch, and when that was taken.
        self.number = 0
        self.seen = 0.0
        #: Sockets that are open there, by tenant and participant.
        self.sockets: Counter[tuple[str, ParticipantKey]] = Counter()
        self.is_gone = False
        self.bases = Bases()
        #: The frame that it is telling of, by client and number, and whether that is new.
        self.frame: tuple[tuple[str, str, str, str], int] | None = None
        self.is_new = False


class State(NamedTuple):
    """What a snapshot holds."""

    tenants: Tenants
    edges: "OrderedDict[str, EdgeState]"
    #: The newest number of each client that numbers its frames: tenant, session, participant, page load.
    clients: "OrderedDict[tuple[str, str, str, str], int]"
    now: float
    ticked: int


class Partition:
    """The counts of one partition, up to a batch."""

    def __init__(
        self,
        settings: PipelineSettings,
        make: Callable[[PipelineSettings, float], Tenants],
        now: float,
        fault: Callable[[BaseException, float], None],
    ) -> None:
        """``make`` makes the pipelines of new partitions; ``fault`` is told of bugs, which cost an entry each."""
        self._limits = settings.limits
        self.tenants = make(settings, now)
        self.made_by = fingerprint(settings, self.tenants)
        self.edges: OrderedDict[str, EdgeState] = OrderedDict()
        self.clients: OrderedDict[tuple[str, str, str, str], int] = OrderedDict()
        #: The newest batch that was taken.
        self.number = 0
        self.now, self.ticked = now, floor(now)
        self._fault = fault

    # ── batches

    def take(self, number: int, payload: bytes) -> dict[str, int]:
        """
        The next batch.  Nothing that is in it stops those that come after it.

        Returns how many batches were read, were here before (``repeated``), are none (``spoilt``), or should have
        come before this one and never did (``lost``).
        """
        self.number = number
        try:
            head, lines = entries.unpack(payload)
        except ValueError as exc:
            self._fault(exc, self.now)
            return {"spoilt": 1}
        edge = self._edge(head.edge)
        if head.number <= edge.number:
            return {"repeated": 1}
        # Where an edge is new here, what it told before was read by who had another snapshot.
        lost = head.number - edge.number - 1 if edge.number else 0
        edge.number = head.number
        for line in lines:
            try:
                entry = entries.read(line)
                self.advance(entry.now)
                edge.seen, edge.is_gone = self.now, False
                self._take(entry, edge)
            except ClientError as exc:
                number = len(entry.arrivals) or 1
                self.tenants[entry.tenant].count(
                    "rtc.exporter.reports.dropped", (exc.reason.value,), number, now=self.now
                )
            except Exception as exc:
                self._fault(exc, self.now)
        if not lines:
            self.advance(head.time)
        edge.seen, edge.is_gone = self.now, False
        return {"read": 1, "lost": lost} if lost else {"read": 1}

    def _edge(self, name: str) -> EdgeState:
        edge = self.edges.pop(name, None) or EdgeState()
        self.edges[name] = edge
        if len(self.edges) > EDGES:
            self._lose(self.edges.popitem(last=False)[1], self.now)
        return edge

    def _take(self, entry: Entry, edge: EdgeState) -> None:
        what, pipeline = entry.what, self.tenants[entry.tenant]
        match what:
            case Attached(key):
                edge.sockets[entry.tenant, key] += 1
                pipeline.attach(key, self.now)
            case Detached(key):
                if edge.sockets[entry.tenant, key] > 0:
                    edge.sockets[entry.tenant, key] -= 1
                    pipeline.detach(key, self.now)
                if not edge.sockets[entry.tenant, key]:
                    del edge.sockets[entry.tenant, key]
            case Departed(key, reason, even_connected):
                pipeline.depart(key, reason, self.now, even_connected)
            case _:
                if isinstance(what, Report) and entry.base:
                    # Whether it counts or not: what comes next builds on it.
                    what = edge.bases.report(entry, what, self._limits, self.now)
                if entry.source is not None and not self._is_new(entry.tenant, what, entry.source, edge):
                    pipeline.count("rtc.exporter.reports.dropped", ("duplicate",), now=self.now)
                elif isinstance(what, Report):
                    self._report(entry, what)
                else:
                    pipeline.feed(what, self.now)
                    if isinstance(what, Left):  # whoever comes by this name is somebody new: no socket is theirs
                        for other in self.edges.values():
                            other.sockets.pop((entry.tenant, what.key), None)

    def _report(self, entry: Entry, report: Report) -> None:
        """What was reported since the last that was written: of all but the newest it is only known that they came."""
        feed, ahead = self.tenants[entry.tenant].feed, self.now - entry.now
        *interim, (taken, _, _) = entry.arrivals
        for came, time, sent in interim:
            feed(Report(report.key, time, sent, NOTHING, NOTHING, heard=True, is_interim=True), came + ahead)
        feed(report, taken + ahead)

    def _is_new(self, tenant: str, what: Record, source: Source, edge: EdgeState) -> bool:
        """Whether a frame that a client has numbered was not here before, perhaps by way of another edge."""
        client, number = (tenant, *source[:3]), source[3]
        last = self.clients.get(client)
        if not number:
            # A base says what the next report builds on, to an edge that did not know: it is news to who has forgot.
            if isinstance(what, Report) or edge.frame != (client, 0):
                edge.frame, edge.is_new = (client, 0), last is None or not self._holds(tenant, what)
            return edge.is_new
        # What is made of one frame stands together, and has one fate.
        if edge.frame != (client, number):
            edge.frame, edge.is_new = (client, number), last is None or number > last
            if edge.is_new:
                self.clients[client] = number
                self.clients.move_to_end(client)
                if len(self.clients) > REMEMBERED:
                    self.clients.popitem(last=False)
        return edge.is_new

    def _holds(self, tenant: str, what: Record) -> bool:
        """Whether the peer connection is there and open, with what it has counted."""
        if not isinstance(what, Report | Event):
            return True
        participant = self.tenants[tenant].sessions.get(ParticipantKey(*what.key[:2]))
        if participant is None:
            return False
        connection = participant.peer_connections.get(what.key.peer_connection)
        return connection is not None and connection.is_open

    # ── time

    def advance(self, now: float) -> None:
        """It is so late: everything that was due until then happens, second by second."""
        if now <= self.now:
            return
        # At whole seconds, so that whoever reads the log again ticks as whoever read it first.
        whole = floor(now)
        if whole > self.ticked:
            step = ceil((whole - self.ticked) / TICKS)
            for second in (*range(self.ticked + step, whole, step), whole):
                try:
                    self.tenants.tick(second)
                except Exception as exc:  # what is due at one costs nobody else an entry
                    self._fault(exc, second)
                self._look(second)
            self.ticked = whole
        self.now = now

    def wait(self, wall: float) -> None:
        """All that is in the log is taken, and it is so late on the wall."""
        self.advance(wall - BEHIND)

    def _look(self, now: float) -> None:
        """Edges that are silent are gone: who was connected there may come back by another, or is silent from now."""
        for edge in self.edges.values():
            edge.bases.forget(now)
            if not edge.is_gone and now - edge.seen > GONE:
                self._lose(edge, now)

    def _lose(self, edge: EdgeState, now: float) -> None:
        edge.is_gone = True
        for (tenant, key), number in edge.sockets.items():
            for _ in range(number):
                self.tenants[tenant].detach(key, now)
        edge.sockets.clear()

    # ── snapshots

    def freeze(self) -> bytes:
        """All of it."""
        state = State(self.tenants, self.edges, self.clients, self.now, self.ticked)
        return freeze(tuple(state), self.tenants)

    def thaw(self, number: int, data: bytes) -> None:
        """Go on from there, with the listeners and the bounds of this process; ``ValueError`` where it is none."""
        state = State(*thaw(data, self.tenants))
        self.tenants, self.edges, self.clients, self.now, self.ticked = state
        self.number = number
