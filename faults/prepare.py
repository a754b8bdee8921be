"""`python -m faults.prepare` runs with a portal's settings: makes its keys and users, and prints them as JSON.

{"keys": {fault: {"ingest", "read"}}, "visitors": {role: {header: value}}, "routes": [[route, path], …]}
"""

import json
import os
import sys
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import django
from django.conf import settings

from tests.routes import all_routes

if TYPE_CHECKING:
    from people.models import Role

# In paths: what a route asks for, where "1" is not possible.
FILLED_IN = {
    "app_label": "telemetry",
    "name": "alerts",
    "route": "track",
    "run_id": "unknown-run",
    "slug": "workflow-duration",
    "token": "unknown-token",
    "url": "nothing-here/",
    "write_key": "unknown-key",
}
VISITORS = "visitors"
KEY_SCOPES = ("ingest", "read", "metrics")


def main() -> None:
    from django.utils import timezone

    from faults.catalogue import FAULTS

    now = timezone.now()
    made = {
        "keys": {name: make_keys(name, now=now) for name in FAULTS},
        "visitors": make_visitors(now=now),
        "routes": sorted((route.pattern, route.path) for route in all_routes(parts=FILLED_IN)),
    }
    sys.stdout.write(json.dumps(made))


def make_keys(environment: str, *, now: datetime) -> dict[str, str]:
    """The secrets of a key of each scope, in an environment of the fault's own."""
    from telemetry.keys import create_key

    return {
        scope: create_key(scope=scope, environment=environment, source="faults", now=now)[1]
        for scope in KEY_SCOPES
    }


def make_visitors(*, now: datetime) -> dict[str, dict[str, str]]:
    """The headers by which the portal knows each role."""
    from people.models import Role

    keys = {**make_keys(VISITORS, now=now), "admin-key": make_admin_key(now=now)}
    people = {role.value: signed_in(f"faults-{role}", role=role) for role in Role}
    return {
        "anonymous": {},
        **{name: {"Authorization": f"Bearer {secret}"} for name, secret in keys.items()},
        **people,
        "expired": {"Authorization": f"Bearer {make_expired_key(now=now)}"},
        "revoked": {"Authorization": f"Bearer {make_revoked_key(now=now)}"},
        "user": signed_in("faults-user"),
        # Not only a viewer, but let into the admin, where they have no permission.
        "staff": signed_in("faults-staff", role=Role.VIEWER, is_staff=True),
        "superuser": signed_in("faults-superuser", is_staff=True, is_superuser=True),
        "disabled": signed_in("faults-disabled", is_staff=True, is_superuser=True, is_active=False),
    }


def make_admin_key(*, now: datetime) -> str:
    from telemetry.keys import create_key

    return create_key(scope="admin", environment=VISITORS, source="faults", now=now)[1]


def make_expired_key(*, now: datetime) -> str:
    from telemetry.keys import create_key

    end = now - timedelta(hours=1)
    return create_key(scope="ingest", environment=VISITORS, source="faults", now=now, expires_at=end)[1]


def make_revoked_key(*, now: datetime) -> str:
    from telemetry.keys import create_key, revoke_key

    key, secret = create_key(scope="ingest", environment=VISITORS, source="faults", now=now)
    revoke_key(key=key, now=now)
    return secret


def signed_in(
    name: str, *, role: "Role | None" = None, is_active: bool = True, **rights: bool
) -> dict[str, str]:
    """The session of a new user, who is disabled afterwards where they are not active."""
    from django.contrib.auth import get_user_model
    from django.test import Client

    from people.roles import give_role

    user = get_user_model().objects.create(username=name, **rights)
    if role is not None:
        give_role(user=user, role=role)
    get_user_model().objects.filter(pk=user.pk).update(**rights)
    client = Client()
    client.force_login(user)
    get_user_model().objects.filter(pk=user.pk).update(is_active=is_active)
    return {"Cookie": f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"}


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    main()
