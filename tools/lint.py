"""
Looks for what is wrong with an expression: names that nothing publishes, labels and values that no series has, and
functions that do not fit. Alerts, dashboards and pages are held against it.

A name that is wrong is the worst fault of an alert: it is silent, and looks like health.
"""

import re
from collections.abc import Iterator, Mapping, Set
from typing import Any

import promql_parser

from rtc_exporter import catalog, labels
from rtc_exporter.metric import Kind, Metric
from tools.queries import SCOPE, TENANT

#: What others publish, and the labels that we may ask for.
EXTERNAL: Mapping[str, Set[str]] = {
    "up": {"job", "instance"},
    "process_start_time_seconds": {"job", "instance"},
    "process_resident_memory_bytes": {"job", "instance"},
    "prometheus_rule_evaluation_failures_total": {"rule_group"},
    "ALERTS": {"alertname", "alertstate", "severity", "component", "team", "slo", "window"},
}
TARGET = {"job", "instance"}
COUNTING = {"increase", "rate", "irate", "resets"}
PARTS = ("_bucket", "_sum", "_count")
#: Labels that recorded series have, by what their names begin with; beside those of the application.
RECORDED = {
    "rtc_slo:objective": {"slo"},
    "rtc_slo:": {"slo", *SCOPE},
    "rtc_turn:": {*SCOPE},
    "rtc_reconnect:": {*SCOPE},
    "rtc_cohort:": {"cohort", *SCOPE, "geo_country_iso_code", "rtc_app_version"},
}
_BY_PROMETHEUS = {metric.prometheus: metric for metric in catalog.METRICS}
_ATTRIBUTES = {name.replace(".", "_"): name for metric in catalog.METRICS for name in metric.attributes}
_WORDS = re.compile(r"[\w.]+(\|[\w.]+)*")


def problems(expr: str, recorded: Set[str]) -> list[str]:
    """What is wrong with an expression, given the recording rules that there are; nothing, where all is well."""
    try:
        tree = promql_parser.parse(expr)
    except ValueError as exc:
        return [f"cannot be read: {exc}"]
    return list(_walk(tree, recorded, ""))


def metrics(expr: str) -> set[str]:
    """Every metric that an expression asks for."""
    return {selector.name for selector in _selectors(promql_parser.parse(expr))}


def _children(node: Any) -> Iterator[Any]:
    for name in ("lhs", "rhs", "expr", "vector_selector", "param"):
        child = getattr(node, name, None)
        if child is not None and type(child).__module__ != "builtins":
            yield child
    yield from getattr(node, "args", ())


def _selectors(node: Any) -> Iterator[Any]:
    if isinstance(node, promql_parser.VectorSelector):
        yield node
        return
    for child in _children(node):
        yield from _selectors(child)


def _walk(node: Any, recorded: Set[str], function: str) -> Iterator[str]:
    if isinstance(node, promql_parser.VectorSelector):
        yield from _selector(node, recorded, function)
        return
    if isinstance(node, promql_parser.Call):
        function = node.func.name
    elif isinstance(node, promql_parser.SubqueryExpr):
        function = ""
    if isinstance(node, promql_parser.AggregateExpr):
        yield from _grouping(node, recorded)
    for child in _children(node):
        yield from _walk(child, recorded, function)


def _selector(node: Any, recorded: Set[str], function: str) -> Iterator[str]:
    name, told = node.name, {matcher.name: matcher for matcher in node.matchers.matchers}
    known = _labels(name, recorded)
    if known is None:
        yield f"{name} is published by nobody"
        return
    yield from (f"{name} has no label {label}" for label in told if label not in known)
    metric, part = _metric(name)
    if metric is not None:
        if metric.kind is Kind.HISTOGRAM and not part:
            yield f"{name} is a histogram: ask for its buckets, sum or count"
        counts = metric.kind is Kind.COUNTER or bool(part)
        if counts and function not in COUNTING:
            yield f"{name} only grows, and is not asked for its increase"
        if not counts and function in COUNTING:
            yield f"{name} is a {metric.kind.value}, and is asked for its {function}"
        for label, matcher in told.items():
            yield from _values(metric, label, matcher.value)


def _values(metric: Metric, label: str, value: str) -> Iterator[str]:
    """Values of closed sets that do not exist."""
    attribute = _ATTRIBUTES.get(label, "")
    rule = labels.RULES.get(attribute)
    if not isinstance(rule, labels.Closed) or not _WORDS.fullmatch(value):
        return
    allowed = {*rule.names.values(), rule.other}
    if attribute in metric.attributes:
        place = metric.attributes.index(attribute)
        allowed |= {row[place] for row in metric.zeros}
    patterns = [value] if value in allowed else value.split("|")
    for one in patterns:
        if not any(re.fullmatch(one, known) for known in allowed):
            yield f"{metric.prometheus} never has {label}={one}"


def _grouping(node: Any, recorded: Set[str]) -> Iterator[str]:
    if node.modifier is None or node.modifier.type != promql_parser.AggModifierType.By:
        return
    for selector in _selectors(node.expr):
        known = _labels(selector.name, recorded)
        if known is not None:
            yield from (
                f"{selector.name} has no label {label} to sum by"
                for label in node.modifier.labels
                if label not in known
            )


def _metric(name: str) -> tuple[Metric | None, str]:
    """The metric of the catalogue, and which part of a histogram is asked for."""
    for part in PARTS:
        metric = _BY_PROMETHEUS.get(name.removesuffix(part)) if name.endswith(part) else None
        if metric is not None and metric.kind is Kind.HISTOGRAM:
            return metric, part
    return _BY_PROMETHEUS.get(name), ""


def _labels(name: str, recorded: Set[str]) -> Set[str] | None:
    metric, part = _metric(name)
    if metric is not None:
        return {*metric.labels, *TARGET, TENANT, "otel_metric_overflow", *({"le"} if part == "_bucket" else ())}
    if name in recorded:
        return next((known for prefix, known in RECORDED.items() if name.startswith(prefix)), set())
    return EXTERNAL.get(name)
