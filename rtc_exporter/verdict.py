"""
How a participant stands: what is wrong with it now, and how good its call is.

Plain state, owned by ``verdicts``.
"""

from typing import NamedTuple

from rtc_exporter.episodes import Episode
from rtc_exporter.model import LiveKey
from rtc_exporter.rules import SEVERITIES
from rtc_exporter.slots import Gauge

#: The gauge of open issues (see ``catalog``).
ACTIVE = "rtc.issue.active"
#: Of severities, worst last.
GRAVITY = {severity: rank for rank, severity in enumerate(SEVERITIES)}


#: Seconds over which the score that goes with a rating is smoothed: users rate the last minutes, not the last seconds.
MINUTES = 120.0


class IssueKey(NamedTuple):
    """What an open issue is counted under."""

    issue: str
    side: str
    severity: str


class OpenIssue:
    """
    An issue that a participant has: the episodes that are open, of which the gravest speaks for all.

    Two streams that lose packets, or two peer connections, are one issue.
    """

    __slots__ = ("counted", "episodes", "gauge", "key")

    def __init__(self, episode: Episode, counted: float) -> None:
        self.episodes = {episode: episode}
        #: Up to when its time is counted, on the stats clock.
        self.counted = counted
        self.key = self.known_as()
        #: Where it is counted as a participant with that issue.
        self.gauge: Gauge | None = None

    @property
    def begin(self) -> float:
        """When the first of its open episodes began."""
        return min(episode.begin for episode in self.episodes.values())

    @property
    def last(self) -> float:
        """The end of the newest bad interval."""
        return max(episode.last for episode in self.episodes.values())

    def known_as(self) -> IssueKey:
        """What it is now."""
        episode = min(self.episodes.values(), key=lambda one: (-GRAVITY[one.severity], one.begin))
        return IssueKey(episode.rule.name, episode.side, episode.severity)


class Held:
    """What is found across participants, on its way: how often, how often not since, and what became of it."""

    __slots__ = ("episode", "found", "missed", "since", "who")

    def __init__(self, who: object, since: float) -> None:
        #: The participant; another of the same id is somebody else.
        self.who = who
        self.since = since
        self.found = self.missed = 0
        self.episode: Episode | None = None


class Verdict:
    """One participant's issues and quality."""

    __slots__ = ("mean", "open", "shares_screen", "spent", "time")

    def __init__(self) -> None:
        #: By name.
        self.open: dict[str, OpenIssue] = {}
        #: Up to when the time of an issue is counted that was open before.
        self.spent: dict[str, float] = {}
        #: Up to when quality is counted, on the client's event clock.
        self.time: float | None = None
        #: The score of the last minutes, smoothed, and its time.
        self.mean: tuple[float, float] | None = None
        #: Whether a screen was captured: what is sent may be one.
        self.shares_screen = False

    def mark(self, score: float, time: float) -> None:
        """Take the newest score into the mean: a first-order low-pass over uneven steps."""
        if self.mean is None:
            self.mean = (score, time)
            return
        before, then = self.mean
        passed = max(0.0, time - then)
        self.mean = (before + (score - before) * passed / (passed + MINUTES), time)

    @property
    def active(self) -> dict[LiveKey, float]:
        """What the gauge of open issues says: how many episodes of each are open."""
        return {(ACTIVE, issue.key): float(len(issue.episodes)) for issue in self.open.values()}

    def worst(self) -> OpenIssue | None:
        """The gravest issue that is open, and of several the one that began first."""
        return min(self.open.values(), key=lambda issue: (-GRAVITY[issue.key.severity], issue.begin), default=None)
