"""Segments of a call: where they are cut, and what they say."""

import pytest

from rtc_exporter.segments import Segments, Tally, percentiles

Cut = tuple[float, float, str, str]


def play(folds: list[tuple[float, str]]) -> tuple[list[Cut], Segments]:
    """The segments that end: begin, end, class, reason."""
    segments = Segments(0.0)
    done = [cut for time, quality in folds for cut in segments.fold(time, quality, {})]
    return [(tally.start, tally.end, tally.quality, reason) for tally, reason in done], segments


def steady(quality: str, begin: int, end: int, step: int = 5) -> list[tuple[float, str]]:
    return [(float(time), quality) for time in range(begin + step, end + step, step)]


CASES: dict[str, tuple[list[tuple[float, str]], list[Cut]]] = {
    "five minutes are a segment": (
        steady("good", 0, 650), [(0, 300, "good", "interval"), (300, 600, "good", "interval")],
    ),
    "a lasting change cuts where it was": (
        steady("good", 0, 60) + steady("poor", 60, 120) + steady("good", 120, 180),
        [(0, 60, "good", "quality"), (60, 120, "poor", "quality")],
    ),
    "a change that does not last half a minute does not cut": (
        steady("good", 0, 60) + steady("bad", 60, 70) + steady("good", 70, 330), [(0, 300, "good", "interval")],
    ),
    "folds that come a bit later each time": (
        [(5.2 * number, "good") for number in range(1, 116)],
        [(0, 5.2 * 57, "good", "interval"), (5.2 * 57, 5.2 * 114, "good", "interval")],
    ),
    "a change of class that has not lasted when five minutes are over": (
        steady("good", 0, 290) + steady("bad", 290, 330),
        [(0, 300, "good", "interval")],
    ),
    "reports every minute and a half": (
        steady("good", 0, 630, 90), [(0, 270, "unclassified", "interval"), (270, 540, "unclassified", "interval")],
    ),
    "reports every ten seconds": (steady("fair", 0, 300, 10), [(0, 300, "fair", "interval")]),
    "the first class is no change": (
        steady("unclassified", 0, 10) + steady("good", 10, 300), [(0, 300, "good", "interval")],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("folds", "expected"), CASES.values(), ids=CASES)
def test_where_segments_are_cut(folds: list[tuple[float, str]], expected: list[Cut]) -> None:
    """Every five minutes, and at a change of class that lasts."""
    assert play(folds)[0] == expected


def test_a_restless_call_keeps_its_budget() -> None:
    """Classes that change every half minute for eight hours: four cuts, one each ten minutes, and the interval's."""
    folds = [fold for begin in range(0, 8 * 3600, 60) for fold in
             steady("good", begin, begin + 30) + steady("bad", begin + 30, begin + 60)]  # fmt: skip
    done, _ = play(folds)

    assert len(done) <= 96 + 4 + 48
    assert [cut[0] for cut in done[1:]] == [cut[1] for cut in done[:-1]]


def test_no_second_is_lost_or_counted_twice() -> None:
    """Seconds by class add up to the stay, whatever was cut."""
    done, segments = play(steady("good", 0, 95) + steady("bad", 95, 222))
    rest = segments.finish(230.0)
    assert rest is not None

    assert sum(end - start for start, end, _, _ in done) + sum(rest.classes.values()) == pytest.approx(230.0)
    assert rest.end == 230.0


def test_a_sleeping_page_is_not_classified() -> None:
    """Two reports ten minutes apart say nothing about the time between."""
    _, segments = play([(5, "good"), (605, "good"), (610, "good")])
    rest = segments.finish(610.0)

    assert rest is None or "good" not in rest.classes or rest.classes["good"] < 600
    assert Segments(0.0).finish(0.0) is None


def test_a_clock_that_steps_back_adds_nothing() -> None:
    """The event clock follows NTP."""
    _, segments = play([(5, "good"), (3, "good"), (6, "good")])
    rest = segments.finish(6.0)

    assert rest is not None
    assert rest.classes == {"good": 6.0}


@pytest.mark.parametrize("jump", [-1e9, -3600.0, -10.0, 86_400.0, 1e9])
def test_a_clock_that_is_set_neither_lasts_nor_stops(jump: float) -> None:
    """What has passed stays passed, and the five minutes go on."""
    done, segments = play(steady("good", 0, 100) + [(time + jump, q) for time, q in steady("good", 100, 400)])

    assert [(end - start, reason) for start, end, _, reason in done] == [(300, "interval")]
    rest = segments.finish(400.0 + jump)
    assert rest is not None
    assert rest.end - rest.start == pytest.approx(95)


def test_a_segment_ends_where_nothing_is_told_any_more() -> None:
    """When it is told that five minutes are over; what comes then belongs to the next."""
    segments = Segments(0.0)
    segments.fold(5.0, "good", {})
    late = segments.rest(299.9, "good")
    rest = segments.finish(310.0)

    assert [(tally.start, tally.end, tally.classes, reason) for tally, reason in late] == [
        (0.0, 299.9, {"good": 5.0, "unclassified": 294.9}, "interval"),
    ]  # fmt: skip
    assert rest is not None
    assert (rest.start, rest.end) == (299.9, 310.0)


@pytest.mark.parametrize(
    ("values", "expected"),
    [([3.0], (3.0, 3.0, 3.0)), ([1.0, 2.0, 3.0], (2.0, 3.0, 3.0)), ([0.25, 0.125], (0.125, 0.25, 0.25)),
     ([float(number) for number in range(1, 101)], (50.0, 95.0, 100.0))],
)  # fmt: skip
def test_percentiles_are_values_that_were_seen(values: list[float], expected: tuple[float, ...]) -> None:
    """Nearest rank: no value is made up."""
    assert percentiles(values) == expected


def test_what_a_segment_says() -> None:
    """Classes that did not occur and measures that nobody made are absent."""
    tally = Tally(0.0)
    tally.pass_time(20.0, "good")
    tally.pass_time(10.0, "poor")
    tally.observe({"rtc.jitter": 0.01})
    tally.observe({"rtc.jitter": 0.03})
    tally.add("rtc.bytes.received", 1234.0)
    tally.add("rtc.freeze.time", 0.5)
    tally.add("rtc.freezes", 0.0)

    assert tally.attributes() == {
        "rtc.quality": "good", "rtc.quality_time.good": 20.0, "rtc.quality_time.poor": 10.0,
        "rtc.jitter.p50": 0.01, "rtc.jitter.p95": 0.03, "rtc.jitter.max": 0.03,
        "rtc.bytes.received": 1234, "rtc.freeze.time": 0.5,
    }  # fmt: skip


def test_values_of_a_segment_are_bounded() -> None:
    """A client that reports ten times a second does not fill the memory."""
    tally = Tally(0.0)
    for _ in range(1000):
        tally.observe({"rtc.jitter": 0.01})

    assert len(tally.values["rtc.jitter"]) == 300
