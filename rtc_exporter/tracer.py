"""
From records to spans: the one place that knows when a span of a session begins, ends and leaves.

The pipeline tells what happens, in the order in which it happens; finished spans are taken away once a second.  A
session's marker leaves first, then a participant, then what hangs on it (see the ``spans`` table).
"""

import re
from collections.abc import Iterable, Sequence
from functools import partial

from rtc_exporter import catalog, drafts, spans
from rtc_exporter.attributes import TENANT
from rtc_exporter.delta import Fold
from rtc_exporter.detectors import Change, Episode
from rtc_exporter.labels import Labels
from rtc_exporter.model import Event, Joined, Member
from rtc_exporter.phases import Phases
from rtc_exporter.rules.rule import CRITICAL
from rtc_exporter.segments import Tally, times
from rtc_exporter.series import SeriesStore
from rtc_exporter.sessions import Participant, PeerConnection, Session
from rtc_exporter.setup import Outcome, Step
from rtc_exporter.span import Link, Span
from rtc_exporter.story import OpenEpisode, Story
from rtc_exporter.tracing import Draft, Ended, Fate, ParticipantTrace, SessionTrace, TraceSettings
from rtc_exporter.verdicts import class_of

#: Seconds after which a participant's span leaves, whatever its setup does.
ANNOUNCE = 30.0
#: Nothing is open for longer.
PART = 300.0
#: Spans that wait to be taken away; a second of the largest load makes a tenth of it.
MOST_WAITING = 65_536
#: A rating that is a complaint.
BAD_RATING = 2.0

#: W3C Trace Context, ``traceparent``: version 00, ids that are not zero.
_TRACEPARENT = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]{2}")


