"""The steps of an erasure, each a few small transactions, and who takes them."""

import logging
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import Max

from telemetry.intake.erased import remember
from telemetry.lifecycle import erasure as erasures
from telemetry.lifecycle.raw_scan import next_slice
from telemetry.models import (
    Arrival,
    Erasure,
    ErasureMode,
    ErasureState,
    ErasureThing,
    QuarantinedEvent,
    RawEvent,
)
from workbench.buckets import mark_touched
from workbench.erasure import previews, things
from workbench.erasure.events import erase_events
from workbench.erasure.receipts import add_number
from workbench.erasure.selection import (
    CALLED_IN,
    CALLER,
    PAIR,
    WHOLE,
    SqlCondition,
    choose_things,
    noted_among,
    noted_ids,
    rest_condition,
    subject_condition,
)
from workbench.fold import inserts, merges
from workbench.fold.batch import empty_batch, stage_again
from workbench.fold.call_owners import own_calls_of
from workbench.fold.changes import read_changes
from workbench.fold.funnel import follow_steps
from workbench.fold.pairs.approvals import pair_approvals_of
from workbench.fold.pairs.drafts import pair_drafts_of
from workbench.fold.pending import fold_environment
from workbench.models import ChangeCause

logger = logging.getLogger(__name__)

# On SQLite posts wait while a transaction writes, so it takes some tens of milliseconds. On PostgreSQL only the fold
# waits, and fewer transactions take less time.
ROWS_PER_TRANSACTION = {"postgresql": 1000, "sqlite": 100}
EVENTS_PER_ROW = 5
# Parts of the table with nothing in them are read on and on, for so long at a time.
SECONDS_PER_SEARCH = 0.5
LOG_IS_EMPTIED_FOR = timedelta(minutes=10)
PREVIEWS_ARE_KEPT = timedelta(days=1)


class AnotherWorker(Exception):
    """Another process took the step meanwhile."""


def work(*, now: datetime, seconds: float) -> None:
    """Take steps of the erasures that are at work, for about so many seconds. Safe to repeat and to run twice at once.

    The rest is left to the next call. An erasure whose step fails does not stop the others.
    """
    deadline = time.monotonic() + seconds
    stale = Erasure.objects.filter(state__in=(ErasureState.PREVIEWING, ErasureState.PREVIEWED))
    # Only then is there anything to write: on SQLite a deletion waits for the lock even if it finds nothing.
    if forgotten := list(stale.filter(requested_at__lt=now - PREVIEWS_ARE_KEPT)):
        Erasure.objects.filter(pk__in=[erasure.pk for erasure in forgotten]).delete()
    for erasure in Erasure.objects.at_work(now=now):
        work_on(erasure, now=now, seconds=deadline - time.monotonic())
    # Somebody may have read from the log when an erasure ended.
    if Erasure.objects.filter(finished_at__gt=now - LOG_IS_EMPTIED_FOR).exists():
        erasures.empty_log()


def work_on(erasure: Erasure, *, now: datetime, seconds: float) -> None:
    """Take steps of one erasure for about so many seconds, or until one fails."""
    deadline = time.monotonic() + seconds
    while erasure.state in STEPS and time.monotonic() < deadline and try_step(erasure, now=now):
        pass


def run_to_end(erasure: Erasure, *, now: datetime) -> None:
    """Take all steps of one erasure, up to its preview or to its receipt. Raises what a step raises."""
    while erasure.state in STEPS:
        try:
            take_step(erasure, now=now)
        except AnotherWorker:
            erasure.refresh_from_db()


def try_step(erasure: Erasure, *, now: datetime) -> bool:
    """Take a step, and say whether it got through; a failure is counted and logged."""
    try:
        take_step(erasure, now=now)
    except AnotherWorker:
        return False
    except Exception:
        # Whatever it is, the erasure stays in its state and is tried again.
        logger.exception("Erasure %s failed in its state %s.", erasure.pk, erasure.state)
        erasures.note_failure(erasure)
        return False
    return True


def take_step(erasure: Erasure, *, now: datetime) -> None:
    """The next step of the erasure's state. Raises AnotherWorker if another process is at the erasure too."""
    STEPS[ErasureState(erasure.state)](erasure, now)


@contextmanager
def locked(erasure: Erasure) -> Iterator[None]:
    """A transaction that holds the environment's fold off, if the erasure is still where this process saw it."""
    seen = erasure.state, erasure.position
    with transaction.atomic():
        erasures.lock_environment(erasure.environment_id)
        erasure.refresh_from_db()
        if (erasure.state, erasure.position) != seen:
            raise AnotherWorker
        yield


