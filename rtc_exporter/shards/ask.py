"""
Asks one shard what an operator has asked the process in front, over the shard's own socket.
"""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import httptools

#: Seconds that a shard has to answer: half of what Prometheus gives a scrape, so that one that hangs hides no other.
PATIENCE = 5.0
PART = 1 << 16


class Answer(NamedTuple):
    """What a shard has said; names of headers in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class _Reader:
    """What the parser calls."""

    def __init__(self) -> None:
        self.headers: dict[str, str] = {}
        self.parts: list[bytes] = []
        self.is_done = False

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, part: bytes) -> None:
        self.parts.append(part)

    def on_message_complete(self) -> None:
        self.is_done = True


async def ask(socket: Path, target: str, accept: str = "*/*", patience: float = PATIENCE) -> Answer:
    """One request; raises ``OSError``, of which ``TimeoutError`` is one, where nothing whole comes back."""
    async with asyncio.timeout(patience):
        stream, writer = await asyncio.open_unix_connection(socket)
        try:
            head = f"GET {target} HTTP/1.1\r\nhost: shard\r\naccept: {accept}\r\nconnection: close\r\n\r\n"
            writer.write(head.encode("latin-1"))
            reader = _Reader()
            parser = httptools.HttpResponseParser(reader)
            while not reader.is_done:
                data = await stream.read(PART)
                if not data:
                    raise ConnectionResetError("it ended in the middle of an answer")
                parser.feed_data(data)
        finally:
            writer.close()
    return Answer(parser.get_status_code(), reader.headers, b"".join(reader.parts))
