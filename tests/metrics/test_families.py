import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from kpis.models import Baseline, Freshness, KpiBucket, StoredGranularity, Target
from metrics.collector import read_snapshot
from metrics.families.stored import Exposed, cumulate
from metrics.families.workbench import ACTIVE_FOR
from telemetry.counters.bridge import Increment, increase, observe
from telemetry.counters.families import families
from telemetry.models import ApiKey, Arrival, Environment
from tests.builders import make_key
from workbench.models import AppServerState, AppServerStream, WorkflowRun

pytestmark = pytest.mark.django_db

PRODUCTION = ("environment", "production")


@pytest.fixture
def key(now: datetime) -> ApiKey:
    return make_key(now=now)


def scraped(*, now: datetime) -> dict[str, dict[tuple[tuple[str, str], ...], float]]:
    """Values by sample name and labels."""
    snapshot = read_snapshot(now=now)
    return values_of((*snapshot.workbench, *snapshot.portal))


def values_of(families: tuple[Exposed, ...]) -> dict[str, dict[tuple[tuple[str, str], ...], float]]:
    found: dict[str, dict[tuple[tuple[str, str], ...], float]] = {}
    for family in families:
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sorted(sample.labels.items()))] = sample.value
    return found


def arrive(key: ApiKey, *, received_at: datetime, taken_at: datetime | None = None) -> None:
    Arrival.objects.create(
        key=key,
        environment=key.environment_id,
        source=key.source,
        received_at=received_at,
        accepted=1,
        duplicates=0,
        taken_at=taken_at,
    )


def start_run(*, at: datetime, completed_at: datetime | None = None, environment: str = "production") -> None:
    WorkflowRun.objects.create(
        environment=environment, run_id=str(uuid.uuid4()), started_at=at, completed_at=completed_at
    )


def report(subject: str, state: str, *, now: datetime, backoff_ms: int = 0) -> None:
    AppServerState.objects.create(
        environment="production",
        subject=subject,
        state=state,
        backoff_ms=backoff_ms,
        changed_at=now,
        event_key=uuid.uuid4(),
    )


# Counters -------------------------------------------------------------------------------------------------


def test_a_counter_is_shown_in_its_unit(now: datetime) -> None:
    increase(
        [
            Increment("workbench_events_total", "production", ("workbench.draft_created", "", "")),
            Increment("workflow_cost_usd_total", "production", ("triage",), amount=1_250_000),
            Increment("workflow_execution_minutes_total", "production", ("triage",), amount=90_000_000),
        ]
    )

    found = scraped(now=now)

    event = (("approved", ""), PRODUCTION, ("event", "workbench.draft_created"), ("status", ""))
    assert found["workbench_events_total"] == {event: 1}
    assert found["workflow_cost_usd_total"] == {(PRODUCTION, ("workflow", "triage")): 1.25}
    assert found["workflow_execution_minutes_total"] == {(PRODUCTION, ("workflow", "triage")): 1.5}


def test_a_histogram_is_shown_cumulated_with_sum_and_count(now: datetime) -> None:
    durations = [1_000_000, 1_000_001, 8_000_000_000]
    planner = [("production", ("planner",), duration, 1) for duration in durations]
    increase(observe("agent_duration_seconds", planner))

    found = scraped(now=now)

    series = (("agent", "planner"), PRODUCTION)
    buckets = {dict(labels)["le"]: value for labels, value in found["agent_duration_seconds_bucket"].items()}
    assert {bound: buckets[bound] for bound in ("1.0", "2.5", "7200.0", "+Inf")} == {
        "1.0": 1,
        "2.5": 2,
        "7200.0": 2,
        "+Inf": 3,
    }
    assert found["agent_duration_seconds_count"] == {series: 3}
    assert found["agent_duration_seconds_sum"] == {series: 8002.000001}


def test_durations_of_a_bound_that_is_no_more_count_from_the_next() -> None:
    family = families()["agent_duration_seconds"]
    buckets = cumulate(family, {"7.0": 2, "9999.0": 1, "sum": 5})

    assert [buckets[bound] for bound in ("5.0", "10.0", "7200.0", "+Inf")] == [0, 2, 2, 3]


def test_internal_families_are_not_shown(now: datetime) -> None:
    increase([Increment("portal_raw_events_removed_total", "production", ())])

    assert not [name for name in scraped(now=now) if "removed" in name]


