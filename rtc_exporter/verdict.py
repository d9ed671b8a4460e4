"""
How a participant stands: what is wrong with it now, and how good its call is.

Plain state, owned by ``verdicts``.
"""

from typing import NamedTuple

from rtc_exporter.episodes import Episode
from rtc_exporter.model import LiveKey
from rtc_exporter.slots import Gauge

#: The gauge of open issues (see ``catalog``).
ACTIVE = "rtc.issue.active"


class IssueKey(NamedTuple):
    """What an open issue is counted under."""

    issue: str
    side: str
    severity: str


class OpenIssue:
    """An episode that is open, what it is counted under, and up to when, on the stats clock."""

    __slots__ = ("counted", "episode", "key")

    def __init__(self, episode: Episode) -> None:
        self.episode = episode
        self.key = IssueKey(episode.rule.name, episode.side, episode.severity)
        self.counted = episode.begin


class Verdict:
    """One participant's issues and quality."""

    __slots__ = ("active", "gauges", "open", "spent", "time")

    def __init__(self) -> None:
        #: Open issues by the identity of their episode.
        self.open: dict[int, OpenIssue] = {}
        #: How many are open of each, as the live gauge has it.
        self.active: dict[LiveKey, float] = {}
        #: Where it is counted as a participant with that issue.
        self.gauges: dict[IssueKey, Gauge] = {}
        #: Up to when the time of an issue is counted: two streams that lose packets at once are one issue.
        self.spent: dict[IssueKey, float] = {}
        #: Up to when quality is counted, on the client's event clock.
        self.time: float | None = None

    def worst(self) -> OpenIssue | None:
        """The gravest issue that is open, and of several the one that began first."""
        issues = self.open.values()
        return min(issues, key=lambda issue: (-GRAVITY[issue.key.severity], issue.episode.begin), default=None)


#: Of severities, worst last.
GRAVITY = {"info": 0, "warning": 1, "critical": 2}
