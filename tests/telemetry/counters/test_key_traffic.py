from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from telemetry.counters.key_traffic import Traffic, clients_of, events_of, traffic_of
from telemetry.models import ApiKey, Arrival, LedgerHour
from tests.builders import NOW, event, make_key, minutes, store

pytestmark = pytest.mark.django_db


def count(
    key: ApiKey, *, hour: datetime, outcome: str = "accepted", reason: str = "", events: int = 1
) -> None:
    LedgerHour.objects.create(
        key=key, environment="production", hour=hour, outcome=outcome, reason=reason, events=events
    )


@pytest.mark.parametrize(
    ("hours", "day", "week"), [(0, 1, 1), (24, 1, 1), (25, 0, 1), (168, 0, 1), (169, 0, 0)]
)
def test_hours_count_from_the_one_that_holds_the_first_moment(hours: int, day: int, week: int) -> None:
    key = make_key()
    count(key, hour=NOW - timedelta(hours=hours))

    traffic = traffic_of([key.pk], now=NOW + timedelta(minutes=59))[key.pk]

    assert (traffic.day.received, traffic.week.received) == (day, week)


def test_each_key_has_its_own_numbers_in_two_queries() -> None:
    keys = [make_key() for _ in range(4)]
    for number, key in enumerate(keys[:3]):
        count(key, hour=NOW, events=10)
        count(key, hour=NOW, outcome="duplicate", events=5)
        count(key, hour=NOW, outcome="rejected", reason="bad_id", events=number)
        count(key, hour=NOW, outcome="rejected", reason="too_long", events=2 * number)

    with CaptureQueriesContext(connection) as queries:
        traffic = traffic_of([key.pk for key in keys], now=NOW)

    found = [
        (each.week.received, each.week.rejected, each.week.most_frequent_code) for each in traffic.values()
    ]
    assert found == [(15, 0, ""), (18, 3, "too_long"), (21, 6, "too_long"), (0, 0, "")]
    assert len(queries) == 2


def test_a_share_of_nothing_is_not_zero() -> None:
    assert (Traffic().rejected_share, Traffic(accepted=1).rejected_share) == (None, 0.0)


def test_the_clients_of_a_key_are_those_of_its_newest_posts() -> None:
    key = make_key()
    for client in ("app/1", "", "app/2", "app/2"):
        Arrival.objects.filter(pk=store(key=key).pk).update(client=client)
    newest = traffic_of([key.pk], now=NOW)[key.pk].client

    assert (newest, clients_of(key)) == ("app/2", [("app/2", 2), ("app/1", 1)])


def test_the_events_of_a_key_are_those_of_its_newest_posts() -> None:
    key = make_key()
    store(event("agent.x", minutes(1)), key=key)
    for number in range(20):
        store(event("agent.y", minutes(number)), event("agent.z", minutes(number), n=number % 2), key=key)
    store(event("agent.q"), key=make_key(source="other"))

    assert events_of(key) == [("agent.y", 20), ("agent.z", 20)]
    assert events_of(make_key(source="new")) == []
