"""
The machine-readable conventions: read back with another library, and linted by the rules of OpenTelemetry's models.

The rules are those of Weaver's loader (https://github.com/open-telemetry/weaver, semconv-syntax.md) and of the
naming guidelines (https://opentelemetry.io/docs/specs/semconv/general/naming/), as far as they concern what is here.
"""

import argparse
import importlib
import pkgutil
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml
from opentelemetry.semconv import _incubating, attributes, schemas

from rtc_exporter import conventions, docs, metric, spans
from rtc_exporter.attributes import ATTRIBUTES, EXAMPLES
from rtc_exporter.catalog import METRICS
from rtc_exporter.spans import EVENTS, SPAN_ATTRIBUTES, SPANS
from tests.traced import carried

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / docs.CONVENTIONS
MADE = conventions.files()
#: The files as another library reads them.
READ: dict[str, Any] = {name: yaml.load(text, yaml.CSafeLoader) for name, text in MADE.items()}
GROUPS: list[dict[str, Any]] = [group for name in READ if name != "manifest.yaml" for group in READ[name]["groups"]]
BY_ID = {group["id"]: group for group in GROUPS}
DEFINED: dict[str, dict[str, Any]] = {
    attribute["id"]: attribute for group in GROUPS for attribute in group.get("attributes", ()) if "id" in attribute
}

NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*(\.[a-z][a-z0-9]*(_[a-z0-9]+)*)+")
#: UCUM, with annotations in braces; "" is for info metrics.
UNIT = re.compile(r"|s|By|By/s|1|\{[a-zA-Z_]+\}(/s)?")
TYPES = {"string": str, "int": int, "double": float, "boolean": bool}
#: Members that a group of each type must have, and those that it may have.
MEMBERS = {
    "attribute_group": ({"id", "type", "brief", "attributes"}, {"display_name"}),
    "metric": (
        {"id", "type", "brief", "stability", "metric_name", "instrument", "unit", "annotations"},
        {"note", "attributes"},
    ),
    "event": ({"id", "type", "brief", "stability", "name", "note"}, {"attributes"}),
    "span": ({"id", "type", "brief", "stability", "span_kind", "note", "extends"}, {"attributes", "events"}),
}

every_group = pytest.mark.parametrize("group", GROUPS, ids=lambda group: group["id"])
every_attribute = pytest.mark.parametrize("name", DEFINED)


def refs(group: dict[str, Any]) -> list[str]:
    """Attributes that a group refers to, those of the group that it extends included."""
    own = [attribute["ref"] for attribute in group.get("attributes", ()) if "ref" in attribute]
    return refs(BY_ID[group["extends"]]) + own if "extends" in group else own


def of_type(kind: str) -> list[dict[str, Any]]:
    """The groups of one type."""
    return [group for group in GROUPS if group["type"] == kind]


def upstream() -> set[str]:
    """Every attribute of OpenTelemetry's own conventions, as its package for Python has them."""
    found: set[str] = set()
    incubating = importlib.import_module(f"{_incubating.__name__}.attributes")
    for package in (attributes, incubating):
        for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            names = vars(importlib.import_module(module.name)).items()
            found |= {value for name, value in names if name.isupper() and isinstance(value, str)}
    return found


UPSTREAM = upstream()


# ── files


@pytest.mark.parametrize("name", MADE)
def test_a_file_is_current(name: str) -> None:
    """What is in the repository is as the code makes it now."""
    assert (FOLDER / name).read_text(encoding="utf-8") == MADE[name], "run: rtc-exporter docs --write"


def test_no_file_is_left_over() -> None:
    """What nothing makes any more is removed."""
    assert {path.name for path in FOLDER.iterdir()} == set(MADE)


