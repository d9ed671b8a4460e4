"""
Rule files for Prometheus, made of ``slos``, ``alerts`` and ``limits``: one for each profile.

They load in Prometheus 2.42 and later.  Names of recording rules: which labels they keep is the same for all of a
family (``rtc_slo``: tenant, application and objective), then what it is, then what was done over which window.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlencode

import yaml

from tools.alerts import COHORTS, Alert, Cohort, alerts, burns
from tools.limits import LIMITS, Limits
from tools.queries import BY, at
from tools.slos import MOST, PERIOD, SLOS, WINDOWS, Slo, seconds, threshold, windows

#: Quantile of the normal distribution for a bound that holds in 19 of 20 cases, on one side.
Z = 1.645
#: Windows up to here are read from what clients were counted for; longer ones are summed from these.
DIRECT = seconds("1h")


class Bases(NamedTuple):
    """Where runbooks and dashboards are found."""

    runbooks: str = "https://example.com/rtc-exporter/docs/runbooks"
    dashboards: str = "http://localhost:3000/d"


def groups(
    profile: str,
    bases: Bases = Bases(),  # noqa: B008 - a constant
    limits: Limits | None = None,
    slos: Sequence[Slo] = SLOS,
) -> list[dict[str, Any]]:
    """The rule groups of a profile, by its own limits or by others; rules of a group run in their order."""
    limits = limits or LIMITS[profile]
    found = [
        {"name": f"rtc.slo.{slo.name}", "interval": "30s", "rules": [
            *_recordings(slo, profile), *(_alert(row, bases) for row in burns(slo, profile, limits)),
        ]}
        for slo in slos
    ]  # fmt: skip
    found.append({"name": "rtc.recording.budget", "interval": "5m", "rules": list(_budgets())})
    rows = alerts(profile, limits)
    used = {dict(row.labels).get("cohort") for row in rows}
    for cohort in COHORTS:
        if cohort.name in used:
            rules = [*_compare(cohort)]
            rules += [_alert(row, bases) for row in rows if dict(row.labels).get("cohort") == cohort.name]
            found.append({"name": f"rtc.cohort.{cohort.name}", "interval": "1m", "rules": rules})
    for component in dict.fromkeys(row.component for row in rows if not row.labels):
        rules = []
        for row in rows:
            if row.component == component and not row.labels:
                rules += [{"record": name, "expr": expr} for name, expr in row.records]
                rules.append(_alert(row, bases))
        found.append({"name": f"rtc.alerts.{component}", "interval": "30s", "rules": rules})
    return found


def _recordings(slo: Slo, profile: str) -> Iterator[dict[str, Any]]:
    labels = {"slo": slo.name}
    yield {"record": "rtc_slo:objective:ratio", "expr": f"vector({slo.objective:g})", "labels": labels}
    for window in windows(profile):
        for name, query in (("bad_events", slo.bad), ("events", slo.total)):
            if seconds(window) <= DIRECT:
                expr = at(query, window)
            else:
                expr = f'sum_over_time(rtc_slo:{name}:increase5m{{slo="{slo.name}"}}[{window}:5m])'
            yield {"record": f"rtc_slo:{name}:increase{window}", "expr": expr, "labels": labels}
        bad, total = (f'rtc_slo:{name}:increase{window}{{slo="{slo.name}"}}' for name in ("bad_events", "events"))
        yield {"record": f"rtc_slo:error:ratio_rate{window}", "expr": f"{bad} / ({total} > 0)", "labels": labels}
    if slo.affected:
        yield {"record": "rtc_slo:affected:current", "expr": slo.affected, "labels": labels}


def _budgets() -> Iterator[dict[str, Any]]:
    """What is left of each objective's budget: 1 is all, 0 nothing, less is overdrawn; weighted by events."""
    bad, total = (f"sum_over_time(rtc_slo:{name}:increase1h[{PERIOD}:1h])" for name in ("bad_events", "events"))
    yield {"record": f"rtc_slo:error:ratio{PERIOD}", "expr": f"{bad} / ({total} > 0)"}
    yield {
        "record": f"rtc_slo:budget_remaining:ratio{PERIOD}",
        "expr": f"1 - rtc_slo:error:ratio{PERIOD} / on (slo) group_left () (1 - rtc_slo:objective:ratio)",
    }


