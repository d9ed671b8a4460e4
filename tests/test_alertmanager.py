"""The example for Alertmanager: it is read, it routes, and its template says what a person at night needs."""

import json
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.peers import peer
from tools import limits
from tools.alerts import all_alerts

FOLDER = Path(__file__).parent.parent / "alerts"
CONFIG = FOLDER / "alertmanager.yml"
PROFILES = ("small", "standard")

#: Labels of an alert -> who gets it.
ROUTES = [
    ({"alertname": "RTCWatchdog", "severity": "none"}, "watchdog"),
    ({"alertname": "RTCClientClocks", "severity": "info", "team": "rtc"}, "nobody"),
    ({"alertname": "RTCExporterAllDown", "severity": "critical", "team": "rtc"}, "page-rtc"),
    ({"alertname": "RTCGoodMinutesBurn", "severity": "critical", "team": "rtc"}, "page-rtc"),
    ({"alertname": "RTCVoicePipelineBurn", "severity": "critical", "team": "voice-ai"}, "page-voice-ai"),
    ({"alertname": "RTCVoiceTransportBurn", "severity": "critical", "team": "rtc"}, "page-rtc"),
    ({"alertname": "RTCGoodMinutesBurn", "severity": "warning", "team": "rtc"}, "ticket"),
    ({"alertname": "RTCVoicePipelineBurn", "severity": "warning", "team": "voice-ai"}, "ticket"),
    ({"alertname": "RTCReleaseRegression", "severity": "warning", "team": "app"}, "ticket-app"),
]


def amtool(*arguments: str) -> str:
    """What amtool says; an error is one of the test."""
    done = subprocess.run([peer("amtool"), *arguments], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_alertmanager_reads_it() -> None:
    """Receivers, times, inhibition, and the template."""
    told = amtool("check-config", str(CONFIG))

    assert " - 1 templates\n  SUCCESS" in told
    assert " - 6 inhibit rules" in told


@pytest.mark.parametrize(("labels", "receiver"), ROUTES, ids=lambda each: str(each)[:60])
def test_an_alert_goes_to_who_can_act(labels: dict[str, str], receiver: str) -> None:
    """By severity and team."""
    told = [f"{name}={value}" for name, value in labels.items()]

    assert amtool("config", "routes", "test", f"--config.file={CONFIG}", *told).split() == [receiver]


def test_every_alert_has_a_receiver_and_nobody_is_paged_twice() -> None:
    """One receiver each; pages are what is critical, and nothing else."""
    for profile in PROFILES:
        for alert in all_alerts(profile, limits.LIMITS[profile]):
            told = [f"alertname={alert.name}", f"severity={alert.severity}", f"team={alert.team}"]
            found = amtool("config", "routes", "test", f"--config.file={CONFIG}", *told).split()
            assert len(found) == 1, alert
            assert found[0].startswith("page") == (alert.severity == "critical"), alert


def test_names_in_inhibition_are_alerts() -> None:
    """A rule about an alert that is no more would be silently dead."""
    names = {alert.name for profile in PROFILES for alert in all_alerts(profile, limits.LIMITS[profile])}
    document = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))
    rules = document["inhibit_rules"]
    matchers = [text for rule in rules for text in (*rule["source_matchers"], *rule["target_matchers"])]
    told = [text.partition('"')[2].rstrip('"') for text in matchers if text.startswith("alertname")]

    assert {name for text in told for name in text.split("|")} - names - {"RTC.+"} == set()


DATA = {
    "status": "firing",
    "commonLabels": {
        "alertname": "RTCCountryDegraded",
        "severity": "warning",
        "rtc_tenant": "acme",
        "rtc_app_name": "meet",
    },
    "commonAnnotations": {"summary": "Users of one country have bad calls"},
    "groupLabels": {"alertname": "RTCCountryDegraded"},
    "alerts": [
        {
            "status": "firing",
            "annotations": {
                "description": "50% of the call time of meet of acme in DE is poor or bad.",
                "runbook_url": "https://example.com/RTCCountryDegraded.md",
                "dashboard_url": "http://localhost:3000/d/rtc-network",
            },
        },
        {"status": "resolved", "annotations": {"summary": "Users of one country have bad calls"}},
    ],
}


@pytest.mark.parametrize(
    ("template", "status", "text"),
    [
        ("rtc.title", "firing", "[WARNING] Users of one country have bad calls (meet of acme)"),
        ("rtc.title", "resolved", "[OVER] Users of one country have bad calls (meet of acme)"),
        (
            "rtc.text",
            "firing",
            "50% of the call time of meet of acme in DE is poor or bad.\n"
            "  runbook:   https://example.com/RTCCountryDegraded.md\n"
            "  dashboard: http://localhost:3000/d/rtc-network\n"
            "Over: Users of one country have bad calls",
        ),
    ],
)
def test_a_message_says_what_is_wrong_and_where_to_go(template: str, status: str, text: str, tmp_path: Path) -> None:
    """One line for a phone; then each alert with its runbook and its dashboard."""
    (tmp_path / "data.json").write_text(json.dumps({**DATA, "status": status}), encoding="utf-8")
    got = amtool(
        "template", "render", f"--template.glob={FOLDER / '*.tmpl'}", f"--template.data={tmp_path / 'data.json'}",
        f'--template.text={{{{ template "{template}" . }}}}',
    )  # fmt: skip

    assert got.strip() == text
