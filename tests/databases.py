"""
Small databases in MaxMind's format (MaxMind DB File Format Specification 2.0), to look addresses up in.

A search tree over the bits of an address, whose leaves point into a section of values, and metadata behind a marker.
"""

import ipaddress
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

Value: TypeAlias = str | int | Mapping[str, "Value"]
MARKER = b"\xab\xcd\xefMaxMind.com"


def encode(value: Value) -> bytes:
    """A value with its control byte: strings are type 2, unsigned integers 6 and 9, maps 7."""
    match value:
        case str():
            data = value.encode()
            assert len(data) < 29, "longer ones have another form"
            return bytes((2 << 5 | len(data),)) + data
        case int():
            size = (value.bit_length() + 7) // 8
            data = value.to_bytes(size, "big")
            return bytes((6 << 5 | size,)) + data if size <= 4 else bytes((size, 2)) + data
        case _:
            return bytes((7 << 5 | len(value),)) + b"".join(encode(key) + encode(inner) for key, inner in value.items())


def write(path: Path, networks: Mapping[str, Value]) -> Path:
    """A database of version 6, in which addresses of version 4 are the last 32 bits."""
    nodes: list[list[int | bytes | None]] = [[None, None]]
    for network, value in networks.items():
        parsed = ipaddress.ip_network(network)
        prefix = parsed.prefixlen + (96 if parsed.version == 4 else 0)
        bits = f"{int(parsed.network_address):0128b}"[:prefix]
        node = 0
        for bit in map(int, bits[:-1]):
            if nodes[node][bit] is None:
                nodes.append([None, None])
                nodes[node][bit] = len(nodes) - 1
            found = nodes[node][bit]
            assert isinstance(found, int), "networks do not overlap"
            node = found
        nodes[node][int(bits[-1])] = encode(value)
    data = b""
    tree = b""
    for pair in nodes:
        for record in pair:
            if record is None:
                record = len(nodes)
            elif isinstance(record, bytes):
                data, record = data + record, len(nodes) + 16 + len(data)
            tree += struct.pack(">I", record)
    about: dict[str, Value] = {
        "node_count": len(nodes), "record_size": 32, "ip_version": 6, "database_type": "Test", "languages": {},
        "binary_format_major_version": 2, "binary_format_minor_version": 0, "build_epoch": 1_795_171_685,
        "description": {},
    }  # fmt: skip
    path.write_bytes(tree + bytes(16) + data + MARKER + encode(about))
    return path
