import csv
import io
from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings

from kpis.api.answers import interval_json
from kpis.api.csv_export import rows_of, write_csv
from kpis.registry import DEFINITIONS
from kpis.statistics.counts import ratio_of_counts
from telemetry.keys import revoke_key
from telemetry.models import Scope
from tests.builders import issue_key, make_secret
from tests.kpis.builders import (
    DAY,
    NOW,
    make_bucket,
    make_durations,
    make_environment,
    make_shift,
    make_target,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]

ONE_DAY = timedelta(days=1)
KPI = "/api/kpis/template-suggestion-rate/"
RANGE = {"from": "2026-02-09", "to": "2026-02-11"}
THREE_OF_ELEVEN = interval_json(ratio_of_counts(3, per=11))


def get(client: Client, path: str = KPI, *, key: str = "", **parameters: str) -> Any:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return client.get(path, parameters, headers=headers)


def answer(client: Client, path: str = KPI, **parameters: str) -> Mapping[str, Any]:
    response = get(client, path, **{**RANGE, **parameters})
    assert response.status_code == 200, response.content
    body: Mapping[str, Any] = response.json()
    return body


def fault(response: Any) -> tuple[int, str]:
    body = response.json()
    assert set(body) == {"code", "message", "detail", "request_id"}
    return response.status_code, body["code"]


make_read_key = partial(make_secret, scope=Scope.READ, source="reports", now=NOW)


# Answers ----------------------------------------------------------------------------------------------


def test_answers_a_ratio_as_documented(reader: Client) -> None:
    make_environment()
    make_bucket(numerator=3, denominator=11)

    assert answer(reader) == {
        "kpi": "template-suggestion-rate",
        "title": "Template suggestion rate",
        "persona": "agent",
        "environment": "production",
        "unit": "ratio",
        "direction": "at_least",
        "time_zone": "UTC",
        "computed_until": "2026-02-15T12:00:00Z",
        "from": "2026-02-09T00:00:00Z",
        "to": "2026-02-11T00:00:00Z",
        "granularity": "day",
        "target": 0.3,
        "baseline": None,
        "interval_method": "two_counts",
        "total": {
            "numerator": 3,
            "denominator": 11,
            "value": 3 / 11,
            "interval": THREE_OF_ELEVEN,
            "verdict": "too_few_events",
            "is_too_close_to_call": False,
        },
        "previous": {"from": "2026-02-07T00:00:00Z", "to": "2026-02-09T00:00:00Z"},
        "shift": None,
        "change": None,
        "series": [
            {
                "period_start": "2026-02-09T00:00:00Z",
                "period_end": "2026-02-10T00:00:00Z",
                "numerator": 0,
                "denominator": 0,
                "value": None,
                "interval": None,
                "reason": "no_events",
                "verdict": "too_few_events",
                "is_too_close_to_call": False,
                "target": 0.3,
            },
            {
                "period_start": "2026-02-10T00:00:00Z",
                "period_end": "2026-02-11T00:00:00Z",
                "numerator": 3,
                "denominator": 11,
                "value": 3 / 11,
                "interval": THREE_OF_ELEVEN,
                "verdict": "too_few_events",
                "is_too_close_to_call": False,
                "target": 0.3,
            },
        ],
        "excluded": {},
    }


def test_answers_a_duration_with_its_percentiles(reader: Client) -> None:
    make_environment()
    make_durations("time-to-create-workflow", [60, 60, 60])

    total = answer(reader, "/api/kpis/time-to-create-workflow/")["total"]

    assert list(total) == [
        "count",
        "sum_seconds",
        "mean",
        "p50",
        "p75",
        "p90",
        "p95",
        "p99",
        "value",
        "interval",
        "verdict",
        "is_too_close_to_call",
    ]
    assert (total["count"], total["sum_seconds"], total["mean"]) == (3, 180, 60)
    assert total["value"] == total["p50"] == pytest.approx(60, rel=0.01)


def test_answers_a_cost_in_dollars(reader: Client) -> None:
    make_environment()
    make_bucket("execution-cost", numerator=2_500_000, denominator=4)

    total = answer(reader, "/api/kpis/execution-cost/")["total"]

    assert total == {
        "numerator": 2.5,
        "denominator": 4,
        "value": 2.5,
        "interval": None,
        "verdict": None,
        "is_too_close_to_call": False,
    }


