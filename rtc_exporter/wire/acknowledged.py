"""
Our own client (subprotocol ``rtc-exporter.v1``): the frames of rtcstats-js, numbered and sent again when lost.

    {"client": its name, "about": {...}}                              the first frame of a connection
    [number, method, peer connection or null, value, ...extra, milliseconds]
    ["base", peer connection, report, state, milliseconds]            what the next report of it builds on

We answer the first with ``{"last": number, "base": whether bases are wanted}``, and others in our own time with
``{"ack": number, "but": {peer connection: number}}``: all up to the number is counted, but for reports of these peer
connections from their number on.  What was received is not taken again.  docs/client-protocol.md tells the whole.
"""

import re
from collections import OrderedDict
from collections.abc import Callable
from itertools import islice
from zlib import crc32

import orjson

from rtc_exporter.errors import FrameError, Reason
from rtc_exporter.limits import Limits
from rtc_exporter.model import Event, Joined, ParticipantKey, PeerConnectionKey, Record
from rtc_exporter.wire import rtcstats
from rtc_exporter.wire.agents import agent
from rtc_exporter.wire.decoder import DEFAULTS, Stream, mapping, parse, text
from rtc_exporter.wire.decoder import Decoder as AnyDecoder
from rtc_exporter.wire.events import facts

#: Clients that are remembered, and those of one participant: page loads.  300 bytes each (measured).
REMEMBERED = 50_000
CLIENTS = 16
#: Seconds for which a client is remembered that does not come back: a laptop that sleeps over night.
DAY = 86_400.0
#: Members of stats objects that are held for clients that were lost, an object counting as in ``Limits.members``: about
#: 100 MB.  Whoever is over it sends what its reports build on.
HELD = 2_000_000
#: Participants that one sweep looks at.
SWEPT = 1000
#: Seconds after which what a lost client's reports build on is forgotten: the pipeline gives up after 60.
GOES_ON = 45.0

#: The least number of a page that is named after its client.
FIRST = 2

_NUMBER = re.compile(r"\[(\d{1,15}),")
_BASE = '["base",'


class Client:
    """One page load: what was received from it, and what of that is counted."""

    __slots__ = ("closed", "last", "newest", "stream", "told", "uncounted")

    def __init__(self) -> None:
        #: The number of the newest frame received.
        self.last = 0
        #: What its reports build on; None where that is gone.
        self.stream: rtcstats.Decoder | None = None
        #: The decoder of its newest connection, and when that was lost.
        self.newest: Decoder | None = None
        self.closed: float | None = None
        #: Peer connections with reports that are not counted yet -> number of the first of those.
        self.uncounted: dict[PeerConnectionKey, int] = {}
        #: The acknowledgement that was sent last.
        self.told = ""

    def forget(self) -> None:
        """What its reports build on is gone; all that came is counted by now."""
        self.stream = None
        self.uncounted.clear()

    def acknowledgement(self) -> str:
        """What of it is counted; empty where that is no news."""
        prefix = "" if self.stream is None or self.stream.page <= 1 else f"{self.stream.page}:"
        rest = {key.peer_connection.removeprefix(prefix): number for key, number in self.uncounted.items()}
        told = orjson.dumps({"ack": self.last, "but": rest}).decode()
        return told if self.last and told != self.told else ""


class Clients:
    """All clients, by participant and by the name that a client gave itself: nobody can speak for somebody else's."""

    def __init__(self) -> None:
        #: Who was met or lost last is last.
        self._clients: OrderedDict[ParticipantKey, OrderedDict[str, Client]] = OrderedDict()
        #: Clients without a connection that may go on where they were, who was lost last is last; members they hold.
        self._lost: OrderedDict[Client, int] = OrderedDict()
        self._held = 0
        self._number = 0
        #: Frames that came again; whoever counts them empties it.
        self.repeated = 0

    def __len__(self) -> int:
        return self._number

    def find(self, key: ParticipantKey, name: str) -> Client:
        """The client of this name, as it was left."""
        clients = self._clients.setdefault(key, OrderedDict())
        if name not in clients:
            clients[name] = Client()
            self._number += 1
        client = clients[name]
        self._keep(client)
        clients.move_to_end(name)
        self._clients.move_to_end(key)
        if len(clients) > CLIENTS:
            self._drop(clients.popitem(last=False)[1])
        while self._number > REMEMBERED:
            for client_of_old in self._clients.popitem(last=False)[1].values():
                self._drop(client_of_old)
        return client

    def lose(self, key: ParticipantKey, client: Client, now: float) -> None:
        """Its connection has ended."""
        client.newest, client.closed = None, now
        if key in self._clients:
            self._clients.move_to_end(key)
        if client.stream is not None:
            self._lost[client] = client.stream.held
            self._held += client.stream.held
        self._forget_until(lambda: self._held <= HELD)

    def forget(self, key: ParticipantKey) -> None:
        """The participant has gone: numbers stay; what the reports of who is not connected build on does not."""
        for client in self._clients.get(key, {}).values():
            if client.newest is None:
                self._keep(client)
                client.forget()

    def relieve(self) -> None:
        """Memory is short: who comes back sends what its reports build on."""
        self._forget_until(lambda: not self._lost)

    def sweep(self, now: float) -> None:
        """From time to time: let go of what nobody will come back to."""
        self._forget_until(lambda: now - (next(iter(self._lost)).closed or now) <= GOES_ON)
        for key, clients in list(islice(self._clients.items(), SWEPT)):
            for name, client in list(clients.items()):
                if client.closed is not None and now - client.closed > DAY:
                    del clients[name]
                    self._drop(client)
            if not clients:
                del self._clients[key]
            elif any(client.newest is not None for client in clients.values()):
                self._clients.move_to_end(key)
            else:
                break  # whoever comes after was here later

    def _forget_until(self, is_enough: Callable[[], bool]) -> None:
        while self._lost and not is_enough():
            client, held = self._lost.popitem(last=False)
            self._held -= held
            client.forget()

    def _keep(self, client: Client) -> None:
        """It is not to be forgotten with those that were lost."""
        self._held -= self._lost.pop(client, 0)

    def _drop(self, client: Client) -> None:
        self._keep(client)
        self._number -= 1


