"""Panels of the forms that several dashboards use."""

from collections.abc import Sequence
from typing import Any

from metrics.dashboards.panels import Panel, Query

BARS = {"drawStyle": "bars", "fillOpacity": 60, "stacking": {"mode": "normal", "group": "A"}}
LINES = {"drawStyle": "line", "lineWidth": 1, "fillOpacity": 8, "showPoints": "never"}
STEPS = {**LINES, "lineInterpolation": "stepAfter", "fillOpacity": 25}
PER_MINUTE = "cpm"
SHARE = "percentunit"
SECONDS = "s"
DOLLARS = "currencyUSD"
BYTES = "bytes"
LAST = {"calcs": ["lastNotNull"], "fields": "", "values": False}


def lines(title: str, *queries: Query, unit: str = "short", **more: Any) -> Panel:
    """A panel of lines over time."""
    options = {
        "legend": {"displayMode": "list", "placement": "bottom"},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    return Panel(title=title, queries=queries, unit=unit, **{"style": LINES, "options": options, **more})


def bars(title: str, *queries: Query, unit: str = "short", **more: Any) -> Panel:
    """Stacked bars over time."""
    return lines(title, *queries, unit=unit, **{"style": BARS, **more})


def figure(title: str, *queries: Query, unit: str = "short", **more: Any) -> Panel:
    """The newest value of each series, in large digits."""
    options = {"reduceOptions": LAST, "colorMode": "value", "graphMode": "area", "textMode": "auto"}
    return Panel(
        title=title, queries=queries, kind="stat", unit=unit, **{"options": options, "height": 5, **more}
    )


def table(title: str, query: Query, *, value: str, unit: str = "short", **more: Any) -> Panel:
    """A row a series with its labels, the largest value first. `value` is the heading of that column."""
    tidy = [
        {
            "id": "organize",
            "options": {"excludeByName": {"Time": True}, "indexByName": {}, "renameByName": {"Value": value}},
        },
        {"id": "sortBy", "options": {"fields": {}, "sort": [{"field": value, "desc": True}]}},
    ]
    instant = Query(query.expression, query.legend, is_instant=True)
    return Panel(title=title, queries=[instant], kind="table", unit=unit, transformations=tidy, **more)


def pie(title: str, query: Query, *, unit: str = "short", **more: Any) -> Panel:
    """Shares of a whole over the chosen time."""
    options = {
        "reduceOptions": LAST,
        "pieType": "donut",
        "legend": {"displayMode": "table", "placement": "right", "values": ["value", "percent"]},
    }
    instant = Query(query.expression, query.legend, is_instant=True)
    return Panel(title=title, queries=[instant], kind="piechart", unit=unit, **{"options": options, **more})


def heatmap(title: str, query: Query, *, unit: str = SECONDS, **more: Any) -> Panel:
    """How many fell into each bucket of a histogram, over time."""
    options = {"calculate": False, "yAxis": {"unit": unit}, "color": {"mode": "scheme", "scheme": "Oranges"}}
    return Panel(title=title, queries=[query], kind="heatmap", unit=unit, **{"options": options, **more})


def percentiles(
    title: str, expressions: Sequence[tuple[str, str]], *, unit: str = SECONDS, **more: Any
) -> Panel:
    """Lines of several percentiles, given as (name, expression)."""
    return lines(title, *(Query(expression, name) for name, expression in expressions), unit=unit, **more)
