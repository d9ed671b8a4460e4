"""
What clients that number their frames are told: up to where they need not keep what they sent.

A report is counted when it is folded, and what is counted may still be lost with the process until somebody has read
it.  So a scrape of the cohort series is what is waited for, and what was counted when it began is acknowledged.
"""

from collections.abc import Callable, Iterable, Iterator
from math import inf

from rtc_exporter.model import ParticipantKey, PeerConnectionKey
from rtc_exporter.pipeline import Pipeline
from rtc_exporter.wire.acknowledged import Client, Clients, Decoder

#: Seconds without a scrape after which nobody is expected to read: then counted is all that can be promised.
UNREAD = 90.0
#: Seconds between two looks at whom nobody reads, and at who will not come back.
LOOK = 10.0


class Acknowledgements:
    """All clients whose frames are acknowledged, and their connections."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self._clients = Clients()
        #: How each connection sends what its decoder has to say.
        self._speak: dict[Decoder, Callable[[], None]] = {}
        #: When the series were read last.
        self._published: float | None = None
        self._next_look = -inf

    def arrive(self, key: ParticipantKey, present: ParticipantKey) -> None:
        """Somebody connects, who is ``present`` in a call: who is not here any more has no reports to go on with."""
        if present not in self._pipeline.sessions.participants:
            self._clients.forget(key)

    def open(self, decoder: Decoder, speak: Callable[[], None]) -> None:
        """A connection whose frames are acknowledged."""
        decoder.clients = self._clients
        self._speak[decoder] = speak

    def close(self, decoder: Decoder, now: float) -> None:
        """It is gone."""
        decoder.leave(now)
        self._speak.pop(decoder, None)

    def note(self, decoder: Decoder, reported: Iterable[PeerConnectionKey]) -> None:
        """A frame was taken, with reports of these: an event is counted with that, a report when it is folded."""
        client, is_folded = decoder.client, self._pipeline.sessions.is_folded
        if client is None:
            return
        for key in reported:
            if is_folded(key):
                client.uncounted.pop(key, None)
            else:
                client.uncounted.setdefault(key, client.last)

    def owed(self) -> list[tuple[Client, str]]:
        """What clients are told, if everything that is counted now is read."""
        is_folded = self._pipeline.sessions.is_folded
        owed = []
        for client in [decoder.client for decoder in self._speak if decoder.client is not None]:
            for key in [key for key in client.uncounted if is_folded(key)]:
                del client.uncounted[key]
            if told := client.acknowledgement():
                owed.append((client, told))
        return owed

    def published(self, owed: Iterable[tuple[Client, str]], now: float) -> Iterator[None]:
        """A scrape has read the cohort series, with all that was ``owed``.  Step by step: there may be thousands."""
        self._published = now
        yield from self._tell(owed)

    def _tell(self, owed: Iterable[tuple[Client, str]]) -> Iterator[None]:
        for client, told in owed:
            speak = self._speak.get(client.newest) if client.newest is not None else None
            if client.newest is not None and speak is not None:
                client.told = told
                client.newest.replies.append(told)
                speak()
                yield

    def finish(self, decoder: Decoder) -> None:
        """
        The process ends, and what is counted goes out by OTLP.

        Where it does not, clients keep what no scrape has read, and send it to the process that comes next.
        """
        if decoder.client is not None:
            decoder.client.uncounted.clear()
            decoder.replies += filter(None, [decoder.client.acknowledgement()])

    def tick(self, now: float) -> None:
        """Once a second."""
        if now < self._next_look:
            return
        self._next_look = now + LOOK
        self._clients.sweep(now)
        self._pipeline.store.set("rtc.exporter.clients.remembered", (), len(self._clients), now)
        repeated, self._clients.repeated = self._clients.repeated, 0
        if repeated:
            self._pipeline.count("rtc.exporter.reports.dropped", ("duplicate",), repeated, now=now)
        if self._published is None:
            self._published = now
        elif now - self._published > UNREAD:
            for _ in self._tell(self.owed()):
                pass
