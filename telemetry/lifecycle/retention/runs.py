"""A run of retention: opened once, carried on by any process step by step, and resumed after a kill.

Each step is one transaction that locks the run's row, removes a bounded number of rows (or one partition), and adds
them to the report. So of two processes one steps, and what a killed one had not committed is done by the next.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from types import MappingProxyType
from typing import Any

from django.db import IntegrityError, OperationalError, connection, transaction
from django.db.models import Max, Min

from audit import trail
from audit.models import Verb
from telemetry.lifecycle.retention import audit_entries, ledger, raw_events, rows
from telemetry.lifecycle.retention.raw_events import EventGroup, SurveyedDay
from telemetry.lifecycle.retention.reports import RemovedRows, record
from telemetry.lifecycle.retention.rows import NotSettled
from telemetry.lifecycle.retention.rules import RetentionRules, check_before, read_rules, rules_for_once
from telemetry.lifecycle.retention.subjects import tables_of
from telemetry.models import Environment, RetentionPolicy, RetentionRun, RetentionSubject, RunStatus

NIGHTLY = "schedule"
# The first hour (UTC) of the day in which the schedule opens a run.
NIGHTLY_HOUR = 2
# What `prune --before` removes: events, and no things, from which KPIs are computed.
ONCE_SUBJECTS = (RetentionSubject.RAW_EVENTS, RetentionSubject.QUARANTINE)
# A run that nobody carried on for so long was interrupted.
BREAK = timedelta(minutes=1)
DAY = timedelta(days=1)


# lock_not_available, deadlock_detected
LOCK_CONFLICTS = {"55P03", "40P01"}


class RunIsOpen(Exception):
    """There is a run that has not finished; it goes on by itself."""


class StepTaken(Exception):
    """Another process took this step."""


class NoSuchEnvironment(ValueError):
    """No key was ever made in an environment of that name."""


def open_run(*, now: datetime, requested_by: str) -> RetentionRun:
    """Open a run of all policies in force; whoever calls `carry_on` works on it. Raises RunIsOpen."""
    today = now.astimezone(UTC).date()
    subjects = read_rules(today=today).subjects()
    return create_run(now=now, requested_by=requested_by, subjects=subjects)


def open_once(*, environment: str, before: date, now: datetime, requested_by: str) -> RetentionRun:
    """Open a run that removes the environment's raw events and quarantine of the UTC days before `before`.

    Policies do not count, holds do. Raises PolicyTooShort within the late window, NoSuchEnvironment, and RunIsOpen.
    """
    check_once(environment=environment, before=before, today=now.astimezone(UTC).date())
    return create_run(
        now=now,
        requested_by=requested_by,
        subjects=list(ONCE_SUBJECTS),
        environment=environment,
        before=before,
    )


def check_once(*, environment: str, before: date, today: date) -> None:
    check_before(before, today=today)
    if not Environment.objects.filter(name=environment).exists():
        raise NoSuchEnvironment(f"There is no environment {environment!r}.")


def create_run(*, now: datetime, requested_by: str, subjects: Sequence[str], **once: Any) -> RetentionRun:
    try:
        # A savepoint, so that a caller's transaction outlives the refusal.
        with transaction.atomic():
            return RetentionRun.objects.create(
                requested_by=requested_by,
                started_at=now,
                stepped_at=now,
                today=now.astimezone(UTC).date(),
                subjects=list(subjects),
                **once,
            )
    except IntegrityError as error:
        raise RunIsOpen("A run of retention has not finished yet; it goes on by itself.") from error


def open_nightly(*, now: datetime) -> RetentionRun | None:
    """Open the run of the UTC day of `now`, once NIGHTLY_HOUR has come; None where it is not due. Safe to repeat."""
    day = now.astimezone(UTC).date()
    is_done = RetentionRun.objects.filter(requested_by=NIGHTLY, today__gte=day).exists()
    if is_done or now.astimezone(UTC).hour < NIGHTLY_HOUR or not read_rules(today=day).keep:
        return None
    try:
        return open_run(now=now, requested_by=NIGHTLY)
    except RunIsOpen:
        return None


def next_nightly(*, now: datetime) -> datetime | None:
    """When the schedule opens its next run, in UTC; not after `now` where it is due. None: there is no policy."""
    moment = now.astimezone(UTC)
    if not RetentionPolicy.objects.filter(is_enabled=True).exists():
        return None
    opens_at = moment.replace(hour=NIGHTLY_HOUR, minute=0, second=0, microsecond=0)
    is_done = RetentionRun.objects.filter(requested_by=NIGHTLY, today__gte=moment.date()).exists()
    return opens_at + DAY if is_done else opens_at


def seconds_behind(*, now: datetime) -> float:
    """How long ago a run of the policies should have finished: a day after the start of the newest that did.

    0 where none is due, or there is no policy. A new policy has a day.
    """
    policies = RetentionPolicy.objects.filter(is_enabled=True)
    oldest: datetime | None = policies.aggregate(oldest=Min("created_at"))["oldest"]
    if oldest is None:
        return 0.0
    done = RetentionRun.objects.filter(status=RunStatus.FINISHED, before=None)
    newest: datetime | None = done.aggregate(newest=Max("started_at"))["newest"]
    return max((now - (newest or oldest)).total_seconds() - DAY.total_seconds(), 0.0)


def carry_on(*, now: datetime, seconds: float, pause: Callable[[float], None] = time.sleep) -> bool:
    """Take steps of the open run for about so many seconds; False when no run is open any longer.

    Safe to repeat and to run twice at once. It pauses after each step for twice as long as that took: posts need the
    processor and the disk too, and on SQLite the lock.
    """
    until = time.monotonic() + seconds
    surveyed = SurveyedDay()
    while True:
        run = RetentionRun.objects.filter(status=RunStatus.RUNNING).first()
        if run is None:
            return False
        began_at = time.monotonic()
        has_moved = try_step(run, now=now, surveyed=surveyed)
        took = time.monotonic() - began_at
        if time.monotonic() >= until:
            return True
        pause(max(2 * took, 0.02 if connection.vendor == "sqlite" or not has_moved else 0.0))


def try_step(run: RetentionRun, *, now: datetime, surveyed: SurveyedDay) -> bool:
    """One step; False where it is to be repeated, because others hold what it needs.

    Whatever else it raises ends the run as failed. The next run finds what this one left.
    """
    try:
        take_step(run, now=now, surveyed=surveyed)
    except (NotSettled, StepTaken):
        return False
    except Exception as error:
        if is_lock_conflict(error):
            return False
        end_run(run, status=RunStatus.FAILED, now=now, fault=type(error).__name__)
        raise
    return True


def is_lock_conflict(error: Exception) -> bool:
    """Whether a lock was not to be had in time."""
    if not isinstance(error, OperationalError):
        return False
    sqlstate = getattr(error.__cause__, "sqlstate", None)
    return sqlstate in LOCK_CONFLICTS or "database is locked" in str(error)


def take_step(run: RetentionRun, *, now: datetime, surveyed: SurveyedDay) -> None:
    if not run.subjects:
        end_run(run, status=RunStatus.FINISHED, now=now, stepped_at=now)
        return
    rules = rules_of(run)
    if run.subjects[0] == RetentionSubject.RAW_EVENTS:
        step_raw_events(run, now=now, rules=rules, surveyed=surveyed)
    else:
        STEPS.get(run.subjects[0], step_rows)(run, now=now, rules=rules)


def end_run(run: RetentionRun, *, status: RunStatus, now: datetime, **fields: Any) -> None:
    """End the run, and note in the audit what it removed. Of two processes one does it."""
    with transaction.atomic():
        own = RetentionRun.objects.filter(pk=run.pk, status=RunStatus.RUNNING)
        if own.update(status=status, finished_at=now, **fields):
            run.refresh_from_db()
            trail.note(
                Verb.PRUNED,
                subject=run,
                details={"status": run.status, "rows": run.rows, "bytes": run.bytes, "steps": run.steps},
            )


def rules_of(run: RetentionRun) -> RetentionRules:
    """The policies and holds as they are now, counted back from the run's day."""
    if run.before is None:
        return read_rules(today=run.today)
    return rules_for_once(
        environment=run.environment, before=run.before, subjects=ONCE_SUBJECTS, today=run.today
    )


