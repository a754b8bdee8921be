"""Sums up old hours of the ledger, one row for each UTC day. Received stays accepted + duplicate + rejected."""

from datetime import UTC, date, datetime, timedelta

from django.db.models import Count, Min, Q, Sum
from django.db.models.functions import TruncDate

from telemetry.lifecycle.retention.reports import RemovedRows
from telemetry.lifecycle.retention.rules import RetentionRules, day_after, midnight
from telemetry.models import LedgerHour, RetentionSubject

# What a row takes with its key and index, about.
ROW_BYTES = 160
PLACE = ("key_id", "environment", "outcome", "reason")


def next_day(after: date | None, *, rules: RetentionRules) -> date | None:
    """The first day after `after` whose hours are not all summed up and may be due; None when there is none."""
    latest = rules.latest_cut(RetentionSubject.LEDGER)
    if latest is None:
        return None
    hours = LedgerHour.objects.filter(is_day=False, hour__lt=midnight(latest))
    if after is not None:
        hours = hours.filter(hour__gte=midnight(day_after(after)))
    first: datetime | None = hours.aggregate(first=Min("hour"))["first"]
    return first.astimezone(UTC).date() if first else None


def rows_less(*, environment: str, before: date, held: Q) -> tuple[int, date | None]:
    """How many rows less the ledger of an environment would have, and the first day of them."""
    hours = LedgerHour.objects.filter(environment=environment, is_day=False, hour__lt=midnight(before))
    places = hours.exclude(held).values(*PLACE, day=TruncDate("hour")).annotate(hours=Count("pk"))
    found = [(day, count) for day, count in places.values_list("day", "hours") if count > 1]
    return sum(count - 1 for _, count in found), min((day for day, _ in found), default=None)


def sum_up(day: date, *, rules: RetentionRules) -> list[RemovedRows]:
    """Put one row in place of the hours of the day, for each key and outcome, in the caller's transaction."""
    removed = []
    hours = LedgerHour.objects.filter(hour__gte=midnight(day), hour__lt=midnight(day) + timedelta(days=1))
    for environment in sorted(set(hours.values_list("environment", flat=True).distinct())):
        cut = rules.cut(RetentionSubject.LEDGER, environment=environment)
        is_held = rules.is_held(environment=environment, first=day, last=day)
        if cut is not None and day < cut and not is_held:
            rows = sum_up_environment(day, environment=environment)
            removed.append(RemovedRows(environment, "ledgerhour", day, rows, rows * ROW_BYTES))
    return removed


def sum_up_environment(day: date, *, environment: str) -> int:
    """How many rows less there are afterwards."""
    hours = LedgerHour.objects.filter(
        environment=environment, hour__gte=midnight(day), hour__lt=midnight(day) + timedelta(days=1)
    )
    # The fold adds to an hour for as long as its posts wait. It must not add to a row that goes.
    keys = list(hours.order_by("pk").select_for_update().values_list("pk", flat=True))
    own = LedgerHour.objects.filter(pk__in=keys)
    sums = list(own.values(*PLACE).annotate(total=Sum("events")).values_list(*PLACE, "total"))
    own.delete()
    LedgerHour.objects.bulk_create(
        LedgerHour(
            key_id=key_id,
            environment=environment,
            outcome=outcome,
            reason=reason,
            hour=midnight(day),
            events=total,
            is_day=True,
        )
        for key_id, environment, outcome, reason, total in sums
    )
    return len(keys) - len(sums)
