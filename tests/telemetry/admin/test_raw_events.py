from datetime import date, datetime

import pytest
from django.test import Client
from django.urls import reverse

from telemetry.admin.raw_events import newest_day, raw_event_url
from tests.rows import arrival, event_key, raw_event
from tests.telemetry.admin.reading import page_of

pytestmark = pytest.mark.django_db

RAW = "/admin/telemetry/rawevent/"


def test_the_newest_day_is_the_newest_of_the_recent_arrivals(now: datetime) -> None:
    arrival(last_day=date(2026, 2, 14))
    arrival(last_day=date(2026, 2, 15))
    arrival(last_day=date(2026, 1, 1))

    arrival(last_day=None)

    assert newest_day(now=now) == date(2026, 2, 15)


def test_a_client_whose_clock_is_days_ahead_does_not_choose_the_newest_day(now: datetime) -> None:
    arrival(last_day=date(2026, 2, 16))
    arrival(last_day=date(2026, 2, 17))

    assert newest_day(now=now) == date(2026, 2, 16)


def test_without_arrivals_the_newest_day_is_today(now: datetime) -> None:
    assert newest_day(now=now) == date(2026, 2, 15)


def test_raw_events_are_listed_for_the_newest_day(admin_client: Client) -> None:
    arrival()
    newest = raw_event(0)
    older = raw_event(1, day=date(2026, 2, 14))

    page = page_of(admin_client, RAW)

    assert raw_event_url(newest) in page
    assert raw_event_url(older) not in page


def test_raw_events_of_another_day_are_listed_on_request(admin_client: Client) -> None:
    arrival()
    newest = raw_event(0)
    older = raw_event(1, day=date(2026, 2, 14))

    page = page_of(admin_client, f"{RAW}?day=2026-02-14")

    assert raw_event_url(older) in page
    assert raw_event_url(newest) not in page


@pytest.mark.parametrize("day", ["yesterday", "2026-02-31", "9999-12-31", "0001-01-01", ""])
def test_any_day_of_the_address_gives_a_list(day: str, admin_client: Client) -> None:
    raw_event()
    page_of(admin_client, f"{RAW}?day={day}")


def test_an_arrivals_events_are_found_on_every_day(admin_client: Client) -> None:
    arrival()
    old = raw_event(0, arrival_id=7, day=date(2026, 1, 1))
    other = raw_event(1, arrival_id=8)

    page = page_of(admin_client, f"{RAW}?q=7")

    assert raw_event_url(old) in page
    assert raw_event_url(other) not in page


@pytest.mark.parametrize("term", ["none", "99999999999999999999999", "7.5", "%"])
def test_a_search_for_what_is_no_arrival_finds_nothing(term: str, admin_client: Client) -> None:
    raw_event()

    assert "/change/" not in page_of(admin_client, f"{RAW}?q={term}")


@pytest.mark.parametrize("wrong", ["2026-02-14.{key}", "{key}", "2026-02-15.x", "x.{key}"])
def test_a_raw_event_is_found_by_its_day_and_key(wrong: str, admin_client: Client) -> None:
    event = raw_event()

    assert admin_client.get(raw_event_url(event)).status_code == 200

    url = reverse("admin:telemetry_rawevent_change", args=[wrong.format(key=event_key(0))])

    assert admin_client.get(url).status_code == 302


def test_properties_are_shown_pretty_and_escaped(admin_client: Client) -> None:
    page = page_of(admin_client, raw_event_url(raw_event()))

    assert "&quot;intent&quot;: &quot;&lt;script&gt;alert(1)&lt;/script&gt;&quot;" in page
    assert "<script>alert(1)" not in page
