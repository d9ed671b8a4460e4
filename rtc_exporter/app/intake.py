"""
Everything that comes in, on its way to the pipeline.

A ``Connection`` is one WebSocket: its decoder, and whom it speaks for.  The ``Intake`` knows all of them: it
says when a participant has come and gone, keeps the decoder of a lost connection for whoever comes back, and
is the one place that counts what was refused.  Nothing here touches a socket.
"""

import logging
import traceback
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple, TypeAlias

from rtc_exporter import useragent, wire
from rtc_exporter.app.acknowledgements import Acknowledgements
from rtc_exporter.auth import Identity
from rtc_exporter.calls import Calls
from rtc_exporter.catalog import FORMAT_NAMES
from rtc_exporter.config import Config
from rtc_exporter.errors import ClientError, FrameError, LimitError, Reason
from rtc_exporter.model import Joined, Left, ParticipantKey, PeerConnectionKey, Record, Report
from rtc_exporter.pipeline import Pipeline
from rtc_exporter.wire import acknowledged
from rtc_exporter.wire.decoder import Decoder

logger = logging.getLogger("rtc_exporter")

#: Frames refused one after the other before a connection is closed: not one of our clients.
PATIENCE = 100
#: Names of peer connections that one client may use before they are looked at anew.
SEEN = 4096
#: Close codes after which nobody comes back: the page left, the client closed.  RFC 6455 7.4.1.
GOING_AWAY = 1001
CLOSED = (1000, 1005)
#: Decoders kept for clients that may come back, and for clients that post.
PARKED = 10_000
POSTERS = 10_000


REPORTS = "rtc.exporter.reports"

#: Where a connection goes on: the same participant in the same format, or the same stream by the name its client has
#: for it; where nobody vouched for the participant, that name alone counts.
Place: TypeAlias = tuple[ParticipantKey, str, str]
NOBODY = ParticipantKey("", "")


class Refusal(NamedTuple):
    """The newest thing that was refused, in our own words."""

    reason: Reason
    detail: str
    time: float


class Posted(NamedTuple):
    """What came of a body: how many reports it held, and what its client is to be told."""

    reports: int
    replies: list[str]


class Tally:
    """What came in one format."""

    __slots__ = ("accepted", "dropped", "last", "open", "opened", "refused")

    def __init__(self) -> None:
        self.open = 0
        self.opened = 0
        self.accepted = 0
        self.dropped = 0
        self.refused: Counter[Reason] = Counter()
        self.last: Refusal | None = None


class Parked(NamedTuple):
    """The decoder of a connection that was lost, the calls of its client, and the participant that is waited for."""

    decoder: Decoder
    calls: Calls
    key: ParticipantKey
    until: float
    reason: str


class Poster(NamedTuple):
    """What is kept of a client that posts: its decoder, its calls, and when it was heard of."""

    decoder: Decoder
    calls: Calls
    seen: float


class Connection:
    """One client's connection: frames in, records on to the pipeline."""

    __slots__ = (
        "_intake", "_seen", "attributes", "calls", "decoder", "format", "is_open", "keys", "place", "refused", "speak",
    )  # fmt: skip

    def __init__(self, intake: "Intake", format: str, attributes: Mapping[str, str], is_open: bool = True) -> None:
        self._intake = intake
        self._seen: set[tuple[str, ...]] = set()
        self.format = format
        self.attributes = attributes
        #: Which of its client's calls the records belong to.
        self.calls = Calls(intake.config.ingest.call_idle)
        #: Whether its participants are here as long as it is, or only heard of, as those that post.
        self.is_open = is_open
        #: What reads the frames; who only posts brings records.
        self.decoder: Decoder | None = None
        #: Where its client goes on, should it come back.
        self.place: Place | None = None
        #: Participants that this connection speaks for: one, unless the payload names several.
        self.keys: list[ParticipantKey] = []
        #: Makes the socket send what the decoder has to say.
        self.speak: Callable[[], None] | None = None
        #: Frames refused since the last one that was fine.
        self.refused = 0

    def receive(self, frame: str | bytes, now: float) -> bool:
        """Take one frame.  False: too many were refused in a row, and it is no use to go on."""
        try:
            if not isinstance(frame, str):
                raise FrameError(Reason.BAD_FRAME, "a binary frame")
            if self.decoder is not None:
                records = self.decoder.receive(frame, now)
                self.take(records, now)
                if isinstance(self.decoder, acknowledged.Decoder):
                    self._intake.acknowledgements.note(self.decoder, self._reported(records))
        except ClientError as exc:
            self._intake.refuse(exc, now, self.format)
            self.refused += 1
            return self.refused < PATIENCE
        if not self.settle(now):
            self.refused = 0
        return self.refused < PATIENCE

    def _reported(self, records: Iterable[Record]) -> list[PeerConnectionKey]:
        """Of which peer connections there are reports, as they are called in the call that they are in."""
        keys = [record.key for record in records if isinstance(record, Report)]
        return [key._replace(session=self.calls.current(ParticipantKey(*key[:2])).session) for key in keys]

    def replies(self) -> list[str]:
        """What the client is to be told now."""
        if self.decoder is None or not self.decoder.replies:
            return []
        replies, self.decoder.replies = self.decoder.replies, []
        return replies

    def say(self) -> None:
        """Send it, if there is a socket."""
        if self.speak is not None:
            self.speak()

    def settle(self, now: float) -> bool:
        """Count frames that were taken unread and turned out to be of no use; False when there were none."""
        if self.decoder is None or not self.decoder.refused:
            return False
        self.refused += self._intake.settle(self.decoder, self.format, now)
        return True

    def take(self, records: Iterable[Record], now: float) -> int:
        """Feed records; returns how many reports were among them."""
        accepted = dropped = 0
        feed = self._intake.pipeline.feed
        for record in self.calls.place(records):
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
            self._intake.pipeline.count("rtc.exporter.reports.dropped", ("between_calls",), self.calls.skipped, now=now)
            self.calls.skipped = 0
        if accepted or dropped:
            self._intake.count_reports(self.format, accepted, dropped, now)
        return accepted + dropped

    def _forget(self, key: ParticipantKey) -> None:
        """The participant says that it goes; should it go on after all, it has come anew."""
        if key in self.keys:
            self.keys.remove(key)
        self._seen = set(self.keys)

    def speak_for(self, key: ParticipantKey, now: float) -> int:
        """The participant is here while this connection is open.  Returns the number of its page load."""
        pipeline = self._intake.pipeline
        pipeline.feed(Joined(key, now, self.attributes), now)
        self._seen.add(key)
        if not self.is_open:
            return 1
        self.keys.append(key)
        return pipeline.attach(key, now)


