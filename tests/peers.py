"""
The real programs that some tests run: Prometheus and its kind, not doubles of them.

``scripts/peers`` fetches what needs no root; ``.ci/run`` installs the rest.  On a developer's machine a
missing program skips the test with its reason; where ``CI=true`` it fails, so that nothing is skipped unseen.
"""

import os
import shutil
from pathlib import Path

import pytest

#: Program -> how to get it.
PEERS = {
    "prometheus": "Debian package prometheus, or scripts/peers",
    "promtool": "Debian package prometheus, or scripts/peers",
}

#: Where ``scripts/peers`` puts them.
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rtc-exporter" / "peers" / "usr" / "bin"


def peer(name: str) -> str:
    """The path of a program; without it the test is skipped, or fails where ``CI=true``."""
    hint = PEERS[name]
    path = shutil.which(name) or shutil.which(name, path=CACHE)
    if path is not None:
        return path
    missing = f"{name} is not installed ({hint})"
    if os.environ.get("CI") == "true":
        pytest.fail(missing)
    pytest.skip(missing)
