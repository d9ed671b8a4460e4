"""
What waits for a receiver, and the thread that sends it.

The event loop puts spans and snapshots of metrics in and reads the counts; a thread for each signal takes them out,
encodes, sends, and waits while the receiver is down.  Every item is counted once, and at every moment

    queued = delivered + dropped + waiting.

What a receiver may take again is sent again for five minutes; while that waits nothing else is tried, so that a
receiver that is down is asked twice a minute and not once for each batch.  Numbers of the OpenTelemetry Collector's
own sender (``exporterhelper``): 5 s, half as much again each time up to 30 s, given up after 300 s.
"""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, TypeAlias

from rtc_exporter.catalog import OTLP_DROPS, OTLP_OUTCOMES

logger = logging.getLogger("rtc_exporter")

#: Seconds until something is sent again: the first time, how that grows, and at most.
FIRST, GROWTH, LONGEST = 5.0, 1.5, 30.0
#: Seconds for which one batch is tried.
PERSISTENCE = 300.0
#: Seconds for which a receiver may ask to be left alone.
LONGEST_ASKED = 120.0
#: Seconds between two lines in the log that say the same.
QUIET = 60.0

#: A message of ``opentelemetry.proto`` that is ready to be sent.
Message: TypeAlias = Any


class Part(NamedTuple):
    """One request, and how many spans or points are in it; None for what is larger than any request may be."""

    message: Message | None
    items: int


class Answer(NamedTuple):
    """What became of a request; ``outcome`` is one of ``OTLP_OUTCOMES``."""

    outcome: str
    #: For the log, in our own words or the receiver's.
    detail: str = ""
    #: Why the whole of it is dropped, if it is.
    reason: str = "refused"
    #: Items that the receiver took the request without.
    rejected: int = 0
    #: Seconds that the receiver asks to be left alone.
    pause: float = 0.0


class Sender(Protocol):
    """A client of one receiver; ``send`` blocks and does not raise."""

    def send(self, message: Message) -> Answer:
        """Send once."""

    def close(self) -> None:
        """Give up connections; what is under way may end as it likes."""


class Batch(NamedTuple):
    """What is sent in one go; ``encode`` is called by the thread that sends."""

    items: int
    encode: Callable[[], Iterable[Part]]


class Queue(Protocol):
    """What waits.  Called with the lock held, so nothing here takes long."""

    @property
    def waiting(self) -> int:
        """Items in the queue."""

    def put(self, items: Sequence[Any], is_last: bool) -> tuple[int, Mapping[str, int]]:
        """Put in; returns how many items these are and how many were dropped for it, by reason."""

    def take(self) -> Batch | None:
        """Take out what is sent next."""

    def supersedes(self) -> bool:
        """Whether what waits makes it needless to send again what was taken before."""


class Counts(NamedTuple):
    """One moment; totals since the start, but for ``waiting``, ``durations`` and ``faults``."""

    queued: int
    delivered: int
    dropped: Mapping[str, int]
    waiting: int
    requests: Mapping[str, int]
    #: Seconds of each request since the last time somebody asked, and errors of ours.
    durations: tuple[float, ...]
    faults: tuple[BaseException, ...]


