"""
Handshakes and frames that are none (R7).

Each has one answer: a status or a close code, and one reason by which it is counted.  The connection is gone within a
second, and the exporter goes on for everybody else.
"""

import contextlib
import time
from typing import NamedTuple

from tests.hostile import raw
from tests.hostile.kit import Exporter, Ledger, drops, exporter, main
from tests.hostile.raw import BINARY, CLOSE, CONTINUATION, PAGE, PING, frame, upgrade

GONE = 1.0
GOOD = upgrade()


class Row(NamedTuple):
    """What is sent, before and after the upgrade, and what must come of it."""

    name: str
    request: bytes
    frames: bytes
    #: Status where there is no upgrade, else the close code; and the reason that it is counted by, if it is.
    answer: int
    reason: str


def request(name: str, data: bytes, answer: int, reason: str = "bad_request") -> Row:
    """A request that is refused."""
    return Row(name, data, b"", answer, reason)


def after(name: str, data: bytes, answer: int, reason: str = "bad_frame") -> Row:
    """Frames that are refused."""
    return Row(name, GOOD, data, answer, reason)


def without(header: str) -> bytes:
    """The request for a WebSocket without one of its headers."""
    return b"\r\n".join(line for line in GOOD.split(b"\r\n") if not line.lower().startswith(header.lower().encode()))


POST = b"POST /v1/reports/room/mallory HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nConnection: close\r\n"
PIECE = b"x" * 70_000
ROWS = (
    request("garbage", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 hello\r\n\r\n", 400),
    request("no version", b"GET /\r\n\r\n", 404, ""),
    request("a version of the future", GOOD.replace(b"HTTP/1.1", b"HTTP/9.9"), 400),
    request("another method", GOOD.replace(b"GET ", b"POST "), 405),
    request("no key", without("Sec-WebSocket-Key"), 400),
    request("half a key", GOOD.replace(raw.KEY.encode(), b"AAAA"), 400),
    request("two keys", upgrade("/", f"Sec-WebSocket-Key: {raw.KEY}"), 400),
    request("no version of WebSockets", without("Sec-WebSocket-Version"), 400),
    request("version 7 of WebSockets", GOOD.replace(b"Version: 13", b"Version: 7"), 400),
    request("a head of 20 KB", upgrade("/", f"X: {'x' * 20_000}"), 431, "too_large"),
    request("a path of 20 KB", upgrade(f"/{'x' * 20_000}"), 431, "too_large"),
    request("5,000 headers", upgrade("/", *["X: y"] * 5000), 431, "too_large"),
    request("200 headers", upgrade("/", *["X: y"] * 200), 400),
    request("a header without a colon", upgrade("/", "X y"), 400),
    request("a blank before the colon", upgrade("/", "X : y"), 400),
    request("a NUL in a header", upgrade("/", "X: a\0b"), 400),
    request("two lengths", POST + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", 400),
    request("a length and chunks", POST + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    request("chunks of no length", POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n", 400),
    request("a negative length", POST + b"Content-Length: -1\r\n\r\n{}", 400),
    request("a body of a terabyte", POST + b"Content-Length: 1099511627776\r\n\r\n{", 413, "too_large"),
    request("no JSON", POST + b"Content-Length: 3\r\n\r\n{]}", 400, "bad_json"),
    after("no mask", frame(b"x", mask=None), 1002),
    after("bit 1", frame(b"x", bits=0x40), 1002),
    after("bits 2 and 3", frame(b"x", bits=0x30), 1002),
    after("opcode 3", frame(b"x", opcode=3), 1002),
    after("opcode 11", frame(b"x", opcode=11), 1002),
    after("a long ping", frame(b"x" * 126, opcode=PING), 1002),
    after("no mask, and no more", frame(b"", mask=None), 1002),
    after("a ping in pieces", frame(b"x", opcode=PING, final=False), 1002),
    after("a close frame of one byte", frame(b"x", opcode=CLOSE), 1002),
    after("a piece of nothing", frame(b"x", opcode=CONTINUATION), 1002),
    after("a beginning in the middle", frame(b"x", final=False) + frame(b"x"), 1002),
    after("65 pieces", frame(b"x", final=False) + frame(b"x", CONTINUATION, False) * 65, 1008),
    after("10,000 empty pieces", frame(b"", final=False) + frame(b"", CONTINUATION, False) * 10_000, 1008),
    after("2 MB in one frame", frame(b"", length=2 << 20), 1009, "too_large"),
    after("2 MB in pieces", frame(PIECE, final=False) + frame(PIECE, CONTINUATION, False) * 30, 1009, "too_large"),
    after("a terabyte declared", frame(b"", length=1 << 40), 1009, "too_large"),
    after("2^63 bytes declared", frame(b"", length=1 << 63), 1009, "too_large"),
    after("no UTF-8", frame(b"\xff\xfe"), 1007, "bad_encoding"),
    after("half of a surrogate pair", frame(b'"\xed\xa0\x80"'), 1007, "bad_encoding"),
    Row("a subprotocol that is unknown", upgrade(protocol="soap"), b"", 1003, "unknown_format"),
    Row("a first frame of no format", upgrade("/", protocol=""), frame(b'{"x":1}'), 1003, "unknown_format"),
    Row("a binary first frame", upgrade("/", protocol=""), frame(b"x", BINARY), 1007, "bad_frame"),
)  # fmt: skip


def run(is_long: bool = False) -> Ledger:
    """All rows, one by one and then all over again, with an honest client beside them."""
    ledger = Ledger("protocol: handshakes and frames that are none")
    rounds = 20 if is_long else 2
    expected: dict[str, int] = {}
    slowest = 0.0
    with exporter() as running, raw.websocket(running.ingest, path="/v1/rtcstats/room/ann") as honest:
        honest.sendall(frame(PAGE.encode()))
        for row in ROWS * rounds:
            answer, seconds = play(running, row)
            slowest = max(slowest, seconds)
            if answer != row.answer:
                ledger.claim(f"{row.name}: answered by {row.answer}", False, answer)
            if row.reason:
                expected[row.reason] = expected.get(row.reason, 0) + 1
        honest.sendall(frame(b"x", PING))
        is_alive = honest.recv(100) == frame(b"x", raw.PONG, mask=None)
        metrics = running.metrics("self")
    for reason in sorted(expected | drops(metrics)):
        ledger.account(f"refused as {reason}", expected.get(reason, 0), counted=drops(metrics).get(reason, 0))
    ledger.claim(f"{len(ROWS)} rows, each with its own answer", len(ROWS) >= 30, f"{rounds} rounds")
    ledger.measure("a connection is gone", slowest, GONE, "s")
    ledger.claim("the honest client is still there", is_alive)
    ledger.claim("no fault of ours", metrics["rtc_exporter_errors_internal_total"] == 0)
    return ledger


def play(running: Exporter, row: Row) -> tuple[int, float]:
    """Send a row; the status or close code that comes, and how long the connection lives."""
    with raw.connect(running.ingest) as sock:
        began = time.monotonic()
        if not row.frames and row.answer < 1000:
            with contextlib.suppress(ConnectionError):
                sock.sendall(row.request)
            answer = raw.status(sock)
            raw.rest(sock)
            return answer, time.monotonic() - began
        sock.sendall(row.request)
        if raw.status(sock) != 101:
            return -1, 0.0
        began = time.monotonic()
        with contextlib.suppress(ConnectionError):
            sock.sendall(row.frames)
        answer = raw.close_code(raw.rest(sock))
        return answer, time.monotonic() - began


if __name__ == "__main__":
    main(run)
