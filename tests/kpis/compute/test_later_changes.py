from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from kpis.compute import rollup
from kpis.compute.later_changes import causes_of, closed_days, noted
from kpis.compute.rebuild import rebuild
from kpis.models import KpiBucket, LaterChange, StoredGranularity
from telemetry.models import Arrival
from tests.builders import NOW, event, make_key, minutes, store
from workbench.buckets import bucket_of, mark_touched
from workbench.models import ChangeCause

pytestmark = pytest.mark.django_db

CHAT, SUGGESTED = "workbench.chat_message_sent", "workbench.template_suggested"
FIRST = date(2026, 2, 2)
DAY = 24 * 60


def chats(*at: float) -> Iterable[dict[str, Any]]:
    return (event(CHAT, minutes(minute)) for minute in at)


def roll_up(now: datetime = NOW) -> None:
    rollup.bring_up_to_date(now=now)


def changes(*fields: str) -> list[tuple[Any, ...]]:
    """Each change as its day, cause, and denominator before and after; and the other fields."""
    columns = ("date", "cause", "denominator_before", "denominator_after", *fields)
    return list(LaterChange.objects.order_by("date", "first_changed_at").values_list(*columns))


def rebuilt(now: datetime = NOW) -> None:
    rebuild(environment="production", from_date=FIRST, to_date=date(2026, 2, 4), apply=True, now=now)


@pytest.fixture
def _shown() -> None:
    """Two messages of 2 February and one suggestion, computed until the 15th."""
    store(*chats(0, 1), event(SUGGESTED, minutes(0)))
    roll_up()


def test_notes_nothing_of_days_that_were_never_shown() -> None:
    store(*chats(0))
    roll_up()

    assert changes() == []


@pytest.mark.usefixtures("_shown")
def test_notes_what_late_events_change() -> None:
    store(*chats(2, 3))
    roll_up(NOW + timedelta(hours=1))

    moment = NOW + timedelta(hours=1)
    fields = ("kpi", "value_before", "value_after", "first_changed_at", "last_changed_at")
    assert changes(*fields) == [
        (FIRST, "late_events", 2, 4, "template-suggestion-rate", 0.5, 0.25, moment, moment)
    ]


@pytest.mark.usefixtures("_shown")
def test_notes_what_is_first_counted_on_a_day_that_was_shown_empty() -> None:
    store(*chats(DAY))
    roll_up()

    assert changes("value_before", "value_after") == [(date(2026, 2, 3), "late_events", 0, 1, None, 0.0)]


@pytest.mark.usefixtures("_shown")
def test_a_day_is_shown_from_its_end_on() -> None:
    yesterday = datetime(2026, 2, 14, 23, 59, tzinfo=UTC)
    store(event(CHAT, yesterday), event(CHAT, yesterday + timedelta(minutes=1)))
    roll_up()

    assert changes() == [(yesterday.date(), "late_events", 0, 1)]


@pytest.mark.usefixtures("_shown")
def test_one_cause_has_one_row_a_day() -> None:
    for number in range(3):
        store(*chats(2 + number))
        roll_up(NOW + timedelta(hours=number))
    store(*chats(9))
    roll_up(NOW + timedelta(hours=12))

    assert changes("last_changed_at") == [
        (FIRST, "late_events", 2, 5, NOW + timedelta(hours=2)),
        (FIRST, "late_events", 5, 6, NOW + timedelta(hours=12)),
    ]


@pytest.mark.usefixtures("_shown")
def test_another_cause_begins_where_the_last_one_ended() -> None:
    store(*chats(2))
    roll_up(NOW)
    arrival = store(*chats(3))
    Arrival.objects.filter(pk=arrival.pk).update(is_replay=True)
    roll_up(NOW + timedelta(minutes=1))
    store(*chats(4))
    roll_up(NOW + timedelta(minutes=2))

    assert changes() == [(FIRST, "late_events", 2, 3), (FIRST, "replay", 3, 4), (FIRST, "late_events", 4, 5)]


@pytest.mark.usefixtures("_shown")
def test_a_replay_is_folded_apart_from_what_came_with_it() -> None:
    for minute, is_replay in ((2, False), (DAY, True), (2 * DAY, False)):
        arrival = store(*chats(minute))
        Arrival.objects.filter(pk=arrival.pk).update(is_replay=is_replay)
    roll_up()

    assert [cause for _, cause, *_ in changes()] == ["late_events", "replay", "late_events"]


@pytest.mark.usefixtures("_shown")
def test_notes_nothing_where_nothing_changed() -> None:
    mark_touched(environment="production", buckets=[bucket_of(minutes(0))])
    roll_up()
    rebuilt()

    assert changes() == []


@pytest.mark.usefixtures("_shown")
@pytest.mark.parametrize(("version", "cause"), [(1, "rebuild"), (7, "definition")])
def test_a_rebuild_says_whether_the_definition_changed(version: int, cause: str) -> None:
    KpiBucket.objects.update(denominator=9, definition_version=version)

    rebuilt()

    assert changes() == [(FIRST, cause, 9, 2)]


@pytest.mark.usefixtures("_shown")
def test_parts_of_one_rebuild_are_one_change(monkeypatch: pytest.MonkeyPatch) -> None:
    store(*chats(300))
    roll_up(NOW - timedelta(days=1))
    LaterChange.objects.all().delete()
    KpiBucket.objects.update(denominator=9, definition_version=7)
    monkeypatch.setattr("kpis.compute.rebuild.BUCKETS_PER_TRANSACTION", 50)

    rebuilt()

    assert changes() == [(FIRST, "definition", 9, 3)]


@pytest.mark.usefixtures("_shown")
def test_an_entered_count_is_a_cause() -> None:
    KpiBucket.objects.filter(granularity=StoredGranularity.DAY).update(denominator=9)
    rollup.mark_day(environment="production", date=FIRST)
    roll_up()

    assert changes() == [(FIRST, "entered_count", 9, 2)]


@pytest.mark.usefixtures("_shown")
def test_what_is_rolled_back_is_not_noted() -> None:
    store(*chats(2))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(LaterChange.objects, "bulk_create", lambda *args, **options: 1 / 0)
        with pytest.raises(ExceptionGroup):
            roll_up()
    roll_up()

    assert changes() == [(FIRST, "late_events", 2, 3)]


def test_of_several_causes_the_rarest_is_noted() -> None:
    for cause in (ChangeCause.LATE_EVENTS, ChangeCause.ERASURE, ChangeCause.REPLAY):
        mark_touched(environment="production", buckets=[bucket_of(minutes(0))], cause=cause)

    found = causes_of(environment="production", starts=[minutes(0)], computed_until=NOW)

    assert found == {FIRST: ChangeCause.ERASURE}


def test_only_days_that_are_over_and_computed_are_closed() -> None:
    starts = [minutes(0), datetime(2026, 2, 14, 23, 45, tzinfo=UTC), datetime(2026, 2, 15, tzinfo=UTC)]

    assert closed_days(starts, computed_until=NOW) == {FIRST, date(2026, 2, 14)}
    assert closed_days(starts, computed_until=None) == set()


def test_today_costs_no_query(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    make_key()

    with django_assert_num_queries(0):
        causes = causes_of(environment="production", starts=[NOW], computed_until=NOW)
        with noted(environment="production", causes=causes, now=NOW):
            pass
