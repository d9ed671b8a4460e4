"""Where things stand: times from left to right, values from the bottom up, and what is written beside them."""

from collections.abc import Callable
from math import ceil, floor, log10
from typing import NamedTuple

DAY, HOUR, MINUTE = 86_400, 3_600, 60
#: Between a number and its unit, which stay on one line.
NEAR = "\N{NO-BREAK SPACE}"
#: Seconds between two marks of a time axis.
STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400)
#: Marks that have room on a phone.
MARKS = 4


class Span(NamedTuple):
    """The stretch of time that a picture shows, in Unix seconds."""

    begin: float
    end: float

    def place(self, time: float) -> float:
        """0 at the left, 1 at the right."""
        length = self.end - self.begin
        return min(max((time - self.begin) / length, 0.0), 1.0) if length > 0 else 0.0

    def marks(self) -> list[float]:
        """Times to write below: whole minutes, or whatever is whole in it."""
        length = self.end - self.begin
        step = next((step for step in STEPS if length / step <= MARKS), DAY * ceil(length / DAY / MARKS))
        first = ceil(self.begin / step) * step
        return [float(first + step * number) for number in range(int((self.end - first) // step) + 1)]


def clock(time: float) -> str:
    """The time of day in UTC: ``10:15:04``."""
    seconds = round(time) % DAY
    return f"{seconds // HOUR:02}:{seconds // MINUTE % 60:02}:{seconds % 60:02}"


def length(seconds: float) -> str:
    """How long something took: ``8 s``, ``4 min 5 s``, ``2 h 10 min``."""
    whole = round(seconds)
    if whole < MINUTE:
        return f"{seconds:.1f}{NEAR}s" if seconds < 10 and round(seconds, 1) != whole else f"{whole}{NEAR}s"
    if whole < HOUR:
        return (
            f"{whole // MINUTE}{NEAR}min {whole % MINUTE}{NEAR}s" if whole % MINUTE else f"{whole // MINUTE}{NEAR}min"
        )
    return (
        f"{whole // HOUR}{NEAR}h {whole // MINUTE % 60}{NEAR}min" if whole // MINUTE % 60 else f"{whole // HOUR}{NEAR}h"
    )


def _share(value: float) -> str:
    percent = value * 100
    return f"{percent:.0f}{NEAR}%" if percent >= 10 or percent == round(percent) else f"{percent:.1f}{NEAR}%"


def _time(value: float) -> str:
    return f"{value * 1000:.0f}{NEAR}ms" if abs(value) < 1 else f"{value:.1f}{NEAR}s"


def _rate(value: float) -> str:
    """Bytes a second, in the bits that networks are measured in."""
    bits = value * 8
    if bits >= 1e6:
        return f"{bits / 1e6:.1f}{NEAR}Mbit/s"
    return f"{bits / 1e3:.0f}{NEAR}kbit/s" if bits else "0"


def _plain(value: float) -> str:
    return f"{value:.3g}"


#: Unit (UCUM, as in the catalogue) -> how a value of it is written.
WRITTEN: dict[str, Callable[[float], str]] = {"1": _share, "s": _time, "By/s": _rate}


def written(value: float, unit: str) -> str:
    """A value with its unit, as people write it."""
    known = WRITTEN.get(unit)
    if known is not None:
        return known(value)
    if unit == "1/s":
        return f"{value:.3g} a second"
    return _plain(value)


def top(values: list[float], unit: str, least: float = 0.0) -> float:
    """Where a value axis ends: a round number not below the largest, in the unit that it is written in."""
    largest = max((*values, least), default=0.0)
    if largest <= 0:
        return 1.0
    factor = 8.0 if unit == "By/s" else 1.0
    power = 10.0 ** floor(log10(largest * factor))
    for multiple in (1.0, 2.0, 4.0, 5.0, 10.0):
        if largest * factor <= multiple * power * (1 + 1e-9):
            return multiple * power / factor
    return 10.0 * power / factor
