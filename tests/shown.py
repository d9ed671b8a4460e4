"""
An exporter to look at: ``python -m tests.shown CASE`` plays a recorded call of two into one and says where it is.

It ends when its input does.
"""

import asyncio
import sys

from tests.replayed import play, start
from tests.running import running


async def show(case: str) -> None:
    """Play, say where, wait."""
    names = [f"{case}.p{number}.frames" for number in (1, 2)]
    async with running(start=start(names), links__grafana="https://grafana.example") as exporter:
        await play(exporter, names)
        print(exporter.admin(""), flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(show(sys.argv[1]))
