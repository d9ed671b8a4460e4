"""
The records that decoders give and the pipeline takes.

Records are named tuples: immutable, and cheap enough to make one per frame.
Time is Unix seconds as ``float``.  W3C members keep the W3C's own names and
units, so a member such as ``lastPacketReceivedTimestamp`` is in milliseconds;
only an object's own ``timestamp`` is turned into seconds at the wire.
"""

from collections.abc import Mapping
from typing import NamedTuple, TypeAlias

#: What a member may be.  Records (``qualityLimitationDurations``) are flattened
#: at the wire to ``qualityLimitationDurations.cpu``; JSON null is absent.
Member: TypeAlias = int | float | str | bool

#: One stats object: member name -> value, with ``type``.  ``timestamp`` is there
#: only where it differs from the time of the report.
Members: TypeAlias = dict[str, Member]

#: All stats objects of one RTCStatsReport by id.
Stats: TypeAlias = Mapping[str, Members]

NOTHING: Stats = {}

#: A gauge of a live participant: the metric, and the label values beside the participant's own.
LiveKey: TypeAlias = tuple[str, tuple[str, ...]]


class ParticipantKey(NamedTuple):
    """One person or agent in one session."""

    session: str
    participant: str


class PeerConnectionKey(NamedTuple):
    """One RTCPeerConnection of one participant; an empty ``peer_connection`` means the page itself."""

    session: str
    participant: str
    peer_connection: str


class Joined(NamedTuple):
    """A client of a participant has connected, or has told more about itself.

    ``attributes`` are OpenTelemetry names with their values (``user_agent.original``,
    ``rtc.app.name``, ``rtc.app.version``, ``network.connection.type``, ...).  They are
    still client text: the labels module admits them.  ``is_past``: this is read from a file, and
    over; its times are what they are.
    """

    key: ParticipantKey
    time: float
    attributes: Mapping[str, str]
    is_past: bool = False


class Report(NamedTuple):
    """One RTCStatsReport.

    ``time`` is on the client's stats clock, ``sent`` on its event clock: the two drift
    apart during system sleep, so nothing is computed across them.  ``stats`` belongs to
    the decoder, which merges the next delta into it: readers do not change it and do not
    keep it.  ``removed`` holds the last state of objects that are gone since the report before.
    ``heard``: whether anything arrived since then, as packets or bytes received tell; None where the decoder would have
    to compare to know.
    ``is_interim``: it came, but nobody has its ``stats``: those of the next report hold what they said.
    """

    key: PeerConnectionKey
    time: float
    sent: float
    stats: Stats
    removed: Stats
    heard: bool | None = None
    is_interim: bool = False


class Event(NamedTuple):
    """Something that happened once: an API call, its result, a change of state.

    ``name`` is one of ``w3c.EVENTS`` or ``other``.  ``facts`` holds what is safe to keep,
    by the names listed in ``w3c.FACTS``.
    """

    key: PeerConnectionKey
    time: float
    name: str
    facts: Mapping[str, Member]


class Left(NamedTuple):
    """A participant's client has gone; ``reason`` is one of ``w3c.LEAVE_REASONS``."""

    key: ParticipantKey
    time: float
    reason: str


Record: TypeAlias = Joined | Report | Event | Left
