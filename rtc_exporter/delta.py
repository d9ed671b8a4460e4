"""
From cumulative members to increments: what each stats object gained since the fold before.

Browsers count from the birth of an object, and objects come, go, restart and repeat.  One rule
stands above the others: never count anything twice.  Where a browser leaves a choice, the smaller
number is taken, and an interval that is not known for certain is not judged (``elapsed`` is None).

In the common case every counter has grown by something possible, and one pass sees that; anything
else goes through ``_carefully``, counter by counter, with the state before at hand.
"""

from collections.abc import Mapping, Set
from copy import copy
from math import nan
from typing import cast

from rtc_exporter.model import Member, Members, Report, Stats
from rtc_exporter.plans import BURST, LARGEST, PLANS, Plan, Plans, differ, is_moved, time_of, traffic

#: Folds for which an object that is no longer reported keeps its counters: candidate pairs come back.
KEPT = 24
#: Of those at most so many: a client may take away in each report all that it told in the one before.
VANISHED = 256
#: Objects forgotten after that whose ids are still known, so that one which returns is not counted again.
REMEMBERED = 256
#: A counter that falls by less is rounding and no restart.
NOISE = 1e-6
#: Shorter intervals are not judged: one packet more or less would be half the rate.
SHORTEST = 0.1
#: Seconds in which the first value of an object must have been possible: it may be older than the interval before it.
FIRST_BURST = 60.0

NO_INCREMENTS: dict[str, float] = {}
_NO_WORDS: dict[str, Member] = {}
_NO_MEMBERS: Members = {}
_NOBODY: frozenset[str] = frozenset()
_NUMBERS = frozenset({int, float})


class MonitoredObject:
    """
    A stats object and what it gained.

    ``elapsed``: seconds since its previous sample; None where nothing may be judged (first sight, restart, gap).
    ``increments``: what the counters that it reports gained in this fold.  ``was``: its watched words one fold ago.
    ``values``: what its signals say in this fold, as far as somebody asked (``signals.unread``); ``notes`` is free for
    whoever reads folds.
    """

    __slots__ = (
        "_doubtful", "_identity", "_plan", "_seen", "_values", "_words",
        "elapsed", "first", "id", "increments", "members", "notes", "restarted", "time", "type", "values", "was",
    )  # fmt: skip

    def __init__(self, ident: str, members: Members, plan: Plan) -> None:
        self.id = ident
        self.type = cast(str, members["type"])
        self.members = members
        self.increments = NO_INCREMENTS
        self.elapsed: float | None = None
        self.was = _NO_WORDS
        self.first = True
        self.restarted = False
        self.time = 0.0
        self.values: list[float | None] | None = None
        self.notes: object = None
        self._plan = plan
        #: The newest value of each counter; None where it was never reported, NaN where it is not known.
        self._values: list[float | None] = [None] * len(self._plan.rows)
        #: Counters that once jumped by the impossible: when one falls, that is no restart.
        self._doubtful: frozenset[str] = _NOBODY
        self._identity: tuple[Member | None, ...] = tuple(map(members.get, self._plan.identity))
        self._words = _NO_WORDS
        self._seen = 0


class Fold:
    """What one report, or several that were merged, said of a peer connection."""

    __slots__ = (
        "changed", "elapsed", "gap", "muted", "objects", "rejected", "selected", "sources", "stats", "switched", "time",
    )  # fmt: skip

    def __init__(self, report: Report, elapsed: float | None, gap: bool, muted: Set[str]) -> None:
        #: Objects alive now, until the next fold; those of them, and of the ones just removed, with a new sample.
        self.objects: dict[str, MonitoredObject] = {}
        self.changed: list[MonitoredObject] = []
        self.stats: Stats = report.stats
        #: The id of the candidate pair in use, and whether it was another one at the fold before.
        self.selected: str | None = None
        self.switched = False
        self.time = report.time
        #: Seconds since the fold before; None at the first fold and after a gap.
        self.elapsed = elapsed
        self.gap = gap
        #: How many values were refused, because no browser can have meant them.
        self.rejected = 0
        #: Ids of tracks that are muted.
        self.muted = muted
        #: Active layers by media source, made when a signal asks for them.
        self.sources: dict[Member, list[MonitoredObject]] | None = None

    def mutes(self, thing: "MonitoredObject") -> bool:
        """Whether the track that an object is about is muted."""
        return bool(self.muted) and thing.members.get("trackIdentifier") in self.muted

    def settle(self) -> None:
        """All has been read: let go of increments and values, which take more memory than what they came from."""
        for thing in self.changed:
            thing.increments, thing.values = NO_INCREMENTS, None


