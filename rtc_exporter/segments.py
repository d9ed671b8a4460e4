"""
What a stretch of a call was like: sums and distributions between two cuts.

A segment is cut every five minutes, and where the quality class changes for good.  ``Tally`` adds up; a tally of the
newest half minute waits apart, so that a cut lies where the change was and not where it was noticed.
"""

from array import array
from collections.abc import Iterable, Mapping
from math import ceil

from rtc_exporter.model import Member
from rtc_exporter.spans import CLASSES, PAUSE, PERCENTILES, RANK

#: Values of one measure that a tally keeps: five minutes of one a second.
VALUES = 300


class Tally:
    """Seconds by quality class, values by measure, and plain sums."""

    __slots__ = ("classes", "end", "start", "sums", "values")

    def __init__(self, start: float) -> None:
        self.start = self.end = start
        self.classes: dict[str, float] = {}
        self.values: dict[str, array[float]] = {}
        self.sums: dict[str, float] = {}

    def pass_time(self, seconds: float, quality: str) -> None:
        """So many seconds were of this class."""
        self.classes[quality] = self.classes.get(quality, 0.0) + seconds

    def observe(self, values: Mapping[str, float]) -> None:
        """Measures of one fold."""
        for name, value in values.items():
            known = self.values.get(name)
            if known is None:
                known = self.values[name] = array("f")
            if len(known) < VALUES:
                known.append(value)

    def add(self, name: str, amount: float) -> None:
        """Add to a sum."""
        if amount:
            self.sums[name] = self.sums.get(name, 0.0) + amount

    def absorb(self, later: "Tally") -> None:
        """Add the stretch that follows."""
        self.end = later.end
        for quality, seconds in later.classes.items():
            self.pass_time(seconds, quality)
        for name, values in later.values.items():
            known = self.values.setdefault(name, array("f"))
            known.extend(values[: VALUES - len(known)])
        for name, amount in later.sums.items():
            self.add(name, amount)

    @property
    def quality(self) -> str:
        """The class that lasted longest; of two, the worse; what could not be judged only where nothing could."""
        judged = [name for name in self.classes if name != "unclassified" and self.classes[name] > 0]
        return max(judged, key=lambda name: (self.classes[name], RANK[name]), default="unclassified")

    def attributes(self) -> dict[str, Member]:
        """What a span says of it."""
        told: dict[str, Member] = {"rtc.quality": self.quality}
        told |= times(self.classes)
        for name, values in self.values.items():
            told |= zip((f"{name}.{percentile}" for percentile in PERCENTILES), percentiles(values), strict=True)
        return told | {name: _whole(name, amount) for name, amount in self.sums.items()}


def times(classes: Mapping[str, float]) -> dict[str, Member]:
    """Seconds by class as attributes; a class that did not occur is left out."""
    return {f"rtc.quality_time.{name}": round(classes[name], 3) for name in CLASSES if classes.get(name)}


def percentiles(values: Iterable[float]) -> tuple[float, float, float]:
    """Median, 95th percentile (nearest rank) and largest value, six digits each: single precision has seven."""
    ordered = sorted(values)
    ranks = (ceil(len(ordered) * part) - 1 for part in (0.5, 0.95, 1.0))
    return tuple(float(f"{ordered[rank]:.6g}") for rank in ranks)  # type: ignore[return-value]


def _whole(name: str, amount: float) -> Member:
    return round(amount, 3) if name.endswith(".time") else int(amount)


class Segments:
    """Cuts a participant's stay into segments."""

    #: Seconds of a segment, and of the window in which a change of class has to last.
    LENGTH, WINDOW = 300.0, 30.0
    #: Changes that may cut: so many at once, and one more every ten minutes, so that a restless call keeps its budget.
    CUTS, CUT_EVERY = 4.0, 600.0
    #: A clock that goes back, or on by a day, was set: nothing has lasted that long.
    BACK, ON = 2.0, 86_400.0

    __slots__ = ("current", "window", "_cuts", "_cut_at", "_time")

    def __init__(self, start: float) -> None:
        self.current = Tally(start)
        self.window = Tally(start)
        self._time = start
        self._cuts = self.CUTS
        self._cut_at = start

    def fold(self, time: float, quality: str, values: Mapping[str, float]) -> list[tuple[Tally, str]]:
        """A fold at ``time`` (the client's event clock); gives segments that have ended, and why."""
        passed = self._pass(time, quality)
        self.window.observe(values)
        # The next fold, which comes as late as this one, would be too late.
        is_due = time + passed - self.current.start > self.LENGTH
        return self._cut(time, is_due) if is_due or time - self.window.start >= self.WINDOW else []

    def rest(self, time: float, quality: str) -> list[tuple[Tally, str]]:
        """Five minutes are over by our clock, and no fold has come; ``quality`` is that of the last one."""
        self._pass(time, quality)
        return self._cut(time, is_due=True)

    def _pass(self, time: float, quality: str) -> float:
        """The seconds since the last time; a short step back is not gone."""
        passed = time - self._time
        if not -self.BACK <= passed < self.ON:
            for tally in (self.current, self.window):
                tally.start += passed
                tally.end += passed
            self._cut_at += passed
            self._time, passed = time, 0.0
        if passed > 0:
            self._time = time
            self.window.pass_time(passed, quality if passed <= PAUSE else "unclassified")
            self.window.end = time
        return max(0.0, passed)

    def finish(self, time: float) -> Tally | None:
        """The participant leaves: the last segment, or None where nothing was seen."""
        self._pass(time, "unclassified")
        self.current.absorb(self.window)
        return self.current if self.current.end > self.current.start else None

    def _cut(self, time: float, is_due: bool) -> list[tuple[Tally, str]]:
        """The window is full: it continues the segment, or begins the next; or five minutes are over, and both end."""
        window, self.window = self.window, Tally(time)
        changed = window.quality != self.current.quality and bool(self.current.classes)
        if changed and not is_due and self._may_cut(time):
            done, self.current = self.current, window
            return [(done, "quality")]
        self.current.absorb(window)
        if not is_due:
            return []
        done, self.current = self.current, Tally(time)
        return [(done, "interval")]

    def _may_cut(self, time: float) -> bool:
        self._cuts = min(self.CUTS, self._cuts + (time - self._cut_at) / self.CUT_EVERY)
        self._cut_at = time
        if self._cuts < 1.0:
            return False
        self._cuts -= 1.0
        return True
