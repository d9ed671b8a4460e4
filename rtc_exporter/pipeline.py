"""The order of things: the one place that calls the mechanisms, record by record.

``feed`` takes records as they come, synchronously; ``tick`` is called once a second.  Merging a report is cheap and
judging it is not, so a peer connection is *folded* once per fold interval of its own stats clock, and at once when an
object is removed, it closes, or its participant leaves: fold before you forget.
"""

from collections.abc import Iterator, Sequence
from math import inf

from rtc_exporter import catalog, plans, routes, voice
from rtc_exporter.cadence import is_due
from rtc_exporter.choices import PipelineSettings, Status, store_of
from rtc_exporter.detectors import BENCH, MARKED, READS, Bench, Change
from rtc_exporter.errors import BusyError, LimitError, Reason
from rtc_exporter.events import Events
from rtc_exporter.labels import Labels
from rtc_exporter.limits import Room
from rtc_exporter.listener import Listener
from rtc_exporter.live import Live
from rtc_exporter.meter import Clocks, Meter
from rtc_exporter.model import NOTHING, Event, Joined, Left, ParticipantKey, PeerConnectionKey, Record, Report
from rtc_exporter.sessions import TOTALS, Participant, PeerConnection, Sessions
from rtc_exporter.setup import Step
from rtc_exporter.span import Span
from rtc_exporter.tracer import Tracer
from rtc_exporter.verdicts import Verdicts

__all__ = ["Pipeline", "PipelineSettings", "Status"]

#: Seconds between two looks for participants that went without a word.
SWEEP_INTERVAL = 5.0
#: Seconds between two looks for series that nothing has changed for a day.
EXPIRE_INTERVAL = 600.0
#: A peer connection whose reports stop while its participant is still heard of has been dropped by its page.
ABANDONED = 60.0


