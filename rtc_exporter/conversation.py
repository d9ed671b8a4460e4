"""
A participant's conversation with a voice agent: its turns, the gaps in what the agent says, the way between the two.

What the way takes comes from folds, whose values are seconds old when a turn is decided: a turn is counted at once,
and a network does not change within a fold as often as an answer does.
"""

from collections.abc import Mapping
from typing import NamedTuple

from rtc_exporter.delta import Fold, MonitoredObject
from rtc_exporter.formulas import Reading, ratio
from rtc_exporter.gaps import PACKET, Evidence, Gap, Gaps
from rtc_exporter.signals import RTCP_TIME
from rtc_exporter.turns import Turns

#: Seconds for which a value of a fold holds; RTCP comes every few seconds.
FRESH = 30.0
#: Capture and packetisation: no statistic tells it, and a packet of audio cannot leave before it is full.
CAPTURE = PACKET

#: Part of the way -> stats type, and the value.
PARTS: dict[str, tuple[str, Reading]] = {
    "send_delay": ("outbound-rtp", ratio("totalPacketSendDelay", "packetsSent")),
    "round_trip_time": ("remote-inbound-rtp", RTCP_TIME),
    "jitter_buffer": ("inbound-rtp", ratio("jitterBufferDelay", "jitterBufferEmittedCount")),
    "playout": ("media-playout", ratio("totalPlayoutDelay", "totalSamplesCount")),
}
#: Without these nothing is said of the way; the others are small, and not every browser tells them.
NEEDED = frozenset(("round_trip_time", "jitter_buffer"))
#: Parts of one stream among several: that of the audio that most packets came of, or went with.
STREAMS = {"inbound-rtp": "packetsReceived", "outbound-rtp": "packetsSent"}

_EVIDENCE = (
    "packetsReceived", "packetsLost", "packetsDiscarded", "concealedSamples", "totalSamplesReceived",
    "removedSamplesForAcceleration",
)  # fmt: skip

#: The members to be followed, by stats type.
READS: dict[str, tuple[str, ...]] = {stats: reading.reads for stats, reading in PARTS.values()}
READS["inbound-rtp"] += _EVIDENCE
READS["media-playout"] += ("synthesizedSamplesDuration",)


class Way(NamedTuple):
    """What the way of a turn took, up and down, and what that is made of."""

    total: float
    parts: Mapping[str, float]


class Conversation:
    """Everything that is remembered of it."""

    __slots__ = ("gaps", "turns", "zeros", "_parts")

    def __init__(self) -> None:
        self.turns = Turns()
        self.gaps = Gaps()
        #: For whom counters have been begun at 0.
        self.zeros: object = None
        #: The newest value of each part, and when that was.
        self._parts: dict[str, tuple[float, float]] = {}

    def fold(self, fold: Fold, time: float) -> list[Gap]:
        """A fold of one of the peer connections, before it is settled; ``time`` is its end on the event clock."""
        best: dict[str, MonitoredObject] = {}
        for thing in fold.changed:
            if thing.type in STREAMS and thing.members.get("kind") == "audio":
                before, member = best.get(thing.type), STREAMS[thing.type]
                if before is None or thing.increments.get(member, 0.0) > before.increments.get(member, 0.0):
                    best[thing.type] = thing
            elif thing.type == "media-playout" or (
                thing.type == "remote-inbound-rtp" and thing.members.get("kind") == "audio"
            ):
                best[thing.type] = thing
        for part, (stats, reading) in PARTS.items():
            value = reading.formula(best[stats], fold) if stats in best else None
            if value is not None:
                self._parts[part] = (value, time)
        heard = best.get("inbound-rtp")
        if heard is None or not heard.elapsed:
            return []
        return self.gaps.fold(_evidence(heard, heard.elapsed, best.get("media-playout"), time))

    def way(self, time: float) -> Way | None:
        """What the way takes about now; None where it is not known."""
        parts = {part: value for part, (value, told) in self._parts.items() if abs(time - told) <= FRESH}
        if not parts.keys() >= NEEDED:
            return None
        if self.turns.rtt is not None:
            parts["agent_round_trip_time"] = self.turns.rtt
        return Way(CAPTURE + sum(parts.values()), parts)


def _evidence(heard: MonitoredObject, elapsed: float, playout: MonitoredObject | None, time: float) -> Evidence:
    gained = heard.increments.get
    samples = gained("totalSamplesReceived")
    second = samples / elapsed if samples else None
    concealed, removed = gained("concealedSamples"), gained("removedSamplesForAcceleration")
    lost, discarded, received = gained("packetsLost"), gained("packetsDiscarded"), gained("packetsReceived")
    hurried = removed / second if removed is not None and second else 0.0
    return Evidence(
        time - elapsed,
        time,
        playout.increments.get("synthesizedSamplesDuration") if playout is not None and playout.elapsed else None,
        concealed / second if concealed is not None and second else None,
        None if lost is None else (lost + (discarded or 0.0)) * PACKET + hurried,
        None if received is None else received > 0,
    )