class Tracer:
    """Spans of all sessions."""

    def __init__(self, settings: TraceSettings, store: SeriesStore, labels: Labels, now: float) -> None:
        self._settings = settings
        self._labels = labels
        self._waiting: list[Span] = []
        self._made = {fate: store.counter("rtc.exporter.spans", (fate.value,), now) for fate in Fate}
        self._buffered = store.gauge("rtc.exporter.spans.buffered", (), now)
        #: Participants with something that has to leave in time.
        self._busy: dict[Participant, None] = {}
        #: When the segment of each has to end, earliest first: it is moved to the end when that is put off.
        self._due: dict[Participant, float] = {}
        self._ended = Ended()

    def take(self) -> list[Span]:
        """The spans that have left since the last call."""
        waiting, self._waiting = self._waiting, []
        return waiting

    # ── participants

    def join(self, participant: Participant, session: Session, joined: Joined | None, now: float) -> None:
        """A participant is seen for the first time, or read from a file."""
        start = now
        if joined is not None and joined.is_past:
            start, participant.clock.is_trusted = min(joined.time, now), True
        if session.trace is None:
            session.trace = self._ended.begin(self._settings, session.name, start)
            if not session.trace.number:
                self._mark(session.trace, session.name, participant, start)
        story = participant.story = Story(ParticipantTrace(self._settings, session.trace, participant.key, start))
        self._busy[participant] = None
        self._due[participant] = now + PART
        participant.exemplar = story.trace.exemplar
        if joined is not None:
            self.tell(participant, joined)

    def tell(self, participant: Participant, joined: Joined) -> None:
        """A client told about itself: a trace of its own is linked."""
        story = participant.story
        found = _TRACEPARENT.fullmatch(joined.attributes.get("traceparent", ""))
        if story is not None and found:
            story.trace.link(Link(bytes.fromhex(found[1]), bytes.fromhex(found[2]), {}))

    def leave(self, participant: Participant, session: Session, reason: str, now: float) -> None:
        """A participant is gone: what is open ends, and its stay is summed up.  Its peer connections have closed."""
        story = participant.story
        if story is None:
            return
        self._announce(participant, story, now)
        # Who is silent until it is given up has left when it was last heard of.
        end = participant.sent if reason == "timeout" else participant.time(now)
        if story.segments is not None:
            rest = story.segments.finish(end)
            if rest is not None:
                self._send(participant, [drafts.segment(participant, story, rest, "leave")], now)
        self._send(participant, [drafts.summary(participant, story, reason, end)], now)
        self._buffered.add(-story.trace.buffered)
        self._settle(story.trace.forget())
        self._busy.pop(participant, None)
        self._due.pop(participant, None)
        trace = session.trace
        if trace is not None:
            trace.end = max(trace.end, min(end + participant.clock.shift, now))
            for quality, seconds in story.classes.items():
                trace.quality[quality] = trace.quality.get(quality, 0.0) + seconds
            trace.is_partial = trace.is_partial or story.is_partial
        participant.story = None

    def end(self, session: Session, now: float) -> None:
        """The last participant of a session is gone."""
        trace = session.trace
        if trace is None:
            return
        self._ended.end(trace)
        if not trace.is_kept:
            return
        attributes: dict[str, Member] = {"session.id": session.name, "rtc.participants": len(trace.joins)}
        if trace.quality:
            worst = max(trace.quality, key=lambda name: trace.quality[name])
            attributes |= {"rtc.quality": worst, **times(trace.quality)}
        if trace.is_partial:
            attributes["rtc.partial"] = True
        ident = trace.span_id(spans.SESSION_SUMMARY, self._settings.replica, str(trace.number))
        span = Span(spans.SESSION_SUMMARY, trace.trace_id, ident, trace.root, trace.start, trace.end, attributes)
        self._settle([(span, Fate.QUEUED)])

    # ── what happens to them

    def event(self, participant: Participant, connection: PeerConnection | None, event: Event, now: float) -> None:
        """An event of a page or of a peer connection."""
        story = participant.story
        if story is None:
            return
        story.hear(event.time)
        if event.name in drafts.SHOWN:
            self._show(participant, story, event, now)
        if connection is None:
            self._page(participant, story, event, now)
            return
        phases = connection.phases
        if phases is None:
            phases = connection.phases = Phases(
                story.trace, connection.key.peer_connection, connection.setup, partial(drafts.path_of, connection)
            )
        self._send(participant, phases.event(event.name, event.facts, event.time), now)
        if event.name == "create":
            self._busy[participant] = None

    def step(self, participant: Participant, connection: PeerConnection, step: Step, now: float) -> None:
        """What setup has found, after the event that made it."""
        story, phases = participant.story, connection.phases
        if story is None or phases is None:
            return
        self._send(participant, phases.step(step, participant.time(now)), now)
        if isinstance(step, Outcome):
            story.outcome = story.outcome if story.outcome == "connected" else step.value
            if phases.is_bad:
                self._keep(participant, spans.SETUP)
            self._announce(participant, story, now)

    def gather(self, participant: Participant, fold: Fold) -> None:
        """A fold, before its increments are counted and forgotten."""
        story = participant.story
        if story is not None:
            story.hear(participant.sent)
            drafts.gather(story, fold)

    def fold(
        self, participant: Participant, connection: PeerConnection, fold: Fold, changes: Sequence[Change], now: float
    ) -> None:
        """The same fold, after it was counted: its path is known now."""
        story, judge = participant.story, connection.judge
        if story is None or story.segments is None:
            return
        if fold.switched or not connection.security:
            connection.security = drafts.security(fold, self._labels, now)
        if fold.gap:
            story.note("rtc.report_gap", participant.sent, {})
        self.change(participant, connection, changes, now)
        if story.open:
            self._cut(participant, connection, connection.judge.open, fold.time, connection.shift, now)
        totals = drafts.totals(participant)
        for name, amount, before in zip(drafts.SUMS, totals, story.totals, strict=True):
            story.segments.window.add(name, max(0.0, amount - before))
        story.totals = totals
        quality = class_of(participant)
        for tally, reason in story.segments.fold(participant.sent, quality, judge.values):
            self._segment(participant, story, tally, reason, now)

    def change(
        self, participant: Participant, connection: PeerConnection | None, changes: Iterable[Change], now: float
    ) -> None:
        """
        Episodes begin, get worse, or end; those of a page have no ``connection``.

        What is measured is on the clock of reports, what events decide and what is found across participants on that
        of events.
        """
        story, shift = participant.story, 0.0 if connection is None else connection.shift
        for change in changes if story is not None else ():
            assert story is not None, "as asked above"
            episode = change.episode
            if episode.severity == CRITICAL:
                self._keep(participant, f"rtc.episode.{episode.rule.name}")
            if change.kind == "begin":
                story.open[episode] = OpenEpisode(episode.begin)
                name = episode.rule.name
                story.episodes[name] = story.episodes.get(name, 0) + 1
                self._busy[participant] = None
            elif change.kind == "end":
                known = story.open.pop(episode, None) or OpenEpisode(episode.begin)
                end = episode.end if episode.end is not None else participant.sent - shift
                there = 0.0 if episode.rule.source in ("event", "session") else shift
                draft = drafts.episode(story, connection, episode, known, end, there, self._labels, now)
                self._send(participant, [draft], now)

    def close(self, participant: Participant, connection: PeerConnection, now: float) -> None:
        """A peer connection ends; it was folded, its outcome is known, and its episodes have ended."""
        story = participant.story
        if story is None:
            return
        if connection.phases is not None:
            self._send(participant, connection.phases.close(), now)
            connection.phases = None

    def tick(self, now: float) -> None:
        """Once a second: what has waited long enough leaves."""
        for participant in list(self._busy):
            story = participant.story
            if story is None or not self._watch(participant, story, now):
                del self._busy[participant]
        while self._due and (first := next(iter(self._due.items())))[1] <= now:
            self._rest(first[0], now)

    def send(self, participant: Participant, draft: Draft, now: float) -> None:
        """A span that somebody else has drawn is done."""
        self._send(participant, [draft], now)

    def keep(self, participant: Participant, reason: str) -> None:
        """Something is bad, whose span comes later."""
        self._keep(participant, reason)

    # ── inside

    def _rest(self, participant: Participant, now: float) -> None:
        """Five minutes are over since the last segment of a participant began, and no fold has ended it."""
        self._due[participant] = self._due.pop(participant) + PART
        story = participant.story
        if story is not None and story.segments is not None:
            for tally, reason in story.segments.rest(participant.time(now), class_of(participant)):
                self._segment(participant, story, tally, reason, now)

    def _segment(self, participant: Participant, story: Story, tally: Tally, reason: str, now: float) -> None:
        """A segment has ended."""
        self._due.pop(participant, None)
        self._due[participant] = now + PART
        self._send(participant, [drafts.segment(participant, story, tally, reason)], now)
        lasted = participant.time(now) + participant.clock.shift - story.trace.began
        if story.trace.is_announced and lasted >= self._settings.longest:
            self._roll_over(participant, story, now)

    def _watch(self, participant: Participant, story: Story, now: float) -> bool:
        """Let leave what is due; whether there is more to watch."""
        if not story.trace.is_announced and now - participant.joined >= ANNOUNCE:
            self._announce(participant, story, now)
        is_busy = not story.trace.is_announced
        time = participant.time(now)
        for connection in participant.peer_connections.values():
            is_busy |= self._cut(participant, connection, connection.incidents.open, time, 0.0, now)
            phases = connection.phases
            if phases is not None:
                self._send(participant, phases.tick(time), now)
                is_busy |= phases.setup_span is not None and not phases.is_drawn
        return is_busy | self._cut(participant, None, participant.captures.open, time, 0.0, now)

    def _page(self, participant: Participant, story: Story, event: Event, now: float) -> None:
        """getUserMedia and getDisplayMedia, and whether the page is hidden."""
        method = event.name.removesuffix("OnSuccess").removesuffix("OnFailure")
        if event.name in spans.CAPTURES:
            story.ask(method, str(event.facts.get("call", "")), event.facts, event.time)
        elif method in spans.CAPTURES:
            self._send(participant, [drafts.capture(story, method, event, self._labels, now)], now)
        elif event.name == "visibilitychange":
            story.show_page(event.facts.get("flag") is True, event.time)

    def _show(self, participant: Participant, story: Story, event: Event, now: float) -> None:
        """An event that a segment shows."""
        told = drafts.shown(participant, event, self._labels, now)
        story.note(drafts.SHOWN[event.name], event.time, told)
        story.is_partial = story.is_partial or event.name == "baseless"
        if event.name == "feedback":
            story.rating = told
            rating = told.get("rtc.feedback.rating")
            if isinstance(rating, float) and rating <= BAD_RATING:
                self._keep(participant, "rtc.feedback")

    def _cut(
        self, participant: Participant, connection: PeerConnection | None, episodes: Iterable[Episode], time: float,
        shift: float, now: float,
    ) -> bool:  # fmt: skip
        """Episodes that last leave in parts, up to ``time`` of their own clock; whether there are any."""
        story, episode = participant.story, None
        for episode in episodes:
            known = story.open.get(episode) if story is not None else None
            if story is not None and known is not None and time - known.began >= PART:
                draft = drafts.episode(story, connection, episode, known, time, shift, self._labels, now)
                self._send(participant, [draft], now)
                known.began, known.part = time, known.part + 1
        return episode is not None

    def _announce(self, participant: Participant, story: Story, now: float) -> None:
        """The participant's own span leaves, and everything may follow."""
        if story.trace.is_announced:
            return
        story.hear(participant.sent)
        self._send(participant, [drafts.announcement(participant, story, participant.time(now))], now)

    def _roll_over(self, participant: Participant, story: Story, now: float) -> None:
        """A stay that lasts for hours goes on in a trace of its own, linked both ways."""
        time = participant.time(now)
        last = story.trace.draft(spans.SEGMENT, time, time, "rollover", str(story.trace.number))
        last.attributes["rtc.segment.reason"] = "rollover"
        trace, ident = story.trace.trace_id, story.trace.span_id
        link = story.trace.roll_over(min(time + participant.clock.shift, now))
        last.links = (link,)
        last.trace, last.parent = trace, ident
        story.trace.is_announced = True  # the last span of the old trace goes before the first of the new one
        self._send(participant, [last], now)
        story.trace.is_announced = False
        story.first = time
        self._announce(participant, story, now)
        participant.exemplar = story.trace.exemplar

    def _mark(self, trace: SessionTrace, session: str, participant: Participant, now: float) -> None:
        app = participant.cohort.get("rtc.app.name")
        attributes = {"session.id": session, **({"rtc.app.name": app} if app else {})}
        marker = Span(spans.SESSION, trace.trace_id, trace.root, b"", now, now, attributes, trace_state=trace.state)
        self._settle([(marker, Fate.QUEUED)])

    def _keep(self, participant: Participant, reason: str) -> None:
        story = participant.story
        if story is not None and not story.trace.kept:
            before = story.trace.buffered
            self._settle(story.trace.keep(reason))
            self._buffered.add(story.trace.buffered - before)
            participant.exemplar = story.trace.exemplar

    def _send(self, participant: Participant, drafts: Iterable[Draft], now: float) -> None:
        story = participant.story
        if story is None:
            return
        for draft in drafts:
            if draft.is_bad:
                self._keep(participant, draft.name)
            common: dict[str, Member] = {"session.id": participant.key.session}
            common["rtc.participant.id"] = participant.key.participant
            if participant.cohort.get(catalog.APP):
                common["rtc.app.name"] = participant.cohort[catalog.APP]
            before = story.trace.buffered
            self._settle(story.trace.finish(draft, participant.clock.shift, now, common))
            self._buffered.add(story.trace.buffered - before)

    def _settle(self, results: Iterable[tuple[Span, Fate]]) -> None:
        for span, fate in results:
            if fate is Fate.QUEUED and len(self._waiting) >= MOST_WAITING:
                fate = Fate.OVER_BUDGET
            self._made[fate].value += 1
            if fate is Fate.QUEUED:
                self._waiting.append(self._owned(span))

    def _owned(self, span: Span) -> Span:
        """The span, with whose it is."""
        tenant = self._settings.tenant
        return span._replace(attributes={**span.attributes, TENANT: tenant}) if tenant else span
