"""What the upgrade to roles makes of the people who were there before."""

from importlib import import_module

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, User
from django.contrib.sessions.models import Session
from django.utils import timezone

from people.models import Role
from people.roles import role_of

upgrade = import_module("people.migrations.0002_make_the_roles")

pytestmark = pytest.mark.django_db


@pytest.fixture
def before() -> None:
    """As it was before there were roles."""
    Group.objects.all().delete()


@pytest.mark.usefixtures("before")
def test_everybody_who_is_here_sees_the_pages() -> None:
    User.objects.create_user("ada")
    User.objects.create_user("staff", is_staff=True)
    User.objects.create_superuser("root")

    upgrade.make_roles(apps, None)

    people = User.objects.order_by("username")
    assert [(user.username, role_of(user), user.is_staff) for user in people] == [
        ("ada", Role.VIEWER, False),
        ("root", None, True),
        ("staff", Role.VIEWER, True),
    ]


@pytest.mark.usefixtures("before")
def test_members_of_a_group_that_is_called_like_a_role_do_not_get_it() -> None:
    ada = User.objects.create_user("ada")
    ada.groups.add(Group.objects.create(name="admin"))

    upgrade.make_roles(apps, None)

    assert sorted(ada.groups.values_list("name", flat=True)) == ["admin (before roles)", "viewer"]
    assert not User.objects.get().is_staff


def test_roles_are_removed_again() -> None:
    upgrade.remove_roles(apps, None)

    assert not Group.objects.exists()


def test_sessions_that_are_in_no_list_end() -> None:
    Session.objects.create(session_key="k", session_data="x", expire_date=timezone.now())

    upgrade.end_sessions(apps, None)

    assert not Session.objects.exists()
