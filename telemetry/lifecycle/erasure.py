"""Erasures of subjects: their states, and what they do to the tables of telemetry.

workbench/erasure/ runs them, because it knows the things that events become.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db import OperationalError, connection, transaction
from django.db.models import F

from audit import trail
from audit.models import Verb
from telemetry.intake.erased import digest_of, texts_in
from telemetry.intake.privacy import pseudonymise
from telemetry.lifecycle.raw_scan import ScanPart
from telemetry.models import (
    Environment,
    ErasedEvents,
    Erasure,
    ErasureMode,
    ErasureState,
    ErasureThing,
    LaterEvents,
    QuarantinedEvent,
    RawEvent,
    SubjectKind,
)
from telemetry.plan.definitions import MAX_ID_LENGTH
from telemetry.plan.values import IS_ID

COLUMNS = (
    "event_key, day, arrival_id, environment, source, event, event_id, session_id, occurred_at, properties"
)
AND_TAKEN = """ AND NOT EXISTS (
  SELECT 1 FROM telemetry_arrival AS arrival WHERE arrival.id = raw.arrival_id AND arrival.taken_at IS NULL
)"""
QUARANTINE_ROWS_PER_STEP = 2000
# A failure may be a database that is away for a while. The fold of the environment waits for so many attempts.
MAX_FAILURES = 20


class BadSubject(ValueError):
    """A subject that cannot be: the message says why, without repeating it."""


class UnknownErasureEnvironment(ValueError):
    """There is no environment of that name."""


class NotToBeConfirmed(ValueError):
    """The erasure is not waiting for a confirmation."""


@dataclass(frozen=True, kw_only=True)
class ErasureRequest:
    """What somebody asks for. `subject` is the raw id; it goes no further than `name_of`."""

    environment: str
    kind: str
    subject: str
    mode: str = ErasureMode.REMOVE
    later_events: str = LaterEvents.REFUSE


def name_of(*, kind: str, subject: str) -> str:
    """A subject as the tables hold it: of a user only the keyed hash. Raises BadSubject."""
    if kind not in SubjectKind.values:
        raise BadSubject(f"There is no such kind of subject; it is one of {', '.join(SubjectKind.values)}.")
    if not IS_ID(subject) or len(subject) > MAX_ID_LENGTH:
        raise BadSubject(f"A subject's id has 1 to {MAX_ID_LENGTH} printable characters and no spaces.")
    return pseudonymise(subject) if kind == SubjectKind.USER else subject


def request_erasure(request: ErasureRequest, *, requested_by: str, now: datetime) -> Erasure:
    """Begin the preview of an erasure. Nothing is erased before `confirm`.

    Raises BadSubject and UnknownErasureEnvironment.
    """
    name = name_of(kind=request.kind, subject=request.subject)
    if not Environment.objects.filter(name=request.environment).exists():
        raise UnknownErasureEnvironment("There is no environment of this name.")
    return Erasure.objects.create(
        environment_id=request.environment,
        kind=request.kind,
        digest=digest_of(environment=request.environment, kind=request.kind, subject=name),
        working_id=name,
        mode=request.mode,
        later_events=request.later_events,
        requested_by=requested_by,
        requested_at=now,
        not_before=now,
    )


def confirm(erasure: Erasure) -> None:
    """Let an erasure that was previewed begin. Safe to repeat.

    Raises NotToBeConfirmed for one
    that was discarded or whose preview is not finished.
    """
    with transaction.atomic():
        lock_environment(erasure.environment_id)
        erasure.refresh_from_db()
        if erasure.state == ErasureState.PREVIEWING or not erasure.working_id:
            raise NotToBeConfirmed("This erasure does not wait for a confirmation.")
        if erasure.state == ErasureState.PREVIEWED:
            move_to(erasure, ErasureState.WAITING)
            note_state(erasure, Verb.CHANGED, before=ErasureState.PREVIEWED)


def note_state(erasure: Erasure, verb: Verb, *, before: str) -> None:
    """Note in the audit what a person decided, or how it ended. The states between are the worker's own."""
    trail.note(
        verb,
        subject=erasure,
        environment=erasure.environment_id,
        before_and_after={"state": (before, erasure.state)},
    )


def skip_preview(erasure: Erasure) -> None:
    """Let an erasure be confirmed that nobody looks at before."""
    if erasure.state == ErasureState.PREVIEWING:
        move_to(erasure, ErasureState.PREVIEWED)


def discard(erasure: Erasure) -> None:
    """Forget an erasure that was not confirmed. Any other stays."""
    Erasure.objects.filter(
        pk=erasure.pk, state__in=(ErasureState.PREVIEWING, ErasureState.PREVIEWED)
    ).delete()


def lock_environment(environment: str) -> None:
    """Wait for the fold of the environment, and keep it away until the transaction ends (decision 0001)."""
    list(Environment.objects.select_for_update(no_key=True).filter(name=environment))


def move_to(erasure: Erasure, state: ErasureState) -> None:
    """The next state, at its beginning."""
    erasure.state = state
    erasure.position = {}
    erasure.failures = 0
    erasure.save(update_fields=["state", "position", "failures"])


def finish(erasure: Erasure, *, now: datetime) -> None:
    """End the erasure: its receipt stays, and nothing that names the subject. Call it in a transaction."""
    ErasureThing.objects.filter(erasure=erasure).delete()
    before = erasure.state
    erasure.state = ErasureState.DONE
    erasure.working_id = ""
    erasure.position = {}
    erasure.finished_at = now
    erasure.save()
    note_state(erasure, Verb.ERASED, before=before)


