"""
Compact reports of rtcstats-js: members are numbers, and a report holds only what changed since the last.

``Base.merge`` puts a delta into the report before it.  This is the hottest place of the exporter, and
every report is merged while only every fifth or so is read.  So a delta is only checked and
laid by under its wire names, and is given W3C names and checked member by member when somebody reads.
"""

from collections.abc import ItemsView, Iterator, Mapping, ValuesView

from rtc_exporter.errors import FrameError, LimitError, Reason
from rtc_exporter.limits import Limits
from rtc_exporter.model import Members
from rtc_exporter.w3c import OWN_CLOCK, STATS
from rtc_exporter.wire.decoder import DEFAULTS, NUMBERS, is_time, mapping, milliseconds
from rtc_exporter.wire.stats import W3C, Names, assign, take_record, with_codes

_CODED_TYPES = (
    "inbound-rtp", "outbound-rtp", "remote-inbound-rtp", "remote-outbound-rtp", "transport", "candidate-pair",
    "local-candidate", "remote-candidate", "data-channel", "peer-connection", "certificate", "media-source",
    "media-playout", "codec",
)  # fmt: skip

#: Stats type by its code, or by its own name; a stats object of another type is not used.
TYPES: dict[object, str] = {name: name for name in STATS} | dict(enumerate(_CODED_TYPES, 1))

#: Member codes of what is kept, and of records.  The client's table has more; what it names beyond these is
#: dropped, and so is not listed.
MEMBERS: dict[int, str] = {
    5: "transportId", 6: "mimeType", 7: "clockRate", 8: "channels", 10: "ssrc", 11: "kind", 12: "codecId",
    14: "packetsReceived", 15: "packetsLost", 16: "jitter", 17: "trackIdentifier", 18: "mid", 19: "remoteId",
    20: "framesDecoded", 21: "keyFramesDecoded", 22: "framesDropped", 23: "frameWidth", 24: "frameHeight",
    25: "framesPerSecond", 26: "qpSum", 27: "totalDecodeTime", 28: "totalInterFrameDelay",
    29: "totalSquaredInterFrameDelay", 30: "pauseCount", 31: "totalPausesDuration", 32: "freezeCount",
    33: "totalFreezesDuration", 34: "lastPacketReceivedTimestamp", 35: "headerBytesReceived", 36: "packetsDiscarded",
    37: "fecPacketsReceived", 38: "fecPacketsDiscarded", 39: "fecBytesReceived", 41: "bytesReceived", 42: "nackCount",
    43: "firCount", 44: "pliCount", 45: "totalProcessingDelay", 47: "jitterBufferDelay", 48: "jitterBufferTargetDelay",
    49: "jitterBufferEmittedCount", 50: "jitterBufferMinimumDelay", 51: "totalSamplesReceived", 52: "concealedSamples",
    53: "silentConcealedSamples", 54: "concealmentEvents", 55: "insertedSamplesForDeceleration",
    56: "removedSamplesForAcceleration", 57: "audioLevel", 58: "totalAudioEnergy", 59: "totalSamplesDuration",
    60: "framesReceived", 61: "decoderImplementation", 62: "playoutId", 63: "powerEfficientDecoder",
    64: "framesAssembledFromMultiplePackets", 65: "totalAssemblyTime", 68: "retransmittedPacketsReceived",
    69: "retransmittedBytesReceived", 71: "totalCorruptionProbability", 73: "corruptionMeasurements", 74: "localId",
    75: "roundTripTime", 76: "totalRoundTripTime", 77: "fractionLost", 78: "roundTripTimeMeasurements",
    79: "packetsSent", 80: "bytesSent", 81: "mediaSourceId", 82: "rid", 83: "encodingIndex", 84: "headerBytesSent",
    85: "retransmittedPacketsSent", 86: "retransmittedBytesSent", 87: "targetBitrate", 88: "totalEncodedBytesTarget",
    89: "framesSent", 90: "hugeFramesSent", 91: "framesEncoded", 92: "keyFramesEncoded", 93: "totalEncodeTime",
    94: "totalPacketSendDelay", 95: "qualityLimitationReason", 96: "qualityLimitationDurations",
    97: "qualityLimitationResolutionChanges", 98: "encoderImplementation", 99: "powerEfficientEncoder", 100: "active",
    101: "scalabilityMode", 103: "reportsSent", 104: "echoReturnLoss", 105: "echoReturnLossEnhancement", 106: "width",
    107: "height", 108: "frames", 109: "synthesizedSamplesDuration", 110: "synthesizedSamplesEvents",
    111: "totalPlayoutDelay", 112: "totalSamplesCount", 113: "dataChannelsOpened", 114: "dataChannelsClosed",
    116: "protocol", 117: "dataChannelIdentifier", 118: "state", 119: "messagesSent", 120: "messagesReceived",
    121: "iceRole", 123: "dtlsState", 124: "iceState", 125: "selectedCandidatePairId", 128: "tlsVersion",
    129: "dtlsCipher", 130: "dtlsRole", 131: "srtpCipher", 132: "selectedCandidatePairChanges", 136: "candidateType",
    139: "relayProtocol", 145: "networkType", 148: "localCandidateId", 149: "remoteCandidateId", 150: "nominated",
    152: "currentRoundTripTime", 153: "availableOutgoingBitrate", 154: "availableIncomingBitrate",
    155: "requestsReceived", 156: "requestsSent", 157: "responsesReceived", 158: "responsesSent",
    159: "consentRequestsSent", 160: "packetsDiscardedOnSend", 161: "bytesDiscardedOnSend",
    164: "fingerprintAlgorithm", 167: "psnrMeasurements", 168: "psnrSum", 169: "packetsReceivedWithEct1",
    170: "packetsReceivedWithCe", 171: "packetsReportedAsLost", 172: "packetsReportedAsLostButRecovered",
    173: "packetsWithBleachedEct1Marking", 174: "packetsSentWithEct1", 175: "ccfbMessagesSent",
    176: "ccfbMessagesReceived",
}  # fmt: skip

