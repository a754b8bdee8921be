"""What each KPI counts: exact rows of base buckets and days, breakdowns and what is excluded."""

import re
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.conf import LazySettings

from kpis.compute import rollup
from kpis.compute.measures import ACCEPTED_DRAFTS, CREATED_ELSEWHERE, MEASURES, TableMeasure
from kpis.histogram import bin_of
from kpis.models import EnteredCount, KpiBucket, StoredGranularity
from kpis.registry import DEFINITIONS, REGISTRY
from tests.builders import event, minutes, store

pytestmark = pytest.mark.django_db

DAY = 24 * 60
SECOND = 1_000_000

# (bucket's start in minutes after MOMENT, dimension, value, numerator, denominator)
Row = tuple[float, str, str, int, int]


def tables_of(kpi: str) -> list[TableMeasure]:
    measure = MEASURES[kpi]
    # Adoption counts entered workflows below alone, in Python.
    return [measure] if isinstance(measure, TableMeasure) else [ACCEPTED_DRAFTS, CREATED_ELSEWHERE]


@pytest.mark.parametrize("kpi", [kpi.slug for kpi in DEFINITIONS if kpi.is_proportion])
def test_a_proportion_counts_nothing_above_the_line_that_it_does_not_count_below(kpi: str) -> None:
    for table in tables_of(kpi):
        counts_one = re.fullmatch(r"1|CASE .* THEN 1 ELSE 0 END", table.numerator, re.DOTALL)
        assert table.numerator == "0" or (counts_one and table.denominator == "1")


def rolled_up(*events: dict[str, Any], environment: str = "production") -> None:
    store(*events, environment=environment)
    rollup.bring_up_to_date(now=minutes(0))


def rows(kpi: str, granularity: str = StoredGranularity.BASE) -> list[Row]:
    found = KpiBucket.objects.filter(kpi=kpi, granularity=granularity, environment="production")
    return sorted(
        (
            (row.period_start - minutes(0)) / timedelta(minutes=1),
            row.dimension,
            row.value,
            row.numerator,
            row.denominator,
        )
        for row in found
    )


def day_of(found: list[Row]) -> list[Row]:
    """The same rows as they are in the row of their day, when all are of one."""
    return [(-600, *row[1:]) for row in found]


def histograms(kpi: str) -> dict[tuple[str, str, str], dict[str, int]]:
    found = KpiBucket.objects.filter(kpi=kpi, environment="production")
    return {(row.granularity, row.dimension, row.value): row.histogram for row in found}


def draft(name: str, minute: float, draft_id: str = "d-1", **properties: Any) -> dict[str, Any]:
    return event(f"workbench.draft_{name}", minutes(minute), **{"draftId": draft_id, **properties})


def run_started(minute: float, run: str = "r-1", **properties: Any) -> dict[str, Any]:
    return event(
        "workbench.workflow_run_started", minutes(minute), runId=run, **{"draftId": "d-1", **properties}
    )


def run_completed(minute: float, run: str = "r-1", status: str = "completed", **more: Any) -> dict[str, Any]:
    return event("workbench.workflow_run_completed", minutes(minute), runId=run, status=status, **more)


def agent_completed(minute: float, agent: str = "a-1", **properties: Any) -> dict[str, Any]:
    base = {"agentRunId": agent, "runId": "r-1", "agentName": "planner", "status": "completed"}
    return event("agent.run_completed", minutes(minute), **{**base, **properties})


def requested(minute: float, **properties: Any) -> dict[str, Any]:
    base = {"toolIds": ["t"], "contextType": "c"}
    return event("workbench.approval_requested", minutes(minute), **{**base, **properties})


def decided(minute: float, approved: bool = True, **properties: Any) -> dict[str, Any]:
    return event("workbench.approval_completed", minutes(minute), approved=approved, **properties)


def test_every_kpi_of_the_registry_has_a_measure() -> None:
    assert MEASURES.keys() == REGISTRY.keys()


