"""What folds add to the metric bridge: each family's increments, once a thing, and never less."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import LazySettings

from telemetry.counters import bridge
from telemetry.counters.families import INFINITY, families
from telemetry.models import BridgeCounter
from tests.builders import event, fold, fold_one_by_one, minutes, store
from workbench.fold import pending

pytestmark = pytest.mark.django_db

MINUTE = 60_000_000


@pytest.fixture(autouse=True)
def _no_known_series() -> Iterator[None]:
    bridge.known_series.forget()
    yield
    bridge.known_series.forget()


def values(family: str) -> dict[tuple[str, ...], int]:
    """Label values (of a histogram also the bin) to the stored value, without what is zero."""
    rows = BridgeCounter.objects.filter(family=family).exclude(value=0)
    return {(*json.loads(row.labels), *filter(None, [row.bin])): row.value for row in rows}


def run_started(minute: float, run: str = "r-1", **properties: Any) -> dict[str, Any]:
    return event(
        "workbench.workflow_run_started", minutes(minute), runId=run, **{"draftId": "d-1", **properties}
    )


def run_completed(minute: float, run: str = "r-1", status: str = "completed", **more: Any) -> dict[str, Any]:
    return event("workbench.workflow_run_completed", minutes(minute), runId=run, status=status, **more)


def agent_started(minute: float, **properties: Any) -> dict[str, Any]:
    base = {"agentRunId": "a-1", "runId": "r-1", "agentName": "planner"}
    return event("agent.run_started", minutes(minute), **{**base, **properties})


def agent_completed(minute: float, status: str = "completed", **properties: Any) -> dict[str, Any]:
    base = {"agentRunId": "a-1", "runId": "r-1", "agentName": "planner", "status": status}
    return event("agent.run_completed", minutes(minute), **{**base, **properties})


def session(name: str, minute: float, **properties: Any) -> dict[str, Any]:
    return event(f"workbench.session_{name}", minutes(minute), **properties)


def draft(name: str, minute: float, **properties: Any) -> dict[str, Any]:
    return event(f"workbench.draft_{name}", minutes(minute), **properties)


def approval(name: str, minute: float, session: str = "s-1", **properties: Any) -> dict[str, Any]:
    return event(f"workbench.approval_{name}", minutes(minute), session=session, **properties)


ASK = {"toolIds": ["t"], "contextType": "c"}


# Events ----------------------------------------------------------------------------------------------------


def test_every_event_is_counted_by_its_name_status_and_verdict() -> None:
    fold(
        run_completed(1, status="failed"),
        run_completed(2, run="r-2", status="failed"),
        approval("completed", 3, approved=True),
        approval("completed", 4, approved=False),
        event("workbench.chat_message_sent"),
        event("appserver.request_completed", route="/x", method="GET", status="503", durationMs=1, model="m"),
    )

    assert values("workbench_events_total") == {
        ("workbench.workflow_run_completed", "failed", ""): 2,
        ("workbench.approval_completed", "", "true"): 1,
        ("workbench.approval_completed", "", "false"): 1,
        ("workbench.chat_message_sent", "", ""): 1,
        ("appserver.request_completed", "5xx", ""): 1,
    }


def test_what_was_received_is_counted_by_outcome_and_reason() -> None:
    store(event("workbench.chat_message_sent"), duplicates=2, rejected={"bad_id": 3}, received_at=minutes(0))
    store(rejected={"bad_id": 1, "too_long": 1})

    pending.fold_pending(now=minutes(0))

    assert values("portal_events_received_total") == {
        ("accepted", ""): 1,
        ("duplicate", ""): 2,
        ("rejected", "bad_id"): 4,
        ("rejected", "too_long"): 1,
    }


def test_retries_are_attempts_after_the_first() -> None:
    fold(
        agent_started(1, attempt=1),
        agent_started(2, attempt=2),
        agent_started(3, attempt=3, agentName="tester"),
        agent_started(4),
        agent_completed(5, attempt=2),
    )

    assert values("agent_retries_total") == {("planner",): 1, ("tester",): 1}


def request(minute: float, status: str, duration_ms: int, **properties: Any) -> dict[str, Any]:
    base = {"route": "/chat", "method": "POST", "status": status, "durationMs": duration_ms}
    return event("appserver.request_completed", minutes(minute), **base, **properties)


def test_requests_of_app_servers_are_counted_measured_and_their_errors_sorted() -> None:
    fold(request(1, "200", 20), request(2, "201", 3, model="m"), request(3, "500", 900, errorCategory="db"))

    assert values("appserver_requests_total") == {
        ("/chat", "POST", "2xx", ""): 1,
        ("/chat", "POST", "2xx", "m"): 1,
        ("/chat", "POST", "5xx", ""): 1,
    }
    assert values("appserver_request_duration_seconds") == {
        ("/chat", "POST", "2xx", "", "0.025"): 1,
        ("/chat", "POST", "2xx", "", "sum"): 20_000,
        ("/chat", "POST", "2xx", "m", "0.005"): 1,
        ("/chat", "POST", "2xx", "m", "sum"): 3_000,
        ("/chat", "POST", "5xx", "", "1.0"): 1,
        ("/chat", "POST", "5xx", "", "sum"): 900_000,
    }
    assert values("appserver_errors_total") == {("db",): 1}


@pytest.mark.parametrize(
    ("family", "change", "properties"),
    [
        ("appserver_worker_restarts_total", "worker_state_changed", {"workerId": "w", "state": "restarting"}),
        ("tool_buffer_started_total", "tool_buffer_changed", {"state": "started"}),
        ("tool_buffer_flushed_total", "tool_buffer_changed", {"state": "flushed"}),
        ("tool_buffer_aborted_total", "tool_buffer_changed", {"state": "aborted"}),
    ],
)
def test_each_change_of_an_app_server_feeds_one_family(
    family: str, change: str, properties: dict[str, str]
) -> None:
    names = [name for name in families() if name.startswith(("appserver_", "tool_buffer_"))]
    fold(event(f"appserver.{change}", **properties))
    fold(event(f"appserver.{change}", minutes(1), **properties))

    fold(event("appserver.worker_state_changed", workerId="w", state="ready"))

    assert {name: values(name) for name in names if values(name)} == {family: {(): 2}}


# Things ----------------------------------------------------------------------------------------------------


def histogram(family: str, upper_bound: str, microseconds: int, *labels: str) -> dict[tuple[str, ...], int]:
    found = {(*labels, upper_bound): 1, (*labels, "sum"): microseconds}
    return {place: value for place, value in found.items() if value}


@pytest.mark.parametrize(
    ("events", "upper_bound", "microseconds"),
    [
        pytest.param([session("started", 0), session("ended", 1)], "60.0", MINUTE, id="measured"),
        pytest.param([session("started", 0), session("ended", 0)], "1.0", 0, id="none at all"),
        pytest.param([session("ended", 9, durationMs=7_200_001)], INFINITY, 7_200_001_000, id="reported"),
        pytest.param(
            [session("started", 0), session("ended", 9, durationMs=2_500)],
            "2.5",
            2_500_000,
            id="reported before measured",
        ),
    ],
)
def test_a_sessions_duration(events: list[dict[str, Any]], upper_bound: str, microseconds: int) -> None:
    family = "workbench_session_duration_seconds"
    fold(*events)

    fold(session("ended", 30, durationMs=1), session("started", -30))

    assert values(family) == histogram(family, upper_bound, microseconds)


@pytest.mark.parametrize(
    "events",
    [
        pytest.param([session("started", 0)], id="no end"),
        pytest.param([session("ended", 1)], id="no start"),
        pytest.param([session("started", 2), session("ended", 1)], id="ended before it started"),
    ],
)
def test_a_session_whose_duration_is_not_known_is_not_observed(events: list[dict[str, Any]]) -> None:
    fold(*events)

    assert values("workbench_session_duration_seconds") == {}


@pytest.mark.parametrize(
    "creation",
    [
        pytest.param(draft("created", 0, source="chat", draftId="d-1"), id="its own"),
        pytest.param(draft("created", 0, source="chat"), id="without id"),
    ],
)
def test_a_drafts_time_to_acceptance_whichever_half_comes_first(creation: dict[str, Any]) -> None:
    family = "workbench_draft_acceptance_seconds"

    fold_one_by_one(draft("accepted", 2, draftId="d-1"), creation)

    assert values(family) == histogram(family, "120.0", 2 * MINUTE)

    fold_one_by_one(draft("accepted", 1, draftId="d-1"), draft("created", -9, source="chat", draftId="d-1"))

    assert values(family) == histogram(family, "120.0", 2 * MINUTE)


def test_a_draft_that_was_created_after_its_acceptance_is_not_observed() -> None:
    fold(draft("accepted", 2, draftId="d-1"), draft("created", 3, source="chat", draftId="d-1"))

    assert values("workbench_draft_acceptance_seconds") == {}


def test_a_run_is_counted_at_its_completion_and_never_again() -> None:
    fold_one_by_one(run_started(0, trigger="user"))

    assert values("workflow_runs_total") == {}

    fold_one_by_one(run_completed(5, status="failed"), run_completed(4), run_completed(6, status="cancelled"))

    assert values("workflow_runs_total") == {("failed", "user"): 1}
    assert values("workflow_duration_seconds") == histogram("", "300.0", 5 * MINUTE, "failed")


def test_a_run_without_trigger_is_of_an_unknown_one() -> None:
    fold(run_completed(1))

    assert values("workflow_runs_total") == {("completed", "unknown"): 1}


def test_a_start_that_comes_late_is_measured_then() -> None:
    fold_one_by_one(run_completed(1, workflowName="w"))

    assert values("workflow_duration_seconds") == values("workflow_execution_minutes_total") == {}

    fold_one_by_one(run_started(0))

    assert values("workflow_duration_seconds") == histogram("", "60.0", MINUTE, "completed")
    assert values("workflow_execution_minutes_total") == {("w",): MINUTE}
    assert values("workflow_runs_total") == {("completed", "unknown"): 1}


@pytest.mark.parametrize("status", ["completed", "failed", "cancelled"])
def test_a_run_that_ended_before_it_began_is_counted_and_not_measured(status: str) -> None:
    fold_one_by_one(run_started(3), run_completed(2, status=status))

    assert values("workflow_runs_total") == {(status, "unknown"): 1}
    assert values("workflow_duration_seconds") == values("workflow_cost_usd_total") == {}


def test_minutes_and_estimated_cost_go_to_the_workflow(settings: LazySettings) -> None:
    settings.COST_USD_PER_MINUTE = 0.02

    fold(
        run_completed(1, run="r-1", durationMs=90_000, workflowId="w-1", workflowName="import"),
        run_completed(2, run="r-2", durationMs=30_000, workflowId="w-2"),
        run_completed(3, run="r-3", durationMs=60_000),
    )

    assert values("workflow_execution_minutes_total") == {
        ("import",): 90_000_000,
        ("w-2",): 30_000_000,
        ("unknown",): MINUTE,
    }
    assert values("workflow_cost_usd_total") == {("import",): 30_000, ("w-2",): 10_000, ("unknown",): 20_000}


def test_half_a_micro_dollar_of_an_estimate_is_rounded_up_as_in_the_kpi(settings: LazySettings) -> None:
    settings.COST_USD_PER_MINUTE = 0.01

    fold(run_completed(1, durationMs=3), run_completed(2, run="r-2", durationMs=15, workflowName="import"))

    assert values("workflow_cost_usd_total") == {("unknown",): 1, ("import",): 3}


def test_a_reported_cost_takes_the_place_of_the_estimate() -> None:
    fold(
        run_completed(5, durationMs=60_000, workflowName="import"),
        agent_completed(4, costUsd=1.5),
        agent_completed(4, agentRunId="a-2", costUsd=0.25),
        agent_completed(4, agentRunId="a-3", runId="r-9", costUsd=2),
    )

    assert values("workflow_cost_usd_total") == {("import",): 1_750_000, ("unknown",): 2_000_000}
    assert values("workflow_execution_minutes_total") == {("import",): MINUTE}


def test_a_cost_that_is_reported_after_the_estimate_is_added_and_nothing_falls() -> None:
    fold_one_by_one(run_completed(5, durationMs=60_000), agent_completed(4, costUsd=1))

    assert values("workflow_cost_usd_total") == {("unknown",): 1_010_000}


def test_an_agent_run_is_counted_measured_and_its_error_sorted_once() -> None:
    fold_one_by_one(
        agent_started(0), agent_completed(1, "failed", errorType="timeout"), agent_completed(0.5, "completed")
    )

    assert values("agent_runs_total") == {("planner", "failed"): 1}
    assert values("agent_errors_total") == {("planner", "timeout"): 1}
    assert values("agent_duration_seconds") == histogram("", "60.0", MINUTE, "planner")


def test_a_failure_without_error_type_is_of_an_unknown_one_and_a_success_is_no_error() -> None:
    fold(agent_completed(1, "failed"), agent_completed(2, agentRunId="a-2", errorType="none"))

    assert values("agent_errors_total") == {("planner", "unknown"): 1}


def test_an_agent_run_that_ended_before_it_began_is_counted_and_not_measured() -> None:
    fold_one_by_one(agent_started(3), agent_completed(2))

    assert values("agent_runs_total") == {("planner", "completed"): 1}
    assert values("agent_duration_seconds") == {}


@pytest.mark.parametrize("sessions", [("s-1", "s-1"), ("agent", "user")])
@pytest.mark.parametrize("is_request_first", [True, False])
def test_an_approvals_wait_is_observed_once_across_sessions_and_orders(
    sessions: tuple[str, str], is_request_first: bool
) -> None:
    halves = [
        approval("requested", 0, session=sessions[0], approvalId="x", **ASK),
        approval("completed", 1, session=sessions[1], approvalId="x", approved=False),
    ]
    fold_one_by_one(*(halves if is_request_first else halves[::-1]))
    expected = histogram("", "60.0", MINUTE, "false")

    assert values("workflow_approval_wait_time_seconds") == expected

    fold_one_by_one(approval("requested", -1, session=sessions[1], approvalId="x", **ASK))

    assert values("workflow_approval_wait_time_seconds") == expected


def test_a_decision_before_its_request_or_without_one_is_not_observed() -> None:
    fold(
        approval("requested", 3, approvalId="x", **ASK),
        approval("completed", 2, approvalId="x", approved=True),
        approval("completed", 1, approved=True),
    )

    assert values("workflow_approval_wait_time_seconds") == {}


def test_environments_are_counted_apart() -> None:
    fold(run_completed(1), environment="production")
    fold(run_completed(1), environment="staging")

    rows = BridgeCounter.objects.filter(family="workflow_runs_total", value=1)

    assert sorted(rows.values_list("environment", flat=True)) == ["production", "staging"]
