"""
Hands a history to Prometheus: as OpenMetrics with timestamps for blocks, and as input of rule tests.
"""

import contextlib
import json
import re
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from tools.store.play import History

#: Seconds for promtool, and for a server to start.
PATIENCE = 600
START_PATIENCE = 60.0
#: A recorded series in an expression.
_RECORDED = re.compile(r"\w+:\w+:\w+")


def openmetrics(history: History) -> Iterator[str]:
    """The history as one OpenMetrics text: families together, in each the series, in each the time."""
    for family, series in history.series.items():
        yield history.headers.get(family, f"# TYPE {family} gauge\n")
        for name, values in series.items():
            yield "".join(
                f"{name} {value} {history.start + step * history.step:.0f}\n"
                for step, value in enumerate(values)
                if value is not None
            )
    yield "# EOF\n"


def create(history: History, folder: Path, promtool: str) -> None:
    """Write the blocks of a history into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    text = folder / "history.openmetrics"
    with text.open("w", encoding="utf-8") as file:
        file.writelines(openmetrics(history))
    command = [promtool, "tsdb", "create-blocks-from", "openmetrics", "--quiet", str(text), str(folder)]
    subprocess.run(command, check=True, timeout=PATIENCE, stdout=subprocess.DEVNULL)
    text.unlink()


def record(history: History, folder: Path, rules: Path, prometheus: str, promtool: str) -> None:
    """
    Add what the recording rules would have recorded to the blocks in a folder.

    promtool asks a server for each rule by itself, so a rule that reads others has its turn after them.
    """
    document = yaml.safe_load(rules.read_text(encoding="utf-8"))
    left = [rule for group in document["groups"] for rule in group["rules"] if "record" in rule]
    own = folder / "recordings.yml"
    end = history.start + history.step * (history.length - 1)
    while left:
        waiting = {rule["record"] for rule in left}
        ready = [rule for rule in left if not waiting & set(_RECORDED.findall(rule["expr"]))]
        if not ready:
            raise ValueError(f"these rules wait for one another: {sorted(waiting)}")
        own.write_text(yaml.safe_dump({"groups": [{"name": "recorded", "rules": ready}]}), encoding="utf-8")
        with serving(folder, prometheus) as address:
            command = [
                promtool, "tsdb", "create-blocks-from", "rules", f"--start={history.start:.0f}", f"--end={end:.0f}",
                f"--url=http://{address}", f"--output-dir={folder}", "--eval-interval=1m", str(own),
            ]  # fmt: skip
            subprocess.run(command, check=True, timeout=PATIENCE, capture_output=True)
        left = [rule for rule in left if rule not in ready]
    own.unlink()


@contextlib.contextmanager
def serving(folder: Path, prometheus: str) -> Iterator[str]:
    """A Prometheus on loopback that serves the blocks of a folder and scrapes nothing; its address."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{sock.getsockname()[1]}"
    (folder / "prometheus.yml").write_text("global: {}\n", encoding="utf-8")
    command = [
        prometheus, f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder}",
        "--storage.tsdb.retention.time=20y", f"--web.listen-address={address}", "--log.level=error",
    ]  # fmt: skip
    with (folder / "prometheus.log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            _wait(f"http://{address}/-/ready", process)
            yield address
        finally:
            process.terminate()


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + START_PATIENCE
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=1):
            return
        time.sleep(0.1)
    raise RuntimeError(f"no Prometheus answers at {url}")


def inputs(history: History) -> list[dict[str, str]]:
    """The history as ``input_series`` of promtool."""
    return [
        {"series": name, "values": " ".join(_runs(values))}
        for series in history.series.values()
        for name, values in series.items()
    ]


def _runs(values: Sequence[str | None]) -> Iterator[str]:
    """Equal values in a row as one item; an absent one after a present one is stale, as after a scrape without it."""
    known = False
    for value, run in groupby(values):
        number = len(list(run))
        if value is None:
            yield "stale" if known else f"_x{number}"
            if known and number > 1:
                yield f"_x{number - 1}"
        elif number > 1:
            yield f"{_plain(value)}x{number - 1}"
        else:
            yield _plain(value)
        known = value is not None


def _plain(value: str) -> str:
    """promtool reads no exponents such as ``1e+06`` between other numbers; ``repr`` writes them only from 1e16 on."""
    return repr(float(value)) if value not in ("+Inf", "NaN") else value


class Look(NamedTuple):
    """A question: which alerts fired within ``range`` before ``time`` of the history; of these severities."""

    range: str
    time: str
    severities: str = "critical|warning|info"


def firing(
    history: History, rules: Path, promtool: str, folder: Path, looks: Sequence[Look], interval: str = "1m"
) -> list[set[tuple[str, str]]]:
    """
    The alerts that fired, by name and application, for each look; promtool's rule manager runs over the history.

    ``interval`` is the time between two evaluations.

    Nothing that comes is expected, so that promtool tells what it got instead.
    """
    tests = [
        {
            "expr": "group by (alertname, rtc_app_name) (last_over_time("
            f'ALERTS{{alertstate="firing",severity=~"{look.severities}"}}[{look.range}]))',
            "eval_time": look.time,
            "exp_samples": [{"labels": '{look="here"}', "value": 1}],
        }
        for look in looks
    ]
    document: dict[str, Any] = {
        "rule_files": [str(rules)],
        "evaluation_interval": interval,
        "tests": [{"interval": f"{history.step:.0f}s", "input_series": inputs(history), "promql_expr_test": tests}],
    }
    file = folder / "history.test.yml"
    file.write_text(json.dumps(document), encoding="utf-8")
    command = [promtool, "test", "rules", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    told = (done.stdout + done.stderr).splitlines()
    got = [line.partition("got:")[2] for line in told if line.strip().startswith("got:")]
    if len(got) != len(looks):
        raise RuntimeError(f"promtool did not run: {' '.join(told)[:2000]}")
    return [{(found[1], found[2] or "") for found in _FIRED.finditer(line)} for line in got]


_FIRED = re.compile(r'\{alertname="(\w+)"(?:, rtc_app_name="([^"]+)")?\}')