def test_a_row_carries_its_persona_and_the_version_of_its_definition() -> None:
    rolled_up(draft("accepted", 0))
    for row in KpiBucket.objects.all():
        assert (row.persona, row.definition_version) == (REGISTRY[row.kpi].persona, REGISTRY[row.kpi].version)


def test_environments_are_measured_apart() -> None:
    rolled_up(draft("accepted", 0), environment="staging")
    rolled_up(draft("accepted", 0, "d-1"), draft("accepted", 1, "d-2"))

    found = KpiBucket.objects.filter(kpi="template-usage-rate", granularity=StoredGranularity.DAY)

    assert set(found.values_list("environment", "denominator")) == {("staging", 1), ("production", 2)}


# template-suggestion-rate ----------------------------------------------------------------------------------


def test_suggestions_are_counted_for_each_chat_message() -> None:
    rolled_up(
        event("workbench.template_suggested", minutes(0), templateId="t"),
        event("workbench.template_suggested", minutes(1), templateId="t"),
        event("workbench.chat_message_sent", minutes(2)),
        event("workbench.chat_message_sent", minutes(15)),
        event("workbench.chat_tool_invoked", minutes(15), toolId="t"),
    )

    assert rows("template-suggestion-rate") == [(0, "", "", 2, 1), (15, "", "", 0, 1)]
    assert rows("template-suggestion-rate", StoredGranularity.DAY) == [(-600, "", "", 2, 2)]


@pytest.mark.parametrize(("microseconds", "bucket"), [(-1, 0), (0, 15), (1, 15)])
def test_an_event_counts_in_the_bucket_that_holds_its_moment(microseconds: int, bucket: int) -> None:
    moment = minutes(15) + timedelta(microseconds=microseconds)

    rolled_up(
        event("workbench.chat_message_sent", moment), event("workbench.draft_accepted", moment, draftId="d")
    )

    assert rows("template-suggestion-rate") == [(bucket, "", "", 0, 1)]
    assert rows("template-usage-rate") == [(bucket, "", "", 0, 1)]


# time-to-create-workflow -----------------------------------------------------------------------------------


def test_a_draft_is_measured_from_its_first_creation_to_its_first_acceptance() -> None:
    rolled_up(
        draft("created", 1, source="chat"),
        draft("created", 0, source="chat"),
        draft("accepted", 20),
        draft("accepted", 10),
    )

    measured = [
        (0, "", "", 600 * SECOND, 1),
        (0, "source", "chat", 600 * SECOND, 1),
    ]

    assert rows("time-to-create-workflow") == measured
    assert rows("time-to-create-workflow", StoredGranularity.DAY) == day_of(measured)

    histogram = {str(bin_of(600 * SECOND)): 1}

    assert histograms("time-to-create-workflow") == {
        (granularity, *place): histogram
        for granularity in StoredGranularity.values
        for place in (("", ""), ("source", "chat"))
    }


def test_a_creation_without_id_is_measured_with_its_own_source() -> None:
    creation = event("workbench.draft_created", minutes(0), source="template")

    rolled_up(creation, draft("accepted", 1))

    assert rows("time-to-create-workflow") == [
        (0, "", "", 60 * SECOND, 1),
        (0, "source", "template", 60 * SECOND, 1),
    ]


@pytest.mark.parametrize(
    ("microseconds", "expected"),
    [
        pytest.param(-1, [(0, "", "", 1, 1), (0, "source", "chat", 1, 1)], id="just above zero"),
        pytest.param(0, [(0, "", "", 0, 1), (0, "source", "chat", 0, 1)], id="zero"),
        pytest.param(1, [(0, "excluded", "created_after_acceptance", 0, 1)], id="just below zero"),
    ],
)
def test_a_duration_below_zero_is_excluded_with_the_reason(microseconds: int, expected: list[Row]) -> None:
    creation = draft("created", 5, source="chat")
    creation["at"] += timedelta(microseconds=microseconds)

    rolled_up(creation, draft("accepted", 5))

    assert rows("time-to-create-workflow") == expected
    assert rows("time-to-create-workflow", StoredGranularity.DAY) == day_of(expected)


