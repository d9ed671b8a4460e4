"""A peer connection for detectors: its counters grow by what a test says, and it is folded every five seconds."""

from collections.abc import Mapping, Sequence

from rtc_exporter.delta import Deltas
from rtc_exporter.detectors import Change, Judge
from rtc_exporter.model import Member, Members, PeerConnectionKey, Report, Stats

KEY = PeerConnectionKey("s", "p", "PC_0")
START = 1_760_000_000.0
SECONDS = 5.0

#: What one interval brings: stats id -> member -> increase, or the value of what is no counter.
Interval = Mapping[str, Mapping[str, Member]]

#: Members that are set and not added to.
SET = frozenset({
    "jitter", "framesPerSecond", "fractionLost", "roundTripTime", "qualityLimitationReason", "codecId", "ssrc",
    "targetBitrate", "availableOutgoingBitrate", "echoReturnLoss", "echoReturnLossEnhancement", "audioLevel",
    "cpuState", "estimatedPlayoutTimestamp", "frameWidth", "frameHeight", "encodingIndex", "active", "selected",
    "powerEfficientDecoder", "powerEfficientEncoder",
})  # fmt: skip

CODECS: dict[str, Members] = {
    "opus": {"type": "codec", "mimeType": "audio/opus"},
    "pcma": {"type": "codec", "mimeType": "audio/PCMA"},
    "vp8": {"type": "codec", "mimeType": "video/VP8"},
}
#: One stream of each kind each way, and the path; counters appear when an interval names them.
OBJECTS: dict[str, Members] = {
    "audio": {"type": "inbound-rtp", "kind": "audio", "ssrc": 1, "mid": "0", "trackIdentifier": "a", "codecId": "opus"},
    "video": {"type": "inbound-rtp", "kind": "video", "ssrc": 2, "mid": "1", "trackIdentifier": "v", "codecId": "vp8"},
    "sent audio": {
        "type": "outbound-rtp", "kind": "audio", "ssrc": 3, "mid": "0", "codecId": "opus",
        "mediaSourceId": "source audio",
    },
    "sent video": {
        "type": "outbound-rtp", "kind": "video", "ssrc": 4, "mid": "1", "codecId": "vp8",
        "mediaSourceId": "source video",
    },
    "source audio": {"type": "media-source", "kind": "audio", "trackIdentifier": "la"},
    "source video": {"type": "media-source", "kind": "video", "trackIdentifier": "lv"},
    "told audio": {"type": "remote-inbound-rtp", "kind": "audio", "ssrc": 3, "localId": "sent audio"},
    "told video": {"type": "remote-inbound-rtp", "kind": "video", "ssrc": 4, "localId": "sent video"},
    "pair": {"type": "candidate-pair", "selected": True, "localCandidateId": "host"},
    "host": {"type": "local-candidate"},
    "relay": {"type": "local-candidate"},
    "transport": {"type": "transport"},
    "playout": {"type": "media-playout", "kind": "audio"},
    "pressure": {"type": "compute-pressure"},
}  # fmt: skip


class Call:
    """A peer connection and its judge."""

    def __init__(self) -> None:
        self.judge = Judge()
        self.time = START
        self._deltas = Deltas(created=True)
        self._stats: dict[str, Members] = {}

    def fold(self, interval: Interval, gap: bool = False) -> Sequence[Change]:
        """Five seconds pass, and a report is folded."""
        self.time += SECONDS
        for ident, changes in interval.items():
            members = self._stats.setdefault(ident, dict(OBJECTS[ident.partition("#")[0]]))
            for name, value in changes.items():
                before = members.get(name, 0)
                is_set = name in SET or not isinstance(value, int | float) or not isinstance(before, int | float)
                members[name] = value if is_set else value + before  # type: ignore[operator]  # numbers
            if members["type"] == "remote-inbound-rtp":
                members["timestamp"] = self.time
        stats: Stats = {**CODECS, **{ident: dict(members) for ident, members in self._stats.items()}}
        return self.judge.fold(self._deltas.fold(Report(KEY, self.time, self.time, stats, {}), gap=gap))

    def empty(self) -> None:
        """All objects are gone from the reports that follow."""
        self._stats = {}

    def play(self, intervals: Sequence[Interval]) -> list[Change]:
        """One fold after the other; all that changed."""
        return [change for interval in intervals for change in self.fold(interval)]

    def at(self, number: int) -> float:
        """The end of the interval of this number, from 1; 0 is where the first begins."""
        return START + number * SECONDS
