"""
A real Prometheus that serves a simulated history, with recorded series and alerts, as if it had been there.

Recording rules are filled in by promtool, in as many rounds as they stand on one another; what alerts would have said
is asked of Prometheus with their own expressions and waiting times, since promtool does not fill them in.
"""

import contextlib
import json
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import urlopen

import yaml

from tools.rules import groups
from tools.store.blocks import PATIENCE, create
from tools.store.kept import CACHE, history, version
from tools.store.scenarios import HOUR, SCENARIOS, START

STEP = 60
BLOCKS = CACHE.parent / "blocks"
#: Stores of this many versions are kept.
VERSIONS = 3
#: Hours since the begin of a history: before its fault, in it, and after.
TIMES = {"healthy": 1.75, "faulty": 2.6, "recovered": 3.45}


class Served(NamedTuple):
    """A Prometheus on a port of this machine."""

    url: str

    def get(self, path: str, **parameters: str | float) -> Any:
        """The data of an answer; an error of Prometheus is raised with its text."""
        with urlopen(f"{self.url}/api/v1/{path}?{urlencode(parameters)}", timeout=60) as answer:
            return json.load(answer)["data"]

    def instant(self, expr: str, at: float) -> list[dict[str, Any]]:
        """Series with one value each."""
        data = self.get("query", query=expr, time=at)
        if data["resultType"] == "scalar":
            return [{"metric": {}, "value": data["result"]}]
        return list(data["result"])

    def range(self, expr: str, start: float, end: float, step: float) -> list[dict[str, Any]]:
        """Series with a value for each step."""
        return list(self.get("query_range", query=expr, start=start, end=end, step=step)["result"])


def at(moment: str) -> float:
    """Unix time of a moment of a history."""
    return START + TIMES[moment] * HOUR


@contextlib.contextmanager
def served(scenario: str, programs: Mapping[str, str]) -> Iterator[Served]:
    """Serve a history; its blocks are kept between runs, by what they were made of."""
    folder = BLOCKS / version() / scenario
    if not (folder / "complete").exists():
        folder.mkdir(parents=True, exist_ok=True)
        create(history(SCENARIOS[scenario]), folder, programs["promtool"])
        hours = SCENARIOS[scenario].hours
        for rules in rounds():
            with running(folder, programs["prometheus"]) as store:
                _record(store, rules, hours, folder, programs["promtool"])
        with running(folder, programs["prometheus"]) as store:
            _alert(store, hours, folder, programs["promtool"])
        (folder / "complete").touch()
        _forget()
    with running(folder, programs["prometheus"]) as store:
        yield store


@contextlib.contextmanager
def running(folder: Path, program: str) -> Iterator[Served]:
    """Prometheus over a folder of blocks, until the end."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = folder / "prometheus.yml"
    config.write_text("{}\n", encoding="utf-8")
    command = [
        program, f"--config.file={config}", f"--storage.tsdb.path={folder}", "--storage.tsdb.retention.time=20y",
        f"--web.listen-address=127.0.0.1:{port}", "--log.level=error",
    ]  # fmt: skip
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            url = f"http://127.0.0.1:{port}"
            _await(url, process)
            yield Served(url)
        finally:
            process.terminate()
            process.wait(timeout=30)


def _forget() -> None:
    """Drop the oldest versions."""
    for folder in sorted(BLOCKS.iterdir(), key=lambda path: path.stat().st_mtime)[:-VERSIONS]:
        shutil.rmtree(folder, ignore_errors=True)


def _await(url: str, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 60
    while True:
        try:
            with urlopen(f"{url}/-/ready", timeout=5):
                return
        except (URLError, OSError):
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError("Prometheus does not start") from None
            time.sleep(0.05)


def rounds() -> list[list[dict[str, Any]]]:
    """Recording rules, those first that need no others."""
    left = [rule for group in groups("standard") for rule in group["rules"] if "record" in rule]
    found = []
    while left:
        names = {rule["record"] for rule in left}
        ready = [rule for rule in left if not any(name in rule["expr"] for name in names)]
        if not ready:
            raise ValueError(f"rules that need one another: {sorted(names)}")
        found.append(ready)
        left = [rule for rule in left if rule not in ready]
    return found


def _record(store: Served, rules: list[dict[str, Any]], hours: float, folder: Path, promtool: str) -> None:
    file = folder / "rules.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "filled-in", "rules": rules}]}), encoding="utf-8")
    command = [
        promtool, "tsdb", "create-blocks-from", "rules", f"--start={START:.0f}", f"--end={START + hours * HOUR:.0f}",
        f"--eval-interval={STEP}s", f"--url={store.url}", f"--output-dir={folder}", str(file),
    ]  # fmt: skip
    subprocess.run(command, check=True, timeout=PATIENCE, capture_output=True)


def _alert(store: Served, hours: float, folder: Path, promtool: str) -> None:
    lines = ["# TYPE ALERTS gauge"]
    for group in groups("standard"):
        for rule in group["rules"]:
            if "alert" in rule:
                lines += _said(store, rule, START + hours * HOUR)
    text = folder / "alerts.openmetrics"
    text.write_text("\n".join([*lines, "# EOF\n"]), encoding="utf-8")
    command = [promtool, "tsdb", "create-blocks-from", "openmetrics", "--quiet", str(text), str(folder)]
    subprocess.run(command, check=True, timeout=PATIENCE, capture_output=True)
    text.unlink()


def _said(store: Served, rule: dict[str, Any], end: float) -> Iterator[str]:
    """What an alert would have said: it fires once its expression has held for its time."""
    wait = {"s": 1, "m": 60, "h": 3600}[rule.get("for", "0m")[-1]] * int(rule.get("for", "0m")[:-1])
    for series in store.range(rule["expr"], START, end, STEP):
        own = {name: value for name, value in series["metric"].items() if name != "__name__"}
        labels = {**own, **rule["labels"], "alertname": rule["alert"], "alertstate": "firing"}
        told = ",".join(f"{name}={json.dumps(value)}" for name, value in sorted(labels.items()))
        since = last = -1.0
        for moment, _ in series["values"]:
            since = moment if moment - last > STEP else since
            last = moment
            if moment - since >= wait:
                yield f"ALERTS{{{told}}} 1 {moment:.0f}"
