"""
One function for each kind of panel: what every panel of the kind has in common stands here, once.

A panel is its JSON as a dict, made by Grafana's Foundation SDK; ``board`` places it.  Every panel has a title, a
description that says what is good and what to do, a unit, and a text for no data: a panel that is silent must not
look healthy.
"""

import json
import zlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from grafana_foundation_sdk.builders import (
    bargauge,
    common,
    dashboard,
    geomap,
    heatmap,
    prometheus,
    stat,
    statetimeline,
    statushistory,
    table,
    tempo,
    text,
    timeseries,
)
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common as models
from grafana_foundation_sdk.models import heatmap as heatmap_models
from grafana_foundation_sdk.models import prometheus as prometheus_models
from grafana_foundation_sdk.models import tempo as tempo_models
from grafana_foundation_sdk.models import text as text_models
from grafana_foundation_sdk.models.dashboard import (
    DataTransformerConfig,
    DynamicConfigValue,
    FieldColorModeId,
    Threshold,
    ThresholdsMode,
)

from dashboards.src.judge import Steps
from dashboards.src.queries import QUERIES

Panel: TypeAlias = dict[str, Any]

PROMETHEUS = models.DataSourceRef(type_val="prometheus", uid="${prometheus_datasource}")
TEMPO = models.DataSourceRef(type_val="tempo", uid="${tempo_datasource}")
NO_DATA = "No data"


class Target(NamedTuple):
    """A query of the table, its legend, and how it is asked."""

    query: str
    legend: str = ""
    instant: bool = False
    exemplar: bool = False


class Link(NamedTuple):
    """Where a click leads."""

    title: str
    url: str


class Column(NamedTuple):
    """A column of a table: the field it comes from, and how it looks; ``bar`` is its highest value."""

    field: str
    title: str
    unit: str = "string"
    steps: Steps = ()
    links: Sequence[Link] = ()
    width: int = 0
    decimals: int | None = None
    colours: Mapping[str, str] = {}
    texts: Mapping[str, tuple[str, str]] = {}
    #: What an empty cell says; what the panel says when it has no rows, unless it is said here.
    empty: str | None = None


def stable_id(key: str) -> int:
    """The id that a panel keeps for ever, whatever stands beside it."""
    return zlib.crc32(key.encode()) % 1_000_000 + 1


def _json(builder: Any, key: str, w: int, h: int, links: Sequence[Link] = ()) -> Panel:
    panel: Panel = json.loads(JSONEncoder(sort_keys=True).encode(builder.build()))
    panel["id"] = stable_id(key)
    # Of repeated panels, and of tables before Grafana 13.
    panel.pop("repeatDirection", None)
    panel["options"].pop("footer", None)
    panel["gridPos"] = {"w": w, "h": h, "x": 0, "y": 0}
    if links:
        panel["fieldConfig"]["defaults"]["links"] = [_link(link) for link in links]
    return panel


def _link(link: Link) -> dict[str, Any]:
    return {"title": link.title, "url": link.url, "targetBlank": link.url.startswith("http")}


def _asked(builder: Any, targets: Sequence[Target], *, as_table: bool = False, as_heatmap: bool = False) -> None:
    for number, target in enumerate(targets):
        query = prometheus.Dataquery().expr(QUERIES[target.query]).datasource(PROMETHEUS).ref_id(chr(65 + number))
        query = query.legend_format(target.legend or "__auto").editor_mode(prometheus_models.QueryEditorMode.CODE)
        query = query.instant() if target.instant or as_table else query.range()
        if as_table:
            query = query.format(prometheus_models.PromQueryFormat.TABLE)
        if as_heatmap:
            query = query.format(prometheus_models.PromQueryFormat.HEATMAP)
        if target.exemplar:
            query = query.exemplar(True)
        builder.with_target(query)
    builder.datasource(PROMETHEUS)


def _steps(steps: Steps) -> dashboard.ThresholdsConfig:
    wanted = [Threshold(value=value, color=colour) for value, colour in steps or [(None, "text")]]
    return dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(wanted)


def _colour(steps: Steps) -> dashboard.FieldColor:
    mode = FieldColorModeId.THRESHOLDS if steps else FieldColorModeId.PALETTE_CLASSIC
    return dashboard.FieldColor().mode(mode)


def _named(builder: Any, colours: Mapping[str, str]) -> None:
    """A colour for each name, so that a class or a side looks the same everywhere."""
    for name, colour in colours.items():
        value = {"mode": "fixed", "fixedColor": colour}
        builder.override_by_name(name, [DynamicConfigValue(id_val="color", value=value)])


