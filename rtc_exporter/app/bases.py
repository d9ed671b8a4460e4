"""
What the reports of one edge build on, as who reads the log holds it.

An edge writes a report whole at first, and again at least once a minute; in between it writes what has changed.  So
who has lost something of it, or everything, goes on within a minute.
"""

from collections import OrderedDict

from rtc_exporter.app.entries import Entry
from rtc_exporter.errors import FrameError, Reason
from rtc_exporter.limits import Limits
from rtc_exporter.model import Report
from rtc_exporter.wire.compact import Base

#: Seconds in which a report is written whole once, though what reads the log should know what it is a change of: then
#: that goes on after anything.
WHOLE = 60.0
#: Seconds after which one that was not used is forgotten.
KEPT = 2 * WHOLE


class Bases:
    """By the numbers that the edge gave them; who was used last is last."""

    __slots__ = ("_bases",)

    def __init__(self) -> None:
        self._bases: OrderedDict[int, tuple[Base, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._bases)

    def report(self, entry: Entry, report: Report, limits: Limits, now: float) -> Report:
        """The report that an entry holds or changes; ``FrameError`` where it changes what is not there."""
        if entry.delta:
            if entry.base not in self._bases:
                raise FrameError(Reason.NO_BASE, "a change of a report that never came")
            base = self._bases[entry.base][0]
            base.lay_by(entry.delta.decode(), report.time)
            # The edge has read it too, and told its client.
            base.refused.clear()
        else:
            base = Base.of(dict(report.stats), report.time, limits)
        self._bases[entry.base] = base, now
        self._bases.move_to_end(entry.base)
        return report._replace(stats=base)

    def forget(self, now: float) -> None:
        """Let go of those that nothing will build on any more."""
        while self._bases and now - next(iter(self._bases.values()))[1] > KEPT:
            self._bases.popitem(last=False)
