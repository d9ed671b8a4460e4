"""
What edges write into the log and aggregators read out of it: records, and who is connected, as lines of JSON.

A batch is a head and entries, compressed; what stands in an entry is what the pipeline is told, with the time at
which the edge took it.  An entry about reports tells when each of them was taken, what time it was of, and when it was
sent; and of the last of them what it said, for nobody asks what those before it did (``between``).  That is whole, or a
change of the last one that was written, behind a tab: as its client wrote it where it is one, since to read it and
write it anew would cost more than all else.
"""

import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import orjson

from rtc_exporter.model import NOTHING, Event, Joined, Left, ParticipantKey, PeerConnectionKey, Record, Report

#: Grows with what stands in a batch.
FORM = 3
#: Level 1 takes a third of the time of level 6, for a few bytes more (measured on recorded calls).
LEVEL = 1
#: Bytes that a batch unpacks to at most: many times what an edge puts into one.
LARGEST = 64 << 20

#: Which frame of a client that numbers them: whose, what the page is called, and the number; 0 for a base.
Source: TypeAlias = tuple[str, str, str, int]
#: When an edge took a report, the time of its stats, and when its client sent it.
Arrival: TypeAlias = tuple[float, float, float]


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
    #: When it was written.
    now: float
    what: Record | Presence
    source: Source | None
    #: Which of the edge's bases a report is, or builds on; 0 where there is none.
    base: int = 0
    #: The change that a report is, as its client wrote it; empty where it is whole.
    delta: bytes = b""
    #: The reports that it tells of, the one that it holds last.
    arrivals: Sequence[Arrival] = ()


class Head(NamedTuple):
    """Which batch of which edge for this partition, and when it was closed."""

    edge: str
    number: int
    time: float


def line(
    tenant: str,
    now: float,
    what: Record | Presence,
    source: Source | None,
    base: int = 0,
    arrivals: Sequence[Arrival] = (),
) -> bytes:
    """
    An entry, as it is at this moment: a report's stats change with the next.

    ``arrivals`` are those of a report and the ones before it; where there are none, it has just come.
    """
    key = tuple(what.key)
    rest: Sequence[object]
    match what:
        case Report():
            arrivals = arrivals or ((now, what.time, what.sent),)
            name, rest = "report", (what.heard, base, arrivals, what.stats, what.removed)
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


def change(
    tenant: str,
    now: float,
    what: Report,
    source: Source | None,
    base: int,
    arrivals: Sequence[Arrival],
    delta: str,
) -> bytes:
    """An entry about a report, as a change of one before; ``delta`` is one line that holds nothing private."""
    head = orjson.dumps(("change", tenant, now, tuple(what.key), source, what.heard, base, arrivals))
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
    if name in ("change", "report"):
        heard, base, arrivals, stats, removed = rest if name == "report" else (*rest, NOTHING, NOTHING)
        _, time, sent = arrivals[-1]
        what = Report(PeerConnectionKey(*key), time, sent, stats, removed, heard)
        return Entry(tenant, now, what, source, base, delta, arrivals)
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
