"""
Makes a simulated store: ``python -m tools.store SCENARIO FOLDER`` writes blocks that Prometheus can serve.

    python -m tools.store country /tmp/store
    prometheus --storage.tsdb.path=/tmp/store --storage.tsdb.retention.time=20y --config.file=/dev/null
"""

import argparse
import shutil
import sys
from pathlib import Path

from tools.store.blocks import create
from tools.store.kept import history
from tools.store.scenarios import SCENARIOS


def main() -> int:
    """Write the blocks of a scenario."""
    parser = argparse.ArgumentParser(prog="python -m tools.store", description=__doc__.partition("\n\n")[0])
    parser.add_argument("scenario", choices=SCENARIOS)
    parser.add_argument("folder", type=Path, help="where the blocks go; made when it is not there")
    parser.add_argument("--promtool", default=shutil.which("promtool") or "promtool", help="default: %(default)s")
    args = parser.parse_args()
    found = history(SCENARIOS[args.scenario])
    create(found, args.folder, args.promtool)
    end = found.start + found.step * (found.length - 1)
    print(f"{args.folder}: {sum(map(len, found.series.values()))} series from {found.start:.0f} to {end:.0f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
