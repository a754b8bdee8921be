"""Every form of signing in and of one's own account, with values that no browser sends."""

from collections.abc import Iterator

import pytest
from allauth.mfa.totp.internal.auth import TOTP
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client

from people.models import Role
from tests.people.builders import PASSWORD, make_person
from tests.routes import all_routes

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("has_mail")]

FIELDS = (
    "username", "password", "next", "code", "credential", "email", "password1", "password2", "oldpassword",
    "name", "session", "passwordless", "token", "state",
)  # fmt: skip
VALUES = (
    "\0",
    "x" * 50_000,
    '{"response": {"clientDataJSON": "\\u0000"}}',
    "//evil.example",
    "\u202e😀",
)
PEOPLE = ("account/", "login/", "password/", "invitations/")
PATHS = sorted({route.path for route in all_routes() if route.pattern.lstrip("^").startswith(PEOPLE)})


@pytest.fixture
def visitors() -> Iterator[list[Client]]:
    """Somebody strange, somebody who still needs their second factor, and somebody who is signed in and confirmed."""
    TOTP.activate(make_person("ada", password=PASSWORD), "JBSWY3DPEHPK3PXP")
    make_person("bob", role=Role.VIEWER, email="bob@example.com", password=PASSWORD)
    clients = [Client(raise_request_exception=False) for _ in range(3)]
    clients[1].post("/login/", {"username": "ada", "password": PASSWORD})
    clients[2].post("/login/", {"username": "bob", "password": PASSWORD})
    clients[2].post("/account/confirm/", {"password": PASSWORD})
    yield clients
    assert User.objects.count() == 2


@pytest.mark.parametrize("path", PATHS)
def test_no_value_of_a_form_makes_it_fail(visitors: list[Client], path: str) -> None:
    failed = []

    for number, client in enumerate(visitors):
        for value in VALUES:
            # The limits on guesses have tests of their own.
            cache.clear()
            for method in (client.get, client.post):
                status = method(path, dict.fromkeys(FIELDS, value)).status_code
                failed += [(number, method.__name__, value[:30], status)] if status >= 500 else []

    assert failed == []


def test_the_walk_forgets_no_form() -> None:
    assert {
        "/account/",
        "/account/sessions/",
        "/login/second-factor/",
        "/password/reset/",
        "/invitations/x/",
    } <= set(PATHS)
