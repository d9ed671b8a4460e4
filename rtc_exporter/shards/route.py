"""
Which shard a request belongs to: the one that the name of its session says, or else the client's address.

A session whose name nobody but the payload knows cannot be kept together from here; its clients at least come to the
same shard each time.
"""

from hashlib import blake2b
from typing import NamedTuple

from rtc_exporter import auth
from rtc_exporter.app.addresses import client, group
from rtc_exporter.app.ingest import APIS
from rtc_exporter.config import Config
from rtc_exporter.errors import FrameError


class Head(NamedTuple):
    """What the choice needs of the head of a request."""

    path: str
    query: str
    authorization: str
    forwarded: list[str]


def read(head: bytes) -> Head:
    """Look at a head.  Whoever gets it parses it properly, and answers for what is wrong with it."""
    first, *lines = head.decode("latin-1").split("\r\n")
    target = first.split(" ")[1] if first.count(" ") >= 2 else ""
    path, _, query = target.partition("?")
    authorization, forwarded = "", []
    for line in lines:
        name, _, value = line.partition(":")
        match name.lower():
            case "authorization":
                authorization = authorization or value.strip()
            case "x-forwarded-for":
                forwarded.append(value)
    return Head(path, query, authorization, forwarded)


def key_of(head: Head, peer: str, config: Config) -> str:
    """What is hashed: the session, or where none is named the client's address."""
    # The path of peermetrics' API names no session, and each of its requests has another one.
    path = "" if head.path.startswith(APIS["peermetrics"]) else head.path
    try:
        session = auth.session_named(path, auth.parameters(head.query), head.authorization, config.claims)
    except FrameError:
        session = ""
    if session:
        return f"session {session}"
    return f"address {group(client(peer, head.forwarded, config.ingest.trusted_hops))}"


def place(key: str, shards: int) -> int:
    """The number of a shard: the same for a key as long as there are as many of them."""
    return int.from_bytes(blake2b(key.encode("utf-8", "replace"), digest_size=8).digest()) % shards