def test_says_why_adoption_has_no_value(reader: Client) -> None:
    make_environment()
    make_bucket("workbench-adoption", numerator=30, denominator=30)

    total = answer(reader, "/api/kpis/workbench-adoption/")["total"]

    assert total == {
        "numerator": 30,
        "denominator": 30,
        "value": None,
        "interval": None,
        "verdict": "not_measurable",
        "is_too_close_to_call": False,
        "reason": "not_measurable",
    }


def test_leaves_out_periods_that_are_not_computed(reader: Client) -> None:
    make_environment(computed_until=DAY)

    assert [period["period_start"] for period in answer(reader)["series"]] == ["2026-02-09T00:00:00Z"]


def test_answers_an_environment_that_nothing_is_computed_for(reader: Client) -> None:
    make_environment(computed_until=None)

    body = answer(reader)

    assert (body["computed_until"], body["series"], body["total"]["value"]) == (None, [], None)


def test_names_the_reporting_zone_and_counts_its_days(reader: Client, settings: Settings) -> None:
    settings.REPORTING_TIME_ZONE = "Europe/Berlin"
    make_environment()
    make_bucket(period_start=DAY - timedelta(hours=1))

    body = answer(reader, **{"from": "2026-02-10"})

    assert body["time_zone"] == "Europe/Berlin"
    assert [period["period_start"] for period in body["series"]] == ["2026-02-09T23:00:00Z"]
    assert body["total"]["denominator"] == 10


def test_answers_a_breakdown(reader: Client) -> None:
    make_environment()
    make_bucket("execution-cost", dimension="workflow", value="triage", numerator=1_000_000, denominator=2)

    body = answer(reader, "/api/kpis/execution-cost/", breakdown="workflow", granularity="total")

    assert body["dimension"] == "workflow"
    assert [(part["value"], part["total"]["value"], len(part["series"])) for part in body["breakdown"]] == [
        ("triage", 1.0, 1)
    ]


def test_answers_since_when_a_value_of_a_breakdown_is_lower_and_how_it_changed(reader: Client) -> None:
    make_environment(computed_until=DAY + timedelta(days=20))
    make_shift("workflow-success-rate", dimension="workflow", value="triage", at=DAY)

    body = answer(
        reader,
        "/api/kpis/workflow-success-rate/",
        breakdown="workflow",
        **{"from": "2026-02-01", "to": "2026-02-19"},
    )

    part = body["breakdown"][0]
    assert body["shift"] == part["shift"] == {"from": "2026-02-10T00:00:00Z", "before": 1.0, "since": 0.2}
    assert (part["change"]["previous_value"], part["change"]["judgement"]) == (1.0, "down")


def test_answers_the_top_of_a_breakdown_and_all_others_as_one(reader: Client) -> None:
    make_environment()
    for value, cost in {"triage": 3, "report": 2, "cleanup": 1}.items():
        make_bucket("execution-cost", dimension="workflow", value=value, numerator=cost * 1_000_000)

    query = {"breakdown": "workflow", "granularity": "total", "top": "1"}
    body = answer(reader, "/api/kpis/execution-cost/", **query)
    rows = list(
        csv.DictReader(
            io.StringIO(get(reader, "/api/kpis/execution-cost/", format="csv", **query).content.decode())
        )
    )

    other = body["breakdown_other"]
    assert ([part["value"] for part in body["breakdown"]], body["breakdown_left_out"]) == (["triage"], 2)
    assert (other["values"], other["total"]["value"], len(other["series"])) == (2, 3.0, 1)
    assert [(row["dimension_value"], row["other_values"], row["value"]) for row in rows] == [
        ("triage", "", "3.0"),
        ("", "2", "3.0"),
    ]


@pytest.mark.parametrize(("compare", "start"), [("year", "2025-02-10"), ("weekdays", "2026-01-13")])
def test_compares_with_the_range_that_is_asked(reader: Client, compare: str, start: str) -> None:
    make_environment()

    query = {"from": "2026-02-10", "to": "2026-02-11", "compare": compare}
    bodies = [answer(reader, **query), get(reader, "/api/kpis/", **query).json()]

    assert [body["previous"]["from"] for body in bodies] == [f"{start}T00:00:00Z"] * 2


