"""
Tokens and origins, each with the one result that it must have (R11).

The tables are those of ``tests.test_tokens``, made for the clock of today and played to a running exporter over
WebSockets and as bodies.
"""

import time
from collections import Counter

from benchmarks.children import Place
from tests.hostile import raw
from tests.hostile.kit import Ledger, drops, exporter, main
from tests.hostile.raw import PAGE, frame, upgrade
from tests.test_tokens import ORIGINS, SECRET, refused, taken

BODY = '{"app":{"name":"x"}}'


def run(is_long: bool = False) -> Ledger:
    """Every token by query and by header, every origin by WebSocket and by POST."""
    ledger = Ledger("tokens: tokens and origins")
    rounds = 20 if is_long else 1
    _tokens(ledger, rounds)
    _origins(ledger, rounds)
    return ledger


def _tokens(ledger: Ledger, rounds: int) -> None:
    now = time.time()
    good, bad = taken(now), refused(now)
    wrong: list[str] = []
    with exporter("--ingest.token-secret", SECRET, "--ingest.token-audience", "rtc") as running:
        for _ in range(rounds):
            for name, token in {**good, **bad, "none at all": ""}.items():
                wanted = 0 if name in good else 1008
                if websocket(running.ingest, f"/?rtcstats-token={token}") != wanted:
                    wrong.append(f"{name}, in the query")
                if post(running.ingest, f"Authorization: Bearer {token}") != (202 if name in good else 401):
                    wrong.append(f"{name}, in the header")
        metrics = running.metrics("self")
    each = 2 * rounds
    ledger.account("bad tokens", each * (len(bad) + 1), counted=drops(metrics).get("bad_token", 0))
    ledger.claim(
        f"{len(bad) + 1} bad tokens and {len(good)} good ones, the right answer to each", not wrong, ", ".join(wrong)
    )
    opened = sum(value for name, value in metrics.items() if name.startswith("rtc_exporter_connections_opened_total"))
    ledger.account("good tokens on WebSockets", rounds * len(good), counted=int(opened))


def _origins(ledger: Ledger, rounds: int) -> None:
    wrong: list[str] = []
    counts: Counter[bool] = Counter()
    with exporter("--ingest.allowed-origins", ORIGINS_ALLOWED) as running:
        for _ in range(rounds):
            for origin, is_allowed in ORIGINS.items():
                sent = origin.encode().decode("latin-1")
                with raw.connect(running.ingest) as sock:
                    sock.sendall(upgrade("/", f"Origin: {sent}"))
                    if raw.status(sock) != (101 if is_allowed else 403):
                        wrong.append(f"{origin!r}, WebSocket")
                if post(running.ingest, f"Origin: {sent}") != (202 if is_allowed else 403):
                    wrong.append(f"{origin!r}, POST")
                counts[is_allowed] += 2
        metrics = running.metrics("self")
    ledger.account("origins from elsewhere", counts[False], counted=drops(metrics).get("bad_origin", 0))
    ledger.claim(f"{len(ORIGINS)} origins, the right answer to each", not wrong, ", ".join(wrong))


def websocket(place: Place, path: str) -> int:
    """The code by which the server closes; 0 where it takes a frame."""
    with raw.connect(place) as sock:
        sock.sendall(upgrade(path))
        if raw.status(sock) != 101:
            return -1
        sock.sendall(frame(PAGE.encode()) + frame(b"", raw.PING))
        data = sock.recv(1 << 16)
        return raw.close_code(data)


def post(place: Place, *headers: str) -> int:
    """The status of a body with these headers."""
    lines = [
        "POST /v1/reports/room/ann HTTP/1.1",
        "Host: x",
        "Content-Type: text/plain",
        f"Content-Length: {len(BODY)}",
    ]
    with raw.connect(place) as sock:
        sock.sendall(("\r\n".join([*lines, *headers]) + f"\r\n\r\n{BODY}").encode("latin-1"))
        return raw.status(sock)


ORIGINS_ALLOWED = ",".join(origin for origin, is_allowed in ORIGINS.items() if is_allowed and origin.strip() == origin)

if __name__ == "__main__":
    main(run)