class Deltas:
    """
    The stats objects of one peer connection.

    ``created``: its creation was seen, so all that the first report holds was gained since.  Otherwise counting
    starts at the first report.  ``plans``: which counters are followed; all, unless told otherwise.
    """

    __slots__ = ("_alive", "_forgotten", "_is_counted", "_number", "_plans", "_selected", "_time", "_vanished")

    def __init__(self, created: bool, plans: Plans = PLANS) -> None:
        self._plans = plans
        self._alive: dict[str, MonitoredObject] = {}
        self._vanished: dict[str, MonitoredObject] = {}
        #: Identity and high-water marks, by id.
        self._forgotten: dict[str, tuple[tuple[Member | None, ...], dict[int, float | None]]] = {}
        self._is_counted = created
        self._number = 0
        self._selected: str | None = None
        self._time: float | None = None

    @property
    def objects(self) -> Mapping[str, MonitoredObject]:
        """The objects that the newest report held."""
        return self._alive

    def fold(self, report: Report, gap: bool = False, muted: Set[str] = _NOBODY) -> Fold:
        """
        Compare a report with the one folded before it.

        The caller has dropped reports that are not newer (see ``Cadence``).  After a ``gap`` increments count,
        since they are true, but nothing is judged.
        """
        self._number += 1
        passed = None if self._time is None else report.time - self._time
        fold = Fold(report, None if gap or passed is None or passed <= 0 else passed, gap, muted)
        first_burst = max(FIRST_BURST, passed or 0.0)
        alive = self._alive
        if self._vanished:
            self._age()
        for ident, members in report.removed.items():
            self._remove(ident, members, fold, first_burst)
        seen = 0
        for ident, members in report.stats.items():
            thing = alive.get(ident)
            if thing is not None and _is_same(thing, members):
                _sample(thing, members, fold)
            elif members.get("type") in self._plans:
                thing = alive[ident] = self._appear(ident, members, fold, first_burst)
            else:
                continue
            thing._seen = self._number
            seen += 1
        if seen != len(alive):
            for thing in [thing for thing in alive.values() if thing._seen != self._number]:
                _rest(alive.pop(thing.id), _NO_MEMBERS)
                self._vanish(thing)
        fold.objects = alive
        self._time = report.time
        self._is_counted = True
        self._select(fold)
        return fold

    def _appear(self, ident: str, members: Members, fold: Fold, burst: float) -> MonitoredObject:
        """An object that the fold before did not have: it is back, or it has begun at zero since then."""
        thing = self._vanished.pop(ident, None)
        if thing is not None and _is_same(thing, members):
            # Removed and back within one fold: what was removed stays as it is in ``changed``.
            thing = copy(thing) if thing._seen == self._number else thing
            _sample(thing, members, fold)
            thing.elapsed = None
            return thing
        thing = MonitoredObject(ident, members, self._plans[cast(str, members["type"])])
        identity, marks = self._forgotten.pop(ident, ((), {}))
        is_known = bool(identity) and not differ(identity, thing._identity)
        for index, mark in marks.items() if is_known else ():
            thing._values[index] = mark
        thing.time = time_of(members, fold.time)
        thing.increments = _carefully(thing, members, burst, fold, self._is_counted and not is_known)
        _watch(thing, members)
        fold.changed.append(thing)
        return thing

    def _remove(self, ident: str, members: Members, fold: Fold, burst: float) -> None:
        """Count what a removed object had gained; when exactly is not known, so it is not judged."""
        if members.get("type") not in self._plans:
            return
        thing = self._alive.pop(ident, None)
        if thing is None or not _is_same(thing, members):
            thing = self._appear(ident, members, fold, burst)
        else:
            _sample(thing, members, fold)
            thing.elapsed = None
        thing._seen = self._number
        self._vanish(thing)

    def _vanish(self, thing: MonitoredObject) -> None:
        self._vanished[thing.id] = thing
        if len(self._vanished) > VANISHED:
            self._forget(self._vanished.pop(next(iter(self._vanished))))

    def _age(self) -> None:
        for thing in list(self._vanished.values()):
            _rest(thing, _NO_MEMBERS)
            if self._number - thing._seen > KEPT:
                self._forget(self._vanished.pop(thing.id))

    def _forget(self, thing: MonitoredObject) -> None:
        if len(self._forgotten) >= REMEMBERED:
            del self._forgotten[next(iter(self._forgotten))]
        marks = {index: thing._values[index] for index, name, _ in thing._plan.rows if name in thing._plan.signed}
        self._forgotten[thing.id] = (thing._identity, marks)

    def _select(self, fold: Fold) -> None:
        """Find the candidate pair in use: what the transport says, else what the pairs say of themselves."""
        best: tuple[int, float, str] = (0, 0.0, "")
        for thing in fold.objects.values():
            members = thing.members
            if thing.type == "transport" and members.get("selectedCandidatePairId"):
                best = max(best, (3, traffic(members), str(members["selectedCandidatePairId"])))
            elif thing.type == "candidate-pair" and members.get("selected") is True:
                best = max(best, (2, traffic(members), thing.id))
            elif thing.type == "candidate-pair" and members.get("nominated") and members.get("state") == "succeeded":
                best = max(best, (1, traffic(members), thing.id))
        fold.selected = best[2] or None
        if fold.selected is not None:
            fold.switched = fold.selected != self._selected
            self._selected = fold.selected


