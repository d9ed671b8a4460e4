"""
Clients that are slow on purpose (R8).

Five hundred sockets: some say nothing, some half a head, some a byte now and then, some open a WebSocket and say
nothing there.  All are told so, counted and gone within twenty seconds, and an honest client beside them notices
nothing.
"""

import contextlib
import select
import socket
import threading
import time

from benchmarks.children import Place
from tests.hostile import raw
from tests.hostile.kit import Ledger, drops, exporter, main
from tests.hostile.raw import PAGE, PING, frame, source, upgrade

#: Seconds until the last of them must be gone, and between two bytes of those who drip.
GONE, DRIP = 20.0, 0.5
HEAD = b"POST /v1/reports/room/mallory HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
#: What each kind sends at once, and then byte by byte.
KINDS = {
    "nothing": (b"", b""),
    "half a head": (HEAD, b""),
    "a head that drips": (b"", HEAD + b"X: " + b"x" * 1000),
    "a body that drips": (HEAD + b"Content-Length: 100000\r\n\r\n", b" " * 1000),
    "chunks that drip": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n" * 200),
    "a WebSocket without a frame": (upgrade(), b""),
    "a frame that drips": (upgrade(), frame(b" " * 1000)),
}


class Probe(threading.Thread):
    """An honest client: a ping on a WebSocket ten times a second, and how long its pong takes."""

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(daemon=True)
        self.delays: list[float] = []
        self._sock = sock
        self._end = threading.Event()

    def run(self) -> None:
        while not self._end.wait(0.1):
            began = time.monotonic()
            self._sock.sendall(frame(b"x", PING))
            answer = b""
            while frame(b"x", raw.PONG, mask=None) not in answer:
                answer += self._sock.recv(100)
            self.delays.append(time.monotonic() - began)

    def end(self) -> None:
        """Ping no more."""
        self._end.set()
        self.join()

    @property
    def p99(self) -> float:
        """Seconds that all but a hundredth took at most."""
        return sorted(self.delays)[int(len(self.delays) * 0.99)]


def run(is_long: bool = False) -> Ledger:
    """Seventy of each kind; in the long run 140 of each, three times."""
    ledger = Ledger("slow: clients that keep connections and say little")
    each, rounds = (140, 3) if is_long else (72, 1)
    with exporter("--limits.participant-connections", "2000") as running:
        with raw.websocket(running.ingest, path="/v1/rtcstats/room/ann") as honest:
            honest.sendall(frame(PAGE.encode()))
            quiet = Probe(honest)
            quiet.start()
            time.sleep(3)
            quiet.end()
            probe = Probe(honest)
            probe.start()
            longest = max(crowd(running.ingest, each) for _ in range(rounds))
            probe.end()
        metrics = running.metrics("self")
    slow = each * rounds * len(KINDS)
    ledger.account("slow clients", slow, counted=drops(metrics).get("too_slow", 0), **_others(drops(metrics)))
    ledger.measure("the last is gone", longest, GONE, "s")
    # A fifth more of half a millisecond is within what a shared machine does by itself.
    ledger.measure("p99 of an honest client's ping", probe.p99, max(quiet.p99 * 1.2, 0.02), "s")
    ledger.claim("no fault of ours", metrics["rtc_exporter_errors_internal_total"] == 0)
    return ledger


def _others(reasons: dict[str, int]) -> dict[str, int]:
    return {reason: number for reason, number in reasons.items() if reason != "too_slow"}


def crowd(place: Place, each: int) -> float:
    """So many of each kind at once; the seconds until the last is gone."""
    left: dict[int, tuple[socket.socket, bytes]] = {}
    for number, (first, then) in enumerate(list(KINDS.values()) * each):
        sock = raw.connect(place, source(number))
        sock.sendall(first)
        if first == KINDS["a WebSocket without a frame"][0]:
            raw.status(sock)
        left[sock.fileno()] = (sock, then)
    poll = select.poll()
    for number in left:
        poll.register(number, select.POLLIN | select.POLLRDHUP)
    began = time.monotonic()
    position, due = 0, began
    while left and time.monotonic() - began < GONE * 4:
        for number, _ in poll.poll(100):
            sock = left[number][0]
            try:
                data = sock.recv(1 << 16)
            except ConnectionError:
                data = b""
            if not data:
                poll.unregister(number)
                sock.close()
                del left[number]
        if time.monotonic() >= due:
            due += DRIP
            for sock, then in left.values():
                _drip(sock, then[position : position + 1])
            position += 1
    for sock, _ in left.values():
        sock.close()
    return time.monotonic() - began


def _drip(sock: socket.socket, data: bytes) -> None:
    with contextlib.suppress(OSError):  # it is told so when it reads
        sock.sendall(data)


if __name__ == "__main__":
    main(run)
