"""
From judgements to series: how long what was wrong, whose it is, and how good the time was.

The pipeline hands every report, fold and event of a peer connection to its judge through here, and passes on what
changed to whoever draws it.  Events and states are judged on a clock of their own (``incidents``, ``captures``), and
what lasts there is counted once a second.  What is counted is a participant's time: two streams or two peer
connections with the same issue at once are one issue, and the worst peer connection makes the class.
"""

from collections.abc import Mapping, Sequence
from itertools import chain
from math import inf
from typing import TypeAlias

from rtc_exporter import catalog, rules
from rtc_exporter.attribution import attribute
from rtc_exporter.captures import Captures
from rtc_exporter.crowd import RELAYED, is_relayed, relays_suffer, review, suffers
from rtc_exporter.delta import Fold
from rtc_exporter.detectors import Change
from rtc_exporter.incidents import Incidents
from rtc_exporter.labels import Labels
from rtc_exporter.listener import Listener
from rtc_exporter.metric import Metric
from rtc_exporter.model import Event, Member, ParticipantKey, Report
from rtc_exporter.quality import CLASSES
from rtc_exporter.rules.rule import CRITICAL
from rtc_exporter.rules.setup import CRITICAL_SIDES
from rtc_exporter.series import SeriesStore
from rtc_exporter.sessions import Participant, PeerConnection, Sessions
from rtc_exporter.setup import CONNECTED_ICE, Step
from rtc_exporter.slots import Counter, Histogram, Slot
from rtc_exporter.spans import PAUSE, RANK
from rtc_exporter.verdict import GRAVITY, IssueKey, OpenIssue

#: Seconds between two looks across participants.
REVIEW = 5.0
#: A peer connection whose last fold is older has no say in the class of its participant.
STALE = 30.0
#: Seconds without a report after which nobody knows whether an issue goes on.
UNHEARD = 60.0
#: Slots that are remembered; there are a few for each cohort.
SLOTS = 10_000
#: Seconds after the first fold at which it is plain what a browser reports.
PLAIN = 30.0
#: Of whom nothing was heard for so long nobody knows whether its clock goes on: laptops sleep.
SILENT = 10.0
#: Seconds within which who has left and comes again was never gone, and how many of them are remembered.
AWAY, MOST_AWAY = 60.0, 10_000

#: Stats types that show that a connection is used for something.
_USES = ("inbound-rtp", "outbound-rtp", "data-channel")

_TIME = catalog.BY_NAME["rtc.participant.quality.time"]
_PATH_TIME = catalog.BY_NAME["rtc.path.quality.time"]
_NO_PATH: Mapping[str, str] = {}
_SCORE = catalog.BY_NAME["rtc.participant.quality.score"]
#: What the four scores of a peer connection are of.
_SCORED = (("inbound", "audio"), ("inbound", "video"), ("outbound", "audio"), ("outbound", "video"))

#: What changed, at whom, on which of its peer connections; None for its page.
Told: TypeAlias = tuple[Participant, PeerConnection | None, Sequence[Change]]


