import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction

from telemetry.models import Arrival, BridgeCounter, Environment, LedgerHour, RawEvent
from tests.builders import MOMENT, event, make_key, minutes, store, table
from tests.threads import run_together
from workbench.fold import batch, bridging, merges, pending
from workbench.models import EventCount, Session, TouchedBucket

pytestmark = pytest.mark.django_db

CHAT = "workbench.chat_message_sent"


def chats(count: int, minute: float = 0) -> list[dict[str, Any]]:
    return [event(CHAT, minutes(minute) + timedelta(seconds=number)) for number in range(count)]


def pending_ids() -> list[int]:
    return list(Arrival.objects.filter(taken_at=None).order_by("id").values_list("id", flat=True))


def counted() -> int:
    return sum(EventCount.objects.values_list("events", flat=True))


def everything() -> list[Any]:
    return [
        table(model, *(field.attname for field in model._meta.fields))
        for model in (Arrival, BridgeCounter, EventCount, LedgerHour, Session, TouchedBucket)
    ]


def test_takes_each_arrival_once(now: datetime) -> None:
    store(*chats(3))
    store(*chats(2, minute=20), environment="staging")

    assert pending.fold_pending(now=now) == 2
    assert table(Arrival, "environment", "taken_at") == [("production", now), ("staging", now)]

    before = everything()

    assert pending.fold_pending(now=now) == 0
    assert everything() == before
    assert table(EventCount, "environment", "events") == [("production", 3), ("staging", 2)]


@pytest.mark.parametrize("days", [-2, 3])
def test_an_event_counts_when_it_happened_and_not_under_the_day_that_it_is_stored_under(
    days: int, now: datetime
) -> None:
    arrival = store(*chats(2))
    stored_day = MOMENT.date() + timedelta(days=days)
    RawEvent.objects.update(day=stored_day)
    Arrival.objects.filter(pk=arrival.pk).update(first_day=stored_day, last_day=stored_day)

    pending.fold_pending(now=now)

    assert table(EventCount, "bucket_start", "events") == [(MOMENT, 2)]


def test_nothing_pending_takes_nothing(now: datetime) -> None:
    make_key()

    assert pending.fold_pending(now=now) == 0


def test_an_arrival_that_comes_just_after_the_queue_was_found_empty_waits(now: datetime) -> None:
    def come_in(execute: Any, sql: str, *arguments: Any) -> Any:
        found = execute(sql, *arguments)
        if "MAX(" in sql and not Arrival.objects.exists():
            store(*chats(1))
        return found

    with connection.execute_wrapper(come_in):
        assert pending.fold_pending(now=now) == 0

    assert pending.fold_pending(now=now) == 1


def test_an_arrival_without_events_is_taken_and_recorded(now: datetime) -> None:
    store(duplicates=1, rejected={"unknown_event": 2})
    store()

    assert pending.fold_pending(now=now) == 2
    assert pending_ids() == []
    assert table(LedgerHour, "outcome", "reason", "events") == [
        ("duplicate", "", 1),
        ("rejected", "unknown_event", 2),
    ]
    assert table(EventCount) == table(Session) == table(TouchedBucket) == []


def test_only_the_arrivals_own_events_are_taken(now: datetime) -> None:
    store(*chats(2))
    RawEvent.objects.update(arrival_id=0)
    store(*chats(1, minute=1))

    pending.fold_pending(now=now)

    assert counted() == 1


def test_an_arrival_of_two_far_days_is_taken_whole(now: datetime) -> None:
    store(event(CHAT, MOMENT - timedelta(days=29)), event(CHAT, MOMENT))

    pending.fold_pending(now=now)

    assert counted() == 2


