"""
How good a call is, from 1 to 4.5: one score for each direction and media kind, and the verdict of scores and levels.

Speech has the opinion of the E-model.  Video has that of what is worst of it: how smooth it is, how long it stands
still, how fine it is for its source, how coarsely it was coded.  A score is made of the ``Thresholds``: at the bound of
a class a measure has the score where that class ends, and between bounds it runs straight, so nothing jumps and what is
graded fair can not have a good score.

A participant is as well as the worst of what they send and receive.  None is what was not measured, which is neither
good nor 0.  All of it is arithmetic on values that ``signals`` gave, a microsecond each.
"""

from collections.abc import Callable
from itertools import pairwise
from math import nextafter
from typing import NamedTuple, TypeAlias

from rtc_exporter.emodel import JITTER_BUFFER, LEAST, MOST, PLAYOUT, codec, speech
from rtc_exporter.quality import BAD, FAIR, GOOD, MOVING, POOR, UNCLASSIFIED
from rtc_exporter.thresholds import Bounds, Falling, Thresholds

#: A measure to its score.
Scale: TypeAlias = Callable[[float], float]

#: How far under the end of a better class a score is put that a level alone makes worse.
STEP = 0.01

#: Quantisers, by codec: below the first libwebrtc's quality scaler thinks of a larger picture, above the second it
#: takes a smaller one because this looks too bad; the third is the coarsest that there is.  So: the best, the end of
#: fair, and never bad by itself.  (libvpx_vp8_encoder.cc 29 and 95, libvpx_vp9_encoder.cc 149 and 205,
#: h264_encoder_impl.cc 24 and 37, libaom_av1_encoder.cc 145 and 205.)
QUANTISERS: dict[str, tuple[float, float, float]] = {
    "video/vp8": (29.0, 95.0, 127.0),
    "video/vp9": (149.0, 205.0, 255.0),
    "video/h264": (24.0, 37.0, 51.0),
    "video/av1": (145.0, 205.0, 255.0),
}


class Scores(NamedTuple):
    """What a participant has, by direction and media kind."""

    inbound_audio: float | None = None
    inbound_video: float | None = None
    outbound_audio: float | None = None
    outbound_video: float | None = None

    @property
    def overall(self) -> float | None:
        """The worst of it; None where there is none."""
        inbound, outbound = (
            worse(self.inbound_audio, self.inbound_video),
            worse(self.outbound_audio, self.outbound_video),
        )
        return worse(inbound, outbound)


def worse(one: float | None, other: float | None) -> float | None:
    """The lower of two scores, as of two streams of a kind; an unknown one says nothing."""
    if one is None:
        return other
    return one if other is None or one < other else other


def scale(bounds: Bounds, marks: Falling) -> Scale:
    """The score of a measure that has bounds; ``marks`` are the scores where classes end."""
    return _falling(bounds, marks) if isinstance(bounds, Falling) else _rising(bounds, marks)


def _rising(bounds: Bounds, marks: Falling) -> Scale:
    """Straight from bound to bound; beyond the last a measure twice as large is half as far from the end."""
    good, fair, poor = bounds
    g, f, p = marks.good, marks.fair, marks.poor or LEAST
    # Rounding must not put a value on the wrong side of a bound.
    under_g, under_f, under_p = (nextafter(mark, 0.0) for mark in (g, f, p))

    def score(value: float) -> float:
        if value <= good:
            return max(g, MOST - (MOST - g) * value / good)
        if value <= fair:
            return min(under_g, max(f, g - (g - f) * (value - good) / (fair - good)))
        if poor is None:
            return min(under_f, max(p, p + (f - p) * fair / value))
        if value <= poor:
            return min(under_f, max(p, f - (f - p) * (value - fair) / (poor - fair)))
        return min(under_p, LEAST + (p - LEAST) * poor / value)

    return score


