"""People in the admin: who may change whom, and what is done with their accounts."""

import re

import pytest
from allauth.mfa.totp.internal.auth import TOTP
from allauth.usersessions.models import UserSession
from django.contrib.auth.models import Group, Permission, User
from django.test import Client
from django.urls import reverse

from people.access import limit_of
from people.models import Role
from people.roles import role_of
from people.second_factor import has_second_factor
from tests.people.builders import PASSWORD, make_person
from tests.rows import environment

pytestmark = pytest.mark.django_db

PEOPLE = "/admin/auth/user/"


@pytest.fixture
def ada(client: Client) -> User:
    """A signed-in admin."""
    environment("production")
    environment("staging")
    ada = make_person("ada", role=Role.ADMIN)
    client.force_login(ada)
    return ada


def page_of(user: User) -> str:
    return f"{PEOPLE}{user.pk}/change/"


def form_of(user: User, **changes: object) -> dict[str, object]:
    fields: dict[str, object] = {"username": user.username, "email": user.email, "is_active": "on"}
    return {**fields, "role": role_of(user) or "", **changes}


def test_an_admin_gives_a_role_and_environments(client: Client, ada: User) -> None:
    bob = make_person("bob")

    client.post(page_of(bob), form_of(bob, role="operator", is_limited="on", environments=["staging"]))

    bob = User.objects.get(pk=bob.pk)
    assert (role_of(bob), limit_of(bob), bob.is_staff) == (Role.OPERATOR, {"staging"}, False)


def test_an_admin_makes_an_account(client: Client, ada: User) -> None:
    passwords = {
        "password1": "another-battery-7",
        "password2": "another-battery-7",
        "usable_password": "true",
    }

    client.post(f"{PEOPLE}add/", {"username": "bob", "email": "b@example.com", "role": "admin", **passwords})

    bob = User.objects.get(username="bob")
    assert (role_of(bob), limit_of(bob), bob.is_staff) == (Role.ADMIN, None, True)


def test_the_list_shows_role_environments_and_second_factor(client: Client, ada: User) -> None:
    TOTP.activate(make_person("bob", role=Role.ANALYST, environments=["staging"]), "JBSWY3DPEHPK3PXP")

    page = client.get(PEOPLE).content.decode()

    assert re.search(r"analyst.*?staging", page, re.DOTALL)


def test_an_admin_changes_no_superuser(client: Client, ada: User) -> None:
    root = User.objects.create_superuser("root", password=PASSWORD)

    page = client.get(page_of(root))
    answers = [
        client.post(page_of(root), form_of(root, email="ada@example.com")),
        client.post(f"{PEOPLE}{root.pk}/delete/", {"post": "yes"}),
        client.post(f"{PEOPLE}{root.pk}/password/", {"password1": "x", "password2": "x"}),
    ]

    assert page.status_code == 200
    assert b'name="_save"' not in page.content
    assert [answer.status_code for answer in answers] == [403, 403, 403]
    assert User.objects.get(pk=root.pk).check_password(PASSWORD)


@pytest.mark.parametrize(
    "action", ["delete_selected", "end_selected_sessions", "remove_selected_second_factors"]
)
def test_no_action_of_an_admin_touches_a_superuser(client: Client, ada: User, action: str) -> None:
    root = User.objects.create_superuser("root")
    TOTP.activate(root, "JBSWY3DPEHPK3PXP")
    session = UserSession.objects.create(user=root, ip="192.0.2.1", session_key="k")

    client.post(PEOPLE, {"action": action, "_selected_action": [str(root.pk)], "post": "yes"})

    assert has_second_factor(User.objects.get(pk=root.pk))
    assert UserSession.objects.filter(pk=session.pk).exists()


def test_an_admin_gives_no_more_than_a_role(client: Client, ada: User) -> None:
    bob = make_person("bob")
    group = Group.objects.create(name="more")
    permission = Permission.objects.get(codename="delete_group")
    more = {"is_superuser": "on", "is_staff": "on", "groups": [group.pk], "user_permissions": [permission.pk]}

    client.post(page_of(bob), form_of(bob, **more))

    bob = User.objects.get(pk=bob.pk)
    assert (bob.is_superuser, bob.is_staff, bob.groups.count(), bob.user_permissions.count()) == (
        False,
        False,
        0,
        0,
    )


@pytest.mark.parametrize("role", ["operator", "admin", "superuser"])
def test_staff_who_are_no_admins_give_only_what_they_have(client: Client, role: str) -> None:
    staff = make_person("ada", role=Role.ANALYST)
    staff.user_permissions.add(*Permission.objects.filter(codename__in=["change_user", "view_user"]))
    User.objects.filter(pk=staff.pk).update(is_staff=True)
    client.force_login(staff)
    bob = make_person("bob")

    answer = client.post(page_of(bob), form_of(bob, role=role))

    assert answer.status_code == 200
    assert role_of(User.objects.get(pk=bob.pk)) is None


