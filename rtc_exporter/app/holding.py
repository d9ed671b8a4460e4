"""
The partitions that this process aggregates, as scrapes, pushes and pages see them: all of them in one, with what the
process says of itself.

A partition is shown while its lease is ours beyond doubt, and from when everything is taken that whoever had it
before may have shown: a counter never goes back.
"""

import time
from collections.abc import Callable, Iterator
from math import inf

from rtc_exporter.app.eventlog import Lease
from rtc_exporter.app.partition import Partition
from rtc_exporter.choices import Status
from rtc_exporter.limits import Limits
from rtc_exporter.metric import Tier
from rtc_exporter.pipeline import Pipeline
from rtc_exporter.series import Family
from rtc_exporter.sessions import Sessions, together
from rtc_exporter.span import Span
from rtc_exporter.tenants import Tenants

#: What is about a process, whichever partitions it has: they do not repeat it.
OF_PROCESS = tuple(
    f"rtc.exporter.{name}"
    for name in (
        "admin.", "build", "clients.", "clock.", "config.", "connections", "engine.", "errors.", "history.",
        "last_scrape", "log.", "loop.", "memory.", "otlp.", "ready", "render.", "scrapes", "shard.",
    )
)  # fmt: skip
#: Seconds before the end of a lease from which nothing is shown any more.
MARGIN = 1.0


class Holding:
    """One partition."""

    def __init__(self, lease: Lease, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.lease = lease
        self._monotonic = monotonic
        #: Its counts, once they are there; and the batch with which they are as far as others have shown them.
        self.partition: Partition | None = None
        self.target: float = inf
        #: Whether it is being given back.
        self.is_leaving = False
        #: Batches that are stored and not taken yet, as far as is known.
        self.behind = 0

    @property
    def is_ours(self) -> bool:
        """Whether nobody else can have it."""
        return self._monotonic() < self.lease.until - MARGIN

    @property
    def shown(self) -> Tenants | None:
        """What may be shown now."""
        partition = self.partition
        is_whole = partition is not None and partition.number >= self.target
        return partition.tenants if partition is not None and is_whole and self.is_ours else None


class Holdings:
    """All of them."""

    def __init__(self, own: Tenants) -> None:
        """``own``: what the process says of itself."""
        self._own = own
        self.held: dict[int, Holding] = {}

    def shown(self) -> list[Tenants]:
        """Pipelines of what may be shown now, by partition."""
        shown = (self.held[partition].shown for partition in sorted(self.held))
        return [tenants for tenants in shown if tenants is not None]

    def watch(self) -> Callable[[], bool]:
        """Tells whether all that is shown now may still be shown then."""
        holdings = [holding for holding in self.held.values() if holding.shown is not None]
        return lambda: all(holding.is_ours for holding in holdings)

    @property
    def own(self) -> Pipeline:
        """Where what is about the process is counted."""
        return self._own.own

    def families(self, tier: Tier | None = None) -> list[Family]:
        """The families of a tier, or all; those of one metric stand together."""
        own = [store.families(tier) for store in self._own.stores()]
        shown = [store.families(tier) for tenants in self.shown() for store in tenants.stores()]
        return [
            family
            for families in zip(*own, *shown, strict=True)
            for place, family in enumerate(families)
            if place < len(own) or not family.metric.name.startswith(OF_PROCESS)
        ]

    def scraped(self, since: float = inf) -> None:
        """The participant tier was rendered wholly."""
        for tenants in self.shown():
            tenants.scraped(since)

    def take_spans(self) -> list[Span]:
        """Finished spans since the last call, parents first."""
        return [span for tenants in self.shown() for span in tenants.take_spans()]

    def status(self) -> Status:
        """What is held now, of all together."""
        every = [tenants.status() for tenants in (self._own, *self.shown())]
        return Status(*map(sum, zip(*every, strict=True)))

    def configure(self, limits: Limits) -> None:
        """Take over other limits."""
        for holding in self.held.values():
            if holding.partition is not None:
                holding.partition.tenants.configure(limits)

    def sessions(self) -> dict[str, Sessions]:
        """Those that are live, by tenant."""
        return {tenant: together(tenants[tenant].sessions for tenants in self.shown()) for tenant in self._own}

    def __iter__(self) -> Iterator[int]:
        return iter(self.held)