def rows_per_transaction() -> int:
    return ROWS_PER_TRANSACTION[connection.vendor]


def portions(events: list[RawEvent]) -> Iterator[list[RawEvent]]:
    size = rows_per_transaction() * EVENTS_PER_ROW
    for start in range(0, len(events), size):
        yield events[start : start + size]


def search(erasure: Erasure, condition: SqlCondition) -> tuple[list[RawEvent], dict[str, object] | None]:
    """The next raw events that meet the condition, and the position behind them; None behind the last."""
    position = erasure.position
    found: list[RawEvent] = []
    deadline = time.monotonic() + SECONDS_PER_SEARCH
    statement, parameters = condition
    while len(found) < rows_per_transaction() * EVENTS_PER_ROW and time.monotonic() < deadline:
        part = next_slice(position)
        if part is None:
            return found, None
        found += erasures.read_events(
            part, environment=erasure.environment_id, condition=statement, parameters=parameters
        )
        position = part.next_position()
    return found, position


def leave_place(erasure: Erasure, position: dict[str, object] | None, *, after: ErasureState) -> None:
    """Go on behind the position, or with the next state."""
    with locked(erasure):
        if position is None:
            erasures.move_to(erasure, after)
        else:
            save_position(erasure, position)


def save_position(erasure: Erasure, position: dict[str, object]) -> None:
    erasure.position = position
    erasure.failures = 0
    erasure.save(update_fields=["position", "failures"])


# States -----------------------------------------------------------------------------------------------------


def begin(erasure: Erasure, now: datetime) -> None:
    """Fold what came before, so that all that counts of the subject can be found. What comes later never counts."""
    fold_environment(environment=erasure.environment_id, now=now)
    with locked(erasure):
        remember(
            environment=erasure.environment_id,
            subjects=[(erasure.kind, erasure.working_id)],
            later_events=erasure.later_events,
        )
        choose_things(erasure)
        whole = ((WHOLE, session_id) for session_id in noted_ids(erasure, WHOLE))
        remember(environment=erasure.environment_id, subjects=whole, later_events=erasure.later_events)
        erasures.move_to(erasure, ErasureState.EVENTS)


def erase_slice(erasure: Erasure, now: datetime) -> None:
    found, position = search(erasure, subject_condition(erasure))
    for events in portions(found):
        with locked(erasure):
            erase_events(erasure, events)
    leave_place(erasure, position, after=ErasureState.THINGS)


def treat_things(erasure: Erasure, now: datetime) -> None:
    """First all names are chosen, then all things are treated, kind by kind."""
    with locked(erasure):
        round_ = erasure.position.get("round", "names")
        place, chunk = next_things(erasure, kinds=things.ORDER, size=rows_per_transaction())
        if not chunk and round_ == "names":
            save_position(erasure, {"round": "things"})
        elif not chunk:
            things.forget_subject(erasure)
            leave_things(erasure)
        else:
            kind = chunk[0].kind
            if round_ == "names":
                things.give_names(erasure, kind, chunk)
            else:
                things.treat(erasure, kind, [thing.thing_id for thing in chunk])
            save_position(erasure, {**place, "round": round_})


def next_things(
    erasure: Erasure, *, kinds: Sequence[str], size: int
) -> tuple[dict[str, object], list[ErasureThing]]:
    """The next things of the first of the kinds that has any left, and the position behind them."""
    number, after = erasure.position.get("kind", 0), erasure.position.get("after", 0)
    for place in range(number, len(kinds)):
        rows = erasure.things.filter(kind=kinds[place], pk__gt=after if place == number else 0)
        if chunk := list(rows.order_by("pk")[:size]):
            return {"kind": place, "after": chunk[-1].pk}, chunk
    return {}, []


def leave_things(erasure: Erasure) -> None:
    if erasure.mode == ErasureMode.KEEP:
        erasures.move_to(erasure, ErasureState.QUARANTINE)
    elif erasure.receipt.get("made_again"):
        erasures.move_to(erasure, ErasureState.REST)
    else:
        erasures.move_to(erasure, ErasureState.PAIRS)


