"""Gaps that wait for their cause: how long, how many, and which folds speak for them."""

from rtc_exporter.dialogue import About, Pause
from rtc_exporter.gaps import PATIENCE, WAITING, Evidence, Gaps

ABOUT = About("desk", "own", "audio")
QUIET = Evidence(0.0, 5.0, 0.0, 0.0, 0.0, True)


def pause(start: float, end: float, is_told: bool = False) -> Pause:
    """A gap of the agent."""
    return Pause(ABOUT, start, end, is_told)


def causes(gaps: Gaps, *folds: Evidence) -> list[str]:
    """What the folds settle."""
    return [gap.cause for fold in folds for gap in gaps.fold(fold)]


def test_a_gap_waits_for_the_fold_that_reaches_beyond_it() -> None:
    """A fold that ends in the middle of it decides nothing, and still speaks for it."""
    gaps = Gaps()
    first = QUIET._replace(end=2.5, missing=0.3)
    assert gaps.add(pause(2.0, 3.0)) == []

    assert causes(gaps, first) == []
    assert gaps.is_busy
    assert causes(gaps, QUIET._replace(start=2.5, end=7.5)) == ["network"]
    assert not gaps.is_busy


def test_a_fold_before_the_gap_was_told_speaks_for_it() -> None:
    """A gap is told at its end: the fold in its middle has come by then."""
    gaps = Gaps()
    causes(gaps, QUIET._replace(end=2.5, concealed=0.4))
    gaps.add(pause(2.0, 3.0))

    assert causes(gaps, QUIET._replace(start=2.5, end=7.5)) == ["pipeline"]


def test_other_folds_do_not_speak_for_it() -> None:
    """What was lost before it began or after it ended has nothing to do with it."""
    gaps = Gaps()
    causes(gaps, QUIET._replace(end=1.0, missing=5.0))
    gaps.add(pause(2.0, 3.0))

    assert causes(gaps, QUIET._replace(start=1.0, end=6.0), QUIET._replace(start=6.0, end=9.0, missing=5.0)) == [
        "unknown"
    ]


def test_evidence_has_to_be_enough() -> None:
    """A quarter of the gap is, less is not; the device speaks before the network, which speaks before the pipeline."""
    for synthesized, missing, concealed, cause in (
        (0.25, 0.25, 0.25, "device"),
        (0.24, 0.25, 0.25, "network"),
        (0.24, 0.24, 0.25, "pipeline"),
        (0.24, 0.24, 0.24, "unknown"),
        (None, None, None, "unknown"),
        (None, 0.25, None, "network"),
    ):
        gaps = Gaps()
        gaps.add(pause(1.0, 2.0))
        fold = QUIET._replace(synthesized=synthesized, missing=missing, concealed=concealed)

        assert causes(gaps, fold) == [cause]


def test_packets_that_stop_altogether_are_the_pipeline() -> None:
    """Nothing came and nothing is missing."""
    gaps = Gaps()
    gaps.add(pause(1.0, 4.0))

    assert causes(gaps, QUIET._replace(received=False)) == ["pipeline"]


def test_an_agent_that_says_that_it_speaks_needs_a_fold_to_be_believed() -> None:
    """Without a report nobody knows where the audio went."""
    gaps = Gaps()
    gaps.add(pause(1.0, 2.0, is_told=True))
    assert [gap.cause for gap in gaps.finish()] == ["unknown"]
    gaps.add(pause(1.0, 2.0, is_told=True))
    assert causes(gaps, QUIET) == ["pipeline"]


def test_without_reports_gaps_go_in_time_and_in_number() -> None:
    """The oldest makes room; after a while none waits."""
    gaps = Gaps()
    for number in range(WAITING):
        assert gaps.add(pause(number, number + 0.5)) == []
    (gone,) = gaps.add(pause(90.0, 90.5))
    assert (gone.start, gone.cause) == (0.0, "unknown")

    assert len(gaps.tick(80.0)) == WAITING - 1
    assert gaps.tick(90.4 + PATIENCE) == []
    assert len(gaps.tick(90.5 + PATIENCE)) == 1
