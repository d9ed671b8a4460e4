"""
The trace of one participant: its ids, what is kept of it, and what waits.

Everything here is on the client's own clock until it leaves: only then is it known how far that clock is off.
Spans leave in an order in which every parent goes before its children, and they are decided on here, because a
collector's tail sampling decides half a minute after the first span and a call may turn bad in minute twenty.
"""

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
#: Spans that carry others or stand for all others: the budget does not count against them.
ALWAYS = frozenset((spans.PARTICIPANT, spans.SUMMARY, spans.SETUP))


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
        "by_ratio", "epoch", "is_kept", "joins", "quality", "root", "start", "state", "trace_id", "_session",
        "_settings",
    )  # fmt: skip

    def __init__(self, settings: TraceSettings, session: str, start: float) -> None:
        self._settings = settings
        self._session = session
        self.start = start
        self.epoch = str(int(start // 86400)) if settings.epoch == "day" else ""
        self.trace_id = trace_id(settings.tenant, session, self.epoch)
        self.root = self.span_id(spans.SESSION)
        #: Participant -> how often it joined.
        self.joins: dict[str, int] = {}
        self.quality: dict[str, float] = {}
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


#: Participants of a session whose joins are counted.
JOINS = 10_000


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
        "began", "join", "key", "kept", "number", "over_budget", "own", "parent", "session", "settings", "span_id",
        "state", "trace_id", "links", "is_announced", "made", "_buffer", "_buffered", "_pending",
    )  # fmt: skip

    def __init__(self, settings: TraceSettings, session: SessionTrace, key: ParticipantKey, now: float) -> None:
        self.settings = settings
        self.session = session
        self.key = key
        self.join = session.join(key.participant)
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
        self.made = self.over_budget = 0
        self._pending: list[Draft] = []
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
        return Draft(name, self.trace_id, self.id_of(name, *parts), start, end, parent or self.span_id)

    def roll_over(self, now: float) -> Link:
        """Go on in a new trace; gives the link to it.  The participant has to be announced again."""
        before = Link(self.trace_id, self.span_id, {})
        self.own, self.number, self.began = True, self.number + 1, now
        self._place()
        self.links = (before,)
        self.is_announced = False
        self.made = 0
        return Link(self.trace_id, self.span_id, {})

    @property
    def exemplar(self) -> tuple[tuple[str, str], ...]:
        """Labels for exemplars; the participant's id is among them where it fits."""
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
            pending, self._pending = self._pending, []
            left = self._send(draft, shift, now, common)
            for waiting in pending:
                left += self._send(waiting, shift, now, common)
            return left
        if self.made >= self.settings.budget and draft.name not in ALWAYS:
            self.over_budget += 1
            return [(self._span(draft, shift, now, common), Fate.OVER_BUDGET)]
        self.made += 1
        if self.is_announced:
            return self._send(draft, shift, now, common)
        if len(self._pending) >= PENDING:
            return [(self._span(draft, shift, now, common), Fate.OVER_BUDGET)]
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
        """The participant is gone and nothing was bad."""
        past, self._buffer, self._buffered = self._buffer, [], 0
        return [(span, Fate.SAMPLED_OUT) for span in past]

    def _send(self, draft: Draft, shift: float, now: float, common: Mapping[str, Member]) -> list[tuple[Span, Fate]]:
        span = self._span(draft, shift, now, common)
        if self.kept:
            return [(self._marked(span), Fate.QUEUED)]
        self._buffer.append(span)
        self._buffered += size(span)
        given_up: list[tuple[Span, Fate]] = []
        while len(self._buffer) > BUFFERED or self._buffered > BUFFERED_BYTES:
            # A parent must outlive its children, or they would be orphans should they be kept after all.
            index = next((i for i, span in enumerate(self._buffer) if span.name not in ALWAYS), None)
            if index is None:
                break
            gone = self._buffer.pop(index)
            self._buffered -= size(gone)
            given_up.append((gone, Fate.SAMPLED_OUT))
        return given_up

    def _span(self, draft: Draft, shift: float, now: float, common: Mapping[str, Member]) -> Span:
        start = min(draft.start + shift, now)
        end = min(max(draft.end + shift, start), now)
        events = tuple(event._replace(time=min(max(event.time + shift, start), end)) for event in draft.events)
        return Span(
            draft.name, draft.trace, draft.id, draft.parent, start, end, {**common, **draft.attributes}, events,
            draft.links, draft.error, "", draft.dropped_events, draft.is_bad,
        )  # fmt: skip

    def _marked(self, span: Span) -> Span:
        state = self.state if self.kept == "ratio" and not self.own else ""
        return span._replace(attributes={**span.attributes, "rtc.sampling.reason": self.kept}, trace_state=state)
