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
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

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


class Served(NamedTuple):
    """A Prometheus on an address of this machine."""

    address: str

    def get(self, path: str, **parameters: str | float) -> Any:
        """The data of an answer."""
        with urllib.request.urlopen(
            f"http://{self.address}/api/v1/{path}?{urlencode(parameters)}", timeout=60
        ) as answer:
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


def create(history: History, folder: Path, promtool: str) -> None:
    """Write the blocks of a history into a folder."""
    load(openmetrics(history), folder, promtool)


def load(lines: Iterable[str], folder: Path, promtool: str) -> None:
    """Write an OpenMetrics text, with its end, as blocks into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    text = folder / "history.openmetrics"
    with text.open("w", encoding="utf-8") as file:
        file.writelines(lines)
    command = [promtool, "tsdb", "create-blocks-from", "openmetrics", "--quiet", str(text), str(folder)]
    subprocess.run(command, check=True, timeout=PATIENCE, stdout=subprocess.DEVNULL)
    text.unlink()


def record(history: History, folder: Path, rules: Path, prometheus: str, promtool: str) -> None:
    """
    Add what the recording rules would have recorded to the blocks in a folder.

    A rule that reads others has its turn after them.  ``promtool tsdb create-blocks-from rules`` would do the same, and
    leave a block for each rule and two hours: hundreds, which every server that starts on them has to compact.
    """
    document = yaml.safe_load(rules.read_text(encoding="utf-8"))
    left = [rule for group in document["groups"] for rule in group["rules"] if "record" in rule]
    end = history.start + history.step * (history.length - 1)
    while left:
        waiting = {rule["record"] for rule in left}
        ready = [rule for rule in left if not waiting & set(_RECORDED.findall(rule["expr"]))]
        if not ready:
            raise ValueError(f"these rules wait for one another: {sorted(waiting)}")
        with serving(folder, prometheus) as address:
            store = Served(address)
            lines = [line for rule in ready for line in _told(store, rule, history.start, end, history.step)]
        load([*lines, "# EOF\n"], folder, promtool)
        left = [rule for rule in left if rule not in ready]


def _told(store: Served, rule: Mapping[str, Any], start: float, end: float, step: float) -> Iterator[str]:
    """What a rule would have recorded."""
    for series in store.range(rule["expr"], start, end, step):
        labels = {**series["metric"], **rule.get("labels", {})}
        name = sample(rule["record"], labels)
        yield from (f"{name} {value} {moment:.0f}\n" for moment, value in series["values"])


def sample(name: str, labels: Mapping[str, str]) -> str:
    """A series as text."""
    told = ",".join(f"{label}={json.dumps(value)}" for label, value in sorted(labels.items()) if label != "__name__")
    return f"{name}{{{told}}}"


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
) -> list[set[tuple[str, str, str]]]:
    """
    Who fired, by name, tenant and application, for each look; promtool's rule manager runs over the history.

    ``interval`` is the time between two evaluations.

    Nothing that comes is expected, so that promtool tells what it got instead.
    """
    tests = [
        {
            "expr": "group by (alertname, rtc_tenant, rtc_app_name) (last_over_time("
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
    return [{(found[1], found[3] or "", found[2] or "") for found in _FIRED.finditer(line)} for line in got]


#: Labels come in the order of their names.
_FIRED = re.compile(r'\{alertname="(\w+)"(?:, rtc_app_name="([^"]+)")?(?:, rtc_tenant="([^"]+)")?\}')