# What is shown before it is counted -----------------------------------------------------------------------


def shown_in(family: str, environment: str, *, now: datetime) -> dict[tuple[str, ...], float]:
    """Values by the other labels."""
    return {
        tuple(text for name, text in labels if name != "environment"): value
        for labels, value in scraped(now=now)[family].items()
        if ("environment", environment) in labels
    }


def test_what_may_be_received_is_shown_at_zero_from_when_the_environment_exists(now: datetime) -> None:
    """Else a storm of rejections would be the first value of its series, which no rate sees."""
    Environment.objects.create(name="production")
    increase([Increment("portal_events_received_total", "production", ("rejected", "bad_id"), amount=400)])

    received = shown_in("portal_events_received_total", "production", now=now)

    assert received.pop(("rejected", "bad_id")) == 400
    assert {("accepted", ""), ("rejected", "wrong_type")} <= received.keys()
    assert set(received.values()) == {0}


def test_series_of_closed_labels_are_shown_at_zero(now: datetime) -> None:
    Environment.objects.create(name="production")

    runs = shown_in("workflow_runs_total", "production", now=now)
    waits = shown_in("workflow_approval_wait_time_seconds_count", "production", now=now)

    assert {("failed", "user"), ("failed", "unknown"), ("completed", "schedule")} <= runs.keys()
    assert (set(runs.values()), waits) == ({0}, {("false",): 0, ("true",): 0})
    assert scraped(now=now)["portal_quarantine_events"] == {(PRODUCTION,): 0}
    assert scraped(now=now)["appserver_worker_restarts_total"] == {(PRODUCTION,): 0}


def test_a_route_that_answers_shows_that_it_did_not_fail(now: datetime) -> None:
    increase([Increment("appserver_requests_total", "production", ("/chat", "POST", "2xx", "m"), amount=3)])

    shown = shown_in("appserver_requests_total", "production", now=now)

    assert {labels[-1]: value for labels, value in shown.items()} == {"2xx": 3, "4xx": 0, "5xx": 0}


def test_what_is_only_shown_uses_nothing_of_a_budget(now: datetime) -> None:
    Environment.objects.create(name="production")

    assert set(scraped(now=now)["portal_metrics_series"].values()) == {0}


# Gauges of the workbench ----------------------------------------------------------------------------------


def test_a_run_is_active_until_it_completes_or_a_day_has_passed(now: datetime, key: ApiKey) -> None:
    Environment.objects.create(name="staging")
    start_run(at=now - timedelta(minutes=1))
    start_run(at=now - ACTIVE_FOR)
    start_run(at=now - ACTIVE_FOR - timedelta(microseconds=1))
    start_run(at=now - timedelta(minutes=1), completed_at=now)

    assert scraped(now=now)["workflows_active"] == {(PRODUCTION,): 2, (("environment", "staging"),): 0}


