from collections import Counter, defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from kpis.demo.day import Event, moment_of
from kpis.demo.events import demo_events, first_day
from kpis.demo.mistakes import demo_mistakes
from kpis.demo.present import present_events
from tests.builders import NOW

EVENT_TYPES = {
    "workbench.session_started",
    "workbench.session_ended",
    "workbench.draft_created",
    "workbench.draft_accepted",
    "workbench.draft_rejected",
    "workbench.draft_edited",
    "workbench.template_viewed",
    "workbench.template_inserted",
    "workbench.chat_message_sent",
    "workbench.chat_tool_invoked",
    "workbench.template_suggested",
    "workbench.workflow_run_started",
    "workbench.workflow_run_completed",
    "workbench.approval_requested",
    "workbench.approval_completed",
    "agent.run_started",
    "agent.run_completed",
    "agent.model_called",
    "workflow.created",
    "appserver.request_completed",
    "appserver.stream_opened",
    "appserver.stream_closed",
    "appserver.worker_state_changed",
    "appserver.tool_buffer_changed",
    "appserver.maintenance_changed",
}


@pytest.fixture(scope="module")
def events() -> list[Event]:
    """The whole demo at the tests' moment, a Sunday noon."""
    return list(demo_events(now=NOW))


def named(events: list[Event], name: str) -> list[Event]:
    return [event for event in events if event["event"] == name]


def values(events: list[Event], name: str, key: str) -> set[object]:
    return {event["properties"].get(key) for event in named(events, name)}


def test_all_event_types_appear(events: list[Event]) -> None:
    assert {event["event"] for event in events} == EVENT_TYPES


def test_there_are_enough_events_for_a_story_and_few_enough_for_a_quick_start(events: list[Event]) -> None:
    assert 20_000 < len(events) < 40_000


def test_the_same_seed_gives_the_same_events(events: list[Event]) -> None:
    assert list(demo_events(now=NOW)) == events


def test_another_seed_gives_other_events(events: list[Event]) -> None:
    other = {event["id"] for event in demo_events(now=NOW, days=2, seed=7)}

    assert not other & {event["id"] for event in events}


def test_every_event_has_an_id_of_its_own(events: list[Event]) -> None:
    assert len({event["id"] for event in events}) == len(events)


def test_events_come_in_the_order_of_their_time_and_none_after_now(events: list[Event]) -> None:
    moments = [moment_of(event) for event in events]

    assert moments == sorted(moments)
    assert moments[0] >= datetime(2025, 12, 18, tzinfo=UTC)
    assert moments[-1] < NOW


@pytest.mark.parametrize("later", [timedelta(minutes=1), timedelta(days=3)])
def test_a_later_moment_gives_the_same_events_and_more(later: timedelta) -> None:
    days = 4
    earlier = list(demo_events(now=NOW, days=days))

    more = list(demo_events(now=NOW + later, days=days + later.days))

    assert more[: len(earlier)] == earlier


def test_weekdays_are_busier_than_weekends(events: list[Event]) -> None:
    sessions = named(events, "workbench.session_started")
    by_weekday = Counter(moment_of(event).weekday() for event in sessions)

    assert max(by_weekday[5], by_weekday[6]) * 4 < min(by_weekday[day] for day in range(5))


def test_people_work_in_working_hours(events: list[Event]) -> None:
    hours = [moment_of(event).hour for event in named(events, "workbench.session_started")]

    assert 6 <= min(hours) <= max(hours) <= 20


def test_more_and_more_people_use_it(events: list[Event]) -> None:
    def users(start: date, end: date) -> int:
        return len(
            {
                event["properties"]["userId"]
                for event in named(events, "workbench.session_started")
                if start <= moment_of(event).date() < end
            }
        )

    assert (
        users(date(2025, 12, 18), date(2025, 12, 25)) * 2 < users(date(2026, 2, 8), date(2026, 2, 15)) == 26
    )


def test_some_drafts_are_created_without_an_id(events: list[Event]) -> None:
    created = named(events, "workbench.draft_created")
    without = [event for event in created if "draftId" not in event["properties"]]

    assert 0 < len(without) < len(created) / 5


