from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from kpis.demo.loading import ENVIRONMENT, DemoLoad, load_demo


class Command(BaseCommand):
    help = (
        "Load the demo environment: 60 days of made-up events of all types. Safe to repeat and to interrupt."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            loaded = load_demo(now=timezone.now())
        except KeyboardInterrupt:
            raise CommandError(
                "Stopped. What was loaded is kept; run load_demo again to go on.", returncode=130
            ) from None
        self.stdout.write(summary(loaded))


def summary(loaded: DemoLoad) -> str:
    """What the load added, in one sentence."""
    if not loaded.posts:
        return f"The environment {ENVIRONMENT} is complete up to {loaded.until:%Y-%m-%d %H:%M} UTC: nothing to add."
    return (
        f"Loaded {loaded.accepted} events into the environment {ENVIRONMENT}, from {loaded.first_day} to "
        f"{loaded.until:%Y-%m-%d %H:%M} UTC; {loaded.rejected} more were rejected, as they should be, "
        f"and {loaded.duplicates} were there already."
    )
