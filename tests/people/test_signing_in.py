"""Signing in: by name or mail, with a limit on wrong passwords that no header and no second door gets around."""

import uuid
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from people import hashing

pytestmark = pytest.mark.django_db

PASSWORD = "correct horse"
SignIn = Callable[..., HttpResponse]


@pytest.fixture(autouse=True)
def _ada() -> None:
    get_user_model().objects.create_user("ada", email="Ada@example.com", password=PASSWORD)


@pytest.fixture
def sign_in(client: Client) -> SignIn:
    """Tries a password, from a peer."""

    def post(
        password: str = PASSWORD, *, name: str = "ada", peer: str = "192.0.2.1", **extra: str
    ) -> HttpResponse:
        form = {"username": name, "password": password}
        return client.post("/login/", form, REMOTE_ADDR=peer, **extra)

    return post


@pytest.mark.parametrize("name", ["ada", " ada ", "ada@example.com", "ADA@EXAMPLE.COM", "\uff41da"])
def test_a_person_signs_in_by_name_or_mail(sign_in: SignIn, name: str) -> None:
    assert sign_in(name=name).status_code == 302


@pytest.mark.parametrize("name", ["", "Ada", "nobody", "nobody@example.com", "ada\0", "%ff", "a" * 5000])
def test_nobody_else_is_let_in(sign_in: SignIn, name: str) -> None:
    response = sign_in(name=name)

    assert response.status_code == 200
    assert "do not match" in response.content.decode()


def test_an_address_that_two_people_share_is_nobodys_name(sign_in: SignIn) -> None:
    get_user_model().objects.create_user("bob", email="ada@example.com", password=PASSWORD)

    assert sign_in(name="ada@example.com").status_code == 200


def test_a_name_that_is_anothers_address_stays_a_name(sign_in: SignIn) -> None:
    get_user_model().objects.create_user("ada@example.com", password="another")

    assert sign_in("another", name="ada@example.com").status_code == 302


def test_people_who_were_switched_off_are_not_let_in(sign_in: SignIn) -> None:
    get_user_model().objects.update(is_active=False)

    assert sign_in().status_code == 200


def test_signing_in_gives_another_session(client: Client, sign_in: SignIn) -> None:
    sign_in()
    before = client.cookies["sessionid"].value
    client.post("/logout/")

    sign_in()

    assert client.cookies["sessionid"].value != before


@pytest.mark.parametrize("path", ["//evil.example/", "https://evil.example/", "javascript:alert(1)"])
def test_signing_in_leads_to_no_other_site(client: Client, path: str) -> None:
    response = client.post("/login/", {"username": "ada", "password": PASSWORD, "next": path})

    assert response.headers["Location"] == "/"


# The limit ------------------------------------------------------------------------------------------------


def test_after_five_wrong_passwords_the_right_one_is_refused_too(sign_in: SignIn) -> None:
    statuses = [sign_in("wrong").status_code for _ in range(5)]

    response = sign_in()

    assert statuses == [200] * 5
    assert (response.status_code, response.headers["Retry-After"]) == (429, "300")
    assert "Too many wrong passwords" in response.content.decode()


def test_after_four_wrong_passwords_the_right_one_is_taken(sign_in: SignIn) -> None:
    for _ in range(4):
        sign_in("wrong")

    assert sign_in().status_code == 302


def test_an_account_is_locked_for_every_peer(sign_in: SignIn) -> None:
    for number in range(5):
        sign_in("wrong", peer=f"192.0.2.{number}")

    assert sign_in(peer="198.51.100.1").status_code == 429


def test_ten_wrong_passwords_for_any_accounts_lock_a_peer(sign_in: SignIn) -> None:
    for number in range(10):
        sign_in("wrong", name=f"person-{number}")

    assert sign_in().status_code == 429
    assert sign_in(peer="198.51.100.1").status_code == 302


def test_right_passwords_lock_nobody_out(sign_in: SignIn, client: Client) -> None:
    for _ in range(12):
        assert sign_in().status_code == 302
        client.post("/logout/")


