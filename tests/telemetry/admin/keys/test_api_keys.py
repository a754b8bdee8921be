import re
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone

from telemetry import keys
from telemetry.models import ApiKey, Environment, LedgerHour
from tests.rows import MOMENT, api_key, arrival
from tests.telemetry.admin.reading import page_of

pytestmark = pytest.mark.django_db

ADD_KEY = "/admin/telemetry/apikey/add/"
KEYS = "/admin/telemetry/apikey/"
SECRET = re.compile(r"wb_ingest_[A-Za-z0-9_-]{43}")


def key_form(**fields: str) -> dict[str, str]:
    defaults = {
        "scope": "ingest",
        "environment_name": "production",
        "source": "web-app",
        "requests_per_minute": "600",
        "expires_at_0": "",
        "expires_at_1": "",
        "allowed_events": "",
        "notes": "",
    }
    return defaults | fields


def test_a_new_key_is_made_and_its_secret_shown_once(admin_client: Client) -> None:
    page = admin_client.post(ADD_KEY, key_form(), follow=True).content.decode()

    (secret,) = set(SECRET.findall(page))

    key = ApiKey.objects.get()

    assert keys.find_key(secret) == key
    assert (key.scope, key.environment_id, key.source) == ("ingest", "production", "web-app")
    assert (key.requests_per_minute, key.expires_at, key.revoked_at) == (600, None, None)
    assert not SECRET.search(page_of(admin_client, KEYS))


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
        ({"allowed_events": "workbench.*\nnothing.*"}, "The plan has no event nothing.*."),
        ({"allowed_events": "workbench.draft_craeted"}, "The plan has no event"),
        ({"allowed_events": "<script>alert(1)</script>"}, "&lt;script&gt;alert(1)&lt;/script&gt;"),
        ({"allowed_events": "*"}, "neither the name of an event"),
        ({"allowed_events": "workbench.* " * 600}, "at most 6500 characters"),
        ({"allowed_events": "workbench.*", "scope": "read"}, "Only keys of the scope ingest"),
        ({"notes": "x" * 2001}, "at most 2000 characters"),
        ({"notes": "it is wb_ingest_" + "a" * 43}, "Never write a secret down"),
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
        assert key.digest not in page_of(admin_client, url)


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

    assert "Revoked." in page_of(admin_client, f"{KEYS}{key.pk}/history/")


def test_only_the_allowed_events_and_the_notes_of_a_key_are_changed(admin_client: Client) -> None:
    key = api_key(1)

    changes = key_form(source="other", allowed_events="agent.*, workbench.draft_created", notes="Ask Jo.")
    admin_client.post(f"{KEYS}{key.pk}/change/", changes)

    key.refresh_from_db()
    assert (key.source, key.requests_per_minute) == ("app-1", 600)
    assert (key.allowed_events, key.notes) == (["agent.*", "workbench.draft_created"], "Ask Jo.")


def test_keys_are_not_deleted(admin_client: Client) -> None:
    key = api_key()

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
    page = page_of(admin_client, KEYS)

    states = re.findall(r"\b(in force|expires soon|expired|revoked)\s*</span>", page)

    assert states == ["revoked", "expires soon", "expired", "in force"]


ROTATE = "/admin/telemetry/apikey/{}/rotate/"


def test_a_key_is_rotated_and_the_new_secret_shown_once(admin_client: Client) -> None:
    key = api_key(1)

    answer = admin_client.post(ROTATE.format(key.pk), {"amount": "12", "unit": "hours"}, follow=True)

    (secret,) = set(SECRET.findall(answer.content.decode()))
    key.refresh_from_db()
    assert keys.find_key(secret) == key.successor
    assert answer.redirect_chain[-1][0] == f"{KEYS}{key.successor_id}/change/"
    assert not SECRET.search(page_of(admin_client, f"{KEYS}{key.successor_id}/change/"))


def test_a_second_click_makes_no_second_successor(admin_client: Client) -> None:
    key = api_key(1)
    admin_client.post(ROTATE.format(key.pk), {"amount": "7", "unit": "days"})

    page = admin_client.post(ROTATE.format(key.pk), {"amount": "7", "unit": "days"}, follow=True)

    assert "was rotated already" in page.content.decode()
    assert ApiKey.objects.count() == 2


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"amount": "-1", "unit": "days"}, "greater than or equal to 0"),
        ({"amount": "366", "unit": "days"}, "365 days at most"),
        ({"amount": "9" * 50, "unit": "days"}, "less than or equal to"),
        ({"amount": "7", "unit": "weeks"}, "Select a valid choice"),
        ({"amount": "<b>", "unit": "days"}, "Enter a whole number"),
        ({}, "This field is required"),
    ],
)
def test_a_wrong_overlap_is_refused(fields: dict[str, str], message: str, admin_client: Client) -> None:
    key = api_key(1)

    assert message in admin_client.post(ROTATE.format(key.pk), fields).content.decode()
    assert ApiKey.objects.count() == 1


@pytest.mark.parametrize("number", ["999", "x", "9" * 30, "-1"])
def test_no_other_address_rotates(number: str, admin_client: Client) -> None:
    assert admin_client.post(ROTATE.format(number), {"amount": "7", "unit": "days"}).status_code == 404


@pytest.mark.parametrize("codenames", [["view_apikey"], ["change_apikey"], ["add_apikey", "view_apikey"]])
def test_who_rotates_may_add_and_change_keys(codenames: list[str], client: Client) -> None:
    key = api_key(1)
    person = User.objects.create_user("jo", is_staff=True)
    person.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    client.force_login(person)

    assert client.post(ROTATE.format(key.pk), {"amount": "7", "unit": "days"}).status_code == 403
    assert ApiKey.objects.count() == 1


def test_the_list_says_what_each_key_sent_and_how_much_was_refused(
    admin_client: Client, clock: datetime
) -> None:
    key = api_key(1, last_used_at=timezone.now() - timedelta(minutes=5))
    arrival(key=key, client="app/1.2")
    for hours, outcome, reason, events in (
        (2, "accepted", "", 60),
        (2, "rejected", "wrong_type", 40),
        (30, "rejected", "bad_id", 900),
        (200, "rejected", "bad_id", 5000),
    ):
        hour = (timezone.now() - timedelta(hours=hours)).replace(minute=0, second=0, microsecond=0)
        LedgerHour.objects.create(
            key=key, environment="production", hour=hour, outcome=outcome, reason=reason, events=events
        )

    page = page_of(admin_client, KEYS)

    for text in ("5 min ago", "100: 40.0 % rejected", "1,000: 94.0 % rejected", ">bad_id<", "app/1.2"):
        assert text in page


def test_a_key_without_posts_says_so(admin_client: Client) -> None:
    key = api_key(1, scope="read")

    assert page_of(admin_client, KEYS).count(">none<") == 2
    assert "not known" in page_of(admin_client, f"{KEYS}{key.pk}/change/")


def test_notes_are_shown_as_text(admin_client: Client) -> None:
    key = api_key(1, notes="<script>alert(1)</script>")

    page = page_of(admin_client, f"{KEYS}{key.pk}/change/")

    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert(1)" not in page
