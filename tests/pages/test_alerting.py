"""What pages show of alerts."""

import pytest
from django.test import Client

from tests.alerts.builders import HOUR, make_alert
from tests.kpis.builders import NOW, make_base_bucket, make_bucket, make_environment
from tests.pages.page_content import chart_of, words

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock", "_built_script")]

APPROVALS = "/kpis/approval-rate/"
TODAY = NOW.replace(hour=0)


@pytest.fixture(autouse=True)
def environment() -> None:
    make_environment()


@pytest.mark.parametrize("path", ["/", APPROVALS], ids=["overview", "KPI"])
def test_a_strip_says_what_fires_since_when_and_what_to_do(reader: Client, path: str) -> None:
    make_alert(started_at=NOW - 2 * HOUR)

    text = words(reader, path)

    assert "Ticket Approvals are off target since 15 Feb 2026, 10:00 , for 2 h What to do" in text
    assert 'href="https://runbooks.example.com/kpis#off-target"' in reader.get(path).content.decode()
    assert "All alerts" in text


def test_the_strip_has_three_and_says_how_many_more(reader: Client) -> None:
    for number in range(5):
        make_alert(number, kpi=f"k-{number}", summary=f"Alert {number}")

    text = words(reader, "/")

    assert "Alert 2" in text
    assert "Alert 3" not in text
    assert "2 more" in text


@pytest.mark.parametrize("path", ["/", APPROVALS, "/kpis/approval-wait/"])
def test_a_calm_portal_has_no_strip(reader: Client, path: str) -> None:
    make_alert(ended_at=NOW)
    make_alert(2, environment="staging")

    assert "alert-strip" not in reader.get(path).content.decode()


def test_a_kpi_has_the_alerts_on_it_only(reader: Client) -> None:
    make_alert(summary="On approvals")

    assert "On approvals" not in words(reader, "/kpis/approval-wait/")


def test_the_chart_marks_the_periods_in_which_an_alert_fired(reader: Client) -> None:
    for number in range(4):
        make_bucket("approval-rate", period_start=TODAY - number * 24 * HOUR, denominator=40)
    make_alert(started_at=TODAY - 48 * HOUR, ended_at=TODAY - HOUR)
    make_alert(2, name="Other", started_at=TODAY - HOUR, ended_at=TODAY)

    chart = chart_of(reader, APPROVALS, range="7d")

    marks = next(line for line in chart["lines"] if line["key"] == "alert")
    assert marks["values"] == [None, None, None, None, 1.0, 1.0, 1.0]
    named = [[text for name, text in period["figures"] if name == "Alert"] for period in chart["periods"]]
    assert named == [[], [], [], [], ["KpiOffTarget"], ["KpiOffTarget", "Other"], ["Other"]]


def test_an_alert_that_fires_is_marked_until_now(reader: Client) -> None:
    make_base_bucket("approval-rate", period_start=TODAY, denominator=40)
    make_alert(started_at=NOW - 3 * HOUR)

    chart = chart_of(reader, APPROVALS, **{"from": "2026-02-15", "granularity": "hour"})

    marks = next(line for line in chart["lines"] if line["key"] == "alert")
    assert marks["values"] == [None] * 9 + [1.0] * 3


def test_without_an_alert_the_chart_has_no_such_line(reader: Client) -> None:
    make_bucket("approval-rate", period_start=TODAY, denominator=40)

    assert "alert" not in [line["key"] for line in chart_of(reader, APPROVALS)["lines"]]
    assert "Alerts in this range" not in words(reader, APPROVALS)


def test_alerts_of_the_range_are_listed_below_the_chart(reader: Client) -> None:
    make_alert(started_at=NOW - 24 * HOUR, ended_at=NOW - 22 * HOUR)

    text = words(reader, APPROVALS)

    assert (
        "Alerts in this range Ticket Approvals are off target 14 Feb 2026, 12:00 – "  # noqa: RUF001
        "14 Feb 2026, 14:00 (2 h)" in text
    )


def test_the_page_has_what_fires_and_what_is_over(reader: Client) -> None:
    make_alert(1, severity="page", summary="Fires", kpi="", description="Look at <b>it</b>.")
    make_alert(2, summary="Was resolved", started_at=NOW - 2 * HOUR, ended_at=NOW - HOUR, source="portal")
    make_alert(3, summary="Was forgotten", started_at=NOW - 2 * HOUR, expires_at=NOW - HOUR, kpi="")

    firing, over = words(reader, "/alerts/").split("Over, in the last 14 days")

    assert (
        "Page Fires since 15 Feb 2026, 12:00 (0 s) · production · KpiOffTarget, from Alertmanager" in firing
    )
    assert "Look at <b>it</b>." in firing
    assert "Ticket Was resolved 15 Feb 2026, 10:00 – 15 Feb 2026, 11:00 (1 h) · production" in over  # noqa: RUF001
    assert "KpiOffTarget, from the portal" in over
    assert over.count("taken for over: nobody reported its end") == 1


def test_the_page_of_an_environment_has_its_alerts(reader: Client) -> None:
    make_environment("staging")
    make_alert(1, summary="In production")
    make_alert(2, summary="In staging", environment="staging")

    assert "In staging" in words(reader, "/alerts/")
    assert "In staging" not in words(reader, "/alerts/", environment="production")
    assert reader.get("/alerts/?environment=prod").status_code == 404


def test_a_calm_page_says_so(reader: Client) -> None:
    assert "Nothing fires." in words(reader, "/alerts/")


def test_texts_of_alerts_are_escaped(reader: Client) -> None:
    make_alert(summary="<script>alert(1)</script>", description="<img src=x>", labels={"a": "<b>"})

    for path in ("/", APPROVALS, "/alerts/"):
        page = reader.get(path).content.decode()
        assert "<script>alert" not in page
        assert "<img" not in page
