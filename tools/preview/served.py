"""
A real Prometheus that serves a simulated history, with recorded series and alerts, as if it had been there.

What alerts would have said is asked of Prometheus with their own expressions and waiting times, since promtool does
not fill alerts in.  Stores are kept between runs, outside of the checkout, by what they were made of.
"""

import contextlib
import hashlib
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tools.rules import groups
from tools.runbooks import ROOT
from tools.slos import seconds
from tools.store.blocks import Served, create, load, record, sample, serving
from tools.store.kept import CACHE, asked, history, version
from tools.store.scenarios import HOUR, SCENARIOS, START

STEP = 60
RULES = ROOT / "alerts" / "rtc.standard.rules.yml"
BLOCKS = CACHE.parent / "blocks"
#: Stores of this many versions are kept.
VERSIONS = 3


def prepare(scenario: str, programs: Mapping[str, str]) -> Path:
    """The folder of a store, by the paths of ``prometheus`` and ``promtool``; made where it is not there."""
    made_of = hashlib.sha256(RULES.read_bytes() + "\n".join(asked()).encode()).hexdigest()[:8]
    folder = BLOCKS / f"{version()}-{made_of}" / scenario
    if not (folder / "complete").exists():
        shutil.rmtree(folder, ignore_errors=True)
        found = history(SCENARIOS[scenario], asked())
        create(found, folder, programs["promtool"])
        record(found, folder, RULES, programs["prometheus"], programs["promtool"])
        with serving(folder, programs["prometheus"]) as address:
            _alert(Served(address), START + SCENARIOS[scenario].hours * HOUR, folder, programs["promtool"])
        (folder / "complete").touch()
        _forget()
    return folder


@contextlib.contextmanager
def served(scenario: str, programs: Mapping[str, str]) -> Iterator[Served]:
    """Serve a history."""
    with serving(prepare(scenario, programs), programs["prometheus"]) as address:
        yield Served(address)


def _forget() -> None:
    """Drop the oldest versions."""
    for folder in sorted(BLOCKS.iterdir(), key=lambda path: path.stat().st_mtime)[:-VERSIONS]:
        shutil.rmtree(folder, ignore_errors=True)


def _alert(store: Served, end: float, folder: Path, promtool: str) -> None:
    lines = [line for group in groups("standard") for rule in group["rules"] if "alert" in rule
             for line in _said(store, rule, end)]  # fmt: skip
    load([*lines, "# EOF\n"], folder, promtool)


def _said(store: Served, rule: dict[str, Any], end: float) -> Iterator[str]:
    """What an alert would have said: it fires once its expression has held for its time."""
    wait = seconds(rule["for"]) if "for" in rule else 0
    for series in store.range(rule["expr"], START, end, STEP):
        told = sample(
            "ALERTS", {**series["metric"], **rule["labels"], "alertname": rule["alert"], "alertstate": "firing"}
        )
        since = last = -1.0
        for moment, _ in series["values"]:
            since = moment if moment - last > STEP else since
            last = moment
            if moment - since >= wait:
                yield f"{told} 1 {moment:.0f}\n"
