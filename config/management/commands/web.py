from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from config.processes import startup


class Command(BaseCommand):
    help = "Run the web server alone, for containers and service managers. Apply the migrations before."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            startup.check_address(host=settings.HOST, port=settings.PORT)
        except startup.StartRefused as refusal:
            raise CommandError(str(refusal)) from refusal
        startup.collect_static_files()
        self.stdout.write(f"The web server starts at http://{settings.HOST}:{settings.PORT}/")
        self.stdout.flush()
        startup.become_web_server()
