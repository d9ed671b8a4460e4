"""
Everything that brought stock servers down, from fifty addresses each, with honest clients in between (R3).

Memory stays bounded, the process stays, and twenty clients that are well lose no report and wait little.  The attackers
are threads of a process of their own; what they did is in its ledger, which is held against the exporter's metrics.
"""

import contextlib
import gzip
import json
import resource
import socket
import subprocess
import sys
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable
from functools import cache
from typing import Self

from benchmarks.children import Place
from benchmarks.load import Load, Recording, recorded
from tests.hostile import raw
from tests.hostile.kit import Exporter, Ledger, accepted, drops, exporter, main
from tests.hostile.raw import BINARY, CONTINUATION, PAGE, PING, frame, source, upgrade

SOURCES, PROBES = 50, 20
#: Reports that each of those who are well sends at most: the recording has a few more.
REPORTS = 50
#: Bytes of memory, and seconds of delay for who is well.
MEMORY, DELAY = 512 << 20, 0.25
#: Address space of the exporter: a backstop, so that a leak ends in an error and not in the machine.
SPACE = 4 << 30

#: The flag of the process that attacks.
ATTACK = "--attack"

#: One attack from one address until ``is_over``; returns what it sent, by name.
Attack = Callable[[Place, str, Callable[[], bool]], Counter[str]]


def _posts(head: bytes, chunk: bytes, times: int) -> Attack:
    """A request, and the same bytes of a body again and again."""
    return _made(lambda: head, chunk, times)


def _made(make: Callable[[], bytes], chunk: bytes, times: int) -> Attack:
    """The same, of a request that is made when it is first wanted."""

    def attack(place: Place, address: str, is_over: Callable[[], bool]) -> Counter[str]:
        sent: Counter[str] = Counter()
        head = make()
        while not is_over():
            with contextlib.suppress(OSError), raw.connect(place, address, 5.0) as sock:
                sent["requests"] += 1
                sock.sendall(head)
                for _ in range(times):
                    if is_over():
                        break
                    sock.sendall(chunk)
                raw.rest(sock)
        return sent

    return attack


def _frames(first: bytes, again: bytes, times: int, pause: float = 0.0) -> Attack:
    """A WebSocket, something, and then the same frames again and again, whatever the server says."""

    def attack(place: Place, address: str, is_over: Callable[[], bool]) -> Counter[str]:
        sent: Counter[str] = Counter()
        while not is_over():
            with contextlib.suppress(OSError), raw.connect(place, address, 2.0) as sock:
                sock.sendall(upgrade(f"/v1/rtcstats/mallory/{address}"))
                if raw.status(sock) != 101:
                    sent["refused"] += 1
                    time.sleep(0.05)
                    continue
                sent["connections"] += 1
                sock.sendall(first)
                for _ in range(times):
                    if is_over():
                        break
                    sock.sendall(again)
                    time.sleep(pause)
        return sent

    return attack


def _holds(data: bytes) -> Attack:
    """As many connections as there may be, each kept as long as the server lets it be."""

    def attack(place: Place, address: str, is_over: Callable[[], bool]) -> Counter[str]:
        sent: Counter[str] = Counter()
        held: list[socket.socket] = []
        with contextlib.suppress(OSError):
            while not is_over() and len(held) < 120:
                sock = raw.connect(place, address, 5.0)
                sock.sendall(data)
                held.append(sock)
                sent["connections"] += 1
        while not is_over():
            time.sleep(0.05)
        for sock in held:
            sock.close()
        return sent

    return attack


POST = "POST /v1/reports/mallory/x HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
CHUNKED = f"{POST}Transfer-Encoding: chunked\r\n\r\n".encode()
CHUNK = b"10000\r\n" + b" " * 65536 + b"\r\n"
PAGE_FRAME = frame(PAGE.encode())
DEFLATED = zlib.compress(b"[" * (16 << 20), 9)[2:-4]
OBJECTS = {str(n): {"type": 1, "14": n} for n in range(1900)}


@cache
def bomb() -> bytes:
    """A quarter of a gigabyte as a small body; it takes seconds to make."""
    body = gzip.compress(b" " * (256 << 20), 9)
    return f"{POST}Content-Encoding: gzip\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body


def _body(text: str) -> bytes:
    return f"{POST}Content-Length: {len(text)}\r\nConnection: close\r\n\r\n{text}".encode()


def _node(text: str) -> bytes:
    return frame(f'["x","PC_0",{text},1]'.encode())


ATTACKS: dict[str, Attack] = {
    "a compressed frame that was not agreed on": _frames(b"", frame(DEFLATED, bits=0x40), 1),
    "frames of fifteen megabytes": _frames(PAGE_FRAME, frame(b"x" * (1 << 20), length=15 << 20), 1),
    "a million empty pieces": _frames(frame(b"", final=False), frame(b"", CONTINUATION, False) * 10_000, 200),
    "pings without an end": _frames(PAGE_FRAME, frame(b"", PING) * 10_000, 100),
    "frames that are none": _frames(b"", frame(b"\xff" * 100, BINARY, mask=None), 1),
    "half a frame of a megabyte": _holds(upgrade() + b""),
    "connections without a word": _holds(b""),
    "half heads": _holds(POST.encode()),
    "half bodies": _holds(f"{POST}Content-Length: 8000000\r\n\r\n".encode() + b" " * 200_000),
    "heads of ten megabytes": _posts(f"{POST}X: ".encode(), b"x" * 65536, 160),
    "bodies of two hundred megabytes": _posts(CHUNKED, CHUNK, 3200),
    "a length and chunks": _posts(_body("{}").replace(b"\r\n\r\n", b"\r\nTransfer-Encoding: chunked\r\n\r\n"), b"", 0),
    "gzip of a quarter of a gigabyte": _made(bomb, b"", 0),
    "bodies of very many arrays": _posts(_body("[" + "[]," * 1_000_000 + "[]]"), b"", 0),
    "frames of very many arrays": _frames(PAGE_FRAME, _node("[" + "[]," * 300_000 + "[]]"), 50),
    "frames of very many keys": _frames(
        PAGE_FRAME, _node("{" + ",".join(f'"k{n}":{n}' for n in range(40_000)) + "}"), 50
    ),
    "reports too fast": _frames(PAGE_FRAME, frame(b'["x",null,null,1]') * 1000, 1000),
    # The last one: its reports are sound, and are read at their rate for a while after it.
    "reports of very many objects": _frames(
        PAGE_FRAME, b"".join(
            frame(json.dumps(["g", f"PC_{pc}", {**OBJECTS, "t": 1e12}, 1]).encode()) for pc in range(8)
        ), 20,
    ),
}  # fmt: skip


