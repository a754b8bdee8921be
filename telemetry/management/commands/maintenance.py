from argparse import ArgumentParser
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from telemetry import maintenance
from web.maintenance import has_file
from web.moments import in_utc, rfc3339


class Command(BaseCommand):
    help = "Switches maintenance on or off for all machines, or says whether it is on. While it is, posts are 503."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("action", nargs="?", choices=["on", "off", "status"], default="status")
        parser.add_argument("--message", default="", help="what clients and people are told, in a sentence")
        parser.add_argument(
            "--until",
            type=datetime.fromisoformat,
            help="when it ends by itself: a moment like 2026-02-02T12:00 (UTC without a zone)",
        )

    def handle(self, *args: Any, action: str, message: str, until: datetime | None, **options: Any) -> None:
        now = timezone.now()
        if action == "on":
            self._switch_on(message=message, until=until, now=now)
        elif action == "off":
            maintenance.switch_off(by=None, now=now)
        self.stdout.write(status(now=now))

    def _switch_on(self, *, message: str, until: datetime | None, now: datetime) -> None:
        ends_at = in_utc(until) if until else None
        try:
            maintenance.switch_on(message=message, ends_at=ends_at, by=None, now=now)
        except maintenance.BadMaintenanceWindow as error:
            raise CommandError(str(error)) from error


def status(*, now: datetime) -> str:
    notice = maintenance.current_notice(now=now)
    if notice is None:
        return "Maintenance is off."
    until = f"until {rfc3339(notice.ends_at)}" if notice.ends_at else "until it is switched off"
    file = " The file maintenance in DATA_DIR keeps it on, on this machine." if has_file() else ""
    return f"Maintenance is on {until}: {notice.message}{file}"