def _is_same(thing: MonitoredObject, members: Members) -> bool:
    """Whether this is still the object that it was: ids are used again for others."""
    try:
        if thing._plan.identify(members) == thing._identity:
            return True
    except KeyError:
        pass
    identity = tuple(map(members.get, thing._plan.identity))
    if identity[0] is None or differ(identity, thing._identity):
        return False
    thing._identity = tuple(b if a is None else a for a, b in zip(identity, thing._identity, strict=True))
    return True


def _rest(thing: MonitoredObject, members: Members) -> None:
    """Nothing new of this object in this fold."""
    thing.members = members
    thing.increments, thing.values = NO_INCREMENTS, None
    thing.elapsed = None
    thing.first = thing.restarted = False


def _watch(thing: MonitoredObject, members: Members) -> None:
    thing.was = thing._words
    words = {name: members[name] for name in thing._plan.watched if name in members}
    if words != thing._words:
        thing._words = words


def _sample(thing: MonitoredObject, members: Members, fold: Fold) -> None:
    """Take the next sample of a known object, if it is one."""
    plan = thing._plan
    time = time_of(members, fold.time)
    if (time <= thing.time or (plan.told and "timestamp" not in members)) and not is_moved(
        plan, members, thing._values
    ):
        _rest(thing, members)
        return
    passed = time - thing.time
    thing.members = members
    thing.first = thing.restarted = False
    thing.time = max(time, thing.time)
    increments = _gained(plan, members, thing)
    if increments is None:
        increments = _carefully(thing, members, max(BURST, passed), fold, True)
    thing.increments, thing.values = increments, None
    thing.elapsed = None if fold.gap or thing.restarted or passed < SHORTEST else passed
    if plan.watched:
        _watch(thing, members)
    fold.changed.append(thing)


def _gained(plan: Plan, members: Members, thing: MonitoredObject) -> dict[str, float] | None:
    """What each counter has gained; None where one of them needs a closer look."""
    increments: dict[str, float] = {}
    values = thing._values.copy()
    get = members.get
    try:
        for index, name, most in plan.rows:
            value = get(name)
            if value is not None:
                # What is no number, or was not known before, shows here.
                step = value - values[index]  # type: ignore[operator]
                if not 0 <= step <= most:
                    return None
                increments[name] = step
                values[index] = value  # type: ignore[assignment]
    except (TypeError, OverflowError):
        return None
    thing._values = values
    return increments


def _carefully(
    thing: MonitoredObject, members: Members, seconds: float, fold: Fold, is_counted: bool
) -> dict[str, float]:
    """Counter by counter: what is new, has fallen, or cannot be; each keeps the value to count from next time."""
    plan, values = thing._plan, thing._values
    now = _sane(thing, members, fold)
    fallen = {
        name
        for index, name, _ in plan.rows
        if name in now and now[name] < (values[index] or 0) - NOISE and name not in plan.signed
    }
    doubtful = fallen & thing._doubtful
    fallen -= doubtful
    thing.restarted = bool(fallen)
    if not fallen.isdisjoint(plan.anchors):
        values = [last if last is None or last != last else 0 for last in values]
    increments: dict[str, float] = {}
    for index, name, most in plan.rows:
        value = now.get(name)
        if value is None:
            continue
        last = 0 if name in fallen else values[index] or 0
        step = max(0, value - last)
        values[index] = value if name in doubtful or last != last else max(value, last)
        if not is_counted or name in doubtful or last != last:
            continue
        if step * BURST > most * seconds:
            fold.rejected += 1
            thing._doubtful |= {name}
        else:
            increments[name] = step
    thing._values = values
    return increments


def _sane(thing: MonitoredObject, members: Members, fold: Fold) -> dict[str, float]:
    """The counters reported with a possible value; any other counts as absent, and its past as unknown."""
    now: dict[str, float] = {}
    for index, name, _ in thing._plan.rows:
        value = members.get(name)
        if value is None:
            continue
        least = -LARGEST if name in thing._plan.signed else 0
        if type(value) in _NUMBERS and least <= cast(float, value) <= LARGEST:
            now[name] = cast(float, value)
        else:
            fold.rejected += 1
            if thing._values[index] is None:
                thing._values[index] = nan
    return now
