"""
Everything that comes in, on its way to the pipeline.

A ``Connection`` is one WebSocket: its decoder, and whom it speaks for.  The ``Intake`` knows all of them: it
says when a participant has come and gone, keeps the decoder of a lost connection for whoever comes back, and
is the one place that counts what was refused.  Nothing here touches a socket.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any, TypeAlias

from rtc_exporter import useragent, wire
from rtc_exporter.app.acknowledgements import Acknowledgements
from rtc_exporter.app.edge import NO_ROOM, Edge
from rtc_exporter.app.memory import Stage
from rtc_exporter.app.taking import Takers
from rtc_exporter.app.tally import Books
from rtc_exporter.app.waiting import Parked, Posted, Poster
from rtc_exporter.auth import Identity
from rtc_exporter.calls import Calls
from rtc_exporter.config import Config
from rtc_exporter.errors import BusyError, ClientError, FrameError, Reason
from rtc_exporter.model import Joined, Left, ParticipantKey, PeerConnectionKey, Record, Report
from rtc_exporter.present import Present
from rtc_exporter.sessions import Participant
from rtc_exporter.wire import acknowledged
from rtc_exporter.wire.decoder import Decoder

#: Frames refused one after the other before a connection is closed: not one of our clients.
PATIENCE = 100
#: Names of peer connections that one client may use before they are looked at anew.
SEEN = 4096
#: Close codes after which nobody comes back: the page left, the client closed.  RFC 6455 7.4.1.
GOING_AWAY, CLOSED = 1001, (1000, 1005)
#: Decoders kept for clients that may come back, and for clients that post.
PARKED, POSTERS = 10_000, 10_000

#: Where a connection goes on: the same participant of the same tenant in the same format, or the same stream by the
#: name its client has for it; where nobody vouched for the participant, that name alone counts.
Place: TypeAlias = tuple[str, ParticipantKey, str, str]
NOBODY = ParticipantKey("", "")


class Connection:
    """One client's connection: frames in, records on to the pipeline."""

    __slots__ = (
        "_intake", "_pipeline", "_renames", "_seen", "attributes", "calls", "decoder", "due", "excess", "format",
        "is_open", "keys", "place", "present", "refused", "speak", "tenant",
    )  # fmt: skip

    def __init__(
        self,
        intake: "Intake",
        tenant: str,
        format: str,
        attributes: Mapping[str, str],
        is_open: bool = True,
        renames: bool = False,
    ) -> None:
        """``renames``: its records come under the names that clients use, and go on under ours."""
        self._intake = intake
        self._pipeline = intake.tenants[tenant]
        self._renames = renames and bool(intake.people.hash_key)
        self._seen: set[tuple[str, ...]] = set()
        self.tenant = tenant
        self.format = format
        self.attributes = attributes
        #: Which of its client's calls the records belong to.
        self.calls = Calls(intake.config.ingest.call_idle)
        self.present = Present()
        #: Whether its participants are here as long as it is, or only heard of, as those that post.
        self.is_open = is_open
        #: What reads the frames; who only posts brings records.
        self.decoder: Decoder | None = None
        #: Where its client goes on, should it come back.
        self.place: Place | None = None
        #: Participants that this connection speaks for: one, unless the payload names several.
        self.keys: list[ParticipantKey] = []
        #: What it may be told since an engine has stored what it is about.
        self.due: list[str] = []
        #: Makes the socket send what the decoder has to say.
        self.speak: Callable[[], None] | None = None
        #: Frames refused since the last that was fine, and so far because they wanted more than one client may hold.
        self.refused = self.excess = 0

    @property
    def verdict(self) -> int:
        """The close code when it is no use to go on."""
        return 1013 if self._intake.is_stuck else 1008 if self.excess >= PATIENCE else 1007

    def receive(self, frame: str | bytes, now: float) -> bool:
        """Take one frame.  False: too many were refused in a row, and it is no use to go on."""
        try:
            if not isinstance(frame, str):
                raise FrameError(Reason.BAD_FRAME, "a binary frame")
            if self._intake.is_stuck:
                self._intake.refuse(NO_ROOM, now, self.format, self.tenant)
                return False
            if self.decoder is not None:
                edge, records = self._intake.edge, self.decoder.receive(frame, now)
                edge.telling(self.decoder, partial(self.take, records, now)) if edge else self.take(records, now)
                if isinstance(self.decoder, acknowledged.Decoder):
                    self._intake.acknowledgements.note(self.decoder, records, self.calls)
        except ClientError as exc:
            self._intake.refuse(exc, now, self.format, self.tenant)
            self.refused += 1
            self.excess += exc.reason is Reason.TOO_MANY
            return max(self.refused, self.excess) < PATIENCE
        before = self.refused
        if not self.settle(now) or self.refused == before:
            self.refused = 0
        return self.refused < PATIENCE

    def replies(self) -> list[str]:
        """What the client is to be told now."""
        if self.decoder is None or not (self.decoder.replies or self.due):
            return []
        replies, self.decoder.replies = self.decoder.replies, []
        edge = self._intake.edge
        return replies if edge is None or not self.is_open else edge.hold(self, replies)

    def say(self) -> None:
        """Send it, if there is a socket."""
        if self.speak is not None:
            self.speak()

    def settle(self, now: float) -> bool:
        """Count frames that were taken unread and turned out to be of no use; False when there were none."""
        if self.decoder is None or not self.decoder.refused:
            return False
        # Who was here before our restart sends changes of what we do not have: it cannot know, and is not sent away.
        honest = sum(error.reason is Reason.NO_BASE for error in self.decoder.refused)
        self.refused += self._intake.settle(self.decoder, self.format, now, self.tenant) - honest
        return True

    def take(self, records: Iterable[Record], now: float) -> int:
        """Feed records; returns how many reports were among them."""
        accepted = dropped = 0
        feed = self._pipeline.feed
        sheds = self._intake.stage >= Stage.SHED
        if self._renames:
            records = [record._replace(key=self._intake.name(record.key)) for record in records]
        for record in self.calls.place(self.present.hold(records, now)):
            if sheds and isinstance(record, Report):
                self._intake.shed("report", now)
                continue
            if isinstance(record, Joined):
                # What the handshake said stands: clients tell the same in other words.
                record = record._replace(attributes={**useragent.refine(record.attributes), **self.attributes})
                if self.is_open and record.key not in self._seen:
                    self.speak_for(record.key, now)
            elif isinstance(record, Left):
                self._forget(record.key)
            elif record.key not in self._seen:
                if len(self._seen) >= SEEN:
                    self._seen = set(self.keys)
                self._seen.add(record.key)
                key = ParticipantKey(*record.key[:2])
                if key not in self._seen:
                    self.speak_for(key, now)
            if not feed(record, now):
                dropped += 1
            elif isinstance(record, Report):
                accepted += 1
        if self.calls.skipped:
            self._pipeline.count("rtc.exporter.reports.dropped", ("between_calls",), self.calls.skipped, now=now)
            self.calls.skipped = 0
        if accepted or dropped:
            self._intake.books.count_reports(self.tenant, self.format, accepted, dropped)
        return accepted + dropped

    def _forget(self, key: ParticipantKey) -> None:
        """The participant says that it goes; should it go on after all, it has come anew."""
        if key in self.keys:
            self.keys.remove(key)
        self._seen = set(self.keys)

    def participants(self) -> Iterator[Participant | None]:
        """Whom it speaks for."""
        return map(self._pipeline.sessions.get, self.keys)

    def speak_for(self, key: ParticipantKey, now: float) -> int:
        """The participant is here while this connection is open.  Returns the number of its page load."""
        pipeline = self._pipeline
        pipeline.feed(Joined(key, now, self.attributes), now)
        self._seen.add(key)
        if not self.is_open:
            return 1
        self.keys.append(key)
        return pipeline.attach(key, now)