def test_docs_finds_a_file_that_is_behind(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--check fails for a file that is missing or changed, and --write mends both."""
    (tmp_path / "README.md").write_text("nothing generated\n", encoding="utf-8")
    spans_file = tmp_path / docs.CONVENTIONS / "spans.yaml"

    def run(option: str) -> int:
        parser = argparse.ArgumentParser()
        docs.add_arguments(parser)
        return docs.run(parser.parse_args([option, "--root", str(tmp_path)]))

    assert run("--check") == 1
    assert run("--write") == 0
    assert run("--check") == 0
    spans_file.write_text(spans_file.read_text(encoding="utf-8") + "# by hand\n", encoding="utf-8")
    capsys.readouterr()
    assert run("--check") == 1
    assert capsys.readouterr().err == f"{spans_file}: behind the code, run rtc-exporter docs --write\n"


def test_the_manifest_names_what_it_builds_on() -> None:
    """The dependency is a release of OpenTelemetry's conventions that their package for Python knows."""
    (dependency,) = READ["manifest.yaml"]["dependencies"]

    assert dependency["schema_url"] in {schema.value for schema in schemas.Schemas}
    assert dependency == {
        "schema_url": f"https://opentelemetry.io/schemas/{conventions.UPSTREAM}",
        "registry_path": f"https://github.com/open-telemetry/semantic-conventions@v{conventions.UPSTREAM}[model]",
    }
    assert re.fullmatch(r"https://[a-z.-]+/schemas/\d+\.\d+\.\d+", READ["manifest.yaml"]["schema_url"])


@pytest.mark.parametrize(
    "node",
    [
        {"a": "yes", "b": "1.2", "c": "0x1f", "d": "null", "e": "~", "f": "a: b", "g": "# no", "h": "", "i": "é\u2028"},
        {"list": [{"x": 1, "deep": [{"y": [0.001, 1000000.0]}, {"z": True}]}, {"x": -1}], "t": "a.b_c", "n": "1e3"},
        {"words": ["on", "off", "{packet}", '"quoted"', "back\\slash", "line\nbreak", "- dash"]},
        {"dotted": ["e.g_1", "rtc.app.name", "no.1", "a.1e5", "2026-01-01", "12:30:00", "1.44.0"]},
    ],
)  # fmt: skip
def test_what_is_written_is_read_back(node: conventions.Node) -> None:
    """No text turns into a number, a date, a truth or nothing."""
    assert yaml.safe_load(conventions.text(node)) == node


# ── rules of the format


def test_ids_are_unique() -> None:
    """No group and no attribute is defined twice."""
    names = [attribute["id"] for group in GROUPS for attribute in group.get("attributes", ()) if "id" in attribute]

    assert [name for name, count in Counter([group["id"] for group in GROUPS] + names).items() if count > 1] == []


@every_group
def test_a_group_is_well_formed(group: dict[str, Any]) -> None:
    """It has the members of its type, and the values that those may have."""
    needed, optional = MEMBERS[group["type"]]

    assert needed <= set(group) <= needed | optional
    assert group["brief"].endswith(".")
    assert group.get("note", ".").endswith(".")
    assert group.get("stability", "development") == "development"
    assert group.get("span_kind", "internal") == "internal"
    assert group.get("instrument", "gauge") in ("counter", "gauge", "histogram", "updowncounter")
    assert UNIT.fullmatch(group.get("unit", "1"))
    assert NAME.fullmatch(group["id"])


@every_group
def test_the_id_of_a_group_says_what_it_is(group: dict[str, Any]) -> None:
    """A signal's group is called after the signal."""
    match group["type"]:
        case "metric":
            assert group["id"] == f"metric.{group['metric_name']}"
        case "event":
            assert group["id"] == f"event.{group['name']}"
        case "span":
            assert group["id"].startswith("span.rtc.")
        case _:
            assert group["id"].startswith(("registry.rtc", "attributes.rtc."))


@every_group
def test_every_reference_resolves(group: dict[str, Any]) -> None:
    """An attribute is ours or OpenTelemetry's, once in a group; a group that is named exists, of the right type."""
    named = refs(group)

    assert set(named) - set(DEFINED) - UPSTREAM == set()
    assert len(named) == len(set(named))
    assert BY_ID[group.get("extends", "attributes.rtc.session")]["type"] == "attribute_group"
    assert {BY_ID[event]["type"] for event in group.get("events", ())} <= {"event"}


@every_group
def test_a_level_is_one_of_the_format(group: dict[str, Any]) -> None:
    """Required, or required under a condition that is told; else recommended, which is not written."""
    for attribute in group.get("attributes", ()):
        level = attribute.get("requirement_level", "required")
        assert level == "required" or (
            list(level) == ["conditionally_required"] and level["conditionally_required"][-1] == "."
        )


@every_attribute
def test_an_attribute_is_well_formed(name: str) -> None:
    """It has a type, and examples of that type or all its values."""
    row = DEFINED[name]

    assert NAME.fullmatch(name)
    assert row["brief"].endswith(".")
    assert row["stability"] == "development"
    if isinstance(row["type"], dict):
        members = row["type"]["members"]
        assert set(row) == {"id", "type", "stability", "brief"}
        assert all(set(member) == {"id", "value", "brief", "stability"} for member in members)
        assert all(isinstance(member["value"], str) and re.fullmatch(r"[a-z0-9_]+", member["id"]) for member in members)
        assert max(Counter(member["id"] for member in members).values()) == 1
        assert max(Counter(member["value"] for member in members).values()) == 1
    else:
        assert set(row) == {"id", "type", "stability", "brief", "examples"}
        assert {type(example) for example in row["examples"]} == {TYPES[row["type"]]}


def test_names_do_not_become_one() -> None:
    """Two names that differ in a dot alone would be one constant, or one label."""
    assert max(Counter(map(metric.label, DEFINED)).values()) == 1
    assert max(Counter(metric.label(row.name) for row in METRICS).values()) == 1


def test_a_name_is_no_namespace() -> None:
    """Guidelines: the name of an attribute is not the beginning of another's."""
    names = set(DEFINED) | UPSTREAM
    both = {name for name in DEFINED if any(other.startswith(f"{name}.") for other in names)}

    assert both == set()


# ── the upstream conventions


def test_the_package_has_what_we_look_for() -> None:
    """The set is read from the package as it is meant."""
    assert {"session.id", "error.type", "user_agent.os.name", "network.io.direction"} <= UPSTREAM
    assert len(UPSTREAM) > 500


def test_what_is_not_ours_exists_upstream() -> None:
    """A name outside our namespace is OpenTelemetry's."""
    used = set(ATTRIBUTES) | spans.names()
    foreign = {name for name in used if not name.startswith("rtc.")}

    assert foreign != set()
    assert foreign - UPSTREAM == set()


def test_what_is_ours_does_not_exist_upstream() -> None:
    """Nothing is defined again, and nobody else uses our namespace."""
    assert set(DEFINED) & UPSTREAM == set()
    assert {name for name in UPSTREAM if name.startswith("rtc.")} == set()
    assert [name for name in DEFINED if not name.startswith("rtc.")] == []


# ── completeness: each row is there once, and nothing else


def test_every_metric_is_there() -> None:
    """Name, kind, unit and attributes are those of the catalogue, in its order."""
    instruments = {"counter": "counter", "gauge": "gauge", "histogram": "histogram", "info": "gauge"}

    assert [
        (group["metric_name"], group["instrument"], group["unit"], group["brief"], refs(group))
        for group in of_type("metric")
    ] == [(row.name, instruments[row.kind.value], row.unit, row.help, list(row.attributes)) for row in METRICS]


def test_every_span_is_there() -> None:
    """Name, attributes and events are those of the table."""
    assert [
        (group["id"], sorted(refs(group)), group.get("events", [])) for group in of_type("span")
    ] == [
        (f"span.{row.name}", sorted(carried(row)), [f"event.{name}" for name in row.events]) for row in SPANS
    ]  # fmt: skip


def test_every_event_is_there() -> None:
    """Name, meaning and attributes are those of the table."""
    assert {group["name"]: (group["brief"], tuple(refs(group))) for group in of_type("event")} == EVENTS


def test_every_attribute_is_there() -> None:
    """Those of metrics and those of spans, except what OpenTelemetry defines."""
    assert set(DEFINED) == {name for name in (*ATTRIBUTES, *SPAN_ATTRIBUTES) if name.startswith("rtc.")}


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("rtc.media.kind", ["audio", "video", "other"]),
        ("rtc.hardware_accelerated", ["true", "false", "other"]),
        ("rtc.ice.transport", ["udp", "tcp", "tls", "other"]),
        ("rtc.severity", ["info", "warning", "critical", "other"]),
        ("rtc.signal", ["traces", "metrics"]),
        (
            "rtc.transport.protocol",
            [
                "rtcstats", "rtc-exporter", "rtcstats-legacy", "jitsi", "jitsi-service", "observertc", "peermetrics",
                "pushgateway", "json", "dump", "internals",
            ],
        ),
        (
            "rtc.outcome",
            [
                "connected", "ice_failed", "dtls_failed", "timeout", "abandoned", "recovered", "failed", "superseded",
                "other", "accepted", "dropped", "answered", "unauthorized", "limited", "rendered", "shared", "cut",
                "applied", "refused", "stored", "too_large", "read", "repeated", "spoilt", "lost", "saved", "restored",
                "begun_anew", "queued", "sampled_out", "over_budget", "delivered", "retried", "closed",
            ],
        ),
    ],
)  # fmt: skip
def test_a_closed_set_lists_its_values(name: str, values: list[str]) -> None:
    """Values come from the label rules, from what the catalogue knows beforehand, or from the row of the attribute."""
    assert [member["value"] for member in DEFINED[name]["type"]["members"]] == values


@pytest.mark.parametrize(
    ("name", "kind", "examples"),
    [
        ("rtc.app.name", "string", ["meet", "support-desk"]),
        ("rtc.ssrc", "int", [12345]),
        ("rtc.feedback.rating", "double", [4.0]),
        ("rtc.page.hidden", "boolean", [True]),
    ],
)
def test_an_open_set_has_examples(name: str, kind: str, examples: list[Any]) -> None:
    """They are of the attribute's type."""
    assert (DEFINED[name]["type"], DEFINED[name]["examples"]) == (kind, examples)


def test_examples_are_given_where_they_are_needed() -> None:
    """No attribute has examples beside a list of all values."""
    assert set(EXAMPLES) == {
        name for name in ATTRIBUTES if name.startswith("rtc.") and not conventions.values(name)
    }  # fmt: skip


def test_a_page_link_does_not_get_into_a_file() -> None:
    """A path from page to page leads nowhere from here."""
    assert DEFINED["rtc.transport.protocol"]["brief"] == "The format that a client speaks, see formats."
    assert [name for name, text in MADE.items() if re.search(r"\]\([^)]*\)", text)] == []