NAMES = with_codes(W3C, {str(code): name for code, name in MEMBERS.items()})

_NULL = type(None)
_OBJECTS = frozenset((dict, _NULL))

#: Types of which not all can wait.
_SPECIAL = OWN_CLOCK | {name for name, row in STATS.items() if any("." in number for number in row.numbers)}

#: How many deltas are laid by at most.  It bounds what members that nobody knows can cost.
_LAID_BY = 8

_NO_MEMBERS: Members = {}


class Base(Mapping[str, Members]):
    """
    The last report of one peer connection: stats id -> members.

    Objects of unknown type are ghosts: they cannot be used, but later deltas refer to
    them.  Clients send what is left of certificates, and after a reconnect everything.
    """

    __slots__ = ("_special", "_dated", "_ghosts", "_laid_by", "_stamped", "_stats", "_waiting",
                 "limits", "names", "time", "types")  # fmt: skip

    def __init__(
        self, names: Names = NAMES, types: Mapping[object, str] = TYPES, limits: Limits = DEFAULTS
    ) -> None:
        self.names = names
        self.types = types
        self.limits = limits
        self.time: float | None = None
        self._stats: dict[str, Members] = {}
        self._ghosts: dict[str, Members] = {}
        self._special: set[str] = set()
        #: Changes under their wire names, not yet in ``_stats``, and of how many deltas.
        self._waiting: dict[str, dict[str, object]] = {}
        self._laid_by = 0
        #: Ids with a time of their own in the last delta; ids that have a timestamp because of it.
        self._dated: dict[str, float] = {}
        self._stamped: list[str] = []

    def __getitem__(self, id: str) -> Members:
        self._settle()
        return self._stats[id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._stats)

    def __len__(self) -> int:
        return len(self._stats)

    def __contains__(self, id: object) -> bool:
        return id in self._stats

    def items(self) -> ItemsView[str, Members]:
        """All objects, with every delta merged."""
        self._settle()
        return self._stats.items()

    def values(self) -> ValuesView[Members]:
        """Likewise."""
        self._settle()
        return self._stats.values()

    def merge(self, delta: dict[str, object]) -> dict[str, Members]:
        """
        Merge one delta, whose objects become ours, and give the objects that it removes.

        Everything that can be refused is refused before the first change, so that the base is good for
        the next delta whatever comes.
        """
        # t is missing where not even a timestamp has changed: the same report once more.
        stamp = delta.pop("t", None)
        time = self.time if stamp is None else milliseconds(stamp)
        kinds = set(map(type, delta.values()))
        if time is None or not kinds <= _OBJECTS:
            raise FrameError(Reason.BAD_STATS, "a report without a time, or with stats that are no objects")
        known = delta.keys() <= self._stats.keys()
        if not known:
            self._check(delta)
        removed: dict[str, Members] = {}
        if _NULL in kinds:
            removed = self._remove([id for id, changes in delta.items() if changes is None])
        if not known:
            self._admit(delta, time)
        if _NULL in kinds:
            delta = {id: changes for id, changes in delta.items() if changes is not None}
        self._dated = {}
        self._lay_by(delta, time)
        self.time = time
        return removed

    @property
    def ids(self) -> frozenset[str]:
        """Every id that a delta may refer to."""
        return frozenset((*self._stats, *self._ghosts))

    def _settle(self) -> None:
        """Give what was laid by its names, and each object its timestamp."""
        stats, numbers = self._stats, self.names.numbers
        for id, changes in self._waiting.items():
            members = stats[id]
            if "type" in changes and _kind(changes, self.types) != members["type"]:
                continue  # an id that comes back as something else is another object: it was not removed before
            if NUMBERS.issuperset(map(type, changes.values())):
                for key, value in changes.items():
                    if key in numbers:
                        members[numbers[key]] = value  # type: ignore[assignment]  # a number
            else:
                assign(members, changes, self.names, self.limits.text_length)
        self._waiting = {}
        self._laid_by = 0
        for id in self._stamped:
            stats.get(id, _NO_MEMBERS).pop("timestamp", None)
        for id, stamp in self._dated.items():
            stats[id]["timestamp"] = stamp
        self._stamped = list(self._dated)

    def _check(self, delta: Mapping[str, object]) -> None:
        fresh = [id for id in delta if id not in self._stats and id not in self._ghosts]
        if len(self._stats) + len(self._ghosts) + len(fresh) > self.limits.stats:
            raise LimitError(Reason.TOO_MANY, f"more than {self.limits.stats} stats objects")
        if any(len(id) > self.limits.id_length for id in fresh):
            raise FrameError(Reason.BAD_STATS, f"a stats id is longer than {self.limits.id_length}")

    def _admit(self, delta: Mapping[str, object], time: float) -> None:
        """Make room for objects that are new; what has no known type becomes or stays a ghost."""
        for id, changes in delta.items():
            if id in self._stats:
                continue
            ghost = self._ghosts.pop(id, {})
            if changes is None:
                continue
            kind = _kind(changes, self.types)
            if kind is None:
                assign(ghost, mapping(changes), self.names, self.limits.text_length)
                self._ghosts[id] = ghost
                continue
            ghost["type"] = kind
            if kind in _SPECIAL:
                self._special.add(id)
            if kind in OWN_CLOCK:
                ghost["timestamp"] = time
            self._stats[id] = ghost

    def _remove(self, ids: list[str]) -> dict[str, Members]:
        """Take objects out, as they were at the time of the report before."""
        self._settle()
        removed = {id: self._stats.pop(id) for id in ids if id in self._stats}
        for id, members in removed.items():
            self._special.discard(id)
            self._dated.pop(id, None)
            if self.time is not None:
                members.setdefault("timestamp", self.time)
        self._stamped = [id for id in self._stamped if id not in removed]
        return removed

    def _lay_by(self, delta: Mapping[str, object], time: float) -> None:
        stats, waiting, special = self._stats, self._waiting, self._special
        for id, changes in delta.items():
            if id in special:
                self._merge_now(id, changes, time)  # type: ignore[arg-type]  # an object, as merge has checked
            if id in waiting:
                waiting[id].update(changes)  # type: ignore[call-overload]
            elif id in stats:
                waiting[id] = changes  # type: ignore[assignment]
            else:
                continue
            if "t" in changes:  # type: ignore[operator]
                self._date(id, mapping(changes)["t"], time)
        self._laid_by += 1
        if self._laid_by >= _LAID_BY:
            self._settle()

    def _merge_now(self, id: str, changes: dict[str, object], time: float) -> None:
        """The time of what has a clock of its own, and records, of which a delta holds single keys."""
        members = self._stats[id]
        if members["type"] in OWN_CLOCK:
            members["timestamp"] = time
        for key, names in self.names.records.items():
            if key in changes and isinstance(record := changes[key], dict):
                del changes[key]
                take_record(members, record, names)

    def _date(self, id: str, stamp: object, time: float) -> None:
        own = milliseconds(stamp) if is_time(stamp) else time
        if self._stats[id]["type"] in OWN_CLOCK:
            self._stats[id]["timestamp"] = own
        elif own != time:
            self._dated[id] = own


def _kind(changes: object, types: Mapping[object, str]) -> str | None:
    code = mapping(changes).get("type")
    return types.get(code) if type(code) is int or type(code) is str else None


def continues(delta: Mapping[str, object], base: Base) -> bool:
    """Whether a first report can only be a change of what ``base`` holds: no object has a type, no id is new."""
    ids = delta.keys() - {"t"}
    return bool(ids) and ids <= base.ids and not any("type" in mapping(delta[id]) for id in ids)
