"""
The real programs that some tests run: Prometheus and its kind, not doubles of them.

``scripts/peers`` fetches what needs no root; ``.ci/run`` installs the rest.  On a developer's machine a
missing program skips the test with its reason; where ``CI=true`` it fails, so that nothing is skipped unseen.
"""

import hashlib
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

#: Program -> how to get it.
PEERS = {
    "prometheus": "Debian package prometheus, or scripts/peers",
    "promtool": "Debian package prometheus, or scripts/peers",
    "haproxy": "Debian package haproxy, or scripts/peers",
    "nginx": "Debian package nginx, or scripts/peers",
    "caddy": "Debian package caddy, or scripts/peers",
    "promtool-3": "scripts/peers, which needs the Go module proxy",
    # What scripts/peers unpacks looks for its own templates where only the package manager puts them.
    "prometheus-alertmanager": "Debian package prometheus-alertmanager, installed",
    "amtool": "Debian package prometheus-alertmanager, or scripts/peers",
    "otelcol": "scripts/peers, which needs the Go module proxy",
    "helm": "scripts/peers, which needs the Go module proxy",
    "nats-server": "Debian package nats-server, or scripts/peers",
    "nats-server-2": "scripts/peers, which needs the Go module proxy",
    "yamllint": "Debian package yamllint",
    "openssl": "Debian package openssl",
    "systemd-analyze": "Debian package systemd",
    "chromium": "Debian package chromium",
    "node": "Debian package nodejs, version 18 or newer",
}

#: Where ``scripts/peers`` puts them, and below it what comes out of Debian packages.
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rtc-exporter" / "peers"
PACKAGES = CACHE / "usr" / "bin"
#: What the collector is made of; a collector from elsewhere may lack what the tests use.
MANIFEST = Path(__file__).parent.parent / "scripts" / "collector" / "manifest.yaml"
#: What builds the newest promtool, the newest Helm, and the newest NATS server.
PROMTOOL, HELM, NATS = (Path(__file__).parent.parent / "scripts" / name for name in ("promtool", "helm", "nats-server"))
#: Files without which a program does not start.
BESIDE = {"prometheus-alertmanager": Path("/usr/share/prometheus/alertmanager/default.tmpl")}


def newest_promtool() -> str:
    """The promtool of the newest Prometheus that the tests know."""
    return peer("promtool-3")


def peer(name: str) -> str:
    """The path of a program; without it the test is skipped, or fails where ``CI=true``."""
    hint = PEERS[name]
    path = shutil.which(BUILT[name]()) if name in BUILT else _program(name)
    if path is None or (name in BESIDE and not BESIDE[name].exists()):
        _missing(f"{name} is not installed ({hint})")
    return path


def packages(folder: str = "browser") -> Path:
    """The ``node_modules`` of a folder of ``tests``; without it the test is skipped, or fails where ``CI=true``."""
    lock = Path(__file__).parent / folder / "package-lock.json"
    path = CACHE / f"npm-{hashlib.sha256(lock.read_bytes()).hexdigest()[:12]}" / "node_modules"
    if not path.is_dir():
        _missing(f"the packages of tests/{folder} are not installed (scripts/peers, which needs npm)")
    return path


def _missing(missing: str) -> NoReturn:
    if os.environ.get("CI") == "true":
        pytest.fail(missing)
    pytest.skip(missing)


def _program(name: str) -> str | None:
    """Where a program is: here, or in what was taken out of packages.  Servers are not in everybody's path."""
    places = (None, f"{PACKAGES}{os.pathsep}{PACKAGES.parent / 'sbin'}", "/usr/sbin")
    return next((path for place in places if (path := shutil.which(name, path=place))), None)


def _pinned(script: Path) -> str:
    """Where a script that builds a program puts it: its own name and the version that stands in it."""
    found = re.search(r"(?m)^version=(.+)$", script.read_text(encoding="utf-8"))
    assert found is not None, "the script says of which release it is"
    return str(CACHE / f"{script.name}-{found[1]}")


def libraries() -> dict[str, str]:
    """The environment in which a program from a package finds the libraries from others."""
    folders = (CACHE / "usr" / "lib").glob("*-linux-gnu*")
    return {"LD_LIBRARY_PATH": os.pathsep.join(map(str, folders))}


def _collector() -> str:
    """The path that ``scripts/collector/build`` gives to the collector of this manifest."""
    manifest = MANIFEST.read_bytes()
    version = re.search(rb"(?m)^  version: (.+)$", manifest)
    assert version is not None, "the manifest says of which release it is"
    return str(CACHE / f"otelcol-{version[1].decode()}-{hashlib.sha256(manifest).hexdigest()[:12]}")


#: Library -> the Debian package that has it.
LIBRARIES = {"libfaketimeMT.so.1": "faketime"}


def library(name: str) -> str:
    """The path of a library that is loaded into a program that is tested; without it as without a program."""
    roots = (Path("/usr/lib"), CACHE / "usr" / "lib")
    found = next((path for root in roots for path in sorted(root.glob(f"*/faketime/{name}"))), None)
    if found is not None:
        return str(found)
    missing = f"{name} is not installed (Debian package {LIBRARIES[name]}, or scripts/peers)"
    if os.environ.get("CI") == "true":
        pytest.fail(missing)
    pytest.skip(missing)


#: What is built, and where the script that builds it puts it.
BUILT: dict[str, Callable[[], str]] = {
    "otelcol": _collector,
    "promtool-3": lambda: _pinned(PROMTOOL),
    "helm": lambda: _pinned(HELM),
    "nats-server-2": lambda: _pinned(NATS),
}
