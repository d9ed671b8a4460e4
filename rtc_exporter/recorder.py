"""
What is remembered of participants so that somebody can look at it: their classes, issues and main signals over time.

A ``Recorder`` listens to verdicts; where there is none, nothing is remembered.  All of it is bounded: a series that is
full is kept half as fine, and of two samples the worse one stays.

Times are of our clock, in Unix seconds, as spans have them.
"""

from array import array
from collections.abc import Callable, Iterable
from math import floor, inf
from typing import NamedTuple

from rtc_exporter import signals
from rtc_exporter.delta import Fold, MonitoredObject
from rtc_exporter.episodes import Change, Episode
from rtc_exporter.formulas import Formula, rate
from rtc_exporter.scores import Scores
from rtc_exporter.sessions import Participant, PeerConnection

#: Samples of a series; at one every five seconds, an hour and a half without a loss.
SAMPLES = 1024
#: Stretches of a timeline, and episodes of a stay.
STRETCHES = EPISODES = 1000
#: What another peer connection said longer ago is no longer true.
FRESH = 15.0
#: Of a path, as summaries show it.
PATH = ("rtc.ice.candidate.type", "rtc.ice.transport")
#: What of rules decides on the stats clock; the others do on the event clock.
STATS_CLOCK = frozenset(("fold", "trend", "report"))
#: Stretches that are this close are one.
CLOSE = 0.5


class Channel(NamedTuple):
    """
    One row: what is sampled at each fold.

    ``measure`` is one that the judge took anyway, else ``reads`` are formulas of a stats type and media kind.
    ``over`` joins streams and peer connections, ``worse`` tells which of two samples to keep.
    """

    name: str
    measure: str = ""
    reads: tuple[tuple[str, str, Formula], ...] = ()
    over: Callable[[Iterable[float]], float] = max
    worse: Callable[[float, float], float] = max


_SIGNALS = {(signal.stats, signal.name): signal.formula for signal in signals.SIGNALS}
_FRAMES_DECODED = rate("framesDecoded").formula


def _read(stats: str, name: str, kind: str = "") -> tuple[str, str, Formula]:
    return stats, kind, _SIGNALS[stats, name]


def _frame_rate(thing: MonitoredObject, fold: Fold) -> float | None:
    """The mean of the interval: after a freeze the browser's last second holds all the frames that had waited."""
    is_muted = thing.members.get("trackIdentifier") in fold.muted
    return None if is_muted or not thing.increments.get("packetsReceived") else _FRAMES_DECODED(thing, fold)


CHANNELS: tuple[Channel, ...] = (
    Channel("score", over=min, worse=min),
    *(Channel(part, over=min, worse=min) for part in Scores._fields),
    Channel("round_trip_time", "rtc.round_trip_time"),
    Channel("loss_in", "rtc.packet_loss.ratio"),
    Channel("loss_out", "rtc.remote_packet_loss.ratio"),
    Channel("jitter", "rtc.jitter"),
    Channel("jitter_buffer", "rtc.jitter_buffer.delay"),
    Channel("concealment", "rtc.concealment.ratio"),
    Channel("freeze", "rtc.freeze.ratio"),
    Channel("frame_rate_in", reads=(("inbound-rtp", "video", _frame_rate),), over=min, worse=min),
    Channel("frame_rate_out", reads=(_read("outbound-rtp", "source_frame_rate", "video"),), over=min, worse=min),
    Channel("bitrate_in", reads=(_read("inbound-rtp", "bitrate"),), over=sum, worse=min),
    Channel("bitrate_out", reads=(_read("outbound-rtp", "bitrate"),), over=sum, worse=min),
    Channel("bandwidth", reads=(_read("candidate-pair", "available_outgoing_bitrate"),), over=min, worse=min),
    Channel("pressure", reads=(_read("compute-pressure", "pressure"),)),
    Channel("level_in", reads=(_read("inbound-rtp", "audio_level", "audio"),)),
    Channel("level_out", reads=(_read("media-source", "audio_level", "audio"),)),
)


class Series:
    """Samples of one signal, of which there are never more than ``SAMPLES``."""

    __slots__ = ("_every", "_worse", "times", "values")

    def __init__(self, worse: Callable[[float, float], float]) -> None:
        self._worse = worse
        self._every = 0.0
        self.times = array("d")
        self.values = array("d")

    def add(self, time: float, value: float) -> None:
        """A sample; one that comes too soon after another is one with it."""
        times, values = self.times, self.values
        if times and time - times[-1] < self._every:
            values[-1] = self._worse(values[-1], value)
            return
        if len(times) >= SAMPLES:
            self._thin()
        times.append(time)
        values.append(value)

    @property
    def points(self) -> list[tuple[float, float]]:
        """The samples, in order of time."""
        return list(zip(self.times, self.values, strict=True))

    def _thin(self) -> None:
        """Keep one of two: the worse, at the time of the first."""
        self._every = 2 * (self.times[-1] - self.times[0]) / (len(self.times) - 1)
        kept = [self._worse(*self.values[place : place + 2]) for place in range(0, len(self.values) - 1, 2)]
        self.times, self.values = self.times[0 : 2 * len(kept) : 2], array("d", kept)


class Stretch(NamedTuple):
    """Time of one quality class, with the mean score in it."""

    begin: float
    end: float
    quality: str
    score: float | None


class Found(NamedTuple):
    """An episode with times of our clock, and where it was seen."""

    episode: Episode
    begin: float
    end: float
    worst_time: float
    peer_connection: str
    path: str


