"""
A load generator that costs little: many WebSocket clients of one thread, each a participant of a recorded call.

Frames are masked once and sent as they are to every connection.  Each connection first tells the events of the page and
of its peer connections and its first reports; then it sends one report a period, and the connections are spread
evenly over the period.  How many reports the first ones are varies by connection, so that the exporter does not fold
all peer connections in the same second.  At the end a ping on every connection, and its pong, prove that the server
has received everything; whether its application is done with it, ``Child.rest`` knows.
"""

import argparse
import contextlib
import gzip
import json
import select
import socket
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple, Self

import jwt
from websockets.frames import Frame, Opcode

from benchmarks import crowd
from benchmarks.children import PATIENCE, SECRET, Place

RECORDINGS = Path(__file__).parent.parent / "tests" / "data"
RECORDING = "healthy-cr.p1"
#: No recording, but made of one, see ``benchmarks.crowd``.
SFU = "sfu"
#: First reports vary by so many: as many as the default fold interval of 5 s holds.
STAGGER = 5
#: Connections that shake hands, or tell their events, at the same time.
WAVE = 100
#: Seconds between two looks for what the server says, which are only pings.
LOOK = 0.05
#: Seconds for which a token is good: a run is shorter.
LIFETIME = 600
#: More than one run may ask for: connections, and frames a second.
MOST_CONNECTIONS = 15_000
MOST_RATE = 20_000


class Recording(NamedTuple):
    """What a client of a recorded call sent, as texts and as masked frames: all but reports first, then the reports."""

    user_agent: str
    texts: list[str]
    events: list[bytes]
    reports: list[bytes]


def recorded(name: str = RECORDING) -> Recording:
    """Read a recording: ``healthy-cr.p1`` is a call of two, ``mesh-cr.p1`` one of four; or make the call of six."""
    source = RECORDING if name == SFU else name
    with gzip.open(RECORDINGS / f"{source}.frames.jsonl.gz", "rt", encoding="utf-8") as lines:
        head, *rows = map(json.loads, lines)
    texts: list[str] = [row["text"] for row in rows if row["dir"] == "c2s"]
    if name == SFU:
        texts = crowd.of_six(texts)
    # What comes after the last report is the end of the call.
    while not is_report(texts[-1]):
        texts.pop()
    events = [masked(text) for text in texts if not is_report(text)]
    reports = [masked(text) for text in texts if is_report(text)]
    return Recording(head["headers"]["user-agent"], texts, events, reports)


def is_report(text: str) -> bool:
    """Whether a frame of rtcstats-js holds a report."""
    return text.startswith('["g",')


def masked(text: str) -> bytes:
    """A text as a frame of a client."""
    return Frame(Opcode.TEXT, text.encode()).serialize(mask=True)


@dataclass(frozen=True, slots=True)
class Sent:
    """What a run has sent, and how well it kept to its times; seconds."""

    connections: int
    reports: int
    seconds: float
    #: Processor time of the generator itself.
    cpu: float
    lateness_median: float
    lateness_p99: float
    lateness_max: float
    #: Connections that the server has closed.
    closed: int


