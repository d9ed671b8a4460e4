"""
The books: what came in, by format and tenant, and what was refused of it and why.
"""

import logging
import traceback
from collections import Counter
from typing import NamedTuple

from rtc_exporter.app.taking import Taker, Takers
from rtc_exporter.catalog import FORMAT_NAMES
from rtc_exporter.errors import ClientError, Reason
from rtc_exporter.series import Counter as Slot

logger = logging.getLogger("rtc_exporter")

REPORTS = "rtc.exporter.reports"


class Refusal(NamedTuple):
    """The newest thing that was refused, in our own words."""

    reason: Reason
    detail: str
    time: float


class Tally:
    """What came in one format, for the start page."""

    __slots__ = ("accepted", "dropped", "last", "open", "opened", "refused")

    def __init__(self) -> None:
        self.open = 0
        self.opened = 0
        self.accepted = 0
        self.dropped = 0
        self.refused: Counter[Reason] = Counter()
        self.last: Refusal | None = None


class Books:
    """Counts for the start page, and for the metrics of each tenant."""

    def __init__(self, tenants: Takers) -> None:
        self.tallies: dict[str, Tally] = {name: Tally() for name in (*FORMAT_NAMES, "")}
        self._tenants = tenants
        self._open: Counter[tuple[str, str]] = Counter()
        # Kept, because it is counted for every frame; series of this tier do not expire.
        self._reports = {(tenant, name): _reports(tenants[tenant], name) for tenant in tenants for name in FORMAT_NAMES}

    def opened(self, tenant: str, format: str, now: float) -> None:
        """A connection is open."""
        tally = self.tallies[format]
        tally.open += 1
        tally.opened += 1
        self._tenants[tenant].count("rtc.exporter.connections.opened", (format,), now=now)
        self._count_open(tenant, format, 1, now)

    def closed(self, tenant: str, format: str, now: float) -> None:
        """It is closed."""
        self.tallies[format].open -= 1
        self._count_open(tenant, format, -1, now)

    def _count_open(self, tenant: str, format: str, change: int, now: float) -> None:
        self._open[tenant, format] += change
        self._tenants[tenant].store.set("rtc.exporter.connections", (format,), self._open[tenant, format], now)

    def count_reports(self, tenant: str, format: str, accepted: int, dropped: int) -> None:
        """Count reports that were understood: taken, or dropped as repetitions."""
        tally = self.tallies[format]
        tally.accepted += accepted
        tally.dropped += dropped
        taken, repeated = self._reports[tenant, format]
        taken.add(accepted)
        if dropped:
            repeated.add(dropped)

    def refuse(self, error: ClientError, now: float, format: str = "", tenant: str = "") -> None:
        """Count something that cannot be used."""
        tally = self.tallies[format]
        tally.refused[error.reason] += 1
        tally.last = Refusal(error.reason, error.detail, now)
        self._tenants[tenant].count("rtc.exporter.reports.dropped", (error.reason.value,), now=now)

    def fault(self, error: BaseException, now: float) -> None:
        """Log and count a bug of ours: where it happened, never what the client sent."""
        trace = "".join(traceback.format_tb(error.__traceback__))
        logger.error("internal error, please report it: %s\n%s", type(error).__name__, trace)
        self._tenants.own.count("rtc.exporter.errors.internal", now=now)


def _reports(pipeline: Taker, format: str) -> tuple[Slot, Slot]:
    """What counts the reports of a format: taken, and repeated."""
    count = pipeline.store.counter
    return count(REPORTS, (format, "accepted"), 0.0), count(REPORTS, (format, "dropped"), 0.0)
