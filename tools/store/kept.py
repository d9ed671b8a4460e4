"""
Keeps histories between runs, outside of the checkout, by what they were made of: exporter, recordings, this package.
"""

import fcntl
import gzip
import hashlib
import json
import os
import re
from collections.abc import Collection
from functools import cache
from pathlib import Path

from rtc_exporter import catalog
from tools.store.play import History, play
from tools.store.scenarios import Scenario

ROOT = Path(__file__).parent.parent.parent
#: What a history depends on.
SOURCES = ("rtc_exporter/**/*.py", "rtc_exporter/recordings/*", "tools/store/*.py", "tools/queries.py")
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rtc-exporter" / "store"
#: Histories of this many versions are kept.
VERSIONS = 3


@cache
def version() -> str:
    """What tells this code and these recordings from others."""
    digest = hashlib.sha256()
    for path in sorted(path for pattern in SOURCES for path in ROOT.glob(pattern) if path.is_file()):
        digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


@cache
def asked() -> tuple[str, ...]:
    """The families that dashboards and rules ask for: of the others nobody would see anything."""
    paths = (*ROOT.glob("dashboards/*.json"), ROOT / "alerts" / "rtc.standard.rules.yml")
    words = {word for path in paths for word in re.findall(r"\brtc_\w+", path.read_text(encoding="utf-8"))}
    parts = ("", "_bucket", "_count", "_sum")
    names = (metric.prometheus for metric in catalog.METRICS)
    return tuple(sorted(name for name in names if any(name + part in words for part in parts)))


def history(scenario: Scenario, families: Collection[str] | None = None) -> History:
    """The history of a scenario, from the cache where it is there."""
    which = "all" if families is None else hashlib.sha256("\n".join(sorted(families)).encode()).hexdigest()[:8]
    path = CACHE / version() / f"{scenario.name}-{which}.json.gz"
    path.parent.mkdir(parents=True, exist_ok=True)
    # Two may want the same at once: the second waits, and reads what the first has made.
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if path.exists():
            with gzip.open(path, "rt", encoding="utf-8") as file:
                return History(*json.load(file))
        found = play(scenario, families)
        part = path.with_suffix(".part")
        with gzip.open(part, "wt", encoding="utf-8", compresslevel=1) as file:
            json.dump(found, file)
        part.replace(path)
    _forget()
    return found


def _forget() -> None:
    """Drop the oldest versions."""
    versions = sorted((path for path in CACHE.iterdir() if path.is_dir()), key=lambda path: path.stat().st_mtime)
    for folder in versions[:-VERSIONS]:
        for path in folder.iterdir():
            path.unlink(missing_ok=True)
        folder.rmdir()
