"""The oracle against examples computed by hand, on both sides of each rule of the KPIs' definitions."""

from datetime import UTC, date, datetime, time
from itertools import count
from typing import Any
from uuid import UUID

import pytest

from tests.oracle.compute import (
    AcceptedEvent,
    Entered,
    FunnelRow,
    Post,
    Row,
    Rows,
    expected_days,
    expected_funnel,
    expected_rows,
    first_of_each,
    funnel_sessions,
    percentile,
    start_of_bucket,
    start_of_day,
)

DAY = date(2026, 2, 2)
SECOND = 1_000_000
MINUTE = 60 * SECOND
keys = count(1000)


def at(clock: str) -> datetime:
    """A moment of the tests' day, like 10:00 or 10:00:00.000001."""
    return datetime.combine(DAY, time.fromisoformat(clock), tzinfo=UTC)


def event(
    name: str, clock: str, *, key: int = 0, session: str = "s", environment: str = "e", **properties: Any
) -> AcceptedEvent:
    return AcceptedEvent(
        environment=environment,
        event_key=UUID(int=key or next(keys)),
        event=name if "." in name else f"workbench.{name}",
        session_id=session,
        occurred_at=at(clock),
        properties=properties,
    )


def created(clock: str, draft: str = "d", source: str = "chat", **rest: Any) -> AcceptedEvent:
    return event("draft_created", clock, source=source, **({"draftId": draft} if draft else {}), **rest)


def accepted(clock: str, draft: str = "d", **rest: Any) -> AcceptedEvent:
    return event("draft_accepted", clock, draftId=draft, **rest)


def run_started(clock: str, run: str = "r", **rest: Any) -> AcceptedEvent:
    return event("workflow_run_started", clock, runId=run, draftId="d", **rest)


def run_completed(clock: str, run: str = "r", status: str = "completed", **rest: Any) -> AcceptedEvent:
    return event("workflow_run_completed", clock, runId=run, status=status, **rest)


def agent_completed(clock: str, agent_run: str = "a", **rest: Any) -> AcceptedEvent:
    given = {"runId": "r", "agentName": "planner", "status": "completed", **rest}
    return event("agent.run_completed", clock, agentRunId=agent_run, **given)


def called(clock: str, span: str = "2", parent: str = "1", **rest: Any) -> AcceptedEvent:
    given = {"traceId": "t", "spanId": span, "parentSpanId": parent, "runId": "r", **rest}
    return event("agent.model_called", clock, **given)


def requested(clock: str, tools: str = "t", **rest: Any) -> AcceptedEvent:
    return event("approval_requested", clock, toolIds=tools.split(), contextType="workflow", **rest)


def decided(clock: str, approved: bool = True, tools: str = "", **rest: Any) -> AcceptedEvent:
    named = {"toolIds": tools.split()} if tools else {}
    return event("approval_completed", clock, approved=approved, **named, **rest)


def rows_of(
    kpi: str,
    *events: AcceptedEvent,
    entered: tuple[Entered, ...] = (),
    rate: float = 0.01,
    zone: str = "UTC",
) -> Rows:
    """The KPI's rows; the order of the events must not matter."""
    rows = expected_rows(events, entered=entered, rate=rate, zone=zone)
    assert rows == expected_rows(events[::-1], entered=entered, rate=rate, zone=zone)
    return {key: row for key, row in rows.items() if key[0] == kpi}


def short(rows: Rows) -> dict[tuple[str, str], tuple[int, int]]:
    """Numerator and denominator by dimension and value, where all rows are in one bucket and environment."""
    assert len({key[:3] for key in rows}) <= 1
    return {key[3:]: (row.numerator, row.denominator) for key, row in rows.items()}


def totals(rows: Rows) -> dict[str, tuple[int, int]]:
    """Numerator and denominator of the whole KPI by the clock of its bucket."""
    return {
        f"{key[2]:%H:%M}": (row.numerator, row.denominator)
        for key, row in rows.items()
        if key[3:] == ("", "")
    }


def waits(*events: AcceptedEvent) -> list[int]:
    """The minutes that the measured approvals waited, shortest first."""
    rows = rows_of("approval-wait", *events)
    durations = [row.durations for key, row in rows.items() if key[3:] == ("", "")]
    return sorted(duration // MINUTE for some in durations for duration in some)


def excluded(rows: Rows) -> dict[str, int]:
    return {key[4]: row.denominator for key, row in rows.items() if key[3] == "excluded"}


# Buckets and environments ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("clock", "bucket"),
    [
        ("10:00", "10:00"),
        ("10:14:59.999999", "10:00"),
        ("10:15", "10:15"),
        ("23:59:59.999999", "23:45"),
    ],
)
def test_a_bucket_is_fifteen_minutes_and_its_end_is_open(clock: str, bucket: str) -> None:
    assert start_of_bucket(at(clock)) == at(bucket)


