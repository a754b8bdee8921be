import random
import threading
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.management import call_command
from django.db import transaction

from kpis.compute import rollup
from kpis.models import EnteredCount, Freshness, KpiBucket, StoredGranularity
from telemetry.models import Arrival, Environment, RawEvent
from tests.builders import event, make_key, minutes, store, table
from tests.rows import erasure
from tests.threads import run_together
from workbench.buckets import bucket_of, mark_touched
from workbench.fold import pending
from workbench.models import (
    AgentRun,
    ApprovalDecision,
    ApprovalRequest,
    Draft,
    DraftCreation,
    EventCount,
    Session,
    TouchedBucket,
    WorkflowRun,
)

pytestmark = pytest.mark.django_db

DAY = 24 * 60
CHAT = "workbench.chat_message_sent"


def chat(minute: float) -> dict[str, Any]:
    return event(CHAT, minutes(minute))


def accepted(minute: float, draft: str = "d-1") -> dict[str, Any]:
    return event("workbench.draft_accepted", minutes(minute), draftId=draft)


def kpi_rows() -> list[tuple[Any, ...]]:
    """Every KPI row but for its id."""
    return table(KpiBucket, *(field.name for field in KpiBucket._meta.fields if field.name != "id"))


def chats(granularity: str = StoredGranularity.BASE) -> list[tuple[datetime, int]]:
    rows = KpiBucket.objects.filter(kpi="template-suggestion-rate", granularity=granularity)
    return sorted(rows.values_list("period_start", "denominator"))


def computed_until(environment: str = "production") -> datetime | None:
    return Freshness.objects.get(environment=environment).computed_until


# What is replaced ------------------------------------------------------------------------------------------


def test_rolling_up_twice_changes_nothing(now: datetime) -> None:
    store(chat(0), accepted(1))
    rollup.bring_up_to_date(now=now)
    ids = table(KpiBucket, "id")
    before = kpi_rows()

    rollup.bring_up_to_date(now=now)

    assert table(KpiBucket, "id") == ids

    mark_touched(environment="production", buckets=[bucket_of(minutes(0))])
    rollup.bring_up_to_date(now=now)

    assert kpi_rows() == before


def test_rows_disappear_from_the_bucket_and_the_day_that_a_thing_leaves(now: datetime) -> None:
    store(accepted(DAY))
    rollup.bring_up_to_date(now=now)
    store(accepted(0))
    rollup.bring_up_to_date(now=now)

    rows = KpiBucket.objects.filter(kpi="template-usage-rate")

    assert sorted(rows.values_list("granularity", "period_start", "denominator")) == [
        ("base", minutes(0), 1),
        ("day", minutes(-600), 1),
    ]


def test_a_bucket_that_nothing_counts_in_has_no_rows(now: datetime) -> None:
    make_key()
    mark_touched(environment="production", buckets=[bucket_of(minutes(0))])

    rollup.bring_up_to_date(now=now)

    assert kpi_rows() == []
    assert TouchedBucket.objects.count() == 0


def test_only_touched_buckets_are_computed(now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    store(chat(0), chat(DAY))
    rollup.bring_up_to_date(now=now)
    computed: list[int] = []
    recompute = rollup.recompute

    def spy(*, environment: str, buckets: list[int]) -> None:
        computed.extend(buckets)
        recompute(environment=environment, buckets=buckets)

    monkeypatch.setattr(rollup, "recompute", spy)
    store(chat(-20 * DAY), chat(-3 * DAY))

    rollup.bring_up_to_date(now=now)

    assert computed == [bucket_of(minutes(-20 * DAY)), bucket_of(minutes(-3 * DAY))]


def test_a_day_is_the_sum_of_its_buckets_also_of_those_that_are_not_touched(now: datetime) -> None:
    for minute in (0, 1, 100, 200, DAY):
        store(chat(minute))
        rollup.bring_up_to_date(now=now)

    assert chats(StoredGranularity.DAY) == [(minutes(-600), 4), (minutes(DAY - 600), 1)]
    assert chats() == [(minutes(0), 2), (minutes(90), 1), (minutes(195), 1), (minutes(DAY), 1)]


def test_environments_are_rolled_up_apart(now: datetime) -> None:
    store(chat(0), environment="staging")
    store(chat(0), chat(1), environment="production")

    rollup.roll_up(environment="production", now=now)

    assert kpi_rows() == []

    pending.fold_pending(now=now)
    rollup.roll_up(environment="production", now=now)

    assert table(KpiBucket, "environment", "granularity", "denominator") == [
        ("production", "base", 2),
        ("production", "day", 2),
    ]
    assert table(TouchedBucket, "environment") == [("staging",)]


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 6, 200])
def test_more_buckets_than_a_transaction_computes_are_computed_in_several(
    limit: int, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rollup, "BUCKETS_PER_TRANSACTION", limit)
    store(*(chat(60 * number) for number in range(5)))

    rollup.bring_up_to_date(now=now)

    assert chats() == [(minutes(60 * number), 1) for number in range(5)]
    assert chats(StoredGranularity.DAY) == [(minutes(-600), 5)]
    assert TouchedBucket.objects.count() == 0
    assert computed_until() == now


