"""
Building blocks of signals: the formulas that many rows of ``signals.SIGNALS`` share.

A formula gets a monitored object and the fold it is in, and answers None wherever it cannot judge.
"""

from collections.abc import Callable
from math import sqrt
from typing import NamedTuple, TypeAlias

from rtc_exporter.delta import Fold, MonitoredObject
from rtc_exporter.plans import ANY, RANGES

Formula: TypeAlias = Callable[[MonitoredObject, Fold], float | None]


def loudness(thing: MonitoredObject) -> float | None:
    """Root mean square of the samples since the fold before, from 0 to 1 (W3C webrtc-stats, totalAudioEnergy)."""
    energy, seconds = thing.increments.get("totalAudioEnergy"), thing.increments.get("totalSamplesDuration")
    return sqrt(energy / seconds) if energy is not None and seconds else None


class Reading(NamedTuple):
    """A formula, the members it reads (another type's as ``type.member``), and one beside which it says nothing."""

    formula: Formula
    reads: tuple[str, ...]
    unless: str = ""


def by(formula: Formula, reads: str) -> Reading:
    """A formula of its own."""
    return Reading(formula, tuple(reads.split()))


def ratio(part: str, whole: str, most: float | None = None) -> Reading:
    """The increase of one counter for each unit of another's."""

    def formula(thing: MonitoredObject, fold: Fold) -> float | None:
        under = thing.increments.get(whole)
        over = thing.increments.get(part) if under and thing.elapsed is not None else None
        if not under or over is None:
            return None
        return over / under if most is None else min(over / under, most)

    return Reading(formula, (part, whole))


def combined(one: str, sign: int, other: str, whole: str) -> Reading:
    """The increase of one counter plus or minus another's, for each unit of a third's."""

    def formula(thing: MonitoredObject, fold: Fold) -> float | None:
        gained = thing.increments.get
        first, second, under = gained(one), gained(other), gained(whole)
        if first is None or second is None or not under or thing.elapsed is None:
            return None
        return max(0.0, first + sign * second) / under

    return Reading(formula, (one, other, whole))


def rate(counter: str, most: float | None = None) -> Reading:
    """The increase of a counter in each second."""

    def formula(thing: MonitoredObject, fold: Fold) -> float | None:
        over = thing.increments.get(counter)
        if over is None or not thing.elapsed:
            return None
        return over / thing.elapsed if most is None else min(over / thing.elapsed, most)

    return Reading(formula, (counter,))


def gauge(member: str, above: float | None = None) -> Reading:
    """A member as the browser reports it; one that cannot be meant, or is not ``above``, means that there is none."""

    least, most = RANGES.get(member, ANY)

    def formula(thing: MonitoredObject, fold: Fold) -> float | None:
        if thing.elapsed is None:
            return None
        # As ``plans.number`` does, which would look the range up again: most live values come from here.
        value = thing.members.get(member)
        if (type(value) is not int and type(value) is not float) or not least <= value <= most:
            return None
        return None if above is not None and value <= above else value

    return Reading(formula, (member,))


def either(first: Reading, second: Reading, member: str) -> Reading:
    """The first reading where the browser reports the member, else the second; nothing new is no reason for it."""

    one, other = first.formula, second.formula

    def formula(thing: MonitoredObject, fold: Fold) -> float | None:
        return one(thing, fold) if member in thing.members else other(thing, fold)

    return Reading(formula, (*first.reads, *second.reads))


def selected(reading: Reading, scale: float = 1.0) -> Reading:
    """The same, of the candidate pair in use alone."""

    of_any = reading.formula

    def formula(thing: MonitoredObject, fold: Fold) -> float | None:
        value = of_any(thing, fold) if thing.id == fold.selected else None
        return None if value is None else value * scale

    return Reading(formula, reading.reads)
