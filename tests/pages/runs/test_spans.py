from datetime import timedelta

import pytest

from pages.runs.spans import MOST_CALL_ROWS, waterfall_of
from pages.runs.waterfall import Waterfall
from telemetry.models import SpanLink
from tests.builders import NOW
from tests.workbench.runs.builders import (
    decide,
    make_agent,
    make_approval,
    make_call,
    make_open_run,
    make_run,
)
from workbench.runs.detail import read_run

pytestmark = pytest.mark.django_db


def drawn(name: str = "r-1") -> Waterfall | None:
    return waterfall_of(read_run(name, environment="production", now=NOW), now=NOW)


def rows(name: str = "r-1") -> list[tuple[str, int, str]]:
    """Name, depth and state of each row."""
    fall = drawn(name)
    assert fall is not None
    return [(row.span.name, row.depth, row.span.state) for row in fall.rows]


def test_calls_stand_below_the_span_that_they_name_or_the_agent_that_made_them() -> None:
    make_run()
    make_agent("a-1", agent_name="planner", calls=1)
    make_agent("a-2", agent_name="writer", calls=1, parent_span_id="span-a-1", status="failed")
    make_call("a-1", model="by span", parent_span_id="span-a-2")
    make_call("a-2", model="by owner", parent_span_id="a span that is not stored")
    make_call("", model="of nobody")

    assert sorted(rows()) == [
        ("by owner", 2, "completed"),
        ("by span", 2, "completed"),
        ("of nobody", 0, "completed"),
        ("planner", 0, "completed"),
        ("writer", 1, "failed"),
    ]


def test_an_agent_stands_below_the_agent_whose_tool_asked_it() -> None:
    make_run()
    make_agent("a-1", agent_name="planner", trace_id="t-1")
    make_agent("a-2", agent_name="searcher", trace_id="t-1", parent_span_id="tool")
    make_agent("a-3", agent_name="in a circle", trace_id="t-1", parent_span_id="round")
    make_agent("a-4", agent_name="in another trace", trace_id="t-2", parent_span_id="tool")
    for span, parent in (("tool", "step"), ("step", "span-a-1"), ("round", "about"), ("about", "round")):
        SpanLink.objects.create(
            environment="production", trace_id="t-1", span_id=span, parent_span_id=parent, received_at=NOW
        )

    assert sorted((name, depth) for name, depth, _ in rows()) == [
        ("in a circle", 0),
        ("in another trace", 0),
        ("planner", 0),
        ("searcher", 1),
    ]


def test_many_calls_are_marks_on_the_rows_of_their_agents() -> None:
    make_run()
    make_agent(calls=MOST_CALL_ROWS)
    for _ in range(MOST_CALL_ROWS):
        make_call()
    make_call("", model="of nobody")

    fall = drawn()

    assert fall is not None
    assert sorted((row.span.name, row.marked) for row in fall.rows) == [("of nobody", 0), ("writer", 120)]


def test_an_approval_is_a_wait_until_its_decision() -> None:
    make_run()
    decide(make_approval(), approved=False)

    fall = drawn()

    assert fall is not None
    (row,) = fall.rows
    assert (row.span.name, row.span.note, row.seconds) == ("Approval: refund", "rejected", 2)


def test_what_has_no_end_goes_on_until_the_run_ends() -> None:
    make_open_run("open")
    make_agent("a-1", run="open", back=timedelta(minutes=1), completed_at=None, status="")
    make_run("over")
    make_agent("a-2", run="over", completed_at=None, status="")

    assert rows("open") == [("writer", 0, "running")]
    assert rows("over") == [("writer", 0, "unknown")]


def test_an_agent_of_which_only_the_end_is_known_began_its_duration_earlier() -> None:
    make_run()
    make_agent(started_at=None, duration_ms=3_000)

    fall = drawn()

    assert fall is not None
    assert fall.rows[0].seconds == 3


def test_a_run_of_which_nothing_is_known_has_no_waterfall() -> None:
    make_run()
    make_agent(started_at=None, completed_at=None)

    assert drawn() is None
