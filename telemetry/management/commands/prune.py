from argparse import ArgumentParser
from datetime import UTC, date
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from telemetry.lifecycle.retention import preview, runs
from telemetry.lifecycle.retention.reports import report_lines
from telemetry.lifecycle.retention.rules import PolicyTooShort
from telemetry.models import RetentionRun, RunStatus

SECONDS_A_LINE = 2.0


class Command(BaseCommand):
    help = (
        "Apply the retention policies now. With --environment and --before, remove once the raw events and the "
        "quarantine of the UTC days before that one, whatever the policies say. A hold still holds."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="say what would go, and change nothing")
        parser.add_argument("--environment", help="with --before: the environment")
        parser.add_argument("--before", type=date.fromisoformat, help="with --environment: YYYY-MM-DD (UTC)")

    def handle(
        self, *args: Any, dry_run: bool, environment: str | None, before: date | None, **options: Any
    ) -> None:
        if (environment is None) != (before is None):
            raise CommandError("--environment and --before belong together.")
        try:
            if dry_run:
                self.show(environment=environment, before=before)
            else:
                self.run(environment=environment, before=before)
        except (PolicyTooShort, runs.RunIsOpen, runs.NoSuchEnvironment) as error:
            raise CommandError(str(error)) from error

    def show(self, *, environment: str | None, before: date | None) -> None:
        today = timezone.now().astimezone(UTC).date()
        if environment is None or before is None:
            found = preview.of_policies(today=today)
        else:
            runs.check_once(environment=environment, before=before, today=today)
            found = preview.of_once(environment=environment, before=before, today=today)
        for line in found.texts():
            self.stdout.write(line)

    def run(self, *, environment: str | None, before: date | None) -> None:
        now = timezone.now()
        if environment is None or before is None:
            run = runs.open_run(now=now, requested_by="prune")
        else:
            run = runs.open_once(environment=environment, before=before, now=now, requested_by="prune")
        while runs.carry_on(now=timezone.now(), seconds=SECONDS_A_LINE):
            run.refresh_from_db()
            self.stderr.write(f"{run.rows} rows removed; at {' '.join(run.subjects[:1])} {run.position}")
        run.refresh_from_db()
        self.tell(run)

    def tell(self, run: RetentionRun) -> None:
        """One line for each subject, environment and event, then the sum."""
        if run.status == RunStatus.FAILED:
            raise CommandError(f"The run failed: {run.fault}. The next one finds what it left.")
        for line in report_lines(run):
            self.stdout.write(line)
        self.stdout.write(f"Removed {run.rows} rows, {run.bytes} bytes.")
