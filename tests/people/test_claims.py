from typing import Any

import pytest
from django.contrib.auth.models import User
from pytest_django import Settings

from people.access import limit_of
from people.models import Role
from people.roles import role_of
from people.single_sign_on.claims import apply_claims, kept_claims, role_in, values_of, verified_mail
from tests.people.builders import make_person


@pytest.mark.parametrize(
    ("claims", "mail"),
    [
        ({"email": "Ada@example.com", "email_verified": True}, "ada@example.com"),
        ({"email": "ada@example.com", "email_verified": "true"}, "ada@example.com"),
        ({"email": "ada@example.com", "email_verified": "false"}, ""),
        ({"email": "ada@example.com", "email_verified": False}, ""),
        ({"email": "ada@example.com", "email_verified": 1}, ""),
        ({"email": "ada@example.com"}, ""),
        ({"email": "ada", "email_verified": True}, ""),
        ({"email": ["ada@example.com"], "email_verified": True}, ""),
        ({}, ""),
    ],
)
def test_a_mail_address_counts_if_the_provider_says_that_it_is_verified(claims: Any, mail: str) -> None:
    assert verified_mail(claims) == mail


@pytest.mark.parametrize(
    ("claims", "path", "values"),
    [
        ({"roles": ["a", "b"]}, "roles", ["a", "b"]),
        ({"roles": "a"}, "roles", ["a"]),
        ({"realm_access": {"roles": ["a"]}}, "realm_access.roles", ["a"]),
        ({"https://example.com/roles": ["a"]}, "https://example.com/roles", ["a"]),
        ({"roles": ["a", 1, None, {"b": 2}]}, "roles", ["a"]),
        ({"roles": 7}, "roles", []),
        ({"realm_access": "x"}, "realm_access.roles", []),
        ({}, "roles", []),
    ],
)
def test_a_claim_is_a_text_or_a_list_also_within_an_object(claims: Any, path: str, values: list[str]) -> None:
    assert values_of(claims, path=path) == values


@pytest.mark.parametrize(
    ("values", "role"),
    [
        (["g-1"], Role.VIEWER),
        (["g-1", "g-2"], Role.OPERATOR),
        (["else"], None),
        ([], None),
        (["g-2", "g-1"], Role.OPERATOR),
    ],
)
def test_of_several_roles_the_highest_counts(
    settings: Settings, values: list[str], role: Role | None
) -> None:
    settings.OIDC_ROLE_CLAIM, settings.OIDC_ROLES = "groups", {"g-1": "viewer", "g-2": "operator"}

    assert role_in({"groups": values}) is role


def test_nothing_is_kept_that_the_portal_does_not_use(settings: Settings) -> None:
    settings.OIDC_ROLE_CLAIM = "realm_access.roles"
    answer = {
        "userinfo": {"sub": "s", "name": "A\0da", "phone_number": "1", "realm_access": {"roles": ["x\0"]}},
        "id_token": "no object",
    }

    assert kept_claims(answer) == {"userinfo": {"sub": "s", "name": "Ada", "realm_access": {"roles": ["x"]}}}


# What they give -------------------------------------------------------------------------------------------


@pytest.fixture
def claimed(settings: Settings) -> None:
    settings.OIDC_ROLE_CLAIM, settings.OIDC_ENVIRONMENT_CLAIM = "roles", "places"
    settings.OIDC_ROLES = {"bosses": "admin", "people": "viewer"}


@pytest.mark.django_db
@pytest.mark.usefixtures("claimed")
def test_a_role_that_is_gone_takes_the_admin_away() -> None:
    ada = make_person("ada")
    apply_claims(user=ada, claims={"roles": ["bosses"], "places": ["*"]})
    before = (role_of(ada), ada.is_staff, limit_of(ada))

    apply_claims(user=ada, claims={})

    assert before == (Role.ADMIN, True, None)
    assert (role_of(ada), ada.is_staff, limit_of(ada)) == (None, False, frozenset())


@pytest.mark.django_db
@pytest.mark.usefixtures("claimed")
def test_environments_follow_their_claim() -> None:
    ada = make_person("ada", role=Role.VIEWER)

    apply_claims(user=ada, claims={"roles": "people", "places": ["staging", "demo"]})

    assert limit_of(ada) == {"demo", "staging"}


@pytest.mark.django_db
@pytest.mark.usefixtures("claimed")
def test_superusers_keep_what_they_have() -> None:
    root = User.objects.create_superuser("root")

    apply_claims(user=root, claims={})

    assert User.objects.get().is_staff


@pytest.mark.django_db
def test_without_claims_in_the_settings_an_admin_gives_roles() -> None:
    ada = make_person("ada", role=Role.OPERATOR, environments=["staging"])

    apply_claims(user=ada, claims={"roles": ["bosses"], "places": ["*"]})

    assert (role_of(ada), limit_of(ada)) == (Role.OPERATOR, {"staging"})
