"""What the intake keeps of clients that may come back, and gives to those that post."""

from typing import NamedTuple

from rtc_exporter.calls import Calls
from rtc_exporter.model import ParticipantKey
from rtc_exporter.present import Present
from rtc_exporter.wire.decoder import Decoder


class Posted(NamedTuple):
    """What came of a body: how many reports it held, and what its client is to be told."""

    reports: int
    replies: list[str]


class Parked(NamedTuple):
    """The decoder of a connection that was lost, the calls of its client, and the participant that is waited for."""

    decoder: Decoder
    calls: Calls
    key: ParticipantKey
    until: float
    reason: str


class Poster(NamedTuple):
    """What is kept of a client that posts: its decoder, its calls, its clocks, and when it was heard of."""

    decoder: Decoder
    calls: Calls
    present: Present
    seen: float
