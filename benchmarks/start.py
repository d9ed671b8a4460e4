"""
What does not happen often: how long the exporter takes to be ready, and to read the dump of an hour-long call.

The dump is a recorded one whose reports are told again and again, a minute later each time; where they begin anew its
counters restart, once a minute.
"""

import argparse
import gzip
import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from rich.console import Console

from benchmarks import children
from benchmarks.load import RECORDING, RECORDINGS, is_report

#: Goals: seconds from the start to being ready, and reports a second of an import.
MOST_SECONDS, LEAST_REPORTS = 1.0, 5000
HOUR = 3600
#: The time of a report.
TIME = re.compile(r'"t":(\d+\.?\d*)\},')


def ready(core: int | None) -> tuple[float, float]:
    """Seconds from the start until clients and scrapes are taken: as they pass, and of the processor."""
    began = time.perf_counter()
    with children.exporter(core) as (child, _, _):
        return time.perf_counter() - began, child.cpu


def dump(file: Path) -> int:
    """Write an hour of a call; returns how many reports that is."""
    with gzip.open(RECORDINGS / f"{RECORDING}.rtcstats-dump.gz", "rt", encoding="utf-8") as lines:
        rows = list(lines)
    first = next(place for place, row in enumerate(rows) if is_report(row))
    reports = [row for row in rows if is_report(row)]
    begin, end = (float(_split(row)[1]) for row in (reports[0], reports[-1]))
    period = end - begin + 1000.0
    rounds = round(HOUR / len(reports))
    with gzip.open(file, "wt", encoding="utf-8", compresslevel=1) as whole:
        whole.writelines(rows[:first])
        for number in range(rounds):
            for row in reports:
                head, stamp, tail = _split(row)
                whole.write(f"{head}{float(stamp) + number * period:.3f}{tail}")
    return rounds * len(reports)


def _split(row: str) -> tuple[str, str, str]:
    """What is before the time of a report, that time, and what is after it."""
    found = list(TIME.finditer(row))[-1]
    return row[: found.start(1)], found[1], row[found.end(1) :]


def read(file: Path) -> float:
    """Seconds of the processor that an import takes."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-m", "rtc_exporter", "import", str(file)], check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description="Measure start and import.")
    parser.add_argument("--repeat", type=int, default=5, help="how often (default: %(default)s)")
    args = parser.parse_args()
    console = Console(width=None if Console().is_terminal else 120)
    with children.measuring() as core, tempfile.TemporaryDirectory() as folder:
        starts = [ready(core) for _ in range(args.repeat)]
        passed, spent = (median(row) for row in zip(*starts, strict=True))
        console.print(f"ready after {passed:.2f} s (goal: at most {MOST_SECONDS:g}), {spent:.2f} s of the processor")
        file = Path(folder) / "hour.gz"
        reports = dump(file)
        cost = median(read(file) for _ in range(args.repeat))
        console.print(
            f"{reports} reports imported in {cost:.2f} s of the processor, {reports / cost:,.0f} a second "
            f"(goal: at least {LEAST_REPORTS:,})"
        )


if __name__ == "__main__":
    main()