@contextmanager
def locked(run: RetentionRun, *, now: datetime) -> Iterator[None]:
    """A transaction that only one process has for this step of the run. Raises StepTaken for the others."""
    with transaction.atomic():
        own = RetentionRun.objects.filter(pk=run.pk, status=RunStatus.RUNNING)
        stored = own.select_for_update(skip_locked=True).first()
        if stored is None or (stored.subjects, stored.position) != (run.subjects, run.position):
            raise StepTaken
        own.update(stepped_at=now, resumed=stored.resumed + int(now - stored.stepped_at > BREAK))
        yield


def move(run: RetentionRun, *, now: datetime, to: str) -> None:
    """Go on at another position, where nothing was due."""
    with locked(run, now=now):
        RetentionRun.objects.filter(pk=run.pk).update(position=to)


def move_to_next_subject(run: RetentionRun, *, now: datetime) -> None:
    with locked(run, now=now):
        RetentionRun.objects.filter(pk=run.pk).update(subjects=run.subjects[1:], position="")


def step_raw_events(
    run: RetentionRun, *, now: datetime, rules: RetentionRules, surveyed: SurveyedDay
) -> None:
    """Drops a day, or deletes some of its rows. The position is the last day that is done."""
    began_at = time.perf_counter()
    raw_events.drop_detached()
    latest = rules.latest_cut(RetentionSubject.RAW_EVENTS)
    day = latest and raw_events.next_day(day_of(run.position), before=latest)
    if day is None:
        move_to_next_subject(run, now=now)
        return
    groups = surveyed.groups_of(day)
    due = raw_events.due_groups(groups, day=day, rules=rules)
    raw_events.announce(due, day=day)
    if raw_events.has_partition(day) and len(due) == len(groups):
        try:
            drop_day(run, day, now=now, began_at=began_at)
        except NotSettled:
            surveyed.forget()
            raise
    elif due:
        raw_events.wait_for_posts()
        if not delete_of_day(run, day, groups=due, now=now, began_at=began_at):
            surveyed.forget()
    else:
        move(run, now=now, to=day.isoformat())