def number(
    key: str, title: str, why: str, targets: Sequence[Target], unit: str, *, steps: Steps = (), links: Sequence[Link] = (),
    w: int = 4, h: int = 4, decimals: int | None = None, empty: str = NO_DATA, names: bool = False, last: bool = False,
    texts: Mapping[str, tuple[str, str]] = {},
) -> Panel:  # fmt: skip
    """One value that is read from afar, with its course behind it."""
    panel = stat.Panel().title(title).description(why).unit(unit).no_value(empty)
    panel.thresholds(_steps(steps)).color_scheme(dashboard.FieldColor().mode(FieldColorModeId.THRESHOLDS))
    panel.color_mode(models.BigValueColorMode.BACKGROUND if steps else models.BigValueColorMode.VALUE)
    panel.graph_mode(models.BigValueGraphMode.NONE if last else models.BigValueGraphMode.AREA)
    panel.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).values(False))
    panel.text_mode(models.BigValueTextMode.VALUE_AND_NAME if names else models.BigValueTextMode.VALUE)
    if decimals is not None:
        panel.decimals(decimals)
    _asked(panel, [target._replace(instant=last) for target in targets])
    return _mapped(_json(panel, key, w, h, links), texts)


def lines(
    key: str, title: str, why: str, targets: Sequence[Target], unit: str, *, steps: Steps = (), links: Sequence[Link] = (),
    w: int = 8, h: int = 8, stack: bool = False, colours: Mapping[str, str] = {}, top: float | None = None,
    low: float | None = 0, right: bool = False, decimals: int | None = None, empty: str = NO_DATA,
) -> Panel:  # fmt: skip
    """Courses over time; thresholds stand as lines, so that colour is not the only carrier."""
    panel = timeseries.Panel().title(title).description(why).unit(unit).no_value(empty)
    panel.color_scheme(dashboard.FieldColor().mode(FieldColorModeId.PALETTE_CLASSIC)).thresholds(_steps(steps))
    if steps:
        style = models.GraphThresholdsStyleMode.DASHED
        panel.thresholds_style(common.GraphThresholdsStyleConfig().mode(style))
    if low is not None:
        panel.min(low)
    if top is not None:
        panel.max(top)
    if decimals is not None:
        panel.decimals(decimals)
    # The line of a series that is 0 would lie on the one below it, in the wrong colour.
    panel.line_width(0 if stack else 1).fill_opacity(70 if stack else 8).show_points(models.VisibilityMode.AUTO)
    if stack:
        panel.stacking(common.StackingConfig().mode(models.StackingMode.NORMAL).group("A"))
    legend = common.VizLegendOptions().show_legend(True).display_mode(models.LegendDisplayMode.TABLE)
    legend.placement(models.LegendPlacement.RIGHT if right else models.LegendPlacement.BOTTOM)
    panel.legend(legend.calcs(["lastNotNull", "max"]).sort_by("Last *").sort_desc(low != 1))
    tooltip = common.VizTooltipOptions().mode(models.TooltipDisplayMode.MULTI)
    panel.tooltip(tooltip.sort(models.SortOrder.DESCENDING))
    _named(panel, colours)
    _asked(panel, targets)
    return _json(panel, key, w, h, links)


def heat(
    key: str, title: str, why: str, target: Target, unit: str, *, w: int = 8, h: int = 8, links: Sequence[Link] = ()
) -> Panel:
    """How values are spread, over time; a point is an exemplar, and leads to the trace of one call."""
    panel = heatmap.Panel().title(title).description(why).unit(unit).no_value(NO_DATA).calculate(False)
    panel.color_scheme(_colour(())).y_axis(
        heatmap.YAxisConfig().axis_placement(models.AxisPlacement.LEFT).unit(unit).reverse(False)
    )
    panel.color(
        heatmap.HeatmapColorOptions()
        .mode(heatmap_models.HeatmapColorMode.SCHEME).scheme("Oranges").steps(64).reverse(False).exponent(0.5)
        .scale(heatmap_models.HeatmapColorScale.EXPONENTIAL)
    )  # fmt: skip
    panel.cell_gap(1).filter_values(heatmap.FilterValueRange().le(1e-9)).exemplars_color("rgba(255,0,255,0.7)")
    panel.tooltip(heatmap.HeatmapTooltip().mode(models.TooltipDisplayMode.SINGLE).y_histogram(True)).show_legend()
    _asked(panel, [target._replace(exemplar=True, legend="{{le}}")], as_heatmap=True)
    return _json(panel, key, w, h, links)


