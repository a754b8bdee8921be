"""How far sessions came in the funnel, whatever the order in which their events come."""

import itertools
from typing import Any

import pytest
from django.db import connection

from tests.builders import event, fold, fold_one_by_one, minutes, table
from workbench.dialect import current
from workbench.fold import funnel
from workbench.models import EarlyStep, Session, TouchedBucket

pytestmark = pytest.mark.django_db

NAMES = {
    "start": "session_started",
    "create": "draft_created",
    "accept": "draft_accepted",
    "run": "workflow_run_started",
    "complete": "workflow_run_completed",
}
FIELDS = (
    "funnel_steps",
    "started_at",
    "funnel_created_at",
    "funnel_accepted_at",
    "funnel_run_started_at",
    "funnel_run_completed_at",
)


def step(name: str, minute: float, *, session: str = "s-1", **properties: Any) -> dict[str, Any]:
    given = {"source": "chat"} if name == "create" else {}
    given |= {"runId": "r-1", "status": "completed"} if name in {"run", "complete"} else {}
    return event(f"workbench.{NAMES[name]}", minutes(minute), session=session, **{**given, **properties})


def taken(*moments: float) -> list[tuple[Any, ...]]:
    """The row of a session that took its steps at these minutes."""
    row = [minutes(moment) for moment in moments]
    return [(len(row), *row, *[None] * (5 - len(row)))]


CASES: dict[str, tuple[list[tuple[str, float]], list[float], list[tuple[int, float]]]] = {
    "all steps": (
        [("start", 0), ("create", 1), ("accept", 2), ("run", 3), ("complete", 4)],
        [0, 1, 2, 3, 4],
        [],
    ),
    "steps of one moment": ([("start", 1), ("create", 1), ("accept", 1), ("run", 1)], [1, 1, 1, 1], []),
    "a run before the draft, and one after": (
        [("start", 0), ("run", 1), ("create", 2), ("accept", 3), ("run", 5)],
        [0, 2, 3, 5],
        [(4, 1)],
    ),
    "the earliest of several, from the step before on": (
        [("start", 1), ("start", 3), ("create", 0.9), ("create", 2), ("create", 3)],
        [1, 2],
        [(2, 0.9)],
    ),
    "a step is left out": (
        [("start", 0), ("create", 1), ("run", 2), ("complete", 3)],
        [0, 1],
        [(4, 2), (5, 3)],
    ),
}


@pytest.mark.parametrize(("steps", "moments", "early"), CASES.values(), ids=CASES)
def test_a_step_counts_at_or_after_the_step_before_in_any_order_of_events(
    steps: list[tuple[str, float]], moments: list[float], early: list[tuple[int, float]]
) -> None:
    orders = list(itertools.permutations(steps))
    for order in orders[:: max(1, len(orders) // 30)]:
        Session.objects.all().delete()
        EarlyStep.objects.all().delete()

        fold_one_by_one(*(step(*given) for given in order))

        assert table(Session, *FIELDS) == taken(*moments), order
        assert table(EarlyStep, "step", "happened_at") == [(number, minutes(at)) for number, at in early], (
            order
        )


def test_a_session_without_a_start_took_no_step() -> None:
    fold(step("create", 1), step("accept", 2))

    assert table(Session, *FIELDS) == [(0, *[None] * 5)]
    assert table(EarlyStep, "step", "happened_at") == [(2, minutes(1)), (3, minutes(2))]


def test_a_session_that_bears_the_id_of_its_trace_is_none() -> None:
    fold(step("run", 1, session="t-1", traceId="t-1"), step("run", 1, session="s-1", traceId="t-1"))

    assert table(EarlyStep, "session_id") == [("s-1",)]


def test_a_late_step_touches_the_bucket_of_the_start() -> None:
    fold(step("start", 0), step("create", 1))
    TouchedBucket.objects.all().delete()

    fold(step("accept", 100))

    assert {minutes(0), minutes(90)} == {bucket for (bucket,) in table(TouchedBucket, "bucket_start")}


def test_a_late_start_touches_the_bucket_that_the_session_leaves() -> None:
    fold(step("start", 20))
    TouchedBucket.objects.all().delete()

    fold(step("start", 0))

    assert {minutes(0), minutes(15)} == {bucket for (bucket,) in table(TouchedBucket, "bucket_start")}


def test_environments_do_not_share_a_session() -> None:
    fold(step("start", 0), environment="staging")
    fold(step("create", 1), environment="production")

    assert table(Session, "environment", "funnel_steps") == [("production", 0), ("staging", 1)]


@pytest.mark.only_on("sqlite")
@pytest.mark.parametrize(
    "statement",
    [funnel.take_steps, funnel.forget_steps, funnel.started_buckets],
    ids=lambda found: found.__name__,
)
def test_reads_the_sessions_of_the_batch_alone(statement: Any) -> None:
    fold(step("start", 0))

    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {statement(current())}", {"environment": "production"})
        steps = [detail for *_, detail in cursor.fetchall()]

    tables = ("workbench_session", "session", "early", "stored", "workbench_earlystep")
    assert not [detail for detail in steps if detail.startswith("SCAN") and detail.split()[1] in tables]
