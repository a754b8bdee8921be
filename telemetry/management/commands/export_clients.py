"""Writes the files for clients that follow from the plan: typed events, JSON Schema, the event catalogue."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from telemetry.clients.files import exported_texts, exported_texts_in, find_drift, write_texts
from telemetry.plan import PlanFault, get_plan, read_plan


class Command(BaseCommand):
    help = "Writes the clients' typed events, the JSON Schema and the event catalogue from the tracking plan."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--check", action="store_true", help="write nothing; fail when a file would change"
        )
        parser.add_argument("--plan", metavar="FILE", type=Path, help="another plan (YAML); needs --output")
        parser.add_argument("--output", metavar="DIR", type=Path, help="put all files into this folder")

    def handle(self, *args: Any, check: bool, plan: Path | None, output: Path | None, **options: Any) -> None:
        if plan and not output:
            raise CommandError("--plan needs --output: the project's own files follow from its own plan.")
        texts = self._texts(plan, output)
        if check:
            self._check(texts)
            return
        for path in write_texts(texts):
            self.stdout.write(f"Wrote {path}.")

    def _texts(self, file: Path | None, output: Path | None) -> dict[Path, str]:
        try:
            plan = read_plan(file) if file else get_plan()
        except PlanFault as fault:
            raise CommandError("\n".join(fault.faults)) from fault
        return (
            exported_texts_in(plan, folder=output) if output else exported_texts(plan, root=settings.BASE_DIR)
        )

    def _check(self, texts: Mapping[Path, str]) -> None:
        drift = find_drift(texts)
        if drift:
            raise CommandError(
                "\n".join([*drift, "Run export_clients without --check, and commit the result."])
            )
        self.stdout.write(f"All {len(texts)} files follow from the plan.")
