"""
Makes what is derived in ``helm/rtc-exporter``: schema, tables of the README, templates of rules, copies of dashboards.

``values.yaml`` is the source: ``# -- text`` above a key describes it, ``# @schema {...}`` adds what the default does
not tell.  What stands under ``config`` and ``secretFiles`` is made of the table of settings, so that a misspelt
setting is refused before anything is installed, and no secret can end up in a ConfigMap.

    python -m tools.chart            write
    python -m tools.chart --check    say what is not as it would be written
"""

import json
import re
import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple, cast

import yaml
from pydantic import BaseModel

from rtc_exporter import __version__
from rtc_exporter.config import Config, settings_table
from rtc_exporter.sources import Setting
from tools import chart_rules

ROOT = Path(__file__).parent.parent
CHART = ROOT / "helm" / "rtc-exporter"
#: What the chart decides itself, because ports, Services and probes hang together.
OWN = ("ingest.listen", "admin.listen")
#: Kinds of settings that are filled from Secrets.
FILES = ("file", "folder")
#: Where the copies come from -> where they go.  Helm reads nothing outside the folder of a chart.
COPIES = {"dashboards/*.json": "files/dashboards"}
#: Where the templates of the rules in ``alerts/`` are.
RULES = "files/rules"

#: What operators may write besides, by the type of a setting: sizes with a unit, lists as one text.
TEXTS = {"size": "^[0-9.]+ *[kKMGT]?i?[bB]?$", "list": "", "numbers": ""}


class Value(NamedTuple):
    """A key of ``values.yaml``; ``inner`` where it has described keys of its own."""

    path: str
    default: Any
    help: str
    extra: dict[str, Any]
    inner: "tuple[Value, ...]"


def values(text: str) -> tuple[Value, ...]:
    """All keys, in their order."""
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    assert isinstance(node, yaml.MappingNode)
    return tuple(_values(node, text.splitlines(), ""))


def _values(node: yaml.MappingNode, lines: list[str], above: str) -> Iterator[Value]:
    for key, value in node.value:
        path = f"{above}{key.value}"
        help, extra = _comment(lines, key.start_mark.line)
        default = yaml.safe_load(yaml.serialize(value))
        has_inner = isinstance(value, yaml.MappingNode) and any(
            _comment(lines, child.start_mark.line)[0] or (isinstance(grandchild, yaml.MappingNode) and not help)
            for child, grandchild in value.value
        )
        inner = tuple(_values(value, lines, f"{path}.")) if has_inner else ()
        yield Value(path, default, help, extra, inner)


def _comment(lines: list[str], number: int) -> tuple[str, dict[str, Any]]:
    """What the comment right above a line says: the description, and what the schema adds."""
    help, extra = "", {}
    for line in reversed(lines[:number]):
        text = line.strip()
        if text.startswith("# @schema "):
            extra = json.loads(text.removeprefix("# @schema "))
        elif text.startswith("# -- "):
            return text.removeprefix("# -- "), extra
        else:
            break
    return help, extra


# ── schema


def schema() -> str:
    """``values.schema.json``: draft 7, which Helm 3 and 4 both know."""
    found = _object(values((CHART / "values.yaml").read_text(encoding="utf-8")))
    found["properties"]["config"].update(_settings(lambda row: row.type != "secret" and row.name not in OWN, _setting))
    found["properties"]["secretFiles"].update(_settings(lambda row: row.type in FILES, _secret))
    found["properties"]["prometheusRule"]["properties"]["thresholds"].update(chart_rules.thresholds())
    found["properties"]["prometheusRule"]["properties"]["objectives"].update(chart_rules.objectives())
    # What Helm itself hands to every chart, and what umbrella charts may add.
    found["properties"]["global"] = {"type": "object"}
    head = {"$schema": "http://json-schema.org/draft-07/schema#", "title": "Values of rtc-exporter"}
    return json.dumps({**head, **found}, indent=2, ensure_ascii=False) + "\n"


def _object(rows: tuple[Value, ...]) -> dict[str, Any]:
    properties = {row.path.rpartition(".")[2]: _property(row) for row in rows}
    return {"type": "object", "additionalProperties": False, "properties": properties}


def _property(row: Value) -> dict[str, Any]:
    told = {"description": row.help} if row.help else {}
    if row.inner:
        return {**told, **_object(row.inner)}
    names = {bool: "boolean", int: "integer", str: "string", list: "array", dict: "object"}
    return {**told, "type": names[type(row.default)], **row.extra}


def _settings(wanted: Any, shape: Any) -> dict[str, Any]:
    """Sections and their settings, as an object."""
    sections = {}
    for section, rows in groupby(settings_table(), lambda row: row.name.partition(".")[0]):
        properties = {row.name.partition(".")[2]: shape(row) for row in rows if wanted(row)}
        if properties:
            sections[section] = {"type": "object", "additionalProperties": False, "properties": properties}
    return {"type": "object", "additionalProperties": False, "properties": sections}


