"""
Up to where a measure is good, fair or poor: every bound that classes and scores are made with, and where it is from.

One frozen value holds them all, so that an operator can have others.  Change a default here, and the levels of
``quality``, the scores and the pages follow.
"""

from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from itertools import pairwise
from math import isfinite
from typing import Any, NamedTuple, TypeAlias


class Rising(NamedTuple):
    """Less is better.  At a bound it is still of the class before it; without ``poor`` it is never bad by itself."""

    good: float
    fair: float
    poor: float | None = None


class Falling(NamedTuple):
    """More is better.  At a bound it is still of the better class; without ``poor`` it is bad near nothing."""

    good: float
    fair: float
    poor: float | None = None


Bounds: TypeAlias = Rising | Falling


def _about(help: str, source: str, most: float | None = None) -> dict[str, Any]:
    return {"help": help, "source": source, "most": most}


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Bounds in the units of the signals: seconds, shares of 1, frames a second, points of the five-point scale."""

    round_trip: Rising = field(
        default=Rising(0.15, 0.30, 0.80),
        metadata=_about(
            "Round trip time, by RTCP where it is told, else by ICE.",
            "ObserveRTC (150 and 300 ms); ITU-T G.114 (400 ms one way is the most a network may plan for)",
        ),
    )
    jitter: Rising = field(
        default=Rising(0.03, 0.04),
        metadata=_about(
            "Jitter of audio packets.",
            "Twilio and Teams CQD (30 ms); rtcStats and Pexip (40 ms)",
        ),
    )
    audio_loss: Rising = field(
        default=Rising(0.01, 0.03, 0.10),
        metadata=_about(
            "Share of audio packets lost.",
            "Pexip (1 and 3 %); Teams CQD (10 %)",
            most=1.0,
        ),
    )
    video_loss: Rising = field(
        default=Rising(0.02, 0.06),
        metadata=_about(
            "Share of video packets lost.",
            "LiveKit (2 and 6 %)",
            most=1.0,
        ),
    )
    concealment: Rising = field(
        default=Rising(0.01, 0.03, 0.07),
        metadata=_about(
            "Share of audio made up, silence not counted.",
            "ObserveRTC (1 and 3 %); Teams CQD (7 %)",
            most=1.0,
        ),
    )
    freeze: Rising = field(
        default=Rising(0.01, 0.05, 0.30),
        metadata=_about(
            "Share of time in which video stands still.",
            "rtcStats (5 %); webrtc-issue-detector (30 %); good at a fifth of fair",
            most=1.0,
        ),
    )
    frame_rate: Falling = field(
        default=Falling(14.0, 7.0),
        metadata=_about(
            "Frames a second of a camera.",
            # Many video grids are sent at fifteen; one frame an interval is lost in counting.
            "Chen and Thropp 2007 (15 a second, less one for counting); Teams CQD (7)",
        ),
    )
    screen_rate: Falling = field(
        default=Falling(5.0, 2.0),
        metadata=_about(
            "Frames a second of a shared screen that moves.",
            "Teams CQD, VBSS (2); good where it is no longer taken for a still picture (5)",
        ),
    )
    height: Falling = field(
        default=Falling(0.75, 0.50, 0.25),
        metadata=_about(
            "Height of the picture for each line of its source.",
            "libwebrtc (a step of its adaptation is about 3/4); LiveKit (a layer less is not excellent, two are poor)",
            most=1.0,
        ),
    )
    setup_time: Rising = field(
        default=Rising(2.0, 5.0),
        metadata=_about(
            "Time from the first step to being connected.",
            "ObserveRTC (5 s); rtcStats (signalling 1 s, a TURN candidate 0.5 s) for 2 s",
        ),
    )
    score: Falling = field(
        default=Falling(4.0, 3.5, 3.0),
        metadata=_about(
            "Score, from 1 to 4.5.",
            "peermetrics and Zoom (4.0); Twilio's documents and Genesys (3.5); Twilio's code and peermetrics (3.0)",
            most=4.5,
        ),
    )

    def __post_init__(self) -> None:
        for row in fields(self):
            _check(row, getattr(self, row.name))


def _check(row: Field[Any], got: Bounds) -> None:
    """Bounds that do not follow one another would make a class that nothing can be of."""
    kind = type(row.default)
    known = [bound for bound in got if bound is not None]
    falls = kind is Falling
    most: float | None = row.metadata["most"]
    is_whole = isinstance(got, kind) and None not in got[:2]
    if not is_whole or not all(isfinite(bound) and bound > 0 for bound in known):
        wanted = "positive numbers, the third may be absent"
    elif any((after >= before) if falls else (after <= before) for before, after in pairwise(known)):
        wanted = f"each {'less' if falls else 'more'} than the one before"
    elif most is not None and max(known) > most:
        wanted = f"at most {most:g}"
    elif row.name == "score" and (len(known) < 3 or min(known) <= 1.0):
        wanted = "three bounds above 1"
    else:
        return
    raise ValueError(f"{row.name} is {tuple(got)}, wanted bounds of good, fair and poor: {wanted}")


def sources() -> Mapping[str, tuple[str, str]]:
    """What each threshold is about, and where its default is from."""
    return {row.name: (row.metadata["help"], row.metadata["source"]) for row in fields(Thresholds)}