class Stay:
    """One participant, from join to leave."""

    __slots__ = ("_fresh", "_open", "found", "grades", "left_out", "series", "stretches")

    def __init__(self) -> None:
        self.series = {channel.name: Series(channel.worse) for channel in CHANNELS}
        #: What was passed, stretch by stretch, neighbours of one class joined.
        self.stretches: list[Stretch] = []
        #: Seconds by class and score, in tenths and rounded down: there are few of these, however long it lasts.
        self.grades: dict[tuple[str, float | None], float] = {}
        #: Episodes that have ended, and how many more there were than are kept.
        self.found: list[Found] = []
        self.left_out = 0
        self._open: dict[int, tuple[Episode, PeerConnection | None, float]] = {}
        #: The newest value of each channel by peer connection, and when it was taken.
        self._fresh: dict[str, dict[str, tuple[float, float]]] = {}

    def take(self, change: Change, connection: PeerConnection | None, shift: float) -> None:
        """An episode began or ended."""
        episode = change.episode
        if change.kind == "begin":
            self._open[id(episode)] = (episode, connection, shift)
        elif change.kind == "end":
            known = self._open.pop(id(episode), None)
            if known is not None:
                self._keep(episode, connection or known[1], shift if connection is not None else known[2])

    @property
    def all(self) -> list[Found]:
        """Every episode, the first to begin first; what is still open ends with its newest bad interval."""
        still = [_found(*row) for row in self._open.values()]
        return sorted([*self.found, *still], key=lambda found: (found.begin, found.end))

    def _keep(self, episode: Episode, connection: PeerConnection | None, shift: float) -> None:
        if len(self.found) < EPISODES:
            self.found.append(_found(episode, connection, shift))
        else:
            self.left_out += 1

    def spend(self, begin: float, end: float, quality: str, score: float | None) -> None:
        """Time passed."""
        seconds = end - begin
        grade = (quality, None if score is None else tenths(score))
        self.grades[grade] = self.grades.get(grade, 0.0) + seconds
        last = self.stretches[-1] if self.stretches else None
        if last is not None and last.quality == quality and begin - last.end < CLOSE:
            mean = score if last.score is None else last.score
            if score is not None and last.score is not None:
                mean = (last.score * (last.end - last.begin) + score * seconds) / (end - last.begin)
            self.stretches[-1] = Stretch(last.begin, end, quality, mean)
        elif len(self.stretches) < STRETCHES:
            self.stretches.append(Stretch(begin, end, quality, score))

    def sample(self, time: float, name: str, values: dict[str, float]) -> None:
        """What one peer connection shows now; joined with what the others showed last."""
        for channel in CHANNELS:
            value = values.get(channel.name)
            if value is None:
                continue
            fresh = self._fresh.setdefault(channel.name, {})
            fresh[name] = (value, time)
            joined = channel.over(value for value, since in fresh.values() if time - since <= FRESH)
            self.series[channel.name].add(time, joined)


class Recorder:
    """Stays of all participants that verdicts tell of."""

    def __init__(self) -> None:
        self._stays: dict[Participant, Stay] = {}

    def stay(self, participant: Participant) -> Stay:
        """What is remembered of a participant."""
        found = self._stays.get(participant)
        if found is None:
            found = self._stays[participant] = Stay()
        return found

    def forget(self, participant: Participant) -> Stay | None:
        """Take what is remembered of a participant away."""
        return self._stays.pop(participant, None)

    # ── what verdicts tell

    def changed(self, participant: Participant, connection: PeerConnection | None, changes: Iterable[Change]) -> None:
        """Episodes began, got worse or ended."""
        for change in changes:
            shift = participant.clock.shift
            if connection is not None and change.episode.rule.source in STATS_CLOCK:
                shift += connection.shift
            self.stay(participant).take(change, connection, shift)

    def folded(self, participant: Participant, connection: PeerConnection, fold: Fold) -> None:
        """A fold was judged."""
        judge = connection.judge
        values = {
            channel.name: judge.values[channel.measure] for channel in CHANNELS if channel.measure in judge.values
        }
        if judge.score is not None:
            values["score"] = judge.score
        values |= {part: score for part, score in judge.scores._asdict().items() if score is not None}
        for channel in CHANNELS:
            read = [
                value
                for stats, kind, formula in channel.reads
                for thing in fold.changed
                if thing.type == stats and kind in ("", thing.members.get("kind"))
                and (value := formula(thing, fold)) is not None
            ]  # fmt: skip
            if read:
                values[channel.name] = channel.over(read)
        time = participant.sent + participant.clock.shift
        self.stay(participant).sample(time, connection.key.peer_connection, values)

    def passed(self, participant: Participant, begin: float, end: float, quality: str) -> None:
        """So much of a participant's time was of this class; times are of its event clock."""
        shift = participant.clock.shift
        self.stay(participant).spend(begin + shift, end + shift, quality, _score(participant))


def tenths(score: float) -> float:
    """A score rounded down, so that it does not rise into a better class."""
    return floor(score * 10 + 1e-9) / 10


def _found(episode: Episode, connection: PeerConnection | None, shift: float) -> Found:
    end = episode.last if episode.end is None else episode.end
    parts = () if connection is None else (connection.path.get(name, "") for name in PATH)
    return Found(
        episode, episode.begin + shift, max(episode.begin, end) + shift, episode.worst_time + shift,
        "" if connection is None else connection.key.peer_connection, "/".join(part for part in parts if part),
    )  # fmt: skip


def _score(participant: Participant) -> float | None:
    """The worst of its open peer connections."""
    newest = max((one.folded for one in participant.peer_connections.values()), default=-inf)
    scores = [
        one.judge.score
        for one in participant.peer_connections.values()
        if one.is_open and one.judge.score is not None and newest - one.folded <= FRESH
    ]
    return min(scores, default=None)
