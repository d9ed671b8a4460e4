"""
Compact reports of rtcstats-js: members are numbers, and a report holds only what changed since the last.

``Base`` puts a delta into the report before it, in place.  This is the hottest place of the exporter: deltas wait
until somebody reads, and nearly everything in one is a number under a known name, which takes the short way.
"""

from collections.abc import ItemsView, Iterator, Mapping, ValuesView
from typing import Any, NoReturn

import orjson

from rtc_exporter.errors import ClientError, FrameError, LimitError, Reason
from rtc_exporter.limits import OBJECT, Limits, Room
from rtc_exporter.model import Members
from rtc_exporter.w3c import OWN_CLOCK, STATS
from rtc_exporter.wire.codes import ARRIVED, NAMES, OTHERS, TYPES, others
from rtc_exporter.wire.decoder import DEFAULTS, NODES, is_time, mapping, milliseconds, parse, weight
from rtc_exporter.wire.stats import Names, assign, take_record
from rtc_exporter.wire.united import is_plain, united

#: Frames that are laid by at most: what a client reports in one fold interval, and a bound for who never is read.
LAID_BY = 8

#: Characters of such a frame that take as much room as a member: 48 bytes, of up to two bytes each and some slack.
CHARACTERS = 32

#: What a snapshot has of a base.
_KEPT = ("_dated", "_ghosts", "_laid_by", "_stats", "is_trusted", "limits", "time")

_ARRIVED_KEYS = frozenset(ARRIVED)
_NULL = type(None)
#: Stats types that have records; one in an object of another type is nobody's.
_RECORDED = frozenset(name for name, row in STATS.items() if any("." in member for member in row.numbers))
_OBJECTS = frozenset((dict, _NULL))