def _setting(row: Setting) -> dict[str, Any]:
    """What a setting may be, as its model says; the program itself has the last word."""
    section, _, name = row.name.partition(".")
    model = cast("type[BaseModel]", Config.model_fields[section].annotation)
    told = model.model_json_schema()["properties"][name]
    for word in ("default", "title", "description"):
        told.pop(word, None)
    if told.get("type") == "array":
        # What is read from texts first has its bounds under the names that texts have.
        told = {{"minLength": "minItems", "maxLength": "maxItems"}.get(word, word): rule for word, rule in told.items()}
    if row.type == "size":
        # The model says so in a word that is none of JSON Schema, beside a pattern that takes any unit.
        told = {"type": "integer", "minimum": told["ge"] if "ge" in told else told["anyOf"][-1]["minimum"]}
    if row.type in TEXTS:
        text = {"type": "string", **({"pattern": TEXTS[row.type]} if TEXTS[row.type] else {})}
        told = {"anyOf": [told, text]}
    return {"description": row.meaning, **told}


def _secret(row: Setting) -> dict[str, Any]:
    """Which Secret, and which of its entries; a folder takes all."""
    properties: dict[str, Any] = {"name": {"type": "string", "minLength": 1}}
    if row.type == "file":
        properties["key"] = {"type": "string", "minLength": 1}
    return {
        "description": row.meaning,
        "type": "object",
        "additionalProperties": False,
        "required": list(properties),
        "properties": properties,
    }


# ── README


def readme() -> str:
    """The chart's README with its tables made anew."""
    path = CHART / "README.md"
    return re.sub(
        r"(<!-- table:([\w-]+) -->\n).*?(<!-- /table -->)",
        lambda found: found[1] + "\n".join(TABLES[found[2]]()) + "\n" + found[3],
        path.read_text(encoding="utf-8"),
        flags=re.DOTALL,
    )


def value_rows() -> Iterator[str]:
    """Every value that is described."""
    yield "| Value | Default | What it is |"
    yield "|---|---|---|"
    yield from _rows(values((CHART / "values.yaml").read_text(encoding="utf-8")))


def _rows(rows: tuple[Value, ...]) -> Iterator[str]:
    for row in rows:
        if row.inner:
            yield from _rows(row.inner)
        else:
            default = json.dumps(row.default, ensure_ascii=False).replace("|", "\\|")
            yield f"| `{row.path}` | `{default}` | {row.help.replace('|', chr(92) + '|')} |"


def setting_rows() -> Iterator[str]:
    """Where each setting of the exporter goes."""
    yield "| Value | Type | Default | What it is |"
    yield "|---|---|---|---|"
    for row in settings_table():
        if row.name in OWN or row.type == "secret":
            continue
        where = f"`config.{row.name}`"
        if row.type in FILES:
            where = f"`secretFiles.{row.name}` or {where}"
        yield f"| {where} | {row.type} | {f'`{row.default}`' if row.default else ''} | {row.meaning} |"


def limit_rows() -> Iterator[str]:
    """Every number of the alerts."""
    yield "| Value | What it is |"
    yield "|---|---|"
    for name, schema in (("objectives", chart_rules.objectives()), ("thresholds", chart_rules.thresholds())):
        for key, told in schema["properties"].items():
            yield f"| `prometheusRule.{name}.{key}` | {told['description']} |"


TABLES = {"values": value_rows, "settings": setting_rows, "limits": limit_rows}


# ── files


def chart_yaml() -> str:
    """``Chart.yaml`` with the version of the program."""
    text = (CHART / "Chart.yaml").read_text(encoding="utf-8")
    return re.sub(r"(?m)^appVersion: .*$", f"appVersion: {__version__}", text)


def copies() -> dict[Path, str]:
    """Dashboards as the chart has to have them: equal to those at the top."""
    return {
        CHART / folder / source.name: source.read_text(encoding="utf-8")
        for pattern, folder in COPIES.items()
        for source in sorted(ROOT.glob(pattern))
    }


def derived() -> dict[Path, str]:
    """Every file that is made here, and its content."""
    return {
        CHART / "Chart.yaml": chart_yaml(),
        CHART / "values.schema.json": schema(),
        CHART / "README.md": readme(),
        **{CHART / RULES / name: text for name, text in chart_rules.templates().items()},
        **copies(),
    }


def left_over(wanted: dict[Path, str]) -> list[Path]:
    """Copies of what is no longer there."""
    return [
        path
        for folder in (RULES, *COPIES.values())
        for path in sorted((CHART / folder).glob("*"))
        if path.name != ".gitkeep" and path not in wanted
    ]


def main() -> int:
    """Write, or with ``--check`` compare."""
    wanted = derived()
    stale = [path for path, text in wanted.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    gone = left_over(wanted)
    if "--check" in sys.argv[1:]:
        for path in (*stale, *gone):
            print(f"{path.relative_to(ROOT)} is not what tools/chart.py makes: run scripts/docs", file=sys.stderr)
        return 1 if stale or gone else 0
    for path in stale:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(wanted[path], encoding="utf-8")
    for path in gone:
        path.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())
