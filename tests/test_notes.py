"""What is said of events is of closed words, whatever a client tells."""

import pytest

from rtc_exporter import w3c
from rtc_exporter.model import Member
from rtc_exporter.notes import NOTED

CASES: list[tuple[str, dict[str, Member], str]] = [
    ("mute", {"kind": "audio"}, "audio track muted"),
    ("unmute", {"kind": "video"}, "video track unmuted"),
    ("ended", {}, "track ended"),
    ("enabled", {"flag": False, "kind": "audio"}, "audio track switched off"),
    ("enabled", {"flag": True}, "track switched on"),
    ("replaceTrack", {"kind": "video"}, "video track replaced"),
    ("getDisplayMediaOnSuccess", {}, "screen shared"),
    ("devicechange", {}, "devices changed"),
    ("visibilitychange", {"flag": True}, "page hidden"),
    ("visibilitychange", {"flag": False}, "page shown"),
    ("networkchange", {"type": "wifi"}, "network is wifi"),
    ("networkchange", {"type": "<script>"}, "network changed"),
    ("battery", {"flag": False}, "on battery"),
    ("battery", {"flag": True}, "charging"),
    ("restartIce", {}, "ICE restart"),
    ("feedback", {"value": 4.0}, "rated 4 of 5"),
    ("feedback", {"value": float("nan")}, "rated"),
    ("feedback", {"value": 1e300}, "rated"),
    ("feedback", {"value": "5<b>"}, "rated"),
    ("baseless", {"kind": "<script>"}, "reports cannot be read, or not whole: they build on others that never came"),
    ("mute", {"kind": "<script>"}, "track muted"),
]


@pytest.mark.parametrize(("name", "facts", "words"), CASES)
def test_an_event_is_told_in_closed_words(name: str, facts: dict[str, Member], words: str) -> None:
    """Nothing of what a client chose is repeated."""
    assert NOTED[name](facts) == words


def test_every_event_that_is_told_exists_and_has_a_case() -> None:
    """And no row is left of one that is gone."""
    assert NOTED.keys() <= w3c.EVENTS
    assert NOTED.keys() == {name for name, _, _ in CASES}
