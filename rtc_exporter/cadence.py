"""
When the reports of one peer connection come, and when they are read.
"""

from math import inf
from typing import Literal

#: Reports come a little early or late: a fold is due when this share of the interval has passed.
DUE = 0.9


def is_due(time: float, folded: float, has_removed: bool, interval: float) -> bool:
    """Whether a report is to be folded: ``interval`` seconds after the last that was, or where an object is gone."""
    return has_removed or time - folded >= interval * DUE


class Cadence:
    """
    When the reports of one peer connection come: which are new, and which are late.

    A page that sleeps leaves a gap.  One that slows down for good, as hidden pages do, leaves a gap and is then
    taken at its new pace.
    """

    __slots__ = ("_last", "_long", "_nominal")

    #: An interval of so many usual ones is a gap.
    GAP = 3.0
    #: The usual interval in seconds: what it is taken for at first, and at least, since clients send extra reports.
    FIRST, LEAST = 10.0, 1.0

    def __init__(self) -> None:
        self._last = -inf
        self._nominal = self.FIRST
        self._long = 0.0

    def admit(self, time: float) -> Literal["ok", "duplicate", "out_of_order", "gap"]:
        """Whether a report of this time is to be folded: ``ok`` and ``gap`` are."""
        interval = time - self._last
        if not interval > 0:
            return "duplicate" if interval == 0 else "out_of_order"
        if self._last == -inf:
            interval = self._nominal
        self._last = time
        if interval > self.GAP * self._nominal:
            if interval > self.GAP * self._long:
                self._long = interval
                return "gap"
            self._nominal = interval
        else:
            # A quarter of the way, so that one late report or one extra report does not move the mark.
            self._nominal = max(self.LEAST, self._nominal + 0.25 * (interval - self._nominal))
        self._long = 0.0
        return "ok"