class Intake:
    """All connections, and what they have in common."""

    def __init__(self, config: Config, pipeline: Pipeline) -> None:
        self.config = config
        self.pipeline = pipeline
        self.limits = config.bounds
        self.tallies: dict[str, Tally] = {name: Tally() for name in (*FORMAT_NAMES, "")}
        # Kept, because it is counted for every frame; series of this tier do not expire.
        count = pipeline.store.counter
        self._counters = {
            name: (count(REPORTS, (name, "accepted"), 0.0), count(REPORTS, (name, "dropped"), 0.0))
            for name in FORMAT_NAMES
        }
        self.connections = 0
        self.is_closing = False
        self._parked: OrderedDict[Place, Parked] = OrderedDict()
        self._newest: dict[Place, Connection] = {}
        self._posters: OrderedDict[tuple[ParticipantKey, str], Poster] = OrderedDict()
        self.acknowledgements = Acknowledgements(pipeline)

    # ── connections

    def open(self, identity: Identity, format: wire.Format, user_agent: str, now: float) -> Connection:
        """A client has connected; raises ``LimitError`` when there is no room for its participant."""
        attributes = self._attributes(identity, user_agent)
        key, claimed = identity.key, identity.claimed
        connection = Connection(self, format.name, attributes)
        stream = identity.stream if format.names_stream else ""
        place: Place = (NOBODY if stream and not claimed else key, format.name, stream)
        last = self._parked.pop(place, None) or self._newest.get(place)
        if last is not None:
            connection.calls = last.calls
        # Nobody has come yet where the payload may say who it is.
        present = connection.calls.current(key)
        self.acknowledgements.arrive(key, present)
        is_known = format.of_people and (claimed or not format.names_itself)
        page = connection.speak_for(present, now) if is_known else 1
        decoder = format.decoder(key, page=page, claimed=claimed, limits=self.limits)
        if isinstance(decoder, acknowledged.Decoder):
            self.acknowledgements.open(decoder, connection.say)
        if last is not None and last.decoder is not None:
            # Hand over what is known of the last connection: lost, or not yet known to be lost.
            decoder.adopt(last.decoder)
        connection.decoder, connection.place = decoder, place
        self._newest[place] = connection
        tally = self.tallies[format.name]
        tally.open += 1
        tally.opened += 1
        self.pipeline.store.set("rtc.exporter.connections", (format.name,), tally.open, now)
        self.pipeline.count("rtc.exporter.connections.opened", (format.name,), now=now)
        return connection

    def close(self, connection: Connection, code: int, now: float) -> None:
        """The connection is gone: its participants leave, or may still come back."""
        tally = self.tallies[connection.format]
        tally.open -= 1
        self.pipeline.store.set("rtc.exporter.connections", (connection.format,), tally.open, now)
        if isinstance(connection.decoder, acknowledged.Decoder):
            self.acknowledgements.close(connection.decoder, now)
        if connection.place is not None and self._newest.get(connection.place) is connection:
            del self._newest[connection.place]
        closed = (*CLOSED, wire.by_name(connection.format).left_with)
        for key in connection.keys:
            others = self.pipeline.detach(key, now)
            if self.is_closing:
                continue
            if code == GOING_AWAY:
                if not others:
                    self.pipeline.feed(Left(key, now, "page_hide"), now)
            elif code in closed and not others and not self.pipeline.is_connected(key):
                self.pipeline.feed(Left(key, now, "closed"), now)
            else:
                self._park(connection, key, "closed" if code in closed else "error", now)
        connection.settle(now)

    def part(self, connection: Connection) -> None:
        """The process ends: say what there is to say before."""
        if isinstance(connection.decoder, acknowledged.Decoder) and self.config.otlp.is_on:
            self.acknowledgements.finish(connection.decoder)

    def _park(self, connection: Connection, key: ParticipantKey, reason: str, now: float) -> None:
        # Where a client has another call now, it still comes back as who it is.
        place = connection.place
        if place is None or (len(connection.keys) > 1 and not (place[2] and key == connection.keys[0])):
            place = (key, connection.format, "")
        if connection.decoder is None:
            return
        until = now + self.config.ingest.resume
        self._parked[place] = Parked(connection.decoder, connection.calls, key, until, reason)
        self._parked.move_to_end(place)
        if len(self._parked) > PARKED:
            self._give_up(*self._parked.popitem(last=False), now)

    def _give_up(self, place: Place, parked: Parked, now: float) -> None:
        participant = self.pipeline.sessions.get(parked.key)
        if participant is not None and not participant.sockets:
            self.pipeline.feed(Left(parked.key, now, parked.reason), now)
        self.settle(parked.decoder, place[1], now)

    # ── clients that post

    def post(self, identity: Identity, format: wire.Format, user_agent: str, body: bytes, now: float) -> Posted:
        """Take a document or request that came by HTTP.  Raises ``ClientError``."""
        key = identity.key if identity.claimed or format.named is None else format.named(body, self.limits)
        place = None if key is None else (key, format.name)
        poster = self._posters.get(place) if place else None
        if poster is None:
            decoder = format.decoder(identity.key, claimed=identity.claimed, limits=self.limits)
            poster = Poster(decoder, Calls(self.config.ingest.call_idle), now)
        decoder = poster.decoder
        records = decoder.receive(body, now)
        if place is not None:
            self._posters[place] = poster._replace(seen=now)
            self._posters.move_to_end(place)
            if len(self._posters) > POSTERS:
                self._posters.popitem(last=False)
        connection = Connection(self, format.name, self._attributes(identity, user_agent), is_open=False)
        connection.calls = poster.calls
        connection.decoder = decoder
        return Posted(connection.take(records, now), connection.replies())

    def upload(self, format: str, user_agent: str) -> Connection:
        """The connection in all but name of a file: it has a reader where others have a decoder."""
        return Connection(self, format, useragent.parse(user_agent), is_open=False)

    # ── counting

    def refuse(self, error: ClientError, now: float, format: str = "") -> None:
        """Count something that cannot be used."""
        tally = self.tallies[format]
        tally.refused[error.reason] += 1
        tally.last = Refusal(error.reason, error.detail, now)
        self.pipeline.count("rtc.exporter.reports.dropped", (error.reason.value,), now=now)

    def settle(self, decoder: Decoder, format: str, now: float) -> int:
        """Count the frames that a decoder took unread and that were of no use; returns how many."""
        number = len(decoder.refused)
        for error in decoder.refused:
            self.refuse(error, now, format)
        decoder.refused.clear()
        return number

    def count_reports(self, format: str, accepted: int, dropped: int, now: float) -> None:
        """Count reports that were understood: taken, or dropped as repetitions."""
        tally = self.tallies[format]
        tally.accepted += accepted
        tally.dropped += dropped
        taken, repeated = self._counters[format]
        taken.add(accepted)
        if dropped:
            repeated.add(dropped)

    def fault(self, error: BaseException, now: float) -> None:
        """Log and count a bug of ours: where it happened, never what the client sent."""
        trace = "".join(traceback.format_tb(error.__traceback__))
        logger.error("internal error, please report it: %s\n%s", type(error).__name__, trace)
        self.pipeline.count("rtc.exporter.errors.internal", now=now)

    # ── time

    def tick(self, now: float) -> None:
        """Once a second: who did not come back has left; who has not posted for long is forgotten."""
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
        self.pipeline.shutdown(now)

    def admit(self) -> None:
        """Make room for one more connection, or raise ``LimitError``."""
        if self.connections >= self.limits.connections:
            raise LimitError(Reason.TOO_MANY, "connections")
        self.connections += 1

    def _attributes(self, identity: Identity, user_agent: str) -> dict[str, str]:
        return {**useragent.parse(user_agent), **identity.attributes}
