"""Lints a tracking plan and its compatibility with the running one."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from telemetry.plan import PlanFault, TrackingPlan, find_breaking_changes, get_plan, read_plan


class Command(BaseCommand):
    help = "Lints a tracking plan (the running one without FILE) and what it would break for clients."
    # A faulty running plan is a failed check, and this command is what explains it.
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", metavar="FILE", nargs="?", type=Path, help="another plan (YAML)")

    def handle(self, *args: Any, file: Path | None, **options: Any) -> None:
        try:
            running = get_plan()
            plan = read_plan(file) if file else running
        except PlanFault as fault:
            raise CommandError("\n".join(fault.faults)) from fault
        breaking = find_breaking_changes(old=running, new=plan, today=timezone.now().date())
        if breaking:
            raise CommandError("\n".join(breaking))
        self.stdout.write(self._summary(plan, is_other=file is not None))

    def _summary(self, plan: TrackingPlan, *, is_other: bool) -> str:
        properties = sum(len(event.properties) for event in plan.events.values())
        compatible = " It is compatible with the running plan." if is_other else ""
        return f"The plan is good: {len(plan.events)} events with {properties} properties.{compatible}"
