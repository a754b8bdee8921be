"""The only way into the database: each event is checked against the plan, and stored once.

The door, its other protocols and the demo data all come through `ingest_events`.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import partial
from itertools import islice
from operator import itemgetter
from typing import Any

import msgspec

from telemetry.intake import quarantine, storage
from telemetry.intake.allowance import refuse_others
from telemetry.intake.erased import refuse_erased
from telemetry.intake.event_keys import (
    Hasher,
    content_of,
    day_hashers,
    day_to_store,
    delivery_of,
    may_be_kept,
    may_lie_elsewhere,
)
from telemetry.intake.instruments import count_dry_run
from telemetry.intake.storage import EventRow, QuarantineRow, SpanLinkRow
from telemetry.intake.validation import (
    Problem,
    RejectedEvent,
    ValidEvent,
    check_closely,
    find_valid,
    reject_as_pruned,
)
from telemetry.intake.wording import WordingOf, own_wording
from telemetry.models import ApiKey
from telemetry.plan.codes import NoticeCode
from web.log_fields import note_log_fields
from web.tracing import spans

# An event as the door passes it in: its JSON text, or the rejection by a protocol that has no place for it.
PostedEvent = msgspec.Raw | bytes | RejectedEvent

# Whoever has more wrong than this has the same thing wrong many times, and finds the rest with its recent events.
MAX_RESULTS = 100
# Rows of one post that the quarantine keeps: to redact and store one costs as much as to store ten good events.
MAX_QUARANTINED = 200
# Of a post's rejections, those of so many kinds are counted by event name; all others count under OTHER_EVENTS.
MAX_KINDS = 50
OTHER_EVENTS = "…"


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
    `origins` and `sent_moments`: see `ingest_events`.
    """

    events: list[ValidEvent | RejectedEvent]
    origins: Sequence[str] | None = None
    sent_moments: Sequence[datetime | None] | None = None
    rejected: dict[int, RejectedEvent] = field(default_factory=dict)
    repeats: list[int] = field(default_factory=list)
    storable: dict[str, int] = field(default_factory=dict)
    rows: list[EventRow] = field(default_factory=list)
    unplaced: dict[str, date] = field(default_factory=dict)

    def rejections(self) -> dict[str, int]:
        """How many events are rejected, by the code of their first error."""
        return Counter(first_code(event) for event in self.rejected.values())

    def warned(self) -> Iterator[tuple[int, ValidEvent]]:
        """The events that use something deprecated, by index."""
        for index, event in enumerate(self.events):
            if isinstance(event, ValidEvent) and event.warnings and index not in self.rejected:
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
    wording_of: WordingOf = own_wording,
    client: str = "",
    links: Sequence[SpanLinkRow] = (),
) -> IngestResult:
    """Check the events against the plan, store the good ones once and quarantine the others; then answer.

    `posted` are JSON texts, one an event, or events that a protocol has already rejected. `now` is the moment of
    receipt (aware). `origins`, one an event, are what the ids are unique within where the key's source is not
    enough (a CloudEvent's own source). `sent_moments`, one an event, are the timestamps that the client sent,
    where a protocol corrected them; None: the client sent none. `wording_of` gives the words for the problems of an
    event, by its index. `client` is the name and version of what sent them, at most 64 characters. `links` are what
    came with the events of spans that are none, and are stored with them or, without events, alone. With `dry_run` the
    answer is the same and nothing is stored. With `verbose` accepted events have a result too.

    Everything is committed, in one transaction, when this returns. Safe to repeat: an event of the same
    environment, source, id and UTC day as sent is a duplicate, or without a day if the client sent no timestamp.
    It keeps the time of its first copy. An empty post stores nothing. Raises Django's database
    errors, and then nothing is stored.
    """
    if not posted:
        if links and not dry_run:
            storage.store_links(links, key=key, now=now)
        return IngestResult(accepted=0, duplicates=0, rejected=0, results=[])
    check = partial(
        check_events,
        posted,
        key=key,
        now=now,
        origins=origins,
        sent_moments=sent_moments,
        wording_of=wording_of,
    )
    if dry_run:
        batch = check(kept=0)
        stored_before = try_out(batch, key=key, now=now)
    else:
        batch, stored_before = check_and_store(check, key=key, now=now, client=client, links=links)
    duplicates = batch.repeats + [batch.storable[event_key] for event_key in stored_before]
    remarks = remarks_on(batch, duplicates=duplicates, verbose=verbose)
    results = list(islice(results_of(remarks, events=batch.events), None if all_results else MAX_RESULTS))
    return IngestResult(
        accepted=len(batch.storable) - len(stored_before),
        duplicates=len(duplicates),
        rejected=len(batch.rejected),
        results=results,
        results_left_out=sum(len(problems) for _, _, problems in remarks) - len(results),
    )


