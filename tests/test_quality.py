"""Quality classes: the bounds of each level, and the class of a whole fold."""

import pytest

from rtc_exporter import quality, signals, spans
from rtc_exporter.quality import BAD, CLASSES, FAIR, GOOD, GUARDS, INSTEAD, LEVELS, POOR, Level
from rtc_exporter.thresholds import Rising, Thresholds
from tests.judging import SECONDS, Call, Interval

GRADED = [level for level in LEVELS if level.bounds is not None]


@pytest.mark.parametrize("level", GRADED, ids=lambda level: f"{level.stats}:{level.signal}:{level.kind}")
def test_each_bound_belongs_to_the_better_class(level: Level) -> None:
    """A value at a bound is still of the class before it, and one above is not."""
    assert level.bounds is not None
    good, fair, poor = level.bounds
    more = 1.001

    assert (level.grade(0.0), level.grade(good), level.grade(good * more)) == (GOOD, GOOD, FAIR)
    assert (level.grade(fair), level.grade(fair * more)) == (FAIR, POOR)
    if poor is None:
        assert level.grade(1e9) == POOR
    else:
        assert (level.grade(poor), level.grade(poor * more)) == (POOR, BAD)


Fold = dict[str, dict[str, float]]

WELL: Fold = {
    "audio": {"packetsReceived": 250, "packetsLost": 0, "totalSamplesReceived": 240_000, "concealedSamples": 0,
              "silentConcealedSamples": 0, "jitter": 0.005, "jitterBufferDelay": 24_000 * 0.2,
              "jitterBufferEmittedCount": 240_000},
    "video": {"packetsReceived": 500, "packetsLost": 0, "totalFreezesDuration": 0, "freezeCount": 0,
              "framesDecoded": 150, "framesPerSecond": 30},
    "sent video": {"packetsSent": 500},
    "told video": {"packetsLost": 0, "totalRoundTripTime": 0.1, "roundTripTimeMeasurements": 2},
}  # fmt: skip


def changed(ident: str, **members: float) -> Fold:
    return {**WELL, ident: {**WELL[ident], **members}}


# what differs from a good call, and its class
FOLDS: tuple[tuple[str, Interval, str], ...] = (
    ("nothing", WELL, "good"),
    ("nothing measured", {}, "unclassified"),
    ("few packets and nothing else", {"audio": {"packetsReceived": 40, "packetsLost": 9}}, "unclassified"),
    ("jitter", changed("audio", jitter=0.035), "fair"),
    ("more jitter", changed("audio", jitter=5.0), "poor"),
    ("audio loss", changed("audio", packetsReceived=245, packetsLost=5), "fair"),
    ("more audio loss", changed("audio", packetsReceived=230, packetsLost=20), "poor"),
    ("severe audio loss", changed("audio", packetsReceived=220, packetsLost=30), "bad"),
    ("video loss", changed("video", packetsReceived=480, packetsLost=20), "fair"),
    ("severe video loss", changed("video", packetsReceived=250, packetsLost=250), "poor"),
    ("loss on the way there", changed("told video", packetsLost=20), "fair"),
    ("concealment", changed("audio", concealedSamples=12_000), "poor"),
    ("concealed silence", changed("audio", concealedSamples=48_000, silentConcealedSamples=48_000), "good"),
    ("severe concealment", changed("audio", concealedSamples=24_000), "bad"),
    ("a short freeze", changed("video", totalFreezesDuration=0.2, freezeCount=1), "fair"),
    ("a freeze", changed("video", totalFreezesDuration=1.0, freezeCount=1), "poor"),
    ("a long freeze", changed("video", totalFreezesDuration=4.0, freezeCount=1), "bad"),
    ("a still picture", changed("video", totalFreezesDuration=4.0, freezeCount=4, framesDecoded=5), "good"),
    ("one frame a second", changed("video", framesDecoded=5, framesPerSecond=1), "good"),
    ("a long way", changed("told video", totalRoundTripTime=0.5), "fair"),
    ("a longer way", changed("told video", totalRoundTripTime=1.0), "poor"),
    ("around the moon", changed("told video", totalRoundTripTime=5.2), "bad"),
    # A share that is fair for video is poor for audio, though it is the smaller one.
    (
        "both lose",
        {
            **changed("audio", packetsReceived=240, packetsLost=10),
            "video": changed("video", packetsReceived=475, packetsLost=25)["video"],
        },
        "poor",
    ),
)  # fmt: skip


