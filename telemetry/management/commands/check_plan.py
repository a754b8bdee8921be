"""Lints a tracking plan, and checks that it is compatible with the running plan or with another portal's."""

import os
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from telemetry.plan import (
    PlanFault,
    TrackingPlan,
    find_breaking_changes,
    find_lost_counts,
    get_plan,
    read_plan,
)
from telemetry.plan.remote import fetch_plan


class Command(BaseCommand):
    help = "Lints a tracking plan (without FILE: the running one) and names what it would break for clients."
    # The system checks fail for a faulty running plan, which this command is there to explain.
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", metavar="FILE", nargs="?", type=Path, help="another plan (YAML)")
        parser.add_argument(
            "--against",
            metavar="URL",
            help="a portal: fails when it would refuse what the plan allows; the key is in WORKBENCH_KEY",
        )

    def handle(self, *args: Any, file: Path | None, against: str | None, **options: Any) -> None:
        try:
            if against:
                self._check_against(read_plan(file) if file else get_plan(), against)
            else:
                self._check(file)
        except PlanFault as fault:
            raise CommandError("\n".join(fault.faults)) from fault

    def _check_against(self, plan: TrackingPlan, url: str) -> None:
        """Clients of this plan post to the portal: its plan is the new one."""
        portals = fetch_plan(url, key=os.environ.get("WORKBENCH_KEY", ""))
        refused = find_breaking_changes(old=plan, new=portals, today=timezone.now().date())
        if refused:
            # What follows the semicolon is advice for whoever changes a plan.
            facts = [f"{sentence.partition(';')[0].rstrip('.')}." for sentence in refused]
            raise CommandError("\n".join([f"From this plan to that of {url}:", *facts]))
        self.stdout.write(f"{self._summary(plan)} The portal at {url} takes all that it allows.")

    def _check(self, file: Path | None) -> None:
        running = get_plan()
        plan = read_plan(file) if file else running
        breaking = [
            *find_breaking_changes(old=running, new=plan, today=timezone.now().date()),
            *find_lost_counts(old=running, new=plan),
        ]
        if breaking:
            raise CommandError("\n".join(breaking))
        compatible = " It is compatible with the running plan." if file else ""
        self.stdout.write(f"{self._summary(plan)}{compatible}")

    def _summary(self, plan: TrackingPlan) -> str:
        properties = sum(len(event.properties) for event in plan.events.values())
        counts = f"{len(plan.events)} events with {properties} properties, {len(plan.metrics)} metrics"
        return f"The plan is good: {counts}."
