"""
Fetches Go from the Go module proxy, for machines that have none or one that is too old.

A toolchain is a module like others there (https://go.dev/ref/mod#toolchain-module): a zip file whose names
begin with module and version, which is checked against the hash below before anything of it is unpacked.

    python toolchain.py FOLDER [GOPROXY]
"""

import hashlib
import os
import platform
import re
import shutil
import sys
import tempfile
import urllib.request
import zipfile
from pathlib import Path
from typing import BinaryIO

#: New enough for everything that is built here (``needed`` in the scripts).
VERSION = "go1.26.8"
#: Machine -> its name in Go, and the SHA-256 of the zip file; others bring a Go of their own.
MACHINES = {"x86_64": ("amd64", "30c2b1bf7dcc88d3eb0a1364e47ddd9128edb3110a30e8a0ef61cd5856b31de7")}
#: What Go itself asks where GOPROXY is not set (https://go.dev/ref/mod#environment-variables).
PROXY = "https://proxy.golang.org"
#: Seconds without a byte.
PATIENCE = 60.0


def proxy(setting: str) -> str:
    """The first address of a ``GOPROXY`` list; what needs version control (``direct``) is no use here."""
    for entry in re.split(r"[,|]", setting or PROXY):
        if entry.strip() == "off":
            break
        if "://" in entry:
            return entry.strip().rstrip("/")
    sys.exit("error: GOPROXY names no proxy")


def fetch(address: str, file: BinaryIO) -> str:
    """Write what is at an address into a file; its SHA-256."""
    with urllib.request.urlopen(address, timeout=PATIENCE) as answer:
        shutil.copyfileobj(answer, file)
    file.seek(0)
    digest = hashlib.sha256()
    while chunk := file.read(1 << 20):
        digest.update(chunk)
    return digest.hexdigest()


def unpack(file: BinaryIO, prefix: str, folder: Path) -> None:
    """The files of a module zip, without the prefix; it does not say which of them are programs."""
    with zipfile.ZipFile(file) as archive:
        archive.extractall(folder)
    os.rename(folder / prefix, folder / "go")
    for program in (*(folder / "go" / "bin").iterdir(), *(folder / "go" / "pkg" / "tool").rglob("*")):
        program.chmod(0o755)


def main(target: Path, setting: str) -> None:
    """Put Go into the folder ``target``."""
    if platform.machine() not in MACHINES:
        sys.exit(f"error: no {VERSION} is known for {platform.machine()}")
    machine, wanted = MACHINES[platform.machine()]
    version = f"v0.0.1-{VERSION}.linux-{machine}"
    with tempfile.TemporaryFile() as file, tempfile.TemporaryDirectory(dir=target.parent) as folder:
        found = fetch(f"{proxy(setting)}/golang.org/toolchain/@v/{version}.zip", file)
        if found != wanted:
            sys.exit(f"error: {VERSION} has SHA-256 {found}, not {wanted}")
        unpack(file, f"golang.org/toolchain@{version}", Path(folder))
        os.rename(Path(folder) / "go", target)


if __name__ == "__main__":
    main(Path(sys.argv[1]), "".join(sys.argv[2:3]))
