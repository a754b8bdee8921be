from argparse import ArgumentParser
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from telemetry.intake.allowance import events_matching
from telemetry.keys import BadKeyName, create_key
from telemetry.models import Environment, Scope
from telemetry.plan import get_plan
from web.moments import in_utc


class Command(BaseCommand):
    help = "Creates a key and prints it, once, alone on standard output."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--scope", required=True, choices=Scope.values)
        parser.add_argument(
            "--environment", required=True, help="where the events come from, like production"
        )
        parser.add_argument("--source", required=True, help="what sends them, like web-app")
        parser.add_argument("--requests-per-minute", type=int, help="default 300000")
        parser.add_argument(
            "--expires", type=datetime.fromisoformat, help="a date or moment (UTC without a zone)"
        )

        parser.add_argument(
            "--events",
            default="",
            help="the events that it may send, separated by commas: workbench.*,agent.run_completed (default: all)",
        )
        parser.add_argument("--notes", default="", help="what people should know of it")

    def handle(self, *args: Any, **options: Any) -> None:
        is_new = not Environment.objects.filter(name=options["environment"]).exists()
        try:
            key, secret = create_key(
                scope=options["scope"],
                environment=options["environment"],
                source=options["source"],
                now=timezone.now(),
                requests_per_minute=checked_rate(options["requests_per_minute"]),
                expires_at=in_utc(options["expires"]) if options["expires"] else None,
                allowed_events=patterns_in(options["events"]),
                notes=options["notes"],
            )
        except BadKeyName as error:
            raise CommandError(str(error)) from error
        self.stdout.write(secret)
        if is_new:
            self.stderr.write(
                f"The environment {key.environment_id} is new: it was created with its first key."
            )
        self.stderr.write(f"Created the key {key}. It is not shown again.")


def checked_rate(rate: int | None) -> int | None:
    if rate is not None and not 1 <= rate <= 2**31 - 1:
        raise CommandError("--requests-per-minute takes 1 to 2147483647.")
    return rate


def patterns_in(text: str) -> list[str]:
    """The names and patterns of a list with commas. Raises CommandError for one that no event of the plan has."""
    patterns = [pattern.strip() for pattern in text.split(",") if pattern.strip()]
    for pattern in patterns:
        if not events_matching([pattern], plan=get_plan()):
            raise CommandError(f"--events: the plan has no event {pattern!r}.")
    return patterns
