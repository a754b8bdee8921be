"""Replays and removals of many quarantined events, in steps: each is one transaction, with the job's progress in it.

A job that was interrupted goes on where its last step ended. Two processes never work on one job at once.
"""

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Max, QuerySet

from audit import trail
from audit.models import Verb
from telemetry.counters import bridge
from telemetry.counters.bridge import Increment
from telemetry.lifecycle.replay import ReplayCounts, replay_rows
from telemetry.models import QuarantinedEvent, QuarantineJob, QuarantineWork

# A step of so many rows is over in some 50 ms, so that no post waits for long on SQLite.
ROWS_PER_STEP = 200
COLUMNS = frozenset({"environment", "code", "event", "source", "client"})
MAX_IDS = 10_000
MOST_COUNTED = 1_000_000

VERBS = {QuarantineWork.REPLAY: Verb.REPLAYED, QuarantineWork.DELETE: Verb.DELETED}
COUNTS = {
    QuarantineWork.REPLAY: ("accepted", "duplicates", "rejected", "not_kept"),
    QuarantineWork.DELETE: ("deleted",),
}

# {"ids": […]}, or values of COLUMNS that the rows have in common; empty: all rows.
Selection = Mapping[str, Any]


class BadSelection(ValueError):
    """A selection that is none. The message says why."""


def selected(selection: Selection) -> QuerySet[QuarantinedEvent]:
    """The waiting rows of a selection: those that no replay stored. Raises BadSelection."""
    waiting = QuarantinedEvent.objects.filter(replayed_at=None)
    if "ids" in selection:
        if len(selection) > 1 or len(selection["ids"]) > MAX_IDS:
            raise BadSelection(f"A selection by id has at most {MAX_IDS} ids and nothing else.")
        return waiting.filter(pk__in=selection["ids"])
    if not COLUMNS.issuperset(selection):
        raise BadSelection(f"Events are selected by {', '.join(sorted(COLUMNS))}, or by their ids.")
    # Indexes: quarantine_waiting for a group, quarantine_environment for a code, the key for all.
    return waiting.filter(**selection)


def request_job(
    *, work: QuarantineWork, selection: Selection, requested_by: str, now: datetime
) -> QuarantineJob:
    """Make a job of the waiting rows that the selection has now. Raises BadSelection."""
    rows = selected(selection)
    newest = rows.aggregate(newest=Max("pk"))["newest"]
    return QuarantineJob.objects.create(
        work=work,
        selection=dict(selection),
        requested_by=requested_by,
        created_at=now,
        last_id=newest or 0,
        expected=rows.values("pk")[:MOST_COUNTED].count(),
        finished_at=None if newest else now,
    )


def work_on_jobs(*, now: datetime, seconds: float) -> None:
    """Work on the open jobs, the oldest first, and begin no step when so many seconds are over. Safe to repeat."""
    deadline = time.monotonic() + seconds
    for job_id in QuarantineJob.objects.filter(finished_at=None).order_by("pk").values_list("pk", flat=True):
        while take_step(job_id, now=now):
            if time.monotonic() >= deadline:
                return


def finish(job: QuarantineJob, *, now: datetime) -> None:
    """Work on a job until it is done."""
    while take_step(job.pk, now=now, wait=True):
        pass
    job.refresh_from_db()


def take_step(job_id: int, *, now: datetime, wait: bool = False) -> bool:
    """Do the next rows of a job, in one transaction. Returns whether there may be more.

    A job that another process works on is left to it, unless `wait` is set.
    """
    with transaction.atomic():
        open_jobs = QuarantineJob.objects.select_for_update(skip_locked=not wait).filter(finished_at=None)
        job = open_jobs.filter(pk=job_id).first()
        if job is None:
            return False
        rows = next_rows(job)
        add_counts(job, do(QuarantineWork(job.work), rows, now=now))
        job.examined += len(rows)
        job.done_id = rows[-1].pk if rows else job.last_id
        job.finished_at = None if len(rows) == ROWS_PER_STEP else now
        job.save()
        if job.finished_at is not None:
            note_end(job)
    return job.finished_at is None


def note_end(job: QuarantineJob) -> None:
    """Note in the audit what became of the events."""
    names = COUNTS[QuarantineWork(job.work)]
    trail.note(
        VERBS[QuarantineWork(job.work)],
        subject=job,
        environment=str(job.selection.get("environment", "")),
        details={name: getattr(job, name) for name in names},
    )


def next_rows(job: QuarantineJob) -> list[QuarantinedEvent]:
    rows = selected(job.selection).filter(pk__gt=job.done_id, pk__lte=job.last_id)
    # Locked: another job may have the same rows, and takes those that this one leaves.
    return list(rows.select_for_update().order_by("pk")[:ROWS_PER_STEP])


def do(work: QuarantineWork, rows: Sequence[QuarantinedEvent], *, now: datetime) -> Mapping[str, int]:
    if work is QuarantineWork.REPLAY:
        return asdict(replay_rows(rows, now=now))
    return {"deleted": delete_rows(rows)}


def add_counts(job: QuarantineJob, counts: Mapping[str, int]) -> None:
    for name, number in counts.items():
        setattr(job, name, getattr(job, name) + number)


def delete_rows(rows: Sequence[QuarantinedEvent]) -> int:
    """Delete the rows. The counts of what was rejected stay as they are."""
    deleted, _ = QuarantinedEvent.objects.filter(pk__in=[row.pk for row in rows]).delete()
    by_environment = Counter(row.environment for row in rows)
    bridge.increase(
        [
            Increment("portal_quarantine_removed_total", environment, (), amount=number)
            for environment, number in sorted(by_environment.items())
        ]
    )
    return deleted


def preview(selection: Selection, *, now: datetime, most: int | None = None) -> ReplayCounts:
    """What a replay of the selection would do now: of all its rows, or of the first `most`. It only reads."""
    total: Counter[str] = Counter()
    ids = list(selected(selection).order_by("pk").values_list("pk", flat=True)[:most])
    for step in batched(ids, ROWS_PER_STEP):
        rows = list(QuarantinedEvent.objects.filter(pk__in=step, replayed_at=None).order_by("pk"))
        total.update(asdict(replay_rows(rows, now=now, dry_run=True)))
    return ReplayCounts(**total)


def batched(ids: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    for start in range(0, len(ids), size):
        yield ids[start : start + size]
