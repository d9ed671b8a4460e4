"""
Every alert, in promtool: it fires when it should, and not when it should not.

All cases of an alert go through promtool at once, with the rules of its group alone: other rules would only take time.
Groups evaluate each minute here, or each five where windows are days long.
"""

import json
import re
import subprocess
from collections import Counter, defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import pytest
import yaml

from tests.alert_cases import CASES, KINDS, Case
from tests.peers import newest_promtool, peer
from tools import limits, slos
from tools.alerts import all_alerts
from tools.queries import APP, TENANT
from tools.rules import groups

ALERTS = all_alerts("standard", limits.STANDARD)
NAMES = sorted({alert.name for alert in ALERTS})


def rules_of(alert: str, profile: str = "standard") -> list[dict[str, Any]]:
    """The groups that an alert is in, with the interval left to whoever evaluates."""
    found = [group for group in groups(profile) if any(rule.get("alert") == alert for rule in group["rules"])]
    return [{name: value for name, value in group.items() if name != "interval"} for group in found]


def alerts_in(found: list[dict[str, Any]], name: str, window: str) -> dict[str, Any]:
    """The rule of an alert, of one window where it has several."""
    rules = [rule for group in found for rule in group["rules"] if rule.get("alert") == name]
    (rule,) = [rule for rule in rules if rule["labels"].get("window", "") == window]
    return dict(rule)


def expand(text: str, labels: Mapping[str, str], value: str) -> str:
    """An annotation as Prometheus writes it: the four forms of template that annotations use."""
    of = labels.get("rtc_tenant")
    text = text.replace("{{ with $labels.rtc_tenant }} of {{ . }}{{ end }}", f" of {of}" if of else "")
    text = re.sub(r"\{\{ with \$labels\.(\w+) \}\}.*?\{\{ end \}\}", lambda found: labels[found[1]], text)
    text = re.sub(r"\{\{ \$labels\.(\w+) \| urlquery \}\}", lambda found: quote_plus(labels.get(found[1], "")), text)
    text = re.sub(r"\{\{ \$labels\.(\w+) \}\}", lambda found: labels[found[1]], text)
    return re.sub(r"\{\{ \$value \| \w+ \}\}", value, text)


def expected(case: Case, rule: dict[str, Any]) -> dict[str, Any]:
    """The whole alert."""
    assert case.fires is not None
    labels = {**rule["labels"], **case.labels}
    told = {name: expand(text, labels, case.fires) for name, text in rule["annotations"].items()}
    return {"exp_labels": labels, "exp_annotations": told}


def unit(case: Case, found: list[dict[str, Any]]) -> dict[str, Any]:
    """One case as promtool has it."""
    minutes = f"{case.at}m"
    test: dict[str, Any] = {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in case.series.items()],
    }
    rule = alerts_in(found, case.alert, case.window)
    if case.fires and case.window in ("", "1h"):
        alert = {"eval_time": minutes, "alertname": case.alert, "exp_alerts": [expected(case, rule)]}
        return {**test, "alert_rule_test": [alert]}
    # Of several windows others may fire too, and some values are not round: the alert is looked for by its labels.
    told = {"alertname": case.alert, "alertstate": "firing", **rule["labels"], **case.labels}
    window = f',window="{case.window}"' if case.window else ""
    expr = f'ALERTS{{alertname="{case.alert}",alertstate="firing"{window}}}'
    labels = "ALERTS{" + ",".join(f"{name}={json.dumps(value)}" for name, value in told.items()) + "}"
    samples = [] if case.fires is None else [{"labels": labels, "value": 1}]
    return {**test, "promql_expr_test": [{"expr": expr, "eval_time": minutes, "exp_samples": samples}]}


def run(promtool: str, folder: Path, alert: str) -> str:
    """Let promtool try all cases of an alert; what it says, "" when all is well."""
    found = rules_of(alert)
    (folder / "rules.yml").write_text(yaml.safe_dump({"groups": found}), encoding="utf-8")
    by_interval: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for case in CASES:
        if case.alert == alert:
            by_interval["5m" if case.at > 190 else "1m"].append(unit(case, found))
    files = []
    for interval, tests in by_interval.items():
        file = folder / f"{interval}.yml"
        document = {"rule_files": ["rules.yml"], "evaluation_interval": interval, "tests": tests}
        file.write_text(json.dumps(document), encoding="utf-8")
        files.append(str(file))
    done = subprocess.run([promtool, "test", "rules", *files], capture_output=True, text=True, timeout=300, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


@pytest.mark.parametrize("alert", NAMES)
def test_an_alert_fires_and_does_not(alert: str, tmp_path: Path) -> None:
    """With its labels and annotations; not below its limit, not for a handful, and not when it is over."""
    assert run(peer("promtool"), tmp_path, alert) == ""


@pytest.mark.parametrize("alert", NAMES)
def test_the_newest_prometheus_agrees(alert: str, tmp_path: Path) -> None:
    """Ranges are open to the left since 3.0, and more has changed."""
    assert run(newest_promtool(), tmp_path, alert) == ""


def test_every_alert_has_all_kinds_of_cases() -> None:
    """Firing, below the limit, guarded and over; the watchdog only fires."""
    kinds: dict[str, set[str]] = defaultdict(set)
    for case in CASES:
        kinds[case.alert].add(case.kind)

    assert sorted(kinds) == NAMES
    assert {name: sorted(set(KINDS) - found) for name, found in kinds.items() if len(found) < len(KINDS)} == {
        "RTCWatchdog": ["below", "guard", "recovery"]
    }


def test_tenants_are_kept_apart() -> None:
    """Each alert about an application has a case in which one of two tenants is in trouble."""
    tried = {case.alert for case in CASES if case.kind == "tenants"}

    assert tried == {alert.name for alert in ALERTS if TENANT in alert.by}
    assert all(TENANT in alert.by for alert in ALERTS if APP in alert.by)


def test_every_pair_of_windows_fires_in_a_case() -> None:
    """Not only the first."""
    fired = Counter((case.alert, case.window) for case in CASES if case.window and case.fires)
    wanted = {(slo.alert, pair.long) for slo in slos.SLOS if slo.alert for pair in slos.PAIRS}

    assert set(fired) == wanted
