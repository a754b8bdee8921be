import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from telemetry.lifecycle.erasure import (
    BadSubject,
    ErasureRequest,
    UnknownErasureEnvironment,
    confirm,
    discard,
    request_erasure,
)
from telemetry.models import ErasureMode, LaterEvents, SubjectKind
from workbench.erasure import steps
from workbench.erasure.reports import report_of


class Command(BaseCommand):
    help = "Erases a subject and prints the receipt; with --dry-run prints what would go, and erases nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_subject_arguments(parser)
        parser.add_argument("--dry-run", action="store_true")
        parser.add_argument(
            "--keep-aggregates", action="store_true", help="leave every KPI as it is, and take the names out"
        )
        parser.add_argument(
            "--erase-later",
            action="store_true",
            help="accept later events and erase them; default: refuse them",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        kind, subject = subject_of(options)
        request = ErasureRequest(
            environment=options["environment"],
            kind=kind,
            subject=subject,
            mode=ErasureMode.KEEP if options["keep_aggregates"] else ErasureMode.REMOVE,
            later_events=LaterEvents.ERASE if options["erase_later"] else LaterEvents.REFUSE,
        )
        try:
            erasure = request_erasure(request, requested_by="manage.py erase", now=timezone.now())
        except (BadSubject, UnknownErasureEnvironment) as error:
            raise CommandError(str(error)) from error
        steps.run_to_end(erasure, now=timezone.now())
        if options["dry_run"]:
            self.stdout.write(json.dumps(report_of(erasure), indent=2))
            discard(erasure)
            return
        confirm(erasure)
        steps.run_to_end(erasure, now=timezone.now())
        self.stdout.write(json.dumps(report_of(erasure), indent=2))


def add_subject_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--environment", required=True)
    subjects = parser.add_mutually_exclusive_group(required=True)
    for kind in SubjectKind.values:
        subjects.add_argument(f"--{kind}", metavar="ID")


def subject_of(options: dict[str, Any]) -> tuple[str, str]:
    """Kind and raw id of the one subject that the arguments name."""
    [(kind, subject)] = [(kind, options[kind]) for kind in SubjectKind.values if options[kind] is not None]
    return kind, subject