class Verdicts:
    """Judges participants and keeps their series."""

    def __init__(
        self, store: SeriesStore, labels: Labels, shortest: float = 0.0, listener: Listener | None = None
    ) -> None:
        """``shortest``: seconds of a fold under which nothing is judged."""
        self._store, self._labels = store, labels
        self._shortest = shortest
        #: Who is told.
        self.listener = listener
        #: Sessions in which something is wrong, to be looked at as a whole; and when that is due.
        self._doubtful: set[str] = set()
        #: Slots that are used with every fold.
        self._slots: dict[tuple[str, tuple[str, ...], tuple[str, ...]], Slot] = {}
        self._generation = store.generation
        self._due = -inf
        #: What depends on how much time passes, and whose it is.
        self._waiting: dict[Incidents | Captures, tuple[Participant, PeerConnection | None]] = {}
        #: When participants left, the last to leave last.
        self._left: dict[ParticipantKey, float] = {}

    # ── what happens

    def join(self, participant: Participant, now: float) -> None:
        """A participant is seen for the first time, or again."""
        left = self._left.pop(participant.key, None)
        if left is not None and 0 <= now - left < AWAY:
            participant.captures.returned()

    def prepare(self, participant: Participant, now: float) -> None:
        """Counters of what makes calls impossible start at 0 when a cohort is first seen."""
        for issue, side in CRITICAL_SIDES:
            self._add("rtc.issue.onsets", participant, IssueKey(issue, side, CRITICAL), 0, now)

    def report(
        self, participant: Participant, connection: PeerConnection, report: Report, now: float
    ) -> Sequence[Change]:
        """A report has come: whether anything arrives is looked at each time."""
        changes = connection.judge.pulse(report, connection.muted)
        return self._apply(participant, connection, changes, now)

    def fold(self, participant: Participant, connection: PeerConnection, fold: Fold, now: float) -> Sequence[Change]:
        """A fold, while its increments are there."""
        judge, incidents = connection.judge, connection.incidents
        judge.shares_screen = participant.verdict.shares_screen
        if not incidents.has_media:
            used = (thing for thing in fold.changed if thing.type in _USES)
            incidents.has_media = any(any(thing.increments.values()) for thing in used)
        is_short = fold.elapsed is not None and fold.elapsed < self._shortest
        changes = judge.fold(fold, is_short)
        if changes or participant.verdict.open:
            known = chain.from_iterable(issue.episodes.values() for issue in participant.verdict.open.values())
            attribute([*known, *judge.open])
        changes = self._apply(participant, connection, changes, now)
        if self.listener is not None:
            self.listener.folded(participant, connection, fold)
        if participant.verdict.open or judge.is_dry:
            self._doubtful.add(participant.key.session)
        self._pass_time(participant, now)
        if not is_short:
            self._mark(participant, connection, fold, now)
        for issue in participant.verdict.open.values():
            self._count(participant, issue, now)
        if not connection.is_plain and judge.age >= PLAIN:
            self._report_judged(participant, connection, now)
        return changes

    def event(
        self, participant: Participant, connection: PeerConnection | None, event: Event, now: float
    ) -> Sequence[Change]:
        """An event; a connection that is disconnected is bad, whatever else is measured."""
        captures = participant.captures
        changes = [*captures.event(event.name, event.facts, event.time)]
        if event.name == "feedback":
            self._rate(participant, event.facts.get("value"), now)
        elif event.name == "getDisplayMediaOnSuccess":
            participant.verdict.shares_screen = True
        if connection is not None:
            if event.name in ("iceconnectionstatechange", "connectionstatechange"):
                state = event.facts.get("state")
                if state in ("disconnected", "failed"):
                    connection.judge.is_disconnected = True
                elif state in CONNECTED_ICE:
                    connection.judge.is_disconnected = False
            was_up = connection.incidents.is_up
            changes += connection.incidents.event(event.name, event.facts, event.time)
            self._watch(participant, connection, was_up)
        if captures.waits:
            self._waiting[captures] = (participant, None)
        if self.listener is not None:
            self.listener.told(participant, connection, event)
        return self._apply(participant, connection, changes, now)

    def step(self, participant: Participant, connection: PeerConnection, step: Step, now: float) -> Sequence[Change]:
        """What setup has found."""
        was_up = connection.incidents.is_up
        changes = connection.incidents.step(step, participant.time(now))
        self._watch(participant, connection, was_up)
        if self.listener is not None:
            self.listener.stepped(participant, connection, step)
        return self._apply(participant, connection, changes, now)

    def close(self, participant: Participant, connection: PeerConnection, time: float, now: float) -> Sequence[Change]:
        """The peer connection ends, at ``time`` of its stats clock, and all that is open with it."""
        if not connection.is_plain:
            self._report_judged(participant, connection, now)
        changes = [*connection.judge.close(time), *connection.incidents.close(participant.sent)]
        self._waiting.pop(connection.incidents, None)
        return self._apply(participant, connection, changes, now)

    def leave(self, participant: Participant, now: float, *, is_last: bool) -> list[Told]:
        """The participant is gone, its peer connections have closed: what others saw of it ends too."""
        page = self._apply(participant, None, participant.captures.close(participant.sent), now)
        self._waiting.pop(participant.captures, None)
        left = [episode for issue in participant.verdict.open.values() for episode in issue.episodes.values()]
        for episode in left:
            episode.end = episode.last
        others = self._apply(participant, None, [Change("end", episode) for episode in left], now)
        self._left.pop(participant.key, None)
        if len(self._left) >= MOST_AWAY:
            del self._left[next(iter(self._left))]
        self._left[participant.key] = now
        newest = next(reversed(participant.peer_connections.values()), None)
        if self.listener is not None:
            self.listener.left(participant, now, is_last=is_last)
        return [(participant, None, page), (participant, newest, others)]

    def tick(self, sessions: Sessions, now: float) -> list[Told]:
        """Once a second: what lasts, lasts longer, what was waited for has not come; and who has trouble together."""
        told: list[Told] = []
        for incidents, (participant, connection) in list(self._waiting.items()):
            changes = incidents.tick(min(participant.time(now), participant.sent + SILENT))
            if changes:
                told.append((participant, connection, self._apply(participant, connection, changes, now)))
            for episode in incidents.open:
                issue = participant.verdict.open.get(episode.rule.name)
                if issue is not None:
                    self._count(participant, issue, now)
            if not incidents.waits:
                del self._waiting[incidents]
        return told + (self._review(sessions, now) if now >= self._due else [])

    def _review(self, sessions: Sessions, now: float) -> list[Told]:
        """Look across participants, every few seconds, where something is wrong."""
        self._due = now + REVIEW
        names, self._doubtful = self._doubtful, set()
        several = [session for session in map(sessions.session, names) if session is not None]
        # Only where some on a relay suffer is it worth a look at everybody.
        on_relay = [
            participant for session in several for participant in session.participants.values()
            if suffers(participant) and is_relayed(participant)
        ]  # fmt: skip
        suffer = len(on_relay) >= RELAYED / 2 and relays_suffer(sessions.participants.values())
        told: list[Told] = []
        for session in several:
            for participant, connection, change in review(session, now, suffer):
                self._apply(participant, connection, [change], now)
                told.append((participant, connection, (change,)))
            is_open = bool(session.crowd)
            for participant in session.participants.values():
                if participant.verdict.open:
                    is_open = True
                    told += self._give_up(participant, now)
                for issue in participant.verdict.open.values():
                    self._count(participant, issue, now)
            if is_open:
                self._doubtful.add(session.name)
        return told

    def _give_up(self, participant: Participant, now: float) -> list[Told]:
        """Reports have stopped, though the client is here: what was open ended when it was last seen."""
        told: list[Told] = []
        for connection in participant.peer_connections.values():
            if connection.is_open and connection.judge.open and now - connection.seen > UNHEARD:
                changes = self._apply(participant, connection, connection.judge.reset(), now)
                told.append((participant, connection, changes))
        return told

    def _watch(self, participant: Participant, connection: PeerConnection, was_up: bool) -> None:
        """Look again in a second, if something is to be waited for; a connection that came up may replace another."""
        incidents = connection.incidents
        if incidents.waits:
            self._waiting[incidents] = (participant, connection)
        if incidents.is_up and not was_up:
            for other in participant.peer_connections.values():
                if other is not connection:
                    other.incidents.replace()

    # ── issues

    def _apply(
        self, participant: Participant, connection: PeerConnection | None, changes: Sequence[Change], now: float
    ) -> Sequence[Change]:
        verdict = participant.verdict
        if changes and self.listener is not None:
            self.listener.changed(participant, connection, changes)
        for change in changes:
            episode, name = change.episode, change.episode.rule.name
            issue = verdict.open.get(name)
            if issue is None:
                issue = OpenIssue(episode, max(episode.begin, verdict.spent.get(name, episode.begin)))
                verdict.open[name] = issue
                self._move(participant, issue, now)
                self._add("rtc.issue.onsets", participant, issue.key, 1, now)
            issue.episodes.setdefault(episode, episode)
            self._count(participant, issue, now)
            if change.kind == "end":
                del issue.episodes[episode]
                if not issue.episodes:
                    self._end(participant, issue)
        return changes

    def _count(self, participant: Participant, issue: OpenIssue, now: float) -> None:
        """Add what is new of its time, under what it was known as; then see what it is known as now."""
        last = issue.last
        if last > issue.counted:
            self._add("rtc.issue.time", participant, issue.key, last - issue.counted, now)
            issue.counted = last
        if issue.key != issue.known_as():
            self._move(participant, issue, now)

    def _move(self, participant: Participant, issue: OpenIssue, now: float) -> None:
        """Count the participant where the issue belongs now."""
        if issue.gauge is not None:
            issue.gauge.add(-1)
        issue.key = issue.known_as()
        metric = catalog.BY_NAME["rtc.issue.participants"]
        issue.gauge = self._store.gauge(metric.name, participant.values(metric.attributes, _labels(issue.key)), now)
        issue.gauge.add(1)

    def _end(self, participant: Participant, issue: OpenIssue) -> None:
        del participant.verdict.open[issue.key.issue]
        participant.verdict.spent[issue.key.issue] = issue.counted
        if issue.gauge is not None:
            issue.gauge.add(-1)

    def _add(self, name: str, participant: Participant, key: IssueKey, amount: float, now: float) -> None:
        values = participant.values(catalog.BY_NAME[name].attributes, _labels(key))
        self._store.add(name, values, amount, now, participant.exemplar if GRAVITY[key.severity] else None)

    # ── quality

    def _pass_time(self, participant: Participant, now: float) -> None:
        verdict = participant.verdict
        before, verdict.time = verdict.time, participant.sent
        passed = None if before is None else participant.sent - before
        if passed is None or not 0 < passed <= PAUSE:
            return
        quality = class_of(participant)
        if self.listener is not None:
            self.listener.passed(participant, participant.sent - passed, participant.sent, quality)
        for metric, path in ((_TIME, _NO_PATH), (_PATH_TIME, participant.path)):
            slot = self._slot(participant, metric, (quality, *path.values()), {**path, "rtc.quality": quality}, now)
            if isinstance(slot, Counter):
                slot.add(passed)
        if RANK[quality] >= RANK["poor"]:
            worst = verdict.worst()
            told = {"rtc.cause": "other", "rtc.side": "unknown"}
            if worst is not None and GRAVITY[worst.key.severity]:
                told = {"rtc.cause": worst.key.issue, "rtc.side": worst.key.side}
            attributes = catalog.BY_NAME["rtc.participant.bad.time"].attributes
            self._store.add("rtc.participant.bad.time", participant.values(attributes, told), passed, now)

    def _mark(self, participant: Participant, connection: PeerConnection, fold: Fold, now: float) -> None:
        """Scores by direction and kind, and what the live gauge says of each kind."""
        worst: dict[str, float] = {}
        for (direction, kind), score in zip(_SCORED, connection.judge.scores, strict=True):
            if score is None:
                continue
            told = {"rtc.media.direction": direction, catalog.KIND: kind}
            slot = self._slot(participant, _SCORE, (direction, kind), told, now)
            if isinstance(slot, Histogram):
                slot.observe(score, 1, participant.exemplar, now)
            worst[kind] = min(score, worst.get(kind, score))
        if worst:
            participant.verdict.mark(min(worst.values()), participant.sent)
        for kind, score in worst.items():
            connection.live["rtc.participant.score", (kind,)] = (score, fold.time)

    def _slot(
        self, participant: Participant, metric: Metric, extra: tuple[str, ...], told: Mapping[str, str], now: float
    ) -> Slot | None:
        """A slot that each fold needs, looked up once for a cohort; None where the metric is not published."""
        if self._generation != self._store.generation or len(self._slots) >= SLOTS:
            self._slots, self._generation = {}, self._store.generation
        key = (metric.name, participant.cohort_key, extra)
        slot = self._slots.get(key)
        if slot is None:
            family = self._store.family(metric.name)
            if family is None:
                return None
            slot = self._slots[key] = family.slot(participant.values(metric.attributes, told), now)
        return slot

    def _rate(self, participant: Participant, rating: Member | None, now: float) -> None:
        """What was measured in the minutes that a user rates."""
        mean = participant.verdict.mean
        if mean is None or not isinstance(rating, int | float) or not 1 <= rating <= 5:
            return
        told = {"rtc.feedback.stars": str(round(rating))}
        values = participant.values(catalog.BY_NAME["rtc.feedback.score"].attributes, told)
        self._store.observe("rtc.feedback.score", values, mean[0], now, exemplar=participant.exemplar)

    def _report_judged(self, participant: Participant, connection: PeerConnection, now: float) -> None:
        """Say which issues could be judged at all: what a browser does not report is not health."""
        connection.is_plain = True
        if not connection.judge.age:
            return
        unknown = rules.unjudged(connection.judge.judged)
        attributes = catalog.BY_NAME["rtc.issue.judgements"].attributes
        for issue in rules.MEASURED:
            told = {"rtc.issue": issue, "rtc.judgement": "cannot_judge" if issue in unknown else "judged"}
            self._store.add("rtc.issue.judgements", participant.values(attributes, told), 1, now)


def class_of(participant: Participant) -> str:
    """The worst class among the participant's open peer connections that were folded lately."""
    several = [connection for connection in participant.peer_connections.values() if connection.is_open]
    since = max((connection.folded for connection in several), default=0.0) - STALE
    # One that has failed and was forgotten by its page says nothing once a later one is up.
    up = max((place for place, connection in enumerate(several) if connection.state == "connected"), default=-1)
    classes = (
        connection.judge.quality
        for place, connection in enumerate(several)
        if connection.folded >= since and (connection.state != "failed" or place > up)
    )
    return max(classes, key=RANK.__getitem__, default=CLASSES[-1])


def _labels(key: IssueKey) -> dict[str, str]:
    return {"rtc.issue": key.issue, "rtc.side": key.side, "rtc.severity": key.severity}
