"""
The trace of one participant: its ids, what is kept of it, and what waits.

Everything here is on the client's own clock until it leaves: only then is it known how far that clock is off.
Spans leave in an order in which every parent goes before its children, and they are decided on here, because a
collector's tail sampling decides half a minute after the first span and a call may turn bad in minute twenty.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from rtc_exporter import spans
from rtc_exporter.model import Member, ParticipantKey
from rtc_exporter.span import Attributes, Link, Span, SpanEvent, size, span_id, trace_id

#: Events of one span (OpenTelemetry SDK and OTLP receivers: 128); the rest is counted.
MOST_EVENTS = 128
#: Finished spans of a participant that is not kept so far, and their bytes; the oldest leaves go first.
BUFFERED, BUFFERED_BYTES = 64, 32 << 10
#: Drafts that wait for their participant's span, which leaves 30 s after the join at the latest.
PENDING = 64
#: Characters of an exemplar's labels, names included (OpenMetrics 1.0.0).
EXEMPLAR = 128
#: Spans of other traces that a participant's span points to.
MOST_LINKS = 8
#: Spans that stand for all others: the budget does not count against them.
ALWAYS = frozenset((spans.PARTICIPANT, spans.SUMMARY))
_PARENTS = ALWAYS | {spans.SETUP}
#: Setup spans that were given up while phases of theirs may still come.
LOST = 64
#: Ids of a participant that are not given twice.
TAKEN = 64
#: Seconds for which a page may have kept what happened before it spoke to us.
BEFORE = 300.0
#: Participants of a session whose joins are counted, and participants of sessions that have ended.
JOINS, REMEMBERED = 10_000, 50_000


@dataclass(frozen=True, slots=True)
class TraceSettings:
    """
    What the operator may choose.

    ``ratio``: share of sessions that are kept from the start.  ``epoch``: ``day`` adds the UTC day to the ids, since
    rooms are used again; ``none`` is for session ids that are never used again.  ``budget``: spans of one
    participant.  ``tenant``: whose sessions these are.  ``replica``: what tells this process from others.
    ``pinned``: sessions and participants that are always kept.
    """

    ratio: float = 1.0
    epoch: str = "day"
    budget: int = 500
    tenant: str = ""
    replica: str = ""
    pinned: frozenset[str] = frozenset()
    #: Participants of one session in one trace; Tempo cuts traces at 5 MB, and one of two hours takes 17 kB.
    together: int = 150
    #: Seconds after which a participant goes on in a new trace.
    longest: float = 8 * 3600.0


class Fate(StrEnum):
    """What became of a finished span."""

    QUEUED = "queued"
    SAMPLED_OUT = "sampled_out"
    OVER_BUDGET = "over_budget"


@dataclass(slots=True)
class Draft:
    """A span in the making; times on the client's event clock.  ``id`` and ``parent`` are span ids in ``trace``."""

    name: str
    trace: bytes
    id: bytes
    start: float
    end: float
    parent: bytes = b""
    attributes: dict[str, Member] = field(default_factory=dict)
    events: list[SpanEvent] = field(default_factory=list)
    links: tuple[Link, ...] = ()
    error: str | None = None
    is_bad: bool = False
    dropped_events: int = 0

    def note(self, name: str, time: float, attributes: Attributes) -> None:
        """Something happened during the span."""
        if len(self.events) < MOST_EVENTS:
            self.events.append(SpanEvent(name, time, attributes))
        else:
            self.dropped_events += 1


