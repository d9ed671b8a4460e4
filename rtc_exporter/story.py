"""
What is remembered of one participant's stay for its spans, between one report and the next.
"""

from collections.abc import Mapping

from rtc_exporter.model import Member
from rtc_exporter.segments import Segments, Tally
from rtc_exporter.setup import PENDING_CALLS, Calls
from rtc_exporter.span import Attributes, SpanEvent
from rtc_exporter.spans import RANK
from rtc_exporter.tracing import MOST_EVENTS, Draft, ParticipantTrace


class OpenEpisode:
    """An episode that has begun, and how many parts of it have left."""

    __slots__ = ("began", "part")

    def __init__(self, began: float) -> None:
        self.began = began
        self.part = 0


class Story:
    """The open ends of one participant: calls, segments, episodes; times on its client's event clock."""

    __slots__ = (
        "asked", "calls", "classes", "dropped", "episodes", "events", "first", "height", "hidden", "is_partial", "open",
        "outcome", "rating", "segments", "since", "totals", "trace", "worst",
    )  # fmt: skip

    def __init__(self, trace: ParticipantTrace) -> None:
        self.trace = trace
        #: The first time that its client told, in this trace and at all.
        self.first: float | None = None
        self.since: float | None = None
        self.calls = Calls()
        #: What getUserMedia and getDisplayMedia were asked for, by method and call.
        self.asked: dict[tuple[str, str], Mapping[str, Member]] = {}
        self.segments: Segments | None = None
        #: What happened since the last segment, for the next.
        self.events: list[SpanEvent] = []
        self.dropped = 0
        #: Episodes under way by what identifies them, and how many there were of each name.
        self.open: dict[object, OpenEpisode] = {}
        self.episodes: dict[str, int] = {}
        self.outcome = ""
        self.rating: dict[str, Member] = {}
        self.hidden: float | None = None
        #: Whether reports could not be read, so that sums lack what they told.
        self.is_partial = False
        self.height: float | None = None
        #: Bytes and freezes at the last fold.
        self.totals: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0)
        self.classes: dict[str, float] = {}
        #: Rank and seconds of the worst segment, and its span id.
        self.worst: tuple[int, float, str] = (-1, 0.0, "")

    def note(self, name: str, time: float, attributes: Attributes) -> None:
        """Something happened that a segment shows."""
        if len(self.events) < MOST_EVENTS:
            self.events.append(SpanEvent(name, time, attributes))
        else:
            self.dropped += 1

    def ask(self, method: str, call: str, facts: Mapping[str, Member], time: float) -> None:
        """A call of getUserMedia or getDisplayMedia; of those that get no answer the newest are remembered."""
        self.calls.begin(method, call, time)
        self.asked.pop((method, call), None)
        self.asked[method, call] = facts
        if len(self.asked) > PENDING_CALLS:
            del self.asked[next(iter(self.asked))]

    def hear(self, time: float) -> None:
        """The client told a time."""
        if self.first is None:
            self.first = self.since = time
        if self.segments is None:
            self.segments = Segments(time)

    def begin(self, otherwise: float) -> float:
        """When the stay began."""
        return otherwise if self.since is None else self.since

    def show_page(self, is_hidden: bool, time: float) -> None:
        """The page is hidden, or shown again."""
        if is_hidden:
            self.hidden = time
        elif self.hidden is not None and self.segments is not None:
            start = self.segments.current.start
            self.segments.window.add("rtc.hidden.time", max(0.0, time - max(self.hidden, start)))
            self.hidden = None

    def draw(self, tally: Tally, reason: str) -> Draft:
        """The span of a segment that has ended, with what happened in it."""
        draft = self.trace.draft(_SEGMENT, tally.start, tally.end, str(int(tally.start * 1000)))
        draft.attributes |= {"rtc.segment.reason": reason, **tally.attributes()}
        if self.height is not None:
            draft.attributes["rtc.frame.height"] = int(self.height)
        if self.hidden is not None:
            hidden = max(0.0, tally.end - max(self.hidden, tally.start)) + tally.sums.get("rtc.hidden.time", 0.0)
            draft.attributes["rtc.hidden.time"] = round(hidden, 3)
        if self.trace.over_budget:
            draft.attributes["rtc.spans.over_budget"] = self.trace.over_budget
        draft.events = [event for event in self.events if event.time <= tally.end or reason == "leave"]
        self.events = [event for event in self.events if event.time > tally.end and reason != "leave"]
        draft.dropped_events, self.dropped = self.dropped, 0
        draft.is_bad = tally.quality == "bad"
        for quality, seconds in tally.classes.items():
            self.classes[quality] = self.classes.get(quality, 0.0) + seconds
        rank = RANK[tally.quality]
        if (rank, tally.classes.get(tally.quality, 0.0)) > self.worst[:2]:
            self.worst = (rank, tally.classes.get(tally.quality, 0.0), draft.id.hex())
        return draft


_SEGMENT = "rtc.participant.segment"
