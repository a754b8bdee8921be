"""Writes the Prometheus rules from the objectives, the thresholds and the registry of KPIs."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from alerts.thresholds import ThresholdFault, read_thresholds
from kpis.registry import DEFINITIONS
from metrics.rules.files import rule_texts
from objectives.definitions import ObjectiveFault, read_objectives
from telemetry.clients.files import find_drift, write_texts

RULES = settings.BASE_DIR / "deploy" / "prometheus" / "rules"
# The portal's page, where `make run` serves it.
RUNBOOK = "http://localhost:8000/runbooks/alerts/"


class Command(BaseCommand):
    help = "Writes the Prometheus rules from the objectives, the thresholds and the registry of KPIs."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--check", action="store_true", help="write nothing; fail when a file would change"
        )
        parser.add_argument(
            "--output", metavar="DIR", type=Path, default=RULES, help="the folder to write to"
        )
        parser.add_argument(
            "--runbook",
            metavar="URL",
            default=RUNBOOK,
            help="the address that alerts name, without its anchor",
        )

    def handle(
        self,
        *args: Any,
        check: bool,
        output: Path,
        runbook: str,
        **options: Any,
    ) -> None:
        texts = texts_of(runbook=runbook, folder=output)
        if check:
            self._check(texts)
            return
        for path in write_texts(texts):
            self.stdout.write(f"Wrote {path}.")

    def _check(self, texts: Mapping[Path, str]) -> None:
        drift = find_drift(texts)
        if drift:
            raise CommandError(
                "\n".join([*drift, "Run export_rules without --check, and commit the result."])
            )
        self.stdout.write(f"All {len(texts)} files follow from objectives, thresholds and KPIs.")


def texts_of(*, runbook: str, folder: Path) -> dict[Path, str]:
    """Raises CommandError where one of the files that rules are made of can't be used."""
    try:
        return rule_texts(
            objectives=tuple(read_objectives(settings.OBJECTIVES).values()),
            thresholds=read_thresholds(settings.THRESHOLDS),
            kpis=DEFINITIONS,
            runbook=runbook,
            folder=folder,
        )
    except (ObjectiveFault, ThresholdFault) as fault:
        raise CommandError(str(fault)) from fault
