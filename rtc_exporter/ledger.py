"""
What events have found, for whoever watches them: episodes that are open, and which rule spoke when.

Times are of the client's event clock, in seconds.  What has happened begins and ends at once; its length is what was
waited for, and 0 where it has none.  A rule that says that something has happened does so once a minute at most: a
client that repeats itself is one client.
"""

from collections.abc import Mapping
from typing import TypeAlias

from rtc_exporter.episodes import Change, Episode
from rtc_exporter.rules.rule import CRITICAL, Rule

Words: TypeAlias = Mapping[str, str]

#: Seconds in which a rule speaks once.
ONCE = 60.0
#: Nothing was heard for longer: the machine slept, and nobody knows what was meanwhile.
PAUSE = 30.0

_NONE: Words = {}


class Ledger:
    """The episodes of one peer connection or page; its size is that of the table of rules."""

    __slots__ = ("_open", "_spoke")

    def __init__(self) -> None:
        self._open: dict[str, Episode] = {}
        self._spoke: dict[str, float] = {}

    @property
    def open(self) -> list[Episode]:
        """Episodes that last."""
        return list(self._open.values())

    def get(self, rule: Rule) -> Episode | None:
        """The open episode of a rule."""
        return self._open.get(rule.id)

    def happened(
        self, rule: Rule, begin: float, end: float | None = None, value: float = 0.0, *, words: Words = _NONE,
        side: str = "", cause: str = "",
    ) -> list[Change]:  # fmt: skip
        """Something has happened, and is over."""
        end = begin if end is None else max(begin, end)
        spoke = self._spoke.get(rule.id)
        if spoke is not None and abs(end - spoke) < ONCE:
            return []
        self._spoke[rule.id] = end
        episode = Episode(rule, begin, end, rule.severity, value, end, cause, side=side, words=words, end=end)
        return [Change("begin", episode), Change("end", episode)]

    def begin(
        self, rule: Rule, begin: float, now: float, *, words: Words = _NONE, side: str = "", cause: str = "",
        is_critical: bool = False,
    ) -> list[Change]:  # fmt: skip
        """Something lasts from now on, or has since ``begin``; what is known already goes on."""
        if rule.id in self._open:
            return []
        seconds = max(0.0, now - begin)
        severity = CRITICAL if is_critical or seconds >= rule.critical else rule.severity
        episode = Episode(rule, begin, begin + seconds, severity, seconds, now, cause, side=side, words=words)
        self._open[rule.id] = episode
        return [Change("begin", episode)]

    def worsen(self, rule: Rule) -> list[Change]:
        """What lasts is critical now."""
        episode = self._open.get(rule.id)
        if episode is None or episode.severity == CRITICAL:
            return []
        episode.severity = CRITICAL
        return [Change("worse", episode)]

    def last(self, time: float) -> list[Change]:
        """What is open has lasted until now."""
        changes: list[Change] = []
        for episode in self._open.values():
            if time > episode.last:
                episode.last = episode.worst_time = time
                episode.worst = time - episode.begin
            if episode.worst >= episode.rule.critical:
                changes += self.worsen(episode.rule)
        return changes

    def end(self, rule: Rule, time: float, outcome: str = "") -> list[Change]:
        """What lasted is over; not earlier than it began."""
        episode = self._open.pop(rule.id, None)
        if episode is None:
            return []
        episode.last = episode.worst_time = episode.end = max(episode.begin, time)
        episode.worst = episode.end - episode.begin
        if outcome:
            episode.words = {**episode.words, "rtc.outcome": outcome}
        # What lasted long enough and was not looked at meanwhile is critical all the same.
        worse = episode.worst >= episode.rule.critical and episode.severity != CRITICAL
        if worse:
            episode.severity = CRITICAL
        return [Change("worse", episode), Change("end", episode)] if worse else [Change("end", episode)]

    def interrupt(self) -> list[Change]:
        """Nobody knows what was since: everything ended when it was last seen."""
        return [change for episode in self.open for change in self.end(episode.rule, episode.last)]
