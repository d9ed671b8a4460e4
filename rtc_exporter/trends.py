"""
What takes several folds, or what was before, to see: steps, creeping, changes of path, of size and of encoder.

A row of ``TRENDS`` is read by rules with ``source="trend"``.  The state is one small object for each peer connection,
and what it remembers is bounded.  As with signals, None where nothing can be said.
"""

from array import array
from collections.abc import Mapping
from math import sqrt
from typing import NamedTuple

from rtc_exporter.delta import Fold, MonitoredObject
from rtc_exporter.formulas import loudness
from rtc_exporter.limits import keep
from rtc_exporter.plans import number

#: A signal and its worst value in a fold.
Seen = Mapping[tuple[str, str], float]

RTCP_TIME, STUN_TIME = ("remote-inbound-rtp", "round_trip_time"), ("candidate-pair", "round_trip_time")
HELD_BACK, REMOTE_LOSS = ("outbound-rtp", "bandwidth_limited_ratio"), ("remote-inbound-rtp", "loss_ratio")
BUFFERED = ("inbound-rtp", "jitter_buffer_delay")

#: Signals whose worst value in a fold the trends need.
NEEDED = frozenset((RTCP_TIME, STUN_TIME, HELD_BACK, REMOTE_LOSS, BUFFERED))
#: Members that they read themselves, by stats type.
READS: Mapping[str, tuple[str, ...]] = {
    "transport": ("selectedCandidatePairChanges",),
    "media-source": ("frames", "totalAudioEnergy", "totalSamplesDuration"),
    "outbound-rtp": ("framesEncoded", "bytesSent"),
    "inbound-rtp": ("packetsReceived",),
}

#: Of a round trip, how much of a change is taken into the mean; and what counts as a step: a third of the mean, but at
#: least and at most so many seconds (ObserveRTC).
SMOOTH, STEP, STEP_LEAST, STEP_MOST = 0.25, 0.33, 0.05, 0.15
#: Seconds for which a step explains what follows, and within which changes of path add up.
RECENT, TOGETHER = 30.0, 30.0
#: Folds in which the delay of the jitter buffer is compared, and how sure a rise has to be (Mann-Kendall, 5 %).
SERIES, SURE = 30, 1.645
#: A trend in a delay that nobody notices is not looked for.
NOTICED = 0.3
#: Folds in which a microphone has to be faint, and a voice low: a minute and two.
FAINT, LOW = 12, 24
#: Levels between which a voice is low, and above which there is one (rtcStats).
LOW_LEVELS = (0.08, 0.15)
#: Bytes of a frame under which it shows nothing: a disabled camera sends small black frames.
BLACK = 500.0
#: Changes of path that are remembered.
PATHS = 8
#: Streams of which the size and the encoder are remembered.
STREAMS = 64


class Value(NamedTuple):
    """One trend in one fold, of which object where it is of one, and what is the cause where it knows."""

    name: str
    value: float
    thing: MonitoredObject | None = None
    cause: str = ""


TRENDS: dict[str, str] = {
    "round_trip_step": "How far the round trip is from its mean, in steps that count.",
    "congestion": "1 where bandwidth holds the encoder back and the round trip has risen or packets are lost upwards.",
    "path_changes": "Changes of the selected candidate pair in half a minute.",
    "relay_fallback": "1 where the path has moved from a direct one to a relay.",
    "creeping_delay": "The delay of the jitter buffer while it rises, else 0.",
    "faint_microphone": "1 where a minute of a microphone has sound and none that could be speech.",
    "low_voice": "Share of the time with a voice in which that voice is low.",
    "capture_shortfall": "How much the frame rate of a camera has fallen from its best.",
    "size_loss": "How much smaller the picture sent is than one fold ago.",
    "software_fallback": "1 where an encoder or decoder in hardware was replaced by one in software.",
}


