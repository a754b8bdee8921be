from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from config.operations.backup import BackupFailed, make_backup


class Command(BaseCommand):
    help = "Copies the database and the generated secret into a new folder, while the portal runs."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path, help="a folder that is not there yet")

    def handle(self, *args: Any, **options: Any) -> None:
        folder = options["folder"].absolute()
        try:
            manifest = make_backup(folder, now=timezone.now())
        except BackupFailed as failure:
            raise CommandError(str(failure)) from failure
        size = sum(path.stat().st_size for path in folder.iterdir())
        self.stdout.write(f"{folder}: {manifest.database}, {size / 2**20:.1f} MiB")