def test_counts_each_environment_by_itself() -> None:
    rows = rows_of(
        "template-usage-rate",
        accepted("10:00", environment="e"),
        accepted("10:00", environment="f", source="template"),
    )
    assert rows == {
        ("template-usage-rate", "e", at("10:00"), "", ""): Row(0, 1),
        ("template-usage-rate", "f", at("10:00"), "", ""): Row(1, 1),
    }


@pytest.mark.parametrize(
    ("zone", "moment", "start"),
    [
        ("UTC", datetime(2026, 3, 29, 23, 59, tzinfo=UTC), datetime(2026, 3, 29, tzinfo=UTC)),
        ("Europe/Berlin", datetime(2026, 3, 28, 22, 59, tzinfo=UTC), datetime(2026, 3, 27, 23, tzinfo=UTC)),
        ("Europe/Berlin", datetime(2026, 3, 28, 23, 0, tzinfo=UTC), datetime(2026, 3, 28, 23, tzinfo=UTC)),
        # The day of 23 hours ends at 22:00 UTC, the day of 25 hours at 23:00.
        ("Europe/Berlin", datetime(2026, 3, 29, 21, 59, tzinfo=UTC), datetime(2026, 3, 28, 23, tzinfo=UTC)),
        ("Europe/Berlin", datetime(2026, 3, 29, 22, 0, tzinfo=UTC), datetime(2026, 3, 29, 22, tzinfo=UTC)),
        ("Europe/Berlin", datetime(2026, 10, 25, 22, 59, tzinfo=UTC), datetime(2026, 10, 24, 22, tzinfo=UTC)),
        ("Europe/Berlin", datetime(2026, 10, 25, 23, 0, tzinfo=UTC), datetime(2026, 10, 25, 23, tzinfo=UTC)),
        # Nepal's days begin at 18:15 UTC; in Beirut that day begins at 01:00, since midnight is skipped.
        (
            "Asia/Kathmandu",
            datetime(2026, 2, 2, 18, 15, tzinfo=UTC),
            datetime(2026, 2, 2, 18, 15, tzinfo=UTC),
        ),
        ("Asia/Beirut", datetime(2026, 3, 29, 12, 0, tzinfo=UTC), datetime(2026, 3, 28, 22, tzinfo=UTC)),
        # In Havana the hour after midnight comes twice; the day begins with the first.
        ("America/Havana", datetime(2026, 11, 1, 5, 30, tzinfo=UTC), datetime(2026, 11, 1, 4, tzinfo=UTC)),
    ],
)
def test_a_day_is_the_calendars_day_in_the_zone(zone: str, moment: datetime, start: datetime) -> None:
    assert start_of_day(moment, zone=zone) == start


def test_a_day_row_is_the_sum_of_its_base_rows() -> None:
    rows = rows_of(
        "workflow-duration",
        run_completed("22:50", "r1", durationMs=1),
        run_completed("23:00", "r2", durationMs=2),
        run_completed("23:15", "r3", durationMs=1),
    )

    days = expected_days(rows, zone="Europe/Berlin")

    assert {key[2]: row for key, row in days.items() if key[3] == "status"} == {
        datetime(2026, 2, 1, 23, tzinfo=UTC): Row(1000, 1, (1000,)),
        datetime(2026, 2, 2, 23, tzinfo=UTC): Row(3000, 2, (1000, 2000)),
    }


# Duplicates -----------------------------------------------------------------------------------------------


def post(timestamp: str, *, event_id: str | None = "i", source: str = "web", environment: str = "e") -> Post:
    document = {"event": "workbench.chat_message_sent", "sessionId": "s", "timestamp": timestamp}
    named = {} if event_id is None else {"id": event_id}
    return Post(environment=environment, source=source, document={**document, **named})


FIRST = post("2026-02-02T10:00:00Z")
NAMELESS = post("2026-02-02T10:00:00Z", event_id=None)


@pytest.mark.parametrize(
    ("first", "second", "counted"),
    [
        (FIRST, FIRST, 1),
        (FIRST, post("2026-02-02T23:59:59.999999Z"), 1),
        (FIRST, post("2026-02-03T00:00:00Z"), 2),
        # The UTC day decides, whatever zone the timestamp is written in.
        (FIRST, post("2026-02-03T00:30:00+01:00"), 1),
        (FIRST, post("2026-02-02T23:30:00-01:00"), 2),
        (FIRST, post("2026-02-02T10:00:00Z", event_id="j"), 2),
        (FIRST, post("2026-02-02T10:00:00Z", source="app"), 2),
        (FIRST, post("2026-02-02T10:00:00Z", environment="f"), 2),
        (FIRST, NAMELESS, 2),
        (NAMELESS, NAMELESS, 1),
        (NAMELESS, post("2026-02-02T11:00:00+01:00", event_id=None), 1),
        (NAMELESS, post("2026-02-02T10:00:01Z", event_id=None), 2),
    ],
)
def test_same_environment_source_id_and_day_count_once(first: Post, second: Post, counted: int) -> None:
    assert len(first_of_each([first, second])) == counted


