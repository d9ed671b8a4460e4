"""The recorded calls in ``tests/data``: what each client sent, and what its own authors' decoder made of it."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

DATA = Path(__file__).parent / "data"


class Frame(NamedTuple):
    """One frame of a recording and when it arrived."""

    time: float
    text: str


def names() -> list[str]:
    """Every recording: ``healthy-cr.p1.frames``, and ``reload-cr.p2.frames2`` for a second connection."""
    return sorted(path.name.removesuffix(".jsonl.gz") for path in DATA.glob("*.frames*.jsonl.gz"))


def rows(name: str) -> Iterator[dict[str, Any]]:
    """The lines of a recording."""
    with gzip.open(DATA / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def frames(name: str) -> list[Frame]:
    """What the client sent."""
    told, *rest = rows(name)
    return [Frame(told["connected_at"] + row["t"], row["text"]) for row in rest if row["dir"] == "c2s"]


def oracle(name: str) -> dict[str, Any]:
    """Calls per method and final sums per stats type and kind."""
    found: dict[str, Any] = json.loads((DATA / f"{name}.oracle.json").read_text(encoding="utf-8"))
    return found
