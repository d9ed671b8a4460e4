"""
The recorded calls of other clients in ``tests/data/clients``, and what they told, read in the plainest way.

The readers here are a second opinion: they follow the descriptions of the formats with whole dictionaries and no
thought of speed, and share no code with the decoders.
"""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

DATA = Path(__file__).parent / "data" / "clients"


def rows(name: str) -> Iterator[dict[str, Any]]:
    """The lines of a recording: how it was opened, then frames, then how it was closed."""
    with gzip.open(DATA / f"{name}.frames.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def frames(name: str) -> list[str]:
    """What the client sent."""
    return [row["text"] for row in rows(name) if row.get("dir") == "c2s"]


def page(name: str, connection: str = "pc0") -> list[tuple[float, dict[str, dict[str, Any]]]]:
    """What the page itself got from getStats, with the times of the calls."""
    found: list[tuple[float, dict[str, dict[str, Any]]]] = json.loads(
        gzip.decompress((DATA / f"{name}.{connection}.getstats.json.gz").read_bytes())
    )
    return found


def parsed() -> list[dict[str, Any]]:
    """What peermetrics' library made of the reports of a page."""
    text = gzip.decompress((DATA / "peermetrics.stats.jsonl.gz").read_bytes()).decode()
    return [json.loads(line) for line in text.splitlines()]


def last_told(name: str) -> dict[str, dict[str, Any]]:
    """All stats objects of the one peer connection, as the client had told them by its last frame."""
    objects: dict[str, dict[str, Any]] = {}
    for text in frames(name):
        document = json.loads(text)
        if isinstance(document, dict) and document.get("type") == "stats-entry":
            document = json.loads(document["data"])
        if isinstance(document, list) and document[0] == "getstats":
            for id, changes in document[2].items():
                if id != "timestamp":
                    objects.setdefault(id, {}).update(changes)
        elif isinstance(document, dict) and document.get("peerConnections"):
            (connection,) = document["peerConnections"]
            objects = {entry["id"]: entry for entry in sampled(connection)}
    return objects


#: Arrays of a sample of ObserveRTC that have counters in them -> their stats type.
ARRAYS = {
    "inboundRtps": "inbound-rtp", "outboundRtps": "outbound-rtp", "remoteInboundRtps": "remote-inbound-rtp",
    "remoteOutboundRtps": "remote-outbound-rtp", "mediaSources": "media-source", "mediaPlayouts": "media-playout",
    "peerConnectionTransports": "peer-connection", "dataChannels": "data-channel", "iceTransports": "transport",
    "iceCandidatePairs": "candidate-pair",
}  # fmt: skip


def sampled(connection: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The stats objects of one peer connection of a sample."""
    for array, kind in ARRAYS.items():
        for entry in connection.get(array, ()):
            yield {**entry, "type": kind}
