from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from telemetry.lifecycle import quarantine_jobs
from telemetry.models import QuarantineWork

COLUMNS = sorted(quarantine_jobs.COLUMNS)


class Command(BaseCommand):
    help = "Replays quarantined events: checks them against the running plan again and stores those that keep to it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        for column in COLUMNS:
            parser.add_argument(f"--{column}", help=f"only events of this {column}")
        parser.add_argument("--id", type=int, action="append", help="only this event; may be repeated")
        parser.add_argument("--all", action="store_true", help="every event of the quarantine")
        parser.add_argument("--dry-run", action="store_true", help="only say what would become of them")

    def handle(self, *args: Any, **options: Any) -> None:
        selection = selection_of(options)
        now = timezone.now()
        try:
            if options["dry_run"]:
                counts = asdict(quarantine_jobs.preview(selection, now=now))
            else:
                counts = self.replay(selection)
        except quarantine_jobs.BadSelection as error:
            raise CommandError(str(error)) from error
        verb = "would be" if options["dry_run"] else "are"
        self.stdout.write(
            f"{counts['accepted']} {verb} accepted, {counts['duplicates']} duplicates, {counts['rejected']} rejected "
            f"again; of {counts['not_kept']} a value was not kept, so they can't be replayed."
        )

    def replay(self, selection: quarantine_jobs.Selection) -> dict[str, int]:
        now = timezone.now()
        job = quarantine_jobs.request_job(
            work=QuarantineWork.REPLAY, selection=selection, requested_by="manage.py replay", now=now
        )
        quarantine_jobs.finish(job, now=now)
        return {name: getattr(job, name) for name in ("accepted", "duplicates", "rejected", "not_kept")}


def selection_of(options: dict[str, Any]) -> quarantine_jobs.Selection:
    """Raises CommandError when nothing is selected, or in two ways at once."""
    columns = {column: options[column] for column in COLUMNS if options[column] is not None}
    ways = [bool(columns), bool(options["id"]), bool(options["all"])]
    if sum(ways) != 1:
        raise CommandError(f"Say which events: --{', --'.join(COLUMNS)}, or --id, or --all.")
    return {"ids": options["id"]} if options["id"] else columns