def test_some_approvals_carry_an_id_and_some_do_not(events: list[Event]) -> None:
    for name in ("workbench.approval_requested", "workbench.approval_completed"):
        with_id = [event for event in named(events, name) if "approvalId" in event["properties"]]
        assert 0 < len(with_id) < len(named(events, name))

    assert values(events, "workbench.approval_completed", "approved") == {True, False}


def test_runs_end_in_every_way_and_start_by_every_trigger(events: list[Event]) -> None:
    ends = {"completed", "failed", "cancelled"}
    assert values(events, "workbench.workflow_run_completed", "status") == ends
    assert values(events, "agent.run_completed", "status") == ends

    triggers = {"user", "schedule", "webhook", "api", "system"}
    assert values(events, "workbench.workflow_run_started", "trigger") == triggers


def test_failed_runs_are_tried_again_by_new_runs_later(events: list[Event]) -> None:
    ends = {
        event["properties"]["runId"]: event for event in named(events, "workbench.workflow_run_completed")
    }
    retries = [
        event
        for event in named(events, "workbench.workflow_run_started")
        if "retryOfRunId" in event["properties"]
    ]

    assert 20 < len(retries) < len(ends) / 20
    for retry in retries:
        first = ends[retry["properties"]["retryOfRunId"]]
        assert first["properties"]["status"] == "failed"
        assert moment_of(first) < moment_of(retry)


def test_model_calls_make_up_their_agents_tokens_cost_and_time(events: list[Event]) -> None:
    calls = defaultdict(list)
    for event in named(events, "agent.model_called"):
        calls[event["properties"]["parentSpanId"]].append(event["properties"])

    for event in named(events, "agent.run_completed"):
        agent, own = event["properties"], calls.pop(event["properties"]["spanId"])
        assert {(call["traceId"], call["runId"], call["agentRunId"], call["model"]) for call in own} == {
            (agent["traceId"], agent["runId"], agent["agentRunId"], agent["model"])
        }
        for name in ("inputTokens", "outputTokens"):
            assert sum(call[name] for call in own) == agent[name]
        costs = sum(Decimal(str(call.get("costUsd", 0))) for call in own)
        assert costs == Decimal(str(agent.get("costUsd", 0)))
        assert sum(call["durationMs"] for call in own) <= agent["durationMs"]
    # Those whose agent goes on after now.
    assert len(calls) < 5
    assert values(events, "agent.model_called", "status") == {"completed", "failed", "cancelled"}


def test_some_runs_are_on_at_the_present_and_end_soon_after() -> None:
    events = present_events(at=NOW)
    started = {
        e["properties"]["runId"]
        for e in named(events, "workbench.workflow_run_started")
        if moment_of(e) < NOW
    }
    ended = {moment_of(event) for event in named(events, "workbench.workflow_run_completed")}

    assert len(started) == 4
    assert NOW < min(ended) <= max(ended) < NOW + timedelta(hours=1)
    assert any(moment_of(event) < NOW for event in named(events, "agent.run_started"))
    assert events == present_events(at=NOW) != present_events(at=NOW, seed=1)


def test_agents_use_several_models_retry_and_mostly_say_what_they_cost(events: list[Event]) -> None:
    assert len(values(events, "agent.run_started", "model")) == 3
    assert {1, 2} <= values(events, "agent.run_started", "attempt")

    costs = [event["properties"].get("costUsd") for event in named(events, "agent.run_completed")]
    assert 0 < costs.count(None) < len(costs) / 4


def test_app_servers_report_every_state(events: list[Event]) -> None:
    assert values(events, "appserver.tool_buffer_changed", "state") == {"started", "flushed", "aborted"}
    assert values(events, "appserver.worker_state_changed", "state") == {"ready", "restarting", "backoff"}
    assert values(events, "appserver.maintenance_changed", "enabled") == {True, False}
    assert values(events, "workflow.created", "source") == {"manual", "api", "import", "other"}


def test_the_days_end_with_today() -> None:
    assert first_day(now=NOW, days=1) == date(2026, 2, 15)
    assert first_day(now=NOW, days=60) == date(2025, 12, 18)


def test_mistakes_are_repeatable_and_come_before_now() -> None:
    mistakes = list(demo_mistakes(now=NOW))

    assert mistakes == list(demo_mistakes(now=NOW))
    assert len(mistakes) == 30
    assert all(at < NOW for at, _ in mistakes)
    assert len({event["id"] for _, event in mistakes}) == len(mistakes)
