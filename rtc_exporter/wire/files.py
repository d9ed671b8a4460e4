"""
Files as lines, gzipped or not, within bounds: what the readers of files share.
"""

import zlib
from collections import Counter
from collections.abc import Iterator
from typing import BinaryIO

import orjson

from rtc_exporter.errors import FrameError, LimitError, Reason
from rtc_exporter.limits import Limits
from rtc_exporter.model import ParticipantKey
from rtc_exporter.wire.decoder import DEFAULTS

GZIP = b"\x1f\x8b"

#: Bytes that are read, and unpacked, at a time.
CHUNK = 1 << 16
#: Members of a gzip file, which log rotation and appending make; what follows in a chunk is copied for each.
MEMBERS = 1000
#: Lines without a record, and bytes of them, after which a file is given up: everybody waits while they are read.
IDLE_LINES, IDLE_BYTES = 10_000, 8 << 20


def unpack(stream: BinaryIO, limits: Limits, refused: Counter[Reason] | None = None) -> Iterator[bytes]:
    """
    The file's content in chunks; more than ``dump_bytes_unpacked`` raises LimitError.

    A gzip file that is damaged or cut off gives what comes before, and is counted as ``bad_encoding``;
    where nobody counts, it raises.
    """
    total = 0
    for chunk in _chunks(stream, refused):
        total += len(chunk)
        if total > limits.dump_bytes_unpacked:
            raise LimitError(Reason.TOO_LARGE, f"more than {limits.dump_bytes_unpacked} bytes unpacked")
        yield chunk


def _chunks(stream: BinaryIO, refused: Counter[Reason] | None) -> Iterator[bytes]:
    chunk = stream.read(CHUNK)
    if not chunk.startswith(GZIP):
        while chunk:
            yield chunk
            chunk = stream.read(CHUNK)
        return
    try:
        unpacker = zlib.decompressobj(wbits=31)
        members = 1
        while chunk:
            yield unpacker.decompress(chunk, CHUNK)
            chunk = unpacker.unconsumed_tail
            if unpacker.eof and members < MEMBERS and unpacker.unused_data.startswith(GZIP):
                members += 1
                # A gzip file may have several members: log rotation and appending make them.
                chunk, unpacker = unpacker.unused_data, zlib.decompressobj(wbits=31)
            elif not chunk and not unpacker.eof:
                chunk = stream.read(CHUNK)
        whole = unpacker.eof and not unpacker.unused_data.startswith(GZIP)
    except zlib.error:
        whole = False
    if not whole:
        if refused is None:
            raise FrameError(Reason.BAD_ENCODING, "damaged gzip")
        refused[Reason.BAD_ENCODING] += 1


def lines(stream: BinaryIO, limits: Limits, refused: Counter[Reason]) -> Iterator[bytes]:
    """Lines without their ends; one that is longer than a frame may be is counted and skipped."""
    rest = b""
    is_skipping = False
    skipped = 0
    for chunk in unpack(stream, limits, refused):
        *complete, rest = (rest + chunk).split(b"\n")
        for line in complete:
            if not is_skipping:
                yield line.removesuffix(b"\r")
            is_skipping, skipped = False, 0
        if len(rest) > limits.frame_bytes:
            if not is_skipping:
                refused[Reason.TOO_LARGE] += 1
            skipped += len(rest)
            if skipped > IDLE_BYTES:
                raise FrameError(Reason.BAD_DUMP, "a line without an end")
            is_skipping, rest = True, b""
    if rest and not is_skipping:
        yield rest


class File:
    """A file that is read, as far as all readers are alike; see ``decoder.Reader``."""

    def __init__(self, stream: BinaryIO, key: ParticipantKey, now: float, limits: Limits = DEFAULTS) -> None:
        self.refused: Counter[Reason] = Counter()
        self._stream = stream
        self._key = key
        self._now = now
        self._limits = limits


class Idle:
    """How much of a file was read without a record."""

    __slots__ = ("_bytes", "_lines")

    def __init__(self) -> None:
        self._lines = self._bytes = 0

    def read(self, line: bytes) -> None:
        """One more line; raises FrameError when it is no use to go on."""
        self._lines += 1
        self._bytes += len(line)
        if self._lines > IDLE_LINES or self._bytes > IDLE_BYTES:
            raise FrameError(Reason.BAD_DUMP, "too much that is not understood")

    def end(self) -> None:
        """A record came of it."""
        self._lines = self._bytes = 0


def beginning(head: bytes) -> bytes:
    """The first bytes of a file, unpacked as far as they are whole, and a megabyte at most."""
    if not head.startswith(GZIP):
        return head
    unpacker, start = zlib.decompressobj(wbits=31), b""
    try:
        for at in range(0, len(head), 1024):
            start += unpacker.decompress(head[at : at + 1024], CHUNK)
            if unpacker.unconsumed_tail or len(start) >= 1 << 20:
                break
    except zlib.error as exc:
        if not start:
            raise FrameError(Reason.BAD_ENCODING, "damaged gzip") from exc
    return start


def json_line(line: bytes) -> dict[str, object]:
    """A line that holds a JSON object, or an empty one."""
    try:
        document = orjson.loads(line)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}
