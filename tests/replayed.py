"""
Recorded calls played into an exporter that runs, over real WebSockets, while its clock says what it said then.

So spans have the times that they had, and a call of a minute takes a second.
"""

import heapq
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from tests.captures import rows
from tests.running import Running


def start(names: Iterable[str]) -> float:
    """When the first of these recordings began."""
    return min(float(next(iter(rows(name)))["connected_at"]) for name in names)


def _steps(name: str) -> list[tuple[float, str, int, dict[str, Any]]]:
    """What the client did, and when: it came, it sent a frame, it closed."""
    opening, *rest = rows(name)
    began = float(opening["connected_at"])
    sent = [row for row in rest if row["dir"] in ("c2s", "close")]
    return [
        (began + row.get("t", 0.0), name, number, row) for number, row in enumerate([{**opening, "dir": "open"}, *sent])
    ]


async def play(
    exporter: Running, names: Iterable[str], before_the_end: Callable[[], Awaitable[None]] | None = None
) -> None:
    """All of it, from the first who comes to the last who goes; ``before_the_end`` everybody is still there."""
    clients: dict[str, ClientConnection] = {}
    for time, name, _, row in heapq.merge(*map(_steps, names)):
        while exporter.now + 1.0 <= time:
            exporter.wait(1.0)
        exporter.wait(max(0.0, time - exporter.now))
        match row["dir"]:
            case "open":
                clients[name] = await connect(
                    exporter.ingest(row["url"], "ws"),
                    subprotocols=[Subprotocol("rtcstats#5.0")],
                    user_agent_header=row["headers"]["user-agent"],
                    compression=None,
                )
            case "close":
                if before_the_end is not None:
                    await before_the_end()
                    before_the_end = None
                await clients[name].close(row["code"] if row["code"] != 1005 else 1000)
            case _:
                await clients[name].send(row["text"])
                await (await clients[name].ping())
    await exporter.until(lambda: not exporter.participants)
