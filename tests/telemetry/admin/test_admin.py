import re
from datetime import UTC, date, datetime, timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from telemetry import keys
from telemetry.admin import newest_day, raw_event_url
from telemetry.models import ApiKey, Environment
from tests.rows import MOMENT, api_key, arrival, environment, event_key, quarantined_event, raw_event

pytestmark = pytest.mark.django_db

ADD_KEY = "/admin/telemetry/apikey/add/"
KEYS = "/admin/telemetry/apikey/"
RAW = "/admin/telemetry/rawevent/"
SECRET = re.compile(r"wb_ingest_[A-Za-z0-9_-]{43}")


def key_form(**fields: str) -> dict[str, str]:
    given = {
        "scope": "ingest",
        "environment_name": "production",
        "source": "web-app",
        "requests_per_minute": "600",
        "expires_at_0": "",
        "expires_at_1": "",
    }
    return given | fields


def listed(client: Client, url: str) -> str:
    response = client.get(url)
    assert response.status_code == 200
    return response.content.decode()


# Keys


def test_a_new_key_is_made_and_its_secret_shown_once(admin_client: Client) -> None:
    page = admin_client.post(ADD_KEY, key_form(), follow=True).content.decode()
    (secret,) = set(SECRET.findall(page))
    key = ApiKey.objects.get()
    assert keys.find_key(secret) == key
    assert (key.scope, key.environment_id, key.source) == ("ingest", "production", "web-app")
    assert (key.requests_per_minute, key.expires_at, key.revoked_at) == (600, None, None)
    assert not SECRET.search(listed(admin_client, KEYS))


def test_a_new_key_makes_its_environment(admin_client: Client) -> None:
    admin_client.post(ADD_KEY, key_form(environment_name="staging"))
    assert list(Environment.objects.values_list("name", flat=True)) == ["staging"]


def test_without_a_rate_a_key_gets_the_default(admin_client: Client) -> None:
    admin_client.post(ADD_KEY, key_form(requests_per_minute=""))
    assert ApiKey.objects.get().requests_per_minute == keys.DEFAULT_REQUESTS_PER_MINUTE


def test_a_key_may_expire(admin_client: Client) -> None:
    admin_client.post(ADD_KEY, key_form(expires_at_0="2099-01-01", expires_at_1="12:00:00"))
    assert ApiKey.objects.get().expires_at == datetime(2099, 1, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"environment_name": "Production Two"}, "is not acceptable"),
        ({"source": "Web App"}, "is not acceptable"),
        ({"scope": "everything"}, "Select a valid choice"),
        ({"requests_per_minute": "-1"}, "greater than or equal to 0"),
        ({"expires_at_0": "2020-01-01", "expires_at_1": "00:00:00"}, "already expired"),
    ],
)
def test_a_wrong_key_is_refused_with_a_sentence(
    fields: dict[str, str], message: str, admin_client: Client
) -> None:
    page = admin_client.post(ADD_KEY, key_form(**fields)).content.decode()
    assert message in page
    assert not ApiKey.objects.exists()


def test_the_digest_is_never_shown(admin_client: Client) -> None:
    key = api_key(digest="d1" * 32)
    for url in (KEYS, f"{KEYS}{key.pk}/change/", ADD_KEY):
        assert key.digest not in listed(admin_client, url)


def test_selected_keys_are_revoked(admin_client: Client) -> None:
    revoked, kept = api_key(1), api_key(2)
    earlier = api_key(3, revoked_at=MOMENT)
    chosen = {"action": "revoke_selected", "_selected_action": [str(revoked.pk), str(earlier.pk)]}
    page = admin_client.post(KEYS, chosen, follow=True).content.decode()
    assert "Revoked 1 of the selected keys" in page
    for key in (revoked, kept, earlier):
        key.refresh_from_db()
    assert revoked.revoked_at is not None
    assert (kept.revoked_at, earlier.revoked_at) == (None, MOMENT)


