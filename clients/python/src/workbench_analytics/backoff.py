"""How long to wait before the same events are sent again."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime

# What asks for more than this is taken for a mistake.
LONGEST_RETRY_AFTER_SECONDS = 3600.0


@dataclass(frozen=True)
class Backoff:
    """Exponential backoff with full jitter: any time from 0 to the bound, which doubles up to `longest_seconds`.

    Source: Amazon's Builders' Library, "Timeouts, retries and backoff with jitter".
    """

    first_seconds: float = 0.5
    longest_seconds: float = 30.0

    def bound(self, attempt: int) -> float:
        """The longest wait after `attempt` earlier failures (0 is the first)."""
        # The exponent is bounded, because 2.0 ** 1024 overflows.
        return min(self.longest_seconds, self.first_seconds * 2.0 ** min(attempt, 64))

    def seconds(self, attempt: int) -> float:
        return random.uniform(0, self.bound(attempt))  # noqa: S311 (spreads load, guards nothing)


def parse_retry_after(value: str | None, *, now: datetime) -> float | None:
    """Seconds from a Retry-After header, which holds seconds or a date (RFC 9110, 10.2.3); 0 to an hour.

    None when there is none or it can't be read. `now` is aware.
    """
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        seconds = _until(value, now)
    # Also false for NaN.
    return min(seconds, LONGEST_RETRY_AFTER_SECONDS) if seconds >= 0 else None


def _until(value: str, now: datetime) -> float:
    try:
        moment = parsedate_to_datetime(value)
    except (TypeError, ValueError, IndexError):
        return -1.0
    aware = moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
    return max(0.0, (aware - now).total_seconds())
