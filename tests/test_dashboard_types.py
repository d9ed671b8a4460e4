"""The dashboards against the types that Grafana publishes: unknown keys and values that are none are found by tsc."""

import json
import subprocess
from pathlib import Path

from tests.boards import BOARDS, panels
from tests.peers import packages, peer

#: Kind of panel -> how its types are named.
KINDS = {
    "stat": "Stat", "timeseries": "TimeSeries", "table": "Table", "heatmap": "Heatmap", "bargauge": "BarGauge",
    "state-timeline": "StateTimeline", "geomap": "Geomap", "text": "Text", "status-history": "StatusHistory",
}  # fmt: skip
#: What Grafana itself writes and its types leave out.
UNTYPED = {
    "annotations": {"expr", "step", "titleFormat", "tagKeys", "useValueForTime"},
    "templating": {"definition"},
}
#: Enumerations are written as their values in JSON.
LOOSE = """
type Loose<T> = T extends string ? (string extends T ? string : `${T}`)
  : T extends number ? number
  : T extends boolean | null | undefined ? T
  : T extends (infer U)[] ? Loose<U>[]
  : T extends object ? { [K in keyof T]: Loose<T[K]> } : T;
"""


def source(wrong: str = "") -> str:
    """A program that assigns each dashboard, and the options of each panel, to its type."""
    lines = ['import type { Dashboard } from "@grafana/schema";', LOOSE]
    for kind, name in KINDS.items():
        own = kind.replace("-", "")
        path = f"@grafana/schema/dist/esm/raw/composable/{own}/panelcfg/x/{name}PanelCfg_types.gen"
        lines.append(f'import type {{ Options as {own} }} from "{path}";')
    for uid, board in BOARDS.items():
        text = json.loads(json.dumps(board))
        for part, names in UNTYPED.items():
            text[part]["list"] = [{k: v for k, v in row.items() if k not in names} for row in text[part]["list"]]
        name = uid.replace("-", "_")
        lines.append(f"export const {name}: Loose<Dashboard> = {json.dumps(text)};")
        for panel in panels(board):
            kind = panel["type"].replace("-", "")
            lines.append(f"export const {name}_{panel['id']}: Loose<{kind}> = {json.dumps(panel['options'])};")
    return "\n".join([*lines, wrong]) + "\n"


def check(folder: Path, text: str) -> str:
    """What tsc says of a program."""
    (folder / "node_modules").symlink_to(packages(), target_is_directory=True)
    (folder / "boards.ts").write_text(text, "utf-8")
    options = "--noEmit --strict --skipLibCheck --module esnext --moduleResolution bundler --target es2022".split()
    command = [peer("node"), str(packages() / "typescript" / "bin" / "tsc"), *options, str(folder / "boards.ts")]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False).stdout


def test_the_json_is_of_grafanas_types(tmp_path: Path) -> None:
    """Dashboards, panels, links, variables, thresholds, and the options of each kind of panel."""
    assert check(tmp_path, source()) == ""


def test_the_types_find_what_is_wrong(tmp_path: Path) -> None:
    """Else the test above would say nothing."""
    wrong = 'export const wrong: Loose<stat> = { ...rtc_overview_402641, graphMode: "ares" };'

    assert "Type '\"ares\"' is not assignable" in check(tmp_path, source(wrong))
