import csv
import io
import re
from datetime import timedelta
from html import unescape
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from django.conf import settings
from django.test import Client

from kpis.compute import rollup
from pages.exporting.answers import make_file_name
from people.models import Role
from tests.alerts.builders import make_alert
from tests.builders import store
from tests.kpis.builders import DAY, NOW, make_bucket, make_durations, make_environment
from tests.kpis.funnel_builders import make_funnel
from tests.objectives.builders import count
from tests.pages.builders import make_days
from tests.people.builders import make_person
from tests.telemetry.quality.builders import make_clock, make_part, make_rejected, make_sent
from tests.workbench.runs.builders import make_run
from tests.workbench.timelines.builders import full_session
from workbench.models import Session

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock", "_built_script")]

# Every page with tables, and the tables that it has for the operator.
PAGES = {
    "/": {"kpis"},
    "/plan/?q=draft": {"clients", "clocks", "events"},
    "/plan/workbench.draft_created/": {"properties", "rejections", "rejected"},
    "/alerts/": {"firing", "recent"},
    "/slos/": {"ingest-availability"},
    "/runs/": {"runs"},
    "/kpis/workflow-success-rate/counted/": {"rows"},
    "/kpis/time-to-create-workflow/counted/": {"rows"},
    "/kpis/execution-cost/counted/": {"rows"},
    "/funnel/sessions/?step=draft_created": {"sessions"},
    "/sessions/s-1/": {"drafts", "runs", "approvals"},
    "/drafts/d-1/": {"runs"},
}


@pytest.fixture
def operator(client: Client) -> Client:
    make_environment()
    make_days(3)
    make_funnel()
    make_alert(summary="=HYPERLINK(1)")
    make_alert(2, ended_at=NOW - timedelta(minutes=30), started_at=NOW - timedelta(hours=1))
    make_sent(5)
    make_sent(3, "not_in_enum")
    make_rejected()
    make_part(10)
    make_clock(7, 5)
    count("ingest-availability", start=NOW - timedelta(days=2), good=99_950, total=100_000, minutes=15)
    store(*full_session())
    rollup.bring_up_to_date(now=NOW)
    Session.objects.create(
        environment="production", session_id="s-9", started_at=DAY, funnel_created_at=NOW, funnel_steps=2
    )
    make_run("r-9", workflow_name="+triage", started_at=NOW - timedelta(hours=1))
    client.force_login(make_person("olga", role=Role.OPERATOR))
    return client


def rows_of(client: Client, path: str) -> list[dict[str, str]]:
    response = client.get(path)
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
    return list(csv.DictReader(io.StringIO(response.content.decode())))


def links_of(page: str) -> list[str]:
    return [unescape(link) for link in re.findall(r'class="csv-link" href="([^"]*)"', page)]


def rows_shown(page: str, name: str) -> int:
    """How many rows the page itself shows of a table, or of a list."""
    shown = page.partition(f'data-csv="{name}"')[2]
    if name in {"kpis", "firing", "recent"}:
        return len(re.findall("data-csv-row", shown.partition("</ul>")[0]))
    return len(re.findall(r"<tr\b", shown.partition("<tbody")[2].partition("</tbody>")[0]))


@pytest.mark.parametrize("path", PAGES)
def test_every_link_gives_all_rows_of_its_table_in_the_state_of_the_page(operator: Client, path: str) -> None:
    page = operator.get(path).content.decode()
    names = {parse_qs(link[1:])["csv"][0]: link for link in links_of(page)}

    assert set(names) == PAGES[path]
    for name, link in names.items():
        rows = rows_of(operator, path.split("?")[0] + link)
        assert len(rows) == rows_shown(page, name) > 0
    assert all("q=draft&" in link for link in names.values() if "?q=" in path)


def test_every_table_with_a_link_is_tried() -> None:
    templates = Path(settings.BASE_DIR, "templates").rglob("*.html")
    found = {
        name
        for path in templates
        for name in re.findall(r'_csv_link.html" with table="([a-z]+)"', path.read_text())
    }

    # A plan with a deprecated part has this one more; the days of objectives are named by a variable.
    assert found == set.union(*PAGES.values()) - {"ingest-availability"} | {"deprecated"}


def test_the_overview_has_a_row_for_each_kpi(operator: Client) -> None:
    rows = rows_of(operator, "/?csv=kpis&range=7d")

    assert len(rows) == 10
    assert list(rows[0]) == [
        "KPI", "Value", "Value (number)", "Unit", "Interval", "Interval (from)", "Interval (to)",
        "Change", "Change (number)", "Change is", "Change against", "Sample", "Sample (count)",
        "Verdict", "Target", "Target (number)", "Baseline",
    ]  # fmt: skip
    assert rows[0]["KPI"] == "Template suggestion rate"
    assert rows[0]["Value"].endswith("%")


