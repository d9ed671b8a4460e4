"""
Whether anything arrives: the one thing that is judged with every report, and so has to cost next to nothing.

Silence alone is no fault.  Whoever is on hold, has only a data channel, or is in a room where nobody speaks hears
nothing; no browser tells the receiver that a sender has paused.  So a silence counts only where something had to come,
see ``_is_expected``.  For the same reason a single stream that falls silent is not judged here.
"""

from collections.abc import Set
from math import inf

from rtc_exporter.episodes import Change, Episode
from rtc_exporter.model import Members, Report, Stats
from rtc_exporter.plans import number
from rtc_exporter.rules import NO_MEDIA, OUTAGE
from rtc_exporter.rules.rule import CRITICAL, WARNING

#: Reports come a little early or late: a silence counts when this share of the time has passed.
DUE = 0.9
#: Seconds in which who sends audio hears about it: RTCP comes every five, at most half as late again (RFC 3550 6.3.1).
#: For video it comes at least every second.
RTCP_SILENCE = 7.5

#: The longest interval between two reports within which a browser's time of the last packet is believed.
INTERVAL = 10.0

#: Stats types whose packets are what arrives.
ARRIVALS = frozenset({"transport", "candidate-pair", "inbound-rtp"})

_NOBODY: frozenset[str] = frozenset()


def traffic(stats: Stats) -> float:
    """All that arrived so far, packets and bytes of all together: only whether the sum moves means anything."""
    total = 0.0
    for members in stats.values():
        if members.get("type") in ARRIVALS:
            total += (number(members, "packetsReceived") or 0.0) + (number(members, "bytesReceived") or 0.0)
    return total


class Silence:
    """
    The silence of one peer connection.

    It is begun with the last packet of the path, where the browser says when that came, else at the last report that
    heard something; it is over half way between the last silent report and the first that hears again.  So what it is
    off by is less than the time between two reports.
    """

    __slots__ = ("_asked", "_flows", "_heard", "_path", "_sends", "_total", "episode", "ended")

    def __init__(self) -> None:
        #: The episode that is open, and when the newest one ended.
        self.episode: Episode | None = None
        self.ended = -inf
        #: When something last arrived; None before anything has, and after a gap.
        self._heard: float | None = None
        self._total: float | None = None
        #: What flowed when anything last did: ids of tracks received, kinds of media sent; and the pair in use.
        self._flows: frozenset[str] = _NOBODY
        self._sends: frozenset[str] = _NOBODY
        self._path: str | None = None
        #: STUN requests and answers of the path at the first silent report.
        self._asked: tuple[float, float] | None = None

    def pulse(self, report: Report, muted: Set[str]) -> Change | None:
        """Take a report, unread unless it is silent."""
        heard = report.heard
        if heard is None:
            heard = self._compare(report.stats)
        if heard:
            self._heard = report.time
            if self._asked is not None:
                self._asked = None
            return None if self.episode is None else self.end((self.episode.last + report.time) / 2)
        return None if self._heard is None else self._quiet(report, report.time - self._heard, muted)

    def learn(self, received: frozenset[str], sent: frozenset[str], path: str | None, time: float) -> None:
        """What flowed in an interval; what flowed before holds while nothing arrives."""
        if received or self._heard == time:
            self._flows, self._sends = received, sent
        self._path = path

    def end(self, time: float) -> Change | None:
        """End what is open."""
        episode, self.episode = self.episode, None
        if episode is None:
            return None
        episode.end = self.ended = max(time, episode.last)
        return Change("end", episode)

    def reset(self) -> Change | None:
        """Reports were missing: nobody knows when it ended, so with the last report that was silent."""
        self._heard = self._asked = None
        return None if self.episode is None else self.end(self.episode.last)

    def _compare(self, stats: Stats) -> bool:
        """An object that is gone changes the sum too: then it is not known, and taken for a sign of life."""
        before, self._total = self._total, traffic(stats)
        return self._total != before and (before is not None or self._total > 0)

    def _quiet(self, report: Report, seconds: float, muted: Set[str]) -> Change | None:
        episode = self.episode
        is_dead = seconds >= NO_MEDIA.critical * DUE
        if episode is None:
            if not self._is_expected(report.stats, seconds, muted):
                return None
            last = _last_packet(report.stats.get(self._path or ""), report.time - seconds)
            self.episode = Episode(
                NO_MEDIA, last, report.time, CRITICAL if is_dead else WARNING, seconds, report.time, OUTAGE,
                len(self._flows - muted),
            )  # fmt: skip
            return Change("begin", self.episode)
        episode.last = episode.worst_time = report.time
        episode.worst = seconds
        if not is_dead or episode.severity == CRITICAL:
            return None
        episode.severity = CRITICAL
        return Change("worse", episode)

    def _is_expected(self, stats: Stats, seconds: float, muted: Set[str]) -> bool:
        """
        Whether something had to come.

        Media flowed, and not all of it was muted since.  Who sends hears about that by RTCP.  Who only receives
        cannot know, unless the path itself does not answer: STUN requests go out and nothing comes in.
        """
        if not self._flows or self._flows <= muted:
            return False
        asked = _asked(stats.get(self._path or ""))
        if self._asked is None or (asked is not None and asked[1] != self._asked[1]):
            # The first silent report, or the path has answered since: whoever is there has nothing to send.
            self._asked = asked
            is_unanswered = False
        else:
            is_unanswered = asked is not None and asked[0] > self._asked[0]
        if seconds < NO_MEDIA.on * DUE:
            return False
        return is_unanswered or "video" in self._sends or (bool(self._sends) and seconds >= RTCP_SILENCE)


def _last_packet(pair: Members | None, heard: float) -> float:
    """When the path's last packet came, if that is in the interval of the report that ``heard`` something last."""
    last = None if pair is None else number(pair, "lastPacketReceivedTimestamp")
    return heard if last is None or not heard - INTERVAL < last / 1000 < heard else last / 1000


def _asked(pair: Members | None) -> tuple[float, float] | None:
    """STUN requests sent on a path, and what came in; None where the browser does not say."""
    if pair is None:
        return None
    sent = number(pair, "requestsSent")
    answers = [number(pair, name) for name in ("responsesReceived", "requestsReceived")]
    known = [value for value in answers if value is not None]
    return None if sent is None or not known else (sent, sum(known))