class Client:
    """One connection."""

    __slots__ = ("awaits_pong", "close_code", "is_open", "next", "pending", "received", "socket", "_frames")

    def __init__(self, place: Place, first: int, frames: list[bytes]) -> None:
        self._frames = frames
        self.next = first
        #: What the kernel has not taken yet, and what has come but is no whole frame.
        self.pending = bytearray()
        self.received = bytearray()
        self.awaits_pong = False
        self.is_open = False
        #: Why the server has closed; 0 as long as it has not said so.
        self.close_code = 0
        self.socket = socket.socket()
        self.socket.connect(place)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)

    def send(self, data: bytes) -> None:
        """Send, or keep what does not fit."""
        if self.pending:
            self.pending += data
            return
        try:
            count = self.socket.send(data)
        except BlockingIOError:
            count = 0
        if count < len(data):
            self.pending += data[count:]

    def flush(self) -> None:
        """Send what was kept."""
        data, self.pending = bytes(self.pending), bytearray()
        self.send(data)

    def report(self) -> None:
        """Send the next report."""
        self.send(self._frames[self.next])
        self.next += 1

    def hear(self) -> bool:
        """Take what the server says; False when it has closed."""
        try:
            data = self.socket.recv(1 << 16)
        except BlockingIOError:
            return True
        except OSError:
            return False
        self.received += data
        if not self.is_open:
            head, end, rest = self.received.partition(b"\r\n\r\n")
            if not end:
                return bool(data)
            self.received = rest
            self.is_open = head.startswith(b"HTTP/1.1 101 ")
            return self.is_open
        while len(self.received) >= 2 and len(self.received) >= 2 + self.received[1]:
            # Servers do not mask, and this one only sends control frames: 125 bytes at most.
            opcode, length = self.received[0] & 15, self.received[1]
            payload = bytes(self.received[2 : 2 + length])
            del self.received[: 2 + length]
            if opcode == Opcode.PING:
                self.send(Frame(Opcode.PONG, payload).serialize(mask=True))
            elif opcode == Opcode.PONG:
                self.awaits_pong = False
            elif opcode == Opcode.CLOSE:
                self.close_code = int.from_bytes(payload[:2], "big")
                return False
        return bool(data)


