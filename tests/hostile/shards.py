"""
Sessions shared out among processes (R26): behind a real HAProxy that hashes them, and by ``serve --processes``.

The same recorded calls are played into one process and into four.  What the four have counted is in sum what the one
has.  Then one of them is killed: its sessions go on elsewhere, and nobody else's does.
"""

import asyncio
import contextlib
import json
import signal
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.typing import Subprotocol

from benchmarks.children import Place
from tests.hostile.balancers import balancer
from tests.hostile.calls import CASES, TOGETHER, cohorts, differences, play
from tests.hostile.kit import Exporter, Ledger, accepted, exporter, main, total

SHARDS = 4
#: Participants of a session who are there while a process dies.
PEOPLE = 2
DEVICE = '["navigator.mediaDevices.ondevicechange",null,null,1]'
PATIENCE = 30.0


def run(is_long: bool = False) -> Ledger:
    """14 calls and 24 sessions; in the long form 140 and 400."""
    ledger = Ledger("shards: sums are those of one process, and a lost one takes only its own sessions along")
    number, sessions = (140, 400) if is_long else (14, 24)
    calls = {f"room-{index}": CASES[index % len(CASES)] for index in range(number)}
    with exporter() as alone:
        wanted = _played(alone.ingest, [alone], calls)
        reports = accepted(alone.metrics("self"))
    with contextlib.ExitStack() as stack:
        four = [stack.enter_context(exporter("--ingest.trusted-hops", "1")) for _ in range(SHARDS)]
        front = stack.enter_context(balancer("haproxy", [one.ingest for one in four]))
        _compare(ledger, "HAProxy", wanted, _played(front, four, calls))
        ledger.account("reports through HAProxy", reports, counted=sum(accepted(one.metrics("self")) for one in four))
        _together(ledger, "HAProxy", calls, [_sessions(one.admin, "all") for one in four])
        asyncio.run(_lose(ledger, front, four, sessions))
    with exporter("--processes", str(SHARDS)) as front_of_four:
        _compare(ledger, "--processes", wanted, _played(front_of_four.ingest, [front_of_four], calls))
        metrics = front_of_four.metrics("self")
        ledger.account("reports through --processes", reports, counted=accepted(metrics))
        handed = [total(metrics, "rtc_exporter_shard_connections_total", f'"{name}"') for name in range(SHARDS)]
        ledger.claim("every shard was handed some", all(handed), handed)
        seen = [_sessions(front_of_four.admin, "all", f"/shards/{name}") for name in range(SHARDS)]
        _together(ledger, "--processes", calls, seen)
        everything = _sessions(front_of_four.admin, "all")
        ledger.account("sessions in one list", len(calls), counted=len(everything & calls.keys()))
    return ledger


# ── sums


def _played(front: Place, exporters: Sequence[Exporter], calls: Mapping[str, str]) -> dict[str, float]:
    """Play the calls, and say what was counted once everybody has gone."""
    asyncio.run(play(front, calls))
    end = time.monotonic() + PATIENCE
    while _present(exporters) and time.monotonic() < end:
        time.sleep(0.1)
    return cohorts(one.metrics("cohort") for one in exporters)


def _compare(ledger: Ledger, what: str, wanted: Mapping[str, float], found: Mapping[str, float]) -> None:
    wrong = differences(wanted, found)
    ledger.claim(f"{what}: {len(wanted)} sums are those of one process", not wrong and len(wanted) > 500, wrong[:5])


def _together(ledger: Ledger, what: str, calls: Mapping[str, str], seen: Sequence[set[str]]) -> None:
    places = Counter(session for sessions in seen for session in sessions)
    ledger.claim(f"{what}: every session was on one shard", places == Counter(calls.keys()), places.most_common(3))
    ledger.claim(f"{what}: every shard had some", all(seen), [len(sessions) for sessions in seen])


def _sessions(admin: Place, state: str, prefix: str = "") -> set[str]:
    """Those that an exporter knows."""
    address = f"http://{admin.host}:{admin.port}{prefix}/api/v1/sessions?state={state}&limit=1000"
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(address, timeout=PATIENCE) as answer:
        told: dict[str, Any] = json.load(answer)
    return {row["session"] for row in told["sessions"]}


# ── a lost one


async def _crowd(front: Place, places: Iterable[tuple[str, int]]) -> list[ClientConnection]:
    """Everybody connects, some at a time."""
    room = asyncio.Semaphore(TOGETHER)

    async def in_turn(session: str, person: int) -> ClientConnection:
        async with room:
            return await _come(front, session, person)

    return await asyncio.gather(*(in_turn(*place) for place in places))


async def _come(front: Place, session: str, person: int) -> ClientConnection:
    """Connect as rtcstats-js does, and say something; again, as long as there is no way."""
    async with asyncio.timeout(PATIENCE):
        while True:
            with contextlib.suppress(OSError, InvalidHandshake, ConnectionClosed, EOFError):
                client = await connect(
                    f"ws://{front.host}:{front.port}/v1/rtcstats/{session}/p{person}",
                    subprotocols=[Subprotocol("rtcstats#5.0")], compression=None, proxy=None,
                )  # fmt: skip
                await client.send(DEVICE)
                await (await client.ping())
                return client
            await asyncio.sleep(0.05)


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.05)


def _present(exporters: Sequence[Exporter]) -> int:
    return int(sum(total(one.metrics("cohort"), "rtc_participants_active") for one in exporters))


async def _lose(ledger: Ledger, front: Place, four: Sequence[Exporter], number: int) -> None:
    """Kill one of four behind the balancer."""
    names = [f"live-{index}" for index in range(number)]
    places = [(name, person) for name in names for person in range(PEOPLE)]
    clients = dict(zip(places, await _crowd(front, places), strict=True))
    before = [_sessions(one.admin, "live") & set(names) for one in four]
    dead, rest = before[0], before[1:]
    ledger.account("sessions before", number, **{f"on_{index}": len(seen) for index, seen in enumerate(before)})
    four[0].kill(signal.SIGKILL)
    lost = [place for place in places if place[0] in dead]
    await _until(lambda: all(clients[place].state.name == "CLOSED" for place in lost))
    cut = {place for place, client in clients.items() if client.state.name == "CLOSED"}
    ledger.account("clients", len(places), cut_off=len(cut), undisturbed=len(places) - len(cut))
    ledger.claim("only those of its sessions were cut off", cut == set(lost), len(cut))
    # They come back, and to every session comes somebody new.
    back = await _crowd(front, lost)
    new = await _crowd(front, ((name, PEOPLE) for name in names))
    after = [_sessions(one.admin, "live") & set(names) for one in four[1:]]
    moved = sum(len(now - was) for now, was in zip(after, rest, strict=True))
    ledger.account("sessions of the one that was killed", len(dead), moved=moved)
    ledger.claim("no other session has moved", all(was <= now for now, was in zip(after, rest, strict=True)))
    ledger.claim("every session is whole again", Counter(x for now in after for x in now) == Counter(names))
    # A scrape is given to others for a second: the first may be from before all this.
    wanted = number * (PEOPLE + 1)
    with contextlib.suppress(TimeoutError):
        await _until(lambda: _present(four[1:]) == wanted)
    ledger.account("participants", wanted, counted=_present(four[1:]))
    for client in (*clients.values(), *back, *new):
        await client.close()


if __name__ == "__main__":
    main(run)
