"""
Expositions of several processes as one: the series of a family stand together, under one head.

Every process has said by a label which one it is, so no two series are the same, and nothing has to be read but where
families begin.  All formats are such that this can be seen without looking at samples: a line of text that begins
with ``# HELP`` is no sample, since line breaks in labels are escaped, and protobuf tells the length of each message.
"""

import re
from collections.abc import Iterable, Iterator

from rtc_exporter.export.prometheus import PROTOBUF, Exposition
from rtc_exporter.export.protobuf import FAMILY_METRIC, FAMILY_NAME, varint

#: The lines about a family: what follows its name up to the first sample.
_HEAD = re.compile(rb"[^\n]*\n(?:#[^\n]*\n)*")
_BEGIN = b"# HELP "


def merged(expositions: Iterable[bytes], exposition: Exposition) -> Iterator[bytes]:
    """One exposition, family by family; ``exposition.end`` is at its end, once."""
    split = _messages if exposition is PROTOBUF else _blocks
    families: dict[bytes, list[bytes]] = {}
    heads: dict[bytes, bytes] = {}
    for one in expositions:
        for name, head, samples in split(one.removesuffix(exposition.end)):
            heads.setdefault(name, head)
            families.setdefault(name, []).append(samples)
    for name, parts in families.items():
        if exposition is PROTOBUF:
            yield varint(len(heads[name]) + sum(map(len, parts)))
        yield b"".join((heads[name], *parts))
    yield exposition.end


def _blocks(text: bytes) -> Iterator[tuple[bytes, bytes, bytes]]:
    """Name, head and samples of every family of a text."""
    for block in (b"\n" + text.removesuffix(b"\n")).split(b"\n" + _BEGIN)[1:]:
        block += b"\n"
        found = _HEAD.match(block)
        end = found.end() if found else 0
        yield block[: block.index(b" ")], _BEGIN + block[:end], block[end:]


def _messages(data: bytes) -> Iterator[tuple[bytes, bytes, bytes]]:
    """Name, other fields and metrics of every message; each is written with its name first."""
    position = 0
    while position < len(data):
        size, position = _read(data, position)
        end = position + size
        name = b""
        head: list[bytes] = []
        metrics: list[bytes] = []
        while position < end:
            begin = position
            tag = data[position : position + 1]
            length, position = _read(data, position + 1)
            if tag[0] & 7:  # not a number, which is all there is of that
                position += length
            if tag == FAMILY_NAME:
                name = data[position - length : position]
            (metrics if tag == FAMILY_METRIC else head).append(data[begin:position])
        yield name, b"".join(head), b"".join(metrics)


def _read(data: bytes, position: int) -> tuple[int, int]:
    """A varint, and where it ends."""
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, position