def test_the_first_of_several_duplicates_is_the_one_that_counts() -> None:
    later = post("2026-02-02T23:59:59Z")

    assert first_of_each([FIRST, later]) == [FIRST]
    assert first_of_each([later, FIRST]) == [later]


# template-suggestion-rate ---------------------------------------------------------------------------------


def test_template_suggestion_rate_is_suggestions_over_messages() -> None:
    rows = rows_of(
        "template-suggestion-rate",
        event("template_suggested", "10:00", templateId="t"),
        event("template_suggested", "10:15", templateId="t"),
        event("chat_message_sent", "10:14:59"),
        event("chat_message_sent", "10:30"),
        event("chat_tool_invoked", "10:45", toolId="t"),
    )

    assert totals(rows) == {"10:00": (1, 1), "10:15": (1, 0), "10:30": (0, 1)}
    assert {key[3] for key in rows} == {""}


# time-to-create-workflow ----------------------------------------------------------------------------------


def test_a_drafts_time_is_from_its_first_creation_to_its_first_acceptance() -> None:
    rows = rows_of(
        "time-to-create-workflow", created("10:01"), created("10:05"), accepted("10:07"), accepted("10:40")
    )
    assert rows == {
        ("time-to-create-workflow", "e", at("10:00"), "", ""): Row(6 * MINUTE, 1, (6 * MINUTE,)),
        ("time-to-create-workflow", "e", at("10:00"), "source", "chat"): Row(6 * MINUTE, 1, (6 * MINUTE,)),
    }


def test_a_draft_may_be_created_and_accepted_in_different_sessions() -> None:
    rows = rows_of("time-to-create-workflow", created("10:01", session="s"), accepted("10:07", session="t"))
    assert short(rows)["", ""] == (6 * MINUTE, 1)


def test_a_draft_counts_in_the_bucket_of_its_acceptance() -> None:
    rows = rows_of("time-to-create-workflow", created("09:00"), accepted("10:15"))
    assert totals(rows) == {"10:15": (75 * MINUTE, 1)}


@pytest.mark.parametrize(
    ("clock", "expected"),
    [
        ("09:59:59.999999", {("", ""): (1, 1), ("source", "chat"): (1, 1)}),
        ("10:00", {("", ""): (0, 1), ("source", "chat"): (0, 1)}),
        ("10:00:00.000001", {("excluded", "created_after_acceptance"): (0, 1)}),
    ],
)
def test_a_time_counts_only_when_creation_is_at_or_before_acceptance(clock: str, expected: Any) -> None:
    assert short(rows_of("time-to-create-workflow", created(clock), accepted("10:00"))) == expected


def test_a_draft_without_creation_is_excluded_with_its_reason() -> None:
    assert short(rows_of("time-to-create-workflow", accepted("10:00"))) == {
        ("excluded", "no_creation"): (0, 1)
    }


def test_a_draft_that_was_never_accepted_counts_nowhere() -> None:
    assert expected_rows([created("10:00")], entered=[], rate=0.01, zone="UTC") == {}


@pytest.mark.parametrize(
    ("sources", "smallest"),
    [("chat template", "chat"), ("template blank", "blank"), ("template", "template")],
)
def test_the_smallest_source_of_its_creations_is_a_drafts_source(sources: str, smallest: str) -> None:
    creations = [created("09:58", source=source) for source in sources.split()]
    rows = rows_of("time-to-create-workflow", *creations, accepted("10:00"))

    assert set(short(rows)) == {("", ""), ("source", smallest)}


# Creations without draftId --------------------------------------------------------------------------------


