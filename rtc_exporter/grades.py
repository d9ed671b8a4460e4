"""
Settings that come from another table: where the classes of quality end.
"""

from dataclasses import fields
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from rtc_exporter.settings import Marks
from rtc_exporter.thresholds import Falling, Rising, Thresholds


def _bounds(name: str) -> Any:
    """A setting for one of the thresholds."""
    row = next(row for row in fields(Thresholds) if row.name == name)
    default = tuple(bound for bound in row.default if bound is not None)  # type: ignore[union-attr]  # a named tuple
    return Field(default=default, description=f"{row.metadata['help']} From: {row.metadata['source']}.")


class Quality(BaseModel):
    """Up to where a measure is good, fair or poor"""

    model_config = ConfigDict(extra="forbid", frozen=True)

    round_trip: Marks = _bounds("round_trip")
    jitter: Marks = _bounds("jitter")
    audio_loss: Marks = _bounds("audio_loss")
    video_loss: Marks = _bounds("video_loss")
    concealment: Marks = _bounds("concealment")
    freeze: Marks = _bounds("freeze")
    frame_rate: Marks = _bounds("frame_rate")
    screen_rate: Marks = _bounds("screen_rate")
    height: Marks = _bounds("height")
    score: Marks = _bounds("score")


def chosen(quality: Quality) -> Thresholds:
    """The bounds as the core takes them; ValueError names those that do not follow one another."""
    chosen: dict[str, Any] = {}
    for row in fields(Thresholds):
        given = getattr(quality, row.name, None)
        if given is not None:
            chosen[row.name] = Falling(*given) if isinstance(row.default, Falling) else Rising(*given)
    return Thresholds(**chosen)