class Load:
    """All clients, to be used with ``with``; ``open``, ``begin`` and ``run`` in this order, ``settle`` after each."""

    def __init__(self, place: Place, connections: int, recording: Recording) -> None:
        if not 0 < connections <= MOST_CONNECTIONS:
            raise SystemExit(f"{connections} connections, wanted 1 to {MOST_CONNECTIONS}")
        self._place = place
        self._number = connections
        self._recording = recording
        self._clients: list[Client] = []
        self._by_socket: dict[int, Client] = {}
        self._poll = select.epoll()
        self._closed = 0
        #: Reports sent so far, the first ones among them.
        self.reports = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for client in self._clients:
            with contextlib.suppress(OSError):
                client.socket.send(Frame(Opcode.CLOSE, (1001).to_bytes(2, "big")).serialize(mask=True))
            client.socket.close()
        self._poll.close()

    def open(self) -> None:
        """Shake hands, two connections to a session, and say the first word, as clients do at once."""
        for begin in range(0, self._number, WAVE):
            wave = range(begin, min(begin + WAVE, self._number))
            clients = [Client(self._place, 0, self._recording.reports) for _ in wave]
            for number, client in zip(wave, clients, strict=True):
                self._by_socket[client.socket.fileno()] = client
                self._poll.register(client.socket, select.EPOLLIN)
                client.send(self._handshake(number))
            self._clients += clients
            self._until(lambda wave=clients: all(client.is_open for client in wave), "handshake")  # type: ignore[misc]
            for client in clients:
                client.send(self._recording.events[0])

    def _handshake(self, number: int) -> bytes:
        who = {"conference": f"session-{number // 2}", "user": f"participant-{number}"}
        now = int(time.time())
        token = jwt.encode({"rtcStats": who, "iat": now - 1, "exp": now + LIFETIME}, SECRET, "HS256")
        lines = (
            f"GET /call?rtcstats-token={token} HTTP/1.1",
            f"Host: {self._place.host}:{self._place.port}",
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            "Sec-WebSocket-Protocol: rtcstats#5.0",
            f"User-Agent: {self._recording.user_agent}",
        )
        return "".join(f"{line}\r\n" for line in (*lines, "")).encode()

    def begin(self, stagger: int = STAGGER) -> None:
        """Tell all other events and the first report, which is the only whole one, and up to ``stagger`` - 1 more."""
        events = b"".join(self._recording.events[1:])
        for begin in range(0, self._number, WAVE):
            for number, client in enumerate(self._clients[begin : begin + WAVE]):
                client.send(events)
                for _ in range(1 + number % stagger):
                    client.report()
                    self.reports += 1
            self.settle()

    def run(self, seconds: float, rate: float = 1.0) -> Sent:
        """Send each connection's reports at their times, ``rate`` a second; ends when the server has received them."""
        each = int(seconds * rate)
        left = len(self._recording.reports) - max(client.next for client in self._clients)
        if each > left:
            raise SystemExit(f"{seconds:g} s are {each} reports of each connection, but the recording has {left} more")
        if self._number * rate > MOST_RATE:
            raise SystemExit(f"{self._number * rate:.0f} reports a second, wanted {MOST_RATE} at most")
        began, cpu = time.perf_counter(), time.process_time()
        lateness = self._send(each * self._number, self._number * rate, began)
        self.settle()
        lateness.sort()
        self.reports += len(lateness)
        return Sent(
            connections=self._number,
            reports=len(lateness),
            seconds=time.perf_counter() - began,
            cpu=time.process_time() - cpu,
            lateness_median=lateness[len(lateness) // 2],
            lateness_p99=lateness[len(lateness) * 99 // 100],
            lateness_max=lateness[-1],
            closed=self._closed,
        )

    def _send(self, total: int, pace: float, began: float) -> list[float]:
        """Send so many reports at ``pace`` a second; returns how late each was."""
        clients, number, clock = self._clients, self._number, time.perf_counter
        lateness: list[float] = []
        look = began
        for index in range(total):
            due = began + index / pace
            now = clock()
            while now < due:
                time.sleep(due - now)
                now = clock()
            lateness.append(now - due)
            clients[index % number].report()
            if now >= look:
                look = now + LOOK
                self._look(0)
        return lateness

    def settle(self) -> None:
        """Wait until the server has received everything."""
        ping = Frame(Opcode.PING, b"read?").serialize(mask=True)
        for client in self._clients:
            client.awaits_pong = True
            client.send(ping)
        self._until(lambda: not any(client.awaits_pong for client in self._clients), "pong")

    def _until(self, is_done: Callable[[], bool], what: str) -> None:
        end = time.monotonic() + PATIENCE
        while not is_done():
            if time.monotonic() > end:
                raise SystemExit(f"no {what} within {PATIENCE:.0f} s")
            if self._closed:
                raise SystemExit(f"the server has closed {self._closed} connections")
            self._look(0.01)

    def _look(self, timeout: float) -> None:
        for number, _ in self._poll.poll(timeout, 1024):
            if not self._by_socket[number].hear():
                self._poll.unregister(number)
                self._closed += 1
        for client in self._clients:
            if client.pending:
                client.flush()


def place(text: str) -> Place:
    """``HOST:PORT`` on loopback."""
    host, _, port = text.removeprefix("ws://").rstrip("/").rpartition(":")
    if host not in ("127.0.0.1", "localhost") or not port.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is no port of this machine, wanted for example 127.0.0.1:8080")
    return Place(host, int(port))


def add_arguments(parser: argparse.ArgumentParser, connections: int, seconds: float) -> None:
    """What every program that makes load may be told."""
    parser.add_argument("--connections", type=int, default=connections, help="clients (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=seconds, help="length of a run (default: %(default)s)")
    parser.add_argument(
        "--rate", type=float, default=1.0, help="reports of each client a second (default: %(default)s)"
    )
    parser.add_argument("--recording", default=RECORDING, help="what the clients play (default: %(default)s)")


def main(arguments: Iterable[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description="Play a recorded client many times into a server on loopback.")
    parser.add_argument("place", type=place, help="where the server listens, such as 127.0.0.1:8080")
    add_arguments(parser, 1000, 20.0)
    args = parser.parse_args(None if arguments is None else list(arguments))
    with Load(args.place, args.connections, recorded(args.recording)) as load:
        load.open()
        load.begin()
        print(json.dumps(asdict(load.run(args.seconds, args.rate)), indent=2))


if __name__ == "__main__":
    main()
