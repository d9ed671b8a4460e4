"""
Stats objects on the wire: which members are kept, under which name, of which type.

The allow-list is made from ``w3c.STATS``, and from the spellings in ``browsers``.  A member that is not in it is
private or of no use, and is dropped where it is renamed.  A number is only taken for a member that is a number, a
string only for a word: what comes out needs no further look.
"""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

from rtc_exporter.errors import FrameError, LimitError, Reason
from rtc_exporter.limits import Limits, Room
from rtc_exporter.model import NOTHING, Members, Stats
from rtc_exporter.w3c import OWN_CLOCK, STATS
from rtc_exporter.wire.browsers import SPELLINGS, TYPES, stamped
from rtc_exporter.wire.decoder import NUMBERS, is_time, mapping, milliseconds, weight

#: Identity members that are strings; the others (ssrc, dataChannelIdentifier) are numbers.
_STRING_IDENTITY = frozenset({"trackIdentifier", "localCandidateId", "remoteCandidateId"})

#: Words of so many characters are kept once for all who say them: states, codecs, ids of rtcstats-js; and how many.
SHORT, WORDS = 24, 4096

#: Words that are booleans.
_FLAGS = frozenset({"active", "nominated", "selected", "powerEfficientDecoder", "powerEfficientEncoder"})


class Names(NamedTuple):
    """Wire name -> member name, by what the value is; a name that is absent here is dropped."""

    numbers: Mapping[str, str]
    words: Mapping[str, str]
    flags: Mapping[str, str]
    #: Members that are records, flattened: wire name -> {key: member name}.
    records: Mapping[str, Mapping[str, str]]


def _names() -> Names:
    rows = STATS.values()
    words = {word for row in rows for word in (*row.words, *row.identity)}
    strings = {word for word in words if word in _STRING_IDENTITY or any(word in row.words for row in rows)} - _FLAGS
    every = {number for row in rows for number in row.numbers} | (words - strings - _FLAGS)
    records: dict[str, dict[str, str]] = {}
    for name in every:
        record, dot, key = name.partition(".")
        if dot:
            records.setdefault(record, {})[key] = name
    numbers = {name: name for name in every if "." not in name}
    names = Names(numbers, {name: name for name in strings}, {name: name for name in _FLAGS}, records)
    return with_codes(names, SPELLINGS)


def with_codes(names: Names, codes: Mapping[str, str]) -> Names:
    """The same names, known by a short code too."""

    def coded(table: Mapping[str, str]) -> dict[str, str]:
        return {**table, **{code: table[name] for code, name in codes.items() if name in table}}

    records = {**names.records, **{code: names.records[name] for code, name in codes.items() if name in names.records}}
    return Names(coded(names.numbers), coded(names.words), coded(names.flags), records)


#: For formats that write members as the W3C does, or as some browser does.
W3C = _names()


#: The word as whoever said it first has it.
_once = lru_cache(WORDS)(str)


def assign(members: Members, changes: Mapping[str, object], names: Names, length: int) -> None:
    """Take over what may be kept; null, and a string that is too long, make a member absent."""
    for key, value in changes.items():
        kind = type(value)
        if kind is str:
            name = names.words.get(key)
            if name is not None and len(value) <= length:  # type: ignore[arg-type]  # a string
                word: str = value  # type: ignore[assignment]
                members[name] = _once(word) if len(word) <= SHORT else word
            elif name is not None:
                members.pop(name, None)
        elif kind is int or kind is float:
            name = names.numbers.get(key)
            if name is not None:
                members[name] = value  # type: ignore[assignment]
        elif kind is bool:
            name = names.flags.get(key)
            if name is not None:
                members[name] = value  # type: ignore[assignment]
        elif value is None:
            _forget(members, key, names)
        elif kind is dict and key in names.records:
            take_record(members, mapping(value), names.records[key])