@pytest.mark.parametrize(("interval", "expected"), [row[1:] for row in FOLDS], ids=[row[0] for row in FOLDS])
def test_the_worst_value_makes_the_class(interval: Interval, expected: str) -> None:
    """Good needs everything that was measured to be good."""
    call = Call()
    call.play([WELL, WELL, interval])

    assert call.judge.quality == expected


def test_values_are_those_of_the_worst_stream() -> None:
    """Each measure once, of the stream that is worst off; what was not measured is absent."""
    call = Call()
    second = {"video#2": {**WELL["video"], "ssrc": 9, "framesPerSecond": 7, "packetsReceived": 475, "packetsLost": 25}}
    call.play([{**WELL, **second}] * 2)

    assert call.judge.values == pytest.approx(
        {
            "rtc.packet_loss.ratio": 0.05,
            "rtc.remote_packet_loss.ratio": 0.0,
            "rtc.jitter": 0.005,
            "rtc.round_trip_time": 0.05,
            "rtc.jitter_buffer.delay": 0.02,
            "rtc.concealment.ratio": 0.0,
            "rtc.freeze.ratio": 0.0,
            "rtc.frame_rate": 7,
        }
    )
    call.fold({})
    assert call.judge.values == {}


def test_disconnected_is_bad() -> None:
    """Whoever follows ICE says so, whatever was measured before."""
    call = Call()
    call.judge.is_disconnected = True
    call.play([WELL, WELL])

    assert call.judge.quality == "bad"


def test_a_gap_is_unclassified() -> None:
    """Nothing is known of it."""
    call = Call()
    call.play([WELL, WELL])
    assert call.judge.quality == "good"

    call.judge.reset()
    call.fold(WELL, gap=True)

    assert (call.judge.quality, call.judge.values) == ("unclassified", {})


def test_a_freeze_with_signs_of_trouble_counts_at_any_frame_rate() -> None:
    """Few frames because they were lost are no still picture."""
    lost = changed("video", totalFreezesDuration=4.0, freezeCount=1, framesDecoded=5, nackCount=30)
    call = Call()
    call.play([changed("video", nackCount=0)] * 2 + [lost])

    assert call.judge.values["rtc.freeze.ratio"] == pytest.approx(4.0 / SECONDS)


# ── the table


def test_other_thresholds_make_other_classes() -> None:
    """The table is made of what somebody chose."""
    loss = next(level for level in quality.levels(Thresholds(audio_loss=Rising(0.05, 0.1))) if level.kind == "audio")

    assert (loss.signal, loss.grade(0.05), loss.grade(0.5)) == ("loss_ratio", GOOD, POOR)


def test_measures_and_classes_are_those_of_the_spans() -> None:
    """Segments carry what is measured here."""
    assert {level.measure for level in LEVELS} == set(spans.MEASURES)
    assert CLASSES == spans.CLASSES
    assert CLASSES[quality.UNCLASSIFIED] == "unclassified"


def test_what_is_read_is_there() -> None:
    """Every level, guard and stand-in is about a signal."""
    rows = {(signal.stats, signal.name) for signal in signals.SIGNALS}

    assert {(level.stats, level.signal) for level in LEVELS} | GUARDS.keys() | INSTEAD.keys() <= rows
    assert set(INSTEAD.values()) <= rows


def test_a_signal_feeds_one_measure_of_a_kind() -> None:
    """The first level that fits is taken, so there is but one."""
    keys = [(level.stats, level.signal, level.kind) for level in LEVELS]
    general = {(level.stats, level.signal) for level in LEVELS if not level.kind}

    assert len(set(keys)) == len(keys)
    assert all(kind == "" for stats, signal, kind in keys if (stats, signal) in general)


@pytest.mark.parametrize("level", GRADED, ids=lambda level: f"{level.stats}:{level.signal}:{level.kind}")
def test_bounds_rise(level: Level) -> None:
    """From good over fair to poor."""
    known = [bound for bound in level.bounds or () if bound is not None]

    assert known == sorted(known)
