import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.core.serializers.json import DjangoJSONEncoder
from django.db import connections
from django.utils import timezone

from config.health.findings import HealthStatus
from config.health.report import REPORT_SECONDS, HealthLine, read_health
from config.health.views import report_json
from config.server import patience

WIDTH = max(map(len, HealthStatus))


class Command(BaseCommand):
    help = "Prints the health report. Ends with 1 when a line is critical."
    # The checks of the settings and the migrations need a database that answers; the report does not.
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="as GET /api/health/ answers")

    def handle(self, *args: Any, **options: Any) -> None:
        patience.bound_waits(connections.settings["default"])
        patience.set_seconds(REPORT_SECONDS)
        report = read_health(now=timezone.now())
        if options["json"]:
            self.stdout.write(json.dumps(report_json(report), cls=DjangoJSONEncoder, indent=2))
        else:
            for line in report.lines:
                self.stdout.write(text_of(line))
        if report.status is HealthStatus.CRITICAL:
            sys.exit(1)


def text_of(line: HealthLine) -> str:
    """`warning   Disk: low, 190 MiB free`, and below it what to do."""
    action = (
        f"\n{'':{WIDTH}}  → {line.action} See docs/runbooks/health.md, {line.title}." if line.action else ""
    )
    return f"{line.status:{WIDTH}}  {line.title}: {line.text}{action}"