def rows(
    key: str, title: str, why: str, targets: Sequence[Target], columns: Sequence[Column], *, sort: str = "",
    descending: bool = True, w: int = 24, h: int = 8, empty: str = NO_DATA,
) -> Panel:  # fmt: skip
    """A table: each query gives a column ``Value #A`` and so on, and rows with the same labels are one row."""
    panel = table.Panel().title(title).description(why).no_value(empty).unit("string").filterable(False)
    panel.thresholds(_steps(())).cell_height(models.TableCellHeight.SM)
    if len(targets) > 1:
        panel.with_transformation(DataTransformerConfig(id_val="merge", options={}))
    order = {column.field: place for place, column in enumerate(columns)}
    names = {column.field: column.title for column in columns}
    told = {"indexByName": order, "renameByName": names, "includeByName": dict.fromkeys(order, True)}
    panel.with_transformation(
        DataTransformerConfig(id_val="organize", options={**told, "excludeByName": {"Time": True}})
    )
    for column in columns:
        panel.override_by_name(column.title, _properties(column))
    if sort:
        panel.sort_by([common.TableSortByFieldState().display_name(sort).desc(descending)])
    _asked(panel, targets, as_table=True)
    return _json(panel, key, w, h)


def _properties(column: Column) -> list[DynamicConfigValue]:
    told: list[DynamicConfigValue] = [DynamicConfigValue(id_val="unit", value=column.unit)]
    if column.steps:
        steps = [{"value": value, "color": colour} for value, colour in column.steps]
        told.append(DynamicConfigValue(id_val="thresholds", value={"mode": "absolute", "steps": steps}))
        told.append(DynamicConfigValue(id_val="color", value={"mode": "thresholds"}))
        told.append(
            DynamicConfigValue(id_val="custom.cellOptions", value={"type": "color-background", "mode": "basic"})
        )
    mappings = _mapping({name: ("", colour) for name, colour in column.colours.items()} | dict(column.texts))
    if mappings:
        told.append(DynamicConfigValue(id_val="mappings", value=mappings))
        if not column.steps:
            told.append(DynamicConfigValue(id_val="custom.cellOptions", value={"type": "color-text"}))
    if column.links:
        told.append(DynamicConfigValue(id_val="links", value=[_link(link) for link in column.links]))
    if column.width:
        told.append(DynamicConfigValue(id_val="custom.width", value=column.width))
    if column.decimals is not None:
        told.append(DynamicConfigValue(id_val="decimals", value=column.decimals))
    if column.empty is not None:
        told.append(DynamicConfigValue(id_val="noValue", value=column.empty))
    return told


def _mapping(texts: Mapping[str, tuple[str, str]]) -> list[dict[str, Any]]:
    """Value -> its text and colour."""
    if not texts:
        return []
    options = {
        value: {key: each for key, each in (("text", text), ("color", colour)) if each} | {"index": place}
        for place, (value, (text, colour)) in enumerate(texts.items())
    }
    return [{"type": "value", "options": options}]


def _mapped(panel: Panel, texts: Mapping[str, tuple[str, str]]) -> Panel:
    """The panel, with words and colours in place of values."""
    if texts:
        panel["fieldConfig"]["defaults"]["mappings"] = _mapping(texts)
    return panel


def states(
    key: str, title: str, why: str, targets: Sequence[Target], *, texts: Mapping[str, tuple[str, str]] = {},
    steps: Steps = (), unit: str = "short", links: Sequence[Link] = (), w: int = 12, h: int = 8, empty: str = NO_DATA,
) -> Panel:  # fmt: skip
    """What was the case when: a row for each series, coloured while it has a value."""
    panel = statetimeline.Panel().title(title).description(why).unit(unit).no_value(empty)
    panel.color_scheme(dashboard.FieldColor().mode(FieldColorModeId.THRESHOLDS)).thresholds(_steps(steps))
    panel.fill_opacity(80).line_width(0).row_height(0.8).merge_values(True)
    panel.show_value(models.VisibilityMode.AUTO).align_value(models.TimelineValueAlignment.LEFT)
    legend = common.VizLegendOptions().show_legend(False).display_mode(models.LegendDisplayMode.LIST)
    panel.legend(legend.placement(models.LegendPlacement.BOTTOM).calcs([]))
    _asked(panel, targets)
    return _mapped(_json(panel, key, w, h, links), texts)