def times(*events: AcceptedEvent) -> list[int]:
    """The minutes that the measured drafts took, shortest first."""
    rows = rows_of("time-to-create-workflow", *events)
    durations = [row.durations for key, row in rows.items() if key[3:] == ("", "")]
    return sorted(duration // MINUTE for some in durations for duration in some)


def test_a_creation_without_id_pairs_with_a_later_acceptance_of_its_session() -> None:
    rows = rows_of("time-to-create-workflow", created("10:00", "", source="blank"), accepted("10:04"))
    assert short(rows) == {("", ""): (4 * MINUTE, 1), ("source", "blank"): (4 * MINUTE, 1)}


@pytest.mark.parametrize(
    ("clock", "expected"), [("10:03:59.999999", {}), ("10:04", {}), ("10:04:00.000001", {"no_creation": 1})]
)
def test_a_creation_without_id_pairs_only_at_or_before_the_acceptance(clock: str, expected: Any) -> None:
    assert excluded(rows_of("time-to-create-workflow", created(clock, ""), accepted("10:04"))) == expected


@pytest.mark.parametrize("elsewhere", [{"session": "t"}, {"environment": "f"}])
def test_a_creation_without_id_pairs_only_in_its_session_and_environment(elsewhere: dict[str, str]) -> None:
    assert times(created("10:00", "", **elsewhere), accepted("10:04")) == []


def test_a_draft_with_a_creation_of_its_own_takes_no_other() -> None:
    own = created("10:09", session="other")

    rows = rows_of("time-to-create-workflow", created("10:00", ""), own, accepted("10:04"))

    assert short(rows) == {("excluded", "created_after_acceptance"): (0, 1)}


def test_each_acceptance_takes_the_latest_creation_that_none_has_taken() -> None:
    creations = [created("10:00", ""), created("10:01", "")]
    assert times(*creations, accepted("10:02", "d1"), accepted("10:05", "d2")) == [1, 5]


def test_acceptances_take_in_the_order_of_time() -> None:
    creations = [created("10:00", ""), created("10:03", "")]
    assert times(*creations, accepted("10:02", "d2"), accepted("10:05", "d1")) == [2, 2]


def test_of_acceptances_at_once_the_smaller_draft_takes_first() -> None:
    creations = [created("10:00", "", source="template"), created("10:01", "", source="chat")]
    rows = rows_of("time-to-create-workflow", *creations, accepted("10:02", "d2"), accepted("10:02", "d1"))
    assert short(rows)["source", "chat"] == (1 * MINUTE, 1)
    usage = rows_of("template-usage-rate", *creations, accepted("10:02", "d2"), accepted("10:17", "d1"))
    assert totals(usage) == {"10:00": (0, 1), "10:15": (1, 1)}


def test_of_creations_at_once_the_largest_key_is_taken_first() -> None:
    creations = [created("10:00", "", source="chat", key=2), created("10:00", "", source="blank", key=1)]
    rows = rows_of("time-to-create-workflow", *creations, accepted("10:02"))

    assert set(short(rows)) == {("", ""), ("source", "chat")}


def test_a_draft_pairs_in_the_session_of_its_earliest_acceptance() -> None:
    creations = [created("10:00", "", session="s"), created("10:01", "", session="t")]
    again = [accepted("10:03", session="s"), accepted("10:04", session="t")]

    assert times(*creations, *again) == [3]


def test_of_acceptances_at_once_the_smallest_session_is_the_drafts() -> None:
    creations = [created("10:00", "", session="s"), created("10:01", "", session="t")]
    again = [accepted("10:03", session="t", key=1), accepted("10:03", session="s", key=2)]

    assert times(*creations, *again) == [3]


# workbench-adoption ---------------------------------------------------------------------------------------


def test_adoption_is_accepted_drafts_of_all_workflows_made() -> None:
    rows = rows_of(
        "workbench-adoption",
        accepted("00:05", "d1"),
        accepted("00:06", "d2"),
        accepted("00:07", "d2"),
        event("workflow.created", "00:08", source="manual"),
        event("workflow.created", "00:09", source="api"),
        entered=(Entered(environment="e", date=DAY, source="manual", workflows=5),),
    )
    assert short(rows) == {
        ("", ""): (2, 9),
        ("origin", "workbench"): (2, 2),
        ("origin", "manual"): (0, 6),
        ("origin", "api"): (0, 1),
    }


def test_an_entered_count_stands_at_the_start_of_its_day_in_the_zone() -> None:
    entered = (Entered(environment="e", date=DAY, source="paper", workflows=5),)

    rows = rows_of("workbench-adoption", entered=entered, zone="Europe/Berlin")

    assert {key[2] for key in rows} == {datetime(2026, 2, 1, 23, tzinfo=UTC)}


def test_an_entered_count_of_zero_makes_no_row() -> None:
    entered = (Entered(environment="e", date=DAY, source="paper", workflows=0),)
    assert rows_of("workbench-adoption", entered=entered) == {}


# template-usage-rate --------------------------------------------------------------------------------------

INSERTED = {"templateId": "t", "draftId": "d"}


@pytest.mark.parametrize(
    ("others", "used"),
    [
        ([], 0),
        ([created("09:00", source="chat")], 0),
        ([created("09:00", source="template")], 1),
        # What a creation or an acceptance says holds whenever it was said.
        ([created("10:30", source="template")], 1),
        ([accepted("10:30", source="template")], 1),
        ([accepted("10:30", source="chat")], 0),
        ([event("template_inserted", "09:59:59.999999", **INSERTED)], 1),
        ([event("template_inserted", "10:00", session="other", **INSERTED)], 1),
        ([event("template_inserted", "10:00:00.000001", **INSERTED)], 0),
        ([event("template_inserted", "09:00", environment="f", **INSERTED)], 0),
        ([event("template_inserted", "09:00", templateId="t", draftId="other")], 0),
        ([event("template_suggested", "09:00", **INSERTED)], 0),
        ([created("09:00", "", source="template")], 1),
        ([created("09:00", "", source="template"), created("11:00", source="chat")], 0),
    ],
)
def test_a_draft_used_a_template(others: list[AcceptedEvent], used: int) -> None:
    rows = rows_of("template-usage-rate", accepted("10:00"), *others)
    assert short(rows) == {("", ""): (used, 1)}


# workflow-success-rate ------------------------------------------------------------------------------------


def test_success_rate_leaves_cancelled_runs_out() -> None:
    rows = rows_of(
        "workflow-success-rate",
        run_completed("10:00", "r1"),
        run_completed("10:01", "r2", "failed"),
        run_completed("10:02", "r3", "cancelled"),
        run_started("10:03", "r4"),
    )
    assert short(rows) == {
        ("", ""): (1, 2),
        ("workflow", "unknown"): (1, 2),
        ("trigger", "unknown"): (1, 2),
    }


def test_a_run_counts_once_at_its_earliest_completion() -> None:
    rows = rows_of("workflow-success-rate", run_completed("10:20", status="failed"), run_completed("10:10"))
    assert totals(rows) == {"10:00": (1, 1)}


@pytest.mark.parametrize(("failed_key", "numerator"), [(1, 0), (3, 1)])
def test_of_completions_at_once_the_smallest_key_decides(failed_key: int, numerator: int) -> None:
    completions = [run_completed("10:00", key=2), run_completed("10:00", status="failed", key=failed_key)]
    assert short(rows_of("workflow-success-rate", *completions))["", ""] == (numerator, 1)


@pytest.mark.parametrize(
    ("start", "end", "workflow"),
    [
        ({}, {}, "unknown"),
        ({"workflowId": "w1"}, {}, "w1"),
        ({"workflowId": "w1"}, {"workflowName": "Report"}, "Report"),
        ({"workflowName": "beta"}, {"workflowName": "alpha"}, "alpha"),
        ({"workflowName": "beta"}, {"workflowName": "Gamma"}, "Gamma"),
        ({"workflowName": "beta"}, {"workflowName": ""}, "beta"),
        ({"workflowId": "w2"}, {"workflowId": "w1"}, "w1"),
    ],
)
def test_a_workflow_is_named_by_the_smallest_name_else_id(start: Any, end: Any, workflow: str) -> None:
    rows = rows_of("workflow-success-rate", run_started("09:00", **start), run_completed("10:00", **end))

    assert ("workflow", workflow) in short(rows)
    assert len(rows) == 3


def test_a_run_is_broken_down_by_its_smallest_trigger() -> None:
    starts = [run_started("09:00", trigger="user"), run_started("09:01", trigger="api")]
    rows = rows_of("workflow-success-rate", *starts, run_completed("10:00"))

    assert set(short(rows)) == {("", ""), ("workflow", "unknown"), ("trigger", "api")}


# workflow-duration ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([run_started("09:59"), run_completed("10:00")], {("", ""): (MINUTE, 1)}),
        ([run_started("09:59"), run_completed("10:00", durationMs=7)], {("", ""): (7000, 1)}),
        ([run_started("09:59"), run_completed("10:00", durationMs=0)], {("", ""): (0, 1)}),
        ([run_completed("10:00", durationMs=7)], {("", ""): (7000, 1)}),
        ([run_started("10:01"), run_completed("10:00", durationMs=7)], {("", ""): (7000, 1)}),
        ([run_started("10:00"), run_completed("10:00")], {("", ""): (0, 1)}),
        (
            [run_started("10:00:00.000001"), run_completed("10:00")],
            {("excluded", "completed_before_start"): (0, 1)},
        ),
        ([run_completed("10:00")], {("excluded", "no_start"): (0, 1)}),
        ([run_started("10:00")], {}),
        ([run_started("09:58"), run_started("09:59"), run_completed("10:00")], {("", ""): (2 * MINUTE, 1)}),
        # The later completion's duration is not the run's.
        ([run_completed("10:00"), run_completed("10:01", durationMs=7)], {("excluded", "no_start"): (0, 1)}),
    ],
)
def test_a_runs_duration(events: list[AcceptedEvent], expected: Any) -> None:
    rows = short(rows_of("workflow-duration", *events))
    assert {key: row for key, row in rows.items() if key[0] in {"", "excluded"}} == expected


