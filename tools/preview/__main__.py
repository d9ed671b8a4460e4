"""``python -m tools.preview FOLDER [NAME…]``: the pictures of ``VIEWS``, of the simulated store, as PNG."""

import argparse
import json
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

from tools.preview.asked import View, look
from tools.preview.served import served
from tools.preview.views import VIEWS, Picture
from tools.store.blocks import Served
from tools.store.scenarios import HOUR, START

PAGE = Path(__file__).parent / "page.html"
WIDTH, UNIT, HEAD = 1680, 38, 110
PACKAGES = Path.home() / ".cache" / "rtc-exporter" / "peers" / "usr" / "bin"


def height(board: Mapping[str, Any], is_open: bool) -> int:
    """Grid units that a dashboard takes."""
    most, shift = 0, 0
    for panel in board["panels"]:
        most = max(most, panel["gridPos"]["y"] + shift + panel["gridPos"]["h"])
        if panel["type"] == "row" and panel["collapsed"] and is_open:
            inner = max(each["gridPos"]["y"] + each["gridPos"]["h"] for each in panel["panels"])
            shift += inner - panel["gridPos"]["y"] - 1
            most = max(most, panel["gridPos"]["y"] + shift + 1)
    return most


def take(store: Served, picture: Picture, folder: Path, chromium: str) -> Path:
    """One picture."""
    view = View(picture.uid, START + picture.begin * HOUR, START + picture.end * HOUR, picture.values)
    told = {**look(store, view), "open": picture.open}
    tall = HEAD + UNIT * (picture.rows or height(told["board"], picture.open))
    out = folder / f"{picture.name}.png"
    with tempfile.TemporaryDirectory() as work:
        page = Path(work) / "page.html"
        page.write_text(PAGE.read_text("utf-8"), "utf-8")
        (Path(work) / "data.js").write_text(f"const DATA = {json.dumps(told)};", "utf-8")
        command = [
            chromium, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
            f"--user-data-dir={work}/profile", f"--window-size={WIDTH},{tall}", f"--screenshot={out}", page.as_uri(),
        ]  # fmt: skip
        subprocess.run(command, check=True, timeout=120, capture_output=True)
    return out


def main() -> int:
    """Draw what is asked for."""
    parser = argparse.ArgumentParser(prog="python -m tools.preview", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="*", help="default: all")
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    programs = {name: shutil.which(name) or str(PACKAGES / name) for name in ("prometheus", "promtool")}
    wanted = [view for view in VIEWS if not args.names or view.name in args.names]
    for scenario, pictures in groupby(sorted(wanted, key=lambda each: each.scenario), key=lambda each: each.scenario):
        with served(scenario, programs) as store:
            for picture in pictures:
                print(take(store, picture, args.folder, shutil.which("chromium") or "chromium"))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
