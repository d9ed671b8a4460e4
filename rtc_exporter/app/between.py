"""
What waits at an edge between two folds.

Who reads the log judges a peer connection once per fold interval.  Of a report between two folds it wants to know that
it came, and no more: what it says, the next one says as well, or what has become of it.  So an edge keeps it until the
next one that is judged, and writes all of them as one entry: when each of them came, and all that has changed since the
last entry as one change.

Nothing waits that would be read as it comes: a report that says that nothing has arrived, or the one after it; those of
a peer connection that is being set up, of which the first packet and the first frame are looked for; what is not in
order.  What waits is few: the texts are those that a ``Base`` lays by, and beside each stand three numbers.
"""

import contextlib
from math import inf

import orjson

from rtc_exporter.app.bases import WHOLE
from rtc_exporter.app.entries import Arrival
from rtc_exporter.cadence import is_due
from rtc_exporter.model import Event, PeerConnectionKey, Report
from rtc_exporter.setup import Setup
from rtc_exporter.wire.compact import LAID_BY, Base
from rtc_exporter.wire.unread import numbers_alone


class Reports:
    """The reports of one peer connection on their way through an edge, and what its pipeline makes of them."""

    __slots__ = (
        "arrivals", "folded", "has_removed", "is_open", "newest", "setup", "time", "was_heard", "written",
    )  # fmt: skip

    def __init__(self) -> None:
        self.is_open = True
        #: Its setup, as long as a report could tell something about that.
        self.setup: Setup | None = None
        #: Times of the newest report, and of the newest that was folded; and whether something is gone since.
        self.time = self.folded = -inf
        self.has_removed = False
        #: Whether something had arrived with the newest report.
        self.was_heard = False
        #: What waits: when each report came, and the newest of them; and when one was written, by our clock.
        self.arrivals: list[Arrival] = []
        self.newest: Report | None = None
        self.written = -inf

    def event(self, event: Event, now: float, may_wait: bool) -> None:
        """Something has happened to it: one that is closed opens anew when it is created, and no other way."""
        if event.name == "create":
            self.__init__()  # type: ignore[misc]  # another one by this name
            self.setup = Setup(event.time) if may_wait else None
        elif event.name == "close":
            self.is_open, self.setup = False, None
        elif self.setup is not None:
            self.setup.on(event.name, event.facts, event.time, now)

    def add(self, report: Report, interval: float, now: float) -> bool:
        """Add a report to what waits; whether it may, or who reads the log wants to know what it says."""
        self.arrivals.append((now, report.time, report.sent))
        self.newest = report
        was_heard, self.was_heard = self.was_heard, report.heard is True
        self.has_removed = self.has_removed or bool(report.removed)
        if not self.is_open or report.time <= self.time:
            return False
        self.time = report.time
        if is_due(report.time, self.folded, self.has_removed, interval):
            self.folded, self.has_removed = report.time, False
            return False
        return was_heard and self.was_heard and self.setup is None and now - self.written <= interval

    def take(self, now: float) -> tuple[Report, list[Arrival]]:
        """All that waits, to be written: the newest report, and when it and those before it came."""
        report, arrivals = self.newest, self.arrivals
        assert report is not None, "something waits"
        self.newest, self.arrivals, self.written = None, [], now
        return report, arrivals

    def read(self, report: Report) -> None:
        """Look at one that is written, as its pipeline does while the peer connection is being set up."""
        if self.setup is not None and report.time == self.time:
            self.setup.report(report.stats, report.sent)
            if not self.setup.awaits_media:
                self.setup = None


class Told:
    """What who reads the log knows of a base: under which number, of whom, up to which delta; and when it was whole."""

    __slots__ = ("ident", "key", "number", "whole")

    def __init__(self, ident: int) -> None:
        self.ident = ident
        self.key: PeerConnectionKey | None = None
        self.number = 0
        self.whole = -inf

    def can_wait(self, base: Base, key: PeerConnectionKey, now: float) -> bool:
        """Whether all that has changed since the last entry can still be told when another report has come."""
        return bool(base.newest) and base.laid_by < LAID_BY - 1 and self._is_known(base, key, now)

    def change(self, base: Base, key: PeerConnectionKey, now: float) -> str:
        """
        What has changed since the last entry, where that is enough, and the words of a client may stand there.

        The report is written whole otherwise; either is taken for written.
        """
        delta = ""
        if self.number + 1 == base.number and base.newest:
            delta = base.newest if self._is_fresh(key, now) else ""
        elif self._is_known(base, key, now) and (united := base.unite()):
            with contextlib.suppress(orjson.JSONEncodeError):  # nested deeper than it writes: whole, then
                delta = orjson.dumps(("g", "", united, 0)).decode()
        delta = numbers_alone(delta)
        self.number, self.key = base.number, key
        if not delta:
            self.whole = now
        return delta

    def _is_fresh(self, key: PeerConnectionKey, now: float) -> bool:
        return self.key == key and now - self.whole < WHOLE

    def _is_known(self, base: Base, key: PeerConnectionKey, now: float) -> bool:
        """Whether nothing was merged that was not told: what is laid by may be more, and does no harm twice."""
        return self._is_fresh(key, now) and base.number - base.laid_by <= self.number