def _forget(members: Members, key: str, names: Names) -> None:
    for table in (names.numbers, names.words, names.flags):
        if key in table:
            members.pop(table[key], None)
    for name in names.records.get(key, {}).values():
        members.pop(name, None)


def take_record(members: Members, record: Mapping[str, object], names: Mapping[str, str]) -> None:
    """Take over the keys of a record as members of their own."""
    for key, value in record.items():
        name = names.get(key)
        if name is not None and type(value) in NUMBERS:
            members[name] = value  # type: ignore[assignment]
        elif name is not None and value is None:
            members.pop(name, None)


class Whole:
    """Reports that come whole: what the report before had, and this one has not, has been removed."""

    __slots__ = ("_room", "_weight", "stats", "time")

    def __init__(self, room: Room | None = None) -> None:
        """``room`` is for what is held, and is shared by all peer connections of a client."""
        self._room = room
        self._weight = 0
        self.stats: dict[str, Members] = {}
        self.time: float | None = None

    def take(self, time: float | None, fresh: dict[str, Members]) -> tuple[float, Stats, Stats]:
        """Time, stats and removed stats of a report that ``read`` has read."""
        time = self.time if time is None else time
        if time is None:
            raise FrameError(Reason.BAD_TIME, "a report without a time")
        self._weigh(fresh)
        removed = {id: members for id, members in self.stats.items() if id not in fresh}
        for members in removed.values():
            if self.time is not None:
                members.setdefault("timestamp", self.time)
        self.stats, self.time = fresh, time
        return time, fresh, removed or NOTHING

    def _weigh(self, fresh: dict[str, Members]) -> None:
        if self._room is None:
            return
        now = weight(fresh)
        if self._room.taken - self._weight + now > self._room.limit:
            raise LimitError(Reason.TOO_MANY, f"more than {self._room.limit} members of one client's stats")
        self._room.taken += now - self._weight
        self._weight = now

    def clear(self) -> None:
        """Forget all objects, and give their room back."""
        self.stats = {}
        if self._room is not None:
            self._room.taken -= self._weight
        self._weight = 0


def read(stats: object, time: float | None, limits: Limits) -> tuple[float | None, dict[str, Members]]:
    """
    The stats objects of a whole report, as far as their type is known, and its time.

    Where the report does not tell its time, it is that of its latest object, except for those with a clock
    of their own.
    """
    rows = dict(entries(stats))
    if len(rows) > limits.stats:
        raise LimitError(Reason.TOO_MANY, f"{len(rows)} stats objects")
    fresh: dict[str, Members] = {}
    times: dict[str, float] = {}
    for id, row in rows.items():
        written = row.get("type")
        kind = TYPES.get(written) if type(written) is str else None
        if kind is None or not 0 < len(id) <= limits.id_length:
            continue
        members: Members = {"type": kind}
        assign(members, row, W3C, limits.text_length)
        fresh[id] = members
        stamp = row.get("timestamp")
        if is_time(stamp) or is_time(stamp := stamped(stamp)):
            times[id] = milliseconds(stamp)
    if time is None:
        shared = [stamp for id, stamp in times.items() if fresh[id]["type"] not in OWN_CLOCK]
        time = max(shared or times.values(), default=None)
    for id, stamp in times.items():
        if stamp != time:
            fresh[id]["timestamp"] = stamp
    return time, fresh


def entries(stats: object) -> Iterator[tuple[str, dict[str, object]]]:
    """Id and object from ``{id: object}``, ``[[id, object], ...]`` (a Map's entries) or ``[object, ...]``."""
    if isinstance(stats, dict):
        stats = [[id, row] for id, row in stats.items()]
    if not isinstance(stats, list):
        raise FrameError(Reason.BAD_STATS, "stats are neither an object nor an array")
    for entry in stats:
        if isinstance(entry, dict):
            entry = [entry.get("id"), entry]
        if isinstance(entry, list) and len(entry) == 2 and isinstance(entry[0], str) and isinstance(entry[1], dict):
            yield entry[0], entry[1]
