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

GZIP = b"\x1f\x8b"

#: Bytes that are read, and unpacked, at a time.
CHUNK = 1 << 16


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
        while chunk:
            yield unpacker.decompress(chunk, CHUNK)
            chunk = unpacker.unconsumed_tail
            if unpacker.eof and unpacker.unused_data.startswith(GZIP):
                # A gzip file may have several members: log rotation and appending make them.
                chunk, unpacker = unpacker.unused_data, zlib.decompressobj(wbits=31)
            elif not chunk and not unpacker.eof:
                chunk = stream.read(CHUNK)
        whole = unpacker.eof
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
    for chunk in unpack(stream, limits, refused):
        *complete, rest = (rest + chunk).split(b"\n")
        for line in complete:
            if not is_skipping:
                yield line.removesuffix(b"\r")
            is_skipping = False
        if len(rest) > limits.frame_bytes:
            if not is_skipping:
                refused[Reason.TOO_LARGE] += 1
            is_skipping, rest = True, b""
    if rest and not is_skipping:
        yield rest


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
