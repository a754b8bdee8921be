"""The only way by which events get into the database: every event is checked against the plan, then stored once.

The door, the span receiver and the demo data all come through `ingest_events`.
"""

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import partial
from hashlib import blake2b
from typing import Any

import msgspec

from telemetry.intake import storage
from telemetry.intake.instruments import count_dry_run
from telemetry.intake.storage import EventRow, QuarantineRow
from telemetry.intake.validation import Problem, RejectedEvent, ValidEvent, check_event
from telemetry.models import ApiKey
from telemetry.plan.codes import NoticeCode

# An event as it comes to the door: its JSON text, or the refusal of a protocol that does not know its type.
Posted = msgspec.Raw | bytes | RejectedEvent

KEY_BYTES = 16
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class IngestResult:
    """What became of a batch. `results` has an entry for each thing to say about an event that was not plainly
    accepted, by index: {"index", "id", "status", "code", "field", "message"}."""

    accepted: int
    duplicates: int
    rejected: int
    results: list[dict[str, Any]]


@dataclass(slots=True)
class CheckedBatch:
    """A batch after the plan's check. `rows` are the events to store and `positions` their indexes."""

    outcomes: list[ValidEvent | RejectedEvent]
    rows: list[EventRow] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)
    repeated: list[int] = field(default_factory=list)
    rejected: list[tuple[int, RejectedEvent]] = field(default_factory=list)
    warned: list[tuple[int, ValidEvent]] = field(default_factory=list)
    verbose: bool = False


def ingest_events(
    raws: Sequence[Posted],
    *,
    key: ApiKey,
    now: datetime,
    dry_run: bool = False,
    verbose: bool = False,
    origins: Sequence[str] | None = None,
) -> IngestResult:
    """Check the events against the plan, store the good ones once and quarantine the others; then answer.

    `raws` are JSON texts, one an event, or events that a protocol has already refused; `now` is the moment of
    receipt (aware). All of it is committed, in one transaction, when this returns. Safe to repeat: an event of
    the same environment, source, id and UTC day is a duplicate. With `dry_run` the answer is the same and
    nothing is stored; with `verbose` it has an entry for each accepted event too. `origins` are what the ids
    are unique within, one an event, where the key's source is not enough (a CloudEvent's own source). An empty
    batch stores nothing. Raises Django's database errors, and then nothing is stored.
    """
    if not raws:
        return IngestResult(accepted=0, duplicates=0, rejected=0, results=[])
    checked = check_events(raws, key=key, now=now, origins=origins)
    checked.verbose = verbose
    codes = Counter(first_code(event) for _, event in checked.rejected)
    if dry_run:
        count_dry_run(environment=key.environment_id, sound=len(raws) - len(checked.rejected), rejected=codes)
        return answer(checked, known=storage.keys_already_stored(checked.rows))
    batch = storage.PostedRows(
        rows=checked.rows,
        repeats=len(checked.repeated),
        quarantined=[quarantine_row(index, event) for index, event in checked.rejected],
        rejected=codes,
    )
    stored = storage.store_batch(batch, key=key, now=now)
    if stored.new_keys is None:
        return answer(checked, known=())
    return answer(checked, known={row[1] for row in checked.rows} - stored.new_keys)


def check_events(
    raws: Sequence[Posted], *, key: ApiKey, now: datetime, origins: Sequence[str] | None = None
) -> CheckedBatch:
    """Every event's verdict, and the rows to store: the first of each event key."""
    checked = CheckedBatch(
        [raw if isinstance(raw, RejectedEvent) else check_event(raw, now=now) for raw in raws]
    )
    hashers: dict[date, tuple[Hasher, Hasher]] = {}
    seen: set[str] = set()
    # The hottest loop of the door: it makes nothing an event that is not stored.
    for index, event in enumerate(checked.outcomes):
        if isinstance(event, RejectedEvent):
            checked.rejected.append((index, event))
            continue
        if event.warnings:
            checked.warned.append((index, event))
        occurred_at = event.occurred_at
        day = occurred_at.date()
        if day not in hashers:
            hashers[day] = day_hashers(key, day=day)
        by_id, by_content = hashers[day]
        # No id has a NUL in it, so an id with an origin is never another one without.
        if not event.event_id:
            event_key = by_content(content_of(event))
        else:
            event_key = by_id(f"{event.event_id}\0{origins[index]}" if origins else event.event_id)
        if event_key in seen:
            checked.repeated.append(index)
            continue
        seen.add(event_key)
        checked.positions.append(index)
        checked.rows.append(
            (day, event_key, event.event, event.event_id, event.session_id, occurred_at, event.properties)
        )
    return checked


Hasher = Callable[[str], str]


def day_hashers(key: ApiKey, *, day: date) -> tuple[Hasher, Hasher]:
    """What makes the event key of an event of this key and UTC day, from its id and from its content.

    Environments and sources have no NUL, so no two different (environment, source, day, id) make one text; and
    an id that a client chose can't be made to meet a key that was derived from content.
    """
    prefix = f"{key.environment_id}\0{key.source}\0{day}\0".encode()
    return partial(hash_text, prefix, b"id"), partial(hash_text, prefix, b"content")


def hash_text(prefix: bytes, domain: bytes, text: str) -> str:
    return blake2b(prefix + text.encode(), digest_size=KEY_BYTES, person=domain).hexdigest()


def content_of(event: ValidEvent) -> str:
    """What tells an event without an id from others: a resend of the same bytes has the same."""
    moment = (event.occurred_at - EPOCH) // MICROSECOND
    return f"{event.event}\0{event.session_id}\0{moment}\0{event.properties}"


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


def answer(checked: CheckedBatch, *, known: Collection[str]) -> IngestResult:
    """The verdicts; `known` are the event keys of `rows` that were in the table before."""
    duplicates = checked.repeated
    if known:
        stored_before = [
            index for index, row in zip(checked.positions, checked.rows, strict=True) if row[1] in known
        ]
        duplicates = [*duplicates, *stored_before]
    return IngestResult(
        accepted=len(checked.rows) + len(checked.repeated) - len(duplicates),
        duplicates=len(duplicates),
        rejected=len(checked.rejected),
        results=entries(checked, duplicates=duplicates),
    )


DUPLICATE = Problem(code=NoticeCode.DUPLICATE, field="id", message="This event was already received.")
ACCEPTED = Problem(code=NoticeCode.ACCEPTED, field="", message="This event keeps to the plan.")


def entries(checked: CheckedBatch, *, duplicates: Sequence[int]) -> list[dict[str, Any]]:
    """One entry for each thing to say, in the order of the batch."""
    said = [
        *(("rejected", index, event.problems) for index, event in checked.rejected),
        *(("warning", index, event.warnings) for index, event in checked.warned),
        *(("duplicate", index, (DUPLICATE,)) for index in duplicates),
    ]
    if checked.verbose:
        others = set(range(len(checked.outcomes))).difference(index for _, index, _ in said)
        said += [("accepted", index, (ACCEPTED,)) for index in others]
    found = [
        {"index": index, "id": checked.outcomes[index].event_id, "status": status, **problem_entry(problem)}
        for status, index, problems in said
        for problem in problems
    ]
    return sorted(found, key=lambda item: item["index"])
