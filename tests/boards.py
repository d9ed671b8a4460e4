"""The shipped dashboards, taken apart: panels, queries, links, and the series that a query reads."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import promql_parser

FOLDER = Path(__file__).parent.parent / "dashboards"
PATHS = {path.stem: path for path in sorted(FOLDER.glob("rtc-*.json"))}
BOARDS: dict[str, dict[str, Any]] = {uid: json.loads(path.read_text("utf-8")) for uid, path in PATHS.items()}

#: What Grafana puts in for its own variables.
GRAFANA = {"__rate_interval": "5m", "__interval": "1m", "__range": "1h"}


class Selector(NamedTuple):
    """A series that a query reads, with the functions and operators around it, innermost first."""

    name: str
    matchers: dict[str, str]
    around: tuple[str, ...]
    range: float


def panels(board: Mapping[str, Any], kind: str = "") -> Iterator[dict[str, Any]]:
    """Every panel that is no row, those of closed rows too."""
    for panel in board["panels"]:
        for each in (panel, *panel.get("panels", ())):
            if each["type"] != "row" and kind in ("", each["type"]):
                yield each


def targets(board: Mapping[str, Any]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Each query for Prometheus, with its panel."""
    for panel in panels(board):
        for target in panel.get("targets", ()):
            if "expr" in target:
                yield panel, target


def variables(board: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Variables by name."""
    return {each["name"]: each for each in board["templating"]["list"]}


def told(text: str, values: Mapping[str, str]) -> str:
    """A text with its variables put in, as Grafana would."""
    return re.sub(
        r"\$\{(\w+)(?::[^}]+)?\}|\$(\w+)",
        lambda found: {**GRAFANA, **values}.get(found[1] or found[2], found[0]),
        text,
    )


def plain(expr: str) -> str:
    """A query that a parser reads: variables stand for themselves, and the axis of releases is a label."""
    values = {"axis": "rtc_app_version", "minutes": "60"}
    return re.sub(r"\$\{?(\w+)\}?", r"\1", told(expr, values))


def links(board: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Title of a panel, and an address that it leads to."""
    for panel in panels(board):
        config = panel.get("fieldConfig", {})
        for link in config.get("defaults", {}).get("links", ()):
            yield panel["title"], link["url"]
        for override in config.get("overrides", ()):
            for told_ in override["properties"]:
                if told_["id"] == "links":
                    yield from ((panel["title"], link["url"]) for link in told_["value"])


def selectors(expr: str) -> list[Selector]:
    """Every series that a query reads."""
    return list(_walk(promql_parser.parse(expr), ()))


def labels_kept(expr: str) -> set[str]:
    """Labels that a query groups, joins or matches by."""
    found: set[str] = set()
    for words in re.findall(r"\b(?:by|on|group_left|group_right|without|ignoring) \(([^)]*)\)", expr):
        found |= {word.strip() for word in words.split(",") if word.strip()}
    return found


def divisors(expr: str) -> list[str]:
    """What a query divides by."""
    return [str(node.rhs) for node in _nodes(promql_parser.parse(expr)) if str(node.op) == "/"]


def _nodes(node: Any) -> Iterator[Any]:
    """The operations in a query."""
    kind = type(node).__name__
    if kind == "BinaryExpr":
        yield node
    parts = {"BinaryExpr": ("lhs", "rhs"), "AggregateExpr": ("expr",), "ParenExpr": ("expr",)}.get(kind, ())
    for inner in node.args if kind == "Call" else [getattr(node, part) for part in parts]:
        yield from _nodes(inner)


def _walk(node: Any, around: tuple[str, ...], range: float = 0.0) -> Iterator[Selector]:
    kind = type(node).__name__
    if kind == "VectorSelector":
        matchers = {each.name: each.value for each in node.matchers.matchers}
        yield Selector(node.name or "", matchers, around, range)
    elif kind == "MatrixSelector":
        yield from _walk(node.vector_selector, around, node.range.total_seconds())
    elif kind == "Call":
        for argument in node.args:
            yield from _walk(argument, (node.func.name, *around), range)
    elif kind == "BinaryExpr":
        yield from _walk(node.lhs, around, range)
        yield from _walk(node.rhs, around, range)
    elif kind == "AggregateExpr":
        yield from _walk(node.expr, (str(node.op), *around), range)
    elif kind in ("ParenExpr", "UnaryExpr", "SubqueryExpr"):
        yield from _walk(node.expr, around, range)
