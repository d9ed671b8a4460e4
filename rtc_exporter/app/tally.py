"""
What came in one format, for the start page.
"""

from collections import Counter
from typing import NamedTuple

from rtc_exporter.errors import Reason


class Refusal(NamedTuple):
    """The newest thing that was refused, in our own words."""

    reason: Reason
    detail: str
    time: float


class Tally:
    """What came in one format."""

    __slots__ = ("accepted", "dropped", "last", "open", "opened", "refused")

    def __init__(self) -> None:
        self.open = 0
        self.opened = 0
        self.accepted = 0
        self.dropped = 0
        self.refused: Counter[Reason] = Counter()
        self.last: Refusal | None = None
