"""
Recorded calls played into exporters, as fast as they take them, and what has to be the same whoever counted them.

Frames of one session are sent in the order in which they were recorded, each when the one before was taken, so every
exporter sees the same.
"""

import asyncio
import contextlib
import heapq
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from math import fsum, isclose
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from benchmarks.children import Place
from tests.captures import DATA, rows

#: Calls at the same time: a player of more has no time to shake hands.
TOGETHER = 14
PATIENCE = 600.0
#: What the server's own clock is in: how long somebody stayed, and so what share of that was good.
CLOCK = re.compile(
    r"rtc_(session|participant)_duration|rtc_(participant|path)_(quality|bad)_time|rtc_issue_time|rtc_feedback_score"
    r"|rtc_ice_disconnected_duration"
)
#: Sums of fractions come out a little different in another order.
ROUNDING = 1e-9

#: Recordings with two participants who talked to each other.
CASES = ("healthy-cr", "degraded-cr", "healthy-ff", "degraded-ff", "relay-cr", "icefail-cr", "gumdenied-cr")


def recordings(case: str) -> list[str]:
    """Those of everybody in a call."""
    return sorted(path.name.removesuffix(".jsonl.gz") for path in DATA.glob(f"{case}.p?.frames.jsonl.gz"))


def _steps(name: str, number: int) -> Iterator[tuple[float, int, int, dict[str, Any]]]:
    """What a client did, and when."""
    head, *rest = rows(name)
    yield head["connected_at"], number, 0, {**head, "dir": "open"}
    for order, row in enumerate(rest, 1):
        if row["dir"] in ("c2s", "close"):
            yield head["connected_at"] + row["t"], number, order, row


async def one(place: Place, session: str, case: str) -> None:
    """Play one call; whoever is cut off stays away."""
    clients: dict[int, ClientConnection] = {}
    try:
        steps = [_steps(name, number) for number, name in enumerate(recordings(case))]
        for _, number, _, row in heapq.merge(*steps):
            with contextlib.suppress(ConnectionClosed):
                match row["dir"]:
                    case "open":
                        clients[number] = await connect(
                            f"ws://{place.host}:{place.port}/v1/rtcstats/{session}/p{number}",
                            subprotocols=[Subprotocol("rtcstats#5.0")],
                            user_agent_header=row["headers"]["user-agent"], compression=None, proxy=None,
                        )  # fmt: skip
                    case "close":
                        await clients[number].close()
                    case _:
                        await clients[number].send(row["text"])
                        await (await clients[number].ping())
    finally:
        for client in clients.values():
            await client.close()


async def play(place: Place, calls: Mapping[str, str]) -> None:
    """Session -> recording: some of them at a time."""
    room = asyncio.Semaphore(TOGETHER)

    async def in_turn(session: str, case: str) -> None:
        async with room:
            await one(place, session, case)

    async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as group:
        for session, case in calls.items():
            group.create_task(in_turn(session, case))


def cohorts(expositions: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """Counters and histograms of cohorts, summed over shards: those that say nothing of the server's own clock."""
    parts: defaultdict[str, list[float]] = defaultdict(list)
    for samples in expositions:
        for name, value in samples.items():
            if CLOCK.match(name) is None and re.match(r"\w+_(total|bucket|count|sum)(\{|$)", name):
                parts[re.sub(r',?shard="\w+"', "", name).replace("{,", "{").replace("{}", "")].append(value)
    return {name: fsum(values) for name, values in parts.items()}


def differences(wanted: Mapping[str, float], found: Mapping[str, float]) -> list[str]:
    """Series that are not the same; whole numbers are, exactly."""
    return [
        f"{name} is {found.get(name)}, wanted {wanted.get(name)}"
        for name in sorted({*wanted, *found})
        if not isclose(wanted.get(name, 0.0), found.get(name, 0.0), rel_tol=ROUNDING, abs_tol=ROUNDING)
    ]