class Delivery:
    """One signal on its way out."""

    def __init__(
        self,
        signal: str,
        queue: Queue,
        sender: Sender,
        clock: Callable[[], float] = time.monotonic,
        condition: threading.Condition | None = None,
    ) -> None:
        """``clock`` and ``condition`` are the only ways to know the time and to wait."""
        self.signal = signal
        self._queue = queue
        self._sender = sender
        self._clock = clock
        self._changed = condition or threading.Condition()
        self._thread = threading.Thread(target=self.run, name=f"otlp-{signal}", daemon=True)
        # All below is read and written with the lock of the condition held.
        self._queued = 0
        self._delivered = 0
        self._dropped: Counter[str] = Counter(dict.fromkeys(OTLP_DROPS, 0))
        self._requests: Counter[str] = Counter(dict.fromkeys(OTLP_OUTCOMES, 0))
        self._durations: list[float] = []
        self._faults: list[BaseException] = []
        self._taken = 0
        self._is_closing = self._is_over = False
        # These are the sending thread's own.
        self._pause = FIRST
        self._failing_since: float | None = None
        self._spoke = 0.0

    # ── for the event loop

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def put(self, items: Sequence[Any], is_last: bool = False) -> None:
        """Let these be sent; what comes last is not held to the bounds, for nothing comes after it."""
        with self._changed:
            queued, dropped = self._queue.put(items, is_last)
            self._queued += queued
            self._dropped.update(dropped)
            if self._is_over:
                self._drop_waiting()
            self._changed.notify_all()

    def counts(self) -> Counts:
        """How it stands."""
        with self._changed:
            result = Counts(
                self._queued,
                self._delivered,
                dict(self._dropped),
                self._queue.waiting + self._taken,
                dict(self._requests),
                tuple(self._durations),
                tuple(self._faults),
            )
            self._durations.clear()
            self._faults.clear()
            return result

    def flush(self, seconds: float) -> None:
        """Wait until nothing waits any more, for so long at most.  Blocks."""
        with self._changed:
            end = self._clock() + seconds
            while self._queue.waiting + self._taken and (left := end - self._clock()) > 0:
                self._changed.wait(left)

    def close(self, seconds: float) -> None:
        """Try everything that waits once more, for so long at most; then it is dropped.  Blocks."""
        with self._changed:
            self._is_closing = True
            self._changed.notify_all()
            end = self._clock() + seconds
            while not self._is_over and (left := end - self._clock()) > 0:
                self._changed.wait(left)
        self.abandon()

    def abandon(self) -> None:
        """
        Drop what waits, and what is under way as well: nobody will know what became of it.

        The thread may still hang in a request.  It is a daemon, so the process ends without it.
        """
        with self._changed:
            self._is_closing = True
            self._finish()
        self._sender.close()

    # ── the thread

    def run(self) -> None:
        """Send until ``close``."""
        while (batch := self._next()) is not None:
            try:
                parts = list(batch.encode())
            except Exception as exc:
                self._fault(exc, batch.items)
                continue
            if not self._deliver(parts):
                break
        with self._changed:
            self._finish()

    def _next(self) -> Batch | None:
        """Wait for something to send; None when there is nothing more to do."""
        with self._changed:
            while not self._is_over:
                batch = self._queue.take()
                if batch is not None:
                    self._taken = batch.items
                    return batch
                if self._is_closing:
                    break
                self._changed.wait()
            return None

    def _deliver(self, parts: list[Part]) -> bool:
        """Send until all of it is delivered or dropped; False when it is no use to go on, and we are closing."""
        began = self._clock()
        is_last = False
        self._drop([part for part in parts if part.message is None], "too_large")
        parts = [part for part in parts if part.message is not None]
        while parts:
            with self._changed:
                if self._is_over:
                    return False
                is_last = self._is_closing
            answer = self._try(parts[0])
            if answer.outcome != "retried":
                del parts[0]
                # The time is for each part: those that went well say that the receiver is there.
                began, self._pause = self._clock(), FIRST
                continue
            pause = max(self._pause, min(answer.pause, LONGEST_ASKED))
            self._pause = min(self._pause * GROWTH, LONGEST)
            if is_last:
                return False
            if self._clock() + pause - began > PERSISTENCE:
                self._drop(parts, "expired")
            self._rest(pause, parts)
        return True

    def _try(self, part: Part) -> Answer:
        """Send one request and count what became of it."""
        began = self._clock()
        try:
            answer = self._sender.send(part.message)
        except Exception as exc:
            with self._changed:
                self._faults.append(exc)
            answer = Answer("refused", f"internal error: {type(exc).__name__}")
        with self._changed:
            self._durations.append(self._clock() - began)
            if self._is_over:
                return answer
            self._requests[answer.outcome] += 1
            self._settle(part, answer)
        self._speak(answer)
        return answer

    def _settle(self, part: Part, answer: Answer) -> None:
        if answer.outcome == "retried":
            return
        lost = part.items if answer.outcome == "refused" else min(max(answer.rejected, 0), part.items)
        self._taken -= part.items
        self._delivered += part.items - lost
        self._dropped[answer.reason] += lost
        self._changed.notify_all()

    def _rest(self, seconds: float, parts: list[Part]) -> None:
        """Leave the receiver alone for so long, or until we are to close; drop parts that something newer replaces."""
        end = self._clock() + seconds
        with self._changed:
            while not self._is_closing and (left := end - self._clock()) > 0:
                self._changed.wait(left)
            if parts and not self._is_over and self._queue.supersedes():
                self._drop(parts, "superseded")

    def _drop(self, parts: list[Part], reason: str) -> None:
        with self._changed:
            if not self._is_over:
                lost = sum(part.items for part in parts)
                self._taken -= lost
                self._dropped[reason] += lost
                self._changed.notify_all()
            parts.clear()

    def _fault(self, error: BaseException, items: int) -> None:
        """An error of ours: what it concerns cannot be sent."""
        with self._changed:
            self._faults.append(error)
            if not self._is_over:
                self._taken -= items
                self._dropped["refused"] += items
                self._changed.notify_all()

    def _finish(self) -> None:
        """Nothing is sent any more; with the lock held."""
        if not self._is_over:
            self._is_over = True
            self._dropped["shutdown"] += self._taken
            self._taken = 0
            self._drop_waiting()
            self._changed.notify_all()

    def _drop_waiting(self) -> None:
        while (batch := self._queue.take()) is not None:
            self._dropped["shutdown"] += batch.items

    def _speak(self, answer: Answer) -> None:
        """One line when it begins to fail, one a minute while it does, one when it is over."""
        now = self._clock()
        if answer.outcome == "delivered" and not answer.rejected:
            if self._failing_since is not None:
                logger.info("OTLP %s: delivered again, after %.0f s", self.signal, now - self._failing_since)
            self._failing_since = None
        elif self._failing_since is None or now - self._spoke >= QUIET:
            if self._failing_since is None:
                self._failing_since = now
            self._spoke = now
            what = "will be sent again" if answer.outcome == "retried" else f"{answer.rejected or 'all'} dropped"
            logger.warning("OTLP %s: %s; %s", self.signal, answer.detail, what)
