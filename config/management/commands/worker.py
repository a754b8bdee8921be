from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from config.processes import startup


class Command(BaseCommand):
    help = "Run a Celery worker, with its metrics on WORKER_METRICS_PORT. Apply the migrations before."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--concurrency",
            type=int,
            default=startup.WORKER_CONCURRENCY,
            help="how many tasks it runs at a time (default: %(default)s)",
        )

    def handle(self, *args: Any, concurrency: int, **options: Any) -> None:
        if not settings.REDIS_URL:
            raise CommandError("There is no REDIS_URL: without a broker the scheduler runs the tasks.")
        try:
            if settings.WORKER_METRICS_PORT:
                startup.check_address(
                    host=settings.HOST, port=settings.WORKER_METRICS_PORT, setting="WORKER_METRICS_PORT"
                )
        except startup.StartRefused as refusal:
            raise CommandError(str(refusal)) from refusal
        startup.become_worker(concurrency=concurrency)
