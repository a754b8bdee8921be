import re
from argparse import ArgumentParser, ArgumentTypeError
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from telemetry.keys import OVERLAP, rotate_key
from telemetry.models import ApiKey

UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1)}


class Command(BaseCommand):
    help = "Makes a key that takes another one's place and prints it, once, alone on standard output."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("key", help="the key's number or its first characters, as the admin shows them")
        parser.add_argument(
            "--overlap",
            type=duration,
            default=OVERLAP,
            help="how long the old key still works: 7d, 12h, or 0 for not at all (default 7d)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        key = find(options["key"])
        try:
            successor, secret = rotate_key(key=key, overlap=options["overlap"], now=timezone.now())
        except ValueError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(secret)
        self.stderr.write(
            f"Created the key {successor}. It is not shown again. The key {key} expires at {key.expires_at}."
        )


def duration(text: str) -> timedelta:
    """The duration of `7d`, `12h` or `0`."""
    match = re.fullmatch(r"(\d{1,4})([hd])", text, re.ASCII)
    if text == "0":
        return timedelta(0)
    if match is None:
        raise ArgumentTypeError("it takes days or hours, like 7d or 12h, or 0")
    return int(match[1]) * UNITS[match[2]]


def find(name: str) -> ApiKey:
    """The only key of this number or prefix. Raises CommandError if there is none, or more than one."""
    is_number = name.isascii() and name.isdigit() and len(name) < 19
    condition = {"pk": int(name)} if is_number else {"prefix": name.removesuffix("…")}
    found = list(ApiKey.objects.filter(**condition)[:2])
    if len(found) != 1:
        raise CommandError(
            f"{'No key has' if not found else 'Several keys have'} the number or prefix {name!r}."
        )
    return found[0]
