"""Sign-ins in the audit."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from audit.models import AuditEntry, Verb

pytestmark = pytest.mark.django_db


@pytest.fixture
def jo() -> User:
    return User.objects.create_user("jo", password="correct-horse-9")


def noted() -> list[tuple[str, str, str]]:
    entries = AuditEntry.objects.exclude(verb=Verb.CREATED).order_by("id")
    return list(entries.values_list("verb", "object_repr", "actor_name"))


def test_signing_in_and_out_is_noted(client: Client, jo: User) -> None:
    client.post("/login/", {"username": "jo", "password": "correct-horse-9"})
    client.post("/logout/")

    assert noted() == [(Verb.SIGNED_IN, "jo", "jo"), (Verb.SIGNED_OUT, "jo", "jo")]


def test_a_wrong_password_is_noted_for_an_account_that_exists(client: Client, jo: User) -> None:
    for name in ("jo", "correct-horse-9"):
        client.post("/login/", {"username": name, "password": "wrong"})

    assert noted() == [(Verb.SIGN_IN_FAILED, "jo", "")]
