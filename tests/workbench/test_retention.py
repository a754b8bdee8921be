"""Things that retention removes, and those that stay because a kept number is computed from them."""

from datetime import date, datetime
from typing import Any

import pytest
from django.apps import apps
from django.db.models import Model

from kpis.compute import rollup
from kpis.compute.rebuild import RawEventsPruned, rebuild
from kpis.models import KpiBucket
from telemetry.lifecycle.retention import runs
from telemetry.lifecycle.retention.rules import midnight
from telemetry.lifecycle.retention.subjects import TABLES as ALL_TABLES
from telemetry.models import Environment, RetentionSubject
from tests import rows as made
from tests.builders import NOW, event, store, table
from tests.telemetry.lifecycle.retention.builders import (
    carry_through,
    day_ago,
    days_ago,
    hold,
    keep,
    prune,
    report,
)
from workbench.buckets import bucket_of, mark_touched
from workbench.erasure import things
from workbench.models import (
    AgentRun,
    ApprovalDecision,
    ApprovalRequest,
    AppServerState,
    AppServerStream,
    Draft,
    DraftCreation,
    EarlyStep,
    EventCount,
    ModelCall,
    RetryRequest,
    Session,
    SessionLink,
    TouchedBucket,
    WorkflowRun,
)
from workbench.retention import TABLES

pytestmark = pytest.mark.django_db
THINGS = RetentionSubject.THINGS
OLD, NEW = days_ago(31), days_ago(30)


@pytest.fixture(autouse=True)
def _policy() -> None:
    made.environment()
    keep(30, subject=THINGS)


def things_kept_from() -> datetime | None:
    return Environment.objects.get(name="production").things_kept_from


def thing(model: type[Model], **fields: Any) -> None:
    model._default_manager.create(environment="production", **fields)


def approval(model: type[Model], number: int, **fields: Any) -> None:
    made.BUILDERS[model](number)
    moments = {"requested_at": OLD, "decided_at": OLD}
    model._default_manager.filter(pk=made.event_key(number)).update(**moments | fields)


def left(model: type[Model]) -> int:
    return model._default_manager.count()


def test_every_table_of_the_workbench_is_pruned_but_counts_and_marks() -> None:
    covered = {table.model for table in TABLES}

    assert covered == {
        AgentRun,
        AppServerState,
        AppServerStream,
        ApprovalDecision,
        ApprovalRequest,
        Draft,
        DraftCreation,
        EarlyStep,
        ModelCall,
        RetryRequest,
        Session,
        SessionLink,
        WorkflowRun,
    }
    assert all(each in ALL_TABLES for each in TABLES)


# Numbers and marks name no subject; the rows of app servers go with their events.
WITHOUT_SUBJECT = {AppServerState, AppServerStream, EventCount, TouchedBucket}


def test_every_table_of_the_workbench_is_known_to_retention_and_to_erasure() -> None:
    every = set(apps.get_app_config("workbench").get_models())
    erased = {each.model for each in things.TABLES.values()} | {*things.SINGLE_ROWS, SessionLink}
    # They go with their run, and with their session.
    erased |= {RetryRequest, EarlyStep}

    assert every == {each.model for each in TABLES} | {EventCount, TouchedBucket}
    assert every == erased | WITHOUT_SUBJECT


def link(session: str, thing: str = "u_1", kind: str = "user") -> None:
    SessionLink.objects.create(environment="production", session_id=session, thing_id=thing, kind=kind)


def links_left() -> list[str]:
    return sorted(SessionLink.objects.values_list("session_id", flat=True))


def test_a_link_goes_with_the_last_thing_that_it_belongs_to() -> None:
    thing(Session, session_id="old", started_at=OLD)
    thing(Session, session_id="new", started_at=NEW)
    thing(Draft, draft_id="d-new", created_at=NEW)
    thing(WorkflowRun, run_id="r-old", session_id="of run", started_at=OLD)
    thing(AgentRun, agent_run_id="a-new", run_id="r-old", started_at=NEW)
    for session in ("old", "new"):
        link(session)
    link("of draft", "d-new", "draft")
    link("of another kind", "d-new", "run")
    link("of run", "r-old", "run")

    prune()

    assert links_left() == ["new", "of draft", "of run"]
    assert ("production", "sessionlink", day_ago(31), 2) in report(THINGS)


