"""
What all dashboards share: variables, the header, annotations, and how panels are laid out.

No data source is named anywhere, only the variables ``prometheus_datasource`` and ``tempo_datasource``; links between
dashboards carry the variables and the time range, so that no step begins anew.
"""

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DashboardLinkType,
    VariableOption,
    VariableRefresh,
    VariableSort,
)

from dashboards.src.panels import PROMETHEUS, Column, Link, Panel, stable_id, words
from dashboards.src.promql import JOBS, OR_NOBODYS, SOMEBODYS, live, of, ours
from tools.queries import APP, TENANT
from tools.rules import Bases

TAG = "rtc-exporter"
#: Grafana 10.4 wrote this; newer ones migrate it by themselves, older ones read it.
SCHEMA = 39
WIDTH = 24
TIME = "${__url_time_range}"
KEPT = "${prometheus_datasource:queryparam}&${job:queryparam}"


class Row(NamedTuple):
    """Panels under a title; a closed row asks nothing before it is opened."""

    title: str
    panels: Sequence[Panel]
    closed: bool = False


class Board(NamedTuple):
    """One dashboard: one question."""

    uid: str
    title: str
    question: str
    reader: str
    next: str
    rows: Sequence[Row]
    variables: Sequence[Any] = ()
    since: str = "now-3h"
    traces: bool = False


def to(uid: str, **variables: str) -> str:
    """
    The address of a dashboard, with what is known handed over: ``app="..."``; ``app=""`` hands on the variable.

    The tenant goes along where nothing else is said of it.
    """
    handed = {"tenant": "", **variables}
    told = [f"var-{name}={value}" if value else f"${{{name}:queryparam}}" for name, value in handed.items()]
    return f"/d/{uid}?" + "&".join([*told, KEPT, TIME])


def cell(title: str) -> str:
    """The value of another column of the row that was clicked."""
    return f'${{__data.fields["{title}"]:percentencode}}'


#: The tenant of the row or of the series that was clicked.  Where there is none both are empty, which is what matches
#: a label that is absent.
OF_ROW, OF_SERIES = cell("Tenant"), f"${{__field.labels.{TENANT}:percentencode}}"


def tenant_column(uid: str, width: int = 90) -> Column:
    """Whose it is, where there are tenants; to the same dashboard with this one alone."""
    only = Link("Only ${__value.text}", to(uid, tenant="${__value.raw:percentencode}"))
    return Column(TENANT, "Tenant", links=[only], width=width, empty="")


def chosen(
    name: str, title: str, help: str, query: str, *, one: bool = False, most: str = ".*", values: bool = False
) -> dashboard.QueryVariable:
    """A variable whose values Prometheus knows."""
    variable = dashboard.QueryVariable(name).label(title).description(help).datasource(PROMETHEUS)
    variable.query({"query": query, "refId": f"variable-{name}"}).definition(query)
    variable.refresh(VariableRefresh.ON_TIME_RANGE_CHANGED).sort(VariableSort.ALPHABETICAL_CASE_INSENSITIVE_ASC)
    if one:
        return variable.multi(False).include_all(False)
    everything = VariableOption(selected=True, text="All", value="$__all")
    return variable.multi(True).include_all(True).all_value(most).current(everything)


def source(kind: str, title: str) -> dashboard.DatasourceVariable:
    """A choice of data sources of a type; the first one, or the default, is taken."""
    return dashboard.DatasourceVariable(f"{kind}_datasource").label(f"{title} data source").type(kind)


def _common(board: Board) -> list[Any]:
    found: list[Any] = [source("prometheus", "Prometheus")]
    if board.traces:
        found.append(source("tempo", "Tempo"))
    jobs = f"label_values({ours('rtc.exporter.series').split('{')[0]}, job)"
    found.append(chosen("job", "Job", "The exporters that are looked at.", jobs))
    tenants = f"label_values({live('rtc.participants.active')}, {TENANT})"
    found.append(
        chosen("tenant", "Tenant", "Whose clients they are, where there are tenants (ingest.tenants).", tenants)
    )
    apps = f"label_values({live('rtc.participants.active', SOMEBODYS)}, {APP})"
    found.append(chosen("app", "Application", "Applications as their tokens name them.", apps))
    return [*found, *board.variables]