def test_a_revocation_is_in_the_history(admin_client: Client) -> None:
    key = api_key()
    admin_client.post(KEYS, {"action": "revoke_selected", "_selected_action": [str(key.pk)]})
    assert "Revoked." in listed(admin_client, f"{KEYS}{key.pk}/history/")


def test_keys_are_neither_changed_nor_deleted(admin_client: Client) -> None:
    key = api_key()
    assert admin_client.post(f"{KEYS}{key.pk}/change/", key_form()).status_code == 403
    assert admin_client.post(f"{KEYS}{key.pk}/delete/", {"post": "yes"}).status_code == 403
    admin_client.post(KEYS, {"action": "delete_selected", "_selected_action": [str(key.pk)], "post": "yes"})
    assert ApiKey.objects.get() == key


@pytest.mark.parametrize(("codename", "revoked"), [("view_apikey", False), ("change_apikey", True)])
def test_who_may_change_keys_may_revoke_them(codename: str, revoked: bool, client: Client) -> None:
    key = api_key()
    person = User.objects.create_user("jo", is_staff=True)
    person.user_permissions.add(Permission.objects.get(codename=codename))
    client.force_login(person)
    client.post(KEYS, {"action": "revoke_selected", "_selected_action": [str(key.pk)]})
    key.refresh_from_db()
    assert (key.revoked_at is not None) is revoked
    assert client.get(ADD_KEY).status_code == 403


def test_a_key_says_whether_it_is_in_force(admin_client: Client) -> None:
    now = timezone.now()
    api_key(1)
    api_key(2, expires_at=now - timedelta(seconds=1))
    api_key(3, expires_at=now + timedelta(hours=1))
    api_key(4, revoked_at=now - timedelta(seconds=1))
    page = listed(admin_client, KEYS)
    states = re.findall(r"\b(in force|expired|revoked)\s*</span>", page)
    assert states == ["revoked", "in force", "expired", "in force"]


# Arrivals


def test_arrivals_show_what_became_of_their_events(admin_client: Client) -> None:
    arrival(rejected={"wrong_type": 2, "bad_id": 1})
    page = listed(admin_client, "/admin/telemetry/arrival/")
    assert "3 (bad_id 1, wrong_type 2)" in page


def test_pending_arrivals_can_be_listed(admin_client: Client) -> None:
    pending, taken = arrival(0), arrival(1)
    for state, shown, hidden in (("pending", pending, taken), ("taken", taken, pending)):
        page = listed(admin_client, f"/admin/telemetry/arrival/?state={state}")
        assert f"/arrival/{shown.pk}/change/" in page
        assert f"/arrival/{hidden.pk}/change/" not in page


def test_arrivals_of_one_key_can_be_listed(admin_client: Client) -> None:
    of_one, of_other = arrival(key=api_key(1)), arrival(key=api_key(2))
    page = listed(admin_client, f"/admin/telemetry/arrival/?key={of_one.key_id}")
    assert f"/arrival/{of_one.pk}/change/" in page
    assert f"/arrival/{of_other.pk}/change/" not in page
    assert "/change/" not in listed(admin_client, "/admin/telemetry/arrival/?key=none")


def test_an_arrival_leads_to_its_events(admin_client: Client) -> None:
    number = arrival().pk
    page = listed(admin_client, f"/admin/telemetry/arrival/{number}/change/")
    assert f'href="{RAW}?q={number}"' in page
    assert f'href="/admin/telemetry/quarantinedevent/?q={number}"' in page


# Raw events


def test_the_newest_day_is_the_newest_of_the_recent_arrivals(now: datetime) -> None:
    arrival(last_day=date(2026, 2, 14))
    arrival(last_day=date(2026, 2, 15))
    arrival(last_day=date(2026, 1, 1))
    arrival(last_day=None)
    assert newest_day(now=now) == date(2026, 2, 15)


def test_without_arrivals_the_newest_day_is_today(now: datetime) -> None:
    assert newest_day(now=now) == date(2026, 2, 15)