def test_links_stay_while_raw_events_may_be_found_by_them() -> None:
    for session in ("gone", "raw"):
        link(session)
    store(event("workbench.chat_message_sent", days_ago(29), session="raw"), received_at=days_ago(29))
    prune()
    assert links_left() == ["raw"]

    link("gone")
    store(event("workbench.chat_message_sent", OLD, session="other"), received_at=OLD)
    prune()
    assert links_left() == ["gone", "raw"]


def test_a_hold_keeps_links() -> None:
    link("old")
    hold(environment="production", first_day=day_ago(400), last_day=day_ago(399))

    prune()

    assert links_left() == ["old"]


def test_a_thing_goes_by_its_last_moment() -> None:
    thing(Session, session_id="old", started_at=OLD, ended_at=OLD)
    thing(Session, session_id="ended later", started_at=OLD, ended_at=NEW)
    thing(Session, session_id="timeless")
    thing(WorkflowRun, run_id="never completed", started_at=OLD)
    thing(Draft, draft_id="edited", accepted_at=OLD, edited_at=NEW)

    prune()

    assert table(Session, "session_id") == [("ended later",), ("timeless",)]
    assert (left(WorkflowRun), left(Draft)) == (0, 1)
    assert report(THINGS) == [
        ("production", "session", day_ago(31), 1),
        ("production", "workflowrun", day_ago(31), 1),
    ]
    assert things_kept_from() == midnight(day_ago(30))


@pytest.mark.parametrize(("completed_at", "runs_left"), [(OLD, 0), (NEW, 1)])
def test_a_run_stays_while_one_of_its_agents_is_newer(completed_at: datetime, runs_left: int) -> None:
    thing(WorkflowRun, run_id="r", completed_at=OLD)
    thing(AgentRun, agent_run_id="a", run_id="r", completed_at=completed_at)

    prune()

    assert (left(WorkflowRun), left(AgentRun)) == (runs_left, runs_left)


def test_an_agent_stays_while_its_run_is_newer_and_one_without_a_run_does_not() -> None:
    thing(WorkflowRun, run_id="r", completed_at=NEW)
    thing(WorkflowRun, run_id="", completed_at=NEW)
    thing(AgentRun, agent_run_id="a", run_id="r", completed_at=OLD)
    thing(AgentRun, agent_run_id="alone", run_id="", completed_at=OLD)

    prune()

    assert table(AgentRun, "agent_run_id") == [("a",)]


def call(number: int, *, called_at: datetime, owner: str = "", run: str = "") -> None:
    made.BUILDERS[ModelCall](number)
    own = ModelCall.objects.filter(pk=made.event_key(number))
    own.update(called_at=called_at, owner_id=owner, run_id=run)


@pytest.mark.parametrize(("moment", "number"), [(OLD, 0), (NEW, 1)])
def test_a_call_stays_while_its_agent_is_newer_and_the_agent_while_its_call_is(
    moment: datetime, number: int
) -> None:
    thing(AgentRun, agent_run_id="a", completed_at=OLD)
    call(0, called_at=moment, owner="a")
    thing(AgentRun, agent_run_id="b", completed_at=moment)
    call(1, called_at=OLD, owner="b")

    prune()

    assert (left(AgentRun), left(ModelCall)) == (2 * number, 2 * number)


@pytest.mark.parametrize(("moment", "number"), [(OLD, 0), (NEW, 1)])
def test_a_run_stays_while_a_call_of_it_is_newer_and_the_call_while_the_run_was_seen(
    moment: datetime, number: int
) -> None:
    thing(WorkflowRun, run_id="r", completed_at=OLD)
    call(0, called_at=moment, run="r")
    thing(WorkflowRun, run_id="q", first_seen_at=OLD, last_seen_at=moment)
    call(1, called_at=OLD, run="q")

    prune()

    assert (left(WorkflowRun), left(ModelCall)) == (2 * number, 2 * number)


@pytest.mark.parametrize(
    ("accepted_at", "session", "is_kept"),
    [(NEW, "s", True), (OLD, "s", False), (NEW, "another", False)],
)
def test_a_creation_without_id_stays_while_its_session_accepts(
    accepted_at: datetime, session: str, is_kept: bool
) -> None:
    made.BUILDERS[DraftCreation](0)
    DraftCreation.objects.update(session_id="s", created_at=OLD)
    thing(Draft, draft_id="d", accepted_at=accepted_at, accepted_session_id=session)

    prune()

    assert left(DraftCreation) == is_kept