def test_durations_of_every_status_count() -> None:
    runs = [
        run_completed("10:00", status, status, durationMs=1)
        for status in ("completed", "failed", "cancelled")
    ]
    assert short(rows_of("workflow-duration", *runs)) == {
        ("", ""): (3000, 3),
        ("workflow", "unknown"): (3000, 3),
        ("status", "completed"): (1000, 1),
        ("status", "failed"): (1000, 1),
        ("status", "cancelled"): (1000, 1),
    }


# approval-wait and approval-rate --------------------------------------------------------------------------


def test_an_approval_waits_from_request_to_decision_and_counts_when_decided() -> None:
    rows = rows_of("approval-wait", requested("10:14"), decided("10:16", approved=False))
    assert rows == {
        ("approval-wait", "e", at("10:15"), "", ""): Row(2 * MINUTE, 1, (2 * MINUTE,)),
        ("approval-wait", "e", at("10:15"), "approved", "false"): Row(2 * MINUTE, 1, (2 * MINUTE,)),
    }


def test_approvals_pair_by_id_across_sessions() -> None:
    first = [requested("10:00", approvalId="p1"), decided("10:09", approvalId="p1", session="t")]
    second = [requested("10:01", approvalId="p2"), decided("10:02", approvalId="p2", session="t")]

    assert waits(*first, *second) == [1, 9]


