"""
The dashboards, linted: what a reviewer would look for in thousands of lines of JSON.

Names in brackets are those of Grafana's dashboard-linter, where it has the rule.
"""

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import promql_parser
import pytest
import yaml

from dashboards.src.__main__ import main, rendered
from dashboards.src.judge import LIMITS, falling, rising
from dashboards.src.panels import stable_id
from dashboards.src.queries import FOREIGN, QUERIES
from rtc_exporter import catalog
from rtc_exporter.metric import Kind, Metric
from tests.boards import (
    BOARDS,
    FOLDER,
    PATHS,
    divisors,
    labels_kept,
    links,
    panels,
    plain,
    selectors,
    targets,
    variables,
)
from tools.alerts import all_alerts
from tools.limits import STANDARD
from tools.queries import TENANT
from tools.rules import VARIABLES, groups

EACH = pytest.mark.parametrize("uid", sorted(BOARDS))
ROOT = FOLDER.parent

#: Units that Grafana knows and that we use: with what is counted, not with a bare number.
UNITS = {"short", "percentunit", "s", "bps", "bytes", "string"}
#: Panels of Grafana's core; no plugin has to be installed.
KINDS = {"stat", "timeseries", "heatmap", "table", "state-timeline", "bargauge", "geomap", "text", "status-history"}
#: Windows that are no ``$__rate_interval``: "now" is a quarter of an hour, and the rest is said in the panel.
WINDOWS = {15 * 60, 5 * 60, 3600, 6 * 3600}
#: Who else makes series that we read: Prometheus, and its client library.
OTHERS = {
    "ALERTS", "up", "scrape_duration_seconds", "process_cpu_seconds_total", "process_resident_memory_bytes",
    "process_start_time_seconds", "python_gc_collections_total",
}  # fmt: skip
#: Their labels, and those of scraping, of histograms and of rules.
OTHER_LABELS = {
    "job", "instance", "le", "generation", "alertname", "alertstate", "severity", "component", "slo", "window", "what",
}  # fmt: skip
#: Of servers: LiveKit's and the node exporter's.
FOREIGN_NAMES = {name for query in FOREIGN for name in re.findall(r"\b(?:livekit|node)_\w+", QUERIES[query])}
RECORDED = {rule["record"] for group in groups("standard") for rule in group["rules"] if "record" in rule}


def family(name: str) -> tuple[Metric | None, str]:
    """The row of the catalogue, and which part of a histogram is meant."""
    by_name = {metric.prometheus: metric for metric in catalog.METRICS}
    if name in by_name:
        return by_name[name], ""
    base, _, part = name.rpartition("_")
    metric = by_name.get(base)
    if metric is not None and metric.kind is Kind.HISTOGRAM and part in ("bucket", "sum", "count"):
        return metric, part
    return None, ""


# ── the files


def test_the_files_are_what_the_source_makes() -> None:
    """Nobody edits JSON by hand, and nobody forgets to write it."""
    assert main(["--check"]) == 0
    assert sorted(path.stem for path in rendered()) == sorted(BOARDS)


def test_there_are_ten_dashboards() -> None:
    """One question each."""
    assert set(BOARDS) == {
        "rtc-overview", "rtc-session", "rtc-participant", "rtc-network", "rtc-release", "rtc-voice-agents",
        "rtc-contact-centre", "rtc-slo", "rtc-exporter", "rtc-servers",
    }  # fmt: skip


@EACH
def test_a_file_fits_into_a_config_map(uid: str) -> None:
    """Client-side apply allows 256 KiB for everything together."""
    assert PATHS[uid].stat().st_size < 200_000


@EACH
def test_the_uid_is_stable_and_nothing_is_of_one_grafana(uid: str) -> None:
    """[uneditable] Links depend on the uid; ids and versions belong to an installation; inputs are never filled."""
    board = BOARDS[uid]

    assert board["uid"] == uid
    assert len(uid) <= 40
    assert not {"id", "version", "iteration", "__inputs", "__requires"} & set(board)
    assert board["editable"] is False
    assert board["schemaVersion"] == 39
    assert board["tags"] == ["rtc-exporter"]
    assert board["timezone"] == "browser"
    assert board["refresh"] == "30s"