class SessionTrace:
    """The trace that the participants of a session share, as far as this exporter sees it."""

    __slots__ = (
        "by_ratio", "end", "epoch", "is_kept", "is_partial", "joins", "number", "quality", "root", "spent", "start",
        "state", "trace_id", "_session", "_settings",
    )  # fmt: skip

    def __init__(self, settings: TraceSettings, session: str, start: float) -> None:
        self._settings = settings
        self._session = session
        #: When it began, and when the last who has left did so.
        self.start = self.end = start
        self.epoch = str(int(start // 86400)) if settings.epoch == "day" else ""
        self.trace_id = trace_id(settings.tenant, session, self.epoch)
        self.root = self.span_id(spans.SESSION)
        #: Participant -> how often it joined, and the spans of its earlier stays.
        self.joins: dict[str, int] = {}
        self.spent: dict[str, int] = {}
        #: How often the session had ended before, as far as this exporter knows.
        self.number = 0
        self.quality: dict[str, float] = {}
        self.is_partial = False
        self.by_ratio, self.state = sampled(self.trace_id, settings.ratio)
        #: Whether anything but its marker leaves.
        self.is_kept = self.by_ratio

    def span_id(self, role: str, *parts: str) -> bytes:
        """The id of one of its spans."""
        return span_id(self._settings.tenant, self._session, self.epoch, role, *parts)

    def own_trace_id(self, participant: str, number: int) -> bytes:
        """The trace of a participant that does not share the session's."""
        return trace_id(self._settings.tenant, self._session, self.epoch, participant, str(number))

    def join(self, participant: str) -> int:
        """How often this participant had joined before; who is too many to remember joins for the first time."""
        joins = self.joins.get(participant, 0)
        if joins or len(self.joins) < JOINS:
            self.joins[participant] = joins + 1
        return joins

    def leave(self, participant: str, made: int) -> None:
        """A participant has left, and made so many spans: who comes back has what is left of its budget."""
        if participant in self.joins:
            self.spent[participant] = made


class Ended:
    """
    Sessions that have ended, and may begin again in the same trace: a room is used twice a day, a page is loaded again.

    Who was there before has joined before, so that nobody gets ids that are taken.  The oldest are forgotten.
    """

    def __init__(self) -> None:
        self._sessions: dict[bytes, SessionTrace] = {}
        self._size = 0

    def begin(self, settings: TraceSettings, session: str, start: float) -> SessionTrace:
        """The trace of a session that begins."""
        trace = SessionTrace(settings, session, start)
        before = self._sessions.pop(trace.trace_id, None)
        if before is not None:
            self._size -= 1 + len(before.joins)
            trace.joins, trace.spent, trace.number = before.joins, before.spent, before.number + 1
        return trace

    def end(self, trace: SessionTrace) -> None:
        """A session has ended."""
        self._sessions[trace.trace_id] = trace
        self._size += 1 + len(trace.joins)
        while self._size > REMEMBERED:
            oldest = next(iter(self._sessions))
            self._size -= 1 + len(self._sessions.pop(oldest).joins)


def sampled(trace: bytes, ratio: float) -> tuple[bool, str]:
    """
    Whether a ratio keeps a trace, and the trace state that lets back ends adjust their counts.

    OpenTelemetry's consistent probability sampling: the last seven bytes of the id are the random value, which must
    not be below the threshold; ``ot=th:`` holds that in hexadecimal, without trailing zeros.
    """
    threshold = round((1.0 - ratio) * (1 << 56))
    if ratio <= 0.0 or int.from_bytes(trace[9:], "big") < threshold:
        return False, ""
    return True, f"ot=th:{f'{threshold:014x}'.rstrip('0') or '0'}"


class ParticipantTrace:
    """The spans of one participant: numbered, budgeted, sampled."""

    __slots__ = (
        "began", "is_told", "join", "key", "kept", "number", "over_budget", "own", "parent", "session", "settings",
        "span_id", "state", "trace_id", "links", "is_announced", "made", "_buffer", "_buffered", "_lost", "_pending",
        "_taken",
    )  # fmt: skip

    def __init__(self, settings: TraceSettings, session: SessionTrace, key: ParticipantKey, now: float) -> None:
        self.settings = settings
        self.session = session
        self.key = key
        self.join = session.join(key.participant)
        #: Whether it has spans at all: not who has come back as often as it may have spans.
        self.is_told = self.join < settings.budget
        #: Whether it has a trace of its own, and the how manieth that is.
        self.own = len(session.joins) > settings.together
        self.number = 0
        self.began = now
        #: Why it is kept; "" as long as it is not.
        self.kept = "ratio" if session.by_ratio else ""
        self.state = session.state
        if not settings.pinned.isdisjoint(key):
            self.kept = self.kept or "pinned"
            session.is_kept = True
        self.links: tuple[Link, ...] = ()
        self.is_announced = False
        self.made = session.spent.get(key.participant, 0)
        self.over_budget = 0
        self._pending: list[Draft] = []
        self._lost: deque[bytes] = deque(maxlen=LOST)
        self._taken: dict[bytes, None] = {}
        self._buffer: list[Span] = []
        self._buffered = 0
        self._place()
        if self.own:
            self.links = (Link(session.trace_id, session.root, {}),)

    def _place(self) -> None:
        """Find the trace and the id of the participant's own span."""
        shares = not self.own
        self.trace_id = (
            self.session.trace_id if shares else self.session.own_trace_id(self.key.participant, self.number)
        )
        self.parent = self.session.root if shares else b""
        self.span_id = self.id_of(spans.PARTICIPANT)

    def id_of(self, role: str, *parts: str) -> bytes:
        """The id of a span of this participant; ``parts`` tell several of one role apart."""
        return self.session.span_id(role, self.key.participant, str(self.join), str(self.number), *parts)

    def draft(self, name: str, start: float, end: float, *parts: str, parent: bytes = b"") -> Draft:
        """A span of this participant; it hangs on the participant's unless a ``parent`` is named."""
        if name == spans.PARTICIPANT:
            return Draft(name, self.trace_id, self.span_id, start, end, self.parent, links=self.links)
        return Draft(name, self.trace_id, self._free(name, parts), start, end, parent or self.span_id)

    def _free(self, name: str, parts: tuple[str, ...]) -> bytes:
        """An id that none of its latest spans has: a peer connection's name is used again, a clock is set back."""
        ident, number = self.id_of(name, *parts), 0
        while ident in self._taken:
            number += 1
            ident = self.id_of(name, *parts, str(number))
        self._taken[ident] = None
        if len(self._taken) > TAKEN:
            del self._taken[next(iter(self._taken))]
        return ident

    def roll_over(self, now: float) -> Link:
        """Go on in a new trace; gives the link to it.  The participant has to be announced again."""
        before = Link(self.trace_id, self.span_id, {})
        self.own, self.number, self.began = True, self.number + 1, now
        self._place()
        self.links = (before,)
        self.is_announced = False
        self.made = 0
        return Link(self.trace_id, self.span_id, {})

    def link(self, link: Link) -> None:
        """Its span points to one in another trace, if that is not too late, and not too many."""
        if not self.is_announced and len(self.links) < MOST_LINKS and link not in self.links:
            self.links = (*self.links, link)

    @property
    def exemplar(self) -> tuple[tuple[str, str], ...] | None:
        """Labels for exemplars, once it is kept; the participant's id is among them where it fits."""
        if not (self.kept and self.is_told):
            return None
        labels = (("trace_id", self.trace_id.hex()), ("span_id", self.span_id.hex()))
        who = ("rtc.participant.id", self.key.participant)
        length = sum(len(name) + len(value) for name, value in (*labels, who))
        return (*labels, who) if length <= EXEMPLAR else labels

    @property
    def buffered(self) -> int:
        """Finished spans that wait for a decision."""
        return len(self._buffer) + len(self._pending)

    def finish(self, draft: Draft, shift: float, now: float, common: Mapping[str, Member]) -> list[tuple[Span, Fate]]:
        """
        A span is done: what leaves now, and what is given up.

        ``shift`` is what the client's clock lacks, ``common`` goes on every span.
        """
        if draft.name == spans.PARTICIPANT:
            self.is_announced = True
        if not self.is_told or (self.made >= self.settings.budget and draft.name not in ALWAYS):
            self.over_budget += 1
            return self._give_up(draft, Fate.OVER_BUDGET, shift, now, common)
        if draft.name == spans.PARTICIPANT:
            pending, self._pending = self._pending, []
            left = self._send(draft, shift, now, common)
            for waiting in pending:
                left += self._send(waiting, shift, now, common)
            return left
        if draft.name not in ALWAYS:
            self.made += 1
        if self.is_announced:
            return self._send(draft, shift, now, common)
        if len(self._pending) >= PENDING:
            return self._give_up(draft, Fate.OVER_BUDGET, shift, now, common)
        self._pending.append(draft)
        return []

    def keep(self, reason: str) -> list[tuple[Span, Fate]]:
        """Something is bad: it is kept from now on, with what is known of its past."""
        if self.kept:
            return []
        self.kept = reason
        self.session.is_kept = True
        past, self._buffer, self._buffered = self._buffer, [], 0
        return [(self._marked(span), Fate.QUEUED) for span in past]

    def forget(self) -> list[tuple[Span, Fate]]:
        """The participant is gone, and what was not kept with it."""
        self.session.leave(self.key.participant, self.made)
        past, self._buffer, self._buffered = self._buffer, [], 0
        return [(span, Fate.SAMPLED_OUT) for span in past]

    def _send(self, draft: Draft, shift: float, now: float, common: Mapping[str, Member]) -> list[tuple[Span, Fate]]:
        if draft.parent in self._lost:
            return self._give_up(draft, Fate.SAMPLED_OUT, shift, now, common)
        span = self._span(draft, shift, now, common)
        if self.kept:
            return [(self._marked(span), Fate.QUEUED)]
        self._buffer.append(span)
        self._buffered += size(span)
        given_up: list[tuple[Span, Fate]] = []
        while len(self._buffer) > BUFFERED or self._buffered > BUFFERED_BYTES:
            # A parent outlives its children, or they would be orphans should they be kept after all.
            index = next((i for i, span in enumerate(self._buffer) if span.name not in _PARENTS), None)
            if index is None:
                index = next((i for i, span in enumerate(self._buffer) if span.name == spans.SETUP), None)
            if index is None:
                break
            gone = self._buffer.pop(index)
            self._buffered -= size(gone)
            if gone.name == spans.SETUP:
                self._lost.append(gone.span_id)
            given_up.append((gone, Fate.SAMPLED_OUT))
        return given_up

    def _give_up(
        self, draft: Draft, fate: Fate, shift: float, now: float, common: Mapping[str, Member]
    ) -> list[tuple[Span, Fate]]:
        """This one does not leave, nor does what would hang on it."""
        if draft.name == spans.SETUP:
            self._lost.append(draft.id)
        return [(self._span(draft, shift, now, common), fate)]

    def _span(self, draft: Draft, shift: float, now: float, common: Mapping[str, Member]) -> Span:
        # Nothing begins long before the participant came; a client's clock that is set may say so.
        start = max(min(draft.start + shift, now), self.began - BEFORE)
        end = min(max(draft.end + shift, start), now)
        events = tuple(event._replace(time=min(max(event.time + shift, start), end)) for event in draft.events)
        return Span(
            draft.name, draft.trace, draft.id, draft.parent, start, end, {**common, **draft.attributes}, events,
            draft.links, draft.error, "", draft.dropped_events, draft.is_bad,
        )  # fmt: skip

    def _marked(self, span: Span) -> Span:
        state = self.state if self.kept == "ratio" and not self.own else ""
        return span._replace(attributes={**span.attributes, "rtc.sampling.reason": self.kept}, trace_state=state)
