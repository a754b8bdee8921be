"""Replays quarantined events: checks them again against the running plan, and stores those that keep to it now.

They go through the same door as a post, with the key of their first delivery. So an event gets the event key that it
would have got then, and a copy that the client sent meanwhile, or sends later, is a duplicate. A replay is a receipt of
its own: what it stores is counted as received at that time, and the rejection of the first delivery stays counted.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
from django.db import connection

from telemetry.counters import rejections
from telemetry.intake import storage
from telemetry.intake.ingest import IngestResult, check_events, ingest_events, problem_entry
from telemetry.intake.problems import Problem, find_time_fault
from telemetry.intake.validation import RejectedEvent, ValidEvent
from telemetry.models import ApiKey, Arrival, QuarantinedEvent, Scope
from telemetry.plan.codes import RejectionCode

ACCEPTED = "accepted"

AHEAD_AT_RECEIPT = Problem(
    RejectionCode.TIMESTAMP_IN_FUTURE,
    "timestamp",
    "This was more than 10 minutes ahead of the server's clock when the event came.",
)

_encode = msgspec.json.Encoder().encode


@dataclass(slots=True)
class ReplayCounts:
    """What became of replayed events: `rejected` ones stay, `not_kept` ones can't be replayed."""

    accepted: int = 0
    duplicates: int = 0
    rejected: int = 0
    not_kept: int = 0


class DeliveryForm(NamedTuple):
    """What the rows of one call of the door have in common."""

    key_id: int
    client: str
    has_origin: bool
    has_sent_at: bool


@dataclass(frozen=True, slots=True)
class Delivery:
    """Rows of one form, as the door takes them: see `ingest_events`."""

    key: ApiKey
    client: str
    rows: Sequence[QuarantinedEvent]
    posted: Sequence[bytes]
    origins: Sequence[str] | None
    sent_moments: Sequence[datetime | None] | None

    def at(self, indexes: Sequence[int]) -> "Delivery":
        """The same with the rows of these indexes only."""
        return Delivery(
            key=self.key,
            client=self.client,
            rows=[self.rows[index] for index in indexes],
            posted=[self.posted[index] for index in indexes],
            origins=None if self.origins is None else [self.origins[index] for index in indexes],
            sent_moments=None
            if self.sent_moments is None
            else [self.sent_moments[index] for index in indexes],
        )


@dataclass(frozen=True, slots=True)
class CheckedDelivery:
    """A delivery after the plan's check: the rows that can be stored, and the problems of the others, by index."""

    delivery: Delivery
    storable: Delivery
    problems: Mapping[int, Sequence[Problem]]
    # Event keys whose copies may be stored under other days (see PostedRows.unplaced).
    unplaced: Collection[str]


def can_be_replayed(row: QuarantinedEvent) -> bool:
    return row.is_whole and row.replayed_at is None


def replay_rows(rows: Sequence[QuarantinedEvent], *, now: datetime, dry_run: bool = False) -> ReplayCounts:
    """Replay the rows, and say what became of them. Call it in a transaction that holds locks on the rows.

    A row that is replayed says so and is never replayed again. One that is still rejected gets its new problems: it
    is checked against the plan and the late window of `now`, so what is too late by then is `timestamp_too_old`. An
    event that was ahead of the clock when it came stays rejected, because its time is wrong. A row of which a value
    was not kept is left alone. With `dry_run` nothing is written.

    Raises Django's database errors.
    """
    counts = ReplayCounts()
    whole = [row for row in rows if can_be_replayed(row)]
    counts.not_kept = sum(not row.is_whole for row in rows)
    checked = [check(delivery, now=now) for delivery in deliveries_of(whole)]
    counts.not_kept += len(whole) - sum(len(part.delivery.rows) for part in checked)
    if not dry_run:
        lock_copies(checked)
    for part in checked:
        counts.rejected += len(part.problems)
        if dry_run:
            try_out(part.storable, counts=counts, now=now)
            continue
        result = ingest(part.storable, now=now)
        mark_arrival(part.storable.key, now=now)
        counts.accepted += result.accepted
        counts.duplicates += result.duplicates
        counts.rejected += result.rejected
        mark_replayed(part.storable.rows, result=result, now=now)
        write_problems([(part.delivery.rows[index], found) for index, found in part.problems.items()])
    return counts


def try_out(delivery: Delivery, *, counts: ReplayCounts, now: datetime) -> None:
    """Add what the door would do with the events. It only reads."""
    batch = check_events(
        delivery.posted,
        key=delivery.key,
        now=now,
        origins=delivery.origins,
        sent_moments=delivery.sent_moments,
    )
    other_days = storage.days_to_search(batch.unplaced, today=now.date())
    known = storage.keys_already_stored(batch.rows, other_days=other_days)
    counts.accepted += len(batch.rows) - len(known)
    counts.duplicates += len(batch.repeats) + len(known)


