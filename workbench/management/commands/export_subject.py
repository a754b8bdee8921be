from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from telemetry.lifecycle.erasure import (
    BadSubject,
    ErasureRequest,
    UnknownErasureEnvironment,
    discard,
    request_erasure,
)
from workbench.erasure.export import export_of
from workbench.management.commands.erase import add_subject_arguments, subject_of


class Command(BaseCommand):
    help = "Prints everything that the portal holds of a subject, as JSON."

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_subject_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        kind, subject = subject_of(options)
        request = ErasureRequest(environment=options["environment"], kind=kind, subject=subject)
        try:
            erasure = request_erasure(request, requested_by="manage.py export_subject", now=timezone.now())
        except (BadSubject, UnknownErasureEnvironment) as error:
            raise CommandError(str(error)) from error
        try:
            for piece in export_of(erasure, now=timezone.now()):
                self.stdout.write(piece, ending="")
        finally:
            discard(erasure)