# ── panels


@EACH
def test_panel_ids_are_unique_and_follow_from_keys(uid: str) -> None:
    """Links to one panel go on working when others come and go."""
    ids = [panel["id"] for panel in BOARDS[uid]["panels"]] + [
        inner["id"] for panel in BOARDS[uid]["panels"] for inner in panel.get("panels", ())
    ]

    assert [number for number, times in Counter(ids).items() if times > 1] == []
    assert stable_id("connect success") == 402641


@EACH
def test_panels_do_not_overlap(uid: str) -> None:
    """And none stands out on the right."""
    taken: dict[tuple[int, int], str] = {}
    for panel in BOARDS[uid]["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24, panel["title"]
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert (x, y) not in taken, f"{panel['title']} lies on {taken.get((x, y))}"
                taken[x, y] = panel["title"]


@EACH
def test_a_dashboard_is_no_wall(uid: str) -> None:
    """At most 25 panels open; the first row is read without scrolling."""
    board = BOARDS[uid]
    shown = [panel for panel in board["panels"] if panel["type"] not in ("row", "text")]

    assert len(shown) <= 25
    assert board["panels"][0]["type"] == "text"
    assert len(board["panels"][0]["options"]["content"]) < 330


@EACH
def test_every_panel_says_what_it_means(uid: str) -> None:
    """[panel-title-description] A title, a description that ends a sentence, and a text for no data."""
    for panel in panels(BOARDS[uid]):
        if panel["type"] == "text":
            continue
        assert panel["title"]
        assert len(panel["description"]) > 15, panel["title"]
        assert panel["description"].endswith("."), panel["title"]
        assert panel["fieldConfig"]["defaults"]["noValue"], panel["title"]


@EACH
def test_panels_are_of_the_core_and_ask_something(uid: str) -> None:
    """[panel-no-targets] No plugin to install, nothing that stays empty for ever."""
    for panel in panels(BOARDS[uid]):
        assert panel["type"] in KINDS
        assert panel["type"] == "text" or panel["targets"], panel["title"]


@EACH
def test_units_are_given(uid: str) -> None:
    """[panel-units] Seconds are seconds, and shares are percent."""
    for panel in panels(BOARDS[uid]):
        if panel["type"] == "text":
            continue
        defaults = panel["fieldConfig"]["defaults"]
        units = {defaults["unit"]} | {
            told["value"]
            for override in panel["fieldConfig"]["overrides"]
            for told in override["properties"]
            if told["id"] == "unit"
        }
        assert units <= UNITS, panel["title"]


@EACH
def test_units_fit_what_is_asked(uid: str) -> None:
    """A quantile of seconds is not shown as a share."""
    for panel, target in targets(BOARDS[uid]):
        unit = panel["fieldConfig"]["defaults"]["unit"]
        asked = target["expr"]
        if asked.startswith("histogram_quantile") and panel["type"] in ("timeseries", "stat", "bargauge"):
            buckets = [metric for metric, part in map(family, names(asked)) if metric and part == "bucket"]
            wanted = {{"s": "s", "1": "percentunit"}.get(metric.unit, "short") for metric in buckets}
            assert wanted <= {unit}, panel["title"]


@EACH
def test_ratios_end_at_one_and_values_begin_at_zero(uid: str) -> None:
    """A line that begins at 97 % makes a scratch look like a crash; what may be under zero says so."""
    for panel in panels(BOARDS[uid], "timeseries"):
        defaults = panel["fieldConfig"]["defaults"]
        assert "min" in defaults or panel["title"] in BELOW_ZERO, panel["title"]
        assert defaults.get("max", 1) in (1, 4.5), panel["title"]


#: What may be less than nothing.
BELOW_ZERO = {"Budget left", "Wall clock ahead of the time in use"}


# ── data sources and variables


@EACH
def test_no_data_source_is_named(uid: str) -> None:
    """[panel-datasource, template-datasource] All go through the variables."""
    board = BOARDS[uid]
    known = variables(board)
    text = json.dumps(board)

    assert known["prometheus_datasource"]["type"] == "datasource"
    assert known["prometheus_datasource"].get("current", {}) == {}
    sources = {uid for uid in re.findall(r'"uid": "([^"]+)"', text) if uid != board["uid"]}
    assert sources <= {"${prometheus_datasource}", "${tempo_datasource}"}
    assert ("${tempo_datasource}" in sources) == ("tempo_datasource" in known)
    for panel, target in targets(board):
        assert panel["datasource"] == target["datasource"], panel["title"]


@EACH
def test_variables_ask_again_when_the_range_changes(uid: str) -> None:
    """[template-on-time-change-reload, template-job] And what may be all lets an absent label pass."""
    for name, variable in variables(BOARDS[uid]).items():
        if variable["type"] == "query":
            assert variable["refresh"] == 2, name
            assert variable["datasource"] == {"type": "prometheus", "uid": "${prometheus_datasource}"}
            assert variable.get("allValue", ".*") == ".*"
        assert variable.get("label"), name
    assert "job" in variables(BOARDS[uid])


@EACH
def test_variables_ask_for_what_exists(uid: str) -> None:
    """[template-label-promql]"""
    for name, variable in variables(BOARDS[uid]).items():
        if variable["type"] != "query":
            continue
        found = re.fullmatch(r"label_values\((.+), (\$?\w+)\)", variable["definition"])
        assert found is not None, name
        (selector,) = selectors(plain(found[1]))
        metric, _ = family(selector.name)
        labels = set(metric.labels) | {"job", TENANT} if metric else {"slo"}
        assert metric or selector.name in RECORDED, name
        assert found[2] == "$axis" or found[2] in labels, name


@EACH
def test_every_variable_is_used(uid: str) -> None:
    """[none] And every one that is used is there."""
    board = BOARDS[uid]
    known = set(variables(board))
    parts = [*board["panels"], *board["annotations"]["list"]]
    parts += [{**variable, "name": ""} for variable in board["templating"]["list"]]
    text = json.dumps(parts)
    used = {found for found in re.findall(r"\$\{?([a-z_]+)\b", text) if not found.startswith("__")}

    assert used == known


# ── queries


def names(expr: str) -> list[str]:
    """Names of the series that a query reads."""
    return [selector.name for selector in selectors(plain(expr))]


@EACH
def test_queries_are_promql(uid: str) -> None:
    """[target-promql]"""
    for _, target in targets(BOARDS[uid]):
        promql_parser.parse(plain(target["expr"]))


def test_every_query_of_the_table_is_asked() -> None:
    """What no panel asks does not stand in the table."""
    asked = {target["expr"] for board in BOARDS.values() for _, target in targets(board)}

    assert {name for name, query in QUERIES.items() if query not in asked} == set()


@EACH
def test_series_and_labels_exist(uid: str) -> None:
    """In the catalogue, among the recorded, or of somebody who is named here."""
    for panel, target in targets(BOARDS[uid]):
        expr = plain(target["expr"])
        known = set(OTHER_LABELS)
        for selector in selectors(expr):
            metric, part = family(selector.name)
            where = f"{panel['title']}: {selector.name}"
            if metric is None:
                assert selector.name in OTHERS | RECORDED | FOREIGN_NAMES, where
                known |= {"rtc_tenant", "rtc_app_name", "geo_country_iso_code", "rtc_app_version"}
                continue
            assert (metric.kind is Kind.HISTOGRAM) == bool(part), where
            known |= set(metric.labels) | {TENANT}
            assert set(selector.matchers) <= set(metric.labels) | {"job", "le", TENANT}, where
        if not set(names(expr)) & FOREIGN_NAMES:
            assert labels_kept(expr) <= known, panel["title"]


@EACH
def test_legends_name_labels_that_are_kept(uid: str) -> None:
    """A legend of a label that was summed away is empty."""
    for panel, target in targets(BOARDS[uid]):
        if target.get("format") in ("table", "heatmap"):
            continue
        expr = plain(target["expr"])
        by_itself = {label for selector in selectors(expr) for label in selector.matchers} | {"instance", "le"}
        by_itself |= set(re.findall(r'label_replace\(.*?, "(\w+)", "[^"]*", "", ""\)', expr))
        for label in re.findall(r"{{\$?(\w+)}}", target["legendFormat"]):
            label = "rtc_app_version" if label == "axis" else label
            aggregated = labels_kept(expr)
            recorded = set(names(expr)) & RECORDED
            assert label in aggregated | by_itself or recorded or label == "rtc_media_kind", panel["title"]


@EACH
def test_counters_stand_in_a_rate(uid: str) -> None:
    """[target-counter-agg] And only counters do."""
    for panel, target in targets(BOARDS[uid]):
        for selector in selectors(plain(target["expr"])):
            metric, part = family(selector.name)
            if metric is None:
                continue
            grows = metric.kind is Kind.COUNTER or bool(part)
            is_rate = bool(selector.around) and selector.around[0] in ("rate", "increase")
            assert grows == is_rate, f"{panel['title']}: {selector.name}"
            assert "irate" not in selector.around


@EACH
def test_ranges_follow_the_scrape_interval(uid: str) -> None:
    """[target-rate-interval] What has a range of its own means it: now, the chosen range, or hours."""
    for panel, target in targets(BOARDS[uid]):
        for words in re.findall(r"\[([^\]]+)\]", target["expr"]):
            fits = words in ("$__rate_interval", "$__range") or seconds(words) in WINDOWS
            assert fits, f"{panel['title']}: [{words}]"


@EACH
def test_tenants_are_kept_apart(uid: str) -> None:
    """What is about calls is of the tenants that are chosen, and what is joined or grouped by ids is by tenant too."""
    for panel, target in targets(BOARDS[uid]):
        expr = plain(target["expr"])
        if set(names(expr)) & FOREIGN_NAMES:
            continue
        found = selectors(expr)
        chooses = any(TENANT in selector.matchers for selector in found)
        own = all(selector.name in OTHERS or is_ours(selector.name) or selector.name in UNOWNED for selector in found)
        assert chooses or own, panel["title"]
        for words in re.findall(r"\b(?:by|on) \(([^)]*)\)", expr):
            kept = {word.strip() for word in words.split(",")}
            assert not kept & {"session_id", "rtc_participant_id"} or TENANT in kept, panel["title"]


def is_ours(name: str) -> bool:
    """Whether a series is about the exporter."""
    return name.startswith("rtc_exporter_") or name == "rtc_participants_exported"


#: Recorded series that are of no tenant.
UNOWNED = {"rtc_slo:objective:ratio"}


def seconds(words: str) -> int:
    """``15m`` -> 900."""
    return int(words[:-1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[words[-1]]


@EACH
def test_queries_ask_for_the_chosen_job(uid: str) -> None:
    """[target-job] Recorded series and alerts have lost it."""
    for panel, target in targets(BOARDS[uid]):
        for selector in selectors(target["expr"].replace("[$__rate_interval]", "[5m]").replace("[$__range]", "[1h]")
                                  .replace("$axis", "rtc_app_version").replace("$minutes", "60")):  # fmt: skip
            if family(selector.name)[0] is not None:
                assert selector.matchers.get("job") == "$job", f"{panel['title']}: {selector.name}"


@EACH
def test_shares_do_not_divide_by_nothing(uid: str) -> None:
    """0/0 is no share of nothing: it would hide the next outage."""
    for panel, target in targets(BOARDS[uid]):
        for divisor in divisors(plain(target["expr"])):
            is_guarded = bool(re.search(r"> (bool )?0", divisor)) or "rtc_slo:objective" in divisor
            assert is_guarded or re.fullmatch(r"[\d.]+", divisor), f"{panel['title']}: {divisor}"


@EACH
def test_heatmaps_read_raw_buckets_with_exemplars(uid: str) -> None:
    """Recorded series have no exemplars; a heatmap without buckets is empty."""
    for panel, target in targets(BOARDS[uid]):
        is_heat = panel["type"] == "heatmap"
        assert target.get("exemplar", False) is is_heat, panel["title"]
        if is_heat:
            assert target["format"] == "heatmap"
            assert target["expr"].startswith("sum by (le) (rate(")
            assert [name for name in names(target["expr"]) if not name.endswith("_bucket")] == []


@EACH
def test_lines_are_few(uid: str) -> None:
    """Labels without a small closed set are cut to the largest."""
    open_labels = {"rtc_issue", "rtc_cause", "error_type", "rtc_metric_family"}
    for panel, target in targets(BOARDS[uid]):
        free = labels_kept(target["expr"]) & open_labels
        one = '"$session"' in target["expr"] or "bottomk" in target["expr"]
        few = "topk" in target["expr"] or panel["type"] == "table" or one or "rtc_issue=~" in target["expr"]
        filtered = "> 0" in target["expr"] or 'rtc_side="device"' in target["expr"]
        assert not free or few or filtered, panel["title"]


# ── thresholds


def steps(panel: dict[str, Any]) -> list[tuple[float | None, str]]:
    """Where colours change."""
    found = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
    return [(step["value"], step["color"]) for step in found]


#: Title of a panel -> the row of the thresholds.
JUDGED = {
    "Time to connect, p95": rising(LIMITS.setup_time),
    "Worst score now": falling(LIMITS.score),
    "Score now": falling(LIMITS.score),
    "Score": falling(LIMITS.score),
    "Round trip time": rising(LIMITS.round_trip),
    "Audio made up": rising(LIMITS.concealment),
    "Video frozen": rising(LIMITS.freeze),
    "Frames a second": falling(LIMITS.frame_rate),
    "p95 by country": rising(LIMITS.round_trip),
}


def test_thresholds_are_those_of_the_tables() -> None:
    """An alert and a colour never contradict one another."""
    seen = set()
    for board in BOARDS.values():
        for panel in panels(board):
            wanted = JUDGED.get(panel["title"])
            if (
                wanted
                and panel["type"] != "heatmap"
                and board["uid"] in ("rtc-overview", "rtc-session", "rtc-participant", "rtc-network")
            ):
                assert steps(panel) == list(wanted), panel["title"]
                seen.add(panel["title"])

    assert seen == set(JUDGED)


def test_objectives_colour_their_shares() -> None:
    """Under the objective orange, and red where its budget burns three times too fast."""
    found = {panel["title"]: steps(panel) for panel in panels(BOARDS["rtc-overview"], "stat")}

    assert found["Connect success"] == [(None, "red"), (0.97, "orange"), (0.99, "green")]
    assert found["Good call time"] == [(None, "red"), (0.91, "orange"), (0.97, "green")]


@EACH
def test_thresholds_rise(uid: str) -> None:
    """As Grafana wants them; the first is where everything begins."""
    for panel in panels(BOARDS[uid]):
        if panel["type"] in ("text", "heatmap"):
            continue
        values = [value for value, _ in steps(panel)]
        numbers = [value for value in values if value is not None]
        assert values == [None, *numbers], panel["title"]
        assert numbers == sorted(set(numbers)), panel["title"]


# ── links


def alert_links() -> list[tuple[str, str]]:
    """The dashboards that alerts lead to, with their variables."""
    return [
        (
            alert.name,
            f"/d/{alert.dashboard}?" + "&".join(f"var-{VARIABLES[by]}=x" for by in alert.by if by in VARIABLES),
        )
        for alert in all_alerts("standard", STANDARD)
    ]


def test_links_lead_somewhere() -> None:
    """Each dashboard exists and has the variables that it is handed; addresses are relative."""
    found = [(f"{uid}: {title}", url) for uid, board in BOARDS.items() for title, url in links(board)]
    for who, url in [*found, *alert_links()]:
        if url.startswith("https://example.com/rtc-exporter/docs/"):
            continue
        address = urlsplit(url)
        uid = address.path.removeprefix("/d/")
        assert uid in BOARDS, f"{who}: {url}"
        assert not address.netloc, f"{who}: {url}"
        handed = {name.removeprefix("var-") for name, _ in parse_qsl(address.query) if name.startswith("var-")}
        handed |= set(re.findall(r"\$\{(\w+):queryparam\}", url))
        assert handed <= set(variables(BOARDS[uid])), f"{who}: {url}"


def test_links_between_dashboards_keep_time_and_job() -> None:
    """No step begins anew."""
    for uid, board in BOARDS.items():
        for title, url in links(board):
            if url.startswith("/d/"):
                assert "${__url_time_range}" in url, f"{uid}: {title}"
                assert "${job:queryparam}" in url, f"{uid}: {title}"
                assert "var-tenant=" in url or "${tenant:queryparam}" in url, f"{uid}: {title}"
                assert "${prometheus_datasource:queryparam}" in url, f"{uid}: {title}"


def test_links_of_rows_and_series_hand_on_their_own_tenant() -> None:
    """Ids are a tenant's own: what tells a tenant leads to that one, and not to all that are chosen."""
    found = 0
    for uid, board in BOARDS.items():
        for panel in panels(board):
            text = json.dumps(panel)
            if panel["type"] == "table":
                told, own = '"options": "Tenant"' in text, 'var-tenant=${__data.fields["Tenant"]:percentencode}'
            else:
                told, own = "{{rtc_tenant}}" in text, "var-tenant=${__field.labels.rtc_tenant:percentencode}"
            for title, url in links({"panels": [panel]}):
                if told and url.startswith("/d/"):
                    found += 1
                    assert own in url or "var-tenant=${__value.raw:percentencode}" in url, f"{uid}: {title}: {url}"

    assert found > 10


def test_links_to_pages_exist() -> None:
    """Pages of this repository that dashboards send their readers to."""
    for board in BOARDS.values():
        for _, url in links(board):
            page = url.removeprefix("https://example.com/rtc-exporter/")
            if page.startswith("docs/") and "${" not in page:
                assert (ROOT / page).exists(), page


@EACH
def test_every_dashboard_leads_on(uid: str) -> None:
    """A dead end is a bug: the header has the others and the runbooks, and all but leaves have links in panels."""
    header = BOARDS[uid]["links"]

    assert [(link["type"], link["title"]) for link in header] == [("dashboards", "Calls"), ("link", "Runbooks")]
    assert header[0]["keepTime"]
    assert header[0]["includeVars"]
    assert uid == "rtc-exporter" or list(links(BOARDS[uid]))


def test_values_in_links_are_encoded() -> None:
    """An id may have a space, a plus or an ampersand in it."""
    for board in BOARDS.values():
        for title, url in links(board):
            if url.startswith("/d/"):
                values = re.findall(r"\$\{__(?:value|data|field)[^}]*\}", url)
                assert [value for value in values if ":percentencode" not in value] == [], title


def test_links_of_tables_name_columns() -> None:
    """A link that reads another column of its row reads one that is there."""
    for board in BOARDS.values():
        for panel in panels(board, "table"):
            titles = {override["matcher"]["options"] for override in panel["fieldConfig"]["overrides"]}
            for field in re.findall(r'__data\.fields\[\\+"([^\\]+)', json.dumps(panel)):
                assert field in titles, panel["title"]


# ── provisioning


def test_provisioning_names_what_exists() -> None:
    """The uids that data sources refer to one another by, and exemplars that lead to a trace."""
    folder = ROOT / "compose" / "grafana" / "provisioning"
    sources = yaml.safe_load(Path(folder / "datasources" / "rtc.yml").read_text("utf-8"))["datasources"]
    by_type = {source["type"]: source for source in sources}
    providers = yaml.safe_load(Path(folder / "dashboards" / "rtc.yml").read_text("utf-8"))["providers"]

    destinations = by_type["prometheus"]["jsonData"]["exemplarTraceIdDestinations"]
    assert destinations == [{"name": "trace_id", "datasourceUid": by_type["tempo"]["uid"]}]
    assert set(by_type) == {"prometheus", "tempo", "jaeger"}
    assert [provider["allowUiUpdates"] for provider in providers] == [False]
