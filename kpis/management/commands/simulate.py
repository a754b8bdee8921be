"""Posts a live stream of made-up events to a portal."""

import itertools
import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from kpis.demo.posting import PATIENCE_SECONDS, PostCounts, PostFailed, post_events
from kpis.demo.simulation import Simulation

DEFAULT_RATE = 5.0
TICK_SECONDS = 1.0


class Command(BaseCommand):
    help = "Posts a live stream of made-up events to a portal, until --seconds have passed or Ctrl-C."
    # It needs no database, and the portal may be on another machine.
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--url", required=True, help="the portal, such as http://127.0.0.1:8000")
        parser.add_argument("--key", required=True, help="a key of scope ingest")
        parser.add_argument("--rate", type=float, default=DEFAULT_RATE, help="events a second (default: 5)")
        parser.add_argument("--seed", type=int, default=0, help="the same seed makes the same things happen")
        parser.add_argument("--seconds", type=float, default=None, help="how long (default: without end)")
        parser.add_argument(
            "--patience",
            type=float,
            default=PATIENCE_SECONDS,
            help="seconds for which a post waits for a portal that takes none now (default: 60)",
        )

    def handle(
        self,
        *args: Any,
        url: str,
        key: str,
        rate: float,
        seed: int,
        seconds: float | None,
        patience: float,
        **options: Any,
    ) -> None:
        simulation = Simulation(seed=seed, start=timezone.now())
        counts = PostCounts()
        posted = 0
        started_at = time.monotonic()
        try:
            for tick in itertools.count(1):
                events = simulation.due(now=timezone.now(), least=round(rate * tick * TICK_SECONDS) - posted)
                counts += post_events(events, url=url, key=key, tell=self._warn, patience_seconds=patience)
                posted += len(events)
                elapsed = time.monotonic() - started_at
                self._tell(counts, posted=posted, elapsed=elapsed)
                if seconds is not None and elapsed >= seconds:
                    break
                time.sleep(max(0.0, tick * TICK_SECONDS - elapsed))
        except PostFailed as fault:
            raise CommandError(str(fault)) from fault
        except KeyboardInterrupt:
            pass
        self.stdout.write("")

    def _warn(self, sentence: str) -> None:
        """Below the progress, which goes on below it."""
        self.stderr.write(f"\n{sentence}")

    def _tell(self, counts: PostCounts, *, posted: int, elapsed: float) -> None:
        """The progress, on one line that is written over."""
        self.stdout.write(
            f"\r{posted} events in {elapsed:.0f} s: {counts.accepted} accepted, {counts.duplicate} duplicates, "
            f"{counts.rejected} rejected",
            ending="",
        )
        self.stdout.flush()
