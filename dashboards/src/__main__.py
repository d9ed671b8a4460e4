"""``python -m dashboards.src`` writes the dashboards; with ``--check`` it only says which are not as they should be."""

import json
import sys
from pathlib import Path

from dashboards.src import centre, exporter, network, overview, participant, release, servers, session, slo, voice
from dashboards.src.board import build

BOARDS = tuple(
    module.BOARD for module in (overview, session, participant, network, release, voice, centre, slo, exporter, servers)
)
FOLDER = Path(__file__).parent.parent


def rendered() -> dict[Path, str]:
    """Path of each dashboard -> its text; sorted keys, so that a difference is one of meaning."""
    return {
        FOLDER / f"{board.uid}.json": json.dumps(build(board), indent=1, sort_keys=True, ensure_ascii=False) + "\n"
        for board in BOARDS
    }


def main(arguments: list[str]) -> int:
    """Write, or compare."""
    wanted = rendered()
    is_check = "--check" in arguments
    stale = [path for path, text in wanted.items() if not path.exists() or path.read_text("utf-8") != text]
    stale += sorted(set(FOLDER.glob("rtc-*.json")) - set(wanted))
    for path in stale:
        if is_check:
            print(f"{path.name} is not what dashboards/src makes: run scripts/docs")
        elif path in wanted:
            path.write_text(wanted[path], "utf-8")
        else:
            path.unlink()
    return 1 if is_check and stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