def test_a_draft_without_creation_is_excluded_with_the_reason() -> None:
    rolled_up(draft("accepted", 5), draft("accepted", 6, "d-2"))

    assert rows("time-to-create-workflow") == [(0, "excluded", "no_creation", 0, 2)]
    assert histograms("time-to-create-workflow") == {
        (granularity, "excluded", "no_creation"): {} for granularity in StoredGranularity.values
    }


def test_durations_of_a_day_merge_their_histograms() -> None:
    for number, minute in enumerate((0, 30, 60)):
        seconds = 60 * (number + 1)
        rolled_up(
            draft("created", minute - seconds / 60, f"d-{number}", source="chat"),
            draft("accepted", minute, f"d-{number}"),
        )
    expected = {str(bin_of(seconds * SECOND)): 1 for seconds in (60, 120, 180)}

    assert histograms("time-to-create-workflow")[StoredGranularity.DAY, "", ""] == expected
    assert rows("time-to-create-workflow", StoredGranularity.DAY)[0] == (-600, "", "", 360 * SECOND, 3)


# workbench-adoption ----------------------------------------------------------------------------------------


def test_adoption_counts_drafts_other_systems_and_entered_counts() -> None:
    rolled_up(
        draft("accepted", 0),
        draft("accepted", 1, "d-2"),
        event("workflow.created", minutes(2), source="api"),
        event("workflow.created", minutes(3), source="manual"),
        event("workflow.created", minutes(4), source="manual"),
    )
    EnteredCount.objects.create(environment="production", date=date(2026, 2, 2), source="wiki", workflows=5)
    rollup.mark_day(environment="production", date=date(2026, 2, 2))
    rollup.bring_up_to_date(now=minutes(0))

    origins = [("api", 0, 1), ("manual", 0, 2), ("wiki", 0, 5), ("workbench", 2, 2)]

    assert rows("workbench-adoption", StoredGranularity.DAY) == [
        (-600, "", "", 2, 10),
        *[(-600, "origin", *origin) for origin in origins],
    ]
    assert rows("workbench-adoption")[:2] == [(-600, "", "", 0, 5), (-600, "origin", "wiki", 0, 5)]


def test_an_entered_count_counts_at_the_start_of_its_day_and_nowhere_else(settings: LazySettings) -> None:
    settings.REPORTING_TIME_ZONE = "Europe/Berlin"
    EnteredCount.objects.create(environment="production", date=date(2026, 2, 2), source="wiki", workflows=5)
    EnteredCount.objects.create(environment="staging", date=date(2026, 2, 2), source="wiki", workflows=9)
    EnteredCount.objects.create(environment="production", date=date(2026, 2, 3), source="wiki", workflows=0)
    for day in (1, 2, 3):
        rollup.mark_day(environment="production", date=date(2026, 2, day))

    rolled_up(*(draft("accepted", minute, f"d{minute}") for minute in (-675, -645, -660)))

    assert rows("workbench-adoption") == [
        (-675, "", "", 1, 1),
        (-675, "origin", "workbench", 1, 1),
        (-660, "", "", 1, 6),
        (-660, "origin", "wiki", 0, 5),
        (-660, "origin", "workbench", 1, 1),
        (-645, "", "", 1, 1),
        (-645, "origin", "workbench", 1, 1),
    ]


# template-usage-rate ---------------------------------------------------------------------------------------


def created_without_id(minute: float, source: str) -> dict[str, Any]:
    return event("workbench.draft_created", minutes(minute), source=source)


def inserted(minute: float) -> dict[str, Any]:
    return event("workbench.template_inserted", minutes(minute), draftId="d-1", templateId="t")


