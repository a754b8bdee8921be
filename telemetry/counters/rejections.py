"""What is rejected, by code, event, source and client. The fold adds it up, so no page has to count rows.

Unlike the quarantine, of which a flood keeps only a part, this counts every rejected event.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple, Protocol

from django.db import connection

from telemetry.intake.ingest import OTHER_EVENTS
from telemetry.models import QuarantinedEvent, RejectionGroup, RejectionHour

# Groups of a source. Past them the event is OTHER_EVENTS and the client is empty: a client chooses both.
GROUPS_PER_SOURCE = 500
HOURS_KEPT = timedelta(days=31)


class Rejections(Protocol):
    """The rejected events of an arrival (see telemetry.models.Arrival)."""

    @property
    def source(self) -> str: ...
    @property
    def client(self) -> str: ...
    @property
    def received_at(self) -> datetime: ...
    @property
    def rejected(self) -> dict[str, int]: ...
    @property
    def rejected_kinds(self) -> Sequence[tuple[str, str, int]] | None: ...


class GroupKey(NamedTuple):
    source: str
    code: str
    event: str
    client: str


@dataclass(slots=True)
class GroupSum:
    """What a batch of arrivals adds to a group."""

    events: int
    first: datetime
    last: datetime


def record(*, environment: str, arrivals: Iterable[Rejections]) -> None:
    """Add what the arrivals rejected. Not safe to repeat: call it in the transaction that takes the arrivals."""
    with_rejections = [arrival for arrival in arrivals if arrival.rejected]
    if not with_rejections:
        return
    groups = stored_groups(environment, sources={arrival.source for arrival in with_rejections})
    sums: dict[GroupKey, GroupSum] = {}
    hours: defaultdict[tuple[datetime, str, str, str], int] = defaultdict(int)
    for arrival in with_rejections:
        hour = arrival.received_at.replace(minute=0, second=0, microsecond=0)
        for wanted, events in kinds_of(arrival):
            key = within_budget(wanted, groups=groups[arrival.source])
            add(sums, key, events=events, moment=arrival.received_at)
            hours[hour, key.source, key.code, key.event] += events
    write_groups(environment, sums)
    write_hours(environment, hours)


def kinds_of(arrival: Rejections) -> Iterator[tuple[GroupKey, int]]:
    # An arrival of an earlier version has counted by code only.
    kinds = arrival.rejected_kinds or [
        (code, OTHER_EVENTS, events) for code, events in arrival.rejected.items()
    ]
    for code, event, events in kinds:
        yield GroupKey(arrival.source, code, event, arrival.client), events


def add(sums: dict[GroupKey, GroupSum], key: GroupKey, *, events: int, moment: datetime) -> None:
    total = sums.setdefault(key, GroupSum(events=0, first=moment, last=moment))
    total.events += events
    total.first = min(total.first, moment)
    total.last = max(total.last, moment)


def stored_groups(environment: str, *, sources: Iterable[str]) -> dict[str, set[GroupKey]]:
    """The groups that each of the sources has. Index: rejection_group_unique."""
    found: dict[str, set[GroupKey]] = {source: set() for source in sources}
    rows = RejectionGroup.objects.filter(environment=environment, source__in=found)
    for row in rows.values_list(*GroupKey._fields):
        key = GroupKey(*row)
        found[key.source].add(key)
    return found


def within_budget(wanted: GroupKey, *, groups: set[GroupKey]) -> GroupKey:
    """The group itself, or past the budget the one of its code; `groups` gets it."""
    is_known = wanted in groups or len(groups) < GROUPS_PER_SOURCE
    key = wanted if is_known else wanted._replace(event=OTHER_EVENTS, client="")
    groups.add(key)
    return key


ADD_TO_GROUPS = """
INSERT INTO telemetry_rejectiongroup (
    environment, source, code, event, client, events, first_seen_at, last_seen_at
) VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (environment, source, code, event, client) DO UPDATE SET
    events = telemetry_rejectiongroup.events + excluded.events,
    first_seen_at = CASE WHEN excluded.first_seen_at < telemetry_rejectiongroup.first_seen_at
        THEN excluded.first_seen_at ELSE telemetry_rejectiongroup.first_seen_at END,
    last_seen_at = CASE WHEN excluded.last_seen_at > telemetry_rejectiongroup.last_seen_at
        THEN excluded.last_seen_at ELSE telemetry_rejectiongroup.last_seen_at END
"""
ADD_TO_HOURS = """
INSERT INTO telemetry_rejectionhour (hour, environment, source, code, event, events)
VALUES (%s, %s, %s, %s, %s, %s)
ON CONFLICT (hour, environment, source, code, event)
DO UPDATE SET events = telemetry_rejectionhour.events + excluded.events
"""


def write_groups(environment: str, sums: Mapping[GroupKey, GroupSum]) -> None:
    adapt = connection.ops.adapt_datetimefield_value
    rows: list[Sequence[Any]] = [
        (environment, *key, total.events, adapt(total.first), adapt(total.last))
        for key, total in sorted(sums.items(), key=lambda item: item[0])
    ]
    with connection.cursor() as cursor:
        # In key order, so that two workers cannot deadlock.
        cursor.executemany(ADD_TO_GROUPS, rows)


def write_hours(environment: str, hours: Mapping[tuple[datetime, str, str, str], int]) -> None:
    adapt = connection.ops.adapt_datetimefield_value
    rows: list[Sequence[Any]] = [
        (adapt(hour), environment, source, code, event, events)
        for (hour, source, code, event), events in sorted(hours.items())
    ]
    with connection.cursor() as cursor:
        cursor.executemany(ADD_TO_HOURS, rows)


def forget_old_hours(*, now: datetime) -> int:
    """Delete the hours that no notice asks for any more; returns how many."""
    deleted, _ = RejectionHour.objects.filter(hour__lt=now - HOURS_KEPT).delete()
    return deleted


def make_groups(rows: Iterable[QuarantinedEvent]) -> None:
    """Make the groups of rows that are rejected for another reason than before. They count no event once more."""
    groups = [
        RejectionGroup(
            environment=row.environment,
            source=row.source,
            code=row.code,
            event=row.event,
            client=row.client,
            events=0,
            first_seen_at=row.received_at,
            last_seen_at=row.received_at,
        )
        for row in rows
    ]
    RejectionGroup.objects.bulk_create(groups, ignore_conflicts=True)