def test_active_runs_are_counted_up_to_a_limit(
    now: datetime, key: ApiKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("metrics.families.workbench.ACTIVE_LIMIT", 3)
    for _ in range(4):
        start_run(at=now)

    assert scraped(now=now)["workflows_active"] == {(PRODUCTION,): 3}


def test_open_streams_are_shown_of_every_environment(now: datetime, key: ApiKey) -> None:
    Environment.objects.create(name="staging")
    for number in range(2):
        AppServerStream.objects.create(
            environment="production", stream_id=f"st-{number}", session_id="s", opened_at=now, seen_at=now
        )

    assert scraped(now=now)["appserver_active_streams"] == {
        (PRODUCTION,): 2,
        (("environment", "staging"),): 0,
    }


def test_app_servers_are_shown_by_their_newest_reports(now: datetime) -> None:
    report("worker:a", "ready", now=now)
    report("worker:b", "ready", now=now, backoff_ms=90_000)
    report("worker:c", "backoff", now=now, backoff_ms=2_500)
    report("worker:d", "backoff", now=now, backoff_ms=500)
    report("maintenance", "on", now=now)

    found = scraped(now=now)

    assert found["appserver_worker_ready"] == {(PRODUCTION,): 2}
    assert found["appserver_worker_backoff_seconds"] == {(PRODUCTION,): 2.5}
    assert found["appserver_maintenance"] == {(PRODUCTION,): 1.0}


def test_workers_that_do_not_wait_have_no_backoff_and_maintenance_ends(now: datetime) -> None:
    report("worker:a", "stopped", now=now)
    report("maintenance", "off", now=now)

    found = scraped(now=now)

    assert found["appserver_worker_ready"] == {(PRODUCTION,): 0}
    assert found["appserver_worker_backoff_seconds"] == {(PRODUCTION,): 0.0}
    assert found["appserver_maintenance"] == {(PRODUCTION,): 0.0}


# KPIs -----------------------------------------------------------------------------------------------------


def count_suggestions(day: datetime, *, numerator: int, denominator: int) -> None:
    KpiBucket.objects.create(
        kpi="template-suggestion-rate",
        persona="agent",
        environment="production",
        granularity=StoredGranularity.DAY,
        period_start=day,
        numerator=numerator,
        denominator=denominator,
        definition_version=1,
    )


def kpi_gauge(found: dict[str, dict[tuple[tuple[str, str], ...], float]], name: str) -> dict[str, float]:
    """Values of template-suggestion-rate by window."""
    return {
        dict(labels)["window"]: value
        for labels, value in found.get(name, {}).items()
        if dict(labels)["kpi"] == "template-suggestion-rate"
    }


def test_kpis_are_shown_by_window(now: datetime, key: ApiKey) -> None:
    Freshness.objects.create(environment="production", computed_until=now, time_zone="UTC")
    today = now.replace(hour=0)
    count_suggestions(today, numerator=10, denominator=40)
    count_suggestions(today - timedelta(days=6), numerator=30, denominator=60)
    count_suggestions(today - timedelta(days=27), numerator=0, denominator=100)
    count_suggestions(today - timedelta(days=28), numerator=9_000, denominator=9_000)

    found = scraped(now=now)

    assert kpi_gauge(found, "workbench_kpi_value") == {"1d": 0.25, "7d": 0.4, "28d": 0.2}
    assert kpi_gauge(found, "workbench_kpi_target") == {"1d": 0.3, "7d": 0.3, "28d": 0.3}
    assert kpi_gauge(found, "workbench_kpi_on_target") == {"1d": 0.0, "7d": 1.0, "28d": 0.0}
    # 40 of 100 have the interval 27.8 to 57.6%, of each of 100 messages.
    assert kpi_gauge(found, "workbench_kpi_too_close_to_call") == {"1d": 1.0, "7d": 1.0, "28d": 0.0}
    assert kpi_gauge(found, "workbench_kpi_baseline") == {}


def test_what_is_null_has_no_sample(now: datetime, key: ApiKey) -> None:
    Freshness.objects.create(environment="production", computed_until=now, time_zone="UTC")

    found = scraped(now=now)

    assert kpi_gauge(found, "workbench_kpi_value") == {}
    assert kpi_gauge(found, "workbench_kpi_on_target") == {}
    assert kpi_gauge(found, "workbench_kpi_too_close_to_call") == {}


def test_too_few_events_have_a_value_and_no_verdict(now: datetime, key: ApiKey) -> None:
    Freshness.objects.create(environment="production", computed_until=now, time_zone="UTC")
    count_suggestions(now.replace(hour=0), numerator=19, denominator=19)

    found = scraped(now=now)

    assert kpi_gauge(found, "workbench_kpi_value") == {"1d": 1.0, "7d": 1.0, "28d": 1.0}
    assert kpi_gauge(found, "workbench_kpi_on_target") == {}


def test_targets_and_baselines_in_force_today_are_shown(now: datetime, key: ApiKey) -> None:
    Freshness.objects.create(environment="production", computed_until=now, time_zone="UTC")
    slug, today = "template-suggestion-rate", now.date()
    Target.objects.create(kpi=slug, value=Decimal("0.4"), effective_from=today)
    Target.objects.create(kpi=slug, value=Decimal("0.9"), effective_from=today + timedelta(days=1))
    Baseline.objects.create(
        kpi=slug, value=Decimal("0.1"), effective_from=today, method="counted", sample_size=50
    )

    found = scraped(now=now)

    assert kpi_gauge(found, "workbench_kpi_target")["1d"] == 0.4
    assert kpi_gauge(found, "workbench_kpi_baseline")["28d"] == 0.1


# The portal's own -----------------------------------------------------------------------------------------


def test_raw_and_quarantined_events_are_what_came_less_what_went(now: datetime) -> None:
    received = "portal_events_received_total"
    increase(
        [
            Increment(received, "production", ("accepted", ""), amount=100),
            Increment(received, "production", ("duplicate", ""), amount=7),
            Increment(received, "production", ("rejected", "too_long"), amount=5),
            Increment(received, "production", ("rejected", "bad_id"), amount=4),
            Increment("portal_raw_events_removed_total", "production", (), amount=30),
            Increment("portal_quarantine_removed_total", "production", (), amount=2),
        ]
    )

    found = scraped(now=now)

    assert found["portal_raw_events"] == {(PRODUCTION,): 70}
    assert found["portal_quarantine_events"] == {(PRODUCTION,): 7}
    assert sum(found[received].values()) == 116


def test_nothing_waits_and_the_lag_is_that_of_the_last_rollup(now: datetime, key: ApiKey) -> None:
    Freshness.objects.create(
        environment="production", computed_until=now - timedelta(seconds=3), time_zone="UTC"
    )
    arrive(key, received_at=now - timedelta(hours=1), taken_at=now)

    found = scraped(now=now)

    assert found["portal_arrivals_pending"] == {(PRODUCTION,): 0}
    assert found["portal_rollup_lag_seconds"] == {(PRODUCTION,): 3.0}


def test_the_oldest_post_that_waits_makes_the_lag(now: datetime, key: ApiKey) -> None:
    Freshness.objects.create(environment="production", computed_until=now, time_zone="UTC")
    for seconds in (5, 90, 30):
        arrive(key, received_at=now - timedelta(seconds=seconds))

    found = scraped(now=now)

    assert found["portal_arrivals_pending"] == {(PRODUCTION,): 3}
    assert found["portal_rollup_lag_seconds"] == {(PRODUCTION,): 90.0}


def test_a_post_before_the_first_rollup_makes_a_lag(now: datetime, key: ApiKey) -> None:
    arrive(key, received_at=now - timedelta(seconds=8))

    assert scraped(now=now)["portal_rollup_lag_seconds"] == {(PRODUCTION,): 8.0}


def test_an_environment_of_which_nothing_is_computed_has_no_lag(now: datetime, key: ApiKey) -> None:
    assert "portal_rollup_lag_seconds" not in scraped(now=now)


def test_a_clock_that_went_back_makes_no_lag_below_zero(now: datetime, key: ApiKey) -> None:
    Freshness.objects.create(
        environment="production", computed_until=now + timedelta(seconds=1), time_zone="UTC"
    )

    assert scraped(now=now)["portal_rollup_lag_seconds"] == {(PRODUCTION,): 0.0}


def test_shows_how_far_back_raw_events_go(now: datetime) -> None:
    Environment.objects.create(name="production", raw_kept_from=datetime(2026, 1, 1, tzinfo=UTC))
    Environment.objects.create(name="staging")

    assert scraped(now=now)["portal_raw_kept_from_timestamp_seconds"] == {(PRODUCTION,): 1767225600.0}


def test_shows_each_familys_series_and_budget(now: datetime) -> None:
    increase(Increment("agent_retries_total", "production", (f"agent-{number}",)) for number in range(3))

    found = scraped(now=now)

    family = (("family", "agent_retries_total"),)
    assert found["portal_metrics_series"][family] == 3
    assert found["portal_metrics_series_budget"][family] == 200
    assert len(found["portal_metrics_series"]) == len(families())


# What it costs --------------------------------------------------------------------------------------------


def test_the_number_of_queries_does_not_depend_on_what_happened(now: datetime, key: ApiKey) -> None:
    Freshness.objects.create(environment="production", computed_until=now, time_zone="UTC")
    # What is read once a process is read.
    scraped(now=now)
    with CaptureQueriesContext(connection) as before:
        scraped(now=now)

    for name in ("staging", "testing"):
        Environment.objects.create(name=name)
        Freshness.objects.create(environment=name, computed_until=now, time_zone="UTC")
    for number in range(30):
        start_run(at=now - timedelta(minutes=number))
        arrive(key, received_at=now)
        report(f"worker:{number}", "ready", now=now)
        count_suggestions(now.replace(hour=0) - timedelta(days=number), numerator=1, denominator=2)
    increase(Increment("agent_retries_total", "production", (f"agent-{number}",)) for number in range(30))

    with CaptureQueriesContext(connection) as after:
        scraped(now=now)

    assert len(after) == len(before)