def deliveries_of(rows: Iterable[QuarantinedEvent]) -> list[Delivery]:
    """The rows by key, client and form of delivery. Rows whose key can't be told are left out."""
    listed = list(rows)
    key_ids = keys_of(listed)
    by_form: defaultdict[DeliveryForm, list[QuarantinedEvent]] = defaultdict(list)
    for row in listed:
        if row.pk in key_ids:
            delivery = row.delivery or {}
            form = DeliveryForm(key_ids[row.pk], row.client, "origin" in delivery, "sent_at" in delivery)
            by_form[form].append(row)
    keys = ApiKey.objects.in_bulk(list({form.key_id for form in by_form}))
    return [delivery_in(form, found, key=keys[form.key_id]) for form, found in sorted(by_form.items())]


def keys_of(rows: Collection[QuarantinedEvent]) -> dict[int, int]:
    """Each row's key: that of its arrival, revoked or not; where the arrival is gone, another one of its source."""
    arrivals = Arrival.objects.filter(pk__in={row.arrival_id for row in rows})
    by_arrival = dict(arrivals.values_list("pk", "key_id"))
    by_source: dict[tuple[str, str], int] = {}
    if len(by_arrival) < len({row.arrival_id for row in rows}):
        for key in ApiKey.objects.filter(scope=Scope.INGEST).order_by("pk"):
            by_source[key.environment_id, key.source] = key.pk
    found = {
        row.pk: by_arrival.get(row.arrival_id) or by_source.get((row.environment, row.source)) for row in rows
    }
    return {pk: key_id for pk, key_id in found.items() if key_id is not None}


def delivery_in(form: DeliveryForm, rows: Sequence[QuarantinedEvent], *, key: ApiKey) -> Delivery:
    deliveries = [row.delivery or {} for row in rows]
    return Delivery(
        key=key,
        client=form.client,
        rows=rows,
        posted=[_encode(row.payload) for row in rows],
        origins=[delivery["origin"] for delivery in deliveries] if form.has_origin else None,
        sent_moments=[sent_moment(delivery) for delivery in deliveries] if form.has_sent_at else None,
    )


def sent_moment(delivery: dict[str, Any]) -> datetime | None:
    sent_at = delivery["sent_at"]
    return None if sent_at is None else datetime.fromisoformat(sent_at)


def check(delivery: Delivery, *, now: datetime) -> CheckedDelivery:
    batch = check_events(
        delivery.posted,
        key=delivery.key,
        now=now,
        origins=delivery.origins,
        sent_moments=delivery.sent_moments,
    )
    problems = {
        index: found
        for index, event in enumerate(batch.events)
        if (found := problems_of(event, received_at=delivery.rows[index].received_at))
    }
    return CheckedDelivery(
        delivery=delivery,
        storable=delivery.at([index for index in range(len(delivery.rows)) if index not in problems]),
        problems=problems,
        unplaced=batch.unplaced.keys(),
    )


def problems_of(event: ValidEvent | RejectedEvent, *, received_at: datetime) -> Sequence[Problem]:
    if isinstance(event, RejectedEvent):
        return event.problems
    fault = find_time_fault(event.occurred_at, now=received_at)
    is_ahead = fault is not None and fault[0] == RejectionCode.TIMESTAMP_IN_FUTURE
    return (AHEAD_AT_RECEIPT,) if is_ahead else ()


def lock_copies(checked: Iterable[CheckedDelivery]) -> None:
    """Take the door's locks for all deliveries at once and in order, so that no post and replay can deadlock."""
    unplaced = {event_key for part in checked for event_key in part.unplaced}
    if unplaced and connection.vendor == "postgresql":
        storage.lock_copies(unplaced)


def ingest(delivery: Delivery, *, now: datetime) -> IngestResult:
    return ingest_events(
        delivery.posted,
        key=delivery.key,
        now=now,
        all_results=True,
        origins=delivery.origins,
        sent_moments=delivery.sent_moments,
        client=delivery.client,
    )


def mark_arrival(key: ApiKey, *, now: datetime) -> None:
    """Say of the arrival of this moment that it is a replay. It is not committed, so nobody has taken it."""
    # Index: arrival_pending.
    Arrival.objects.pending().filter(key=key, received_at=now).update(is_replay=True)


def mark_replayed(rows: Sequence[QuarantinedEvent], *, result: IngestResult, now: datetime) -> None:
    statuses = {entry["index"]: entry["status"] for entry in result.results if entry["status"] != "warning"}
    by_outcome: defaultdict[str, list[int]] = defaultdict(list)
    for index, row in enumerate(rows):
        by_outcome[statuses.get(index, ACCEPTED)].append(row.pk)
    for outcome, ids in by_outcome.items():
        QuarantinedEvent.objects.filter(pk__in=ids).update(replayed_at=now, outcome=outcome)


def write_problems(rejected: Iterable[tuple[QuarantinedEvent, Sequence[Problem]]]) -> None:
    """Write why the rows are rejected now, and make sure that the list of groups has theirs."""
    # Rows of a job have few reasons between them: an update for each reason, and not one for each row.
    by_reason: defaultdict[tuple[Problem, ...], list[QuarantinedEvent]] = defaultdict(list)
    for row, problems in rejected:
        row.code = str(problems[0].code)
        by_reason[tuple(problems)].append(row)
    for reason, rows in by_reason.items():
        errors = [problem_entry(problem) for problem in reason]
        QuarantinedEvent.objects.filter(pk__in=[row.pk for row in rows]).update(
            errors=errors, code=reason[0].code
        )
        rejections.make_groups(rows)
