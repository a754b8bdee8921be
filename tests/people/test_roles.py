from itertools import pairwise

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, Permission, User

from people.models import Right, Role
from people.roles import givable_roles, give_role, keep_roles, may_manage, permissions_of, rights_of, role_of
from tests.people.builders import make_person

pytestmark = pytest.mark.django_db


def test_each_role_may_do_what_those_before_it_may() -> None:
    roles = [permissions_of(role) for role in Role]

    assert all(before < after for before, after in pairwise(roles))


@pytest.mark.parametrize(
    ("role", "newest"),
    [
        (Role.VIEWER, {Right.VIEW_PAGES}),
        (Role.ANALYST, {Right.ANNOTATE, Right.EXPORT, Right.SUBSCRIBE, Right.SHARE_PAGES, Right.EXPLORE}),
        (Role.OPERATOR, {Right.VIEW_RUNS}),
    ],
)
def test_a_role_adds_its_rights(role: Role, newest: set[Right]) -> None:
    assert set(rights_of(role)[-len(newest) :]) == newest
    tables = {"telemetry.switch_maintenance", "workbench.retry_run"} if role is Role.OPERATOR else set()
    assert permissions_of(role) == {right.permission for right in rights_of(role)} | tables


def test_who_may_what_besides_adding_changing_deleting_and_viewing() -> None:
    custom = {
        f"{row.content_type.app_label}.{row.codename}"
        for row in Permission.objects.select_related("content_type")
        if row.codename.partition("_")[0] not in {"add", "change", "delete", "view"}
    }
    custom |= {Right.VIEW_PAGES.permission, Right.VIEW_RUNS.permission}

    first = {name: next(role for role in Role if name in permissions_of(role)) for name in custom}

    assert first == {
        "people.view_pages": Role.VIEWER,
        "people.annotate": Role.ANALYST,
        "people.export": Role.ANALYST,
        "people.subscribe": Role.ANALYST,
        "people.share_pages": Role.ANALYST,
        "people.explore": Role.ANALYST,
        "people.view_runs": Role.OPERATOR,
        "telemetry.switch_maintenance": Role.OPERATOR,
        "workbench.retry_run": Role.OPERATOR,
    }


@pytest.mark.parametrize(
    "permission",
    [
        "telemetry.change_quarantinedevent",
        "telemetry.delete_quarantinedevent",
        "telemetry.add_erasure",
        "telemetry.add_retentionrun",
        "telemetry.change_retentionpolicy",
        "audit.view_auditentry",
    ],
)
def test_only_admins_replay_erase_prune_and_read_the_audit(permission: str) -> None:
    assert [role for role in Role if permission in permissions_of(role)] == [Role.ADMIN]


def test_admins_have_every_permission_of_the_portals_own_tables() -> None:
    own = Permission.objects.filter(content_type__app_label__in=["telemetry", "workbench", "kpis", "people"])

    names = {f"{row.content_type.app_label}.{row.codename}" for row in own.select_related("content_type")}

    assert names <= permissions_of(Role.ADMIN)
    assert "auth.change_group" not in permissions_of(Role.ADMIN)


def test_a_person_has_one_role() -> None:
    user = make_person("ada", role=Role.ANALYST)

    give_role(user=user, role=Role.VIEWER)

    assert role_of(user) is Role.VIEWER
    assert not user.has_perm(Right.EXPORT.permission)


def test_other_groups_stay() -> None:
    user = make_person("ada", role=Role.ANALYST)
    user.groups.add(Group.objects.create(name="night shift"))

    give_role(user=user, role=None)

    assert list(user.groups.values_list("name", flat=True)) == ["night shift"]
    assert role_of(user) is None


@pytest.mark.parametrize("role", [None, *Role])
def test_only_admins_are_staff(role: Role | None) -> None:
    user = make_person("ada", role=Role.ADMIN)

    give_role(user=user, role=role)

    assert User.objects.get(pk=user.pk).is_staff == (role is Role.ADMIN)


def test_superusers_stay_staff_whatever_their_role() -> None:
    user = User.objects.create_superuser("root")

    give_role(user=user, role=None)

    assert User.objects.get().is_staff


def test_roles_get_their_permissions_back() -> None:
    last = [config for config in apps.get_app_configs() if config.models_module is not None][-1]
    group = Group.objects.get(name="viewer")
    group.permissions.set(Permission.objects.filter(codename="add_user"))
    Group.objects.get(name="analyst").delete()

    keep_roles(sender=last)

    assert permissions_of(Role.VIEWER) == {"people.view_pages"}
    assert permissions_of(Role.ANALYST) == {right.permission for right in rights_of(Role.ANALYST)}


@pytest.mark.parametrize(
    ("actor", "person", "may"),
    [
        (Role.ADMIN, Role.ADMIN, True),
        (Role.ADMIN, Role.VIEWER, True),
        (Role.OPERATOR, Role.ADMIN, False),
        (Role.VIEWER, Role.ANALYST, False),
    ],
)
def test_nobody_manages_people_who_may_do_more(actor: Role, person: Role, may: bool) -> None:
    assert may_manage(actor=make_person("ada", role=actor), person=make_person("bob", role=person)) is may


def test_only_superusers_manage_superusers() -> None:
    root = User.objects.create_superuser("root")

    assert not may_manage(actor=make_person("ada", role=Role.ADMIN), person=root)
    assert may_manage(actor=root, person=User.objects.create_superuser("other"))


@pytest.mark.parametrize(
    ("environments", "may"), [(None, False), (["staging"], False), (["production"], True), ([], True)]
)
def test_people_who_are_limited_manage_no_one_who_sees_more(
    environments: list[str] | None, may: bool
) -> None:
    actor = make_person("ada", role=Role.ADMIN, environments=["production"])

    person = make_person("bob", role=Role.VIEWER, environments=environments)

    assert may_manage(actor=actor, person=person) is may


def test_people_give_roles_that_may_do_nothing_which_they_may_not() -> None:
    assert givable_roles(make_person("ada", role=Role.ADMIN)) == list(Role)
    assert givable_roles(make_person("bob", role=Role.ANALYST)) == [Role.VIEWER, Role.ANALYST]
    assert givable_roles(make_person("eve")) == []
