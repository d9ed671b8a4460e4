"""Proxies as people have them in front of the exporter: real ones, with a configuration of the test."""

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Mapping, Sequence

from tests.patience import PATIENCE
from tests.peers import libraries


def free_port() -> int:
    """A port that nobody has; a proxy cannot be asked which one it took."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


@contextlib.asynccontextmanager
async def started(command: Sequence[str], port: int, environ: Mapping[str, str] | None = None) -> AsyncIterator[None]:
    """A proxy, from when it listens to the end of the block."""
    process = await asyncio.create_subprocess_exec(*command, env={**os.environ, **libraries(), **(environ or {})})
    try:
        async with asyncio.timeout(PATIENCE):
            while process.returncode is None:
                with contextlib.suppress(OSError):
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                    writer.close()
                    break
                await asyncio.sleep(0.02)
        assert process.returncode is None, f"{command[0]} has ended"
        yield
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