def test_answers_no_others_unless_asked(reader: Client) -> None:
    make_environment()
    make_bucket("execution-cost", dimension="workflow", value="triage")

    bodies = [
        answer(reader, "/api/kpis/execution-cost/", breakdown="workflow", **query)
        for query in ({}, {"top": "1"})
    ]

    assert ["breakdown_other" in body for body in bodies] == [False, False]


@pytest.mark.parametrize("top", ["0", "21", "-1", "1.5", "one", "9" * 5000])
def test_refuses_a_bad_top(reader: Client, top: str) -> None:
    make_environment()

    response = get(reader, "/api/kpis/execution-cost/", breakdown="workflow", top=top)

    assert fault(response) == (400, "bad_parameter")


def test_shows_the_target_of_each_period(reader: Client) -> None:
    make_environment()
    make_target("template-suggestion-rate", "0.4", since=DAY.date())

    body = answer(reader)

    assert [period["target"] for period in body["series"]] == [0.3, 0.4]
    assert body["target"] == 0.4


def test_lists_every_kpi_with_its_newest_value(reader: Client) -> None:
    make_environment()
    make_bucket(numerator=12, denominator=30)

    body = get(reader, "/api/kpis/").json()

    assert [kpi["kpi"] for kpi in body["kpis"]] == [kpi.slug for kpi in DEFINITIONS]
    assert (body["environment"], body["time_zone"], body["computed_until"]) == (
        "production",
        "UTC",
        "2026-02-15T12:00:00Z",
    )
    assert body["kpis"][0] == {
        "kpi": "template-suggestion-rate",
        "title": "Template suggestion rate",
        "persona": "agent",
        "unit": "ratio",
        "direction": "at_least",
        "target": 0.3,
        "baseline": None,
        "interval_method": "two_counts",
        "numerator": 12,
        "denominator": 30,
        "value": 0.4,
        "interval": interval_json(ratio_of_counts(12, per=30)),
        "verdict": "on_target",
        "is_too_close_to_call": True,
        "change": None,
        "dimensions": [],
    }


def test_answers_the_change_against_the_range_before(reader: Client) -> None:
    make_environment()
    make_bucket("approval-rate", numerator=56, denominator=70)
    make_bucket("approval-rate", numerator=48, denominator=80, period_start=DAY - 2 * ONE_DAY)

    by_itself = answer(reader, "/api/kpis/approval-rate/")["change"]
    listed = answer(reader, "/api/kpis/")

    assert by_itself == {
        "previous_value": 0.6,
        "difference": pytest.approx(0.2),
        # Newcombe's example.
        "interval": {
            "low": pytest.approx(0.0524, abs=5e-5),
            "high": pytest.approx(0.3339, abs=5e-5),
            "level": 0.95,
        },
        "judgement": "up",
    }
    assert {kpi["kpi"]: kpi["change"] for kpi in listed["kpis"]}["approval-rate"] == by_itself
    assert listed["previous"] == {"from": "2026-02-07T00:00:00Z", "to": "2026-02-09T00:00:00Z"}


def test_answers_the_longest_range_though_nothing_was_before_it(reader: Client, settings: Settings) -> None:
    """Before 1940 Amsterdam was 19 minutes and 32 seconds ahead: its days do not begin with a bucket."""
    settings.REPORTING_TIME_ZONE = "Europe/Amsterdam"
    make_environment()

    body = answer(reader, **{"from": "2000-01-01", "to": "2099-12-31", "granularity": "total"})

    assert body["change"] is None


def test_lists_kpis_where_there_is_no_environment_yet(reader: Client) -> None:
    body = get(reader, "/api/kpis/").json()

    assert (body["environment"], body["computed_until"], len(body["kpis"])) == ("", None, len(DEFINITIONS))