def test_the_overview_has_the_interval_and_the_change_of_each_kpi_as_numbers(operator: Client) -> None:
    make_bucket("template-usage-rate", period_start=DAY - timedelta(days=7), numerator=10, denominator=100)
    rows = {row["KPI"]: row for row in rows_of(operator, "/?csv=kpis&range=7d")}
    row = rows["Template usage rate"]

    value, low, high = (float(row[name]) for name in ("Value (number)", "Interval (from)", "Interval (to)"))
    assert low < value < high
    assert row["Unit"] == "ratio"
    assert float(row["Change (number)"]) == pytest.approx(value - 10 / 101)
    assert row["Change against"] == "the previous period"


def test_figures_are_numbers_in_a_unit_that_the_column_names(operator: Client) -> None:
    run = rows_of(operator, "/runs/?csv=runs&range=all")[-1]
    (day,) = rows_of(operator, "/slos/?csv=ingest-availability")
    event = next(row for row in rows_of(operator, "/plan/?csv=events") if "draft_created" in row["Event"])

    assert run["Duration (seconds)"] == "240"
    assert day["Bad posts (count)"] == "50"
    assert day["Day (UTC)"] == "2026-02-13"
    assert (event["Accepted (count)"], event["Rejected (count)"]) == ("6", "3")
    assert float(event["Rejected (ratio)"]) == pytest.approx(3 / 9)


def test_a_spreadsheet_runs_no_cell(operator: Client) -> None:
    assert rows_of(operator, "/alerts/?csv=firing")[0]["Alert"] == "'=HYPERLINK(1)"
    assert rows_of(operator, "/runs/?csv=runs")[0]["Workflow"].startswith("'+triage")


def test_moments_are_written_in_full(operator: Client) -> None:
    assert rows_of(operator, "/runs/?csv=runs")[0]["Started"].endswith("+00:00")


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/?csv=kpis&range=7d", "production-overview-2026-02-09-2026-02-15.csv"),
        ("/runs/?csv=runs&range=24h", "production-runs-2026-02-14-2026-02-15.csv"),
        (
            "/plan/?csv=events&from=2026-02-01&to=2026-02-03",
            "production-plan-events-2026-02-01-2026-02-02.csv",
        ),
        ("/slos/?csv=ingest-availability", "production-slos-ingest-availability-2026-01-18-2026-02-15.csv"),
        ("/alerts/?csv=firing", "alerts-firing-2026-02-15.csv"),
        ("/sessions/s-1/?csv=runs", "production-session-s-1-runs.csv"),
        (
            "/kpis/workflow-success-rate/counted/?csv=rows",
            "production-kpi-counted-workflow-success-rate-2026-01-19-2026-02-15.csv",
        ),
    ],
)
def test_the_name_of_a_file_says_environment_and_range(operator: Client, path: str, name: str) -> None:
    assert operator.get(path).headers["Content-Disposition"] == f'attachment; filename="{name}"'


def test_viewers_are_shown_no_link_and_get_no_file(client: Client) -> None:
    make_environment()
    client.force_login(make_person("eve", role=Role.VIEWER))

    assert "csv-link" not in client.get("/").content.decode()
    assert client.get("/?csv=kpis").status_code == 403


def test_strangers_are_sent_to_sign_in(db: None) -> None:
    assert Client().get("/?csv=kpis").status_code == 302


def test_another_table_is_not_there(operator: Client) -> None:
    assert operator.get("/?csv=x").status_code == 404


def test_a_long_id_cuts_neither_the_table_nor_the_days_from_a_name() -> None:
    page = '<main data-environment="production" data-dates="2026-01-01-2026-01-28">'

    name = make_file_name(page, route="session", subjects=["s" * 128], table="runs")

    assert name == f"production-session-{'s' * 81}-runs-2026-01-01-2026-01-28.csv"


def test_an_end_of_an_interval_that_is_open_is_empty(operator: Client) -> None:
    make_durations("approval-wait", [60] * 8, period_start=DAY - timedelta(days=20))
    rows = {row["KPI"]: row for row in rows_of(operator, "/?csv=kpis&from=2026-01-20&to=2026-01-23")}
    row = rows["Approval wait"]

    assert float(row["Interval (from)"]) < float(row["Value (number)"])
    assert row["Interval (to)"] == ""
