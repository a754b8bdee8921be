from datetime import timedelta
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from tests.builders import NOW
from tests.workbench.runs.builders import (
    decide,
    make_agent,
    make_approval,
    make_call,
    make_open_run,
    make_run,
)
from workbench.runs.filters import BadRunFilter, Choice, RunConditions, read_choice, read_seconds
from workbench.runs.listing import Cursor, ListedRun, RunPage, list_runs, suggestions
from workbench.runs.states import ACTIVE_FOR, SILENT_AFTER, RunState

pytestmark = pytest.mark.django_db
SECOND = timedelta(seconds=1)


def page(*, cursor: Cursor | None = None, size: int = 50, **parts: Any) -> RunPage:
    return list_runs(RunConditions(**parts), environment="production", now=NOW, cursor=cursor, size=size)


def names(found: RunPage) -> list[str]:
    return [listed.run.run_id for listed in found.runs]


def only(found: RunPage) -> ListedRun:
    (listed,) = found.runs
    return listed


def test_lists_the_runs_of_the_environment_newest_first() -> None:
    make_run("old", back=timedelta(hours=3))
    make_run("new", back=timedelta(hours=1))
    make_run("elsewhere", environment="staging")

    assert names(page()) == ["new", "old"]


def test_pages_lead_to_each_other_and_show_each_run_once() -> None:
    for number in range(7):
        # Two at a time have the same moment.
        make_run(f"r-{number}", back=timedelta(hours=number // 2))
    first = page(size=3)
    second = page(size=3, cursor=first.older)
    third = page(size=3, cursor=second.older)

    assert names(first) + names(second) + names(third) == ["r-1", "r-0", "r-3", "r-2", "r-5", "r-4", "r-6"]
    assert (first.newer, third.older) == (None, None)
    assert names(page(size=3, cursor=third.newer)) == names(second)
    assert names(page(size=3, cursor=second.newer)) == names(first)


def test_a_run_waits_until_its_last_approval_is_decided_or_it_ends() -> None:
    for name in ("asked", "decided", "nobody asked", "elsewhere"):
        make_open_run(name)
    make_run("over")
    for run in ("asked", "decided", "over"):
        decide(make_approval(run=run))
    for run in ("asked", "over"):
        make_approval(run=run)
    make_approval(run="elsewhere", environment="staging")

    assert [listed.run.run_id for listed in page().runs if listed.is_waiting] == ["asked"]


def test_a_page_of_too_few_newer_runs_is_the_first_page() -> None:
    runs = [make_run(f"r-{number}", back=timedelta(hours=number)) for number in range(4)]

    found = page(size=3, cursor=Cursor.beside(runs[1], is_newer=True))

    assert names(found) == ["r-0", "r-1", "r-2"]
    assert found.newer is None


def test_a_cursor_is_read_as_it_was_written() -> None:
    cursor = Cursor.beside(make_run(), is_newer=True)

    assert Cursor.read(str(cursor), is_newer=True) == cursor


@pytest.mark.parametrize("text", ["1", "1-", "-1-1", "1-1-1", "x-1", "1-1\n", "9" * 18 + "-1", "\u0661-1"])
def test_refuses_a_cursor_that_no_page_gave(text: str) -> None:
    with pytest.raises(BadRunFilter):
        Cursor.read(text, is_newer=False)


@pytest.mark.parametrize(
    ("back", "state"),
    [
        (timedelta(), RunState.RUNNING),
        (SILENT_AFTER, RunState.RUNNING),
        (SILENT_AFTER + SECOND, RunState.SILENT),
        (ACTIVE_FOR, RunState.SILENT),
        (ACTIVE_FOR + SECOND, RunState.ABANDONED),
    ],
)
def test_what_a_run_without_completion_is_at_depends_on_its_last_news(
    back: timedelta, state: RunState
) -> None:
    make_open_run(back=back)

    assert only(page()).state is state
    assert [name.value for name in RunState if page(status=Choice(wanted=(name,))).runs] == [state.value]
    assert [name.value for name in RunState if not page(status=Choice(unwanted=(name,))).runs] == [
        state.value
    ]


def test_later_news_keep_a_run_running() -> None:
    make_open_run(back=timedelta(hours=2), last_seen_at=NOW - SECOND)

    assert only(page(status=Choice(wanted=("running",)))).state is RunState.RUNNING


def test_a_run_that_only_its_agents_speak_of_is_inferred() -> None:
    make_open_run(started_at=None)

    assert only(page()).is_inferred


def test_a_late_completion_counts_alone() -> None:
    make_run(back=timedelta(days=3), status="failed")

    assert only(page()).state is RunState.FAILED


FILTERS: dict[str, dict[str, Any]] = {
    "status": {"status": Choice(wanted=("failed",))},
    "not status": {"status": Choice(unwanted=("completed", "running"))},
    "workflow": {"workflow": Choice(wanted=("billing",))},
    "not workflow": {"workflow": Choice(unwanted=("triage",))},
    "trigger": {"trigger": Choice(wanted=("user",))},
    "not trigger": {"trigger": Choice(unwanted=("schedule",))},
    "error": {"error": Choice(wanted=("Timeout",))},
    "not error": {"error": Choice(unwanted=("",))},
    "longer": {"shortest": 10.001},
    "from": {"start": NOW - timedelta(minutes=5)},
    "id": {"run_id": "wanted"},
}


@pytest.mark.parametrize("parts", FILTERS.values(), ids=FILTERS)
def test_each_filter_and_its_exclusion_finds_the_run_that_differs(parts: dict[str, Any]) -> None:
    make_run("other")
    make_open_run("open", back=timedelta(minutes=10))
    make_run(
        "wanted",
        back=timedelta(minutes=5),
        status="failed",
        workflow_name="",
        workflow_id="billing",
        trigger="user",
        error_type="Timeout",
        duration_ms=11_000,
    )

    assert names(page(**parts)) == ["wanted"]


def test_the_ends_of_durations_are_included_and_the_end_of_a_range_is_not() -> None:
    run = make_run()

    assert names(page(shortest=10, longest=10)) == ["r-1"]
    assert names(page(start=run.first_seen_at)) == ["r-1"]
    assert names(page(end=run.first_seen_at)) == []


def test_an_agents_own_figures_count_only_where_it_has_no_calls() -> None:
    make_run()
    make_agent("a-1", calls=2, called_cost_micro_usd=30, called_input_tokens=5, cost_micro_usd=1000)
    make_agent("a-2", cost_micro_usd=7, input_tokens=100, status="failed")
    make_call("", cost_micro_usd=3)
    make_call("a-1", cost_micro_usd=30)

    listed = only(page())

    assert (listed.totals.agents, listed.totals.failed_agents, listed.totals.calls) == (2, 1, 3)
    assert (listed.cost, listed.is_cost_estimated) == (40, False)
    assert listed.totals.used.input_tokens == 105


def test_the_cost_of_a_run_that_reports_none_is_estimated_from_its_run_time() -> None:
    make_run(duration_ms=60_000)
    make_agent()

    listed = only(page())

    assert (listed.cost, listed.is_cost_estimated) == (10_000, True)


@pytest.mark.parametrize(("completed", "is_slow"), [(19, False), (20, True)])
def test_nothing_is_usual_below_twenty_completed_runs(completed: int, is_slow: bool) -> None:
    make_run("slow", back=timedelta(minutes=1), status="failed", duration_ms=1)
    for number in range(completed - 1):
        make_run(f"r-{number}")
    make_run("wanted", back=timedelta(seconds=20), duration_ms=10_001)

    listed = page().runs[0]

    assert (listed.run.run_id, listed.is_slow) == ("wanted", is_slow)


@pytest.mark.parametrize("runs", [1, 12])
def test_a_page_takes_four_queries_however_many_runs_it_has(
    runs: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(runs):
        make_run(f"r-{number}", workflow_name=f"w-{number}")
        make_agent(f"a-{number}", run=f"r-{number}")

    with django_assert_num_queries(4):
        page()


def test_suggests_what_the_newest_runs_have() -> None:
    make_run("r-1", error_type="Timeout")
    make_run("r-2", workflow_name="billing", trigger="")

    found = suggestions(environment="production")

    assert (found.workflows, found.triggers, found.errors) == (
        ["billing", "triage"],
        ["schedule"],
        ["Timeout"],
    )


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("", None),
        ("90", 90),
        ("1.5 s", 1.5),
        ("20 min", 1200),
        ("2h", 7200),
        ("300 ms", 0.3),
        (" 1 d ", 86400),
    ],
)
def test_reads_durations_as_people_write_them(text: str, seconds: float | None) -> None:
    assert read_seconds(text, field="longer") == seconds


@pytest.mark.parametrize("text", ["soon", "-1", "1 week", "1e9", "999999999 d", "NaN"])
def test_refuses_what_is_no_duration(text: str) -> None:
    with pytest.raises(BadRunFilter):
        read_seconds(text, field="longer")


@pytest.mark.parametrize("values", [["done"], ["completed\0"], ["x"] * 201])
def test_refuses_values_that_a_filter_does_not_take(values: list[str]) -> None:
    with pytest.raises(BadRunFilter):
        read_choice("status", wanted=values, unwanted=(), allowed=RunState)


def test_the_filters_of_agents_are_about_one_agent_run() -> None:
    for name, agents in {
        "both": [("writer", "Timeout")],
        "apart": [("writer", ""), ("reader", "Timeout")],
        "nameless": [("", "Timeout")],
        "untyped": [("reader", "unknown")],
        "none": [],
    }.items():
        make_run(name)
        for number, (agent, error) in enumerate(agents):
            make_agent(
                f"{name}-{number}",
                run=name,
                agent_name=agent,
                error_type=error.replace("unknown", ""),
                status="failed" if error else "completed",
            )
    chosen = {
        "agent": page(agent=Choice(wanted=("writer",))),
        "error": page(agent_error=Choice(wanted=("Timeout",))),
        "agent and error": page(agent=Choice(wanted=("writer",)), agent_error=Choice(wanted=("Timeout",))),
        "unknown": page(agent=Choice(wanted=("unknown",))),
        "unknown error": page(agent_error=Choice(wanted=("unknown",))),
        "not agent": page(agent=Choice(unwanted=("writer",))),
        "not error": page(agent_error=Choice(unwanted=("Timeout",))),
    }

    assert {question: set(names(found)) for question, found in chosen.items()} == {
        "agent": {"both", "apart"},
        "error": {"both", "apart", "nameless"},
        "agent and error": {"both"},
        "unknown": {"nameless"},
        "unknown error": {"untyped"},
        "not agent": {"nameless", "untyped", "none"},
        "not error": {"untyped", "none"},
    }
