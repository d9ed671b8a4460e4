"""
What clients that number their frames are told: up to where they need not keep what they sent.

A report is counted when it is folded, and what is counted may still be lost with the process until somebody has read
it.  So a scrape of the cohort series is what is waited for, and what was counted when it began is acknowledged.
"""

from collections.abc import Callable, Iterable, Iterator
from math import inf
from typing import NamedTuple

from rtc_exporter.app.taking import Taker, Takers
from rtc_exporter.calls import Calls
from rtc_exporter.model import ParticipantKey, Record, Report
from rtc_exporter.wire.acknowledged import Client, Clients, Decoder

#: Seconds without a scrape after which nobody is expected to read: then counted is all that can be promised.
UNREAD = 90.0
#: Seconds between two looks at whom nobody reads, and at who will not come back.
LOOK = 10.0


class _Connection(NamedTuple):
    """Where a client's reports are counted, and how it is sent what its decoder has to say."""

    pipeline: Taker
    speak: Callable[[], None]


class Acknowledgements:
    """All clients whose frames are acknowledged, and their connections."""

    def __init__(self, tenants: Takers, is_logged: bool = False) -> None:
        """``is_logged``: an engine stores what comes, and what it has stored is acknowledged, whoever reads it."""
        self._tenants = tenants
        self._is_logged = is_logged
        self._clients = {tenant: Clients() for tenant in tenants}
        self._connections: dict[Decoder, _Connection] = {}
        #: When the series were read last.
        self._published: float | None = None
        self._next_look = -inf

    def arrive(self, tenant: str, key: ParticipantKey, present: ParticipantKey) -> None:
        """Somebody connects, who is ``present`` in a call: who is not here any more has no reports to go on with."""
        if present not in self._tenants[tenant].sessions.participants:
            self._clients[tenant].forget(key)

    def open(self, tenant: str, decoder: Decoder, speak: Callable[[], None]) -> None:
        """A connection whose frames are acknowledged."""
        decoder.clients, decoder.wanders = self._clients[tenant], self._is_logged
        self._connections[decoder] = _Connection(self._tenants[tenant], speak)

    def close(self, decoder: Decoder, now: float) -> None:
        """It is gone."""
        decoder.leave(now)
        self._connections.pop(decoder, None)

    def note(self, decoder: Decoder, records: Iterable[Record], calls: Calls) -> None:
        """A frame was taken, with these: an event is counted with that, a report when it is folded."""
        client, connection = decoder.client, self._connections.get(decoder)
        if client is None or connection is None:
            return
        if self._is_logged:
            # It is sent when that is stored, as all replies are.
            if told := client.acknowledgement():
                client.told = told
                decoder.replies.append(told)
            return
        is_folded = connection.pipeline.sessions.is_folded
        for key in [record.key for record in records if isinstance(record, Report)]:
            # As it is called in the call that it is in.
            key = key._replace(session=calls.current(ParticipantKey(*key[:2])).session)
            if is_folded(key):
                client.uncounted.pop(key, None)
            else:
                client.uncounted.setdefault(key, client.last)

    def owed(self) -> list[tuple[Client, str]]:
        """What clients are told, if everything that is counted now is read."""
        owed: list[tuple[Client, str]] = []
        if self._is_logged:
            return owed
        for decoder, (pipeline, _) in self._connections.items():
            client, is_folded = decoder.client, pipeline.sessions.is_folded
            if client is None:
                continue
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
            connection = self._connections.get(client.newest) if client.newest is not None else None
            if client.newest is not None and connection is not None:
                client.told = told
                client.newest.replies.append(told)
                connection.speak()
                yield

    def finish(self, decoder: Decoder) -> None:
        """
        The process ends, and what is counted goes out by OTLP or is scraped once more: nothing comes after this.

        Where it does not, clients keep what no scrape has read, and send it to the process that comes next.
        """
        if decoder.client is not None and not self._is_logged:
            decoder.client.uncounted.clear()
            decoder.replies += filter(None, [decoder.client.acknowledgement()])
            decoder.is_over = True

    def relieve(self) -> None:
        """Memory is short."""
        for clients in self._clients.values():
            clients.relieve()

    def tick(self, now: float) -> None:
        """Once a second."""
        if now < self._next_look:
            return
        self._next_look = now + LOOK
        for tenant, clients in self._clients.items():
            pipeline = self._tenants[tenant]
            clients.sweep(now)
            pipeline.store.set("rtc.exporter.clients.remembered", (), len(clients), now)
            repeated, clients.repeated = clients.repeated, 0
            if repeated:
                pipeline.count("rtc.exporter.reports.dropped", ("duplicate",), repeated, now=now)
        if self._published is None:
            self._published = now
        elif now - self._published > UNREAD:
            for _ in self._tell(self.owed()):
                pass
