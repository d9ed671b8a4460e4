"""
What the delta engine does with the members of each stats type, compiled once from ``w3c.STATS``.

A monitored object keeps its counters in a list in the order of its plan, not in a dict: there are
hundreds of thousands of them.
"""

from collections.abc import Callable, Mapping, Set
from operator import itemgetter
from typing import NamedTuple, TypeAlias

from rtc_exporter import w3c
from rtc_exporter.model import Member, Members

#: The largest integer that JavaScript counts to.
LARGEST = 2.0**53
#: Seconds in which any increment must have been possible, however soon a sample came: browsers refresh in bursts.
BURST = 10

#: How many seconds an object's clock may run ahead of its report's; browsers need a tenth.
AHEAD = 60.0

#: Stats types that describe others and count nothing: they are not monitored.
DESCRIPTIONS = frozenset({"codec", "certificate", "local-candidate", "remote-candidate"})
#: Counters that move with each report from the other side, whose statistics are repeated until the next one.
TOLD: dict[str, tuple[str, ...]] = {
    "remote-inbound-rtp": ("roundTripTimeMeasurements",),
    "remote-outbound-rtp": ("reportsSent", "roundTripTimeMeasurements"),
}
#: Words whose value at the fold before is kept, because their changes are counted.
WATCHED: dict[str, tuple[str, ...]] = {
    "transport": ("dtlsState", "iceState", "selectedCandidatePairId"),
    "data-channel": ("state",),
    "compute-pressure": ("cpuState",),
}

#: What is physically possible in a second, by the first of these words that is in a member's name.
POSSIBLE: tuple[tuple[str, int], ...] = (
    ("Bytes", 1_250_000_000), ("bytes", 1_250_000_000),  # 10 Gbit/s
    ("frames", 1000), ("Frames", 1000), ("freezeCount", 1000), ("pauseCount", 1000), ("Measurements", 1000),
    ("CorruptionProbability", 1000), ("qpSum", 255_000), ("psnrSum", 100_000),  # at most 1, 255, 100 dB for each frame
    ("SamplesDuration", 10), ("qualityLimitationDurations", 10), ("totalAudioEnergy", 10),  # time as it passes
    ("Samples", 1_000_000), ("jitterBufferEmitted", 1_000_000),  # above any sampling rate
    ("Time", 10_000), ("Freezes", 10_000), ("Pauses", 10_000), ("InterFrameDelay", 10_000),  # a day, told at its end
    ("total", 100_000_000), ("jitterBuffer", 100_000_000),  # 100 s of delay for each sample or packet
    ("", 1_000_000),  # packets and messages: 10 Gbit/s in packets of 1,250 bytes
)  # fmt: skip


def possible(member: str) -> int:
    """The most that a member can grow by in one second."""
    if member == "totalSquaredInterFrameDelay":
        return 1_000_000_000  # the square of a day
    return next(most for word, most in POSSIBLE if word in member)


class Plan(NamedTuple):
    """What is done with the members of one stats type."""

    #: What makes it this object, its type included, and how to read all of it; KeyError where something is absent.
    identity: tuple[str, ...]
    identify: Callable[[Members], tuple[Member, ...]]
    #: Each counter with its index and with what it can gain in one burst.
    rows: tuple[tuple[int, str, int], ...]
    #: Counters whose fall means that the whole object has restarted.
    anchors: frozenset[str]
    signed: frozenset[str]
    watched: tuple[str, ...]
    #: For what the other side says: the counters, by index, that move with each of its reports.
    told: tuple[tuple[int, str], ...]


Plans: TypeAlias = Mapping[str, Plan]


def _compile(name: str, row: w3c.StatsType, wanted: Set[tuple[str, str]] | None = None) -> Plan:
    identity = ("type", *(row.identity or ("type",)))
    every = (*row.anchors, *row.counters, *row.signed)
    names = tuple(
        member for member in every if wanted is None or (name, member) in wanted or member in TOLD.get(name, ())
    )
    return Plan(
        identity,
        itemgetter(*identity),
        tuple((index, member, possible(member) * BURST) for index, member in enumerate(names)),
        # Where nothing belongs to the transport side, any counter that falls means a new beginning.
        frozenset(row.anchors or row.counters),
        frozenset(row.signed),
        WATCHED.get(name, ()),
        tuple((names.index(member), member) for member in TOLD.get(name, ())),
    )


def compiled(wanted: Set[tuple[str, str]] | None = None) -> Plans:
    """The plan of each monitored stats type: of all its counters, or of those that somebody reads."""
    return {name: _compile(name, row, wanted) for name, row in w3c.STATS.items() if name not in DESCRIPTIONS}


PLANS: Plans = compiled()


def time_of(members: Members, time: float) -> float:
    """When an object was sampled: with the report, unless it says otherwise; one that runs ahead cannot stay there."""
    stamp = members.get("timestamp")
    if stamp is None or not isinstance(stamp, (int, float)) or not stamp >= 0:
        return time
    return min(time + AHEAD, stamp)


def traffic(members: Members) -> float:
    """Bytes both ways."""
    both = (members.get("bytesSent"), members.get("bytesReceived"))
    return sum(value for value in both if isinstance(value, (int, float)) and 0 <= value <= LARGEST)


def differ(one: tuple[Member | None, ...], other: tuple[Member | None, ...]) -> bool:
    """Whether two identities are of different objects; what is absent is not known to differ."""
    return any(a is not None and b is not None and a != b for a, b in zip(one, other, strict=True))


def is_moved(plan: Plan, members: Members, values: list[float | None]) -> bool:
    """Whether the other side has reported again, though no timestamp says so."""
    told = ((members.get(name), values[index]) for index, name in plan.told)
    return any(value is not None and value != last for value, last in told)


#: What a gauge can mean, by member: the least and the most.  One absurd value would spoil a histogram's sum for ever.
RANGES: dict[str, tuple[float, float]] = {
    **dict.fromkeys(("jitter", "roundTripTime", "currentRoundTripTime"), (0, 3600)),
    **dict.fromkeys(("targetBitrate", "availableOutgoingBitrate", "availableIncomingBitrate"), (0, 1e11)),
    **dict.fromkeys(("frameWidth", "frameHeight", "width", "height"), (0, 65_535)),
    **dict.fromkeys(("audioLevel", "fractionLost"), (0, 1)),
    **dict.fromkeys(("echoReturnLoss", "echoReturnLossEnhancement"), (-200, 200)),
    "framesPerSecond": (0, 1000),
    # Milliseconds since 1900 (Chromium) or 1970 (Firefox).
    "estimatedPlayoutTimestamp": (1e12, 1e13),
}
ANY: tuple[float, float] = (0, LARGEST)


def number(members: Members, name: str) -> float | None:
    """The member if it is a number that a browser can mean."""
    value = members.get(name)
    if type(value) is not int and type(value) is not float:
        return None
    least, most = RANGES.get(name, ANY)
    return value if least <= value <= most else None
