"""
What edges write into the log and aggregators read out of it: records, and who is connected, as lines of JSON.

A batch is a head and entries, compressed; what stands in an entry is what the pipeline is told, with the time at
which the edge took it.  Reports are whole: what the next one is a change of stays at the edge, with the connection.
"""

import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import orjson

from rtc_exporter.model import Event, Joined, Left, ParticipantKey, PeerConnectionKey, Record, Report

#: Grows with what stands in a batch.
FORM = 1
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


class Head(NamedTuple):
    """Which batch of which edge for this partition, and when it was closed."""

    edge: str
    number: int
    time: float


def line(tenant: str, now: float, what: Record | Presence, source: Source | None) -> bytes:
    """An entry, as it is at this moment: a report's stats change with the next."""
    key = tuple(what.key)
    rest: Sequence[object]
    match what:
        case Report():
            name, rest = "report", (what.time, what.sent, what.stats, what.removed, what.heard)
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
    name, tenant, now, key, source, *rest = orjson.loads(text)
    return Entry(tenant, now, _what(name, key, rest), None if source is None else (*source,))


def _what(name: str, key: list[str], rest: list[Any]) -> Record | Presence:
    match name:
        case "report":
            return Report(PeerConnectionKey(*key), *rest)
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
