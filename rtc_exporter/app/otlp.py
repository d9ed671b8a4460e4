"""
The push of OTLP as the event loop sees it: what is handed to the threads that send, and when.

Spans are handed over each second, a snapshot of all metrics each interval.  The store belongs to the loop alone, so
snapshots are encoded here, with a turn for everybody else after each request, and so are the counts of the threads
copied into the store here.

Imported only where OTLP is on, for what it imports is dear.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence

from rtc_exporter.app.delivery import Counts, Delivery, Part
from rtc_exporter.app.queues import SnapshotQueue, SpanQueue
from rtc_exporter.app.senders import sender
from rtc_exporter.app.taking import Published
from rtc_exporter.export.otlp import MetricsEncoder
from rtc_exporter.otel import Otlp
from rtc_exporter.span import Span

logger = logging.getLogger("rtc_exporter")

#: Seconds for what is left when the process stops.
FLUSH = 5.0

#: Seconds for the spans of an import: a receiver may be busy, and whoever waits may be at a terminal.
PATIENCE = 30.0


def deliver(otlp: Otlp, spans: Sequence[Span], seconds: float = PATIENCE) -> Counts:
    """Send spans that are all there is, as ``rtc-exporter import`` does; what became of them.  Blocks."""
    assert otlp.traces is not None, "whoever calls has looked"
    delivery = Delivery("traces", SpanQueue(otlp.resource), sender(otlp.traces))
    delivery.put(spans, is_last=True)
    delivery.start()
    delivery.flush(seconds)
    delivery.abandon()
    return delivery.counts()


class Push:
    """Everything that is pushed."""

    def __init__(
        self, otlp: Otlp, tenants: Published, fault: Callable[[BaseException, float], None], clock: Callable[[], float]
    ) -> None:
        """``fault`` is told errors of ours, ``clock`` gives the time that snapshots carry."""
        self._tenants = tenants
        self._fault = fault
        self._clock = clock
        self._interval = otlp.interval
        self._encoder = MetricsEncoder(otlp.resource, otlp.exponential)
        self._traces = self._metrics = None
        if otlp.traces is not None:
            self._traces = Delivery("traces", SpanQueue(otlp.resource), sender(otlp.traces))
        if otlp.metrics is not None:
            self._metrics = Delivery("metrics", SnapshotQueue(), sender(otlp.metrics))
        #: Points that were lost before the newest snapshot.
        self._lost = 0
        self._deliveries = [delivery for delivery in (self._traces, self._metrics) if delivery is not None]
        self._stopping = asyncio.Event()
        self._snapshots: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin; called on the event loop."""
        for delivery in self._deliveries:
            delivery.start()
        if self._metrics is not None:
            self._snapshots = asyncio.create_task(self._repeat(self._metrics))

    def tick(self, now: float) -> None:
        """Once a second: hand over spans, and bring the series about the push up to date."""
        self._hand_over()
        self._count(now)

    async def stop(self) -> None:
        """Send what is left for five seconds at most; everybody has left and was counted."""
        self._stopping.set()
        if self._snapshots is not None:
            await self._snapshots
        self._hand_over(is_last=True)
        if self._metrics is not None:
            await self._snapshot(self._metrics)
        await asyncio.gather(*(asyncio.to_thread(delivery.close, FLUSH) for delivery in self._deliveries))
        self._count(self._clock())
        for delivery in self._deliveries:
            if lost := delivery.counts().dropped["shutdown"]:
                logger.warning("OTLP %s: %s items were not delivered in time and are lost", delivery.signal, lost)

    def hurry(self) -> None:
        """Wait for nothing."""
        for delivery in self._deliveries:
            delivery.abandon()

    def _hand_over(self, is_last: bool = False) -> None:
        spans = self._tenants.take_spans()
        if spans and self._traces is not None:
            self._traces.put(spans, is_last)

    async def _repeat(self, delivery: Delivery) -> None:
        while not self._stopping.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), self._interval)
                return
            await self._snapshot(delivery)

    async def _snapshot(self, delivery: Delivery) -> None:
        """Encode all metrics, in parts."""
        now = self._clock()
        counts = self._count(now)[delivery.signal]
        lost = sum(counts.dropped.values())
        if not counts.waiting and lost == self._lost:
            self._encoder.confirm()
        self._lost = lost
        parts = []
        try:
            for message, points in self._encoder.encode(self._tenants.families(), now):
                parts.append(Part(message, points))
                await asyncio.sleep(0)  # whoever waits has a turn
        except Exception as exc:
            self._fault(exc, now)
        if parts:
            delivery.put(parts)

    def _count(self, now: float) -> dict[str, Counts]:
        """Copy the counts of the threads into the store; gives them by signal."""
        found = {delivery.signal: delivery.counts() for delivery in self._deliveries}
        for delivery in self._deliveries:
            counts = found[delivery.signal]
            self._publish(delivery.signal, counts, now)
            for fault in counts.faults:
                self._fault(fault, now)
        return found

    def _publish(self, signal: str, counts: Counts, now: float) -> None:
        store = self._tenants.own.store
        totals: dict[tuple[str, tuple[str, ...]], int] = {
            ("rtc.exporter.otlp.queued", (signal,)): counts.queued,
            ("rtc.exporter.otlp.delivered", (signal,)): counts.delivered,
            **{("rtc.exporter.otlp.dropped", (signal, reason)): count for reason, count in counts.dropped.items()},
            **{("rtc.exporter.otlp.requests", (signal, name)): count for name, count in counts.requests.items()},
        }
        for (name, values), total in totals.items():
            store.counter(name, values, now).value = float(total)
        store.set("rtc.exporter.otlp.waiting", (signal,), counts.waiting, now)
        for seconds in counts.durations:
            store.observe("rtc.exporter.otlp.export.duration", (signal,), seconds, now)
