import re
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone

from telemetry import keys
from telemetry.models import ApiKey, Environment
from tests.rows import MOMENT, api_key
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
    page = page_of(admin_client, KEYS)

    states = re.findall(r"\b(in force|expired|revoked)\s*</span>", page)

    assert states == ["revoked", "in force", "expired", "in force"]
