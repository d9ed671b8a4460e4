"""What the programs have in common: the ledger, an exporter that really runs, and the reading of its metrics."""

import argparse
import contextlib
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple, TypeVar

from benchmarks import children
from benchmarks.children import EXPORTER_READY, ONE_ADDRESS, ROOT, Place
from rtc_exporter.sources import PREFIX

PATIENCE = 60.0
T = TypeVar("T")


class Row(NamedTuple):
    """One sort of thing that was sent, and what became of it."""

    what: str
    sent: int
    became: Mapping[str, int]

    @property
    def is_exact(self) -> bool:
        """Whether nothing is missing and nothing was counted twice."""
        return self.sent == sum(self.became.values())


class Claim(NamedTuple):
    """Something else that was promised."""

    text: str
    holds: bool
    seen: str


class Figure(NamedTuple):
    """Something that was measured, and the most that it should be."""

    text: str
    seen: float
    goal: float
    unit: str


class Ledger:
    """What a program has seen."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.rows: list[Row] = []
        self.claims: list[Claim] = []
        self.figures: list[Figure] = []

    def account(self, what: str, sent: int, **became: int) -> None:
        """So much was sent, and became this."""
        self.rows.append(
            Row(what, sent, {name: number for name, number in became.items() if number or name == "counted"})
        )

    def claim(self, text: str, holds: bool, seen: object = "") -> None:
        """This was promised, and holds or does not."""
        self.claims.append(Claim(text, bool(holds), str(seen)))

    def measure(self, text: str, seen: float, goal: float, unit: str = "") -> None:
        """A time beside its goal.  Machines are shared, so missing it is shown and is no failure."""
        self.figures.append(Figure(text, seen, goal, unit))

    @property
    def failures(self) -> list[str]:
        """Everything that is not as it should be."""
        wrong = [f"{row.what}: {row.sent} sent, {dict(row.became)}" for row in self.rows if not row.is_exact]
        return wrong + [f"{claim.text}: {claim.seen}" for claim in self.claims if not claim.holds]

    def __str__(self) -> str:
        lines = [self.title]
        for row in self.rows:
            became = " + ".join(f"{number:,} {name}" for name, number in row.became.items())
            lines.append(f"  {'exact' if row.is_exact else 'WRONG'}  {row.what}: {row.sent:,} sent = {became}")
        for claim in self.claims:
            lines.append(
                f"  {'holds' if claim.holds else 'WRONG'}  {claim.text}" + (f": {claim.seen}" if claim.seen else "")
            )
        for text, seen, goal, unit in self.figures:
            lines.append(
                f"  {'LATE ' if seen > goal else 'in   '}  {text}: {seen:.3g} {unit}, wanted at most {goal:.3g}"
            )
        return "\n".join(lines)


def together(ledger: Ledger, parts: Sequence[Callable[[Ledger], T]]) -> list[T]:
    """Run parts of a program that mostly wait at the same time, each with what it needs of its own; what they return."""
    seen = [Ledger(ledger.title) for _ in parts]
    with ThreadPoolExecutor(len(parts)) as pool:
        results = list(pool.map(lambda part, its: part(its), parts, seen))
    for each in seen:
        ledger.rows += each.rows
        ledger.claims += each.claims
        ledger.figures += each.figures
    return results


def main(run: Callable[[bool], Ledger]) -> None:
    """Run a program by hand."""
    parser = argparse.ArgumentParser(description=sys.modules[run.__module__].__doc__)
    parser.add_argument("--long", action="store_true", help="the size of the goal, not that of CI")
    ledger = run(parser.parse_args().long)
    print(ledger)
    sys.exit(bool(ledger.failures))


class Exporter:
    """An exporter in a process of its own."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path, ingest: Place, admin: Place) -> None:
        self.process = process
        self.child = children.Child(process, re.match("", ""))  # type: ignore[arg-type]
        self.ingest = ingest
        self.admin = admin
        self._log = log
        #: What it had logged when it had ended.
        self.log_after = ""

    @property
    def log(self) -> str:
        """What it has logged."""
        return self._log.read_text(encoding="utf-8")

    def metrics(self, tier: str = "") -> dict[str, float]:
        """A scrape: ``name{labels}`` -> value."""
        path = f"/metrics?tier={tier}" if tier else "/metrics"
        return parse(children.scrape(self.admin, children.TEXT, path).body.decode())

    def kill(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.process.send_signal(number)


def parse(text: str) -> dict[str, float]:
    """Samples of an exposition."""
    samples = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            name, _, value = line.rpartition(" ")
            samples[name] = float(value)
    return samples


def total(metrics: Mapping[str, float], name: str, label: str = "") -> float:
    """The sum over all series of a metric, or those with such a label."""
    return sum(value for key, value in metrics.items() if key.partition("{")[0] == name and label in key)


def drops(metrics: Mapping[str, float]) -> dict[str, int]:
    """What was dropped, by reason."""
    found = re.compile(r'rtc_exporter_reports_dropped_total\{.*rtc_drop_reason="(\w+)"')
    reasons: dict[str, int] = {}
    for key, value in metrics.items():
        if (match := found.match(key)) and value:
            reasons[match[1]] = reasons.get(match[1], 0) + int(value)
    return reasons


def accepted(metrics: Mapping[str, float], format: str = "rtcstats") -> int:
    """Reports of a format that were counted."""
    return int(
        sum(
            value
            for key, value in metrics.items()
            if key.startswith("rtc_exporter_reports_total{") and f'"{format}"' in key and '"accepted"' in key
        )
    )


@contextlib.contextmanager
def exporter(
    *settings: str, environ: Mapping[str, str] | None = None, before: Callable[[], None] | None = None
) -> Iterator[Exporter]:
    """Run one, from its word that it is ready to the end of the block; ``before`` is called in its process first."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith((PREFIX, "OTEL_"))}
    # All clients are on this machine: what one address may have is told by those who want to see it.
    listen = ["--ingest.listen", "127.0.0.1:0", "--admin.listen", "127.0.0.1:0", *ONE_ADDRESS]
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "log")
        with log.open("wb") as stream:
            process = subprocess.Popen(
                [sys.executable, "-m", "rtc_exporter", "serve", *listen, *settings],
                stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, cwd=ROOT, env={**clean, **(environ or {})},
                preexec_fn=before,
            )  # fmt: skip
            result = None
            try:
                found = _ready(process, log)
                result = Exporter(process, log, Place(found[2], int(found[1])), Place(found[2], int(found[3])))
                yield result
            finally:
                if process.poll() is None:
                    process.send_signal(signal.SIGINT)
                    try:
                        process.wait(PATIENCE)
                    except subprocess.TimeoutExpired:
                        process.kill()
                        process.wait()
                if result is not None:
                    result.log_after = result.log


def _ready(process: subprocess.Popen[bytes], log: Path) -> re.Match[str]:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and process.poll() is None:
        if found := re.search(EXPORTER_READY, log.read_text(encoding="utf-8", errors="replace")):
            return found
        time.sleep(0.02)
    raise SystemExit(f"the exporter is not ready:\n{log.read_text(encoding='utf-8')[-2000:]}")