def test_approvals_do_not_pair_by_id_across_environments() -> None:
    rows = rows_of(
        "approval-wait", requested("10:00", approvalId="p"), decided("10:09", approvalId="p", environment="f")
    )
    assert excluded(rows) == {"no_request": 1}


def test_a_decision_without_id_takes_the_earliest_open_request_of_its_session() -> None:
    requests = [requested("10:00"), requested("10:01"), requested("09:00", session="t")]
    assert waits(*requests, decided("10:05"), decided("10:07")) == [5, 6]


@pytest.mark.parametrize(
    ("clock", "reasons"), [("10:04:59.999999", {}), ("10:05", {}), ("10:05:00.000001", {"no_request": 1})]
)
def test_a_decision_without_id_takes_only_a_request_at_or_before_it(clock: str, reasons: Any) -> None:
    assert excluded(rows_of("approval-wait", requested(clock), decided("10:05"))) == reasons


@pytest.mark.parametrize(
    ("asked", "answered", "minutes"),
    [
        ("a", "a", [5]),
        ("a b", "b a", [5]),
        ("a b a", "b a", [5]),
        ("a b", "a", []),
        ("a", "a b", []),
        ("a", "A", []),
        ("a b", "", [5]),
    ],
)
def test_a_decision_that_names_tools_takes_only_a_request_of_the_same(
    asked: str, answered: str, minutes: list[int]
) -> None:
    assert waits(requested("10:00", asked), decided("10:05", tools=answered)) == minutes


def test_an_empty_list_of_tools_names_none() -> None:
    assert waits(
        requested("10:00", "a"), event("approval_completed", "10:05", approved=True, toolIds=[])
    ) == [5]


def test_a_request_that_an_id_pairs_is_not_open_for_others() -> None:
    pair = [requested("10:00", approvalId="p"), decided("10:09", approvalId="p")]

    rows = rows_of("approval-wait", *pair, decided("10:05"))

    assert excluded(rows) == {"no_request": 1}
    assert short(rows)["", ""] == (9 * MINUTE, 1)


def test_a_decision_without_id_may_take_a_request_whose_id_no_decision_carries() -> None:
    assert waits(requested("10:00", approvalId="p"), decided("10:05")) == [5]


def test_a_decision_whose_id_no_request_carries_takes_only_a_request_without_id() -> None:
    requests = [requested("10:00", approvalId="p"), requested("10:01")]

    assert waits(*requests, decided("10:05", approvalId="q")) == [4]
    assert waits(requests[0], decided("10:05", approvalId="q")) == []


def test_a_decision_that_precedes_the_request_of_its_id_is_excluded() -> None:
    late = [requested("10:05:00.000001", approvalId="p"), decided("10:05", approvalId="p")]

    assert short(rows_of("approval-wait", *late)) == {("excluded", "decided_before_request"): (0, 1)}
    assert short(rows_of("approval-rate", *late)) == {("", ""): (1, 1)}


def test_further_decisions_of_an_id_are_repeats_and_count_nowhere() -> None:
    decisions = [decided("10:05", approvalId="p"), decided("10:20", False, approvalId="p", session="t")]
    events = [requested("10:00", approvalId="p"), requested("10:10", session="t"), *decisions]

    assert waits(*events) == [5]
    assert totals(rows_of("approval-rate", *events)) == {"10:00": (1, 1)}


def test_repeated_decisions_are_repeats_even_where_no_request_carries_their_id() -> None:
    decisions = [decided("10:05", approvalId="q"), decided("10:06", approvalId="q")]

    rows = rows_of("approval-wait", requested("10:00"), requested("10:01"), *decisions)

    assert short(rows)["", ""] == (5 * MINUTE, 1)
    assert excluded(rows) == {}


