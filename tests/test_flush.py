"""The flush at the end of a test that commits leaves what migrations leave."""

import pytest
from django.contrib.auth.models import Group
from django.core.management import call_command

from people.models import Role

pytestmark = pytest.mark.django_db(transaction=True)


def permissions_of_roles() -> dict[str, int]:
    return {group.name: group.permissions.count() for group in Group.objects.all()}


@pytest.mark.parametrize("changed", [False, True], ids=["as they were", "changed"])
def test_roles_are_as_migrations_left_them(changed: bool) -> None:
    before = permissions_of_roles()
    if changed:
        Group.objects.get(name=Role.VIEWER.value).delete()
        Group.objects.create(name="readers")
        Group.objects.get(name=Role.ADMIN.value).permissions.clear()

    call_command("flush", interactive=False, verbosity=0)

    assert set(before) == set(Role.values)
    assert permissions_of_roles() == before
