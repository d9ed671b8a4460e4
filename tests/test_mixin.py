"""The mixin, by a real jsonnet: what it renders is what is shipped, but for what its user has set."""

import json
from typing import Any

import _jsonnet
import pytest
import yaml

from tests.boards import BOARDS
from tools.limits import LIMITS
from tools.runbooks import ROOT

MIXIN = ROOT / "mixin" / "mixin.libsonnet"


def render(config: str = "") -> dict[str, Any]:
    """Everything that the mixin offers, with a piece of ``_config``."""
    told = f"""
        local mixin = (import '{MIXIN}') + {{ _config+:: {{ {config} }} }};
        {{
          alerts: mixin.prometheusAlerts.groups,
          rules: mixin.prometheusRules.groups,
          dashboards: mixin.grafanaDashboards,
          folder: mixin.grafanaDashboardFolder,
        }}
    """
    found: dict[str, Any] = json.loads(_jsonnet.evaluate_snippet("mixin", told))
    return found


def shipped(profile: str) -> list[dict[str, Any]]:
    """The groups of a rule file."""
    text = (ROOT / "alerts" / f"rtc.{profile}.rules.yml").read_text(encoding="utf-8")
    groups: list[dict[str, Any]] = yaml.safe_load(text)["groups"]
    return groups


@pytest.mark.parametrize("profile", sorted(LIMITS))
def test_rules_are_those_that_are_shipped(profile: str) -> None:
    """Each group once, whole and in its order: with its alerts, or among those that only record."""
    found = render(f"profile: '{profile}'")
    by_name = {group["name"]: group for group in shipped(profile)}
    names = [group["name"] for group in (*found["alerts"], *found["rules"])]

    assert sorted(names) == sorted(by_name)
    assert [by_name[group["name"]] for group in (*found["alerts"], *found["rules"])] == found["alerts"] + found["rules"]
    assert all(any("alert" in rule for rule in group["rules"]) for group in found["alerts"])
    assert not any("alert" in rule for group in found["rules"] for rule in group["rules"])


def test_dashboards_are_those_that_are_shipped() -> None:
    """All of them, by the names of their files."""
    found = render()

    assert found["dashboards"] == {f"{uid}.json": board for uid, board in BOARDS.items()}
    assert found["folder"] == "RTC"


def test_an_installation_has_its_own_names() -> None:
    """Job, pages, Grafana and folder: nothing of the defaults is left."""
    own = """
        rtcExporterSelector: 'job=~"edge-.+"', docs: 'https://wiki.example.org/rtc', grafana: 'https://grafana.example.org/d',
        grafanaDashboardFolder: 'Calls', disabledAlerts: ['RTCWatchdog', 'RTCClientClocks'],
    """
    usual, found = render(), render(own)
    text = json.dumps(found)

    assert 'job=\\"rtc-exporter\\"' not in text
    assert "https://example.com/rtc-exporter" not in text
    assert "http://localhost:3000" not in text
    assert found["folder"] == "Calls"
    before, after = (
        {rule["alert"]: rule for group in each["alerts"] for rule in group["rules"] if "alert" in rule}
        for each in (usual, found)
    )
    assert set(before) - set(after) == {"RTCWatchdog", "RTCClientClocks"}
    assert after["RTCExporterAbsent"]["expr"] == 'absent(up{job=~"edge-.+"})'
    assert (
        after["RTCTurnOutage"]["annotations"]["runbook_url"] == "https://wiki.example.org/rtc/runbooks/RTCTurnOutage.md"
    )
    assert after["RTCTurnOutage"]["annotations"]["dashboard_url"].startswith(
        "https://grafana.example.org/d/rtc-network?"
    )
    issue = json.dumps(found["dashboards"]["rtc-session.json"])
    assert "https://wiki.example.org/rtc/issues.md" in issue