# Parameters -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        pytest.param({"from": "soon"}, "bad_parameter", id="no moment"),
        pytest.param({"from": "2026-02-30"}, "bad_parameter", id="no such day"),
        pytest.param({"from": "2026-02-11", "to": "2026-02-11"}, "bad_parameter", id="empty range"),
        pytest.param({"to": "2026-02-10T10:00:00"}, "bad_parameter", id="no zone"),
        pytest.param({"from": "2026-02-10T10:07:00Z"}, "bucket_not_aligned", id="off the boundary"),
        pytest.param({"from": "2020-01-01", "granularity": "hour"}, "too_many_periods", id="long range"),
        pytest.param({"granularity": "minute"}, "bad_parameter", id="unknown granularity"),
        pytest.param({"breakdown": "workflow"}, "bad_parameter", id="unknown dimension"),
        pytest.param({"compare": "none"}, "bad_parameter", id="unknown comparison"),
        pytest.param({"top": "3"}, "bad_parameter", id="top of no breakdown"),
        pytest.param({"format": "xml"}, "bad_parameter", id="unknown format"),
        pytest.param({"granularty": "day"}, "bad_parameter", id="misspelt parameter"),
        pytest.param({"from": "\x00"}, "bad_parameter", id="NUL"),
        pytest.param(
            {"from": "\ud800".encode("utf-8", "replace").decode()}, "bad_parameter", id="lone surrogate"
        ),
    ],
)
def test_refuses_a_bad_parameter(reader: Client, parameters: dict[str, str], code: str) -> None:
    make_environment()

    assert fault(get(reader, **parameters)) == (400, code)


def test_names_the_parameter_at_fault(reader: Client) -> None:
    make_environment()

    assert get(reader, granularity="minute").json()["message"].startswith("granularity: ")


@pytest.mark.parametrize("slug", ["happiness", "%00", "Template-Suggestion-Rate"])
def test_does_not_find_a_kpi_that_there_is_not(reader: Client, slug: str) -> None:
    assert fault(get(reader, f"/api/kpis/{slug}/")) == (404, "unknown_kpi")


@pytest.mark.parametrize("path", ["/api/kpis/", KPI])
@pytest.mark.parametrize("name", ["prod", "\x00", "x" * 500])
def test_does_not_find_an_environment_that_there_is_not(reader: Client, path: str, name: str) -> None:
    make_environment()

    assert fault(get(reader, path, environment=name)) == (404, "unknown_environment")


def test_reads_production_unless_another_environment_is_named(reader: Client) -> None:
    make_environment("demo")
    make_environment("production")

    assert answer(reader)["environment"] == "production"
    assert answer(reader, environment="demo")["environment"] == "demo"


# Access -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/api/kpis/", KPI])
def test_asks_for_a_key_or_a_session(client: Client, path: str) -> None:
    response = get(client, path)

    assert fault(response) == (401, "not_authenticated")
    assert response.headers["WWW-Authenticate"].startswith("Bearer")


def test_refuses_an_unknown_key_even_with_a_session(reader: Client) -> None:
    assert fault(get(reader, key="wb_read_nonsense")) == (401, "unknown_key")


@pytest.mark.parametrize("scope", [Scope.INGEST, Scope.METRICS])
def test_refuses_a_key_of_another_scope(client: Client, scope: str) -> None:
    assert fault(get(client, key=make_read_key(scope=scope))) == (403, "wrong_scope")


def test_refuses_a_revoked_key(client: Client) -> None:
    key, secret = issue_key(scope=Scope.READ, source="reports", now=NOW)
    revoke_key(key=key, now=NOW)

    assert fault(get(client, key=secret)) == (403, "revoked_key")


def test_reads_a_keys_own_environment(client: Client) -> None:
    make_environment("demo")
    make_environment("production")
    secret = make_read_key(environment="demo")

    assert get(client, key=secret).json()["environment"] == "demo"
    assert get(client, "/api/kpis/", key=secret, environment="demo").json()["environment"] == "demo"


@pytest.mark.parametrize("name", ["production", "there-is-none"])
def test_refuses_another_environment_than_the_keys(client: Client, name: str) -> None:
    make_environment("production")
    secret = make_read_key(environment="demo")

    assert fault(get(client, key=secret, environment=name)) == (403, "wrong_environment")


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_only_reads(reader: Client, method: str) -> None:
    reader.handler.enforce_csrf_checks = False

    assert fault(getattr(reader, method)(KPI)) == (405, "method_not_allowed")