def test_further_requests_of_an_id_are_repeats_and_never_open() -> None:
    requests = [requested("10:00", approvalId="p"), requested("10:01", approvalId="p")]

    assert waits(*requests, decided("10:05", approvalId="p"), decided("10:06")) == [5]
    assert waits(*requests, decided("10:05"), decided("10:06")) == [5]


def test_decisions_at_once_take_in_the_order_of_their_keys() -> None:
    requests = [requested("10:00", "a"), requested("10:01", "b")]
    free, particular = decided("10:05", key=1), decided("10:05", tools="a", key=2)
    assert waits(*requests, free, particular) == [5]
    free, particular = decided("10:05", key=2), decided("10:05", tools="a", key=1)
    assert waits(*requests, free, particular) == [4, 5]


def test_approval_rate_counts_every_decision_that_is_no_repeat() -> None:
    decisions = [decided("10:00"), decided("10:01", approved=False), decided("10:02", approvalId="q")]
    assert short(rows_of("approval-rate", *decisions)) == {("", ""): (2, 3)}


# agent-failure-rate ---------------------------------------------------------------------------------------


def test_agent_failure_rate_leaves_cancelled_runs_out_and_counts_a_run_once() -> None:
    rows = rows_of(
        "agent-failure-rate",
        agent_completed("10:00", "a1", status="failed"),
        agent_completed("10:01", "a1"),
        agent_completed("10:02", "a2", agentName="fixer"),
        agent_completed("10:03", "a3", status="cancelled"),
        event("agent.run_started", "10:04", agentRunId="a2", runId="r", agentName="Fixer"),
        event("agent.run_started", "10:05", agentRunId="a4", runId="r", agentName="planner"),
    )
    assert short(rows) == {("", ""): (1, 2), ("agent", "planner"): (1, 1), ("agent", "Fixer"): (0, 1)}


# execution-cost -------------------------------------------------------------------------------------------


def test_cost_is_what_agent_runs_report_in_the_bucket_of_their_completion() -> None:
    rows = rows_of(
        "execution-cost",
        agent_completed("10:10", "a1", costUsd=0.25),
        agent_completed("10:14", "a1", costUsd=9),
        agent_completed("10:20", "a2", costUsd=1),
        agent_completed("10:21", "a3", costUsd=0),
        run_completed("10:30", workflowName="Report", durationMs=60_000),
    )

    assert totals(rows) == {"10:00": (250_000, 1), "10:15": (1_000_000, 2)}
    assert {key[4] for key in rows} == {"", "Report"}


def test_cost_of_an_agent_run_without_workflow_run_is_unknown() -> None:
    rows = rows_of("execution-cost", agent_completed("10:10", costUsd=0.25))
    assert short(rows) == {("", ""): (250_000, 1), ("workflow", "unknown"): (250_000, 1)}


@pytest.mark.parametrize(
    ("dollars", "micro"),
    [
        (0.0000004, 0),
        (0.0000005, 1),
        (0.0000015, 2),
        (0.0000025, 3),
        (1.0000005, 1_000_001),
        (0.1, 100_000),
        (1_000_000, 10**12),
    ],
)
def test_half_a_micro_dollar_is_rounded_up(dollars: float, micro: int) -> None:
    assert short(rows_of("execution-cost", agent_completed("10:00", costUsd=dollars)))["", ""] == (micro, 1)


@pytest.mark.parametrize(
    ("agent_runs", "expected"),
    [
        ([], (10_000, 1)),
        ([agent_completed("10:00")], (10_000, 1)),
        ([agent_completed("10:00", costUsd=0)], (0, 1)),
        ([agent_completed("10:00", costUsd=0.5)], (500_000, 1)),
        ([agent_completed("10:00", costUsd=0.5), agent_completed("10:00", "a2")], (500_000, 1)),
        ([agent_completed("10:00", costUsd=0.5, runId="other")], (510_000, 2)),
        ([agent_completed("10:00", costUsd=0.5, environment="f")], (10_000, 1)),
        # Only the earliest completion reports.
        ([agent_completed("10:00"), agent_completed("10:01", costUsd=0.5)], (10_000, 1)),
    ],
)
def test_a_run_without_reported_cost_is_estimated(
    agent_runs: list[AcceptedEvent], expected: tuple[int, int]
) -> None:
    rows = rows_of("execution-cost", run_completed("10:00", durationMs=60_000), *agent_runs)

    here = {key: row for key, row in rows.items() if key[1] == "e"}

    assert short(here)["", ""] == expected


def test_a_run_that_cannot_be_measured_has_no_estimate() -> None:
    assert rows_of("execution-cost", run_completed("10:00")) == {}


