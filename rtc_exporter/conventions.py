"""
The ``rtc.*`` namespace as machine-readable conventions, made from the tables that the code itself uses.

The files have the shape of OpenTelemetry's semantic-convention models, as Weaver reads them (``manifest.yaml``,
and ``groups`` of attributes, metrics, spans and events).  What OpenTelemetry defines is referred to and not
defined again; the manifest names the release that has it.  ``docs`` writes the files.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import TypeAlias

from rtc_exporter import __version__, spans
from rtc_exporter.attributes import ATTRIBUTES, EXAMPLES
from rtc_exporter.catalog import METRICS
from rtc_exporter.labels import RULES, Closed
from rtc_exporter.metric import Kind, Metric
from rtc_exporter.spans import EVENTS, SPAN_ATTRIBUTES, SPANS, SpanType

Node: TypeAlias = "str | int | float | bool | list[Node] | dict[str, Node]"

#: The release of OpenTelemetry's conventions that has what is not ours.
UPSTREAM = "1.44.0"

#: What is not under this namespace is OpenTelemetry's.
NAMESPACE = "rtc."

#: Everything of ours may still change.
STABILITY = "development"

#: How OTLP sends each kind.
INSTRUMENTS = {Kind.COUNTER: "counter", Kind.GAUGE: "gauge", Kind.HISTOGRAM: "histogram", Kind.INFO: "gauge"}

#: Attributes that are more than recommended, which means: there when it is known.
LEVELS: dict[str, Node] = {
    "session.id": "required",
    "rtc.participant.id": "required",
    "error.type": {"conditionally_required": "If it failed, and the reason is known."},
}

#: What an attribute of OpenTelemetry means here, where that is narrower than what it means there.
BRIEFS = {"session.id": ATTRIBUTES["session.id"]}

SESSION_GROUP, PARTICIPANT_GROUP = "attributes.rtc.session", "attributes.rtc.participant"

HEAD = "# Made by rtc-exporter docs --write from the tables in the code.\n"

#: How an example of each type is read from a table.
_READ: dict[str, Callable[[str], Node]] = {
    "int": int,
    "double": float,
    "boolean": lambda text: text == "true",
    "string": str,
}
_LINK = re.compile(r"\[([^\]]+)\]\([^)]+\)")
#: Text that YAML reads as nothing but text, whatever its version: a name with a dot or an underscore in it.
_PLAIN = re.compile(r"[a-z]+([._][a-z0-9_]+)+")
#: Words of the format that cannot be mistaken either.
_WORDS = frozenset((STABILITY, *INSTRUMENTS.values(), *_READ, "metric", "event", "span", "internal", "required"))


def files() -> dict[str, str]:
    """Every file of the registry, by name."""
    groups = {
        "attributes.yaml": chain([_registry()], _common()),
        "metrics.yaml": map(_metric, METRICS),
        "events.yaml": map(_event, EVENTS),
        "spans.yaml": map(_span, SPANS),
    }
    made = {name: text({"groups": list(several)}) for name, several in groups.items()}
    return {"manifest.yaml": text(_manifest()), **made}


def _manifest() -> dict[str, Node]:
    return {
        "name": "rtc",
        "description": "What rtc-exporter publishes about WebRTC sessions.",
        "schema_url": f"https://rtc-exporter.invalid/schemas/{__version__}",
        "dependencies": [
            {
                "schema_url": f"https://opentelemetry.io/schemas/{UPSTREAM}",
                "registry_path": f"https://github.com/open-telemetry/semantic-conventions@v{UPSTREAM}[model]",
            }
        ],
    }


def values(attribute: str) -> tuple[str, ...]:
    """All values of an attribute, where they are known beforehand: from its row, its rule, or the catalogue."""
    if (row := SPAN_ATTRIBUTES.get(attribute)) is not None:
        return row.values
    found: dict[str, None] = {}
    if isinstance(rule := RULES.get(attribute), Closed):
        found |= dict.fromkeys((*rule.names.values(), rule.other))
    for metric in METRICS:
        if attribute in metric.attributes:
            place = metric.attributes.index(attribute)
            found |= dict.fromkeys(zero[place] for zero in metric.zeros)
    return tuple(found | dict.fromkeys(spans.VALUES.get(attribute, ())))


# ── groups


def _registry() -> dict[str, Node]:
    """Every attribute that OpenTelemetry does not have."""
    names = (name for name in (*ATTRIBUTES, *SPAN_ATTRIBUTES) if name.startswith(NAMESPACE))
    return {
        "id": "registry.rtc",
        "type": "attribute_group",
        "display_name": "WebRTC attributes",
        "brief": "Attributes of WebRTC sessions, participants, media and connections.",
        "attributes": [_attribute(name) for name in names],
    }


def _attribute(name: str) -> dict[str, Node]:
    row = SPAN_ATTRIBUTES.get(name)
    known = values(name)
    made: dict[str, Node] = {"id": name}
    if known:
        made["type"] = {"members": [_member(value) for value in known]}
    else:
        made["type"] = row.type if row else "string"
    made |= {"stability": STABILITY, "brief": _LINK.sub(r"\1", row.help if row else ATTRIBUTES[name])}
    if not known:
        made["examples"] = [_READ[row.type](row.example)] if row else list(EXAMPLES[name])
    return made


def _member(value: str) -> dict[str, Node]:
    brief = "Any other." if value == "other" else f"`{value}`."
    return {"id": re.sub(r"[^a-z0-9]+", "_", value.lower()), "value": value, "brief": brief, "stability": STABILITY}


def _common() -> Iterator[dict[str, Node]]:
    """What every span carries."""
    several = {
        SESSION_GROUP: ("On every span of a session.", spans.common(spans.BY_NAME[spans.SESSION])),
        PARTICIPANT_GROUP: ("On every span of a participant.", spans.common(spans.BY_NAME[spans.PARTICIPANT])),
    }
    for group, (brief, names) in several.items():
        yield {"id": group, "type": "attribute_group", "brief": brief, "attributes": _refs(names, BRIEFS)}


def _metric(metric: Metric) -> dict[str, Node]:
    annotations: dict[str, Node] = {
        "prometheus": metric.prometheus,
        "tier": metric.tier.value,
        "profile": metric.profile.name.lower(),
    }
    if metric.buckets:
        annotations["boundaries"] = list(metric.buckets)
    made: dict[str, Node] = {
        "id": f"metric.{metric.name}",
        "type": "metric",
        "metric_name": metric.name,
        "stability": STABILITY,
        "brief": metric.help,
        "instrument": INSTRUMENTS[metric.kind],
        "unit": metric.unit,
        "annotations": {"rtc_exporter": annotations},
    }
    if metric.sources:
        made["note"] = f"From {', '.join(f'`{source}`' for source in metric.sources)}."
    if metric.attributes:
        made["attributes"] = _refs(metric.attributes)
    return made


def _event(name: str) -> dict[str, Node]:
    brief, attributes = EVENTS[name]
    made: dict[str, Node] = {
        "id": f"event.{name}",
        "type": "event",
        "name": name,
        "stability": STABILITY,
        "brief": brief,
        "note": "An event of a span.",
    }
    if attributes:
        made["attributes"] = _refs(attributes)
    return made


def _span(row: SpanType) -> dict[str, Node]:
    parent = f"Child of `{row.parent}`" if row.parent else "Root of the trace"
    is_participant = "rtc.participant.id" in spans.common(row)
    made: dict[str, Node] = {
        "id": f"span.{row.name}",
        "type": "span",
        "span_kind": "internal",
        "stability": STABILITY,
        "brief": row.help,
        "note": f"{parent}. Leaves {row.when}.",
        "extends": PARTICIPANT_GROUP if is_participant else SESSION_GROUP,
    }
    if row.attributes:
        made["attributes"] = _refs(row.attributes)
    if row.events:
        made["events"] = [f"event.{name}" for name in row.events]
    return made


def _refs(names: Iterable[str], briefs: dict[str, str] | None = None) -> list[Node]:
    """Attributes that are defined elsewhere; each is there when it is known, or as ``LEVELS`` says."""
    made: list[Node] = []
    for name in names:
        ref: dict[str, Node] = {"ref": name}
        if name in LEVELS:
            ref["requirement_level"] = LEVELS[name]
        if briefs and name in briefs:
            ref["brief"] = briefs[name]
        made.append(ref)
    return made


# ── YAML


def text(node: Node) -> str:
    """A file: block style, with JSON's spelling for what could be mistaken, which YAML 1.2 reads as well."""
    return HEAD + "\n".join(_lines(node)) + "\n"


def _lines(node: Node, indent: str = "") -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            if _is_short(value):
                yield f"{indent}{key}: {_scalar(value)}"
            else:
                yield f"{indent}{key}:"
                yield from _lines(value, indent + "  ")
    elif isinstance(node, list):
        for value in node:
            first, *others = _lines(value, indent + "  ")
            yield f"{indent}- {first.lstrip()}"
            yield from others


def _is_short(node: Node) -> bool:
    if isinstance(node, list):
        return not any(isinstance(value, dict | list) for value in node)
    return not isinstance(node, dict)


def _scalar(node: Node) -> str:
    if isinstance(node, list):
        return f"[{', '.join(map(_scalar, node))}]"
    if isinstance(node, str) and (_PLAIN.fullmatch(node) or node in _WORDS):
        return node
    return json.dumps(node, ensure_ascii=False)
