"""What Grafana asks a Prometheus for the dashboards."""

import re
import time
from collections.abc import Mapping
from typing import Any

from metrics.dashboards.panels import Dashboard, Query, Variable
from tests.prometheus import Prometheus

Series = dict[str, Any]
# What Grafana would choose for a dashboard that shows the last half minute of a scrape a second.
TIMES = {"__rate_interval": "20s", "__range": "30s", "__interval": "1s"}
LABEL_VALUES = re.compile(r"label_values\((.+), (\w+)\)")


class Grafana:
    """Asks as Grafana does."""

    def __init__(self, prometheus: Prometheus) -> None:
        self.prometheus = prometheus

    def values_of(self, variable: Variable, *, chosen: Mapping[str, str]) -> list[str]:
        """What a variable offers, once those before it are chosen."""
        if variable.values:
            return list(variable.values)
        found = LABEL_VALUES.fullmatch(filled(variable.query, chosen))
        assert found is not None, variable.query
        return list(self.prometheus.get(f"label/{found[2]}/values", **{"match[]": found[1]}))

    def choices(self, dashboard: Dashboard) -> dict[str, str]:
        """Everything of each variable, as Grafana writes it into a query."""
        chosen: dict[str, str] = {}
        for variable in dashboard.variables:
            values = self.values_of(variable, chosen=chosen)
            chosen[variable.name] = "|".join(map(re.escape, values)) if variable.is_multi else values[0]
            chosen[variable.name] = chosen[variable.name].replace("\\", "\\\\")
        return chosen

    def ask(self, query: Query, *, chosen: Mapping[str, str]) -> list[Series]:
        """The series with a number among the last 10 seconds: [{"metric", "values"}]."""
        now = time.time()
        expression = filled(query.expression, chosen)
        if query.is_instant:
            series = self.prometheus.get("query", query=expression, time=str(now))["result"]
            series = [{"metric": each["metric"], "values": [each["value"]]} for each in series]
        else:
            span = {"start": str(now - 10), "end": str(now), "step": "1"}
            series = self.prometheus.get("query_range", query=expression, **span)["result"]
        return [each for each in series if any(value != "NaN" for _, value in each["values"])]


def filled(text: str, chosen: Mapping[str, str]) -> str:
    """The text with its variables filled in."""
    values = {**TIMES, **chosen}
    return re.sub(r"\$(\w+)", lambda found: values[found[1]], text)


def legend_of(query: Query, labels: Mapping[str, str]) -> str:
    """What Grafana calls the series: the labels that a legend names are there, or are left empty."""
    return re.sub(r"{{(\w+)}}", lambda found: labels.get(found[1], ""), query.legend)