class Decoder(Stream):
    """Decodes one connection's frames; ``clients`` is shared by all connections."""

    def __init__(self, key: ParticipantKey, *, page: int = 1, claimed: bool = True, limits: Limits = DEFAULTS) -> None:
        super().__init__(key, page=page, claimed=claimed, limits=limits)
        self.clients = Clients()
        #: Who speaks, once it has said so.
        self.client: Client | None = None
        #: Which frame was received last: session, participant, client and number, which is 0 for a base.
        self.source: tuple[str, str, str, int] | None = None
        #: Whether the client may go on at another process and be counted at a third: the names of its peer connections
        #: are its own then, and do not tell which page this is here.
        self.wanders = False
        self._name = ""
        #: Whether its last acknowledgement is sent: what comes now is sent again, to the process that comes next.
        self.is_over = False

    def adopt(self, previous: AnyDecoder) -> None:
        """The first frame says who goes on."""

    def receive(self, frame: str | bytes, now: float) -> list[Record]:
        """What one frame tells; nothing, where it was received before."""
        if not isinstance(frame, str):
            raise FrameError(Reason.BAD_FRAME, "a binary frame")
        if self.is_over:
            return []
        client = self.client
        if client is None or client.stream is None:
            return self._meet(frame, now)
        if frame.startswith(_BASE):
            self.source = (*self.key, self._name, 0)
            return self._rebase(client.stream, frame, now)
        numbered = _NUMBER.match(frame)
        if numbered is None:
            raise FrameError(Reason.BAD_FRAME, "a frame without a number")
        number = int(numbered[1])
        if number <= client.last:
            self.clients.repeated += 1
            return []
        # It is received, even if it cannot be used: to send it again would not help.
        client.last = number
        self.source = (*self.key, self._name, number)
        rest = "[" + frame[numbered.end() :]
        return self._rebase(client.stream, rest, now) if rest.startswith(_BASE) else client.stream.receive(rest, now)

    def leave(self, now: float) -> None:
        """The connection has ended."""
        if self.client is not None and self.client.newest is self:
            self.clients.lose(self.key, self.client, now)

    def _meet(self, frame: str, now: float) -> list[Record]:
        document = mapping(parse(frame, self._limits))
        name = text(document.get("client"), self._limits.id_length)
        if name is None:
            raise FrameError(Reason.BAD_FRAME, "the first frame says which client it is")
        client = self.client = self.clients.find(self.key, name)
        self.source, self._name = None, name
        if self.wanders:
            self.page = FIRST + crc32(name.encode("utf-8", "surrogatepass"))
        if client.closed is not None and now - client.closed > GOES_ON:
            client.forget()
        goes_on = client.stream is not None
        if client.stream is None:
            client.stream = rtcstats.Decoder(self.key, page=self.page, limits=self._limits)
        client.newest, client.closed = self, None
        self.refused = client.stream.refused
        self.page = client.stream.page
        self.replies.append(orjson.dumps({"last": client.last, "base": not goes_on}).decode())
        attributes = agent(mapping(document.get("about")).get("userAgentData"))
        return [Joined(self.key, now, attributes)] if attributes else []

    def _rebase(self, stream: rtcstats.Decoder, frame: str, now: float) -> list[Record]:
        row = parse(frame, self._limits)
        if not isinstance(row, list) or len(row) < 4:
            raise FrameError(Reason.BAD_FRAME, "not [base, peer connection, report, state, time]")
        report = stream.rebase(row[1], row[2], row[-1], now)
        state = facts("connectionstatechange", row[3], ())
        return [report, Event(report.key, report.sent, "connectionstatechange", state)] if state else [report]
