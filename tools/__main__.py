"""
Writes what is generated from the tables of this package: rules for Prometheus, as YAML and for the mixin,
and the blocks of the pages about them.

    python -m tools --check      exit 1 where a file is not what it should be
    python -m tools --write
"""

import argparse
import sys
from pathlib import Path

from tools import mixin
from tools.limits import LIMITS
from tools.rules import Bases, render
from tools.runbooks import ROOT, pages


def files(bases: Bases) -> dict[Path, str]:
    """Every generated file and its text."""
    rules = {ROOT / "alerts" / f"rtc.{profile}.rules.yml": render(profile, bases) for profile in LIMITS}
    return {**rules, ROOT / "mixin" / "rules.json": mixin.render(bases), **pages()}


def main() -> int:
    """Write, or say what is not as it should be."""
    parser = argparse.ArgumentParser(prog="python -m tools", description=__doc__.partition("\n\n")[0])
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--check", action="store_true", help="exit 1 where a file is out of date")
    which.add_argument("--write", action="store_true", help="write them")
    default = Bases()
    parser.add_argument("--runbooks", default=default.runbooks, help="where runbooks are found (%(default)s)")
    parser.add_argument("--dashboards", default=default.dashboards, help="where dashboards are found (%(default)s)")
    args = parser.parse_args()
    stale = []
    for path, text in files(Bases(args.runbooks, args.dashboards)).items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(path)
            if args.write:
                path.write_text(text, encoding="utf-8")
    for path in stale:
        print(f"{path.relative_to(ROOT)}: {'written' if args.write else 'out of date, run: make docs'}")
    return 1 if stale and args.check else 0


if __name__ == "__main__":
    sys.exit(main())
