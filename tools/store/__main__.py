"""
Makes a simulated store: ``python -m tools.store SCENARIO FOLDER`` writes blocks that Prometheus can serve.

    python -m tools.store country /tmp/store --rules alerts/rtc.standard.rules.yml
    prometheus --storage.tsdb.path=/tmp/store --storage.tsdb.retention.time=20y --config.file=/dev/null
"""

import argparse
import shutil
import sys
from pathlib import Path

from tools.store.blocks import create, record
from tools.store.kept import history
from tools.store.scenarios import SCENARIOS


def main() -> int:
    """Write the blocks of a scenario."""
    parser = argparse.ArgumentParser(prog="python -m tools.store", description=__doc__.partition("\n\n")[0])
    parser.add_argument("scenario", choices=SCENARIOS)
    parser.add_argument("folder", type=Path, help="where the blocks go; made when it is not there")
    parser.add_argument("--rules", type=Path, metavar="FILE", help="also record what the rules of this file record")
    parser.add_argument("--prometheus", default=shutil.which("prometheus") or "prometheus", help="default: %(default)s")
    parser.add_argument("--promtool", default=shutil.which("promtool") or "promtool", help="default: %(default)s")
    args = parser.parse_args()
    found = history(SCENARIOS[args.scenario])
    create(found, args.folder, args.promtool)
    if args.rules is not None:
        record(found, args.folder, args.rules, args.prometheus, args.promtool)
    end = found.start + found.step * (found.length - 1)
    print(f"{args.folder}: {sum(map(len, found.series.values()))} series from {found.start:.0f} to {end:.0f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