@pytest.mark.parametrize(
    ("events", "used"),
    [
        pytest.param([], 0, id="nothing says so"),
        pytest.param([inserted(4)], 1, id="inserted before the acceptance"),
        pytest.param([inserted(5)], 1, id="inserted at its moment"),
        pytest.param([inserted(5.01)], 0, id="inserted after it"),
        pytest.param([inserted(6), inserted(4)], 1, id="inserted before and after it"),
        pytest.param([draft("created", 1, source="template")], 1, id="created from one"),
        pytest.param(
            [draft("created", 9, source="template")], 1, id="created from one, after the acceptance"
        ),
        pytest.param([draft("created", 1, source="chat")], 0, id="created from something else"),
        pytest.param([draft("accepted", 7, source="template")], 1, id="a later acceptance says so"),
        pytest.param([draft("edited", 1, editType="template_insert")], 0, id="an edit says so"),
        pytest.param([draft("rejected", 1, source="template")], 0, id="a rejection says so"),
        pytest.param([created_without_id(1, "template")], 1, id="paired with a creation from one"),
        pytest.param([created_without_id(1, "blank")], 0, id="paired with a creation from something else"),
        pytest.param([created_without_id(5.01, "template")], 0, id="a creation that comes too late to pair"),
        pytest.param(
            [created_without_id(1, "template"), draft("created", 2, source="blank")],
            0,
            id="its own creation comes before the paired one",
        ),
    ],
)
def test_a_draft_used_a_template_as_the_specification_says(events: list[dict[str, Any]], used: int) -> None:
    rolled_up(draft("accepted", 5), *events)

    assert rows("template-usage-rate") == [(0, "", "", used, 1)]
    assert rows("template-usage-rate", StoredGranularity.DAY) == [(-600, "", "", used, 1)]


# workflow-success-rate and workflow-duration ---------------------------------------------------------------


def test_runs_count_once_at_their_earliest_completion_by_workflow_and_trigger() -> None:
    rolled_up(
        run_started(0, trigger="user"),
        run_completed(20, status="completed"),
        run_completed(1, status="failed", workflowId="w-1", workflowName="import"),
        run_completed(2, "r-2", workflowId="w-2"),
        run_completed(3, "r-3"),
        run_completed(4, "r-4", status="cancelled"),
        run_started(5, "r-5"),
    )

    assert rows("workflow-success-rate") == [
        (0, "", "", 2, 3),
        (0, "trigger", "unknown", 2, 2),
        (0, "trigger", "user", 0, 1),
        (0, "workflow", "import", 0, 1),
        (0, "workflow", "unknown", 1, 1),
        (0, "workflow", "w-2", 1, 1),
    ]


def test_a_runs_duration_is_the_reported_one_else_from_start_to_completion() -> None:
    rolled_up(
        run_started(0, "r-1"),
        run_completed(1, "r-1"),
        run_started(9, "r-2"),
        run_completed(2, "r-2", status="failed", durationMs=1500),
        run_completed(3, "r-3", status="cancelled", durationMs=0),
    )

    assert rows("workflow-duration") == [
        (0, "", "", 61_500_000, 3),
        (0, "status", "cancelled", 0, 1),
        (0, "status", "completed", 60_000_000, 1),
        (0, "status", "failed", 1_500_000, 1),
        (0, "workflow", "unknown", 61_500_000, 3),
    ]

    expected = {str(bin_of(duration)): 1 for duration in (0, 1_500_000, 60_000_000)}

    assert histograms("workflow-duration")[StoredGranularity.BASE, "", ""] == expected


def test_runs_whose_duration_is_not_known_are_excluded_with_the_reason() -> None:
    rolled_up(run_completed(1, "r-1"), run_started(3, "r-2"), run_completed(2, "r-2"))

    assert rows("workflow-duration") == [
        (0, "excluded", "completed_before_start", 0, 1),
        (0, "excluded", "no_start", 0, 1),
    ]


