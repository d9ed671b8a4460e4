"""Thresholds: each has a source, and bounds that do not follow one another are refused by name."""

from dataclasses import fields, replace
from math import inf, nan
from typing import Any

import pytest

from rtc_exporter.thresholds import Falling, Rising, Thresholds, sources

ROWS = fields(Thresholds)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_every_threshold_says_what_it_is_and_where_it_is_from(row: Any) -> None:
    """An operator can judge whether it is meant for them."""
    help, source = sources()[row.name]

    assert help.endswith(".")
    assert source


WRONG: tuple[tuple[str, Any, str], ...] = (
    ("audio_loss", Rising(0.03, 0.01, 0.10), "each more than the one before"),
    ("audio_loss", Rising(0.01, 0.01, 0.10), "each more than the one before"),
    ("audio_loss", Rising(0.01, 0.03, 0.02), "each more than the one before"),
    ("audio_loss", Rising(0.01, 0.03, 1.5), "at most 1"),
    ("audio_loss", Rising(1.0, 3.0, 10.0), "at most 1"),
    ("audio_loss", Rising(0.0, 0.03), "positive numbers"),
    ("audio_loss", Rising(nan, 0.03), "positive numbers"),
    ("round_trip", Rising(0.1, inf), "positive numbers"),
    ("round_trip", Rising(0.1, None), "positive numbers"),  # type: ignore[arg-type]
    ("round_trip", Falling(0.3, 0.1), "positive numbers"),
    ("frame_rate", Falling(7.0, 14.0), "each less than the one before"),
    ("height", Falling(2.0, 0.5), "at most 1"),
    ("score", Falling(4.0, 3.5), "three bounds above 1"),
    ("score", Falling(4.0, 3.5, 0.5), "three bounds above 1"),
    ("score", Falling(4.8, 3.5, 3.0), "at most 4.5"),
)


@pytest.mark.parametrize(("name", "bounds", "wanted"), WRONG, ids=[f"{row[0]}-{n}" for n, row in enumerate(WRONG)])
def test_wrong_bounds_are_refused_by_name(name: str, bounds: Any, wanted: str) -> None:
    """The text says which, what was got and what was wanted."""
    with pytest.raises(ValueError, match=rf"^{name} is \(.*wanted.*{wanted}"):
        replace(Thresholds(), **{name: bounds})


def test_other_bounds_are_taken() -> None:
    """Each can be had otherwise, with or without a third."""
    assert Thresholds(jitter=Rising(0.05, 0.1, 0.2)).jitter.poor == 0.2
    assert Thresholds(audio_loss=Rising(0.05, 0.1)).audio_loss.poor is None
