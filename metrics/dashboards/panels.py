"""What a dashboard is made of, as frozen data, and its JSON as Grafana provisions it.

The schema is Grafana's dashboard schema of version SCHEMA_VERSION, which Grafana 10 and later read.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

SCHEMA_VERSION = 39
# Grafana's grid is so many units wide.
WIDTH = 24
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}

Json = dict[str, Any]


@dataclass(frozen=True)
class Query:
    """A PromQL query and what its series are called: text with {{label}}. `is_instant`: only at the range's end."""

    expression: str
    legend: str = ""
    is_instant: bool = False


@dataclass(frozen=True, kw_only=True)
class Panel:
    """A panel. `kind` is Grafana's name of it, `unit` that of Grafana's units. Its size is in units of the grid.

    `style` are further custom options of each field, such as how a line is drawn; `options` are those of the panel.
    """

    title: str
    queries: Sequence[Query]
    kind: str = "timeseries"
    unit: str = "short"
    description: str = ""
    width: int = 8
    height: int = 8
    style: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    transformations: Sequence[Json] = ()


@dataclass(frozen=True)
class PanelRow:
    """A heading with the panels below it: what Grafana calls a row."""

    title: str
    panels: Sequence[Panel]


@dataclass(frozen=True, kw_only=True)
class Variable:
    """What a reader chooses at the top: values of a label (`query`), or one of a list (`values`)."""

    name: str
    label: str
    query: str = ""
    values: Sequence[str] = ()
    is_multi: bool = True


@dataclass(frozen=True, kw_only=True)
class Dashboard:
    """`uid` is its address, and with .json the name of its file."""

    uid: str
    title: str
    description: str
    variables: Sequence[Variable]
    rows: Sequence[PanelRow]
    range: str = "now-6h"
    refresh: str = "30s"


def dashboard_text(dashboard: Dashboard) -> str:
    """The dashboard as the text of its file."""
    return json.dumps(dashboard_json(dashboard), indent=2, ensure_ascii=False) + "\n"


def dashboard_json(dashboard: Dashboard) -> Json:
    return {
        "uid": dashboard.uid,
        "title": dashboard.title,
        "description": dashboard.description,
        "tags": ["workbench-analytics"],
        "schemaVersion": SCHEMA_VERSION,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "timezone": "browser",
        "refresh": dashboard.refresh,
        "time": {"from": dashboard.range, "to": "now"},
        "templating": {"list": [_datasource_variable(), *map(_variable, dashboard.variables)]},
        "links": [
            {
                "title": "Dashboards",
                "type": "dashboards",
                "tags": ["workbench-analytics"],
                "asDropdown": True,
                "includeVars": True,
                "keepTime": True,
            }
        ],
        "panels": list(_placed(dashboard.rows)),
    }


def _datasource_variable() -> Json:
    return {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus"}


def _variable(variable: Variable) -> Json:
    shared: Json = {"name": variable.name, "label": variable.label}
    if variable.is_multi:
        everything = {"text": ["All"], "value": ["$__all"]}
        shared |= {"multi": True, "includeAll": True, "current": everything}
    if variable.query:
        return shared | {
            "type": "query",
            "datasource": DATASOURCE,
            "query": {"query": variable.query, "refId": variable.name},
            "definition": variable.query,
            # When the dashboard is opened and when its time changes.
            "refresh": 2,
            "sort": 1,
        }
    first = variable.values[0]
    options = [{"text": value, "value": value, "selected": value == first} for value in variable.values]
    if not variable.is_multi:
        shared |= {"current": {"text": first, "value": first}}
    return shared | {"type": "custom", "query": ",".join(variable.values), "options": options}


def _placed(rows: Sequence[PanelRow]) -> Iterator[Json]:
    """Rows and panels from left to right and from top to bottom, each with its place on the grid."""
    number = y = 0
    for row in rows:
        number += 1
        yield {
            "id": number,
            "type": "row",
            "title": row.title,
            "collapsed": False,
            "gridPos": {"x": 0, "y": y, "w": WIDTH, "h": 1},
            "panels": [],
        }
        y, x, line_height = y + 1, 0, 0
        for panel in row.panels:
            if x + panel.width > WIDTH:
                y, x, line_height = y + line_height, 0, 0
            number += 1
            place = {"x": x, "y": y, "w": panel.width, "h": panel.height}
            yield {"id": number, **_panel(panel), "gridPos": place}
            x, line_height = x + panel.width, max(line_height, panel.height)
        y += line_height


def _panel(panel: Panel) -> Json:
    return {
        "type": panel.kind,
        "title": panel.title,
        **({"description": panel.description} if panel.description else {}),
        "datasource": DATASOURCE,
        "targets": [_target(query, number, panel) for number, query in enumerate(panel.queries)],
        "fieldConfig": {
            "defaults": {"unit": panel.unit, "custom": dict(panel.style)},
            "overrides": [],
        },
        "options": dict(panel.options),
        **({"transformations": list(panel.transformations)} if panel.transformations else {}),
    }


def _target(query: Query, number: int, panel: Panel) -> Json:
    formats = {"table": "table", "heatmap": "heatmap"}
    return {
        "refId": chr(ord("A") + number),
        "datasource": DATASOURCE,
        "expr": query.expression,
        "legendFormat": query.legend or "__auto",
        "format": formats.get(panel.kind, "time_series"),
        "instant": query.is_instant,
        "range": not query.is_instant,
        # Points of a line lead to a trace where Prometheus stored one.
        "exemplar": panel.kind == "timeseries",
    }
