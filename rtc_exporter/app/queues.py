"""
What waits for a receiver, bounded: spans, of which the least valuable go first, and the newest snapshot of metrics.
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from rtc_exporter.app.delivery import Batch, Part
from rtc_exporter.export.otlp import MAX_BYTES, MAX_SPANS, batches
from rtc_exporter.span import Span, size

#: Spans and bytes that wait for the receiver, what is under way among them.
MOST_SPANS = 8192
MOST_BYTES = 16 << 20


class _Waiting(NamedTuple):
    """A span in the queue; numbers grow, so that two rows can be merged in the order of their coming."""

    number: int
    bytes: int
    span: Span


class SpanQueue:
    """Spans in the order in which they came, parents before children; when it is full, the oldest good one goes."""

    def __init__(self, resource: Mapping[str, str], most: int = MOST_SPANS, most_bytes: int = MOST_BYTES) -> None:
        self._resource = resource
        self._most, self._most_bytes = most, most_bytes
        self._good: deque[_Waiting] = deque()
        self._bad: deque[_Waiting] = deque()
        self._number = 0
        self._bytes = 0
        # What was taken last: it is in memory until the next is taken.
        self._out = self._out_bytes = 0

    @property
    def waiting(self) -> int:
        """Spans in the queue."""
        return len(self._good) + len(self._bad)

    def put(self, items: Sequence[Span], is_last: bool) -> tuple[int, Mapping[str, int]]:
        """Put spans in, and drop what there is no room for; the last ones are in memory already, bounds or not."""
        dropped = 0
        for span in items:
            self._number += 1
            waiting = _Waiting(self._number, size(span), span)
            (self._bad if span.is_bad else self._good).append(waiting)
            self._bytes += waiting.bytes
            while not is_last and self._is_full():
                self._bytes -= (self._good or self._bad).popleft().bytes
                dropped += 1
        return len(items), {"queue_full": dropped}

    def _is_full(self) -> bool:
        return self.waiting > 0 and (
            self.waiting + self._out > self._most or self._bytes + self._out_bytes > self._most_bytes
        )

    def take(self) -> Batch | None:
        """The oldest spans, as many as one request may have."""
        spans: list[Span] = []
        total = 0
        while (row := self._oldest()) is not None:
            if spans and (len(spans) >= MAX_SPANS or total + row[0].bytes > MAX_BYTES):
                break
            waiting = row.popleft()
            spans.append(waiting.span)
            total += waiting.bytes
        self._bytes -= total
        self._out, self._out_bytes = len(spans), total
        return Batch(len(spans), lambda: self._encode(spans)) if spans else None

    def _oldest(self) -> deque[_Waiting] | None:
        """The row whose first span came before the other's."""
        rows = [row for row in (self._good, self._bad) if row]
        return min(rows, key=lambda row: row[0].number, default=None)

    def _encode(self, spans: list[Span]) -> Iterator[Part]:
        for message, encoded in batches(spans, self._resource):
            yield Part(message, len(encoded))

    def supersedes(self) -> bool:
        """Every span counts."""
        return False


class SnapshotQueue:
    """The newest snapshot of metrics; totals are cumulative, so an older one that still waits says less."""

    def __init__(self) -> None:
        self._parts: list[Part] = []

    @property
    def waiting(self) -> int:
        """Points in the queue."""
        return sum(part.items for part in self._parts)

    def put(self, items: Sequence[Part], is_last: bool) -> tuple[int, Mapping[str, int]]:
        """Put a snapshot in, in the place of the one that is there."""
        superseded = self.waiting
        self._parts = list(items)
        return self.waiting, {"superseded": superseded}

    def take(self) -> Batch | None:
        """The snapshot."""
        parts, self._parts = self._parts, []
        return Batch(sum(part.items for part in parts), lambda: parts) if parts else None

    def supersedes(self) -> bool:
        """A newer snapshot replaces what is left of one that failed."""
        return bool(self._parts)
