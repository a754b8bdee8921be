"""The hourly ledger: received = accepted + duplicates + rejected, for each key, in numbers that SQL can check."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Protocol

from django.db import connection

from telemetry.models import LedgerHour


class Outcomes(Protocol):
    """What an arrival says of itself (see Arrival)."""

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


def outcomes(arrival: Outcomes) -> list[tuple[str, str, int]]:
    """(outcome, reason, events) of an arrival, without those that are zero."""
    counts = [("accepted", "", arrival.accepted), ("duplicate", "", arrival.duplicates)]
    counts += [("rejected", code, events) for code, events in arrival.rejected.items()]
    return [count for count in counts if count[2]]


def record(*, environment: str, arrivals: Iterable[Outcomes]) -> None:
    """Adds the arrivals to the ledger; to be called once, in the transaction that takes them."""
    totals: Counter[tuple[int, datetime, str, str]] = Counter()
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