def try_out(batch: CheckedBatch, *, key: ApiKey, now: datetime) -> Collection[str]:
    """Count a dry run, and return the event keys that are in the table."""
    sound = len(batch.events) - len(batch.rejected)
    count_dry_run(environment=key.environment_id, sound=sound, rejected=batch.rejections())
    other_days = storage.days_to_search(batch.unplaced, today=now.date())
    return storage.keys_already_stored(batch.rows, other_days=other_days)


def check_and_store(
    check: Callable[..., CheckedBatch],
    *,
    key: ApiKey,
    now: datetime,
    client: str,
    links: Sequence[SpanLinkRow] = (),
) -> tuple[CheckedBatch, Collection[str]]:
    """Check and store, and return the batch and the event keys that were in the table before."""
    while True:
        batch = check(kept=MAX_QUARANTINED)
        try:
            return batch, store(batch, key=key, now=now, client=client, links=links)
        except storage.RawEventsKeptFromMoved:
            # It moves a few times a night. What it made too old must be refused, so the check begins anew.
            key.environment.refresh_from_db()


def check_events(
    posted: Sequence[PostedEvent],
    *,
    key: ApiKey,
    now: datetime,
    origins: Sequence[str] | None = None,
    sent_moments: Sequence[datetime | None] | None = None,
    wording_of: WordingOf = own_wording,
    kept: int = MAX_QUARANTINED,
) -> CheckedBatch:
    """Check each event against the plan, and find the repeats within the post.

    The first `kept` rejected events have their payload. For the other arguments see above.
    """
    events = verdicts(posted, now=now, wording_of=wording_of, kept=kept)
    if key.allowed_events:
        events = refuse_others(events, posted=posted, patterns=tuple(key.allowed_events), kept=kept)
    batch = CheckedBatch(refuse_erased(events, environment=key.environment_id), origins, sent_moments)
    place_events(batch, posted=posted, key=key, now=now, kept=kept)
    return batch


def place_events(
    batch: CheckedBatch, *, posted: Sequence[PostedEvent], key: ApiKey, now: datetime, kept: int
) -> None:
    """Put each event where it belongs: to the rejected, the repeats, or the storable with their rows."""
    origins, sent_moments = batch.origins, batch.sent_moments
    hashers: dict[date | None, tuple[Hasher, Hasher]] = {}
    today = now.date()
    kept_from = key.environment.raw_kept_from
    sent_at: datetime | None
    sent_day: date | None
    # The hottest loop of the door: it makes no object for an event but its key and its row.
    for index, event in enumerate(batch.events):
        if isinstance(event, RejectedEvent):
            batch.rejected[index] = event
            continue
        sent_at = occurred_at = event.occurred_at
        sent_day = stored_day = day = occurred_at.date()
        if sent_moments is not None:
            sent_at = sent_moments[index]
            sent_day = None if sent_at is None else sent_at.date()
            stored_day = day_to_store(sent_day, occurred_day=day, today=today)
        if kept_from is not None and (occurred_at < kept_from or stored_day < kept_from.date()):
            batch.rejected[index] = reject_as_pruned(
                posted[index], kept_from=kept_from, keeps=len(batch.rejected) < kept
            )
            continue
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
        if sent_moments is not None and may_lie_elsewhere(sent_day, today=today):
            batch.unplaced[event_key] = sent_day or day
        batch.rows.append(
            (
                stored_day,
                event_key,
                event.event,
                event.event_id,
                event.session_id,
                occurred_at,
                event.properties,
            )
        )


def verdicts(
    posted: Sequence[PostedEvent], *, now: datetime, wording_of: WordingOf, kept: int
) -> list[ValidEvent | RejectedEvent]:
    """Check each event: briefly, once the answer has no room for more problems, because that costs less."""
    found: list[ValidEvent | RejectedEvent] = []
    room = MAX_RESULTS
    for index, event in enumerate(posted):
        if isinstance(event, RejectedEvent):
            found.append(event)
            continue
        verdict: ValidEvent | RejectedEvent | None = find_valid(event, now=now)
        # At once, while what was found out of its texts is still known (see privacy.looks_like_pii).
        if verdict is None:
            verdict = check_closely(
                event, now=now, wording=wording_of(index), briefly=room <= 0, keeps=kept > 0
            )
            if isinstance(verdict, RejectedEvent):
                room -= len(verdict.problems)
                kept -= 1
        found.append(verdict)
    return found