def _falling(bounds: Bounds, marks: Falling) -> Scale:
    """Straight from bound to bound, the best at twice the bound of good, and the worst at nothing."""
    good, fair, poor = bounds
    g, f, p = marks.good, marks.fair, marks.poor or LEAST
    under_g, under_f, under_p = (nextafter(mark, 0.0) for mark in (g, f, p))

    def score(value: float) -> float:
        if value >= good:
            return min(MOST, max(g, g + (MOST - g) * (value - good) / good))
        if value >= fair:
            return min(under_g, max(f, f + (g - f) * (value - fair) / (good - fair)))
        if poor is None:
            return min(under_f, LEAST + (f - LEAST) * max(value, 0.0) / fair)
        if value >= poor:
            return min(under_f, max(p, p + (f - p) * (value - poor) / (fair - poor)))
        return min(under_p, LEAST + (p - LEAST) * max(value, 0.0) / poor)

    return score


def _quantiser(low: float, high: float, most: float, marks: Falling) -> Scale:
    """From the best at ``low`` over the end of fair at ``high`` to the end of poor."""
    f, p = marks.fair, marks.poor or LEAST

    def score(value: float) -> float:
        if value <= low:
            return MOST
        if value <= high:
            return MOST - (MOST - f) * (value - low) / (high - low)
        return max(p, f - (f - p) * (value - high) / (most - high))

    return score