def test_estimates_of_a_bucket_and_workflow_are_rounded_once() -> None:
    # 30 ms at 0.01 $ a minute are 5 micro-dollars; 3 ms are half of one.
    runs = [run_completed("10:00", f"r{n}", durationMs=3, workflowName="a") for n in range(3)]
    other = run_completed("10:00", "r9", durationMs=3, workflowName="b")

    assert short(rows_of("execution-cost", *runs, other)) == {
        ("", ""): (3, 4),
        ("workflow", "a"): (2, 3),
        ("workflow", "b"): (1, 1),
    }


def test_estimates_follow_the_rate() -> None:
    runs = [run_started("10:00"), run_completed("10:02", status="cancelled")]
    assert short(rows_of("execution-cost", *runs, rate=2.5))["", ""] == (5_000_000, 1)


IN_TRACE = {"traceId": "t", "spanId": "1"}


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        (
            [called("10:00", costUsd=0.5), agent_completed("10:20", costUsd=9, **IN_TRACE)],
            ("10:15", 500_000, 1),
        ),
        ([called("10:00"), agent_completed("10:20", costUsd=9, **IN_TRACE)], ("10:15", 9_000_000, 1)),
        (
            [called("10:00", costUsd=0.5), agent_completed("10:20", **IN_TRACE, environment="f")],
            ("10:00", 500_000, 1),
        ),
        ([called("10:00", costUsd=0.5, agentRunId="a"), agent_completed("10:20")], ("10:15", 500_000, 1)),
        (
            [
                called("10:00", parent="2", span="3", costUsd=0.5),
                called("10:01"),
                agent_completed("10:20", **IN_TRACE),
            ],
            ("10:15", 500_000, 1),
        ),
        ([called("10:00", costUsd=0.5), run_completed("10:20", durationMs=60_000)], ("10:00", 500_000, 1)),
    ],
    ids=["by its calls", "by itself", "of no agent", "named", "through a call", "no estimate"],
)
def test_what_model_calls_cost_counts_for_their_agent(
    events: list[AcceptedEvent], expected: tuple[str, int, int]
) -> None:
    rows = rows_of("execution-cost", *events)

    [(moment, row)] = [(key[2], row) for key, row in rows.items() if key[3] == ""]
    assert (f"{moment:%H:%M}", row.numerator, row.denominator) == expected


# Percentiles and the funnel -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("durations", "fraction", "seconds"),
    [
        ([3 * SECOND], 0.5, 3),
        ([1 * SECOND, 2 * SECOND], 0.5, 1.5),
        ([4 * SECOND, 1 * SECOND, 2 * SECOND], 0.5, 2),
        ([0, 10 * SECOND], 0.9, 9),
        ([0, 10 * SECOND], 1, 10),
        ([7 * SECOND, 10 * SECOND], 0, 7),
    ],
)
def test_a_percentile_lies_on_the_line_between_two_neighbours(
    durations: list[int], fraction: float, seconds: float
) -> None:
    assert percentile(durations, fraction) == seconds


def test_a_step_of_the_funnel_counts_at_or_after_the_step_before() -> None:
    events = [
        event("session_started", "10:14:59", session="s1"),
        event("session_started", "10:20", session="s1"),
        created("10:14:58", session="s1"),
        created("10:14:59", session="s1"),
        run_started("10:30", session="s1"),
        accepted("10:31", session="s1"),
        run_started("10:33", session="s1"),
        event("session_started", "10:15", session="s2"),
        accepted("10:16", session="s2"),
        created("10:15", session="s3"),
        event("session_started", "10:14", session="s1", environment="f"),
    ]

    rows = expected_funnel(events, period_start=start_of_bucket)

    chat: tuple[tuple[str, ...], bool] = (("chat",), False)
    none: tuple[tuple[str, ...], bool] = ((), False)
    assert rows == {
        ("e", at("10:00"), 1, *chat): FunnelRow(1, ()),
        ("e", at("10:00"), 2, *chat): FunnelRow(1, (0,)),
        ("e", at("10:00"), 3, *chat): FunnelRow(1, (16 * MINUTE + SECOND,)),
        ("e", at("10:00"), 4, *chat): FunnelRow(1, (2 * MINUTE,)),
        ("e", at("10:15"), 1, *none): FunnelRow(1, ()),
        ("f", at("10:00"), 1, *none): FunnelRow(1, ()),
    }


def test_a_session_has_the_sources_of_its_drafts_and_uses_a_template_that_it_inserts_or_names() -> None:
    events = [
        event("session_started", "10:00", session="s1"),
        created("10:01", session="s1", source="blank"),
        created("09:00", session="s1", source="chat"),
        event("session_started", "10:00", session="s2"),
        event("template_inserted", "09:00", session="s2", templateId="t", draftId="d"),
        event("session_started", "10:00", session="s3"),
        accepted("10:00", session="s3", source="template"),
    ]

    kinds = {found.session_id: (found.sources, found.used_template) for found in funnel_sessions(events)}

    assert kinds == {"s1": (("blank", "chat"), False), "s2": ((), True), "s3": ((), True)}
