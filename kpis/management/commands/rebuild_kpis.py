from argparse import ArgumentParser
from collections.abc import Sequence
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from kpis.compute.rebuild import ErasureAtWork, RawEventsPruned, check_range, rebuild
from telemetry.models import Environment


class Command(BaseCommand):
    help = (
        "Recompute the KPIs of a range of days (reporting zone, --to exclusive) from what is stored. "
        "Without --force it only says what it would change."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--from", dest="from_date", type=date.fromisoformat, required=True)
        parser.add_argument("--to", dest="to_date", type=date.fromisoformat, required=True)
        parser.add_argument("--environment", help="default: every environment")
        parser.add_argument("--force", action="store_true", help="write the changes")

    def handle(
        self,
        *args: Any,
        from_date: date,
        to_date: date,
        environment: str | None,
        force: bool,
        **options: Any,
    ) -> None:
        if from_date >= to_date:
            raise CommandError("--from must lie before --to.")
        names = self._environments(environment)
        try:
            # All are checked first, so that a refusal leaves every environment as it was.
            for name in names:
                check_range(environment=name, from_date=from_date)
            self._rebuild(names, from_date=from_date, to_date=to_date, force=force)
        except (RawEventsPruned, ErasureAtWork) as error:
            raise CommandError(str(error)) from error

    def _rebuild(self, names: Sequence[str], *, from_date: date, to_date: date, force: bool) -> None:
        for name in names:
            changes = rebuild(
                environment=name, from_date=from_date, to_date=to_date, apply=force, now=timezone.now()
            )
            verb = "changed" if force else "would change"
            self.stdout.write(
                f"{name}: {verb} {changes.changed} rows, {changes.added} new, {changes.removed} removed, "
                f"{changes.unchanged} as they were."
            )

    def _environments(self, name: str | None) -> list[str]:
        names = Environment.names()
        if name is None:
            return names
        if name not in names:
            raise CommandError(
                f"There is no environment {name!r}; there are: {', '.join(names) or 'none yet'}."
            )
        return [name]