@pytest.mark.parametrize("path", [KPI, "/api/plan/", "/api/plan/schema.json", "/api/schema/", "/api/docs/"])
def test_a_body_that_nests_too_deeply_is_refused_unread(reader: Client, path: str) -> None:
    reader.handler.enforce_csrf_checks = True
    reader.cookies["csrftoken"] = "a" * 32

    response = reader.post(
        path, b"[" * 100_000, content_type="application/json", headers={"X-CSRFToken": "a" * 32}
    )

    assert 400 <= response.status_code < 500


# CSV --------------------------------------------------------------------------------------------------


def test_writes_the_series_as_csv(reader: Client) -> None:
    make_environment()
    make_bucket()

    response = get(reader, format="csv", **RANGE)
    rows = list(csv.DictReader(io.StringIO(response.content.decode())))

    assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert "production-template-suggestion-rate-2026-02-09-20" in response.headers["Content-Disposition"]
    assert [(row["period_start"], row["numerator"], row["value"], row["reason"]) for row in rows] == [
        ("2026-02-09T00:00:00Z", "0", "", "no_events"),
        ("2026-02-10T00:00:00Z", "3", "0.3", ""),
    ]
    assert {(row["kpi"], row["environment"], row["time_zone"]) for row in rows} == {
        ("template-suggestion-rate", "production", "UTC")
    }


def test_writes_a_breakdown_as_csv(reader: Client) -> None:
    make_environment()
    make_bucket("execution-cost", dimension="workflow", value="=HYPERLINK(1)")

    response = get(
        reader, "/api/kpis/execution-cost/", format="csv", breakdown="workflow", granularity="total"
    )
    rows = list(csv.DictReader(io.StringIO(response.content.decode())))

    assert [(row["dimension"], row["dimension_value"]) for row in rows] == [("workflow", "'=HYPERLINK(1)")]


def test_answers_a_fault_as_json_where_csv_was_asked_for(reader: Client) -> None:
    make_environment()

    response = get(reader, format="csv", granularity="minute")

    assert fault(response) == (400, "bad_parameter")
    assert response.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n"])
def test_writes_no_cell_that_a_spreadsheet_would_run(start: str) -> None:
    text = write_csv([{"name": f"{start}1+1", "value": -1}])

    assert list(csv.reader(io.StringIO(text, newline="")))[1] == [f"'{start}1+1", "-1"]


def test_writes_an_empty_file_for_no_rows() -> None:
    head = {"kpi": "k", "environment": "e", "time_zone": "UTC", "unit": "ratio"}

    assert write_csv(rows_of({**head, "series": []})) == ""


# Cost and schema --------------------------------------------------------------------------------------


@pytest.mark.parametrize("days", [1, 25])
def test_reads_a_kpi_in_a_fixed_number_of_queries(
    reader: Client, days: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    make_environment()
    for number in range(days):
        make_bucket(period_start=DAY - timedelta(days=number))

    # Session and user, two of rights, environments, the person's limit, freshness, targets, baselines, buckets,
    # buckets of the range before.
    with django_assert_num_queries(11):
        get(reader)


def test_lists_kpis_in_a_fixed_number_of_queries(
    reader: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    make_environment()

    with django_assert_num_queries(12):
        get(reader, "/api/kpis/")


def test_describes_itself_without_a_warning(tmp_path: Any) -> None:
    call_command("spectacular", "--fail-on-warn", "--validate", "--file", str(tmp_path / "schema.yaml"))


def test_serves_its_schema(client: Client) -> None:
    response = client.get("/api/schema/", {"format": "json"})
    schema = response.json()

    assert response.status_code == 200
    assert schema["openapi"].startswith("3.")
    assert {"/api/kpis/", "/api/kpis/{slug}/"} <= set(schema["paths"])


@pytest.mark.parametrize("query", ["", "?format=csv"])
def test_options_are_not_answered_as_if_they_were_a_series(reader: Client, query: str) -> None:
    answer = reader.options(f"/api/kpis/template-suggestion-rate/{query}")

    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
