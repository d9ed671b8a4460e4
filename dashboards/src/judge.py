"""
From which value on something is green, yellow, orange or red: the tables of the exporter as Grafana's thresholds.

Colours of judgement are used for judged values alone; what is only told has the palette.
"""

from collections.abc import Sequence
from typing import TypeAlias

from rtc_exporter.thresholds import Falling, Rising, Thresholds

#: From this value on this colour; the first has no value.
Steps: TypeAlias = Sequence[tuple[float | None, str]]

GREEN, YELLOW, ORANGE, RED, GREY = "green", "yellow", "orange", "red", "#8e8e99"
LIMITS = Thresholds()

#: Quality classes and sides keep their colours on every dashboard.
CLASSES = {"good": GREEN, "fair": YELLOW, "poor": ORANGE, "bad": RED, "unclassified": GREY}
SIDES = {
    "network": "blue",
    "infrastructure": "#e02f44",
    "application": "orange",
    "device": "purple",
    "peer": "#6ed0e0",
    "user": "#b7b7c4",
    "unknown": GREY,
}
SEVERITIES = {"critical": RED, "warning": ORANGE, "info": "blue"}


def rising(bounds: Rising) -> Steps:
    """Less is better: green up to ``good``, and so on."""
    steps: list[tuple[float | None, str]] = [(None, GREEN), (bounds.good, YELLOW), (bounds.fair, ORANGE)]
    if bounds.poor is None:
        return [*steps[:2], (bounds.fair, RED)]
    return [*steps, (bounds.poor, RED)]


def falling(bounds: Falling) -> Steps:
    """More is better: green from ``good`` on."""
    if bounds.poor is None:
        return [(None, RED), (bounds.fair, YELLOW), (bounds.good, GREEN)]
    return [(None, RED), (bounds.poor, ORANGE), (bounds.fair, YELLOW), (bounds.good, GREEN)]


def objective(wanted: float) -> Steps:
    """A share of good events: green where the objective is kept, red where its budget burns three times too fast."""
    return [(None, RED), (round(1 - 3 * (1 - wanted), 6), ORANGE), (wanted, GREEN)]


def budget(wanted: float) -> Steps:
    """A share of bad events, against the same objective."""
    return [(None, GREEN), (round(1 - wanted, 6), ORANGE), (round(3 * (1 - wanted), 6), RED)]


#: What is left of a budget: 1 is all of it, under 0 it is overdrawn.
LEFT: Steps = [(None, RED), (0.0, ORANGE), (0.25, GREEN)]
#: Where one is one too many.
NONE_IS_GOOD: Steps = [(None, GREEN), (1.0, RED)]
SOME_IS_GOOD: Steps = [(None, RED), (0.001, GREEN)]
