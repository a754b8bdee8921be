"""How much the quarantine keeps of a key's rejected events. Each process has a budget for each key, as for its rate."""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from django.conf import settings

from telemetry.intake.storage import QuarantineRow

# Some 50,000 rejected events with their errors. Whoever looks for a fault needs the first of them; a client that
# sends nothing else must not fill the disk.
BYTES_A_DAY = 64 * 1024 * 1024


@dataclass(slots=True)
class QuarantineBudget:
    day: date
    left_bytes: int


budgets: dict[int, QuarantineBudget] = {}
lock = threading.Lock()


def within_budget(rows: Sequence[QuarantineRow], *, key_id: int, now: datetime) -> list[QuarantineRow]:
    """The first rows that this process's share of the key's budget for the UTC day of `now` still pays for.

    It pays for the rows at once. A process that starts has a whole share.
    """
    with lock:
        budget = budget_of(key_id, day=now.astimezone(UTC).date())
        return list(paid_rows(rows, budget=budget))


def budget_of(key_id: int, *, day: date) -> QuarantineBudget:
    budget = budgets.get(key_id)
    if budget is None or budget.day != day:
        budget = budgets[key_id] = QuarantineBudget(day=day, left_bytes=BYTES_A_DAY // settings.WEB_WORKERS)
    return budget


def paid_rows(rows: Sequence[QuarantineRow], *, budget: QuarantineBudget) -> Iterator[QuarantineRow]:
    for row in rows:
        size = len(row.errors) + len(row.payload)
        if size > budget.left_bytes:
            budget.left_bytes = 0
            return
        budget.left_bytes -= size
        yield row