@pytest.mark.parametrize(
    ("events_per_batch", "batches"),
    [
        pytest.param(1, [1, 1, 1], id="smaller than any arrival"),
        pytest.param(4, [1, 1, 1], id="smaller than the first two"),
        pytest.param(5, [2, 1], id="the first two"),
        pytest.param(8, [2, 1], id="smaller than all"),
        pytest.param(9, [3], id="all"),
    ],
)
def test_a_batch_holds_whole_arrivals_up_to_its_size(
    events_per_batch: int, batches: list[int], now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pending, "EVENTS_PER_BATCH", events_per_batch)
    newest = max(store(*chats(size, minute=size)).pk for size in (2, 3, 4))

    assert [pending.fold_batch(environment="production", now=now, newest=newest) for _ in batches] == batches
    assert counted() == 9
    assert pending_ids() == []


def test_a_batch_holds_no_more_arrivals_than_its_limit(
    now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pending, "ARRIVALS_PER_BATCH", 2)
    newest = max(store(*chats(1, minute=minute)).pk for minute in range(3))

    assert [pending.fold_batch(environment="production", now=now, newest=newest) for _ in range(2)] == [2, 1]


def test_arrivals_after_the_newest_stay_pending(now: datetime) -> None:
    first, second = store(*chats(1)), store(*chats(1, minute=1))

    assert pending.fold_batch(environment="production", now=now, newest=first.pk) == 1
    assert pending_ids() == [second.pk]


