"""The hourly ledger of each key. Received events are accepted, duplicate or rejected ones; SQL can check the sum."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from django.db import connection

from telemetry.models import LedgerHour


class Outcome(StrEnum):
    """What became of an event."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    REJECTED = "rejected"


class Outcomes(Protocol):
    """The counts of an arrival (see telemetry.models.Arrival)."""

    @property
    def key_id(self) -> int: ...
    @property
    def received_at(self) -> datetime: ...
    @property
    def accepted(self) -> int: ...
    @property
    def duplicates(self) -> int: ...
    @property
    def rejected(self) -> dict[str, int]: ...


def outcomes(arrival: Outcomes) -> list[tuple[Outcome, str, int]]:
    """An arrival's counts as (outcome, reason, events), without those that are zero."""
    counts = [(Outcome.ACCEPTED, "", arrival.accepted), (Outcome.DUPLICATE, "", arrival.duplicates)]
    counts += [(Outcome.REJECTED, code, events) for code, events in arrival.rejected.items()]
    return [count for count in counts if count[2]]


def record(*, environment: str, arrivals: Iterable[Outcomes]) -> None:
    """Add the arrivals to the ledger. Not safe to repeat: call it in the transaction that takes the arrivals."""
    totals: Counter[tuple[int, datetime, Outcome, str]] = Counter()
    for arrival in arrivals:
        hour = arrival.received_at.replace(minute=0, second=0, microsecond=0)
        for outcome, reason, events in outcomes(arrival):
            totals[arrival.key_id, hour, outcome, reason] += events
    table = LedgerHour._meta.db_table
    adapt = connection.ops.adapt_datetimefield_value
    with connection.cursor() as cursor:
        # In key order, so that two workers cannot deadlock.
        cursor.executemany(
            f"INSERT INTO {table} (key_id, environment, hour, outcome, reason, events)"
            " VALUES (%s, %s, %s, %s, %s, %s)"
            " ON CONFLICT (key_id, hour, outcome, reason, environment)"
            f" DO UPDATE SET events = {table}.events + excluded.events",
            [
                (key_id, environment, adapt(hour), outcome, reason, events)
                for (key_id, hour, outcome, reason), events in sorted(totals.items())
            ],
        )
