"""The rule files as such: generated, readable by old and new servers, and about what the exporter really publishes."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from rtc_exporter import catalog
from tests.peers import newest_promtool, peer
from tools import limits, lint, slos
from tools.__main__ import files
from tools.alerts import all_alerts
from tools.queries import TENANT
from tools.rules import VARIABLES, Bases, groups
from tools.runbooks import FOLDER, HEADINGS, ROOT
from tools.slos import InfeasibleError, Pair, Slo, threshold

PROFILES = ("small", "standard")
SEVERITIES = {"critical", "warning", "info", "none"}
COMPONENTS = {"exporter", "setup", "media", "network", "turn", "voice", "business"}
TEAMS = {"rtc", "app", "voice-ai"}
ANNOTATIONS = {"summary", "description", "runbook_url", "dashboard_url"}


def rules(profile: str) -> list[dict[str, Any]]:
    """Every rule of a committed file."""
    text = (ROOT / "alerts" / f"rtc.{profile}.rules.yml").read_text(encoding="utf-8")
    document = yaml.load(text, yaml.CSafeLoader)
    return [rule for group in document["groups"] for rule in group["rules"]]


RECORDED = {rule["record"] for profile in PROFILES for rule in rules(profile) if "record" in rule}
EXPRESSIONS = sorted({rule["expr"] for profile in PROFILES for rule in rules(profile)})


def test_committed_files_are_what_the_tables_make() -> None:
    """Rules, runbooks and the page of objectives."""
    stale = [str(path) for path, text in files(Bases()).items() if path.read_text(encoding="utf-8") != text]

    assert stale == [], "run: make docs"


@pytest.mark.parametrize("promtool", ["oldest", "newest"])
def test_servers_load_them(promtool: str) -> None:
    """Prometheus 2.42 of Debian, and the newest."""
    program = peer("promtool") if promtool == "oldest" else newest_promtool()
    paths = [str(ROOT / "alerts" / f"rtc.{profile}.rules.yml") for profile in PROFILES]
    done = subprocess.run(
        [program, "check", "rules", "--lint=all", "--lint-fatal", *paths],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout + done.stderr


def test_expressions_ask_for_what_there_is() -> None:
    """Metrics, labels, values of closed sets, and functions that fit."""
    assert {expr: found for expr in EXPRESSIONS if (found := lint.problems(expr, RECORDED))} == {}


def test_the_lint_finds_what_is_wrong() -> None:
    """Each rule of it, on an expression that breaks it."""
    for expr, found in (
        ("sum(", "cannot be read"),
        ("rtc_no_such_total", "published by nobody"),
        ('increase(rtc_inbound_packets_total{geo_country_iso_code="DE"}[5m])', "has no label geo_country_iso_code"),
        ("rtc_inbound_packets_total", "not asked for its increase"),
        ("rate(rtc_participants_active[5m])", "is a gauge"),
        ("rate(rtc_inbound_jitter_seconds[5m])", "is a histogram"),
        ("rate(rtc_participants_active_bucket[5m])", "published by nobody"),
        ('increase(rtc_connection_attempts_total{rtc_outcome="failed_ice"}[5m])', "never has rtc_outcome=failed_ice"),
        ('increase(rtc_connection_attempts_total{rtc_outcome=~"timeout|late"}[5m])', "never has rtc_outcome=late"),
        ("sum by (rtc_codec) (increase(rtc_connection_attempts_total[5m]))", "no label rtc_codec to sum by"),
        ('rate(rtc_inbound_jitter_seconds_count{le="1"}[5m])', "has no label le"),
    ):
        assert any(found in problem for problem in lint.problems(expr, RECORDED)), expr


def test_alerts_keep_the_contract() -> None:
    """Labels from closed sets; a summary that fits a phone and says what is felt, and no value in it."""
    for profile in PROFILES:
        for rule in rules(profile):
            if "alert" not in rule:
                continue
            told, notes = rule["labels"], rule["annotations"]
            assert told["severity"] in SEVERITIES, rule["alert"]
            assert told["component"] in COMPONENTS, rule["alert"]
            assert told["team"] in TEAMS, rule["alert"]
            assert set(notes) == ANNOTATIONS, rule["alert"]
            assert len(notes["summary"]) <= 80, rule["alert"]
            assert "{{" not in notes["summary"], rule["alert"]
            assert "{{" not in "".join(told.values()), "a label with a value makes a new alert each time"
            assert "First look:" in notes["description"] or rule["alert"] == "RTCWatchdog", rule["alert"]


def test_labels_in_annotations_are_labels_of_the_alert() -> None:
    """Else a message has a hole where the country should stand."""
    for profile in PROFILES:
        for alert in all_alerts(profile, limits.LIMITS[profile]):
            named = set(re.findall(r"\$labels\.(\w+)", alert.description))
            assert named <= set(alert.by), alert.name
    assert set(VARIABLES) <= {label for metric in catalog.METRICS for label in metric.labels} | {"job", TENANT}


def test_each_alert_has_a_runbook_and_each_runbook_an_alert() -> None:
    """With its headings, in their order."""
    names = {alert.name for profile in PROFILES for alert in all_alerts(profile, limits.LIMITS[profile])}
    paths = {path.stem: path for path in FOLDER.glob("RTC*.md")}

    assert set(paths) == names
    for name, path in paths.items():
        text = path.read_text(encoding="utf-8")
        assert tuple(re.findall(r"(?m)^## (.+)$", text)) == HEADINGS, name
        assert text.startswith(f"# {name}\n"), name


def test_links_between_pages_lead_somewhere() -> None:
    """Of the index, the runbooks and the page of objectives."""
    for page in (*FOLDER.glob("*.md"), ROOT / "docs" / "slo.md"):
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def pages() -> list[Path]:
    """Pages with queries for people."""
    return [*sorted(FOLDER.glob("RTC*.md")), ROOT / "docs" / "slo.md"]


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.stem)
def test_queries_on_pages_ask_for_what_there_is(page: Path) -> None:
    """At night nobody wants to mend a query."""
    text = page.read_text(encoding="utf-8").partition("<!-- /alert -->")[2] or page.read_text(encoding="utf-8")
    blocks = re.findall(r"(?ms)^```promql\n(.*?)^```", text)
    queries = [line for block in blocks for line in block.splitlines() if line and not line.startswith("#")]
    queries += [
        query for query in re.findall(r"`([^`\n]+)`", text) if re.match(r"(sum|count|histogram_\w+|topk) ", query)
    ]

    assert queries or page.stem in ("RTCWatchdog", "RTCInternalErrors"), "what to look at?"
    for query in queries:
        assert lint.problems(query, RECORDED) == [], query


# ── objectives


@pytest.mark.parametrize(
    ("objective", "factor", "limit"),
    [
        (0.999, 14.4, 0.0144),
        (0.99, 14.4, 0.144),
        (0.97, 6, 0.18),
        (0.95, 14.4, 0.5),
        (0.92, 14.4, 0.5),
        (0.95, 3, 0.15),
    ],
)
def test_thresholds_can_be_reached(objective: float, factor: float, limit: float) -> None:
    """The budget times the factor, and one half at most."""
    assert threshold(objective, Pair("1h", "5m", factor, "critical", "2m")) == limit


@pytest.mark.parametrize("objective", [0.9, 0.5, 1.0, 99.0])
def test_objectives_that_cannot_be_guarded_are_refused(objective: float) -> None:
    """14.4 times a tenth is more than everything; a budget of nothing is always spent."""
    with pytest.raises(InfeasibleError, match="objective"):
        threshold(objective, slos.PAIRS[0])


@pytest.mark.parametrize("slo", slos.SLOS, ids=lambda slo: slo.name)
def test_every_objective_counts_bad_among_all(slo: Slo) -> None:
    """Both are increases by application over the same range."""
    for query in (slo.bad, slo.total):
        assert "$w" in query
        assert query.startswith("sum by (rtc_tenant, rtc_app_name)")
    assert 0.9 < slo.objective < 1.0


def test_a_small_installation_hears_less() -> None:
    """Fewer windows and larger floors, and nothing that the other profile has not."""
    small, standard = ({(a.name, a.labels) for a in all_alerts(p, limits.LIMITS[p])} for p in PROFILES)

    assert small < standard
    assert all(getattr(limits.SMALL, name) >= getattr(limits.STANDARD, name) for name in limits.Limits.__slots__)


def test_files_are_small_enough_to_be_mounted() -> None:
    """A Kubernetes ConfigMap that is applied by a client may have 256 KiB."""
    assert all(len((ROOT / "alerts" / f"rtc.{profile}.rules.yml").read_bytes()) < 200_000 for profile in PROFILES)


def test_groups_with_recordings_come_with_their_alerts() -> None:
    """Rules of a group run in order, groups beside each other: what an alert reads of ours is recorded before it."""
    for profile in PROFILES:
        for group in groups(profile):
            recorded: set[str] = set()
            for rule in group["rules"]:
                if "alert" in rule:
                    ours = {name for name in lint.metrics(rule["expr"]) if ":" in name}
                    assert ours <= recorded, rule["alert"]
                else:
                    recorded.add(rule["record"])
