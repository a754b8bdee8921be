"""Every query of every panel, asked of a real Prometheus that scrapes a portal with the demo and a live stream."""

import re
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
from django.conf import settings as django_settings

from metrics.dashboards.files import dashboards
from metrics.dashboards.panels import Dashboard, Query
from telemetry.plan import get_plan
from tests.config.test_portal import ROOT, environment, start
from tests.metrics.dashboards.queries import Grafana, legend_of
from tests.prometheus import running_prometheus

pytestmark = [pytest.mark.processes, pytest.mark.prometheus]

RULES = django_settings.BASE_DIR / "deploy" / "prometheus" / "rules"
DASHBOARDS = dashboards(get_plan())
# What the demo leaves to people: a target and a baseline for every KPI.
GOALS = """
import django
django.setup()
from datetime import date
from kpis.models import Baseline, Target
from kpis.registry import DEFINITIONS
since = date(2026, 1, 1)
for kpi in DEFINITIONS:
    names = {"kpi": kpi.slug, "environment": "demo", "effective_from": since}
    Target.objects.get_or_create(**names, defaults={"value": 1})
    Baseline.objects.get_or_create(**names, defaults={"value": 1, "sample_size": 1})
"""
# A busy machine takes its time; this one waits no longer than it must.
PATIENCE_SECONDS = 120


@pytest.fixture(scope="module")
def grafana(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Grafana]:
    folder = tmp_path_factory.mktemp("dashboards")
    portal = start(folder, DEMO="1")
    place = environment(folder, port=portal.port, DJANGO_SETTINGS_MODULE="config.settings")
    subprocess.run([sys.executable, "-c", GOALS], cwd=ROOT, env=place, check=True)
    [key] = re.findall(r"ingest key  (\S+)", portal.text)
    address = f"http://127.0.0.1:{portal.port}"
    # Without it there would be no error to show.
    assert portal.get("/there-is-nothing-here")[0] == 404
    stream = subprocess.Popen(
        [
            sys.executable,
            "manage.py",
            "simulate",
            "--url",
            address,
            "--key",
            key,
            "--rate",
            "60",
            "--seed",
            "7",
        ],
        cwd=ROOT,
        env=place,
        stdout=subprocess.DEVNULL,
    )
    try:
        with running_prometheus(folder, target=f"127.0.0.1:{portal.port}", rules=RULES) as prometheus:
            yield Grafana(prometheus)
    finally:
        for process in (stream, portal.process):
            process.terminate()
            process.communicate(timeout=30)


def queries_of(dashboard: Dashboard) -> list[tuple[str, Query]]:
    return [(panel.title, query) for row in dashboard.rows for panel in row.panels for query in panel.queries]


def without_data(grafana: Grafana, dashboard: Dashboard) -> Iterator[str]:
    chosen = grafana.choices(dashboard)
    for title, query in queries_of(dashboard):
        if not grafana.ask(query, chosen=chosen):
            yield f"{title}: {query.expression}"


@pytest.fixture(scope="module")
def filled(grafana: Grafana) -> Grafana:
    """Once Prometheus has scraped enough for the dashboards that ask for the most."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    # It asks no further than the first query without data.
    while time.monotonic() < deadline and any(any(without_data(grafana, each)) for each in DASHBOARDS):
        time.sleep(1)
    return grafana


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda dashboard: dashboard.uid)
def test_every_query_has_data(filled: Grafana, dashboard: Dashboard) -> None:
    assert list(without_data(filled, dashboard)) == []


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda dashboard: dashboard.uid)
def test_series_have_the_labels_of_their_legend_and_no_two_have_one_legend(
    filled: Grafana, dashboard: Dashboard
) -> None:
    chosen = filled.choices(dashboard)

    for title, query in queries_of(dashboard):
        found = [series["metric"] for series in filled.ask(query, chosen=chosen)]
        named = set(re.findall(r"{{(\w+)}}", query.legend))
        legends = [legend_of(query, labels) for labels in found]
        assert named <= {label for labels in found for label in labels}, title
        assert not query.legend or len(set(legends)) == len(legends), (title, legends)


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda dashboard: dashboard.uid)
def test_a_choice_narrows_what_is_shown(filled: Grafana, dashboard: Dashboard) -> None:
    everything = filled.choices(dashboard)

    for variable in dashboard.variables:
        for value in filled.values_of(variable, chosen=everything)[:2]:
            chosen = {**everything, variable.name: value}
            shown_values = {
                series["metric"].get(variable.name, value)
                for _, query in queries_of(dashboard)
                if f"${variable.name}" in query.expression
                for series in filled.ask(query, chosen=chosen)
            }
            assert shown_values <= {value}, variable.name
