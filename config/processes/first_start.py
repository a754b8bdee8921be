"""The first start: load the demo data, create an admin and a key, and print how to use them."""

import secrets
from datetime import datetime
from io import TextIOBase

from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import transaction

from telemetry import keys
from telemetry.models import Scope

ADMIN = "admin"

WELCOME = """
The portal is set up. This is shown once:

  address     {address}/
  admin       {address}/admin/
  user        {user}
  password    {password}
  ingest key  {key}  (environment {environment}, source {source})

Post an event:

{curl}
"""

# The shell fills in the time, so that the line works whenever it is pasted.
CURL = """\
curl -X POST {address}/api/workbench/telemetry \\
  -H 'Authorization: Bearer {key}' -H 'Content-Type: application/json' \\
  -d '{{"event": "workbench.draft_created", "sessionId": "first-session", "timestamp": "'"$(date -u \
+%Y-%m-%dT%H:%M:%SZ)"'", "properties": {{"source": "chat"}}}}'"""


def is_due() -> bool:
    """True until there is an admin, so that an interrupted first start is repeated."""
    return not get_user_model().objects.filter(is_superuser=True).exists()


def run(*, demo: bool, address: str, now: datetime, out: TextIOBase) -> None:
    """Load the demo environment (if `demo`), then create an admin and a key and print both to `out`.

    Prints before the commit: if printing fails, nothing is stored and the next start prints a new password.
    """
    if demo:
        out.write("Loading the demo environment: 60 days of events.\n")
        call_command("load_demo", stdout=out)
    environment, source = ("demo", "demo") if demo else ("production", "first-key")
    password = secrets.token_urlsafe(12)
    with transaction.atomic():
        get_user_model().objects.create_superuser(username=ADMIN, email="", password=password)
        _, key = keys.create_key(scope=Scope.INGEST, environment=environment, source=source, now=now)
        out.write(
            WELCOME.format(
                address=address,
                user=ADMIN,
                password=password,
                key=key,
                environment=environment,
                source=source,
                curl=CURL.format(address=address, key=key),
            )
        )
        out.flush()
