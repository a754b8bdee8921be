"""However long the history, a fold reads the things that its events speak of and no others."""

import re
from datetime import datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.builders import event, fold, minutes, store
from workbench.fold import pending

pytestmark = [
    pytest.mark.django_db,
    # PostgreSQL reads a small table whole, and rightly; what it does with a large one is measured, not tested.
    pytest.mark.only_on("sqlite"),
]

TRACE = {"traceId": "t-1", "runId": "r-1"}
AGENT = {**TRACE, "agentRunId": "a-1", "agentName": "planner", "spanId": "1"}
EVENTS = [
    event("workbench.session_started", minutes(0)),
    event("workbench.draft_created", minutes(1), source="chat"),
    event("workbench.draft_accepted", minutes(2), draftId="d-1"),
    event("workbench.workflow_run_started", minutes(3), runId="r-1", draftId="d-1"),
    event("agent.run_started", minutes(4), **AGENT),
    event("agent.model_called", minutes(4), **TRACE, spanId="2", parentSpanId="1", costUsd=1),
    event("agent.model_called", minutes(4), **TRACE, spanId="3", agentRunId="a-2", costUsd=1),
    event("agent.run_completed", minutes(5), status="failed", costUsd=1, **AGENT),
    event("workbench.approval_requested", minutes(6), toolIds=["t"], contextType="c", approvalId="x"),
    event("workbench.approval_completed", minutes(7), approved=True, approvalId="x"),
    event("workbench.workflow_run_completed", minutes(8), runId="r-1", status="completed"),
    event("workbench.session_ended", minutes(9)),
]


def plan(sql: str) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {sql}")
        return [detail for *_, detail in cursor.fetchall()]


def reads_all_things(step: str) -> bool:
    """A scan of a table, or a search of an index by the environment alone."""
    return bool(
        re.match(r"SCAN (workbench_|telemetry_raw)", step)
        or re.match(r"SEARCH workbench_\w+ USING .*\(environment=\?\)$", step)
    )


def test_no_statement_of_a_fold_reads_all_things(now: datetime) -> None:
    fold(*EVENTS)
    store(*({**later, "at": minutes(100 + number)} for number, later in enumerate(EVENTS)))
    with CaptureQueriesContext(connection) as queries:
        pending.fold_pending(now=now)

    statements = [
        query["sql"] for query in queries if re.match(r"\s*(SELECT|INSERT|UPDATE|DELETE)", query["sql"])
    ]

    assert len(statements) > 30

    found = {step: sql for sql in statements for step in plan(sql) if reads_all_things(step)}

    assert found == {}
