"""Removing raw events, by whole runs. On PostgreSQL the days of the late window and older ones are partitions."""

import threading
from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.db.models import QuerySet
from pytest_django.fixtures import Settings

from telemetry.intake.ingest import ingest_events
from telemetry.lifecycle import partitions
from telemetry.lifecycle.retention import portions, raw_events
from telemetry.lifecycle.retention.rules import midnight
from telemetry.models import ApiKey, Arrival, BridgeCounter, RawEvent
from tests.builders import NOW, event, make_key, store, table
from tests.telemetry.lifecycle.retention.builders import (
    day_ago,
    days_ago,
    hold,
    keep,
    kept_from,
    prune,
    report,
    stored,
)
from tests.telemetry.posts import event as posted
from tests.telemetry.posts import raw
from tests.threads import run_together
from workbench.fold import pending

pytestmark = pytest.mark.django_db
CHAT = "workbench.chat_message_sent"
DRAFT = "workbench.draft_edited"


@pytest.fixture(params=["partitions", "one table"] if connection.vendor == "postgresql" else ["one table"])
def _layout(request: pytest.FixtureRequest) -> None:
    """With partitions a day is dropped, without them (the default one has all) its rows are deleted."""
    if request.param == "partitions":
        with connection.cursor() as cursor:
            for age in (29, 30, 31, 38, *range(40, 46)):
                partitions.make_partition(cursor, day=day_ago(age))


def ages() -> list[int]:
    """How many days old the raw events are that are left."""
    return sorted((NOW.date() - day).days for day in RawEvent.objects.values_list("day", flat=True))


@pytest.mark.usefixtures("_layout")
def test_removes_the_days_before_the_cut_and_no_other() -> None:
    stored(29, 30, 31, 45)
    keep(30)

    run = prune()

    assert ages() == [29, 30]
    assert (run.status, run.rows, run.resumed) == ("finished", 2, 0)
    assert report() == [("production", CHAT, day_ago(45), 1), ("production", CHAT, day_ago(31), 1)]


@pytest.mark.usefixtures("_layout")
def test_a_day_that_some_policy_keeps_loses_only_what_is_due() -> None:
    stored(40, 40.1)
    stored(40, name=DRAFT)
    stored(40, environment="staging")
    keep(30, event_pattern="workbench.chat*", environment="production")

    prune()

    assert table(RawEvent, "environment", "event") == [("production", DRAFT), ("staging", CHAT)]
    assert report() == [("production", CHAT, day_ago(40), 2)]
    assert (kept_from(), kept_from("staging")) == (midnight(day_ago(39)), None)


@pytest.mark.usefixtures("_layout")
def test_a_hold_keeps_its_days() -> None:
    stored(40, 41, 42)
    keep(30)
    hold(environment="production", first_day=day_ago(41), last_day=day_ago(41))

    prune()

    assert ages() == [41]


@pytest.mark.usefixtures("_layout")
def test_what_is_not_folded_yet_is_kept() -> None:
    stored(41)
    store(event(CHAT, days_ago(40)), received_at=days_ago(40))
    keep(30)

    prune()

    assert ages() == [40]
    pending.fold_pending(now=NOW)
    prune()
    assert ages() == []


@pytest.mark.usefixtures("_layout")
def test_an_event_whose_corrected_moment_has_not_passed_keeps_its_day() -> None:
    store(event(CHAT, days_ago(30)))
    RawEvent.objects.update(day=day_ago(31))
    Arrival.objects.update(taken_at=NOW)
    keep(30)

    prune()

    assert ages() == [31]


def test_raw_events_are_kept_from_the_midnight_after_the_last_that_went() -> None:
    stored(40, 35)
    keep(30)

    prune()

    assert kept_from() == midnight(day_ago(34))


def test_removing_nothing_leaves_the_moment_as_it_was() -> None:
    stored(5)
    keep(30)

    prune()

    assert (kept_from(), report()) == (None, [])


def test_the_moment_takes_in_events_that_happened_after_the_day_they_are_stored_under() -> None:
    store(event(CHAT, days_ago(38)))
    RawEvent.objects.update(day=day_ago(40))
    Arrival.objects.update(taken_at=NOW)
    keep(30)

    prune()

    assert kept_from() == midnight(day_ago(37))


def test_counters_of_what_was_removed_rise_with_it() -> None:
    stored(40, 41)
    keep(30)

    prune()

    removed = BridgeCounter.objects.filter(
        family__in=["portal_raw_events_removed_total", "portal_pruned_rows_total"]
    )
    assert table_of(removed) == [
        ("portal_pruned_rows_total", "production", '["raw_events"]', 2),
        ("portal_raw_events_removed_total", "production", "[]", 2),
    ]


def table_of(counters: QuerySet[BridgeCounter]) -> list[tuple[str, str, str, int]]:
    return sorted(counters.values_list("family", "environment", "labels", "value"))


def test_many_rows_take_many_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(raw_events, "ROWS_A_STEP", {"postgresql": 2, "sqlite": 2})
    stored(40, 40.1, 40.2, 40.3, 40.4)
    keep(30)

    run = prune()

    assert (run.rows, run.steps) == (5, 3)
    assert report() == [("production", CHAT, day_ago(40), 5)]


@pytest.mark.only_on("sqlite")
def test_a_step_that_has_no_more_time_leaves_the_rest_to_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(portions, "ROWS_A_PORTION", 2)
    monkeypatch.setattr(portions, "SECONDS_A_STEP", 0)
    stored(40, 40.1, 40.2, 40.3, 40.4)
    keep(30)

    run = prune()

    assert (run.rows, run.steps) == (5, 3)
    assert report() == [("production", CHAT, day_ago(40), 5)]


