"""The E-model: published values, what more loss and more delay do, and the ends of the scale."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtc_exporter import emodel
from rtc_exporter.emodel import (
    BEST,
    CODECS,
    LEAST,
    MOST,
    UNKNOWN,
    Codec,
    codec,
    delay_impairment,
    equipment_impairment,
    opinion,
    speech,
)

shares = st.floats(0.0, 1.0)
delays = st.floats(0.0, 60.0)
codecs = st.sampled_from([*CODECS.values(), UNKNOWN])
bursts = st.floats(1.0, 20.0)

#: ITU-T G.107 (06/2015) 7.7: R of the defaults; annex B, table B.1: opinions of R, two digits; figure B.2: the ends.
OPINIONS = ((93.2, 4.41), (90, 4.34), (80, 4.03), (70, 3.60), (60, 3.10), (50, 2.58), (100, 4.5), (120, 4.5), (0, 1.0),
            (-20, 1.0))  # fmt: skip


@pytest.mark.parametrize(("rating", "expected"), OPINIONS)
def test_opinions_are_those_of_the_recommendation(rating: float, expected: float) -> None:
    """The cubic of annex B; its table has 4.03 for 80, where the cubic gives 4.024."""
    assert opinion(rating) == pytest.approx(expected, abs=0.007)


#: What loss adds to the impairment: the tables of G.113 appendix I as they were before it had ``bpl``, by listening
#: tests.  The robustness of today's appendix was fitted to them, to a point or two.
LOSSES = (
    ("audio/pcmu", 0.01, 5.0), ("audio/pcmu", 0.02, 7.0), ("audio/pcmu", 0.03, 10.0), ("audio/pcmu", 0.05, 15.0),
    ("audio/pcma", 0.10, 25.0), ("audio/g729", 0.01, 4.0), ("audio/g729", 0.02, 8.0), ("audio/g729", 0.05, 17.5),
    ("audio/g729", 0.10, 27.5),
)  # fmt: skip


@pytest.mark.parametrize(("mime", "loss", "added"), LOSSES)
def test_loss_harms_as_listeners_said(mime: str, loss: float, added: float) -> None:
    """The formula with ``bpl`` gives what the tables before it gave."""
    row = codec(mime)

    assert equipment_impairment(loss, row) - row.ie == pytest.approx(added, abs=2.6)


#: (seconds, Idd), by the formula of G.107 7.4 with sT 1 and mT 100 ms; at 0.2, 0.4 and 0.8 its X is 1, 2 and 3.
DELAYS = ((0.0, 0.0), (0.1, 0.0), (0.15, 0.164), (0.2, 3.044), (0.3, 14.761), (0.4, 24.070), (0.8, 40.832))


@pytest.mark.parametrize(("delay", "expected"), DELAYS)
def test_delay_harms_from_a_tenth_of_a_second_on(delay: float, expected: float) -> None:
    """Nothing below, little to 200 ms, and what G.114 forbids is felt."""
    assert delay_impairment(delay) == pytest.approx(expected, abs=0.001)


def test_a_call_without_loss_and_delay_is_as_good_as_the_codec() -> None:
    """R 93.2 is 4.41, and G.711 costs nothing."""
    assert speech(0.0, 0.0, codec("audio/PCMA")) == pytest.approx(4.409, abs=0.001)
    assert opinion(BEST) == speech(0.0, 0.1, codec("audio/PCMU"))


@given(shares, shares, delays, codecs, bursts)
def test_more_loss_is_never_better(one: float, other: float, delay: float, of: Codec, burst: float) -> None:
    """For every codec, at every delay, by chance or in bursts."""
    less, more = sorted((one, other))

    assert speech(more, delay, of, burst) <= speech(less, delay, of, burst)


@given(delays, delays, shares, codecs)
def test_more_delay_is_never_better(one: float, other: float, loss: float, of: Codec) -> None:
    """At every loss, up to a minute."""
    less, more = sorted((one, other))

    assert speech(loss, more, of) <= speech(loss, less, of) + 1e-12


@given(shares, delays, codecs)
def test_bursts_are_never_better_than_chance(loss: float, delay: float, of: Codec) -> None:
    """The same loss in a row is worse."""
    assert speech(loss, delay, of, 3.0) <= speech(loss, delay, of)


@given(shares, delays, codecs, bursts)
def test_opinions_are_on_the_scale(loss: float, delay: float, of: Codec, burst: float) -> None:
    """From 1 to 4.5, whatever is put in."""
    assert LEAST <= speech(loss, delay, of, burst) <= MOST


def test_a_burst_ratio_of_two_counts() -> None:
    """10 % of Opus in pairs: 2.03 + 92.97 * 10 / (10 / 2 + 15.95)."""
    assert equipment_impairment(0.10, codec("audio/opus"), 2.0) == pytest.approx(46.407, abs=0.001)


@given(st.floats(-200, 300), st.floats(0.0, 0.01))
def test_opinions_have_no_steps(rating: float, more: float) -> None:
    """A hundredth of a point more is never less, and never more than a thousandth of an opinion."""
    assert 0.0 <= opinion(rating + more) - opinion(rating) + 1e-12 <= 0.001


CODEC_NAMES = (
    ("audio/opus", "audio/opus"), ("audio/OPUS", "audio/opus"), ("audio/PCMU", "audio/pcmu"), (None, ""),
    ("audio/x", ""), ("video/VP8", ""), ("", ""),
)  # fmt: skip


@pytest.mark.parametrize(("mime", "row"), CODEC_NAMES)
def test_codecs_are_found_by_type(mime: str | None, row: str) -> None:
    """In any case; who is not known is not given the benefit of the doubt."""
    assert codec(mime) == CODECS.get(row, UNKNOWN)


def test_an_unknown_codec_suffers_most() -> None:
    """No row of the table loses more to loss, and without it an unknown one is still good."""
    for row in CODECS.values():
        assert speech(0.03, 0.05, UNKNOWN) < speech(0.03, 0.05, row)
    assert speech(0.0, 0.05, UNKNOWN) > 4.0


def test_types_are_in_lower_case() -> None:
    """Or they would not be found in another."""
    assert all(mime == mime.lower() for mime in CODECS)
    assert emodel.codec("Audio/Red").copies == 2.0