def _annotations() -> list[Any]:
    alerts = dashboard.AnnotationQuery().name("Alerts").datasource(PROMETHEUS).enable(True).icon_color("red")
    alerts.expr(f'ALERTS{{alertname=~"RTC.+",alertname!="RTCWatchdog",alertstate="firing",{OR_NOBODYS}}}')
    alerts.title_format("{{alertname}}").tag_keys(f"severity,component,{TENANT},{APP}").step("60s")
    restarts = dashboard.AnnotationQuery().name("Exporter restarts").datasource(PROMETHEUS).enable(False)
    restarts.icon_color("purple").expr(f"process_start_time_seconds{{{JOBS}}} * 1000").title_format("Exporter started")
    restarts.use_value_for_time(True).step("60s").tag_keys("instance")
    releases = dashboard.AnnotationQuery().name("New releases").datasource(PROMETHEUS).enable(False).icon_color("blue")
    name = of("rtc.participants.active").split("{")[0]
    then = f"count by (rtc_app_version) ({name}{{{JOBS}}})"
    releases.expr(f"{then} unless count by (rtc_app_version) ({name}{{{JOBS}}} offset 1h)")
    releases.title_format("First seen: {{rtc_app_version}}").step("300s").tag_keys("rtc_app_version")
    return [alerts, restarts, releases]


def _placed(rows: Sequence[Row], head: Panel) -> list[dict[str, Any]]:
    """Panels from left to right and from top to bottom; a closed row holds its own."""
    found: list[dict[str, Any]] = [head]
    y = int(head["gridPos"]["h"])
    for row in rows:
        bar: dict[str, Any] = {
            "type": "row",
            "title": row.title,
            "id": stable_id(f"row {row.title}"),
            "collapsed": row.closed,
        }
        bar |= {"gridPos": {"x": 0, "y": y, "w": WIDTH, "h": 1}, "panels": []}
        found.append(bar)
        y += 1
        top = y
        x = tallest = 0
        for panel in row.panels:
            size = panel["gridPos"]
            if x + size["w"] > WIDTH:
                x, y, tallest = 0, y + tallest, 0
            size |= {"x": x, "y": y}
            x, tallest = x + size["w"], max(tallest, size["h"])
            (bar["panels"] if row.closed else found).append(panel)
        # What is closed takes no room.
        y = top if row.closed else y + tallest
    return found


def build(board: Board) -> dict[str, Any]:
    """The JSON of a dashboard, as Grafana imports it."""
    built = dashboard.Dashboard(board.title).uid(board.uid).description(f"{board.question} For: {board.reader}.")
    built.tags([TAG]).readonly().refresh("30s").time(board.since, "now").timezone("browser")
    built.tooltip(DashboardCursorSync.CROSSHAIR)
    for variable in _common(board):
        built.with_variable(variable)
    for annotation in _annotations():
        built.annotation(annotation)
    others = dashboard.DashboardLink("Calls").type(DashboardLinkType.DASHBOARDS).tags([TAG]).as_dropdown(True)
    built.link(others.include_vars(True).keep_time(True).icon("external link").tooltip("The other dashboards"))
    books = dashboard.DashboardLink("Runbooks").type(DashboardLinkType.LINK).url(Bases().runbooks)
    built.link(books.icon("doc").tooltip("What to do for each alert").target_blank(True))
    made: dict[str, Any] = json.loads(JSONEncoder(sort_keys=True).encode(built.build()))
    head = words(f"{board.uid} head", f"**{board.question}** For {board.reader}. {board.next}")
    made["panels"] = _placed(board.rows, head)
    made["schemaVersion"] = SCHEMA
    # What the SDK writes for variables of another type.
    for variable in made["templating"]["list"]:
        for name in ("auto", "auto_count", "auto_min"):
            variable.pop(name, None)
    # What hides a link or an annotation in a menu of newer Grafana.
    for each in (*made["links"], *made["annotations"]["list"]):
        each.pop("placement", None)
    return made


def again(title: str, uid: str, **variables: str) -> Link:
    """A link to another dashboard."""
    return Link(title, to(uid, **variables))
