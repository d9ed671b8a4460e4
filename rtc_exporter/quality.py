"""
What is measured of a call in each fold, and which quality class it makes: one row for each signal and media kind.

The detectors read the table; segments and summaries take the classes and the distributions from them.  To judge one
more signal, add a row; a value without bounds is kept for distributions alone.

The bounds are ``Thresholds``, and their sources stand there.
"""

from collections.abc import Callable
from typing import NamedTuple

from rtc_exporter import spans
from rtc_exporter.delta import Fold, MonitoredObject
from rtc_exporter.thresholds import Rising, Thresholds

#: Quality classes, best first.
CLASSES = spans.CLASSES
GOOD, FAIR, POOR, BAD = range(4)
UNCLASSIFIED = -1

#: Fewer packets in an interval are no statistics: one lost of 50 is already 2 %.
PACKETS = 50
#: Half a second of audio at 48 kHz, the sampling rate of WebRTC's jitter buffers (ObserveRTC).
SAMPLES = 24_000
#: Below this frame rate a picture may stand still on purpose: a static screen, or the black frames of a disabled
#: camera, which come once a second.  libwebrtc counts both as freezes.
MOVING = 5.0
#: Jitter of video packets above which they came too late, and not too seldom.
LATE = 0.03


class Guard(NamedTuple):
    """What has to hold for a value to mean anything, and the members that say so; another type's as ``type.member``."""

    holds: Callable[[MonitoredObject, Fold], bool]
    reads: tuple[str, ...]
    help: str


def enough(amount: float, member: str) -> Guard:
    """A counter gained so much in the interval."""

    def holds(thing: MonitoredObject, fold: Fold) -> bool:
        return thing.increments.get(member, 0.0) >= amount

    return Guard(holds, (member,), f"at least {amount:g} {member}")


def _was_received(thing: MonitoredObject, fold: Fold) -> bool:
    gained = thing.increments.get
    return gained("packetsReceived", 0.0) + gained("packetsLost", 0.0) >= PACKETS


def _was_sent(thing: MonitoredObject, fold: Fold) -> bool:
    local = fold.objects.get(str(thing.members.get("localId", "")))
    return local is not None and local.increments.get("packetsSent", 0.0) >= PACKETS


def is_troubled(thing: MonitoredObject) -> bool:
    """Whether there are signs that video does not come through."""
    gained, jitter = thing.increments.get, thing.members.get("jitter", 0.0)
    return any(gained(member) for member in _TROUBLE) or (isinstance(jitter, float) and jitter > LATE)


def _is_moving(thing: MonitoredObject, fold: Fold) -> bool:
    return thing.increments.get("framesDecoded", 0.0) >= MOVING * (thing.elapsed or 0.0) or is_troubled(thing)


#: Counters that move when video does not come through, and rest when none is sent.
_TROUBLE = ("packetsLost", "nackCount", "pliCount", "firCount", "framesDropped")

#: (stats type, signal) -> when it may be judged.
GUARDS: dict[tuple[str, str], Guard] = {
    ("inbound-rtp", "loss_ratio"): Guard(
        _was_received, ("packetsReceived", "packetsLost"), f"at least {PACKETS} packets received or lost"
    ),
    # What the browser estimated last stays where nothing comes any more.
    ("inbound-rtp", "jitter"): Guard(
        _was_received, ("packetsReceived", "packetsLost"), f"at least {PACKETS} packets received or lost"
    ),
    ("inbound-rtp", "frame_rate"): enough(1, "packetsReceived"),
    ("inbound-rtp", "discarded_ratio"): enough(PACKETS, "packetsReceived"),
    ("outbound-rtp", "retransmitted_ratio"): enough(PACKETS, "packetsSent"),
    ("inbound-rtp", "concealment_ratio"): enough(SAMPLES, "totalSamplesReceived"),
    ("inbound-rtp", "freeze_ratio"): Guard(
        _is_moving, ("framesDecoded", *_TROUBLE), f"{MOVING:g} frames a second, or a sign of trouble"
    ),
    ("remote-inbound-rtp", "loss_ratio"): Guard(
        _was_sent, ("outbound-rtp.packetsSent",), f"at least {PACKETS} packets sent"
    ),
}

#: Signals that are read only where another has given nothing for this long, by which one: two ways to measure the same
#: are not mixed.  RTCP comes every few seconds, and longer folds see less of it.
INSTEAD: dict[tuple[str, str], tuple[str, str]] = {
    ("candidate-pair", "round_trip_time"): ("remote-inbound-rtp", "round_trip_time"),
}
INSTEAD_AFTER = 30.0


class Level(NamedTuple):
    """
    One row: the signal, the media kind ("" for any), the measure it feeds, and up to where it is good, fair, poor.

    What is worse than the last bound given is of the class after it; ``None`` for ``poor`` means that it is never bad
    by itself.  ``is_rate``: more is better, and the worst stream is the one with the least.
    """

    stats: str
    signal: str
    kind: str
    measure: str
    bounds: Rising | None = None
    is_rate: bool = False

    def grade(self, value: float) -> int:
        """The class of a value, as an index of ``CLASSES``."""
        if self.bounds is None:
            return UNCLASSIFIED
        good, fair, poor = self.bounds
        if value <= good:
            return GOOD
        if value <= fair:
            return FAIR
        return POOR if poor is None or value <= poor else BAD


def levels(of: Thresholds) -> tuple[Level, ...]:
    """The table, with bounds that somebody chose."""
    # fmt: off
    return (
        #     stats type            signal                 kind     measure                         bounds
        Level("inbound-rtp",        "loss_ratio",          "audio", "rtc.packet_loss.ratio",        of.audio_loss),
        Level("inbound-rtp",        "loss_ratio",          "video", "rtc.packet_loss.ratio",        of.video_loss),
        Level("remote-inbound-rtp", "loss_ratio",          "audio", "rtc.remote_packet_loss.ratio", of.audio_loss),
        Level("remote-inbound-rtp", "loss_ratio",          "video", "rtc.remote_packet_loss.ratio", of.video_loss),
        Level("inbound-rtp",        "jitter",              "audio", "rtc.jitter",                   of.jitter),
        Level("remote-inbound-rtp", "round_trip_time",     "",      "rtc.round_trip_time",          of.round_trip),
        Level("candidate-pair",     "round_trip_time",     "",      "rtc.round_trip_time",          of.round_trip),
        Level("inbound-rtp",        "jitter_buffer_delay", "",      "rtc.jitter_buffer.delay"),
        Level("inbound-rtp",        "concealment_ratio",   "audio", "rtc.concealment.ratio",        of.concealment),
        Level("inbound-rtp",        "freeze_ratio",        "video", "rtc.freeze.ratio",             of.freeze),
        # No level: one frame a second is fine for a shared screen, and a receiver does not know what is sent to it.
        Level("inbound-rtp",        "frame_rate",          "video", "rtc.frame_rate",               is_rate=True),
    )
    # fmt: on


LEVELS: tuple[Level, ...] = levels(Thresholds())
