"""Writes the Grafana dashboards from the registry of KPIs, the tracking plan and the catalogue of families."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from metrics.dashboards.files import dashboard_files, superfluous_files
from metrics.dashboards.queries import UnknownFamily
from telemetry.clients.files import find_drift, write_texts
from telemetry.plan import PlanFault, get_plan


class Command(BaseCommand):
    help = "Writes the Grafana dashboards in deploy/grafana/dashboards."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--check", action="store_true", help="write nothing; fail when a file would change"
        )

    def handle(self, *args: Any, check: bool, **options: Any) -> None:
        try:
            texts = dashboard_files(get_plan(), root=settings.BASE_DIR)
        except (PlanFault, UnknownFamily) as fault:
            raise CommandError(str(fault)) from fault
        superfluous = superfluous_files(texts, root=settings.BASE_DIR)
        if not check:
            for path in write_texts(texts):
                self.stdout.write(f"Wrote {path}.")
            for path in superfluous:
                path.unlink()
                self.stdout.write(f"Removed {path}.")
            return
        drift = [*find_drift(texts), *(f"{path} belongs to no dashboard." for path in superfluous)]
        if drift:
            raise CommandError("\n".join([*drift, "Run export_dashboards, and commit the result."]))
        self.stdout.write(f"All {len(texts)} dashboards follow from KPIs, plan and families.")