def test_the_lock_ends_after_five_minutes(sign_in: SignIn, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(5):
        sign_in("wrong")
    later = (timezone.now() + timedelta(seconds=301)).timestamp()
    monkeypatch.setattr("time.time", lambda: later)

    assert sign_in().status_code == 302


@pytest.mark.parametrize(
    "spelling",
    [
        {"name": "ada@example.com"},
        {"name": "ADA@example.com"},
        {"name": " \uff41da "},
        {"HTTP_HOST": "localhost:1234"},
        {"HTTP_X_FORWARDED_FOR": "198.51.100.7"},
        {"HTTP_X_REAL_IP": "198.51.100.7"},
        {"HTTP_X_REQUESTED_WITH": "XMLHttpRequest"},
        {"HTTP_ACCEPT": "application/json"},
    ],
    ids=str,
)
def test_no_spelling_and_no_header_gets_around_the_limit(sign_in: SignIn, spelling: dict[str, str]) -> None:
    for _ in range(5):
        sign_in("wrong")

    assert sign_in(**spelling).status_code == 429


def test_a_header_does_not_make_another_peer(sign_in: SignIn) -> None:
    for number in range(10):
        sign_in("wrong", name=f"person-{number}", HTTP_X_FORWARDED_FOR=f"198.51.100.{number}")

    assert sign_in(HTTP_X_FORWARDED_FOR="198.51.100.99").status_code == 429


def test_behind_a_trusted_proxy_each_client_has_its_own_limit(sign_in: SignIn, settings: Settings) -> None:
    settings.TRUSTED_PROXIES = ["192.0.2.1"]
    for number in range(10):
        sign_in("wrong", name=f"person-{number}", HTTP_X_FORWARDED_FOR="198.51.100.1")

    assert sign_in(HTTP_X_FORWARDED_FOR="198.51.100.1").status_code == 429
    assert sign_in(HTTP_X_FORWARDED_FOR="198.51.100.2").status_code == 302


# Other doors, faults and the log --------------------------------------------------------------------------


def test_the_admins_own_address_leads_to_the_one_form(client: Client) -> None:
    form = {"username": "ada", "password": PASSWORD}

    response = client.post("/admin/login/?next=/admin/auth/user/", form)

    assert response.headers["Location"] == "/login/?next=/admin/auth/user/"
    assert "_auth_user_id" not in client.session


def test_staff_reach_the_page_of_the_admin_that_they_asked_for(client: Client) -> None:
    get_user_model().objects.create_superuser("root", password=PASSWORD)
    page = client.get("/admin/auth/user/", follow=True)
    path, _ = page.redirect_chain[-1]

    response = client.post(path, {"username": "root", "password": PASSWORD}, follow=True)

    assert response.redirect_chain == [("/admin/auth/user/", 302)]
    assert response.status_code == 200


def test_people_who_are_not_staff_are_told_so(client: Client, sign_in: SignIn) -> None:
    sign_in()

    assert client.get("/admin/", follow=True).status_code == 403


def test_while_another_hash_is_computed_nothing_is_compared_or_counted(
    sign_in: SignIn, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.PASSWORD_HASHERS = ["people.hashing.BoundedPBKDF2Hasher"]
    monkeypatch.setattr(hashing, "WAIT_SECONDS", 0.0)
    with hashing.turn():
        responses = [sign_in("wrong") for _ in range(6)]
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

    assert sign_in().status_code == 302
    assert {response.status_code for response in responses} == {503}
    assert {response.headers["Retry-After"] for response in responses} == {"5"}


def test_without_a_count_nobody_may_try(sign_in: SignIn, settings: Settings) -> None:
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": "redis://127.0.0.1:1",
        }
    }

    assert sign_in().status_code == 503


@pytest.mark.redis
def test_redis_counts_where_there_is_one(sign_in: SignIn, settings: Settings, redis_url: str) -> None:
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": redis_url,
            "KEY_PREFIX": uuid.uuid4().hex,
            "OPTIONS": {"socket_connect_timeout": 1, "socket_timeout": 1},
        }
    }

    statuses = [sign_in("wrong").status_code for _ in range(5)]

    assert (statuses, sign_in().status_code) == ([200] * 5, 429)


def test_failures_are_logged_without_what_was_typed(
    sign_in: SignIn, caplog: pytest.LogCaptureFixture
) -> None:
    sign_in("hunter2", name="my own password")

    assert caplog.messages == ["A sign-in failed from 192.0.2.1"]


def test_a_lock_is_logged_once_a_minute(sign_in: SignIn, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(9):
        sign_in("hunter2")

    assert caplog.messages[5:] == ["Sign-ins are locked out, also from 192.0.2.1"]


def test_nobody_signs_up(client: Client) -> None:
    assert client.get("/signup/").status_code == 404
    assert client.get("/accounts/signup/").status_code == 404