class Base(Mapping[str, Members]):
    """
    The last report of one peer connection, into which the next delta is merged: stats id -> members.

    A delta that is laid by is merged when somebody reads, together with those after it: a report is read once per fold
    interval, and five in a row find in the processor's caches what each alone would fetch from memory (measured: a
    delta takes 69 µs to parse and merge with cold caches, and 27 µs with warm ones).

    Objects of unknown type are ghosts: they cannot be used, but later deltas refer to them.  Clients send what
    is left of certificates, and after a reconnect everything.
    """

    __slots__ = ("_dated", "_ghosts", "_laid_by", "_others", "_room", "_stats", "_weight", "is_trusted", "limits",
                 "names", "newest", "number", "refused", "time", "told", "types")  # fmt: skip

    def __init__(
        self,
        names: Names = NAMES,
        types: Mapping[object, str] = TYPES,
        limits: Limits = DEFAULTS,
        refused: list[ClientError] | None = None,
        room: Room | None = None,
    ) -> None:
        """``room`` is for what is held, and is shared by all peer connections of a client."""
        self.names = names
        self.types = types
        self.limits = limits
        #: The time of the newest report, laid by or not.
        self.time: float | None = None
        #: Where it is noted why deltas that were laid by could not be merged; a client that sends such is read at once.
        self.refused = [] if refused is None else refused
        self.is_trusted = True
        #: How many deltas came, and the newest, where that was laid by; else nothing.
        self.number, self.newest = 0, ""
        #: Free for whoever passes on what it holds.
        self.told: Any = None
        self._room = Room(limits.members) if room is None else room
        self._weight = 0
        self._stats: dict[str, Members] = {}
        self._ghosts: dict[str, Members] = {}
        self._others = OTHERS if names is NAMES else others(names)
        #: Ids of objects whose time differed from the report's in the last delta.
        self._dated: list[str] = []
        self._laid_by: list[str] = []

    def __getitem__(self, id: str) -> Members:
        return self.stats[id]

    def __iter__(self) -> Iterator[str]:
        return iter(self.stats)

    def __len__(self) -> int:
        return len(self.stats)

    def get(self, id: str, default: Any = None) -> Any:
        """The object of this id; faster than what a Mapping brings along."""
        return (self.stats if self._laid_by else self._stats).get(id, default)

    def items(self) -> ItemsView[str, Members]:
        """All objects."""
        return self.stats.items()

    def values(self) -> ValuesView[Members]:
        """All objects, without their ids."""
        return self.stats.values()

    @property
    def stats(self) -> dict[str, Members]:
        """The report, with everything merged that was laid by."""
        if self._laid_by:
            self._settle()
            self.newest = ""  # a text of kilobytes, which who passes it on has had by now
        return self._stats

    @classmethod
    def of(cls, stats: dict[str, Members], time: float, limits: Limits) -> "Base":
        """One that goes on from a report which another has held; ``stats`` is its own from here on."""
        base = cls(limits=limits)
        base._stats, base.time = stats, time
        base._dated = [
            id for id, members in stats.items() if "timestamp" in members and members["type"] not in OWN_CLOCK
        ]
        return base

    def __getstate__(self) -> dict[str, object]:
        """For a snapshot: what is not the same in every process.  Of those with other tables there are none there."""
        return {name: getattr(self, name) for name in _KEPT}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(limits=state["limits"])  # type: ignore[misc]  # what is left out is as in a new one
        for name in _KEPT:
            setattr(self, name, state[name])

    @property
    def ids(self) -> frozenset[str]:
        """Every id that a delta may refer to."""
        return frozenset((*self.stats, *self._ghosts))

    @property
    def is_orphan(self) -> bool:
        """Whether it was told of changes alone, of objects whose types it never saw."""
        return not self._stats and bool(self._ghosts)

    @property
    def has_strangers(self) -> bool:
        """Whether an object counts whose type never came, so that it is lost; of certificates nothing is kept."""
        return any(ghost and "type" not in ghost for ghost in self._ghosts.values())

    def lay_by(self, frame: str, time: float) -> None:
        """Keep a frame whose delta removes nothing; ``time`` is what it says."""
        self._laid_by.append(frame)
        self.time, self.newest = time, frame
        self.number += 1
        # The text counts for what it takes until it is read, and then for what it says.
        taken = len(frame) // CHARACTERS
        self._weight += taken
        self._room.taken += taken
        if len(self._laid_by) >= LAID_BY or self._room.taken > self._room.limit:
            self._settle()

    @property
    def laid_by(self) -> int:
        """How many deltas wait to be merged."""
        return len(self._laid_by)

    def unite(self) -> dict[str, object]:
        """Merge what was laid by, and give it as one delta; nothing where it does more than change what was there."""
        self.newest = ""
        return self._settle()

    def _settle(self) -> dict[str, object]:
        frames, self._laid_by = self._laid_by, []
        newest = self.time
        several: list[dict[str, Any]] = []
        clocked, recorded, known = self._look()
        for frame in frames:
            try:
                # So short a frame has no more objects than any may, and how deep it is does not matter here: merging
                # looks two levels down.  To count and to look took a third of the time of reading (measured).
                row = orjson.loads(frame) if len(frame) <= NODES else parse(frame, self.limits)
                if not isinstance(row, list) or len(row) < 4 or type(row[2]) is not dict:
                    raise FrameError(Reason.BAD_FRAME, "no delta")
            except (ClientError, orjson.JSONDecodeError) as exc:
                self._refuse(exc)
                continue
            if is_plain(frame, row[2], known):
                several.append(row[2])
                continue
            self._merge_all(several, clocked, recorded)
            several = []
            self._merge_all([row[2]], clocked, recorded)
            clocked, recorded, known = self._look()
        whole = self._merge_all(several, clocked, recorded)
        self.time = newest
        try:
            self.weigh()
        except LimitError as exc:
            self.refused.append(exc.with_traceback(None))
            return {}
        return whole if len(several) == len(frames) else {}

    def _merge_all(self, several: list[dict[str, Any]], clocked: list[str], recorded: list[str]) -> dict[str, object]:
        """Merge deltas that were laid by, more than one only where all are plain; returns what they are as one."""
        if not several:
            return {}
        whole = several[0] if len(several) == 1 else united(several, clocked, recorded, self.names.records)
        stamp = whole.get("t")
        try:
            self._merge(whole)
        except ClientError as exc:
            self._refuse(exc)
            return {}
        whole["t"] = stamp  # which merging takes out
        return whole

    def _refuse(self, exc: Exception) -> None:
        error = exc if isinstance(exc, ClientError) else FrameError(Reason.BAD_JSON, "not JSON")
        self.refused.append(error.with_traceback(None))
        self.is_trusted = False

    def _look(self) -> tuple[list[str], list[str], set[str]]:
        """Ids of objects that have a clock of their own, of those that have records, and all that deltas may name."""
        clocked = [id for id, members in self._stats.items() if members["type"] in OWN_CLOCK]
        recorded = [id for id, members in self._stats.items() if members["type"] in _RECORDED]
        return clocked, recorded, {"t", *self._stats}

    def weigh(self) -> None:
        """Take room for what has come, or give everything up and raise ``LimitError`` where there is none."""
        now = weight(self._stats) + weight(self._ghosts)
        self._room.taken += now - self._weight
        self._weight = now
        if self._room.taken > self._room.limit:
            self._give_up()

    def _give_up(self) -> NoReturn:
        self.clear()
        self.is_trusted = False
        raise LimitError(Reason.TOO_MANY, f"more than {self._room.limit} members of one client's stats")

    def clear(self) -> None:
        """Forget all objects, and give their room back."""
        self._stats, self._ghosts, self._laid_by = {}, {}, []
        self._room.taken -= self._weight
        self._weight = 0

    def part(self) -> None:
        """Give the room back; what is held stays for whoever has yet to read it."""
        self._room.taken -= self._weight
        self._room, self._weight = Room(self.limits.members), 0

    def move(self, room: Room) -> None:
        """Go on as part of what another connection holds."""
        self._room.taken -= self._weight
        self._room = room
        room.taken += self._weight

    def merge(self, delta: dict[str, object]) -> dict[str, Members]:
        """Merge one delta, and give the objects that it removes, as they were."""
        self.newest = ""
        self.number += 1
        return self._merge(delta)

    def _merge(self, delta: dict[str, object]) -> dict[str, Members]:
        """
        The same of one that was counted.

        Everything that can be refused is refused before the first change, so that the base is good for
        the next delta whatever comes.
        """
        # t is missing where not even a timestamp has changed: the same report once more.
        stamp = delta.pop("t", None)
        time = self.time if stamp is None else milliseconds(stamp)
        kinds = set(map(type, delta.values()))
        if time is None or not kinds <= _OBJECTS:
            raise FrameError(Reason.BAD_STATS, "a report without a time, or with stats that are no objects")
        stats = self.stats
        is_known = delta.keys() <= stats.keys()
        if not is_known:
            self._check(delta)
        removed = self._remove(delta) if _NULL in kinds else {}
        if not is_known:
            self._admit(delta)
        for id in self._dated:
            stats.get(id, {}).pop("timestamp", None)
        self._dated = []
        numbers, unnumbered, records = self.names.numbers.get, self._others, self.names.records
        for id, changes in delta.items():
            members = stats.get(id)
            if members is None:
                continue
            # An id that comes back as something else is another object: it was not removed before.
            if "type" in changes and _kind(changes, self.types) != members["type"]:  # type: ignore[operator]
                continue
            has_clock = members["type"] in OWN_CLOCK
            if has_clock:
                members["timestamp"] = time
            for key, value in changes.items():  # type: ignore[attr-defined]  # an object, as checked above
                name = numbers(key)
                if name is not None and (value.__class__ is int or value.__class__ is float):
                    members[name] = value
                elif name is None and key not in unnumbered:
                    continue
                elif key == "t":
                    if is_time(value) and (has_clock or value != stamp):
                        members["timestamp"] = value / 1000
                        if not has_clock:
                            self._dated.append(id)
                elif value.__class__ is dict and key in records:
                    take_record(members, value, records[key])
                else:
                    assign(members, {key: value}, self.names, self.limits.text_length)
        self.time = time
        return removed

    def _check(self, delta: Mapping[str, object]) -> None:
        fresh = [id for id in delta if id not in self._stats and id not in self._ghosts]
        if self._room.taken + OBJECT * len(fresh) > self._room.limit and self._least(delta) > self._room.limit:
            self._give_up()  # before anything is built, which is most of what such a frame costs
        if len(self._stats) + len(self._ghosts) + len(fresh) > self.limits.stats:
            raise LimitError(Reason.TOO_MANY, f"more than {self.limits.stats} stats objects")
        if any(len(id) > self.limits.id_length for id in fresh):
            raise FrameError(Reason.BAD_STATS, f"a stats id is longer than {self.limits.id_length}")

    def _least(self, delta: Mapping[str, object]) -> int:
        """What is held of this client when a delta is merged, at least."""
        gone = {id: self._stats[id] for id, changes in delta.items() if changes is None and id in self._stats}
        known = self._stats.keys() | self._ghosts.keys()
        fresh = sum(changes is not None for id, changes in delta.items() if id not in known)
        return self._room.taken - weight(gone) + OBJECT * fresh

    def _admit(self, delta: Mapping[str, object]) -> None:
        """Make room for objects that are new; what has no known type becomes or stays a ghost."""
        for id, changes in delta.items():
            if id in self._stats:
                continue
            ghost = self._ghosts.pop(id, {})
            if changes is None:
                continue
            kind = _kind(changes, self.types)
            if kind is None:
                if "type" in mapping(changes):
                    ghost["type"] = ""  # it has one, that we do not know
                assign(ghost, mapping(changes), self.names, self.limits.text_length)
                self._ghosts[id] = ghost
            else:
                ghost["type"] = kind
                self._stats[id] = ghost

    def _remove(self, delta: Mapping[str, object]) -> dict[str, Members]:
        """Take objects out that the delta says are gone, as they were at the time of the report before."""
        ids = [id for id, changes in delta.items() if changes is None]
        removed = {id: self._stats.pop(id) for id in ids if id in self._stats}
        for members in removed.values():
            if self.time is not None:
                members.setdefault("timestamp", self.time)
        return removed


def _kind(changes: object, types: Mapping[object, str]) -> str | None:
    code = mapping(changes).get("type")
    return types.get(code) if type(code) is int or type(code) is str else None


def heard(delta: Mapping[str, object]) -> bool:
    """Whether a delta says that anything arrived since the report before: it holds only what changed."""
    return any(not _ARRIVED_KEYS.isdisjoint(mapping(changes)) for changes in delta.values())


def continues(delta: Mapping[str, object], base: Base) -> bool:
    """Whether a first report can only be a change of what ``base`` holds: no object has a type, no id is new."""
    ids = delta.keys() - {"t"}
    return bool(ids) and ids <= base.ids and not any("type" in mapping(delta[id]) for id in ids)