class Intake:
    """All connections, and what they have in common."""

    def __init__(self, config: Config, tenants: Takers, edge: Edge | None = None) -> None:
        """``edge``: where what is taken goes to an engine first; clients are told what that has stored."""
        self.tenants, self.edge = tenants, edge
        #: What is about the process is counted here.
        self.pipeline = tenants.own
        self.configure(config)
        #: The time of day, as those tell it who sign tokens: theirs are compared with it.
        self.wall: Callable[[], float] = time.time
        #: How short memory is.
        self.stage = Stage.NORMAL
        self._ticked = 0.0
        self._names: OrderedDict[ParticipantKey, ParticipantKey] = OrderedDict()
        self.books = Books(tenants)
        self.tallies, self.refuse, self.fault = self.books.tallies, self.books.refuse, self.books.fault
        if edge is not None:
            edge.fault = self.fault
        self.is_closing = False
        self._parked: OrderedDict[Place, Parked] = OrderedDict()
        self._newest: dict[Place, Connection] = {}
        self._posters: OrderedDict[tuple[str, ParticipantKey, str], Poster] = OrderedDict()
        self.acknowledgements = Acknowledgements(tenants, is_logged=edge is not None)
        #: Whether somebody reads what is counted up to the end, so that clients need not send it to who comes next.
        self.is_read_to_the_end = config.otlp.is_on

    def configure(self, config: Config) -> None:
        """Take over settings; they may be others than before."""
        self.config, self.limits, self.people = config, config.bounds, config.people
        self.tenants.configure(self.limits)

    # ── connections

    def open(
        self, identity: Identity, format: wire.Format, user_agent: str, now: float, address: str = ""
    ) -> Connection:
        """A client has connected; raises ``LimitError`` when there is no room for its participant."""
        attributes = self._attributes(identity, user_agent, address)
        claimed, tenant = identity.claimed, identity.tenant
        renames = format.names_itself and not claimed
        key = identity.key if renames else self.people.name(identity.key)
        connection = Connection(self, tenant, format.name, attributes, renames=renames)
        stream = identity.stream if format.names_stream else ""
        place: Place = (tenant, NOBODY if stream and not claimed else key, format.name, stream)
        last = self._parked.pop(place, None) or self._newest.get(place)
        if last is not None:
            connection.calls = last.calls
        # Nobody has come yet where the payload may say who it is.
        present = connection.calls.current(key)
        self.acknowledgements.arrive(tenant, key, present)
        is_known = format.of_people and (claimed or not format.names_itself)
        page = connection.speak_for(present, now) if is_known else 1
        decoder = format.decoder(key, page=page, claimed=claimed, limits=self.limits)
        if isinstance(decoder, acknowledged.Decoder):
            self.acknowledgements.open(tenant, decoder, connection.say)
        if last is not None and last.decoder is not None:
            # Hand over what is known of the last connection: lost, or not yet known to be lost.
            decoder.adopt(last.decoder)
        connection.decoder, connection.place = decoder, place
        self._newest[place] = connection
        self.books.opened(tenant, format.name, now)
        return connection

    def close(self, connection: Connection, code: int, now: float) -> None:
        """The connection is gone: its participants leave, or may still come back."""
        self.books.closed(connection.tenant, connection.format, now)
        pipeline = self.tenants[connection.tenant]
        if isinstance(connection.decoder, acknowledged.Decoder):
            self.acknowledgements.close(connection.decoder, now)
        if connection.place is not None and self._newest.get(connection.place) is connection:
            del self._newest[connection.place]
        closed = (*CLOSED, wire.by_name(connection.format).left_with)
        for key in connection.keys:
            pipeline.detach(key, now)
            if self.is_closing:
                continue
            if code == GOING_AWAY:
                pipeline.depart(key, "page_hide", now)
            elif code not in closed or not pipeline.depart(key, "closed", now, even_connected=False):
                self._park(connection, key, "closed" if code in closed else "error", now)
        connection.settle(now)

    def part(self, connection: Connection | None) -> None:
        """The process ends: say what there is to say before."""
        decoder = None if connection is None else connection.decoder
        if isinstance(decoder, acknowledged.Decoder) and self.is_read_to_the_end:
            self.acknowledgements.finish(decoder)

    def _park(self, connection: Connection, key: ParticipantKey, reason: str, now: float) -> None:
        # Where a client has another call now, it still comes back as who it is.
        place = connection.place
        if place is None or (len(connection.keys) > 1 and not (place[3] and key == connection.keys[0])):
            place = (connection.tenant, key, connection.format, "")
        if connection.decoder is None:
            return
        self._parked[place] = Parked(connection.decoder, connection.calls, key, now + self.config.ingest.resume, reason)
        self._parked.move_to_end(place)
        if len(self._parked) > PARKED:
            self._give_up(*self._parked.popitem(last=False), now)

    def _give_up(self, place: Place, parked: Parked, now: float) -> None:
        tenant, _, format, _ = place
        self.tenants[tenant].depart(parked.key, parked.reason, now)
        self.settle(parked.decoder, format, now, tenant)

    # ── clients that post

    def post(
        self, identity: Identity, format: wire.Format, user_agent: str, body: bytes, now: float, address: str = ""
    ) -> Posted:
        """Take a document or request that came by HTTP.  Raises ``ClientError``."""
        key = identity.key if identity.claimed or format.named is None else format.named(body, self.limits)
        tenant = identity.tenant
        self.has_room(key and self.people.name(key), tenant)
        place = None if key is None else (tenant, key, format.name)
        poster = self._posters.get(place) if place else None
        if poster is None:
            decoder = format.decoder(identity.key, claimed=identity.claimed, limits=self.limits)
            poster = Poster(decoder, Calls(self.config.ingest.call_idle), Present(), now)
        decoder = poster.decoder
        records = decoder.receive(body, now)
        if place is not None:
            self._posters[place] = poster._replace(seen=now)
            self._posters.move_to_end(place)
            if len(self._posters) > POSTERS:
                self._posters.popitem(last=False)
        attributes = self._attributes(identity, user_agent, address)
        connection = Connection(self, tenant, format.name, attributes, is_open=False, renames=True)
        connection.calls, connection.present, connection.decoder = poster.calls, poster.present, decoder
        posted = Posted(connection.take(records, now), connection.replies())
        self.settle(decoder, format.name, now, tenant)
        return posted

    def upload(self, tenant: str, format: str, user_agent: str) -> Connection:
        """The connection in all but name of a file: it has a reader where others have a decoder."""
        connection = Connection(self, tenant, format, useragent.parse(user_agent), is_open=False)
        connection.present = Present(is_past=True)
        return connection

    # ── people

    def name(self, key: PeerConnectionKey | ParticipantKey) -> Any:
        """The key under which somebody who is called so goes on; names are remembered while they are in use."""
        who = ParticipantKey(key.session, key.participant)
        known = self._names.pop(who, None) or self.people.name(who)
        self._names[who] = known
        if len(self._names) > POSTERS:
            self._names.popitem(last=False)
        return key._replace(participant=known.participant)

    # ── memory

    @property
    def is_stuck(self) -> bool:
        """Whether an engine takes nothing: who can send things again keeps them, and comes back."""
        return self.edge is not None and self.edge.outbox.is_full

    def has_room(self, key: ParticipantKey | None = None, tenant: str = "") -> None:
        """Raises ``BusyError`` where memory is too short for somebody new, or at all for what can be sent again."""
        if self.is_stuck:
            raise NO_ROOM
        known = self.tenants[tenant].sessions.participants
        if self.stage >= Stage.SHED or (self.stage >= Stage.REFUSE and key not in known):
            self.pipeline.count("rtc.exporter.memory.shed", ("connection",), now=self._ticked)
            raise BusyError(Reason.NO_MEMORY, "memory is short")

    def shed(self, what: str, now: float) -> None:
        """Count what was given up because memory is short."""
        self.pipeline.count("rtc.exporter.memory.shed", (what,), now=now)
        self.pipeline.count("rtc.exporter.reports.dropped", (Reason.NO_MEMORY.value,), now=now)
        self.tallies[""].refused[Reason.NO_MEMORY] += 1

    # ── counting

    def settle(self, decoder: Decoder, format: str, now: float, tenant: str = "") -> int:
        """Count the frames that a decoder took unread and that were of no use; returns how many."""
        number = len(decoder.refused)
        for error in decoder.refused:
            self.refuse(error, now, format, tenant)
        decoder.refused.clear()
        return number

    # ── time

    def tick(self, now: float) -> None:
        """Once a second: who did not come back has left; who has not posted for long is forgotten."""
        self._ticked = now
        self.acknowledgements.tick(now)
        while self._parked and next(iter(self._parked.values())).until <= now:
            self._give_up(*self._parked.popitem(last=False), now)
        expiry = self.config.participants.expiry
        while self._posters and next(iter(self._posters.values())).seen + expiry <= now:
            self._posters.popitem(last=False)

    def shutdown(self, now: float) -> None:
        """The process ends: everybody leaves."""
        self.is_closing = True
        self._parked.clear()
        self.tenants.shutdown(now)

    def _attributes(self, identity: Identity, user_agent: str, address: str) -> dict[str, str]:
        return {**useragent.parse(user_agent), **identity.attributes, **self.people.attributes(address)}
