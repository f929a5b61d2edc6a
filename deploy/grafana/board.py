"""From a board to the JSON that Grafana reads."""

import json
from typing import Final, TypeAlias

from grafana_foundation_sdk.builders import common, dashboard, heatmap, prometheus, stat, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import BigValueGraphMode, StackingMode
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DashboardLinkType,
    DataSourceRef,
    VariableOption,
    VariableRefresh,
)
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from deploy.grafana.panel import Board, Panel

Drawn: TypeAlias = timeseries.Panel | stat.Panel | heatmap.Panel

HEIGHT, STAT_HEIGHT = 8, 4
SOURCE: Final = DataSourceRef(type_val="prometheus", uid="${datasource}")
_EVERY: Final = VariableOption(text="All", value="$__all")


def document(board: Board) -> str:
    """The dashboard's JSON, sorted so that two versions compare well."""
    built = dashboard.Dashboard(board.title).uid(f"shunt-{board.name}").description(board.question).tags(["shunt"])
    built = built.time("now-1h", "now").refresh("30s").readonly().tooltip(DashboardCursorSync.CROSSHAIR)
    built = built.with_variable(dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus"))
    built = built.with_variable(_instances()).link(_others())
    for row in board.rows:
        built = built.with_row(dashboard.Row(row.title))
        for panel in row.panels:
            built = built.with_panel(_panel(panel))
    content = json.loads(json.dumps(built.build(), cls=JSONEncoder))
    for number, panel in enumerate(content["panels"], 1):
        panel["id"] = number
    return json.dumps(content, indent=1, sort_keys=True) + "\n"


def _instances() -> dashboard.QueryVariable:
    variable = dashboard.QueryVariable("instance").label("Instance").query("label_values(shunt_build_info, instance)")
    variable = variable.datasource(SOURCE).refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
    return variable.multi(True).include_all(True).all_value(".*").current(_EVERY)


def _others() -> dashboard.DashboardLink:
    link = dashboard.DashboardLink("Shunt").type(DashboardLinkType.DASHBOARDS).tags(["shunt"])
    return link.as_dropdown(True).keep_time(True).include_vars(True)


def _panel(panel: Panel) -> Drawn:
    drawn = _kind(panel).title(panel.title).description(panel.question).datasource(SOURCE).unit(panel.unit)
    drawn = drawn.span(panel.width).height(STAT_HEIGHT if panel.kind == "stat" else HEIGHT)
    for name, query in zip("ABCDEF", panel.queries, strict=False):
        asked = prometheus.Dataquery().ref_id(name).expr(query.expression).legend_format(query.legend)
        asked = asked.format(PromQueryFormat.HEATMAP) if panel.kind == "heat" else asked
        asked = asked.exemplar(True) if query.has_exemplars and panel.kind == "lines" else asked
        drawn = drawn.with_target(asked.instant() if panel.kind == "stat" else asked.range())
    return drawn


def _kind(panel: Panel) -> Drawn:
    match panel.kind:
        case "stat":
            return stat.Panel().graph_mode(BigValueGraphMode.NONE)
        case "heat":
            return heatmap.Panel().calculate(False)
        case "stack":
            stacked = common.StackingConfig().mode(StackingMode.NORMAL)
            return timeseries.Panel().stacking(stacked).fill_opacity(30).min(0)
        case _:
            return timeseries.Panel().fill_opacity(5)