def wilson(bad: str, total: str) -> str:
    """The lower end of Wilson's interval of a share: 1 of 3 is at least 8 %, 300 of 1,000 are at least 28 %."""
    share, z2 = f"({bad} / {total})", Z * Z
    spread = f"{Z} * sqrt({share} * (1 - {share}) / {total} + {z2 / 4:.6f} / {total} / {total})"
    return f"({share} + {z2 / 2:.6f} / {total} - {spread}) / (1 + {z2:.6f} / {total})"


def _compare(cohort: Cohort) -> Iterator[dict[str, Any]]:
    labels, which = {"cohort": cohort.name}, f'{{cohort="{cohort.name}"}}'
    bad, total = f"rtc_cohort:bad:increase30m{which}", f"rtc_cohort:total:increase30m{which}"
    unit = "" if cohort.unit == 1 else f" / {cohort.unit}"
    yield {"record": "rtc_cohort:bad:increase30m", "expr": at(cohort.bad, "30m") + unit, "labels": labels}
    yield {"record": "rtc_cohort:total:increase30m", "expr": at(cohort.total, "30m") + unit, "labels": labels}
    yield {"record": "rtc_cohort:bad:ratio_rate30m", "expr": f"{bad} / ({total} > 0)", "labels": labels}
    yield {"record": "rtc_cohort:bad:wilson_lower30m", "expr": wilson(bad, f"({total} > 0)"), "labels": labels}
    # Both differences are negative; with nobody else to compare with it is 0/0, which is above nothing.
    rest = [f"({each} - on ({BY}) group_left () sum by ({BY}) ({each}))" for each in (bad, total)]
    yield {"record": "rtc_cohort:rest:ratio_rate30m", "expr": " / ".join(rest), "labels": labels}


def _alert(row: Alert, bases: Bases) -> dict[str, Any]:
    found: dict[str, Any] = {"alert": row.name, "expr": row.expr}
    if row.wait != "0m":
        found["for"] = row.wait
    if row.keep:
        found["keep_firing_for"] = row.keep
    own = dict(row.labels)
    found["labels"] = {"severity": row.severity, "component": row.component, "team": row.team, **own}
    found["annotations"] = {
        "summary": row.summary,
        "description": row.description,
        "runbook_url": f"{bases.runbooks}/{row.name}.md",
        "dashboard_url": f"{bases.dashboards}/{row.dashboard}?{_variables(row)}",
    }
    return found


def _variables(row: Alert) -> str:
    told = urlencode({"from": "now-3h", "to": "now"})
    names = [name for name in row.by if name in VARIABLES]
    return "&".join([*(f"var-{VARIABLES[name]}={{{{ $labels.{name} | urlquery }}}}" for name in names), told])


#: Label -> variable of the dashboards.
VARIABLES = {
    "rtc_tenant": "tenant",
    "rtc_app_name": "app",
    "geo_country_iso_code": "country",
    "rtc_app_version": "candidate",
    "job": "job",
}


class _Text(str):
    """An expression, to be written as a block."""


def _block(dumper: yaml.SafeDumper, text: _Text) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", str(text), style="|" if "\n" in text else None)


class _Dumper(yaml.SafeDumper):
    """Writes expressions as blocks, and indents lists."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: object) -> bool:
        return True


_Dumper.add_representer(_Text, _block)


def dump(found: list[dict[str, Any]], width: float = 110) -> str:
    """Groups as the text of a rule file."""
    for group in found:
        for rule in group["rules"]:
            rule["expr"] = _Text(rule["expr"])
    text: str = yaml.dump({"groups": found}, Dumper=_Dumper, sort_keys=False, width=width, allow_unicode=True)
    return text


def render(profile: str, bases: Bases = Bases()) -> str:  # noqa: B008 - a constant
    """The rule file of a profile."""
    text = dump(groups(profile, bases))
    lowered = [
        f"#   {slo.name}, {pair.long}: {pair.factor:g} times {1 - slo.objective:.1%} would be "
        f"{pair.factor * (1 - slo.objective):.0%}, so it fires above {threshold(slo.objective, pair):.0%}"
        for slo in SLOS
        for pair in WINDOWS[profile]
        if slo.alert and pair.factor * (1 - slo.objective) > MOST
    ]
    head = [
        f"# Recording rules and alerts, profile {profile}. Written by `python -m tools`: change tools/, not this file.",
        "# For Prometheus 2.42 and later. docs/slo.md says what is promised, docs/runbooks what to do.",
        *(["# Thresholds that were lowered because nothing would reach them:", *lowered] if lowered else []),
    ]
    return "\n".join(head) + "\n" + text
