import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.db import connections

from config.processes.health import PROBES, find_out
from config.server import patience


class Command(BaseCommand):
    help = "Prints the lines of /readyz. Ends with 1 when something is missing."
    # They need a database that answers.
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "checks",
            nargs="*",
            metavar="check",
            choices=[[], *PROBES],
            help="only these: " + ", ".join(PROBES),
        )

    def handle(self, *args: Any, **options: Any) -> None:
        patience.bound_waits(connections.settings["default"])
        is_ready, lines = find_out(options["checks"] or list(PROBES))
        self.stdout.write("".join(lines), ending="")
        if not is_ready:
            sys.exit(1)