def grid(
    key: str, title: str, why: str, target: Target, unit: str, *, steps: Steps, since: str, every: str, w: int = 8, h: int = 8
) -> Panel:  # fmt: skip
    """A row for each series and a column for each step of ``every``, over a time of its own: ``since``."""
    panel = statushistory.Panel().title(title).description(why).unit(unit).no_value(NO_DATA).thresholds(_steps(steps))
    panel.color_scheme(dashboard.FieldColor().mode(FieldColorModeId.THRESHOLDS)).decimals(0)
    panel.show_value(models.VisibilityMode.AUTO).row_height(0.9).col_width(0.95).fill_opacity(80).line_width(0)
    legend = common.VizLegendOptions().show_legend(False).display_mode(models.LegendDisplayMode.LIST)
    panel.legend(legend.placement(models.LegendPlacement.BOTTOM).calcs([])).time_from(since).interval(every)
    _asked(panel, [target])
    return _json(panel, key, w, h)


def bars(
    key: str, title: str, why: str, targets: Sequence[Target], unit: str, *, steps: Steps = (), links: Sequence[Link] = (),
    w: int = 8, h: int = 8, low: float = 0, top: float | None = None, decimals: int | None = None, empty: str = NO_DATA,
) -> Panel:  # fmt: skip
    """One bar for each series, as it is now."""
    panel = bargauge.Panel().title(title).description(why).unit(unit).no_value(empty).min(low)
    if top is not None:
        panel.max(top)
    if decimals is not None:
        panel.decimals(decimals)
    panel.color_scheme(_colour(steps)).thresholds(_steps(steps)).orientation(models.VizOrientation.HORIZONTAL)
    panel.display_mode(models.BarGaugeDisplayMode.BASIC).value_mode(models.BarGaugeValueMode.TEXT).show_unfilled(True)
    panel.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).values(False))
    _asked(panel, [target._replace(instant=True) for target in targets])
    return _json(panel, key, w, h, links)


def world(
    key: str, title: str, why: str, targets: Sequence[Target], columns: Sequence[Column], *, w: int, h: int
) -> Panel:
    """Countries on a map: colour is the first column of numbers, size the second."""
    panel = geomap.Panel().title(title).description(why).unit("string").no_value(NO_DATA).thresholds(_steps(()))
    panel.with_transformation(DataTransformerConfig(id_val="merge", options={}))
    names = {column.field: column.title for column in columns}
    told = {
        "indexByName": {},
        "renameByName": names,
        "includeByName": dict.fromkeys(names, True),
        "excludeByName": {"Time": True},
    }
    panel.with_transformation(DataTransformerConfig(id_val="organize", options=told))
    for column in columns:
        panel.override_by_name(column.title, _properties(column))
    place, judged, amount = (column.title for column in columns)
    _asked(panel, targets, as_table=True)
    made = _json(panel, key, w, h)
    style = {
        "color": {"field": judged, "fixed": "blue"}, "opacity": 0.6, "symbol": {"mode": "fixed", "fixed": "img/icons/marker/circle.svg"},
        "size": {"field": amount, "fixed": 8, "min": 6, "max": 30},
    }  # fmt: skip
    layer = {
        "type": "markers", "name": "Countries", "tooltip": True, "config": {"showLegend": True, "style": style},
        "location": {"mode": "lookup", "lookup": place, "gazetteer": "public/gazetteer/countries.json"},
    }  # fmt: skip
    made["options"] = {
        "view": {"id": "zero", "lat": 0, "lon": 0, "zoom": 1, "allLayers": True},
        "controls": {"showZoom": True, "mouseWheelZoom": False, "showAttribution": True, "showScale": False, "showDebug": False},
        "basemap": {"type": "default", "name": "Basemap"}, "layers": [layer], "tooltip": {"mode": "details"},
    }  # fmt: skip
    return made


def words(key: str, content: str, *, w: int = 24, h: int = 2) -> Panel:
    """Two lines that say who reads the dashboard, what it answers, and where to go next."""
    panel = (
        text.Panel().title("").description("").content(content).mode(text_models.TextMode.MARKDOWN).transparent(True)
    )
    return _json(panel, key, w, h)


def traces(key: str, title: str, why: str, traceql: str, *, w: int = 24, h: int = 8) -> Panel:
    """A search by attribute: who asks for help has an id of a session, not of a trace."""
    panel = (
        table.Panel()
        .title(title)
        .description(why)
        .datasource(TEMPO)
        .unit("string")
        .no_value("No traces, or no Tempo")
        .thresholds(_steps(()))
    )
    query = tempo.Dataquery().datasource(TEMPO).ref_id("A").query_type("traceql").query(traceql).limit(50)
    panel.with_target(query.table_type(tempo_models.SearchTableType.TRACES))
    return _json(panel, key, w, h)