@pytest.mark.parametrize(
    ("fields", "is_kept"),
    [
        ({"session_id": "s-0", "decided_at": NEW}, True),
        ({"session_id": "other", "approval_id": "a", "decided_at": NEW}, True),
        ({"session_id": "other", "decided_at": NEW}, False),
        ({"session_id": "s-0"}, False),
    ],
)
def test_a_request_stays_while_a_decision_of_its_session_or_approval_is_newer(
    fields: dict[str, Any], is_kept: bool
) -> None:
    approval(ApprovalRequest, 0, approval_id="a")
    approval(ApprovalDecision, 1, **{"approval_id": "b"} | fields)

    prune()

    assert left(ApprovalRequest) == is_kept


def test_a_hold_keeps_things_with_a_moment_on_its_days() -> None:
    thing(Session, session_id="held", started_at=days_ago(50), ended_at=days_ago(40))
    thing(Session, session_id="gone", started_at=days_ago(50), ended_at=days_ago(45))
    hold(first_day=day_ago(40), last_day=day_ago(40))

    prune()

    assert table(Session, "session_id") == [("held",)]


def test_states_of_app_servers_go_without_a_moment_for_kpis() -> None:
    made.BUILDERS[AppServerState](0)
    AppServerState.objects.update(changed_at=OLD)

    prune()

    assert (left(AppServerState), things_kept_from()) == (0, None)


# Numbers of days whose things are gone --------------------------------------------------------------------


@pytest.fixture
def _numbers() -> None:
    """A run completed on each of two days; the things of the first day are gone."""
    for number, moment in enumerate((OLD, NEW)):
        properties = {"runId": f"r-{number}", "status": "completed", "durationMs": 1000}
        store(event("workbench.workflow_run_completed", moment, **properties))
    rollup.bring_up_to_date(now=NOW)
    prune()


def successes() -> list[tuple[Any, ...]]:
    rows = KpiBucket.objects.filter(kpi="workflow-success-rate", granularity="base", dimension="")
    return sorted(rows.values_list("period_start__date", "numerator", "denominator"))


BEFORE = [(day_ago(31), 1, 1), (day_ago(30), 1, 1)]


@pytest.mark.usefixtures("_numbers")
def test_a_touched_bucket_whose_things_are_gone_is_not_computed() -> None:
    assert left(WorkflowRun) == 1
    mark_touched(environment="production", buckets=[bucket_of(OLD), bucket_of(NEW)])

    rollup.bring_up_to_date(now=NOW)

    assert successes() == BEFORE
    assert left(TouchedBucket) == 0


@pytest.mark.usefixtures("_numbers")
def test_a_bucket_after_it_is_computed() -> None:
    WorkflowRun.objects.update(status="failed")
    mark_touched(environment="production", buckets=[bucket_of(NEW)])

    rollup.bring_up_to_date(now=NOW)

    assert successes() == [(day_ago(31), 1, 1), (day_ago(30), 0, 1)]


@pytest.mark.usefixtures("_numbers")
def test_a_rebuild_before_it_is_refused() -> None:
    def run(day: date) -> None:
        rebuild(environment="production", from_date=day, to_date=NOW.date(), apply=True, now=NOW)

    with pytest.raises(RawEventsPruned):
        run(day_ago(31))
    run(day_ago(30))

    assert successes() == BEFORE


def test_things_of_a_bucket_that_waits_to_be_computed_stay_until_it_is() -> None:
    thing(WorkflowRun, run_id="r", completed_at=OLD, status="completed")
    mark_touched(environment="production", buckets=[bucket_of(OLD)])
    run = runs.open_run(now=NOW, requested_by="test")

    for _ in range(20):
        runs.carry_on(now=NOW, seconds=0)

    run.refresh_from_db()
    assert (left(WorkflowRun), run.status, things_kept_from()) == (1, "running", None)
    rollup.bring_up_to_date(now=NOW)
    carry_through(run)
    assert (left(WorkflowRun), successes()) == (0, [(day_ago(31), 1, 1)])