def day_of(position: str) -> date | None:
    return date.fromisoformat(position) if position else None


def drop_day(run: RetentionRun, day: date, *, now: datetime, began_at: float) -> None:
    with locked(run, now=now):
        raw_events.lock_day(day)
        # Read again under the lock: what is counted is what is dropped.
        groups = raw_events.survey(day)
        due = raw_events.due_groups(groups, day=day, rules=rules_of(run))
        if len(due) < len(groups) or not raw_events.is_announced(groups, day=day):
            raise NotSettled(f"{day} has raw events that are not due")
        removed = [group.removed_from(day) for group in groups]
        record_step(run, removed=removed, began_at=began_at, position=day.isoformat())
        raw_events.detach_partition(day)
    raw_events.drop_detached()


def delete_of_day(
    run: RetentionRun, day: date, *, groups: Sequence[EventGroup], now: datetime, began_at: float
) -> bool:
    """Delete some rows of the groups; says whether there may be others."""
    rows = raw_events.next_rows(groups, day=day)
    with locked(run, now=now):
        # By the rules as they are now. The day is not read again: on SQLite all posts wait for this transaction.
        still_due = raw_events.due_groups(groups, day=day, rules=rules_of(run))
        is_as_before = len(still_due) == len(groups)
        removed, is_through = raw_events.delete_rows(rows) if is_as_before else ([], False)
        record_step(run, removed=removed, began_at=began_at, position=run.position)
    return not (is_through and rows.are_last)


def record_step(run: RetentionRun, *, removed: Sequence[RemovedRows], began_at: float, position: str) -> None:
    record(
        run=run,
        subject=run.subjects[0],
        removed=removed,
        seconds=time.perf_counter() - began_at,
        position=position,
    )


def step_rows(run: RetentionRun, *, now: datetime, rules: RetentionRules) -> None:
    """Removes what is due in a range of a table's keys. The position is the table's index and the last key."""
    began_at = time.perf_counter()
    tables = tables_of(run.subjects[0])
    index, _, key = (run.position or "0:").partition(":")
    if int(index) >= len(tables):
        move_to_next_subject(run, now=now)
        return
    table = tables[int(index)]
    keys = rows.next_range(table, after=table.model._meta.pk.to_python(key) if key else None, rules=rules)
    if keys is None:
        move(run, now=now, to=f"{int(index) + 1}:")
        return
    due = rows.due_rows(table, keys=keys, rules=rules)
    if not due:
        move(run, now=now, to=f"{index}:{keys.last}")
        return
    rows.announce(table, due)
    with locked(run, now=now):
        removed, last = rows.delete_due(table, keys=keys, found=due, rules=rules_of(run))
        record_step(run, removed=removed, began_at=began_at, position=f"{index}:{last}")


def step_ledger(run: RetentionRun, *, now: datetime, rules: RetentionRules) -> None:
    """Sums up the hours of a day. The position is the last day that is done."""
    began_at = time.perf_counter()
    day = ledger.next_day(day_of(run.position), rules=rules)
    if day is None:
        move_to_next_subject(run, now=now)
        return
    with locked(run, now=now):
        removed = ledger.sum_up(day, rules=rules_of(run))
        record_step(run, removed=removed, began_at=began_at, position=day.isoformat())


def step_audit(run: RetentionRun, *, now: datetime, rules: RetentionRules) -> None:
    """Removes the oldest entries, then rows as `step_rows` does. The position is empty while there are entries."""
    began_at = time.perf_counter()
    moment = audit_entries.due_before(rules)
    if run.position:
        step_rows(run, now=now, rules=rules)
    elif moment is None or not trail.count_before(moment):
        move(run, now=now, to="0:")
    else:
        with locked(run, now=now):
            # By the holds as they are now.
            moment = audit_entries.due_before(rules_of(run))
            removed = audit_entries.delete_oldest(moment) if moment else []
            record_step(run, removed=removed, began_at=began_at, position="")


STEPS: Mapping[str, Callable[..., None]] = MappingProxyType(
    {
        RetentionSubject.LEDGER: step_ledger,
        RetentionSubject.AUDIT: step_audit,
    }
)
