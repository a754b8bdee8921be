import uuid
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from config.operations.smoke import SmokeFailed, SmokeTest, run_steps


class Command(BaseCommand):
    help = "Posts one event to a running portal and waits until the scrape and a KPI have counted it."
    # It asks a portal, which may be another one than that of these settings.
    requires_system_checks = []

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        # Other users of the machine see a command's arguments, but not a file's lines.
        return super().create_parser(prog_name, subcommand, fromfile_prefix_chars="@", **kwargs)

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--url", required=True, help="like https://kpi.example.com")
        parser.add_argument(
            "--inside",
            default="",
            help="the portal's own address, where a proxy keeps /readyz and /metrics (default: that of --url)",
        )
        parser.add_argument("--key", required=True, help="of scope ingest, of the environment below")
        parser.add_argument("--read-key", required=True, help="of scope read, of the same environment")
        parser.add_argument("--metrics-key", default="", help="not needed on the portal's own machine")
        parser.add_argument(
            "--environment", default="smoke", help="that of both keys (default: smoke, which no team counts)"
        )
        parser.add_argument(
            "--timeout", type=float, default=60, help="seconds that a step may wait (default 60)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        test = SmokeTest(
            url=options["url"],
            inside=options["inside"] or options["url"],
            key=options["key"],
            read_key=options["read_key"],
            metrics_key=options["metrics_key"],
            environment=options["environment"],
            timeout_seconds=options["timeout"],
            session_id=f"smoke-{uuid.uuid4()}",
        )
        try:
            for step in run_steps(test, now=timezone.now):
                self.stdout.write(f"{step.seconds:6.2f} s  {step.name}: {step.finding}")
        except SmokeFailed as failure:
            raise CommandError(str(failure)) from failure