class Scoring:
    """The scores and classes of one set of thresholds."""

    __slots__ = (
        "_fair", "_freeze", "_frame_rate", "_good", "_height", "_loss", "_poor", "_quantisers", "_screen_good",
        "_screen_rate", "_tops", "thresholds",
    )  # fmt: skip

    def __init__(self, thresholds: Thresholds | None = None) -> None:
        self.thresholds = thresholds = thresholds or Thresholds()
        marks = thresholds.score
        self._freeze = scale(thresholds.freeze, marks)
        self._frame_rate = scale(thresholds.frame_rate, marks)
        self._screen_rate = scale(thresholds.screen_rate, marks)
        self._screen_good = thresholds.screen_rate.good
        self._height = scale(thresholds.height, marks)
        self._loss = scale(thresholds.video_loss, marks)
        self._quantisers = {mime: _quantiser(*row, marks) for mime, row in QUANTISERS.items()}
        self._good, self._fair, self._poor = marks.good, marks.fair, marks.poor or LEAST
        ends = (self._good, self._fair, self._poor, LEAST)
        #: The best score of each class.
        self._tops = (
            MOST, *(end - min(STEP, (end - after) / 2) for end, after in pairwise(ends)),
        )  # fmt: skip

    def audio_inbound(
        self,
        loss: float | None,
        round_trip: float | None,
        jitter_buffer: float | None,
        playout: float | None,
        mime: str | None,
        concealment: float | None,
    ) -> float | None:
        """
        Speech as it is heard here.

        What was made up is what could not be played, and counts where it is known: late packets are in it, repaired
        ones are not, and neither is silence.  Else ``loss`` does, late packets best counted with it.  Without a round
        trip time there is no score: half a conversation is in it, and to take it for 0 would make a satellite a
        neighbour.  The jitter buffer and the device, where they are not told, are taken for the usual.
        """
        if round_trip is None:
            return None
        row = codec(mime)
        if concealment is not None:
            gone = concealment
        elif loss is not None:
            gone = loss / row.copies
        else:
            return None
        delay = (
            round_trip / 2
            + (JITTER_BUFFER if jitter_buffer is None else jitter_buffer)
            + (PLAYOUT if playout is None else playout)
            + row.delay
        )
        return speech(gone, delay, row)

    def audio_outbound(self, loss: float | None, round_trip: float | None, mime: str | None) -> float | None:
        """
        Speech as the other side hears it, by what it reports.

        Its jitter buffer and device are not known, and neither is what it repairs.  Audio is not held in our pacer.
        """
        if loss is None or round_trip is None:
            return None
        row = codec(mime)
        delay = round_trip / 2 + JITTER_BUFFER + PLAYOUT + row.delay
        return speech(loss / row.copies, delay, row)

    def video_inbound(
        self,
        frame_rate: float | None,
        freeze: float | None,
        qp: float | None = None,
        mime: str | None = None,
        is_screen: bool = False,
        is_troubled: bool = False,
    ) -> float | None:
        """
        Video as it is seen here.

        ``frame_rate`` and ``freeze`` are None while muted, and ``freeze`` where the picture may stand still on purpose
        (``quality.GUARDS``).  For the same reason few frames, or any number of a screen, are held against it only when
        ``is_troubled``: packets were lost or asked for again meanwhile.  How large it is says nothing: who shows a
        thumbnail asks for a small one.
        """
        score: float | None = None
        if freeze is not None:
            score = self._freeze(freeze)
        if frame_rate is not None and (is_troubled or (not is_screen and frame_rate >= MOVING)):
            score = worse(score, (self._screen_rate if is_screen else self._frame_rate)(frame_rate))
        if score is None:
            return None
        return self._picture(score, qp, mime)

    def video_outbound(
        self,
        frame_rate: float | None,
        source_rate: float | None,
        loss: float | None = None,
        qp: float | None = None,
        mime: str | None = None,
        height: float | None = None,
        source_height: float | None = None,
        is_screen: bool = False,
        is_limited: bool = False,
    ) -> float | None:
        """
        Video as it is sent, with what the other side reports of its way.

        Rates and heights are those of the top layer and of the media source; None while muted.  A source that gives few
        frames may stand still on purpose, and a screen is held against what there was of it.  A smaller picture than
        the source's counts only while the encoder ``is_limited``: else the application wants it so.
        """
        score = None if loss is None else self._loss(loss)
        if frame_rate is not None:
            if is_screen:
                score = worse(score, self._of_screen(frame_rate, source_rate))
            elif frame_rate >= MOVING or (source_rate is not None and source_rate >= MOVING):
                score = worse(score, self._frame_rate(frame_rate))
        if score is None:
            return None
        return self._picture(score, qp, mime, height, source_height if is_limited else None)

    def _of_screen(self, frame_rate: float, source_rate: float | None) -> float | None:
        """A screen that shows all it has to show is as good as it gets."""
        if source_rate is None:
            return None
        wanted = min(source_rate, self._screen_good)
        # A tenth is lost in counting: a frame captured in this interval is sent in the next.
        return MOST if frame_rate >= 0.9 * wanted else self._screen_rate(frame_rate * self._screen_good / wanted)

    def _picture(
        self, score: float, qp: float | None, mime: str | None, height: float | None = None, of: float | None = None
    ) -> float:
        """What is known of the single picture makes it worse, and never better."""
        if height is not None and of:
            score = min(score, self._height(height / of))
        if qp is not None and mime is not None:
            coarse = self._quantisers.get(mime) or self._quantisers.get(mime.lower())
            if coarse is not None:
                score = min(score, coarse(qp))
        return score

    def class_of(self, score: float | None) -> int:
        """The class of a score, as an index of ``quality.CLASSES``."""
        if score is None:
            return UNCLASSIFIED
        if score >= self._good:
            return GOOD
        if score >= self._fair:
            return FAIR
        return POOR if score >= self._poor else BAD

    def verdict(self, grade: int, score: float | None) -> tuple[int, float | None]:
        """
        One class and one score that do not contradict one another, of the worst level and the overall score.

        The class is the worse of both, and a score that is better than the class is lowered to its best.  Levels can
        condemn without a score and not acquit: a path with a good round trip time and no media on it is no good call.
        """
        if score is None:
            return (UNCLASSIFIED if grade == GOOD else grade), None
        own = self.class_of(score)
        return (own, score) if grade <= own else (grade, self._tops[grade])