def merge_rest(erasure: Erasure, now: datetime) -> None:
    """Merge events of others into the things that were removed with the subject's part."""
    found, position = search(erasure, rest_condition(erasure))
    days = {event.day for event in found}
    of_days = [[event for event in found if event.day == day] for day in sorted(days)]
    for events in (portion for of_day in of_days for portion in portions(of_day)):
        with locked(erasure), connection.cursor() as cursor:
            batch = stage_again(
                cursor, environment=erasure.environment_id, number=folded_before(), events=events
            )
            for statement in merges.merge_statements(batch.dialect):
                cursor.execute(statement, {"fold": batch.number})
            cursor.execute(inserts.insert_session_links(batch.dialect))
            follow_steps(batch)
    leave_place(erasure, position, after=ErasureState.PAIRS)


def folded_before() -> int:
    """The number of a fold that is over: what bears it is in no counter again."""
    taken = Arrival.objects.filter(taken_at__isnull=False)
    return int(taken.aggregate(newest=Max("pk"))["newest"] or 1)


def pair_again(erasure: Erasure, now: datetime) -> None:
    """Mark the buckets of the things that were made again, then pair the sessions that lost something.

    Last of all, model calls of whom less is known now look for their agents.
    """
    with locked(erasure):
        # Without anything that was made again only pairs can have changed.
        made_again = things.TABLES if erasure.receipt.get("made_again") else ()
        kinds = (*made_again, PAIR, CALLER, CALLED_IN)
        place, chunk = next_things(erasure, kinds=kinds, size=rows_per_transaction() // 2)
        if not chunk:
            erasures.move_to(erasure, ErasureState.QUARANTINE)
            return
        ids = {thing.thing_id for thing in chunk}
        if chunk[0].kind == PAIR:
            pair_sessions(erasure, ids - noted_among(erasure, WHOLE, ids))
        elif chunk[0].kind == CALLER:
            look_at_calls(erasure, agent_run_ids=ids, now=now)
        elif chunk[0].kind == CALLED_IN:
            look_at_calls(erasure, run_ids=ids, now=now)
        else:
            note_made_again(erasure, chunk[0].kind, ids)
        save_position(erasure, place)


def note_made_again(erasure: Erasure, kind: str, ids: set[str]) -> None:
    rows = things.rows_of(erasure, kind, ids)
    things.mark_buckets(erasure, kind, rows)
    if kind == "draft":
        erasures.add_things(erasure, kind=PAIR, ids=[row.accepted_session_id for row in rows])


def pair_sessions(erasure: Erasure, session_ids: set[str]) -> None:
    with connection.cursor() as cursor:
        batch = empty_batch(cursor, environment=erasure.environment_id, number=folded_before())
        drafts = pair_drafts_of(batch, session_ids)
        decisions = pair_approvals_of(batch, session_ids)
    mark_touched(
        environment=erasure.environment_id,
        buckets=drafts.buckets | decisions.buckets,
        cause=ChangeCause.ERASURE,
    )


def look_at_calls(
    erasure: Erasure, *, agent_run_ids: Collection[str] = (), run_ids: Collection[str] = (), now: datetime
) -> None:
    """Give the calls of these agent runs to whoever made them now, and see which runs they still make known."""
    with connection.cursor() as cursor:
        batch = empty_batch(cursor, environment=erasure.environment_id, number=folded_before())
        calls = own_calls_of(batch, agent_run_ids=agent_run_ids, run_ids=run_ids, now=now)
        touched = read_changes(batch, calls=calls).touched
    mark_touched(environment=erasure.environment_id, buckets=touched, cause=ChangeCause.ERASURE)


def erase_quarantined(erasure: Erasure, now: datetime) -> None:
    after = int(erasure.position.get("after", 0))
    if after < 0:
        finish(erasure, now)
        return
    names = noted_ids(erasure, WHOLE) | {erasure.working_id}
    end, found = erasures.quarantine_step(erasure, after=after, names=names)
    with locked(erasure):
        QuarantinedEvent.objects.filter(pk__in=found).delete()
        add_number(erasure.receipt, "quarantined_events", len(found))
        erasure.save(update_fields=["receipt"])
        save_position(erasure, {"after": end})


def finish(erasure: Erasure, now: datetime) -> None:
    with locked(erasure):
        previews.complete_receipt(erasure)
        erasures.finish(erasure, now=now)
    erasures.empty_log()


Step = Callable[[Erasure, datetime], None]
STEPS: Mapping[ErasureState, Step] = {
    ErasureState.PREVIEWING: previews.preview_step,
    ErasureState.WAITING: begin,
    ErasureState.EVENTS: erase_slice,
    ErasureState.THINGS: treat_things,
    ErasureState.REST: merge_rest,
    ErasureState.PAIRS: pair_again,
    ErasureState.QUARANTINE: erase_quarantined,
}