def test_raw_events_are_listed_for_the_newest_day(admin_client: Client) -> None:
    arrival()
    newest = raw_event(0)
    older = raw_event(1, day=date(2026, 2, 14))
    page = listed(admin_client, RAW)
    assert raw_event_url(newest) in page
    assert raw_event_url(older) not in page


def test_raw_events_of_another_day_are_listed_on_request(admin_client: Client) -> None:
    arrival()
    newest = raw_event(0)
    older = raw_event(1, day=date(2026, 2, 14))
    page = listed(admin_client, f"{RAW}?day=2026-02-14")
    assert raw_event_url(older) in page
    assert raw_event_url(newest) not in page


@pytest.mark.parametrize("day", ["yesterday", "2026-02-31", "9999-12-31", "0001-01-01", ""])
def test_any_day_of_the_address_gives_a_list(day: str, admin_client: Client) -> None:
    raw_event()
    listed(admin_client, f"{RAW}?day={day}")


def test_an_arrivals_events_are_found_on_every_day(admin_client: Client) -> None:
    arrival()
    old = raw_event(0, arrival_id=7, day=date(2026, 1, 1))
    other = raw_event(1, arrival_id=8)
    page = listed(admin_client, f"{RAW}?q=7")
    assert raw_event_url(old) in page
    assert raw_event_url(other) not in page


@pytest.mark.parametrize("term", ["none", "99999999999999999999999", "7.5", "%"])
def test_a_search_for_what_is_no_arrival_finds_nothing(term: str, admin_client: Client) -> None:
    raw_event()
    assert "/change/" not in listed(admin_client, f"{RAW}?q={term}")


@pytest.mark.parametrize("wrong", ["2026-02-14.{key}", "{key}", "2026-02-15.x", "x.{key}"])
def test_a_raw_event_is_found_by_its_day_and_key(wrong: str, admin_client: Client) -> None:
    event = raw_event()
    assert admin_client.get(raw_event_url(event)).status_code == 200
    url = reverse("admin:telemetry_rawevent_change", args=[wrong.format(key=event_key(0))])
    assert admin_client.get(url).status_code == 302


def test_properties_are_shown_pretty_and_escaped(admin_client: Client) -> None:
    page = listed(admin_client, raw_event_url(raw_event()))
    assert "&quot;intent&quot;: &quot;&lt;script&gt;alert(1)&lt;/script&gt;&quot;" in page
    assert "<script>alert(1)" not in page


# Quarantine


def test_quarantine_shows_all_errors_and_the_redacted_event(admin_client: Client) -> None:
    event = quarantined_event()
    page = listed(admin_client, f"/admin/telemetry/quarantinedevent/{event.pk}/change/")
    assert "properties.contextType" in page
    assert "It is required." in page
    assert "[14 characters]" in page
    assert f'href="/admin/telemetry/arrival/{event.arrival_id}/change/"' in page


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("", {1, 2, 3}),
        ("environment=production", {1, 2}),
        ("code=bad_id", {2, 3}),
        ("environment=production&code=bad_id", {2}),
        ("q=5", {3}),
    ],
)
def test_quarantine_is_filtered_by_environment_and_code(
    query: str, shown: set[int], admin_client: Client
) -> None:
    environment("production")
    events = {
        1: quarantined_event(1, code="wrong_type"),
        2: quarantined_event(2, code="bad_id"),
        3: quarantined_event(3, code="bad_id", environment="staging", arrival_id=5),
    }
    page = listed(admin_client, f"/admin/telemetry/quarantinedevent/?{query}")
    found = {number for number, event in events.items() if f"quarantinedevent/{event.pk}/change/" in page}
    assert found == shown


# People


def test_people_are_added_with_a_password(admin_client: Client) -> None:
    fields = {"username": "jo", "password1": "correct-horse-9", "password2": "correct-horse-9"}
    admin_client.post("/admin/auth/user/add/", fields | {"usable_password": "true"})
    assert User.objects.get(username="jo").check_password("correct-horse-9")