# approval-wait and approval-rate ---------------------------------------------------------------------------


def test_approvals_wait_from_the_request_to_the_decision() -> None:
    rolled_up(
        requested(0),
        decided(1, approved=False),
        requested(2, approvalId="x"),
        decided(4, approvalId="x"),
        decided(5, approvalId="x", approved=False),
        decided(6),
        requested(9, approvalId="y"),
        decided(8, approvalId="y"),
    )

    assert rows("approval-wait") == [
        (0, "", "", 180 * SECOND, 2),
        (0, "approved", "false", 60 * SECOND, 1),
        (0, "approved", "true", 120 * SECOND, 1),
        (0, "excluded", "decided_before_request", 0, 1),
        (0, "excluded", "no_request", 0, 1),
    ]
    assert rows("approval-rate") == [(0, "", "", 3, 4)]


def test_an_approval_without_request_is_decided_all_the_same() -> None:
    rolled_up(decided(0, approved=False))

    assert rows("approval-rate") == [(0, "", "", 0, 1)]
    assert rows("approval-wait") == [(0, "excluded", "no_request", 0, 1)]


# agent-failure-rate ----------------------------------------------------------------------------------------


def test_agent_runs_fail_by_agent_and_count_once() -> None:
    rolled_up(
        agent_completed(1, "a-1", status="failed"),
        agent_completed(2, "a-1", status="completed"),
        agent_completed(3, "a-2"),
        agent_completed(4, "a-3", status="cancelled"),
        agent_completed(15, "a-4", agentName="tester", status="failed"),
    )

    assert rows("agent-failure-rate") == [
        (0, "", "", 1, 2),
        (0, "agent", "planner", 1, 2),
        (15, "", "", 1, 1),
        (15, "agent", "tester", 1, 1),
    ]


# execution-cost --------------------------------------------------------------------------------------------


def test_a_run_costs_its_minutes_unless_an_agent_run_reports_a_cost() -> None:
    rolled_up(
        run_completed(1, "r-1", durationMs=60_000, workflowName="import"),
        agent_completed(20, "a-1", costUsd=1.5),
        agent_completed(20, "a-2", costUsd=0),
        run_completed(2, "r-2", durationMs=120_000, workflowName="import"),
        agent_completed(2, "a-3", runId="r-2"),
        run_started(0, "r-3"),
        run_completed(3, "r-3", status="cancelled"),
        agent_completed(4, "a-4", runId="r-9", costUsd=0.000001),
    )

    assert rows("execution-cost") == [
        (0, "", "", 20_000 + 30_000 + 1, 3),
        (0, "workflow", "import", 20_000, 1),
        (0, "workflow", "unknown", 30_001, 2),
        (15, "", "", 1_500_000, 2),
        (15, "workflow", "import", 1_500_000, 2),
    ]


def test_a_run_whose_minutes_are_not_known_has_no_estimate() -> None:
    rolled_up(run_completed(1, "r-1"), run_started(3, "r-2"), run_completed(2, "r-2"))

    assert rows("execution-cost") == []


def test_a_cost_that_comes_later_takes_the_estimates_place() -> None:
    rolled_up(run_completed(DAY, durationMs=60_000))

    assert rows("execution-cost") == [
        (DAY, "", "", 10_000, 1),
        (DAY, "workflow", "unknown", 10_000, 1),
    ]

    rolled_up(agent_completed(0, costUsd=1))

    assert rows("execution-cost") == [
        (0, "", "", 1_000_000, 1),
        (0, "workflow", "unknown", 1_000_000, 1),
    ]
    assert rows("execution-cost", StoredGranularity.DAY) == [
        (-600, "", "", 1_000_000, 1),
        (-600, "workflow", "unknown", 1_000_000, 1),
    ]