def test_people_who_are_limited_lift_no_limit(client: Client) -> None:
    environment("production")
    environment("staging")
    ada = make_person("ada", role=Role.ADMIN, environments=["staging"])
    client.force_login(ada)
    bob, eve = make_person("bob", environments=["staging"]), make_person("eve")

    client.post(page_of(ada), form_of(ada, environments=["staging", "production"]))
    client.post(page_of(bob), form_of(bob))
    answer = client.post(page_of(eve), form_of(eve, environments=["staging"]))

    assert [limit_of(User.objects.get(username=name)) for name in ("ada", "bob", "eve")] == [
        {"staging"},
        set(),
        None,
    ]
    assert answer.status_code == 403


def test_a_superuser_gives_groups_besides_the_role(admin_client: Client) -> None:
    bob = make_person("bob", role=Role.VIEWER)
    group = Group.objects.create(name="night shift")
    viewer = Group.objects.get(name="viewer")

    refused = admin_client.post(page_of(bob), form_of(bob, groups=[viewer.pk]))
    admin_client.post(page_of(bob), form_of(bob, groups=[group.pk], role="analyst", is_superuser="on"))

    bob = User.objects.get(pk=bob.pk)
    assert refused.status_code == 200
    assert sorted(bob.groups.values_list("name", flat=True)) == ["analyst", "night shift"]
    assert (bob.is_superuser, bob.is_staff) == (True, True)


# Buttons --------------------------------------------------------------------------------------------------


def test_an_admin_makes_a_link_for_a_new_password(client: Client, ada: User) -> None:
    bob = make_person("bob", password=PASSWORD)

    page = client.post(page_of(bob), form_of(bob, auth_user_make_reset_link=""), follow=True).content.decode()
    link = re.search(r"http://testserver(/password/reset/[\w-]+/)", page)

    assert link is not None
    form = {"password1": "another-battery-7", "password2": "another-battery-7"}
    stranger = Client()
    stranger.post(stranger.get(link[1]).headers["Location"], form)
    assert User.objects.get(pk=bob.pk).check_password("another-battery-7")


def test_an_admin_ends_sessions_and_removes_the_second_factor(client: Client, ada: User) -> None:
    bob = make_person("bob", role=Role.VIEWER, password=PASSWORD)
    there = Client()
    there.post("/login/", {"username": "bob", "password": PASSWORD})
    TOTP.activate(bob, "JBSWY3DPEHPK3PXP")

    client.post(page_of(bob), form_of(bob, auth_user_end_all_sessions=""))
    client.post(page_of(bob), form_of(bob, auth_user_remove_second_factor=""))

    assert there.get("/").status_code == 302
    assert not has_second_factor(bob)


def test_a_session_is_ended_in_its_list_and_its_key_is_not_shown(client: Client, ada: User) -> None:
    bob = make_person("bob", role=Role.VIEWER, password=PASSWORD)
    there = Client()
    there.post("/login/", {"username": "bob", "password": PASSWORD})
    session = UserSession.objects.get(user=bob)
    changelist = reverse("admin:usersessions_usersession_changelist")
    pages = [client.get(path).content.decode() for path in (changelist, f"{changelist}{session.pk}/change/")]

    client.post(changelist, {"action": "end_selected", "_selected_action": [str(session.pk)]})

    assert there.get("/").status_code == 302
    assert all(session.session_key not in page for page in pages)


def test_a_person_who_is_signed_in_is_deleted(client: Client, ada: User) -> None:
    bob = make_person("bob", role=Role.VIEWER, password=PASSWORD)
    there = Client()
    there.post("/login/", {"username": "bob", "password": PASSWORD})

    client.post(f"{PEOPLE}{bob.pk}/delete/", {"post": "yes"})

    assert not User.objects.filter(pk=bob.pk).exists()
    assert there.get("/").status_code == 302


def test_a_session_is_ended_by_deleting_it(client: Client, ada: User) -> None:
    make_person("bob", role=Role.VIEWER, password=PASSWORD)
    there = Client()
    there.post("/login/", {"username": "bob", "password": PASSWORD})
    session = UserSession.objects.get(user__username="bob")

    client.post(f"/admin/usersessions/usersession/{session.pk}/delete/", {"post": "yes"})

    assert there.get("/").status_code == 302


def test_no_admin_ends_the_session_of_a_superuser(client: Client, ada: User) -> None:
    root = User.objects.create_superuser("root")
    session = UserSession.objects.create(user=root, ip="192.0.2.1", session_key="k")
    changelist = "/admin/usersessions/usersession/"

    client.post(changelist, {"action": "end_selected", "_selected_action": [str(session.pk)]})
    answer = client.post(f"{changelist}{session.pk}/delete/", {"post": "yes"})

    assert answer.status_code == 403
    assert UserSession.objects.filter(pk=session.pk).exists()


def test_the_admins_own_page_for_passwords_leads_to_the_account(client: Client, ada: User) -> None:
    assert client.get("/admin/password_change/").headers["Location"] == "/account/password/"


def test_roles_are_the_portals(admin_client: Client) -> None:
    viewer = Group.objects.get(name="viewer")

    answers = [
        admin_client.post(f"/admin/auth/group/{viewer.pk}/{page}/", {"name": "x", "post": "yes"})
        for page in ("change", "delete")
    ]

    assert [answer.status_code for answer in answers] == [403, 403]