def test_more_marks_than_a_statement_takes_parameters(now: datetime) -> None:
    store(chat(0))
    pending.fold_pending(now=now)
    mark = TouchedBucket(environment="production", bucket_start=minutes(0))
    TouchedBucket.objects.bulk_create(
        TouchedBucket(environment=mark.environment, bucket_start=mark.bucket_start) for _ in range(70_000)
    )

    rollup.roll_up(environment="production", now=now)

    assert TouchedBucket.objects.count() == 0
    assert chats() == [(minutes(0), 1)]


def test_what_a_fold_marks_meanwhile_stays_marked(now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    store(chat(0))
    pending.fold_pending(now=now)
    recompute = rollup.recompute

    def recompute_and_fold(**options: Any) -> None:
        recompute(**options)
        store(chat(1), chat(30))
        pending.fold_pending(now=now)

    with monkeypatch.context() as patched:
        patched.setattr(rollup, "recompute", recompute_and_fold)
        rollup.roll_up(environment="production", now=now)

    assert chats() == [(minutes(0), 1)]
    assert table(TouchedBucket, "bucket_start") == [(minutes(0),), (minutes(30),)]

    rollup.roll_up(environment="production", now=now)

    assert chats() == [(minutes(0), 2), (minutes(30), 1)]


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (rollup, "base_rows"),
        (rollup, "recompute_days"),
        (rollup, "replace_rows"),
        (rollup, "raise_totals"),
        (Freshness, "save"),
    ],
)
def test_an_error_leaves_rows_marks_and_freshness_as_they_were(
    owner: Any, name: str, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(chat(0))
    rollup.bring_up_to_date(now=now)
    store(chat(1), chat(30))
    pending.fold_pending(now=now)
    before = (kpi_rows(), table(TouchedBucket, "id"), computed_until())

    def fail(*args: Any, **options: Any) -> None:
        raise OSError("the power went")

    with monkeypatch.context() as patched:
        patched.setattr(owner, name, fail)
        with pytest.raises(OSError, match="power"):
            rollup.roll_up(environment="production", now=now + timedelta(hours=1))

    assert (kpi_rows(), table(TouchedBucket, "id"), computed_until()) == before

    rollup.roll_up(environment="production", now=now)

    assert chats() == [(minutes(0), 2), (minutes(30), 1)]


# Order and batching ----------------------------------------------------------------------------------------

STREAM = [
    event("workbench.draft_created", minutes(-5), source="template"),
    accepted(0),
    accepted(-30, "d-2"),
    event("workbench.draft_created", minutes(-40), source="chat", draftId="d-2"),
    event("workbench.workflow_run_started", minutes(1), runId="r-1", draftId="d-1", workflowName="w"),
    event("workbench.workflow_run_completed", minutes(2), runId="r-1", status="failed"),
    event(
        "agent.run_completed",
        minutes(3),
        runId="r-1",
        agentRunId="a",
        agentName="p",
        status="failed",
        costUsd=1,
    ),
    event("workbench.approval_requested", minutes(4), toolIds=["t"], contextType="c", approvalId="x"),
    event("workbench.approval_completed", minutes(50), approved=True, session="s-2", approvalId="x"),
    event("workbench.approval_completed", minutes(60), approved=False),
    event("workflow.created", minutes(DAY), source="api"),
    chat(DAY),
]


@pytest.mark.parametrize("seed", range(6))
def test_any_order_and_batching_give_the_same_rows(seed: int, now: datetime) -> None:
    store(*STREAM)
    rollup.bring_up_to_date(now=now)
    at_once = kpi_rows()
    things = (
        AgentRun, ApprovalDecision, ApprovalRequest, Draft, DraftCreation, EventCount, Session, WorkflowRun
    )  # fmt: skip
    for model in (Arrival, RawEvent, KpiBucket, *things):
        model._default_manager.all().delete()  # type: ignore[attr-defined]
    chance = random.Random(seed)
    events = [*STREAM]
    chance.shuffle(events)
    while events:
        store(*(events.pop() for _ in range(min(chance.randint(1, 4), len(events)))))
        if chance.random() < 0.6:
            rollup.bring_up_to_date(now=now)

    rollup.bring_up_to_date(now=now)

    assert kpi_rows() == at_once


# Freshness -------------------------------------------------------------------------------------------------


def test_computed_until_is_now_when_nothing_is_pending(now: datetime) -> None:
    make_key()

    rollup.bring_up_to_date(now=now)

    assert table(Freshness, "environment", "computed_until", "time_zone") == [("production", now, "UTC")]


@pytest.mark.parametrize(
    ("ahead", "expected"), [(timedelta(seconds=60), "ahead"), (timedelta(seconds=61), "now")]
)
def test_computed_until_never_stays_in_the_future(
    now: datetime, caplog: pytest.LogCaptureFixture, ahead: timedelta, expected: str
) -> None:
    rollup.roll_up(environment="production", now=now + ahead)

    rollup.roll_up(environment="production", now=now)

    assert computed_until() == {"ahead": now + ahead, "now": now}[expected]
    assert ("in the future by 0:01:01" in caplog.text) is (expected == "now")


def test_computed_until_stops_at_the_oldest_pending_arrival_of_the_environment(now: datetime) -> None:
    for minute in (7, 5, 6):
        store(chat(minute), received_at=minutes(minute))
    store(chat(0), received_at=minutes(0), environment="staging")

    rollup.roll_up(environment="production", now=now)

    assert computed_until() == minutes(5)

    rollup.bring_up_to_date(now=now)

    assert (computed_until(), computed_until("staging")) == (now, now)


def test_computed_until_never_goes_back(now: datetime) -> None:
    make_key()
    rollup.bring_up_to_date(now=now)

    rollup.roll_up(environment="production", now=now - timedelta(minutes=1))

    assert computed_until() == now

    store(chat(0), received_at=now - timedelta(minutes=1))
    rollup.roll_up(environment="production", now=now + timedelta(hours=1))

    assert computed_until() == now


def test_an_arrival_from_the_future_does_not_move_computed_until_past_now(now: datetime) -> None:
    store(chat(0), received_at=now + timedelta(minutes=5))

    rollup.roll_up(environment="production", now=now)

    assert computed_until() == now


def test_computed_until_waits_for_the_last_touched_bucket(
    now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rollup, "BUCKETS_PER_TRANSACTION", 1)
    store(chat(0), chat(60))

    pending.fold_pending(now=now)

    assert rollup.roll_up_batch(environment="production", now=now, wait=False)
    assert chats() == [(minutes(0), 1)]
    assert computed_until() is None


# The reporting zone ----------------------------------------------------------------------------------------


def test_another_reporting_zone_computes_the_days_anew(now: datetime, settings: LazySettings) -> None:
    store(chat(-601), chat(-600), chat(-661), chat(-660))
    rollup.bring_up_to_date(now=now)
    base = chats()

    assert chats(StoredGranularity.DAY) == [(minutes(-DAY - 600), 3), (minutes(-600), 1)]

    settings.REPORTING_TIME_ZONE = "Europe/Berlin"
    rollup.bring_up_to_date(now=now)

    assert chats(StoredGranularity.DAY) == [(minutes(-DAY - 660), 1), (minutes(-660), 3)]
    assert chats() == base
    assert table(Freshness, "time_zone") == [("Europe/Berlin",)]


def test_an_entered_count_moves_with_the_start_of_its_day(now: datetime, settings: LazySettings) -> None:
    make_key()
    EnteredCount.objects.create(environment="production", date=date(2026, 2, 2), source="wiki", workflows=5)
    rollup.mark_day(environment="production", date=date(2026, 2, 2))
    rollup.bring_up_to_date(now=now)
    settings.REPORTING_TIME_ZONE = "Europe/Berlin"
    rollup.bring_up_to_date(now=now)

    rows = KpiBucket.objects.filter(kpi="workbench-adoption", dimension="")

    assert sorted(rows.values_list("granularity", "period_start", "denominator")) == [
        ("base", minutes(-660), 5),
        ("day", minutes(-660), 5),
    ]


def test_a_changed_or_removed_entered_count_is_computed_anew(now: datetime) -> None:
    make_key()
    day = date(2026, 2, 2)
    entered = EnteredCount.objects.create(environment="production", date=day, source="wiki", workflows=5)
    for workflows in (5, 7, 0):
        entered.workflows = workflows
        entered.save()
        rollup.mark_day(environment="production", date=day)
        rollup.bring_up_to_date(now=now)
        rows = KpiBucket.objects.filter(
            kpi="workbench-adoption", dimension="", granularity=StoredGranularity.DAY
        )
        assert [row.denominator for row in rows] == ([workflows] if workflows else [])


@pytest.mark.parametrize(("gone", "counted"), [("raw_kept_from", [5]), ("things_kept_from", [])])
def test_an_entered_count_counts_where_raw_events_are_gone_and_not_where_things_are(
    gone: str, counted: list[int], now: datetime
) -> None:
    make_key()
    Environment.objects.update(**{gone: now})
    day = date(2026, 2, 2)
    EnteredCount.objects.create(environment="production", date=day, source="wiki", workflows=5)
    rollup.mark_day(environment="production", date=day)

    rollup.bring_up_to_date(now=now)

    rows = KpiBucket.objects.filter(kpi="workbench-adoption", dimension="", granularity=StoredGranularity.DAY)
    assert list(rows.values_list("denominator", flat=True)) == counted


# The command, and two workers ------------------------------------------------------------------------------


def test_the_command_takes_all_and_says_nothing(capsys: pytest.CaptureFixture[str], clock: datetime) -> None:
    store(chat(0), accepted(1))

    call_command("rollup")

    assert chats() == [(minutes(0), 1)]
    assert not Arrival.objects.filter(taken_at=None).exists()
    assert computed_until() == clock
    assert capsys.readouterr() == ("", "")


def test_numbers_wait_for_an_erasure_that_begins_while_they_are_computed(
    now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(chat(0))
    rollup.bring_up_to_date(now=now)
    store(chat(1))
    pending.fold_pending(now=now)
    before, compute = kpi_rows(), rollup.recompute

    def compute_and_begin(**options: Any) -> None:
        compute(**options)
        erasure(state="events")

    monkeypatch.setattr(rollup, "recompute", compute_and_begin)

    assert not rollup.roll_up_batch(environment="production", now=now, wait=False)
    assert (kpi_rows(), TouchedBucket.objects.exists()) == (before, True)


@pytest.mark.postgres
@pytest.mark.only_on("postgresql")
@pytest.mark.django_db(transaction=True)
def test_an_environment_that_another_worker_rolls_up_is_left_to_it_unless_asked_to_wait(
    now: datetime,
) -> None:
    store(chat(0))
    rollup.bring_up_to_date(now=minutes(0))
    locked, done = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            Freshness.objects.select_for_update().get(environment="production")
            locked.set()
            assert done.wait(timeout=30)

    def leave_it() -> None:
        try:
            assert locked.wait(timeout=30)
            rollup.roll_up(environment="production", now=now)
            assert computed_until() == minutes(0)
        finally:
            done.set()
        rollup.roll_up(environment="production", now=now, wait=True)
        assert computed_until() == now

    assert run_together(hold, leave_it) == []


@pytest.mark.postgres
@pytest.mark.only_on("postgresql")
@pytest.mark.django_db(transaction=True)
def test_workers_that_fold_and_roll_up_at_once_lose_nothing(
    now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pending, "EVENTS_PER_BATCH", 2)
    monkeypatch.setattr(rollup, "BUCKETS_PER_TRANSACTION", 2)
    key = make_key()

    def post() -> None:
        for number in range(20):
            store(chat(number * 7), accepted(number * 7, f"d-{number}"), key=key)

    def work() -> None:
        for _ in range(8):
            rollup.bring_up_to_date(now=now)

    assert run_together(post, work, work) == []

    rollup.bring_up_to_date(now=now)

    assert TouchedBucket.objects.count() == 0

    expected: dict[datetime, int] = {}
    for number in range(20):
        start = minutes(number * 7 // 15 * 15)
        expected[start] = expected.get(start, 0) + 1

    assert chats() == sorted(expected.items())
    assert chats(StoredGranularity.DAY) == [(minutes(-600), 20)]