def note_failure(erasure: Erasure) -> None:
    """Count a failed step. After MAX_FAILURES the erasure stops, so that the fold does not wait for ever."""
    Erasure.objects.filter(pk=erasure.pk).update(failures=F("failures") + 1)
    erasure.refresh_from_db()
    if erasure.failures >= MAX_FAILURES:
        before = erasure.state
        erasure.position = {"failed_in": before, "at": erasure.position}
        erasure.state = ErasureState.FAILED
        with transaction.atomic():
            erasure.save(update_fields=["state", "position"])
            note_state(erasure, Verb.CHANGED, before=before)


def try_again(erasure: Erasure) -> None:
    """Let an erasure that stopped go on where it was."""
    if erasure.state == ErasureState.FAILED:
        erasure.state = ErasureState(erasure.position["failed_in"])
        erasure.position = erasure.position["at"]
        erasure.failures = 0
        with transaction.atomic():
            erasure.save(update_fields=["state", "position", "failures"])
            note_state(erasure, Verb.RETRIED, before=ErasureState.FAILED)


def add_things(erasure: Erasure, *, kind: str, ids: Iterable[str]) -> None:
    """Note ids that the erasure has to treat. Safe to repeat."""
    ErasureThing.objects.bulk_create(
        [ErasureThing(erasure=erasure, kind=kind, thing_id=thing_id) for thing_id in sorted(set(ids) - {""})],
        ignore_conflicts=True,
        batch_size=2000,
    )


def empty_log() -> None:
    """Write SQLite's log into the file and empty it: it holds pages as they were before the erasure.

    If somebody reads from it meanwhile it stays. It waits for nobody, because posts would wait with it.
    """
    if connection.vendor != "sqlite" or connection.in_atomic_block:
        return
    with connection.cursor() as cursor, suppress(OperationalError):
        cursor.execute("PRAGMA busy_timeout")
        patience = cursor.fetchone()[0]
        cursor.execute("PRAGMA busy_timeout = 0")
        try:
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        finally:
            cursor.execute(f"PRAGMA busy_timeout = {patience}")


# Raw events ------------------------------------------------------------------------------------------------


def read_events(
    part: ScanPart,
    *,
    environment: str,
    condition: str,
    parameters: Sequence[Any],
    with_pending: bool = False,
) -> list[RawEvent]:
    """The events of the slice that meet the condition and that a fold has taken. It only reads.

    What is still on the queue was counted nowhere; the fold removes the subject's part of it. `with_pending` reads
    it too.
    """
    in_slice, bounds = part.condition()
    statement = f"""
SELECT {COLUMNS} FROM {part.partition} AS raw
WHERE {in_slice} AND environment = %s AND ({condition}){"" if with_pending else AND_TAKEN}"""
    # The condition's texts are the portal's own; ids come as parameters.
    return list(RawEvent.objects.raw(statement, [*bounds, environment, *parameters]))


def delete_events(events: Collection[RawEvent]) -> list[RawEvent]:
    """Delete events in the caller's transaction, count them as erased, and return those that were still there."""
    if not events:
        return []
    there: set[UUID] = set()
    for day in {event.day for event in events}:
        there |= delete_keys([event.event_key for event in events if event.day == day], day=day)
    gone = [event for event in events if event.event_key in there]
    count_erased(gone)
    return gone


def delete_keys(keys: list[UUID], *, day: date) -> set[UUID]:
    """Delete the raw events of these keys of a day, and return the keys that were there."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            # Index: the table's key (day, event_key). With a range of days it would read all of their keys.
            cursor.execute(
                "DELETE FROM telemetry_rawevent WHERE day = %s"
                " AND event_key = ANY(ARRAY(SELECT unnest(%b::uuid[]))) RETURNING event_key",
                [day, keys],
            )
            return {key for (key,) in cursor.fetchall()}
    # The one writer holds the lock: nothing changes between the two.
    stored = RawEvent.objects.filter(event_key__in=keys)
    there = set(stored.values_list("event_key", flat=True))
    stored._raw_delete("default")
    return there


ADD_ERASED = f"""
INSERT INTO {ErasedEvents._meta.db_table} AS stored (environment, event, day, events)
VALUES (%s, %s, %s, %s)
ON CONFLICT (environment, event, day) DO UPDATE SET events = stored.events + excluded.events"""


def count_erased(events: Iterable[RawEvent]) -> None:
    """Add to the numbers of erased events: accepted = raw + pruned + erased, at every commit."""
    totals: Counter[tuple[str, str, date]] = Counter(
        (event.environment, event.event, event.day) for event in events
    )
    adapt = connection.ops.adapt_datefield_value
    with connection.cursor() as cursor:
        # Index: erased_events_unique (day, event, environment).
        cursor.executemany(
            ADD_ERASED,
            [
                (environment, event, adapt(day), count)
                for (environment, event, day), count in sorted(totals.items())
            ],
        )


# Quarantine ------------------------------------------------------------------------------------------------


def quarantine_step(erasure: Erasure, *, after: int, names: Collection[str]) -> tuple[int, list[int]]:
    """The next rows of the quarantine that name the subject: where they end, and their ids. It only reads.

    The place after the last row is -1.
    """
    rows = QuarantinedEvent.objects.filter(pk__gt=after).order_by("pk")
    read = list(rows.values_list("pk", "environment", "event_id", "payload")[:QUARANTINE_ROWS_PER_STEP])
    found = [
        pk
        for pk, environment, event_id, payload in read
        if environment == erasure.environment_id
        and (event_id in names or any(text in names for text in texts_in(payload)))
    ]
    return read[-1][0] if len(read) == QUARANTINE_ROWS_PER_STEP else -1, found
