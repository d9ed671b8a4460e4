"""
A call of six through a server, made of a recorded call of two: what is received five times over, video in three layers.

Each copy of a stream has ids, SSRC and track of its own; what streams share, such as codecs and the path, stays one.
Frames are rtcstats-js's, whose members are numbers (``rtc_exporter.wire.compact`` has the table).
"""

import json
from typing import Any

#: Copies of what is received, one from each of the others, and of the video that is sent, one for each layer.
OTHERS, LAYERS = 5, 3
#: Stats types by their codes.
INBOUND, OUTBOUND, REMOTE_INBOUND, REMOTE_OUTBOUND = 1, 2, 3, 4
#: Members by their codes.
SSRC, KIND, TRACK, MID, REMOTE, LOCAL, RID, ENCODING = "10", "11", "17", "18", "19", "74", "82", "83"
#: Ids are numbers below this one, and those of the copies above it.
IDS = 1000


def of_six(texts: list[str]) -> list[str]:
    """The frames of one client, with more streams in its reports."""
    copies: dict[str, int] = {}
    return [_crowded(json.loads(text), copies) if text.startswith('["g",') else text for text in texts]


def _crowded(row: list[Any], copies: dict[str, int]) -> str:
    stats: dict[str, Any] = row[2]
    found: dict[str, Any] = {}
    for ident, members in stats.items():
        if isinstance(members, dict) and "type" in members:
            copies[ident] = _number(members)
        found[ident] = members
        for number in range(1, copies.get(ident, 1)):
            found[_id(ident, number)] = _copy(members, number)
    # The time of the report comes last, as clients write it.
    found["t"] = found.pop("t", None)
    row[2] = {ident: members for ident, members in found.items() if ident != "t" or members is not None}
    return json.dumps(row, separators=(",", ":"))


def _number(members: dict[str, Any]) -> int:
    """How many there are of an object in a call of six."""
    if members["type"] in (INBOUND, REMOTE_OUTBOUND):
        return OTHERS
    if members["type"] in (OUTBOUND, REMOTE_INBOUND) and members.get(KIND) == "video":
        return LAYERS
    return 1


def _id(ident: str, number: int) -> str:
    return str(number * IDS + int(ident))


def _copy(members: Any, number: int) -> Any:
    if not isinstance(members, dict):
        return members
    copy = dict(members)
    for name in (REMOTE, LOCAL):
        if name in copy:
            copy[name] = _id(copy[name], number)
    if SSRC in copy:
        copy[SSRC] += number
    for name in (TRACK, MID):
        if name in copy:
            copy[name] = f"{copy[name]}{number}"
    if copy.get("type") == OUTBOUND:
        copy |= {RID: str(number), ENCODING: number}
    return copy