class Trends:
    """The memory of one peer connection."""

    __slots__ = ("_best", "_buffer", "_direct", "_faint", "_mean", "_paths", "_power", "_sizes", "_stepped", "_voices")

    def __init__(self) -> None:
        self._mean: float | None = None
        self._stepped: float | None = None
        self._paths: tuple[float, ...] = ()
        self._direct: bool | None = None
        # Arrays, since a deque takes 700 bytes for its first value.
        self._buffer: array[float] | None = None
        self._faint: array[float] | None = None
        self._voices: array[float] | None = None
        #: Best frame rate of a camera, size of a picture sent, and whether a codec saves power, by stats id.
        self._best: dict[str, float] = {}
        self._sizes: dict[str, float] = {}
        self._power: dict[str, bool] = {}

    def forget(self) -> None:
        """Reports were missing: what was before does not explain what comes."""
        self._buffer = self._faint = self._voices = None
        self._mean = self._stepped = None
        self._paths = ()

    def read(self, fold: Fold, seen: Seen, shares_screen: bool) -> list[Value]:
        """What this fold says, given what was before."""
        found = self._round_trip(fold, seen)
        delay = seen.get(BUFFERED)
        if delay is not None:
            found.append(Value("creeping_delay", self._creep(delay)))
        if fold.switched:
            found += self._path(fold)
        for thing in fold.changed:
            if thing.elapsed is None:
                continue
            match thing.type:
                case "transport":
                    found += self._changes(thing, fold)
                case "media-source" if thing.members.get("kind") == "audio":
                    found += self._microphone(thing, fold)
                case "media-source" if not shares_screen:
                    found += self._camera(thing, fold)
                case "outbound-rtp" if thing.members.get("kind") == "video":
                    found += self._picture(thing)
                    found += self._power_of(thing, "powerEfficientEncoder")
                case "inbound-rtp":
                    is_video = thing.members.get("kind") == "video"
                    found += self._power_of(thing, "powerEfficientDecoder") if is_video else self._voice(thing)
        return found

    # ── the path

    def _round_trip(self, fold: Fold, seen: Seen) -> list[Value]:
        found: list[Value] = []
        now = seen.get(RTCP_TIME, seen.get(STUN_TIME))
        if now is not None:
            if self._mean is not None:
                step = abs(now - self._mean) / min(max(STEP * self._mean, STEP_LEAST), STEP_MOST)
                found.append(Value("round_trip_step", step))
                if step > 1:
                    self._stepped = fold.time
            self._mean = now if self._mean is None else self._mean + SMOOTH * (now - self._mean)
        held_back = seen.get(HELD_BACK)
        if held_back is not None:
            is_late = self._stepped is not None and fold.time - self._stepped <= RECENT
            is_full = held_back > 0.2 and (is_late or seen.get(REMOTE_LOSS, 0.0) > 0.05)
            found.append(Value("congestion", float(is_full)))
        return found

    def _changes(self, thing: MonitoredObject, fold: Fold) -> list[Value]:
        changes = thing.increments.get("selectedCandidatePairChanges")
        if changes is None:
            return []
        if changes or self._paths:
            times = (*self._paths, *[fold.time] * min(int(changes), PATHS))[-PATHS:]
            self._paths = tuple(time for time in times if fold.time - time <= TOGETHER)
        return [Value("path_changes", float(len(self._paths)), thing)]

    def _path(self, fold: Fold) -> list[Value]:
        pair = fold.stats.get(fold.selected or "", {})
        kind = fold.stats.get(str(pair.get("localCandidateId", "")), {}).get("candidateType")
        if kind is None:
            return []
        was, self._direct = self._direct, kind != "relay"
        return [] if was is None else [Value("relay_fallback", float(was and not self._direct))]

    # ── sound

    def _creep(self, delay: float) -> float:
        """Mann-Kendall: whether more of the later delays are longer than the earlier ones than chance makes likely."""
        if self._buffer is None:
            self._buffer = array("d")
        values = self._buffer
        _append(values, delay, SERIES)
        count = len(values)
        if delay <= NOTICED or count < SERIES:
            return 0.0
        series = list(values)
        score = sum(
            (later > earlier) - (later < earlier)
            for place, earlier in enumerate(series)
            for later in series[place + 1 :]
        )
        deviation = sqrt(count * (count - 1) * (2 * count + 5) / 18)
        return delay if (score - 1) / deviation > SURE else 0.0

    def _microphone(self, thing: MonitoredObject, fold: Fold) -> list[Value]:
        """Loud enough to be no digital silence, and never loud enough for speech (rtcStats: 0.01)."""
        level = loudness(thing)
        if level is None or fold.mutes(thing):
            return []
        if self._faint is None:
            self._faint = array("d")
        levels = self._faint
        _append(levels, level, FAINT)
        if len(levels) < FAINT:
            return []
        is_alive = max(levels) - min(levels) > 1e-6
        return [Value("faint_microphone", float(is_alive and max(levels) < 0.01), thing)]

    def _voice(self, thing: MonitoredObject) -> list[Value]:
        level = number(thing.members, "audioLevel")
        if level is None or not thing.increments.get("packetsReceived"):
            return []
        if self._voices is None:
            self._voices = array("d")
        if level > LOW_LEVELS[0]:
            _append(self._voices, float(level < LOW_LEVELS[1]), LOW)
        return [] if len(self._voices) < LOW else [Value("low_voice", sum(self._voices) / LOW, thing)]

    # ── pictures

    def _camera(self, thing: MonitoredObject, fold: Fold) -> list[Value]:
        """A camera that gives fewer frames than it did; a shared screen, and one switched off, are no cameras."""
        frames = thing.increments.get("frames")
        if frames is None or not thing.elapsed:
            return []
        encoded = sent = 0.0
        for other in fold.changed:
            if other.type == "outbound-rtp" and other.members.get("mediaSourceId") == thing.id:
                encoded += other.increments.get("framesEncoded", 0.0)
                sent += other.increments.get("bytesSent", 0.0)
        if encoded and sent < BLACK * encoded:
            return []
        rate, best = frames / thing.elapsed, self._best.get(thing.id, 0.0)
        if rate > best:
            best = rate
            keep(self._best, thing.id, rate, STREAMS)
        return [Value("capture_shortfall", 1 - rate / best, thing)] if best else []

    def _picture(self, thing: MonitoredObject) -> list[Value]:
        across, down = number(thing.members, "frameWidth"), number(thing.members, "frameHeight")
        if not across or not down or not thing.increments.get("framesEncoded"):
            return []
        before = self._sizes.get(thing.id)
        keep(self._sizes, thing.id, across * down, STREAMS)
        if before is None:
            return []
        reason = thing.members.get("qualityLimitationReason")
        cause = reason if reason in ("cpu", "bandwidth") else ""
        return [Value("size_loss", max(0.0, 1 - across * down / before), thing, str(cause))]

    def _power_of(self, thing: MonitoredObject, member: str) -> list[Value]:
        is_saving = thing.members.get(member)
        if not isinstance(is_saving, bool):
            return []
        before = self._power.get(thing.id)
        keep(self._power, thing.id, is_saving, STREAMS)
        return [] if before is None else [Value("software_fallback", float(before and not is_saving), thing)]


def _append(values: "array[float]", value: float, most: int) -> None:
    """One more, of which the newest are kept."""
    values.append(value)
    if len(values) > most:
        del values[0]
