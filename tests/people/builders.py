"""People for tests."""

from collections.abc import Iterable
from typing import Any

from django.contrib.auth.models import User

from people.access import set_limit
from people.models import Role
from people.roles import give_role

PASSWORD = "correct horse"


def make_person(
    name: str, *, role: Role | None = None, environments: Iterable[str] | None = None, **fields: Any
) -> User:
    """An account with the role, limited to the environments if some are given."""
    user = User.objects.create_user(name, **fields)
    give_role(user=user, role=role)
    if environments is not None:
        set_limit(user=user, environments=environments)
    return user
