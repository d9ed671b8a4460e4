"""
What edges write into the log and aggregators read out of it: records, and who is connected, as lines of JSON.

A batch is a head and entries, compressed; what stands in an entry is what the pipeline is told, with the time at
which the edge took it.  A report is whole, or what its client wrote of a change, behind a tab: to read that at the edge
and write it anew would cost more than all else.
"""

import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import orjson

from rtc_exporter.model import NOTHING, Event, Joined, Left, ParticipantKey, PeerConnectionKey, Record, Report

#: Grows with what stands in a batch.
FORM = 2
#: Level 1 takes a third of the time of level 6, for a few bytes more (measured on recorded calls).
LEVEL = 1
#: Bytes that a batch unpacks to at most: many times what an edge puts into one.
LARGEST = 64 << 20

#: Which frame of a client that numbers them: whose, what the page is called, and the number; 0 for a base.
Source: TypeAlias = tuple[str, str, str, int]


class Attached(NamedTuple):
    """A socket of the participant has opened."""

    key: ParticipantKey


class Detached(NamedTuple):
    """One has closed."""

    key: ParticipantKey


class Departed(NamedTuple):
    """The participant leaves, unless a socket is open, or a peer connection (not ``even_connected``)."""

    key: ParticipantKey
    reason: str
    even_connected: bool


Presence: TypeAlias = Attached | Detached | Departed


class Entry(NamedTuple):
    """One thing that an edge tells."""

    tenant: str
    now: float
    what: Record | Presence
    source: Source | None
    #: Which of the edge's bases a report is, or builds on; 0 where there is none.
    base: int = 0
    #: The change that a report is, as its client wrote it; empty where it is whole.
    delta: bytes = b""


class Head(NamedTuple):
    """Which batch of which edge for this partition, and when it was closed."""

    edge: str
    number: int
    time: float


def line(tenant: str, now: float, what: Record | Presence, source: Source | None, base: int = 0) -> bytes:
    """An entry, as it is at this moment: a report's stats change with the next."""
    key = tuple(what.key)
    rest: Sequence[object]
    match what:
        case Report():
            name, rest = "report", (what.time, what.sent, what.heard, base, what.stats, what.removed)
        case Event():
            name, rest = "event", (what.time, what.name, what.facts)
        case Joined():
            name, rest = "joined", (what.time, what.attributes, what.is_past)
        case Left():
            name, rest = "left", (what.time, what.reason)
        case Attached():
            name, rest = "attached", ()
        case Detached():
            name, rest = "detached", ()
        case Departed():
            name, rest = "departed", (what.reason, what.even_connected)
    return orjson.dumps((name, tenant, now, key, source, *rest), default=_plain)


def change(tenant: str, now: float, what: Report, source: Source | None, base: int, delta: str) -> bytes:
    """An entry about a report, as a change of the one before; ``delta`` is one line that holds nothing private."""
    head = orjson.dumps(("change", tenant, now, tuple(what.key), source, what.time, what.sent, what.heard, base))
    return b"%b\t%b" % (head, delta.encode())


def _plain(thing: object) -> object:
    """A read-only view of a dict, or another mapping, as a dict."""
    if isinstance(thing, Mapping):
        return dict(thing)
    raise TypeError(type(thing).__name__)


def pack(head: Head, lines: Iterable[bytes]) -> bytes:
    """A batch."""
    return zlib.compress(b"\n".join((orjson.dumps((FORM, *head)), *lines)), LEVEL)


def unpack(payload: bytes) -> tuple[Head, list[bytes]]:
    """Its head, and its entries to be read; ``ValueError`` where it is none."""
    try:
        unpacker = zlib.decompressobj()
        text = unpacker.decompress(payload, LARGEST)
        if not unpacker.eof:
            raise ValueError("cut off, or too large")
        first, *lines = text.split(b"\n")
        form, edge, number, time = orjson.loads(first)
        if form != FORM or not isinstance(edge, str) or type(number) is not int:
            raise ValueError(f"form {form!r}")
        return Head(edge, number, float(time)), lines
    except (zlib.error, TypeError) as exc:
        raise ValueError(type(exc).__name__) from exc


def read(text: bytes) -> Entry:
    """One entry; whatever is wrong with it raises ``ValueError`` or ``TypeError``."""
    head, _, delta = text.partition(b"\t")  # JSON has no tab in a string
    name, tenant, now, key, source, *rest = orjson.loads(head)
    source = None if source is None else (*source,)
    if name == "change":
        time, sent, heard, base = rest
        what = Report(PeerConnectionKey(*key), time, sent, NOTHING, NOTHING, heard)
        return Entry(tenant, now, what, source, base, delta)
    if name == "report":
        time, sent, heard, base, stats, removed = rest
        return Entry(tenant, now, Report(PeerConnectionKey(*key), time, sent, stats, removed, heard), source, base)
    return Entry(tenant, now, _what(name, key, rest), source)


def _what(name: str, key: list[str], rest: list[Any]) -> Record | Presence:
    match name:
        case "event":
            return Event(PeerConnectionKey(*key), *rest)
        case "joined":
            return Joined(ParticipantKey(*key), *rest)
        case "left":
            return Left(ParticipantKey(*key), *rest)
        case "attached":
            return Attached(ParticipantKey(*key))
        case "detached":
            return Detached(ParticipantKey(*key))
        case "departed":
            return Departed(ParticipantKey(*key), *rest)
    raise ValueError("an entry of another form")