def test_ends_though_new_arrivals_come_in(now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    fold_batch = pending.fold_batch

    def fold_and_receive(**options: Any) -> int | None:
        store(*chats(1, minute=Arrival.objects.count()))
        return fold_batch(**options)

    monkeypatch.setattr(pending, "fold_batch", fold_and_receive)
    store(*chats(1))

    assert pending.fold_pending(now=now) == 1
    assert len(pending_ids()) == 2


def test_any_batching_gives_the_same_tables(now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    def take_all(size: int) -> list[Any]:
        for model in (Arrival, RawEvent, EventCount, Session, LedgerHour):
            model.objects.all().delete()
        monkeypatch.setattr(pending, "EVENTS_PER_BATCH", size)
        for number in range(4):
            session_end = event("workbench.session_ended", minutes(30 - number), durationMs=number)
            store(*chats(2, minute=number), session_end)
        pending.fold_pending(now=now)
        return [
            table(Session, "session_id", "ended_at", "duration_ms"),
            table(EventCount, "bucket_start", "event", "events"),
            table(LedgerHour, "hour", "outcome", "events"),
        ]

    assert take_all(1) == take_all(6) == take_all(100)


@pytest.mark.parametrize(
    ("module", "name"),
    [
        (pending, "read_arrivals"),
        (pending, "stage"),
        (pending, "pair_drafts"),
        (pending, "pair_approvals"),
        (pending, "mark_touched"),
        (pending, "count_events"),
        (bridging, "count_things"),
        (pending.bridge, "increase"),
        (pending.ledger, "record"),
        (merges, "merge_statements"),
        (pending, "read_changes"),
    ],
)
def test_an_error_in_the_middle_leaves_everything_as_it_was(
    module: Any, name: str, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(*chats(1))
    pending.fold_pending(now=now)
    store(*chats(2, minute=20), rejected={"bad_id": 1})
    before = everything()

    def fail(*args: Any, **options: Any) -> None:
        raise OSError("the power went")

    with monkeypatch.context() as patched:
        patched.setattr(module, name, fail)
        with pytest.RaisesGroup(pytest.RaisesExc(OSError, match="power")):
            pending.fold_pending(now=now)

    assert everything() == before
    assert pending.fold_pending(now=now) == 1
    assert counted() == 3


def test_a_batch_that_another_worker_took_meanwhile_is_not_the_end(
    now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(*chats(1), environment="production")
    store(*chats(2), environment="staging")
    read_arrivals = pending.read_arrivals

    def read_after_another_worker(*, environment: str, newest: int) -> list[batch.PendingArrival]:
        arrivals = read_arrivals(environment=environment, newest=newest)
        if environment == "production":
            Arrival.objects.filter(environment=environment).update(taken_at=now)
            return []
        return arrivals

    monkeypatch.setattr(pending, "read_arrivals", read_after_another_worker)

    assert pending.fold_pending(now=now) == 1
    assert table(EventCount, "environment", "events") == [("staging", 2)]


def test_an_environment_that_cannot_be_folded_does_not_stop_the_others(
    now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b", "c"):
        store(*chats(1), environment=name)
    read_arrivals = pending.read_arrivals

    def fail_for_b(*, environment: str, newest: int) -> list[batch.PendingArrival]:
        if environment == "b":
            raise OSError("b is broken")
        return read_arrivals(environment=environment, newest=newest)

    monkeypatch.setattr(pending, "read_arrivals", fail_for_b)

    with pytest.RaisesGroup(pytest.RaisesExc(OSError, match="b is broken")):
        pending.fold_pending(now=now)
    assert table(EventCount, "environment", "events") == [("a", 1), ("c", 1)]


def test_a_source_that_is_longer_than_a_variant_is_cut(now: datetime) -> None:
    store(event("workflow.created", source="s" * 33), event("workflow.created", source="t" * 32))

    pending.fold_pending(now=now)

    assert table(EventCount, "variant", "events") == [("s" * 32, 1), ("t" * 32, 1)]


# Two workers -----------------------------------------------------------------------------------------------

two_workers = [
    pytest.mark.postgres,
    pytest.mark.only_on("postgresql"),
    pytest.mark.django_db(transaction=True),
]


@pytest.fixture
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pending, "EVENTS_PER_BATCH", 3)


def mark(*marks: pytest.MarkDecorator) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def apply(test: Callable[..., Any]) -> Callable[..., Any]:
        for marker in marks:
            test = marker(test)
        return test

    return apply


@mark(*two_workers)
@pytest.mark.usefixtures("_small_batches")
def test_two_workers_never_count_twice(now: datetime) -> None:
    for number in range(12):
        store(*chats(2, minute=number), environment=f"environment-{number % 3}")

    assert run_together(*[lambda: pending.fold_pending(now=now)] * 3) == []

    pending.fold_pending(now=now)

    assert pending_ids() == []
    assert table(EventCount, "environment", "events") == [(f"environment-{n}", 8) for n in range(3)]
    assert sum(LedgerHour.objects.values_list("events", flat=True)) == 24


@mark(*two_workers)
def test_an_environment_that_another_worker_folds_is_left_to_it(now: datetime) -> None:
    store(*chats(1), environment="a")
    store(*chats(2), environment="b")
    locked, done = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            Environment.objects.select_for_update(no_key=True).get(name="a")
            locked.set()
            assert done.wait(timeout=30)

    def take_the_other() -> None:
        try:
            assert locked.wait(timeout=30)
            assert pending.fold_pending(now=now) == 1
        finally:
            done.set()

    assert run_together(hold, take_the_other) == []
    assert table(EventCount, "environment", "events") == [("b", 2)]
    assert pending.fold_pending(now=now) == 1


@mark(*two_workers)
def test_who_waits_takes_the_environment_after_the_other_worker(now: datetime) -> None:
    store(*chats(1), environment="a")
    locked, asked = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            Environment.objects.select_for_update(no_key=True).get(name="a")
            locked.set()
            assert not asked.wait(timeout=0.3), "it did not wait"

    def wait_and_take() -> None:
        assert locked.wait(timeout=30)
        assert pending.fold_pending(now=now, wait=True) == 1
        asked.set()

    assert run_together(hold, wait_and_take) == []
    assert pending_ids() == []


@mark(*two_workers)
def test_a_key_is_made_while_its_environment_is_folded(now: datetime) -> None:
    make_key(environment="a")
    with transaction.atomic():
        Environment.objects.select_for_update(no_key=True).get(name="a")
        assert run_together(lambda: make_key(environment="a")) == []
