"""Deltas of one peer connection that wait side by side, read as one: five in a row name nearly the same members."""

from collections.abc import Iterable
from typing import Any

from rtc_exporter.wire.decoder import is_time

_TYPE = '"type"'


def is_plain(frame: str, delta: dict[str, Any], known: set[str]) -> bool:
    """Whether a delta, whose time is good, does nothing but change objects that are there; ``known`` are their ids."""
    stamp = delta.get("t")
    # A type means a new object, or an old one that is another now: that has its place in the order.
    is_good = _TYPE not in frame and is_time(stamp) and delta.keys() <= known
    return is_good and [*map(type, delta.values())].count(dict) == len(delta) - 1


def united(
    several: list[dict[str, Any]], clocked: Iterable[str], recorded: Iterable[str], records: Iterable[str]
) -> dict[str, object]:
    """
    Plain deltas as one, in which each member has its newest value; the deltas are used up.

    What has a clock of its own (the ids ``clocked``) was heard with its delta, where that does not say otherwise; of a
    record (members ``records`` of the ids ``recorded``) each delta tells what has changed.  A value that cannot be
    meant hides one before it: its sender alone loses by that.
    """
    whole: dict[str, Any] = {}
    for delta in several:
        stamp = delta.pop("t")
        for id in clocked:
            if id in delta:
                delta[id].setdefault("t", stamp)
        for id in recorded:
            if id in delta and id in whole:
                _join(whole[id], delta[id], records)
        for id, changes in delta.items():
            if id in whole:
                whole[id].update(changes)
            else:
                whole[id] = changes
    # A time that another object has holds until the next delta alone.
    for id, changes in whole.items():
        if "t" in changes and id not in clocked and "t" not in delta.get(id, ()):
            del changes["t"]
    whole["t"] = stamp
    return whole


def _join(older: dict[str, Any], newer: dict[str, Any], records: Iterable[str]) -> None:
    """Of a record two deltas tell what has changed; the newer one is to tell both."""
    for key in records:
        if key in newer and isinstance(older.get(key), dict) and isinstance(newer[key], dict):
            newer[key] = {**older[key], **newer[key]}
