"""Roles: groups with fixed permissions, of which a person has one at most."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from auditlog.context import disable_auditlog
from django.apps import AppConfig, apps
from django.conf import settings
from django.contrib.auth.models import Group, Permission, User
from django.db import transaction
from django.db.models import Q

from people.access import covers, limit_of
from people.models import Right, Role

RIGHTS: dict[Role, tuple[Right, ...]] = {
    Role.VIEWER: (Right.VIEW_PAGES,),
    Role.ANALYST: (Right.ANNOTATE, Right.EXPORT, Right.SUBSCRIBE, Right.SHARE_PAGES, Right.EXPLORE),
    Role.OPERATOR: (Right.VIEW_RUNS,),
    Role.ADMIN: (),
}
# What a role may do with the portal's tables besides: permissions by app. Later roles have them too.
PERMISSIONS: dict[Role, dict[str, tuple[str, ...]]] = {
    Role.OPERATOR: {"telemetry": ("switch_maintenance",), "workbench": ("retry_run",)},
}
# What admins do with tables that are not the portal's own: accounts, and what signing in keeps of them.
ADMIN_PERMISSIONS = {
    "auth": ("add_user", "change_user", "delete_user", "view_user", "view_group"),
    "usersessions": ("view_usersession", "delete_usersession"),
}


def rights_of(role: Role) -> list[Right]:
    """The rights of the role and of the roles before it."""
    return [right for part in roles_up_to(role) for right in RIGHTS[part]]


def roles_up_to(role: Role) -> list[Role]:
    roles = list(Role)
    return roles[: roles.index(role) + 1]


def role_of(user: User) -> Role | None:
    """The person's role: the last of those that they have. None for people without one."""
    names = {group.name for group in user.groups.all()}
    return next((role for role in reversed(Role) if role in names), None)


@transaction.atomic
def give_role(*, user: User, role: Role | None) -> None:
    """Make this the person's one role; None takes every role. Only admins and superusers are staff then.

    Groups that are no roles stay. Safe to repeat.
    """
    # Only those that the person has: the audit notes each that is named.
    user.groups.remove(*user.groups.filter(name__in=Role.values).exclude(name=role or ""))
    if role is not None:
        user.groups.add(Group.objects.get(name=role))
    user.is_staff = user.is_superuser or role is Role.ADMIN
    user.save(update_fields=["is_staff"])
    # What Django remembers of the permissions on this object is of the old role.
    for name in ("_perm_cache", "_user_perm_cache", "_group_perm_cache"):
        user.__dict__.pop(name, None)


def givable_roles(actor: User) -> list[Role]:
    """The roles that the person may give: those that may do nothing which they may not."""
    own = actor.get_all_permissions()
    return [role for role in Role if actor.is_superuser or permissions_of(role) <= own]


def permissions_of(role: Role) -> set[str]:
    """As `get_all_permissions` writes them."""
    rows = Permission.objects.filter(group__name=role).values_list("content_type__app_label", "codename")
    return {f"{app}.{codename}" for app, codename in rows}


def may_manage(*, actor: User, person: User) -> bool:
    """Whether the actor may change the person's account: never that of somebody who may do or see more."""
    if actor.is_superuser:
        return True
    does_more = person.is_superuser or not person.get_all_permissions() <= actor.get_all_permissions()
    return not does_more and covers(limit_of(actor), limit_of(person))


def keep_roles(*, sender: AppConfig, **kwargs: Any) -> None:
    """After the last app's migrations: the groups of all roles, with exactly their permissions. Safe to repeat."""
    with_models = [config for config in apps.get_app_configs() if config.models_module is not None]
    if sender is not with_models[-1]:
        return
    # What a release says of its roles is nobody's decision here.
    with disable_auditlog():
        for role in Role:
            group, _ = Group.objects.get_or_create(name=role.value)
            group.permissions.set(Permission.objects.filter(condition_of(role)))


def condition_of(role: Role) -> Q:
    """Which permissions the role has."""
    condition = Q(content_type__app_label="people", codename__in=rights_of(role))
    for part in roles_up_to(role):
        for app, codenames in PERMISSIONS.get(part, {}).items():
            condition |= Q(content_type__app_label=app, codename__in=codenames)
    if role is not Role.ADMIN:
        return condition
    for app, codenames in ADMIN_PERMISSIONS.items():
        condition |= Q(content_type__app_label=app, codename__in=codenames)
    return condition | Q(content_type__app_label__in=own_apps())


def own_apps() -> Iterable[str]:
    """Labels of the portal's own apps."""
    root = Path(settings.BASE_DIR)
    return [config.label for config in apps.get_app_configs() if Path(config.path).parent == root]
