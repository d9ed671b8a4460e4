"""Clients that write bytes, not messages: what an attacker has."""

import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.children import Place

#: A key of a handshake; the server need not be believed here.
KEY = "AAAAAAAAAAAAAAAAAAAAAA=="
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
MASK = b"\0\0\0\0"
#: A frame of a page that is well, and a report of it.
PAGE = '[39,null,{"reloadCount":0},1795171685556]'


def connect(place: Place, source: str = "", timeout: float = 30.0) -> socket.socket:
    """A connection, from an address of this machine."""
    return socket.create_connection(place, timeout, (source, 0) if source else None)


def source(number: int) -> str:
    """One of many addresses of this machine."""
    return f"127.0.{1 + number // 250}.{1 + number % 250}"


def upgrade(path: str = "/v1/rtcstats/room/mallory", *headers: str, protocol: str = "rtcstats#5.0") -> bytes:
    """The request for a WebSocket."""
    lines = [
        f"GET {path} HTTP/1.1", "Host: x", "Upgrade: websocket", "Connection: Upgrade", f"Sec-WebSocket-Key: {KEY}",
        "Sec-WebSocket-Version: 13", *([f"Sec-WebSocket-Protocol: {protocol}"] if protocol else []), *headers,
    ]  # fmt: skip
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def frame(
    payload: bytes, opcode: int = TEXT, final: bool = True, mask: bytes | None = MASK, bits: int = 0,
    length: int | None = None,
) -> bytes:  # fmt: skip
    """A frame, right or wrong; a mask of zeros leaves the payload as it is."""
    size = len(payload) if length is None else length
    head = bytes([(0x80 if final else 0) | bits | opcode])
    flag = 0 if mask is None else 0x80
    if size < 126:
        head += bytes([flag | size])
    elif size < 1 << 16:
        head += bytes([flag | 126]) + struct.pack(">H", size)
    else:
        head += bytes([flag | 127]) + struct.pack(">Q", size)
    return head + (mask or b"") + payload


@contextmanager
def websocket(place: Place, source: str = "", path: str = "/v1/rtcstats/room/mallory") -> Iterator[socket.socket]:
    """A connection that was upgraded."""
    with connect(place, source) as sock:
        sock.sendall(upgrade(path))
        status(sock)
        yield sock


def status(sock: socket.socket) -> int:
    """Read the head of an answer; its status, or 0 where the server just went."""
    head = b""
    while b"\r\n\r\n" not in head:
        try:
            data = sock.recv(1)
        except ConnectionError:
            data = b""
        if not data:
            break
        head += data
    return int(head.split()[1]) if head.startswith(b"HTTP/1.1 ") else 0


def rest(sock: socket.socket) -> bytes:
    """Everything until the server goes."""
    data = b""
    while True:
        try:
            chunk = sock.recv(1 << 16)
        except ConnectionError:
            return data
        if not chunk:
            return data
        data += chunk


def close_code(data: bytes) -> int:
    """The code of the close frame in what a server sent, whose frames have no mask; 0 for none."""
    position = 0
    while position + 2 <= len(data):
        size = data[position + 1] & 0x7F
        if data[position] & 0x0F == CLOSE and size >= 2:
            return int.from_bytes(data[position + 2 : position + 4], "big")
        position += 2 + size
    return 0
