"""
What the process in front counts itself, under the label of its own, and what it knows of each shard.
"""

from collections.abc import Iterable, Iterator
from math import inf

from rtc_exporter import catalog
from rtc_exporter.attributes import SHARD
from rtc_exporter.errors import ClientError
from rtc_exporter.series import Family, SeriesStore
from rtc_exporter.shards.child import Child

#: The label of the process in front.
FRONT = "front"
#: Rows of the catalogue that it has series of.
OWN = (
    "rtc.exporter.reports.dropped", "rtc.exporter.connections.refused", "rtc.exporter.errors.internal",
    "rtc.exporter.admin.requests", "rtc.exporter.config.reloads", "rtc.exporter.config.applied.timestamp",
    "rtc.exporter.loop.lag", "rtc.exporter.loop.stalls", "rtc.exporter.log.suppressed",
)  # fmt: skip
UP, RESTARTS, CONNECTIONS = (f"rtc.exporter.shard.{name}" for name in ("up", "restarts", "connections"))


def _store(names: Iterable[str], shard: str, now: float) -> SeriesStore:
    rows = [row for row in catalog.METRICS if row.name in names]
    return SeriesStore(rows, constants=((SHARD, shard),), idle=inf, now=now)


class Books:
    """The series."""

    def __init__(self, children: Iterable[Child], now: float) -> None:
        self.store = _store(OWN, FRONT, now)
        self._shards = {child: _store((UP, RESTARTS, CONNECTIONS), child.name, now) for child in children}

    def families(self, answered: Iterable[Child], now: float) -> Iterator[Family]:
        """All of them; ``answered`` are the shards that have just done so."""
        yield from self.store.families()
        answered = set(answered)
        for child, store in self._shards.items():
            store.set(UP, (), float(child in answered), now)
            store.counter(RESTARTS, (), now).value = float(child.restarts)
            store.counter(CONNECTIONS, (), now).value = float(child.handed)
        for together in zip(*(store.families() for store in self._shards.values()), strict=True):
            yield from together

    def refuse(self, error: ClientError, now: float) -> None:
        """Something of a client was refused before anybody had it."""
        self.store.add("rtc.exporter.reports.dropped", (error.reason.value,), 1, now)

    def count(self, name: str, values: tuple[str, ...], now: float) -> None:
        """One more."""
        self.store.add(name, values, 1, now)
