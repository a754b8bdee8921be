"""The only way into the database: each event is checked against the plan, and stored once.

The door, its other protocols and the demo data all come through `ingest_events`.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import islice
from operator import itemgetter
from typing import Any

import msgspec

from telemetry.intake import quarantine, storage
from telemetry.intake.event_keys import Hasher, content_of, day_hashers, day_to_store, may_lie_elsewhere
from telemetry.intake.instruments import count_dry_run
from telemetry.intake.storage import EventRow, QuarantineRow
from telemetry.intake.validation import Problem, RejectedEvent, ValidEvent, check_event
from telemetry.models import ApiKey
from telemetry.plan.codes import NoticeCode

# An event as the door passes it in: its JSON text, or the rejection by a protocol that has no place for it.
PostedEvent = msgspec.Raw | bytes | RejectedEvent

# Whoever has more wrong than this has the same thing wrong many times, and finds the rest with its recent events.
MAX_RESULTS = 100


@dataclass(frozen=True, slots=True)
class IngestResult:
    """What became of a post's events: how many were accepted, duplicates and rejected, and `results`.

    `results` has an entry for each problem or notice, in the order of the events:
    {"index", "id", "status", "code", "field", "message"}. A plainly accepted event has none.
    """

    accepted: int
    duplicates: int
    rejected: int
    results: list[dict[str, Any]]
    results_left_out: int = 0


@dataclass(frozen=True, slots=True)
class CheckedBatch:
    """A post's events after the plan's check. Each event's index is in exactly one of three places.

    - `rejected`, index → event: the plan does not allow it.
    - `repeats`: it has the event key of an earlier event of the same post.
    - `storable`, event key → index: all others. Those whose key is already in the table become duplicates.

    `rows` are the storable events as the database takes them, in the same order. `unplaced`: see PostedRows.
    """

    events: list[ValidEvent | RejectedEvent]
    rejected: dict[int, RejectedEvent] = field(default_factory=dict)
    repeats: list[int] = field(default_factory=list)
    storable: dict[str, int] = field(default_factory=dict)
    rows: list[EventRow] = field(default_factory=list)
    unplaced: dict[str, date] = field(default_factory=dict)

    def warned(self) -> Iterator[tuple[int, ValidEvent]]:
        """The events that use something deprecated, by index."""
        for index, event in enumerate(self.events):
            if isinstance(event, ValidEvent) and event.warnings:
                yield index, event


def ingest_events(
    posted: Sequence[PostedEvent],
    *,
    key: ApiKey,
    now: datetime,
    dry_run: bool = False,
    verbose: bool = False,
    all_results: bool = False,
    origins: Sequence[str] | None = None,
    sent_moments: Sequence[datetime | None] | None = None,
) -> IngestResult:
    """Check the events against the plan, store the good ones once and quarantine the others; then answer.

    `posted` are JSON texts, one an event, or events that a protocol has already rejected. `now` is the moment of
    receipt (aware). `origins`, one an event, are what the ids are unique within where the key's source is not
    enough (a CloudEvent's own source). `sent_moments`, one an event, are the timestamps that the client sent,
    where a protocol corrected them; None: the client sent none. With `dry_run` the answer is the same and nothing
    is stored. With `verbose` accepted events have a result too.

    Everything is committed, in one transaction, when this returns. Safe to repeat: an event of the same
    environment, source, id and UTC day as sent is a duplicate, or without a day if the client sent no timestamp.
    It keeps the time of its first copy. An empty post stores nothing. Raises Django's database
    errors, and then nothing is stored.
    """
    if not posted:
        return IngestResult(accepted=0, duplicates=0, rejected=0, results=[])
    batch = check_events(posted, key=key, now=now, origins=origins, sent_moments=sent_moments)
    rejections = Counter(first_code(event) for event in batch.rejected.values())
    if dry_run:
        sound = len(posted) - len(batch.rejected)
        count_dry_run(environment=key.environment_id, sound=sound, rejected=rejections)
        stored_before: Collection[str] = storage.keys_already_stored(
            batch.rows, other_days=storage.days_to_search(batch.unplaced, today=now.date())
        )
    else:
        stored_before = store(batch, rejections=rejections, key=key, now=now)
    duplicates = batch.repeats + [batch.storable[event_key] for event_key in stored_before]
    results = results_of(batch, duplicates=duplicates, verbose=verbose)
    detailed = list(results if all_results else islice(results, MAX_RESULTS))
    return IngestResult(
        accepted=len(batch.storable) - len(stored_before),
        duplicates=len(duplicates),
        rejected=len(batch.rejected),
        results=detailed,
        results_left_out=sum(1 for _ in results),
    )


def check_events(
    posted: Sequence[PostedEvent],
    *,
    key: ApiKey,
    now: datetime,
    origins: Sequence[str] | None = None,
    sent_moments: Sequence[datetime | None] | None = None,
) -> CheckedBatch:
    """Check each event against the plan, and find the repeats within the post. For the arguments see above."""
    batch = CheckedBatch(
        [event if isinstance(event, RejectedEvent) else check_event(event, now=now) for event in posted]
    )
    hashers: dict[date | None, tuple[Hasher, Hasher]] = {}
    today = now.date()
    # The hottest loop of the door: it makes no object for an event but its key and its row.
    for index, event in enumerate(batch.events):
        if isinstance(event, RejectedEvent):
            batch.rejected[index] = event
            continue
        occurred_at = event.occurred_at
        day = occurred_at.date()
        sent_at: datetime | None = occurred_at
        sent_day: date | None = day
        if sent_moments is not None:
            sent_at = sent_moments[index]
            sent_day = None if sent_at is None else sent_at.date()
        if sent_day not in hashers:
            hashers[sent_day] = day_hashers(key, day=sent_day)
        hash_id, hash_content = hashers[sent_day]
        if not event.event_id:
            event_key = hash_content(content_of(event, moment=sent_at or occurred_at))
        else:
            # No id has a NUL in it, so an id with an origin is never another one without.
            event_key = hash_id(f"{event.event_id}\0{origins[index]}" if origins else event.event_id)
        if event_key in batch.storable:
            batch.repeats.append(index)
            continue
        batch.storable[event_key] = index
        if sent_moments is not None:
            if may_lie_elsewhere(sent_day, today=today):
                batch.unplaced[event_key] = sent_day or day
            day = day_to_store(sent_day, occurred_day=day, today=today)
        batch.rows.append(
            (day, event_key, event.event, event.event_id, event.session_id, occurred_at, event.properties)
        )
    return batch


def store(batch: CheckedBatch, *, rejections: dict[str, int], key: ApiKey, now: datetime) -> Collection[str]:
    """Store the batch, and return the event keys that were in the table before."""
    new_keys = storage.store_batch(
        storage.PostedRows(
            rows=batch.rows,
            repeats=len(batch.repeats),
            quarantined=quarantine.within_budget(
                [quarantine_row(index, event) for index, event in batch.rejected.items()],
                key_id=key.pk,
                now=now,
            ),
            rejected=rejections,
            unplaced=batch.unplaced,
        ),
        key=key,
        now=now,
    ).new_keys
    return () if new_keys is None else batch.storable.keys() - new_keys


def first_code(event: RejectedEvent) -> str:
    return event.problems[0].code


def quarantine_row(index: int, event: RejectedEvent) -> QuarantineRow:
    return QuarantineRow(
        position=index,
        event=event.event,
        event_id=event.event_id,
        code=first_code(event),
        errors=storage.to_json([problem_entry(problem) for problem in event.problems]),
        payload=storage.to_json(event.payload),
    )


def problem_entry(problem: Problem) -> dict[str, str]:
    return {"code": problem.code, "field": problem.field, "message": problem.message}


DUPLICATE = Problem(code=NoticeCode.DUPLICATE, field="id", message="This event was already received.")
ACCEPTED = Problem(code=NoticeCode.ACCEPTED, field="", message="This event keeps to the plan.")


def results_of(batch: CheckedBatch, *, duplicates: Sequence[int], verbose: bool) -> Iterator[dict[str, Any]]:
    """An entry for each problem or notice, by index; an event that was warned of can be a duplicate too."""
    remarks: list[tuple[int, str, Sequence[Problem]]] = [
        *((index, "rejected", event.problems) for index, event in batch.rejected.items()),
        *((index, "warning", event.warnings) for index, event in batch.warned()),
        *((index, "duplicate", (DUPLICATE,)) for index in duplicates),
    ]
    if verbose:
        unremarkable = set(range(len(batch.events))).difference(index for index, _, _ in remarks)
        remarks += [(index, "accepted", (ACCEPTED,)) for index in unremarkable]
    remarks.sort(key=itemgetter(0))
    for index, status, problems in remarks:
        for problem in problems:
            yield {
                "index": index,
                "id": batch.events[index].event_id,
                "status": status,
                **problem_entry(problem),
            }
