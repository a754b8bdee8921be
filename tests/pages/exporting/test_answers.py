import csv
import io
import re
from datetime import timedelta
from html import unescape

import pytest
from django.test import Client
from django.utils.html import escape

from people.models import Role
from tests.alerts.builders import make_alert
from tests.kpis.builders import NOW, make_environment
from tests.kpis.funnel_builders import make_funnel
from tests.pages.builders import make_days
from tests.people.builders import make_person
from tests.workbench.runs.builders import make_run

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock", "_built_script")]

PATHS = ["/", "/plan/?q=draft", "/plan/workbench.draft_created/", "/alerts/", "/slos/", "/runs/",
         "/kpis/workflow-success-rate/counted/", "/funnel/sessions/?step=draft_created"]  # fmt: skip


@pytest.fixture
def operator(client: Client) -> Client:
    make_environment()
    make_days(3)
    make_funnel()
    make_alert(summary="=HYPERLINK(1)")
    make_run("r-1", workflow_name="+triage", started_at=NOW - timedelta(hours=1))
    client.force_login(make_person("olga", role=Role.OPERATOR))
    return client


def rows_of(client: Client, path: str) -> list[dict[str, str]]:
    response = client.get(path)
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
    return list(csv.DictReader(io.StringIO(response.content.decode())))


@pytest.mark.parametrize("path", PATHS)
def test_every_link_gives_a_table_in_the_state_of_the_page(operator: Client, path: str) -> None:
    page = operator.get(path).content.decode()
    links = [unescape(link) for link in re.findall(r'class="csv-link" href="([^"]*)"', page)]

    for link in links:
        response = operator.get(path.split("?")[0] + link)
        assert response.status_code == 200
        assert response.headers["Content-Disposition"].startswith("attachment")
    assert all(escape("q=draft&") in escape(link) for link in links if "?q=" in path)


def test_the_overview_has_a_row_for_each_kpi(operator: Client) -> None:
    rows = rows_of(operator, "/?csv=kpis&range=7d")

    assert len(rows) == 10
    assert list(rows[0]) == ["KPI", "Value", "Sample", "Verdict", "Target", "Baseline"]
    assert rows[0]["KPI"] == "Template suggestion rate"
    assert rows[0]["Value"].endswith("%")


def test_a_spreadsheet_runs_no_cell(operator: Client) -> None:
    assert rows_of(operator, "/alerts/?csv=firing")[0]["Alert"] == "'=HYPERLINK(1)"
    assert rows_of(operator, "/runs/?csv=runs")[0]["Workflow"].startswith("'+triage")


def test_moments_are_written_in_full(operator: Client) -> None:
    assert rows_of(operator, "/runs/?csv=runs")[0]["Started"].endswith("+00:00")


def test_viewers_are_shown_no_link_and_get_no_file(client: Client) -> None:
    make_environment()
    client.force_login(make_person("eve", role=Role.VIEWER))

    assert "csv-link" not in client.get("/").content.decode()
    assert client.get("/?csv=kpis").status_code == 403


def test_strangers_are_sent_to_sign_in(db: None) -> None:
    assert Client().get("/?csv=kpis").status_code == 302


def test_another_table_is_not_there(operator: Client) -> None:
    assert operator.get("/?csv=x").status_code == 404
