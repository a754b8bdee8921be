"""`python -m faults.prepare` runs with a portal's settings: makes its keys and users, and prints them as JSON.

{"keys": {fault: {"ingest", "read"}}, "visitors": {role: {header: value}}, "routes": [[route, path], …]}
"""

import json
import os
import sys
from datetime import datetime

import django
from django.conf import settings

from tests.routes import all_routes

# In paths: what a route asks for, where "1" is not possible.
FILLED_IN = {
    "app_label": "telemetry",
    "route": "track",
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
    keys = make_keys(VISITORS, now=now)
    visitors = {scope: {"Authorization": f"Bearer {secret}"} for scope, secret in keys.items()}
    return {
        "anonymous": {},
        **visitors,
        "user": signed_in("faults-user", is_superuser=False),
        "superuser": signed_in("faults-superuser", is_superuser=True),
    }


def signed_in(name: str, *, is_superuser: bool) -> dict[str, str]:
    from django.contrib.auth import get_user_model
    from django.test import Client

    user = get_user_model().objects.create(username=name, is_superuser=is_superuser, is_staff=is_superuser)
    client = Client()
    client.force_login(user)
    return {"Cookie": f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"}


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    main()