class Pipeline:
    """Records in, series out."""

    def __init__(self, settings: PipelineSettings, now: float, listener: Listener | None = None) -> None:
        self.store = store_of(settings, now)
        self._room = settings.room or Room(settings.limits.participants)
        self._settings, self.limits = settings, settings.limits
        self._bench = Bench(settings.thresholds) if settings.thresholds else BENCH
        self._labels = Labels()
        self._sessions = Sessions()
        self._meter = Meter(self.store, self._labels)
        self._tracer = Tracer(settings.traces, self.store, self._labels, now) if settings.traces else None
        self._plans = plans.compiled(routes.wanted(self.store, TOTALS, READS, MARKED, voice.READS))
        self._events = Events(self.store, self._labels)
        self._verdicts = Verdicts(self.store, self._labels, settings.fold_interval / 2, listener)
        self._voice = voice.Voice(self.store, self._labels, self._tracer)
        self._live = Live(
            self.store, settings.participants_series, settings.participants_limit, settings.pinned, settings.retention
        )
        self._clocks = Clocks(self.store, now)
        self._undecided: set[PeerConnection] = set()
        self._open, self._next_sweep, self._next_expiry = 0, -inf, now + EXPIRE_INTERVAL

    # ── records

    def feed(self, record: Record, now: float) -> bool:
        """Take one record; False when a report was dropped as a repetition.  Raises LimitError, nothing else."""
        match record:
            case Report():
                return self._report(record, now)
            case Event():
                self._event(record, now)
            case Joined():
                self._joined(record, now)
            case Left():
                participant = self._sessions.get(record.key)
                if participant is not None:
                    self._leave(participant, record.reason, now)
        return True

    def _report(self, report: Report, now: float) -> bool:
        participant, connection = self._find(report.key, None, now)
        verdict = connection.cadence.admit(report.time) if connection.is_open else "out_of_order"
        if verdict == "gap":
            connection.gap = True
            self.store.add("rtc.exporter.report.gaps", (), 1, now)
        elif verdict != "ok":
            # What it removes is gone from the decoder, whatever becomes of the report.
            if connection.is_open and 0 < len(report.removed) <= self.limits.stats - len(connection.removed):
                connection.removed = {**connection.removed, **report.removed}
            self.store.add("rtc.exporter.reports.dropped", (verdict,), 1, now)
            return False
        connection.seen, connection.shift = now, report.sent - report.time
        if now >= participant.seen:  # not so where this waited at an edge, and another peer connection's did not
            participant.seen, participant.sent = now, report.sent
        self._draw(participant, connection, self._verdicts.report(participant, connection, report, now), now)
        if report.is_interim:
            return True
        connection.report = report
        if report.removed:
            connection.removed = {**connection.removed, **report.removed}
        if is_due(report.time, connection.folded, bool(connection.removed), self._settings.fold_interval):
            self._fold(participant, connection, now)
            self._live.publish(participant, now)
            self._clocks.watch(participant, report.sent, now)
        if connection.setup.awaits_media:
            self._steps(participant, connection, connection.setup.report(report.stats, report.sent), now)
        return True

    def _event(self, event: Event, now: float) -> None:
        if event.name == "other":
            self.store.add("rtc.exporter.events.unknown", (), 1, now)
        connection: PeerConnection | None = None
        if event.key.peer_connection:
            created = event.time if event.name == "create" else None
            participant, connection = self._find(event.key, created, now)
        else:
            participant = self._participant(ParticipantKey(event.key.session, event.key.participant), now)
        participant.seen, participant.sent = now, event.time
        if self._tracer:
            participant.clock.update(event.time, now)
            self._tracer.event(participant, connection, event, now)
        self._draw(participant, connection, self._verdicts.event(participant, connection, event, now), now)
        self._events.record(participant, connection, event, now)
        self._voice.event(participant, event, now)
        if connection is None:
            return
        self._steps(participant, connection, connection.setup.on(event.name, event.facts, event.time, now), now)
        if event.name == "connectionstatechange":
            self._show_state(participant, connection, now)
        elif event.name == "close" and connection.is_open:
            self._fold(participant, connection, now)
            self._live.publish(participant, now)
            self._close(participant, connection, now)

    def _joined(self, joined: Joined, now: float) -> None:
        participant = self._sessions.get(joined.key)
        if participant is None:
            self._join(joined.key, now, joined)
        else:
            participant.touch(now)
            if self._tracer:
                self._tracer.tell(participant, joined)
            if any(participant.attributes.get(name) != value for name, value in joined.attributes.items()):
                self._describe(participant, joined, now)

    # ── participants

    def attach(self, key: ParticipantKey, now: float) -> int:
        """A socket of the participant opens: it is here while the socket is.  Returns the number of its page load."""
        participant = self._participant(key, now)
        participant.sockets += 1
        participant.pages += 1
        return participant.pages

    def detach(self, key: ParticipantKey, now: float) -> int:
        """A socket of the participant has closed.  Returns how many are left."""
        participant = self._sessions.get(key)
        if participant is None:
            return 0
        participant.sockets = max(0, participant.sockets - 1)
        participant.touch(now)
        return participant.sockets

    def depart(self, key: ParticipantKey, reason: str, now: float, even_connected: bool = True) -> bool:
        """The participant leaves, unless it has a socket, or (not ``even_connected``) an open peer connection."""
        participant = self._sessions.get(key)
        stays = participant and (participant.sockets or (participant.is_connected and not even_connected))
        if participant is None or stays:
            return False
        self._leave(participant, reason, now)
        return True

    def _participant(self, key: ParticipantKey, now: float) -> Participant:
        return self._sessions.get(key) or self._join(key, now, None)

    def _join(self, key: ParticipantKey, now: float, joined: Joined | None) -> Participant:
        if self._room.is_closed:
            raise BusyError(Reason.NO_MEMORY, "nobody comes who is not here")
        if self._room.is_full:
            raise BusyError(Reason.TOO_MANY, "participants")
        participant = Participant(key, now)
        participant.describe(joined.attributes if joined else {}, self._labels, now)
        session = self._sessions.join(participant, now)
        self._room.taken += 1
        if session.active is None:
            session.active = self.store.gauge("rtc.sessions.active", session.device, now)
            session.active.add(1)
        participant.present = self.store.gauge("rtc.participants.active", participant.event, now)
        participant.present.add(1)
        self._verdicts.join(participant, now)
        if self._events.prepare(participant, now):
            self._verdicts.prepare(participant, now)
        if self._tracer:
            self._tracer.join(participant, session, joined, now)
        self._count_of(participant, "rtc.participant.joins", now)
        self._live.join(participant, now)
        return participant

    def _describe(self, participant: Participant, joined: Joined, now: float) -> None:
        """A client told more about itself: the participant moves to another cohort."""
        participant.describe(joined.attributes, self._labels, now)
        if participant.present is not None:
            participant.present.add(-1)
        participant.present = self.store.gauge("rtc.participants.active", participant.event, now)
        participant.present.add(1)
        if self._events.prepare(participant, now):
            self._verdicts.prepare(participant, now)

    def _leave(self, participant: Participant, reason: str, now: float) -> None:
        connections = [connection for connection in participant.peer_connections.values() if connection.is_open]
        for connection in connections:
            self._fold(participant, connection, now)
        if connections:
            self._live.publish(participant, now)
        for connection in connections:
            self._close(participant, connection, now)
        self._events.finish(participant, now)
        present = self._sessions.session(participant.key.session)
        for found in self._verdicts.leave(participant, now, is_last=present is None or len(present.participants) < 2):
            self._draw(*found, now)
        self._voice.leave(participant, now)
        if self._tracer and present is not None:
            self._tracer.leave(participant, present, reason, now)
        self._live.leave(participant, now)
        if participant.present is not None:
            participant.present.add(-1)
        self._count_of(participant, "rtc.participant.leaves", now, {"rtc.leave.reason": reason})
        self.store.observe("rtc.participant.duration", participant.event, now - participant.joined, now)
        session = self._sessions.leave(participant)
        self._room.taken -= 1
        if session is not None:
            if self._tracer:
                self._tracer.end(session, now)
            self.store.observe("rtc.session.duration", session.device, now - session.started, now)
            if session.active is not None:
                session.active.add(-1)

    # ── peer connections

    def _find(self, key: PeerConnectionKey, created: float | None, now: float) -> tuple[Participant, PeerConnection]:
        participant = self._participant(ParticipantKey(key.session, key.participant), now)
        connection = participant.peer_connections.get(key.peer_connection)
        if connection is not None and created is not None and not connection.is_pristine:
            self._close(participant, connection, now)
            connection = None
        if connection is None:
            connection = self._open_connection(participant, key, created, now)
        elif created is not None:
            connection.setup.created = created
            self._undecided.add(connection)
        return participant, connection

    def _open_connection(
        self, participant: Participant, key: PeerConnectionKey, created: float | None, now: float
    ) -> PeerConnection:
        known = participant.peer_connections
        if len(known) >= self.limits.peer_connections:
            closed = next((name for name, connection in known.items() if not connection.is_open), None)
            if closed is None:
                raise LimitError(Reason.TOO_MANY, "peer connections of one participant")
            del known[closed]
        connection = known[key.peer_connection] = PeerConnection(key, created, now, self._plans, self._bench)
        self._open += 1
        if created is not None:
            self._undecided.add(connection)
        self._show_state(participant, connection, now)
        return connection

    def _close(self, participant: Participant, connection: PeerConnection, now: float) -> None:
        if not connection.is_open:
            return
        self._fold(participant, connection, now)
        self._steps(participant, connection, connection.setup.close(), now)
        time = connection.report.time if connection.report is not None else participant.sent
        changes = self._verdicts.close(participant, connection, time, now)
        self._draw(participant, connection, changes, now)
        if self._tracer:
            self._tracer.close(participant, connection, now)
        connection.end()
        self._undecided.discard(connection)
        self._open -= 1
        self._meter.forget(connection)

    def _fold(self, participant: Participant, connection: PeerConnection, now: float) -> None:
        report = connection.report
        if report is None or (report.time <= connection.folded and not connection.removed):
            return
        report = report._replace(removed=connection.removed)
        fold = connection.deltas.fold(report, connection.gap, connection.muted)
        connection.folded, connection.gap, connection.removed = report.time, False, NOTHING
        if fold.rejected:
            self.store.add("rtc.exporter.reports.dropped", ("rejected_value",), fold.rejected, now)
        changes = self._verdicts.fold(participant, connection, fold, now)
        if self._tracer:
            self._tracer.gather(participant, fold)
        self._voice.fold(participant, fold, now)
        self._meter.record(participant, connection, fold, now)
        if self._tracer:
            self._tracer.fold(participant, connection, fold, changes, now)

    def _steps(self, participant: Participant, connection: PeerConnection, steps: Sequence[Step], now: float) -> None:
        for step in steps:
            if self._tracer:
                self._tracer.step(participant, connection, step, now)
            self._events.step(participant, step, now)
            self._draw(participant, connection, self._verdicts.step(participant, connection, step, now), now)
        if steps and connection.setup.is_decided:
            self._undecided.discard(connection)

    def _draw(
        self, participant: Participant, connection: PeerConnection | None, changes: Sequence[Change], now: float
    ) -> None:
        """Episodes become spans."""
        if changes and self._tracer:
            self._tracer.change(participant, connection, changes, now)

    def _show_state(self, participant: Participant, connection: PeerConnection, now: float) -> None:
        """Move the peer connection to the gauge of its state."""
        if connection.active is not None:
            connection.active.add(-1)
        metric = catalog.BY_NAME["rtc.peer_connections.active"]
        extra = self._labels.admit_all({"rtc.peer_connection.state": connection.state}, now)
        connection.active = self.store.gauge(metric.name, participant.values(metric.attributes, extra), now)
        connection.active.add(1)

    def _count_of(self, participant: Participant, name: str, now: float, extra: dict[str, str] | None = None) -> None:
        self.store.add(name, participant.values(catalog.BY_NAME[name].attributes, extra), 1, now)

    # ── time

    def tick(self, now: float) -> None:
        """Once a second: attempts time out, the silent leave, live series are chosen, old ones expire."""
        for connection in [connection for connection in self._undecided if connection.setup.tick_due(now)]:
            participant = self._sessions.get(ParticipantKey(connection.key.session, connection.key.participant))
            if participant is not None:
                self._steps(participant, connection, connection.setup.tick(now), now)
        for found in self._verdicts.tick(self._sessions, now):
            self._draw(*found, now)
        if self._tracer:
            self._tracer.tick(now)
        self._voice.tick(now)
        self._live.tick(self._sessions, now)
        if now >= self._next_sweep:
            self._next_sweep = now + SWEEP_INTERVAL
            self._sweep(now)
        if now >= self._next_expiry:
            self._next_expiry = now + EXPIRE_INTERVAL
            self.store.expire(now)
            for participant in self._sessions.participants.values():
                # What is in use keeps its place among the capped label values.
                participant.describe({}, self._labels, now)
        for attribute, number in self._labels.take_limited().items():
            self.store.add("rtc.exporter.label_values.limited", (attribute,), number, now)

    def _sweep(self, now: float) -> None:
        for participant in self._sessions.silent(now - self._settings.expiry):
            self.store.add("rtc.exporter.participants.evicted", (), 1, now)
            self._leave(participant, "timeout", now)
        for participant in self._sessions.participants.values():
            if now - participant.seen < ABANDONED and len(participant.peer_connections) > 1:
                for connection in list(participant.peer_connections.values()):
                    if connection.is_open and connection.report is not None and now - connection.seen > ABANDONED:
                        self._close(participant, connection, now)
                        # Should it speak again, it is a late join: what it counted meanwhile is not ours to count.
                        del participant.peer_connections[connection.key.peer_connection]

    def scraped(self, since: float = inf) -> None:
        """The participant tier was rendered wholly, from ``since`` on: series of who had left before may go."""
        self._live.scraped(since)

    def shutdown(self, now: float) -> None:
        """The process ends: every participant leaves, so that what was not folded yet is counted."""
        for participant in list(self._sessions.participants.values()):
            self._leave(participant, "closed", now)

    # ── for the shell

    def count(self, name: str, values: tuple[str, ...] = (), amount: float = 1.0, *, now: float) -> None:
        """Count something about the exporter itself."""
        self.store.add(name, values, amount, now)

    def take_spans(self) -> list[Span]:
        """Finished spans since the last call, parents first; the caller sends them or lets them go."""
        return self._tracer.take() if self._tracer else []

    def parts(self) -> Iterator[tuple[str, object]]:
        """What settings and tables make, and who listens: what a snapshot need not hold."""
        yield from self._bench.parts()
        yield "listener", self._verdicts.listener

    @property
    def sessions(self) -> Sessions:
        """Who is here; for reading only."""
        return self._sessions

    def status(self) -> Status:
        """What is held now."""
        return Status(len(self._sessions), len(self._sessions.participants), self._open, self.store.size)
