"""`python -m benchmarks.breach.prepare` runs with a portal's settings: makes keys and a session, printed as JSON.

{"ingest": secret, "alerts": secret, "read": secret, "cookie": header}
"""

import json
import sys

import django
from django.conf import settings

ENVIRONMENT = "production"
REQUESTS_PER_MINUTE = 60_000


def main() -> None:
    from django.utils import timezone

    from telemetry.keys import create_key

    keys = {
        scope: create_key(
            scope=scope,
            environment=ENVIRONMENT,
            source="breach",
            now=timezone.now(),
            requests_per_minute=REQUESTS_PER_MINUTE,
        )[1]
        for scope in ("ingest", "alerts", "read")
    }
    sys.stdout.write(json.dumps({**keys, "cookie": cookie_of_viewer()}))


def cookie_of_viewer() -> str:
    """The session of a new viewer."""
    from django.contrib.auth import get_user_model
    from django.test import Client

    from people.models import Role
    from people.roles import give_role

    user = get_user_model().objects.create(username="breach")
    give_role(user=user, role=Role.VIEWER)
    client = Client()
    client.force_login(user)
    name = settings.SESSION_COOKIE_NAME
    return f"{name}={client.cookies[name].value}"


if __name__ == "__main__":
    django.setup()
    main()