def run(is_long: bool = False) -> Ledger:
    """A second of each; in the long run five minutes of each."""
    ledger = Ledger("attacks: what brought stock servers down")
    seconds = 300.0 if is_long else 1.0
    space = lambda: resource.setrlimit(resource.RLIMIT_AS, (SPACE, SPACE))  # noqa: E731
    recording = recorded()
    with (
        exporter("--limits.address-connections", "200", before=space) as running,
        Attackers(running.ingest) as attackers,
    ):
        for name in ATTACKS:
            _one(ledger, running, attackers, recording, name, seconds)
        metrics = running.metrics("self")
        alive = running.process.poll() is None
    ledger.claim("the process stays", alive)
    ledger.claim(
        "no fault of ours",
        metrics["rtc_exporter_errors_internal_total"] == 0,
        metrics["rtc_exporter_errors_internal_total"],
    )
    return ledger


def _one(
    ledger: Ledger, running: Exporter, attackers: "Attackers", recording: Recording, name: str, seconds: float
) -> None:
    """One attack, and twenty clients that are well all the while; what they have sent is all counted."""
    before = running.metrics("self")
    with Load(running.ingest, PROBES, recording) as load:
        load.open()
        load.begin()
        watch = Watch(running)
        watch.start()
        attackers.begin(name, seconds)
        sent = load.run(seconds, min(4.0, REPORTS / seconds))
        resident = watch.end()
    told = attackers.told()
    after = running.metrics("self")
    lost = load.reports - (accepted(after) - accepted(before)) + told.get("reports", 0)
    reasons = {reason: number - drops(before).get(reason, 0) for reason, number in drops(after).items()}
    seen = ", ".join(f"{number:,} {reason}" for reason, number in sorted(reasons.items()) if number)
    did = ", ".join(f"{number:,} {what}" for what, number in told.items())
    if "reports of very many" not in name:
        ledger.account(f"{name}: reports of who is well", load.reports, counted=load.reports - lost)
    ledger.claim(f"{name}: nobody who is well was closed", sent.closed == 0, f"{did}; dropped {seen or 'nothing'}")
    ledger.claim(f"{name}: memory is bounded", resident <= MEMORY, f"{resident >> 20} MiB")
    ledger.measure(f"{name}: p99 of a ping", watch.p99, DELAY, "s")


class Watch(threading.Thread):
    """The memory of the exporter, and how long a ping takes."""

    def __init__(self, running: Exporter) -> None:
        super().__init__(daemon=True)
        self._running = running
        self._end = threading.Event()
        self._most = 0
        self._delays: list[float] = []

    def run(self) -> None:
        with raw.websocket(self._running.ingest, path="/v1/rtcstats/room/watch") as sock:
            sock.sendall(PAGE_FRAME)
            while not self._end.wait(0.02):
                began = time.monotonic()
                sock.sendall(frame(b"x", PING))
                answer = b""
                while frame(b"x", raw.PONG, mask=None) not in answer:
                    answer += sock.recv(100)
                self._delays.append(time.monotonic() - began)
                self._most = max(self._most, self._running.child.resident)

    def end(self) -> int:
        """Watch no more; the most that it took, in bytes."""
        self._end.set()
        self.join()
        return self._most

    @property
    def p99(self) -> float:
        """Seconds that all but a hundredth took at most."""
        return sorted(self._delays)[int(len(self._delays) * 0.99)]


class Attackers:
    """The process that attacks: it is told the attacks line by line, and tells of each what it did."""

    def __init__(self, place: Place) -> None:
        command = [sys.executable, "-m", "tests.hostile.attacks", ATTACK, *map(str, place)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._orders, self._answers = self._process.stdin, self._process.stdout

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def begin(self, name: str, seconds: float) -> None:
        """Attack; returns when the first byte is about to be sent."""
        print(json.dumps([name, seconds]), file=self._orders, flush=True)
        assert self._answers.readline() == "begun\n"

    def told(self) -> dict[str, int]:
        """What was sent, once the attack is over."""
        answer: dict[str, int] = json.loads(self._answers.readline())
        return answer


def attack(name: str, place: Place, seconds: float) -> Counter[str]:
    """One attack from all addresses."""
    end = time.monotonic() + seconds
    results: list[Counter[str]] = []

    def work(number: int) -> None:
        results.append(ATTACKS[name](place, source(number), lambda: time.monotonic() >= end))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(SOURCES)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(results, Counter())


def serve(place: Place) -> None:
    """Be the process that attacks."""
    bomb()
    for line in sys.stdin:
        name, seconds = json.loads(line)
        print("begun", flush=True)
        print(json.dumps(attack(name, place, seconds)), flush=True)


if __name__ == "__main__":
    if ATTACK in sys.argv:
        serve(Place(sys.argv[2], int(sys.argv[3])))
    else:
        main(run)
