"""What a dashboard would be told: its queries with variables put in, asked as Grafana asks them."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from tools.slos import seconds
from tools.store.blocks import Served

FOLDER = Path(__file__).parent.parent.parent / "dashboards"
#: Grafana takes four scrapes for a rate; the simulated store has one each minute.
RATE = "4m"
#: A panel of half the width has so many points.
POINTS = 240


class View(NamedTuple):
    """A dashboard as somebody looks at it: its variables, and from when to when."""

    uid: str
    start: float
    end: float
    values: Mapping[str, str] = {}


def load(uid: str) -> dict[str, Any]:
    """The shipped JSON."""
    board: dict[str, Any] = json.loads((FOLDER / f"{uid}.json").read_text("utf-8"))
    return board


def panels(board: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Every panel that is no row, those of closed rows too."""
    for panel in board["panels"]:
        yield from (each for each in (panel, *panel.get("panels", ())) if each["type"] != "row")


def defaults(board: Mapping[str, Any]) -> dict[str, str]:
    """What variables are before anybody chooses: everything, or what is written in the dashboard."""
    found = {}
    for variable in board["templating"]["list"]:
        current = variable.get("current", {}).get("value")
        if variable["type"] == "textbox":
            found[variable["name"]] = variable["query"]
        elif current == "$__all":
            found[variable["name"]] = variable["allValue"]
        elif isinstance(current, str):
            found[variable["name"]] = current
    return found


def put(text: str, values: Mapping[str, str], view: View) -> str:
    """A text with its variables put in."""
    own = {"__rate_interval": RATE, "__interval": "1m", "__range": f"{view.end - view.start:.0f}s", **values}
    return re.sub(r"\$\{(\w+)(?::\w+)*\}|\$(\w+)", lambda found: own.get(found[1] or found[2], found[0]), text)


def ask(store: Served, view: View, panel: Mapping[str, Any], values: Mapping[str, str]) -> list[list[dict[str, Any]]]:
    """The series of each query of a panel."""
    found: list[list[dict[str, Any]]] = []
    for target in panel.get("targets", ()):
        if "expr" not in target:
            found.append([])
            continue
        expr = put(target["expr"], values, view)
        if target["instant"]:
            series = [{**each, "values": [each["value"]]} for each in store.instant(expr, view.end)]
        else:
            # A panel may have a time and a step of its own.
            start = view.end - seconds(panel["timeFrom"]) if "timeFrom" in panel else view.start
            step = seconds(panel["interval"]) if "interval" in panel else max(60.0, (view.end - view.start) // POINTS)
            series = store.range(expr, start, view.end, step)
        found.append([{"labels": each["metric"], "values": each["values"]} for each in series])
    return found


def look(store: Served, view: View) -> dict[str, Any]:
    """A dashboard with everything that it is told, for the page that draws it."""
    board = load(view.uid)
    values = {**defaults(board), **view.values}
    data = {panel["id"]: ask(store, view, panel, values) for panel in panels(board)}
    return {"board": board, "data": data, "values": values, "start": view.start, "end": view.end}
