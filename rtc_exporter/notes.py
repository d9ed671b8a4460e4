"""
What happened to somebody's page, said in a few words: marks on the pictures, and the stages of a setup.

One row of ``NOTED`` for each event that is worth a mark.  Its words are of closed sets: nothing that a client chose.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from rtc_exporter.model import Member

#: Networks that browsers name (Network Information API), and kinds of media.
NETWORKS = frozenset(("bluetooth", "cellular", "cell", "ethernet", "none", "wifi", "wimax", "other", "unknown"))
KINDS = frozenset(("audio", "video"))


class Note(NamedTuple):
    """Something that happened once; ``time`` is of our clock."""

    time: float
    name: str
    label: str


class Stage(NamedTuple):
    """A stretch of a setup; times are of our clock."""

    name: str
    peer_connection: str
    begin: float
    end: float
    is_bad: bool = False


Facts = Mapping[str, Member]


def _kind(facts: Facts) -> str:
    kind = facts.get("kind")
    return f"{kind} " if kind in KINDS else ""


def _stars(facts: Facts) -> str:
    value = facts.get("value")
    return f"rated {value:.0f} of 5" if isinstance(value, int | float) and 0 <= value <= 5 else "rated"


def _network(facts: Facts) -> str:
    kind = facts.get("type")
    return f"network is {kind}" if kind in NETWORKS else "network changed"


#: Event -> how it is told.
NOTED: dict[str, Callable[[Facts], str]] = {
    "mute": lambda facts: f"{_kind(facts)}track muted",
    "unmute": lambda facts: f"{_kind(facts)}track unmuted",
    "ended": lambda facts: f"{_kind(facts)}track ended",
    "enabled": lambda facts: f"{_kind(facts)}track switched {'on' if facts.get('flag') is True else 'off'}",
    "replaceTrack": lambda facts: f"{_kind(facts)}track replaced",
    "getDisplayMediaOnSuccess": lambda _: "screen shared",
    "devicechange": lambda _: "devices changed",
    "visibilitychange": lambda facts: "page hidden" if facts.get("flag") is True else "page shown",
    "networkchange": _network,
    "battery": lambda facts: "charging" if facts.get("flag") is True else "on battery",
    "restartIce": lambda _: "ICE restart",
    "feedback": _stars,
    "baseless": lambda _: "reports cannot be read, or not whole: they build on others that never came",
}
