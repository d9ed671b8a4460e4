"""
Everybody comes back at the same time (R16).

Six thousand clients within ten seconds, as after a restart with clients that wait a random while, and then all at
once.  Each is let in and heard.
"""

import asyncio
import contextlib
import random
import time

import uvloop

from benchmarks.children import Place
from tests.hostile import raw
from tests.hostile.kit import Ledger, accepted, drops, exporter, main
from tests.hostile.raw import PAGE, frame, upgrade

CLIENTS = 6000
#: Seconds over which they come, and until one is in: all but a hundredth, and all of them where they come at once.
SPREAD, P99, LAST = 10.0, 1.0, 10.0
#: Milliseconds of processor time for a client that comes and says two things: 60 % of a core where 6,000 come in 10 s.
WORK = 1.0
#: Seconds after which a client that waits says that it is there.
SIGN = 15.0
REPORT = '["g","PC_0",{"IT0":{"type":1,"ssrc":1,"kind":"audio","14":1},"t":1795171685000},1]'
FIRST = frame(PAGE.encode()) + frame(REPORT.encode())


def run(is_long: bool = False) -> Ledger:
    """Both storms."""
    ledger = Ledger("storm: everybody comes back")
    for name, spread in (("within ten seconds", SPREAD), ("at once", 0.0)):
        for _ in range(3 if is_long else 1):
            with exporter() as running:
                before = running.child.cpu
                delays = uvloop.run(storm(running.ingest, spread))
                running.child.rest()
                each = (running.child.cpu - before) / CLIENTS * 1000
                metrics = running.metrics("self")
            ledger.account(f"clients, {name}", CLIENTS, counted=len(delays))
            ledger.account(f"reports, {name}", CLIENTS, counted=accepted(metrics), **drops(metrics))
            delays.sort()
            ledger.measure(f"the exporter's work for a client, {name}", each, WORK, "ms")
            if spread:
                ledger.measure(f"p99 of coming in, {name}", delays[int(len(delays) * 0.99)], P99, "s")
            else:
                ledger.measure(f"the last is in, {name}", delays[-1], LAST, "s")
    return ledger


async def storm(place: Place, spread: float) -> list[float]:
    """Let them come; the seconds that each took until it was let in."""
    choice = random.Random(1)
    release = asyncio.Event()
    tasks = [asyncio.create_task(client(place, n, choice.uniform(0.0, spread), release)) for n in range(CLIENTS)]
    delays: list[float] = []
    while len(delays) < CLIENTS and not all(task.done() for task in tasks):
        await asyncio.sleep(0.1)
        if COMING[0] == 0:
            break
    release.set()
    for delay in await asyncio.gather(*tasks):
        if delay is not None:
            delays.append(delay)
    COMING[0] = CLIENTS
    return delays


#: How many are still on their way.
COMING = [CLIENTS]


async def client(place: Place, number: int, wait: float, release: asyncio.Event) -> float | None:
    """One of them: in, a report, and there until all are."""
    await asyncio.sleep(wait)
    began = time.monotonic()
    try:
        local = (raw.source(number % 250), 0)
        reader, writer = await asyncio.open_connection(*place, local_addr=local)
        writer.write(upgrade(f"/v1/rtcstats/room-{number % 100}/{number}"))
        head = await reader.readuntil(b"\r\n\r\n")
        if b" 101 " not in head.partition(b"\r\n")[0]:
            return None
        delay = time.monotonic() - began
        writer.write(FIRST)
        await writer.drain()
    except (OSError, EOFError):
        return None
    finally:
        COMING[0] -= 1
    try:
        while not release.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(release.wait(), SIGN)
            writer.write(frame(b"", raw.PONG))  # a sign of life, which nobody answers
        writer.write(frame(b"", raw.PING))
        await reader.readuntil(frame(b"", raw.PONG, mask=None))
    except (OSError, EOFError, RuntimeError):
        return None
    writer.close()
    return delay


if __name__ == "__main__":
    main(run)
