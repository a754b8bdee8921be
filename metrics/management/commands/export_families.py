"""Writes the tables of docs/metrics.md from the tracking plan and the catalogue of families."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from metrics.families.tables import with_tables
from telemetry.clients.files import find_drift, write_texts
from telemetry.plan import PlanFault, get_plan


class Command(BaseCommand):
    help = "Writes the tables of docs/metrics.md from the tracking plan and the catalogue of metric families."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--check", action="store_true", help="write nothing; fail when the page would change"
        )

    def handle(self, *args: Any, check: bool, **options: Any) -> None:
        page = settings.BASE_DIR / "docs" / "metrics.md"
        try:
            texts = {page: with_tables(page.read_text(encoding="utf-8"), plan=get_plan())}
        except (OSError, PlanFault, ValueError) as fault:
            raise CommandError(str(fault)) from fault
        if check:
            if drift := find_drift(texts):
                raise CommandError("\n".join([*drift, "Run export_families, and commit the result."]))
            self.stdout.write("The tables of docs/metrics.md follow from the plan.")
            return
        for path in write_texts(texts):
            self.stdout.write(f"Wrote {path}.")
