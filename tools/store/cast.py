"""
Recorded calls as records to be played again, at another time and under other names.

A recording is decoded once.  Reports are thinned to one in ``EVERY`` seconds, which is what a client that reports less
often would have sent: counters are cumulative, so nothing is lost but detail.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import NamedTuple

from rtc_exporter import player
from rtc_exporter.model import Event, Joined, Left, Members, ParticipantKey, PeerConnectionKey, Record, Report
from rtc_exporter.wire.rtcstats import Decoder

#: Seconds between two reports.
EVERY = 10.0
#: Members that are times of the browser's clock, in milliseconds.
TIMES = ("lastPacketReceivedTimestamp", "lastPacketSentTimestamp", "remoteTimestamp", "estimatedPlayoutTimestamp")


class Part(NamedTuple):
    """What one participant of a recorded call told, at seconds since the call began."""

    participant: str
    begin: float
    length: float
    records: tuple[tuple[float, Record], ...]


@cache
def parts(case: str) -> tuple[Part, ...]:
    """The participants of a recorded call."""
    recordings = player.load(case)
    begin = min(recording.connected_at for recording in recordings)
    found = []
    for recording in recordings:
        decoder = Decoder(ParticipantKey("", recording.participant), page=1)
        records: list[tuple[float, Record]] = []
        last = -EVERY
        for after, text in recording.frames:
            at = recording.connected_at + after - begin
            for record in decoder.receive(text, begin + at):
                if isinstance(record, Report):
                    if at - last < EVERY - 0.5:
                        continue
                    last = at
                    # The decoder goes on to write into what it has given.
                    record = record._replace(
                        stats={ident: dict(members) for ident, members in record.stats.items()}, removed={}
                    )
                if not isinstance(record, Joined | Left):
                    records.append((at, record))
        found.append(Part(recording.participant, begin, recording.frames[-1][0], tuple(records)))
    return tuple(found)


def perform(
    part: Part,
    session: str,
    start: float,
    attributes: Mapping[str, str],
    more: Iterable[Event] = (),
    frozen: float = 0.0,
) -> Iterator[tuple[float, Record]]:
    """
    The part again, in a session that begins at ``start``.

    ``more`` happens beside it; ``frozen`` is the share of time for which received video stands still besides.
    """
    key = ParticipantKey(session, part.participant)
    shift = start - part.begin
    yield start, Joined(key, start, attributes)
    # Clocks of recorded pages are not ours to the millisecond: nothing comes before its participant.
    told = [(start + max(0.0, at), _moved(record, key, shift, frozen * at)) for at, record in part.records]
    told += [(event.time, event) for event in more]
    yield from sorted(told, key=lambda row: row[0])
    end = start + part.length + 0.5
    yield end, Left(key, end, "closed")


def _moved(record: Record, key: ParticipantKey, shift: float, frozen: float) -> Record:
    connection = PeerConnectionKey(key.session, key.participant, getattr(record.key, "peer_connection", ""))
    match record:
        case Report():
            stats = {ident: _members(members, shift, frozen) for ident, members in record.stats.items()}
            return record._replace(key=connection, time=record.time + shift, sent=record.sent + shift, stats=stats)
        case Event():
            return record._replace(key=connection, time=record.time + shift)
        case _:
            raise TypeError(f"a {type(record).__name__} is no part of a recording")


def _members(members: Members, shift: float, frozen: float) -> Members:
    found = dict(members)
    if frozen and found.get("type") == "inbound-rtp" and found.get("kind") == "video":
        found["totalFreezesDuration"] = float(found.get("totalFreezesDuration", 0.0)) + frozen
        found["freezeCount"] = int(found.get("freezeCount", 0)) + int(frozen)
    if "timestamp" in found:
        found["timestamp"] = float(found["timestamp"]) + shift
    for name in TIMES:
        if name in found:
            found[name] = float(found[name]) + shift * 1000
    return found
