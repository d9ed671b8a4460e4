"""Scores: what each measure costs, what is not held against anybody, and verdicts without contradiction."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtc_exporter.emodel import CODECS, LEAST, MOST
from rtc_exporter.quality import BAD, FAIR, GOOD, POOR, UNCLASSIFIED
from rtc_exporter.scores import QUANTISERS, Scores, Scoring, scale, worse
from rtc_exporter.thresholds import Bounds, Falling, Rising, Thresholds

SCORING = Scoring()
MARKS = SCORING.thresholds.score

shares = st.floats(0.0, 1.0)
seconds = st.floats(0.0, 10.0)
rates = st.floats(0.0, 240.0)
grades = st.sampled_from((UNCLASSIFIED, GOOD, FAIR, POOR, BAD))
scores = st.none() | st.floats(LEAST, MOST)
mimes = st.sampled_from((*CODECS, "audio/unheard-of", None))

# ── scales

SCALES: tuple[tuple[str, Bounds], ...] = tuple(
    (name, getattr(SCORING.thresholds, name)) for name in Thresholds.__dataclass_fields__ if name != "score"
)


def graded(bounds: Bounds, value: float) -> int:
    """The class of a value by its bounds alone."""
    for number, bound in enumerate(bounds):
        if bound is not None and (value <= bound if isinstance(bounds, Rising) else value >= bound):
            return number
    if bounds.poor is None and isinstance(bounds, Rising):
        return POOR
    return BAD


@pytest.mark.parametrize(("name", "bounds"), SCALES, ids=[row[0] for row in SCALES])
@given(data=st.data())
def test_a_score_is_of_the_class_of_its_measure(name: str, bounds: Bounds, data: st.DataObject) -> None:
    """On both sides of every bound, and at the bound itself."""
    known = [bound for bound in bounds if bound is not None]
    near = st.sampled_from([bound * factor for bound in known for factor in (1.0, 1 + 1e-15, 1 - 1e-15, 1.001, 0.999)])
    value = data.draw(near | st.floats(0.0, 1000.0))
    # Fewer frames than fair are poor and then bad, by how few they are.
    expected = {graded(bounds, value)} if len(known) == 3 or isinstance(bounds, Rising) else None
    found = SCORING.class_of(scale(bounds, MARKS)(value))

    assert found in (expected or ({graded(bounds, value)} if value >= known[-1] else {POOR, BAD}))


@pytest.mark.parametrize(("name", "bounds"), SCALES, ids=[row[0] for row in SCALES])
@given(one=st.floats(0.0, 1000.0), other=st.floats(0.0, 1000.0))
def test_a_worse_measure_has_no_better_score(name: str, bounds: Bounds, one: float, other: float) -> None:
    """Monotonic, and on the scale."""
    of = scale(bounds, MARKS)
    low, high = of(min(one, other)), of(max(one, other))

    assert LEAST <= min(low, high) <= max(low, high) <= MOST
    assert (high >= low) if isinstance(bounds, Falling) else (high <= low)


@pytest.mark.parametrize(("name", "bounds"), SCALES, ids=[row[0] for row in SCALES])
def test_scores_have_no_steps(name: str, bounds: Bounds) -> None:
    """A thousandth of a bound more or less is never a hundredth of a point."""
    of, last = scale(bounds, MARKS), max(bound for bound in bounds if bound is not None)
    values = [of(last * step / 1000) for step in range(3000)]

    assert max(abs(after - before) for before, after in pairwise(values)) < 0.02


# ── audio

# loss, round trip, jitter buffer, playout, codec, concealment -> score
HEARD: tuple[tuple[tuple[Any, ...], float | None], ...] = (
    ((0.0, 0.02, 0.03, 0.03, "audio/opus", 0.0), 4.367),
    ((0.05, 0.02, 0.03, 0.03, "audio/opus", None), 3.549),
    # What was mended was not lost.
    ((0.05, 0.02, 0.03, 0.03, "audio/opus", 0.0), 4.367),
    ((0.0, 0.02, 0.03, 0.03, "audio/opus", 0.05), 3.549),
    ((0.05, 0.02, 0.03, 0.03, "audio/PCMU", None), 3.923),
    ((0.10, 0.02, 0.03, 0.03, "audio/red", None), 3.549),
    ((0.05, 0.02, 0.03, 0.03, None, None), 3.006),
    ((0.0, 0.6, 0.04, 0.0335, "audio/opus", 0.0), 3.458),  # 300 + 40 + 33.5 + 26.5 ms
    ((0.0, None, 0.03, 0.03, "audio/opus", 0.0), None),
    ((None, 0.02, 0.03, 0.03, "audio/opus", None), None),
)


@pytest.mark.parametrize(("given_", "expected"), HEARD, ids=[str(row[0]) for row in HEARD])
def test_speech_as_it_is_heard(given_: tuple[Any, ...], expected: float | None) -> None:
    """Concealment where it is known, else loss; nothing without a round trip time or either of them."""
    found = SCORING.audio_inbound(*given_)

    assert found is None if expected is None else found == pytest.approx(expected, abs=0.001)


def test_unknown_parts_of_the_way_are_taken_for_the_usual() -> None:
    """80 ms in the jitter buffer and 30 at the device, and not none."""
    usual = SCORING.audio_inbound(0.0, 0.3, 0.08, 0.03, "audio/opus", 0.0)

    assert SCORING.audio_inbound(0.0, 0.3, None, None, "audio/opus", 0.0) == usual
    assert SCORING.audio_outbound(0.0, 0.3, "audio/opus") == usual
    assert usual is not None
    assert SCORING.audio_inbound(0.0, 0.3, 0.0, 0.0, "audio/opus", 0.0) > usual  # type: ignore[operator]


@given(shares, shares, seconds, seconds, mimes)
def test_speech_is_never_better_with_more_loss_or_delay(
    one: float, other: float, trip: float, more: float, mime: str | None
) -> None:
    """Through whichever argument it comes."""
    less, much = sorted((one, other))
    for concealed in (True, False):
        calls = [
            SCORING.audio_inbound(
                *((None, time, 0.1, 0.1, mime, lost) if concealed else (lost, time, 0.1, 0.1, mime, None))
            )
            for lost, time in ((less, trip), (much, trip), (much, trip + more))
        ]
        assert calls == sorted(calls, reverse=True)  # type: ignore[type-var]
    outbound = [
        SCORING.audio_outbound(*row, mime) for row in ((less, trip), (much, trip), (much, trip + more))
    ]  # fmt: skip
    assert outbound == sorted(outbound, reverse=True)  # type: ignore[type-var]


def test_speech_sent_needs_what_the_other_side_says() -> None:
    """Its report of loss and the round trip time; what we sent says nothing of what came."""
    assert SCORING.audio_outbound(None, 0.1, "audio/opus") is None
    assert SCORING.audio_outbound(0.0, None, "audio/opus") is None


# ── video

# what is known -> class
SEEN: tuple[tuple[str, dict[str, Any], int], ...] = (
    ("nothing", {}, UNCLASSIFIED),
    ("quantisers alone", {"qp": 20.0, "mime": "video/VP8"}, UNCLASSIFIED),
    ("well", {"frame_rate": 30.0, "freeze": 0.0}, GOOD),
    ("a grid of fifteen", {"frame_rate": 14.8, "freeze": 0.0}, GOOD),
    ("ten frames", {"frame_rate": 10.0, "freeze": 0.0}, FAIR),
    ("six frames", {"frame_rate": 6.0, "freeze": 0.0}, POOR),
    ("five frames", {"frame_rate": 5.0, "freeze": 0.0}, BAD),
    ("short freezes", {"frame_rate": 30.0, "freeze": 0.03}, FAIR),
    ("freezes", {"frame_rate": 30.0, "freeze": 0.2}, POOR),
    ("frozen", {"frame_rate": 30.0, "freeze": 0.5}, BAD),
    ("a still picture", {"frame_rate": 1.0, "freeze": None}, UNCLASSIFIED),
    ("one frame, and trouble", {"frame_rate": 1.0, "freeze": None, "is_troubled": True}, BAD),
    ("a still screen", {"frame_rate": 0.2, "freeze": None, "is_screen": True}, UNCLASSIFIED),
    ("a screen at five", {"frame_rate": 5.0, "freeze": 0.0, "is_screen": True}, GOOD),
    (
        "a screen at three, and trouble",
        {"frame_rate": 3.0, "freeze": 0.0, "is_screen": True, "is_troubled": True},
        FAIR,
    ),
    ("coarse VP8", {"frame_rate": 30.0, "freeze": 0.0, "qp": 100.0, "mime": "video/VP8"}, POOR),
    ("the same in AV1", {"frame_rate": 30.0, "freeze": 0.0, "qp": 100.0, "mime": "video/AV1"}, GOOD),
    ("of an unknown codec", {"frame_rate": 30.0, "freeze": 0.0, "qp": 100.0, "mime": "video/x"}, GOOD),
    ("of no codec", {"frame_rate": 30.0, "freeze": 0.0, "qp": 100.0}, GOOD),
)


@pytest.mark.parametrize(("known", "expected"), [row[1:] for row in SEEN], ids=[row[0] for row in SEEN])
def test_video_as_it_is_seen(known: dict[str, Any], expected: int) -> None:
    """The worst of it counts; a picture that may be still on purpose does not."""
    assert SCORING.class_of(SCORING.video_inbound(**{"frame_rate": None, "freeze": None, **known})) == expected


SENT: tuple[tuple[str, dict[str, Any], int], ...] = (
    ("nothing", {}, UNCLASSIFIED),
    ("well", {"frame_rate": 30.0, "source_rate": 30.0, "loss": 0.0}, GOOD),
    ("not yet reported", {"frame_rate": 30.0, "source_rate": 30.0}, GOOD),
    ("lost on the way", {"frame_rate": 30.0, "source_rate": 30.0, "loss": 0.10}, POOR),
    ("the encoder is behind", {"frame_rate": 4.0, "source_rate": 30.0}, BAD),
    ("the camera is slow", {"frame_rate": 10.0, "source_rate": 10.0}, FAIR),
    ("a black picture now and then", {"frame_rate": 1.0, "source_rate": 1.0}, UNCLASSIFIED),
    ("the source is unknown", {"frame_rate": 1.0, "source_rate": None}, UNCLASSIFIED),
    ("all of a slow screen", {"frame_rate": 1.9, "source_rate": 2.0, "is_screen": True}, GOOD),
    ("a still screen", {"frame_rate": 0.0, "source_rate": 0.0, "is_screen": True}, GOOD),
    ("half of a screen", {"frame_rate": 2.5, "source_rate": 30.0, "is_screen": True}, FAIR),
    ("a screen of unknown rate", {"frame_rate": 1.0, "source_rate": None, "is_screen": True}, UNCLASSIFIED),
    ("small, as wanted", {"frame_rate": 30.0, "source_rate": 30.0, "height": 180, "source_height": 720}, GOOD),
    *(
        (
            f"{height} of {of}, because limited",
            {"frame_rate": 30.0, "source_rate": 30.0, "height": height, "source_height": of, "is_limited": True},
            expected,
        )
        for height, of, expected in (
            (170, 720, BAD),
            (180, 720, POOR),
            (360, 720, FAIR),
            (720, 720, GOOD),
            (90, None, GOOD),
        )
    ),
)


@pytest.mark.parametrize(("known", "expected"), [row[1:] for row in SENT], ids=[row[0] for row in SENT])
def test_video_as_it_is_sent(known: dict[str, Any], expected: int) -> None:
    """Against its source, and with what the other side lost of it."""
    assert SCORING.class_of(SCORING.video_outbound(**{"frame_rate": None, "source_rate": None, **known})) == expected


@pytest.mark.parametrize("mime", QUANTISERS)
def test_quantisers_end_where_the_encoder_gives_up(mime: str) -> None:
    """Fine is the best, what libwebrtc takes a smaller picture for is the end of fair, and none is bad by itself."""
    low, high, most = QUANTISERS[mime]
    seen = [SCORING.video_inbound(60.0, 0.0, qp, mime) for qp in (low, high, high * 1.001, most, most * 2)]

    assert seen[0] == MOST
    assert [SCORING.class_of(score) for score in seen[1:]] == [FAIR, POOR, POOR, POOR]


@given(rates, rates, shares, shares, st.floats(0, 300), st.floats(0, 300), st.sampled_from([*QUANTISERS, None]))
def test_video_is_never_better_with_a_worse_part(
    rate: float, faster: float, freeze: float, longer: float, qp: float, more: float, mime: str | None
) -> None:
    """Fewer frames, longer freezes and coarser pictures are each no better."""
    best = SCORING.video_inbound(rate + faster, freeze, qp, mime, is_troubled=True)
    assert best is not None
    for args in (
        (rate, freeze, qp),
        (rate + faster, min(1.0, freeze + longer), qp),
        (rate + faster, freeze, qp + more),
    ):
        worst = SCORING.video_inbound(*args, mime, is_troubled=True)
        assert worst is not None
        assert LEAST <= worst <= best <= MOST


# ── participants and verdicts


def test_a_participant_is_as_well_as_the_worst() -> None:
    """Of what is known; nothing known is nothing."""
    assert Scores(4.2, None, 3.1, 4.0).overall == 3.1
    assert Scores().overall is None
    assert (worse(None, None), worse(None, 2.0), worse(2.0, None), worse(3.0, 2.0), worse(2.0, 3.0)) == (
        None, 2.0, 2.0, 2.0, 2.0,
    )  # fmt: skip


CLASSES = ((4.5, GOOD), (4.0, GOOD), (3.999, FAIR), (3.5, FAIR), (3.499, POOR), (3.0, POOR), (2.999, BAD), (1.0, BAD),
           (None, UNCLASSIFIED))  # fmt: skip


@pytest.mark.parametrize(("score", "expected"), CLASSES)
def test_classes_of_scores(score: float | None, expected: int) -> None:
    """At a bound it is of the better class."""
    assert SCORING.class_of(score) == expected


#: grade by levels, score -> class, score
VERDICTS = (
    (GOOD, 4.3, GOOD, 4.3),
    (GOOD, 3.2, POOR, 3.2),
    (BAD, 4.2, BAD, 2.99),
    (POOR, 4.2, POOR, 3.49),
    (FAIR, 4.2, FAIR, 3.99),
    (FAIR, 3.7, FAIR, 3.7),
    (BAD, 1.2, BAD, 1.2),
    (UNCLASSIFIED, 4.2, GOOD, 4.2),
    (UNCLASSIFIED, None, UNCLASSIFIED, None),
    (GOOD, None, UNCLASSIFIED, None),
    (FAIR, None, FAIR, None),
    (BAD, None, BAD, None),
)


@pytest.mark.parametrize(("grade", "score", "found", "shown"), VERDICTS)
def test_verdicts(grade: int, score: float | None, found: int, shown: float | None) -> None:
    """The worse of both; levels alone condemn and do not acquit."""
    quality, lowered = SCORING.verdict(grade, score)

    assert quality == found
    assert lowered is None if shown is None else lowered == pytest.approx(shown)


@st.composite
def marks(draw: st.DrawFn) -> Thresholds:
    """Ends of classes as somebody may want them, however close."""
    ends = sorted(draw(st.sets(st.floats(1.001, 4.499), min_size=3, max_size=3)), reverse=True)
    return Thresholds(score=Falling(*ends))


@given(st.just(Thresholds()) | marks(), grades, scores)
def test_class_and_score_never_contradict(thresholds: Thresholds, grade: int, score: float | None) -> None:
    """No bad minute has 4.2 and no good one 2, with whatever thresholds; and neither is better than it was before."""
    scoring = Scoring(thresholds)
    quality, shown = scoring.verdict(grade, score)

    assert shown is None or scoring.class_of(shown) == quality
    assert quality == GOOD if shown is not None and shown >= thresholds.score.good else quality != GOOD
    assert (shown is None) is (score is None)
    assert shown is None or score is None or LEAST <= shown <= score
    assert quality >= grade or (grade, score) == (GOOD, None)


@given(st.lists(st.tuples(grades, scores), min_size=2, max_size=5))
def test_worse_parts_make_no_better_verdict(parts: list[tuple[int, float | None]]) -> None:
    """Adding what is worse never raises the class."""
    (grade, score), *others = parts
    before, _ = SCORING.verdict(grade, score)
    for more_grade, more_score in others:
        after, _ = SCORING.verdict(max(grade, more_grade), worse(score, more_score))
        assert after >= before or before == UNCLASSIFIED