@pytest.mark.usefixtures("_layout")
def test_a_day_is_read_once_for_all_steps_of_a_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(raw_events, "ROWS_A_STEP", {"postgresql": 2, "sqlite": 2})
    stored(40, 40.1, 40.2, 40.3, 40.4)
    stored(40, name=DRAFT)
    keep(30, event_pattern="workbench.chat*")
    days = []
    read = raw_events.survey
    monkeypatch.setattr(raw_events, "survey", lambda day: (days.append(day), read(day))[1])

    prune()

    # And once more, to see that nothing is left that is due.
    assert (days.count(day_ago(40)), RawEvent.objects.count()) == (2, 1)


@pytest.mark.only_on("postgresql")
def test_a_day_of_which_all_is_due_is_a_dropped_partition() -> None:
    partitions.ensure_partitions(today=day_ago(30))
    stored(35)
    keep(30)

    prune()

    days = partitions.partition_days()
    assert day_ago(35) not in days
    # Without events, too.
    assert min(days) == day_ago(30)


@pytest.mark.only_on("postgresql")
def test_a_day_that_a_killed_process_left_detached_is_dropped() -> None:
    with connection.cursor() as cursor:
        partitions.make_partition(cursor, day=day_ago(45))
    raw_events.detach_partition(day_ago(45))
    stored(10)
    keep(30)

    prune()

    with connection.cursor() as cursor:
        cursor.execute(raw_events.DETACHED)
        assert cursor.fetchall() == []
    assert ages() == [10]


# The door afterwards --------------------------------------------------------------------------------------


@pytest.fixture
def pruned_key(settings: Settings) -> ApiKey:
    """Of an environment whose raw events before 20 days ago are gone; the late window became longer since."""
    stored(20.6)
    settings.LATE_WINDOW_DAYS = 10
    keep(19)
    prune()
    settings.LATE_WINDOW_DAYS = 30
    assert kept_from() == midnight(day_ago(20))
    return make_key()


def answer(key: ApiKey, moment: datetime) -> tuple[int, list[str]]:
    message = posted(CHAT, at=moment, event_id="e")
    result = ingest_events([raw({**message, "properties": {}})], key=key, now=NOW)
    return result.accepted, [entry["code"] for entry in result.results]


def test_an_event_from_before_is_refused_as_too_old(pruned_key: ApiKey) -> None:
    start = midnight(day_ago(20))

    assert answer(pruned_key, start - timedelta(microseconds=1)) == (0, ["timestamp_too_old"])
    assert answer(pruned_key, start) == (1, [])


def test_the_refusal_says_since_when_and_is_quarantined(pruned_key: ApiKey) -> None:
    message = raw(posted(CHAT, at=days_ago(21), event_id="e") | {"properties": {}})

    result = ingest_events([message], key=pruned_key, now=NOW)

    assert result.rejected == 1
    assert result.results[0]["message"] == (
        "Raw events are kept from 2026-01-26 00:00 UTC on; retention deleted the older ones."
    )
    assert Arrival.objects.latest("pk").rejected == {"timestamp_too_old": 1}


def test_an_event_that_would_be_stored_under_a_day_that_is_gone_is_refused(pruned_key: ApiKey) -> None:
    # Its clock was three weeks slow: the day as sent is gone, the corrected moment is not.
    day = midnight(day_ago(21))
    message = raw(posted(CHAT, at=days_ago(1), event_id="e") | {"properties": {}})

    result = ingest_events([message], key=pruned_key, now=days_ago(20), sent_moments=[day])

    assert result.accepted == 0


def test_a_door_that_does_not_know_of_the_deletion_yet_stores_no_copy() -> None:
    key = make_key()
    message = raw(posted(CHAT, at=days_ago(28), event_id="e") | {"properties": {}})
    ingest_events([message], key=key, now=NOW)
    pending.fold_pending(now=NOW)
    keep(30)
    # Nothing but retention's deletion changes what this key's row says of its environment.
    assert key.environment.raw_kept_from is None
    prune(now=NOW + timedelta(days=5))

    again = ingest_events([message], key=key, now=NOW)

    assert (again.accepted, again.rejected) == (0, 1)
    assert RawEvent.objects.count() == 0


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("has_partitions", [True, False])
def test_copies_that_are_posted_while_it_prunes_are_never_stored_anew(
    has_partitions: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(raw_events, "ROWS_A_STEP", {"postgresql": 3, "sqlite": 3})
    later = NOW + timedelta(days=35)
    messages = [
        raw(posted(CHAT, at=days_ago(20 + number % 4), event_id=f"e-{number}") | {"properties": {}})
        for number in range(40)
    ]
    if has_partitions:
        partitions.ensure_partitions(today=NOW.date())
    ingest_events(messages, key=make_key(), now=NOW)
    pending.fold_pending(now=NOW)
    keep(30)
    has_ended = threading.Event()
    accepted = []

    def post_copies() -> None:
        # Each client's knowledge of the environment is as old as its key.
        key = ApiKey.objects.select_related("environment").earliest("pk")
        while not has_ended.is_set():
            accepted.append(ingest_events(messages, key=key, now=NOW).accepted)

    def work() -> None:
        try:
            assert prune(now=later).rows == 40
        finally:
            has_ended.set()

    try:
        assert run_together(post_copies, post_copies, work) == []
        assert sum(accepted) == 0
        assert RawEvent.objects.count() == 0
    finally:
        drop_partitions()


def drop_partitions() -> None:
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            for day in partitions.partition_days():
                cursor.execute(f"DROP TABLE {partitions.partition_name(day)}")