def test_a_cost_that_moves_to_another_run_gives_the_first_its_estimate_back() -> None:
    rolled_up(
        run_completed(DAY, "r-1", durationMs=60_000, workflowName="one"),
        run_completed(2 * DAY, "r-2", durationMs=120_000, workflowName="two"),
        agent_completed(0, runId="r-2", costUsd=1),
    )

    assert [row for row in rows("execution-cost") if row[1]] == [
        (0, "workflow", "two", 1_000_000, 1),
        (DAY, "workflow", "one", 10_000, 1),
    ]

    late = event("agent.run_started", minutes(-1), agentRunId="a-1", runId="r-1", agentName="planner")
    rolled_up(late)

    assert [row for row in rows("execution-cost") if row[1]] == [
        (0, "workflow", "one", 1_000_000, 1),
        (2 * DAY, "workflow", "two", 20_000, 1),
    ]


def test_a_workflows_name_that_comes_later_names_its_costs() -> None:
    rolled_up(agent_completed(0, costUsd=1))

    rolled_up(run_started(DAY, workflowName="import"))

    assert rows("execution-cost")[1:] == [(0, "workflow", "import", 1_000_000, 1)]


def test_an_estimate_follows_the_configured_rate(settings: LazySettings) -> None:
    settings.COST_USD_PER_MINUTE = 0.5

    rolled_up(run_completed(0, durationMs=90_000))

    assert rows("execution-cost")[0] == (0, "", "", 750_000, 1)


def test_an_estimate_is_rounded_once_a_bucket_and_workflow() -> None:
    rolled_up(*(run_completed(minute, f"r-{minute}", durationMs=3) for minute in (0, 1, 2)))

    assert rows("execution-cost")[0] == (0, "", "", 2, 3)


# Days ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        (datetime.fromisoformat("2026-02-01T22:59:59.999999Z"), "2026-01-31T23:00:00Z"),
        (datetime.fromisoformat("2026-02-01T23:00:00Z"), "2026-02-01T23:00:00Z"),
        # The 23-hour day.
        (datetime.fromisoformat("2026-03-28T23:00:00Z"), "2026-03-28T23:00:00Z"),
        (datetime.fromisoformat("2026-03-29T21:59:59.999999Z"), "2026-03-28T23:00:00Z"),
        (datetime.fromisoformat("2026-03-29T22:00:00Z"), "2026-03-29T22:00:00Z"),
        # The 25-hour day, in both hours that are called 02:30.
        (datetime.fromisoformat("2026-10-24T21:59:59.999999Z"), "2026-10-23T22:00:00Z"),
        (datetime.fromisoformat("2026-10-25T00:30:00Z"), "2026-10-24T22:00:00Z"),
        (datetime.fromisoformat("2026-10-25T01:30:00Z"), "2026-10-24T22:00:00Z"),
        (datetime.fromisoformat("2026-10-25T22:59:59.999999Z"), "2026-10-24T22:00:00Z"),
        (datetime.fromisoformat("2026-10-25T23:00:00Z"), "2026-10-25T23:00:00Z"),
    ],
)
def test_a_day_is_a_day_of_the_reporting_zone(moment: datetime, day: str, settings: LazySettings) -> None:
    settings.REPORTING_TIME_ZONE = "Europe/Berlin"
    rolled_up(event("workbench.chat_message_sent", moment))

    [row] = KpiBucket.objects.filter(granularity=StoredGranularity.DAY)

    assert row.period_start == datetime.fromisoformat(day)


def test_every_hour_of_a_25_hour_day_counts_once(settings: LazySettings) -> None:
    settings.REPORTING_TIME_ZONE = "Europe/Berlin"
    start = datetime.fromisoformat("2026-10-24T22:00:00Z")
    rolled_up(*(event("workbench.chat_message_sent", start + timedelta(hours=hour)) for hour in range(26)))
    days = KpiBucket.objects.filter(granularity=StoredGranularity.DAY).order_by("period_start")

    assert [row.denominator for row in days] == [25, 1]
