from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from config.processes import file_modes, first_start, startup


class Command(BaseCommand):
    help = "Start the web server, the scheduler and, if REDIS_URL is set, a worker. Ctrl-C stops them."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            lock = startup.lock_data_dir(settings.DATA_DIR)
            startup.check_address(host=settings.HOST, port=settings.PORT)
        except startup.StartRefused as refusal:
            raise CommandError(str(refusal)) from refusal
        self.stdout.write("Preparing the database and the static files.")
        # Static files are for everybody, what comes after them is not.
        startup.collect_static_files()
        file_modes.keep_files_private()
        startup.prepare_database()
        try:
            startup.clear_signs_of_earlier_processes()
        except startup.StartRefused as refusal:
            raise CommandError(str(refusal)) from refusal
        address = startup.address()
        if first_start.is_due():
            first_start.run(demo=settings.DEMO, address=address, now=timezone.now(), out=self.stdout)
        startup.become_supervisor(lock=lock, announcement=f"The portal runs at {address}/ (Ctrl-C stops it).")
