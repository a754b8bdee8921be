from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from config.operations.restore import RestoreRefused, leaving_no_trace, restore_backup
from config.processes import startup


class Command(BaseCommand):
    help = "Restores a backup into an empty database."
    # There is nothing in the database yet that they could check.
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path, help="what manage.py backup made")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with leaving_no_trace():
                # Held until the process ends.
                startup.lock_data_dir(settings.DATA_DIR)
                manifest = restore_backup(options["folder"].absolute())
        except (startup.StartRefused, RestoreRefused) as refusal:
            raise CommandError(str(refusal)) from refusal
        self.stdout.write(
            f"Restored what was there at {manifest.began_at:%Y-%m-%d %H:%M:%S} UTC. "
            "Apply the migrations, start the portal, and repeat the erasures that were made since."
        )
