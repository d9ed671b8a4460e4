"""
What is sampled of a participant at each fold, and how it is kept: a row of numbers for each fold, bounded.

A fold costs one row; only who looks pays for the series.
"""

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from math import isnan, nan
from typing import NamedTuple

from rtc_exporter import signals
from rtc_exporter.delta import Fold, MonitoredObject
from rtc_exporter.detectors import Judge
from rtc_exporter.formulas import Formula, rate
from rtc_exporter.scores import Scores

#: Samples of a series; at one every five seconds, an hour and a half without a loss.
SAMPLES = 1024
#: What another peer connection said longer ago is no longer true.
FRESH = 15.0


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


_FRAMES_DECODED = rate("framesDecoded").formula


def _read(stats: str, name: str, kind: str = "") -> tuple[str, str, Formula]:
    return stats, kind, signals.once(stats, name)


def _frame_rate(thing: MonitoredObject, fold: Fold) -> float | None:
    """The mean of the interval: after a freeze the browser's last second holds all the frames that had waited."""
    return None if fold.mutes(thing) or not thing.increments.get("packetsReceived") else _FRAMES_DECODED(thing, fold)


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


#: Place of a channel in a row; the time comes first.
_PLACES = {channel.name: place for place, channel in enumerate(CHANNELS, 1)}
WIDTH = len(CHANNELS) + 1
_EMPTY = [nan] * WIDTH
_MEASURED = tuple((_PLACES[channel.name], channel.measure) for channel in CHANNELS if channel.measure)
_PARTS = tuple(_PLACES[part] for part in Scores._fields)
_SCORE = _PLACES["score"]
#: Stats type -> what is read of it: one look at each object of a fold.
_READS: dict[str, list[tuple[int, str, Formula, Callable[[Iterable[float]], float]]]] = {}
for _channel in CHANNELS:
    for _stats, _kind, _formula in _channel.reads:
        _READS.setdefault(_stats, []).append((_PLACES[_channel.name], _kind, _formula, _channel.over))


class Rows:
    """
    What was sampled at the folds of one peer connection, a row each: one list for all, so that a fold is one call.

    Of rows there are never more than the bound that ``fit`` was given; neighbours become one, the worse value staying.
    """

    __slots__ = ("_every", "values")

    def __init__(self) -> None:
        self._every = 0.0
        self.values = array("d")

    def __len__(self) -> int:
        return len(self.values) // WIDTH

    @property
    def last(self) -> float:
        """The time of the newest row."""
        return self.values[-WIDTH]

    def add(self, row: list[float]) -> None:
        """A row; one that comes too soon after another is one with it."""
        values = self.values
        if self._every and values and row[0] - values[-WIDTH] < self._every:
            values[-WIDTH:] = array("d", _joined(values[-WIDTH:], row))
        else:
            values.extend(row)

    def fit(self, most: int) -> None:
        """Keep no more rows than this."""
        while len(self) > max(most, 1):
            values, number = self.values, len(self)
            self._every = 2 * (values[-WIDTH] - values[0]) / (number - 1)
            kept = array("d")
            for place in range(0, (number - 1) * WIDTH, 2 * WIDTH):
                middle = place + WIDTH
                kept.extend(_joined(values[place:middle], values[middle : middle + WIDTH]))
            self.values = kept if number % 2 == 0 else kept + values[-WIDTH:]

    def __iter__(self) -> "Iterator[array[float]]":
        return (self.values[place : place + WIDTH] for place in range(0, len(self.values), WIDTH))


def _joined(first: Sequence[float], second: Sequence[float]) -> list[float]:
    """Two rows as one, at the time of the first."""
    row = [first[0]]
    for channel, one, other in zip(CHANNELS, first[1:], second[1:], strict=True):
        row.append(other if isnan(one) else one if isnan(other) else channel.worse(one, other))
    return row


class Series:
    """Samples of one signal, of which there are never more than ``most``."""

    __slots__ = ("_every", "_worse", "most", "times", "values")

    def __init__(self, worse: Callable[[float, float], float], most: int = SAMPLES) -> None:
        self._worse = worse
        self.most = most
        self._every = 0.0
        self.times = array("d")
        self.values = array("d")

    def add(self, time: float, value: float) -> None:
        """A sample; one that comes too soon after another is one with it."""
        times, values = self.times, self.values
        if times and time - times[-1] < self._every:
            values[-1] = self._worse(values[-1], value)
            return
        self.fit(self.most - 1)
        times, values = self.times, self.values
        times.append(time)
        values.append(value)

    @property
    def points(self) -> list[tuple[float, float]]:
        """The samples, in order of time."""
        return list(zip(self.times, self.values, strict=True))

    def fit(self, most: int) -> None:
        """Keep no more samples than this."""
        while len(self.times) > max(most, 1):
            self._thin()

    def _thin(self) -> None:
        """Keep one of two: the worse, at the time of the first."""
        self._every = 2 * (self.times[-1] - self.times[0]) / (len(self.times) - 1)
        kept = [self._worse(*self.values[place : place + 2]) for place in range(0, len(self.values) - 1, 2)]
        self.times, self.values = self.times[0 : 2 * len(kept) : 2], array("d", kept)


def row_of(time: float, judge: Judge, fold: Fold) -> list[float]:
    """What a fold shows, a channel in each place; what is not known is NaN."""
    row = _EMPTY.copy()
    known = judge.values
    row[0] = time
    for place, measure in _MEASURED:
        if measure in known:
            row[place] = known[measure]
    if judge.score is not None:
        row[_SCORE] = judge.score
    for place, score in zip(_PARTS, judge.scores, strict=True):
        if score is not None:
            row[place] = score
    for thing in fold.changed:
        if thing.type in _READS:
            for place, kind, formula, over in _READS[thing.type]:
                if not kind or thing.members.get("kind") == kind:
                    value = formula(thing, fold)
                    if value is not None:
                        before = row[place]
                        row[place] = value if before != before else over((before, value))
    return row


def series_of(parts: Sequence[Rows]) -> dict[str, Series]:
    """What was sampled, channel by channel; values of several peer connections are joined."""
    found: dict[str, Series] = {}
    fresh: dict[int, dict[int, tuple[float, float]]] = {}
    rows = [(row[0], place, row) for place, several in enumerate(parts) for row in several]
    for time, place, row in sorted(rows, key=lambda one: one[:2]):
        for number, channel in enumerate(CHANNELS, 1):
            value = row[number]
            if isnan(value):
                continue
            newest = fresh.setdefault(number, {})
            newest[place] = (value, time)
            if len(newest) > 1:
                value = channel.over(value for value, since in newest.values() if time - since <= FRESH)
            series = found.get(channel.name)
            if series is None:
                series = found[channel.name] = Series(channel.worse)
            series.add(time, value)
    return {channel.name: found[channel.name] for channel in CHANNELS if channel.name in found}
