from datetime import UTC, datetime, timedelta

import pytest
from allauth.usersessions.models import UserSession
from django.contrib.auth.models import User
from django.core.mail import EmailMessage
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from people.access import limit_of
from people.invitations import (
    SIGNER,
    InvitationUnusable,
    accept_invitation,
    find_invitation,
    invitation_for,
    invite,
    revoke_invitation,
)
from people.models import Invitation, Role
from people.roles import role_of
from tests.people.builders import make_person
from tests.people.outside import link_in
from tests.rows import environment

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 1, tzinfo=UTC)
WEEK = timedelta(days=7)
FORM = {"username": "eve", "password1": "another-battery-7", "password2": "another-battery-7"}


def make_invitation(*, environments: list[str] | None = None, now: datetime = NOW) -> tuple[Invitation, str]:
    return invite(
        email="Eve@example.com", role=Role.ANALYST, environments=environments, by=None, lasts=WEEK, now=now
    )


def test_a_link_is_not_stored() -> None:
    invitation, token = make_invitation()

    assert find_invitation(token, now=NOW) == invitation
    assert token not in str(Invitation.objects.values().get())


@pytest.mark.parametrize(
    ("later", "is_open"), [(timedelta(0), True), (WEEK - timedelta(seconds=1), True), (WEEK, False)]
)
def test_a_link_expires(later: timedelta, is_open: bool) -> None:
    _, token = make_invitation()

    if is_open:
        assert find_invitation(token, now=NOW + later)
    else:
        with pytest.raises(InvitationUnusable):
            find_invitation(token, now=NOW + later)


@pytest.mark.parametrize(
    "token", ["x", "", "x.y", SIGNER.sign("x"), SIGNER.sign("x") + "y", "\0", "a" * 5000]
)
def test_a_link_that_was_made_up_opens_nothing(token: str) -> None:
    make_invitation()

    with pytest.raises(InvitationUnusable):
        find_invitation(token, now=NOW)


def test_a_revoked_link_opens_nothing() -> None:
    invitation, token = make_invitation()

    revoked = [revoke_invitation(invitation, now=NOW) for _ in range(2)]

    assert revoked == [True, False]
    with pytest.raises(InvitationUnusable):
        find_invitation(token, now=NOW)
    assert invitation_for("eve@example.com", now=NOW) is None


def test_an_invitation_is_accepted_once() -> None:
    invitation, token = make_invitation(environments=["staging"])
    eve, bob = make_person("eve"), make_person("bob")

    accept_invitation(invitation, user=eve, now=NOW)

    with pytest.raises(InvitationUnusable):
        accept_invitation(invitation, user=bob, now=NOW)
    with pytest.raises(InvitationUnusable):
        find_invitation(token, now=NOW)
    assert (role_of(eve), limit_of(eve)) == (Role.ANALYST, {"staging"})
    assert (role_of(bob), limit_of(bob)) == (None, None)


def test_an_invitation_is_found_by_its_address() -> None:
    invitation, _ = make_invitation()

    assert invitation_for("EVE@example.com", now=NOW) == invitation
    assert invitation_for("", now=NOW) is None
    assert invitation_for("eve@example.com", now=NOW + WEEK) is None


# The page -------------------------------------------------------------------------------------------------


def path_of(token: str) -> str:
    return f"/invitations/{token}/"


def test_the_page_makes_the_account_and_signs_in(client: Client) -> None:
    _, token = make_invitation(now=timezone.now())

    page = client.get(path_of(token)).content.decode()
    answer = client.post(path_of(token), FORM)

    eve = User.objects.get()
    assert "eve@example.com" in page
    assert (eve.username, eve.email, role_of(eve), eve.is_staff) == (
        "eve",
        "eve@example.com",
        Role.ANALYST,
        False,
    )
    assert (answer.headers["Location"], client.get("/").status_code) == ("/", 200)
    assert UserSession.objects.filter(user=eve).exists()
    assert client.post(path_of(token), FORM).status_code == 404


@pytest.mark.parametrize(
    "change",
    [
        {"username": "root"},
        {"username": "a@b.example"},
        {"username": "\0"},
        {"password1": "x"},
        {"password2": "x"},
    ],
    ids=str,
)
def test_a_wrong_entry_leaves_the_invitation_open(client: Client, change: dict[str, str]) -> None:
    User.objects.create_superuser("root")
    _, token = make_invitation(now=timezone.now())

    assert client.post(path_of(token), FORM | change).status_code == 200
    assert User.objects.count() == 1
    assert find_invitation(token, now=timezone.now())


def test_links_are_tried_ten_times_a_minute(client: Client) -> None:
    answers = [client.post(path_of(f"x{number}"), FORM).status_code for number in range(11)]

    assert answers == [404] * 10 + [429]


def test_where_the_provider_alone_lets_people_in_there_is_no_form(client: Client, settings: Settings) -> None:
    settings.LOCAL_SIGN_IN = False
    _, token = make_invitation(now=timezone.now())

    page = client.post(path_of(token), FORM).content.decode()

    assert "password1" not in page
    assert not User.objects.exists()


# The admin ------------------------------------------------------------------------------------------------

ADD = "/admin/people/invitation/add/"


@pytest.fixture
def admin(client: Client) -> Client:
    environment("production")
    environment("staging")
    client.force_login(make_person("ada", role=Role.ADMIN))
    return client


def test_without_a_mail_server_the_link_is_shown_once(admin: Client) -> None:
    page = admin.post(ADD, {"email": "eve@example.com", "role": "viewer"}, follow=True).content.decode()
    again = admin.get("/admin/people/invitation/").content.decode()

    assert "/invitations/" in page
    assert "/invitations/" not in again
    assert Invitation.objects.get().created_by == User.objects.get()


@pytest.mark.usefixtures("has_mail")
def test_with_a_mail_server_the_link_is_mailed(admin: Client, mailoutbox: list[EmailMessage]) -> None:
    page = admin.post(
        ADD,
        {"email": "eve@example.com", "role": "viewer", "is_limited": "on", "environments": ["staging"]},
        follow=True,
    )

    assert "/invitations/" not in page.content.decode()
    assert Client().get(link_in(mailoutbox[0].message())).status_code == 200
    assert Invitation.objects.get().environments == ["staging"]


def test_nobody_who_has_an_account_is_invited(admin: Client) -> None:
    make_person("eve", email="Eve@example.com")

    assert admin.post(ADD, {"email": "eve@example.com", "role": "viewer"}).status_code == 200


def test_an_invitation_is_revoked_in_the_admin(admin: Client) -> None:
    invitation, token = make_invitation(now=timezone.now())

    admin.post(
        "/admin/people/invitation/", {"action": "revoke_selected", "_selected_action": [str(invitation.pk)]}
    )

    assert Client().get(path_of(token)).status_code == 404


def test_people_who_are_limited_invite_to_their_environments_only(client: Client) -> None:
    environment("production")
    environment("staging")
    client.force_login(make_person("ada", role=Role.ADMIN, environments=["staging"]))
    make_invitation()
    form = {"email": "bob@example.com", "role": "viewer"}

    refused = client.post(ADD, form | {"is_limited": "on", "environments": ["production"]})
    client.post(ADD, form | {"environments": ["staging"]})

    assert refused.status_code == 200
    assert list(Invitation.objects.values_list("email", "environments")) == [
        ("eve@example.com", None),
        ("bob@example.com", ["staging"]),
    ]
    assert "eve@example.com" not in client.get("/admin/people/invitation/").content.decode()
