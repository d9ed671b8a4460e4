"""
Episodes: the stretches in which something is wrong, and how single bad intervals become one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from rtc_exporter.rules import CAUSES, Rule
from rtc_exporter.rules.rule import CRITICAL, NETWORK, OUTAGE

_NOTHING: Mapping[str, float] = {}


@dataclass(slots=True)
class Episode:
    """
    A stretch in which a rule held; times in seconds of the stats clock.

    ``side`` is whose it is, as far as is known; ``evidence`` what was measured beside it when it was worst, by measure;
    ``words`` what else is told of it, by attribute: a STUN code, a method, all from closed sets.  What events decide
    has times of the event clock.
    """

    rule: Rule
    begin: float
    #: The end of the newest bad interval so far.
    last: float
    severity: str
    #: The worst value, its time, and what was seen beside it.
    worst: float
    worst_time: float
    cause: str = ""
    #: Streams that were bad at once, at most; mid, SSRC and codec of the worst one, where it has them.
    streams: int = 0
    mid: str | None = None
    ssrc: int | None = None
    codec: str | None = None
    side: str = ""
    #: Whether the side was found across participants: then what one stream shows does not change it.
    is_settled: bool = False
    evidence: Mapping[str, float] = field(default_factory=dict)
    words: Mapping[str, str] = field(default_factory=dict)
    #: None while it is open.
    end: float | None = None

    #: It changes while it is open and is the same, also to who goes on from a snapshot: so no ``id``, and no value.
    __hash__ = object.__hash__

    def __post_init__(self) -> None:
        self.side = self.side or side_of(self.rule, self.cause)

    @property
    def threshold(self) -> float:
        """The value from which on it counts."""
        return self.rule.on


def side_of(rule: Rule, cause: str) -> str:
    """Whose it is: the cause's, where one was seen, else the issue's."""
    if cause == OUTAGE:
        return NETWORK
    return CAUSES[cause].side if cause in CAUSES else rule.side


class Change(NamedTuple):
    """What happened to an episode; ``worse``: its severity has risen."""

    kind: Literal["begin", "worse", "end"]
    episode: Episode


class Bad(NamedTuple):
    """One bad interval: the worst value in it, what was seen beside it, of which stream, and over how many."""

    start: float
    time: float
    value: float
    cause: str = ""
    streams: int = 1
    mid: str | None = None
    ssrc: int | None = None
    codec: str | None = None
    beside: Mapping[str, float] = _NOTHING


class Watch:
    """A rule that has something to say: its last judged intervals, and the episode that is open."""

    __slots__ = ("_good", "_idle", "_recent", "_rule", "episode")

    def __init__(self, rule: Rule) -> None:
        self._rule = rule
        #: The last ``n`` intervals; None for one that was not bad.
        self._recent: list[Bad | None] = []
        #: Intervals in a row that were not bad, and those that could not be judged.
        self._good = 0
        self._idle = 0
        self.episode: Episode | None = None

    @property
    def bound(self) -> float:
        """Above which value an interval is bad, as things stand."""
        return self._rule.on if self.episode is None else self._rule.off

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to say."""
        return self.episode is None and not any(self._recent)

    def judge(self, bad: Bad | None) -> Change | None:
        """Take an interval that was bad, or not."""
        self._idle = 0
        self._recent = [*self._recent, bad][-self._rule.of[1] :]
        if self.episode is None:
            return None if bad is None else self._begin(bad)
        if bad is not None:
            self._good = 0
            return self._go_on(self.episode, bad)
        self._good += 1
        return self.end() if self._good >= self._rule.clears_after else None

    def skip(self) -> Change | None:
        """An interval could not be judged: after some of them it is over, for nobody knows better."""
        self._idle += 1
        return self.end() if self._idle >= self._rule.of[1] else None

    def end(self) -> Change | None:
        """End what is open, with its last bad interval, and begin anew."""
        episode, self.episode = self.episode, None
        self._recent = []
        if episode is None:
            return None
        episode.end = episode.last
        return Change("end", episode)

    def _begin(self, newest: Bad) -> Change | None:
        """Whether an episode begins: with the first of the bad intervals that make it."""
        rule = self._rule
        several = [bad for bad in self._recent if bad is not None]
        if len(several) < rule.of[0] and newest.value <= rule.at_once:
            return None
        worst = max(several, key=lambda bad: bad.value)
        self._good = 0
        self.episode = Episode(
            rule, several[0].start, newest.time, CRITICAL if worst.value > rule.critical else rule.severity,
            worst.value, worst.time, worst.cause, max(bad.streams for bad in several),
            worst.mid, worst.ssrc, worst.codec, evidence=worst.beside,
        )  # fmt: skip
        return Change("begin", self.episode)

    def _go_on(self, episode: Episode, bad: Bad) -> Change | None:
        episode.last = bad.time
        episode.streams = max(episode.streams, bad.streams)
        if bad.value <= episode.worst:
            return None
        episode.worst, episode.worst_time, episode.evidence = bad.value, bad.time, bad.beside
        episode.mid, episode.ssrc, episode.codec = bad.mid, bad.ssrc, bad.codec
        if not episode.is_settled:
            episode.cause = bad.cause
            episode.side = side_of(episode.rule, bad.cause)
        if episode.severity == CRITICAL or bad.value <= self._rule.critical:
            return None
        episode.severity = CRITICAL
        return Change("worse", episode)
