"""The files in deploy/grafana: written from the registries, valid for Grafana, linked to each other."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from django.conf import settings as django_settings
from django.core.management import CommandError, call_command
from pytest_django import Settings

from kpis.registry import DEFINITIONS
from metrics.dashboards import kpis
from metrics.dashboards.files import FOLDER, dashboard_files, dashboards
from metrics.dashboards.panels import Dashboard, dashboard_json
from metrics.dashboards.queries import UnknownFamily
from telemetry.plan import get_plan
from tests.metrics.dashboards.grafana import lost_in_grafana

DASHBOARDS = dashboards(get_plan())
DEPLOY = django_settings.BASE_DIR / "deploy" / "grafana"


@pytest.fixture
def project(settings: Settings, tmp_path: Path) -> Path:
    """A project folder with the dashboards as they are written."""
    settings.BASE_DIR = tmp_path
    call_command("export_dashboards")
    return tmp_path / FOLDER


def test_the_files_follow_from_the_registries() -> None:
    call_command("export_dashboards", "--check")


def test_there_are_the_seven(project: Path) -> None:
    assert sorted(path.stem for path in project.iterdir()) == [
        "agent-performance",
        "app-server-path",
        "cost-tracking",
        "slos",
        "system-health",
        "workbench-kpis",
        "workflow-overview",
    ]


def test_another_kpi_without_writing_anew_fails(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    another = replace(DEFINITIONS[0], slug="another", title="Another")
    monkeypatch.setattr(kpis.dashboard, "__defaults__", ((*DEFINITIONS, another),))

    with pytest.raises(CommandError, match=r"workbench-kpis\.json does not follow"):
        call_command("export_dashboards", "--check")
    call_command("export_dashboards")

    assert '{kpi=\\"another\\"' in (project / "workbench-kpis.json").read_text().replace(
        'environment=~\\"$environment\\",', ""
    )


def test_a_file_that_no_dashboard_writes_is_told_and_removed(project: Path) -> None:
    (project / "old.json").write_text("{}")

    with pytest.raises(CommandError, match=r"old\.json belongs to no dashboard"):
        call_command("export_dashboards", "--check")
    call_command("export_dashboards")

    assert not (project / "old.json").exists()


def test_a_plan_that_lost_a_metric_fails() -> None:
    plan = get_plan()
    less = {name: metric for name, metric in plan.metrics.items() if name != "agent_retries_total"}

    with pytest.raises(UnknownFamily, match="agent_retries_total"):
        dashboard_files(replace(plan, metrics=less), root=Path())


def test_every_kpi_has_its_panels() -> None:
    expressions = [expression for expression in expressions_of(DASHBOARDS[0]) if 'kpi="' in expression]

    assert len(expressions) == 5 * len(DEFINITIONS)
    assert all(sum(f'kpi="{kpi.slug}"' in text for text in expressions) == 5 for kpi in DEFINITIONS)


def expressions_of(dashboard: Dashboard) -> list[str]:
    return [query.expression for row in dashboard.rows for panel in row.panels for query in panel.queries]


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda dashboard: dashboard.uid)
def test_queries_use_only_variables_that_the_dashboard_has(dashboard: Dashboard) -> None:
    offered = {variable.name for variable in dashboard.variables}
    used = {
        name
        for text in expressions_of(dashboard)
        for name in re.findall(r"\$(\w+)", text)
        if not name.startswith("__")
    }

    assert used == offered


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda dashboard: dashboard.uid)
def test_grafanas_types_know_everything_in_a_dashboard(dashboard: Dashboard) -> None:
    assert lost_in_grafana(dashboard_json(dashboard)) == []


def test_grafanas_types_find_what_is_misspelt() -> None:
    content = dashboard_json(DASHBOARDS[1])
    content["panels"][1]["fieldConfig"]["defaults"]["units"] = "s"
    content["panels"][1]["targets"][0]["legend"] = "x"

    assert sorted(lost_in_grafana(content)) == [
        ".panels[1].fieldConfig.defaults.units",
        ".panels[1].targets[0].legend",
    ]


def test_data_sources_are_linked_to_each_other() -> None:
    text = (DEPLOY / "provisioning" / "datasources" / "portal.yaml").read_text(encoding="utf-8")
    sources = {source["uid"]: source["jsonData"] for source in yaml.safe_load(text)["datasources"]}

    assert sources["prometheus"]["exemplarTraceIdDestinations"][0]["datasourceUid"] == "tempo"
    assert sources["tempo"]["tracesToLogsV2"]["datasourceUid"] == "loki"
    assert {field["datasourceUid"] for field in sources["loki"]["derivedFields"]} == {"tempo"}
    # Grafana reads a single $ as a variable of its environment.
    assert not re.search(r"(?<!\$)\$(?!\$)", re.sub(r"#.*", "", text).replace("$$", ""))


def test_the_trace_of_a_log_line_is_found() -> None:
    text = (DEPLOY / "provisioning" / "datasources" / "portal.yaml").read_text(encoding="utf-8")
    fields = yaml.safe_load(text)["datasources"][2]["jsonData"]["derivedFields"]
    pattern = next(field["matcherRegex"] for field in fields if field["matcherType"] == "regex")
    line = json.dumps({"level": "info", "trace_id": "0af7651916cd43dd8448eb211c80319c"})

    found = re.search(pattern, line)

    assert found is not None
    assert found[1] == "0af7651916cd43dd8448eb211c80319c"