def store(
    batch: CheckedBatch, *, key: ApiKey, now: datetime, client: str, links: Sequence[SpanLinkRow] = ()
) -> Collection[str]:
    """Store the batch, and return the event keys that were in the table before."""
    stored = storage.store_batch(
        storage.PostedRows(
            rows=batch.rows,
            repeats=len(batch.repeats),
            quarantined=quarantine.within_budget(
                [
                    quarantine_row(index, batch=batch)
                    for index, event in islice(batch.rejected.items(), MAX_QUARANTINED)
                    if event.is_kept
                ],
                key_id=key.pk,
                now=now,
            ),
            rejected=batch.rejections(),
            unplaced=batch.unplaced,
            rejected_kinds=kinds_of(batch.rejected.values()) if batch.rejected else (),
            client=client,
            traceparent=spans.current_traceparent(),
            links=links,
        ),
        key=key,
        now=now,
    )
    note_log_fields(arrival_ids=[stored.arrival_id])
    spans.set_attribute("portal.arrival.id", stored.arrival_id)
    return () if stored.new_keys is None else batch.storable.keys() - stored.new_keys


def first_code(event: RejectedEvent) -> str:
    return event.problems[0].code


def kinds_of(rejected: Iterable[RejectedEvent]) -> list[tuple[str, str, int]]:
    """How many were rejected, by first code and event name: (code, event, number), the most frequent first.

    There are at most MAX_KINDS of them, and one more for each code: a client that makes up names cannot make the
    post's row large.
    """
    counts = Counter((str(first_code(event)), event.event) for event in rejected).most_common()
    others: Counter[str] = Counter()
    for (code, _), number in counts[MAX_KINDS:]:
        others[code] += number
    kinds = [(code, name, number) for (code, name), number in counts[:MAX_KINDS]]
    return kinds + [(code, OTHER_EVENTS, number) for code, number in others.items()]


def quarantine_row(index: int, *, batch: CheckedBatch) -> QuarantineRow:
    event = batch.rejected[index]
    delivery = delivery_of(index, origins=batch.origins, sent_moments=batch.sent_moments)
    is_kept = may_be_kept(delivery)
    return QuarantineRow(
        position=index,
        event=event.event,
        event_id=event.event_id,
        code=first_code(event),
        errors=storage.to_json([problem_entry(problem) for problem in event.problems]),
        payload=storage.to_json(event.payload),
        is_whole=event.is_whole and is_kept,
        delivery=storage.to_json(delivery) if delivery and is_kept else None,
    )


def problem_entry(problem: Problem) -> dict[str, str]:
    return {"code": problem.code, "field": problem.field, "message": problem.message}


DUPLICATE = Problem(code=NoticeCode.DUPLICATE, field="id", message="This event was already received.")
ACCEPTED = Problem(code=NoticeCode.ACCEPTED, field="", message="This event keeps to the plan.")


# (index of the event, status, its problems or notices)
Remark = tuple[int, str, Sequence[Problem]]


def remarks_on(batch: CheckedBatch, *, duplicates: Sequence[int], verbose: bool) -> list[Remark]:
    """By index; an event that was warned of can be a duplicate too."""
    remarks: list[Remark] = [
        *((index, "rejected", event.problems) for index, event in batch.rejected.items()),
        *((index, "warning", event.warnings) for index, event in batch.warned()),
        *((index, "duplicate", (DUPLICATE,)) for index in duplicates),
    ]
    if verbose:
        unremarkable = set(range(len(batch.events))).difference(index for index, _, _ in remarks)
        remarks += [(index, "accepted", (ACCEPTED,)) for index in unremarkable]
    remarks.sort(key=itemgetter(0))
    return remarks


def results_of(
    remarks: Iterable[Remark], *, events: Sequence[ValidEvent | RejectedEvent]
) -> Iterator[dict[str, Any]]:
    """An entry for each problem or notice."""
    for index, status, problems in remarks:
        for problem in problems:
            yield {
                "index": index,
                "id": events[index].event_id,
                "status": status,
                **problem_entry(problem),
            }
