"""What an erasure would remove, before it is confirmed; and what its receipt adds at the end. Numbers only."""

from collections import Counter
from datetime import UTC, date, datetime
from typing import Any

from django.db import transaction

from telemetry.lifecycle.erasure import lock_environment, quarantine_step, read_events
from telemetry.lifecycle.raw_scan import next_slice
from telemetry.lifecycle.retention.rules import read_holds
from telemetry.models import Environment, Erasure, ErasureMode, ErasureState
from web.moments import rfc3339
from workbench.buckets import bucket_of
from workbench.erasure.events import SINGLE_ROWS, note_things
from workbench.erasure.receipts import add_days, add_number, add_to
from workbench.erasure.selection import WHOLE, choose_things, noted_ids, shared_ids, subject_condition
from workbench.erasure.things import TABLES
from workbench.fold.pending import fold_environment
from workbench.models import ApprovalDecision, LinkKind, Session, SessionLink


def preview_step(erasure: Erasure, now: datetime) -> None:
    """Count the next part of what would go. It removes nothing. First it folds what waits, to count that too."""
    stage = erasure.position.get("stage", "events")
    if not erasure.position:
        fold_environment(environment=erasure.environment_id, now=now)
        choose_things(erasure)
    if stage == "events":
        _count_events(erasure)
    elif stage == "quarantine":
        _count_quarantined(erasure)
    with transaction.atomic():
        lock_environment(erasure.environment_id)
        if erasure.state == ErasureState.PREVIEWED:
            _count_things(erasure)
            complete_report(erasure, erasure.preview)
            _count_holds(erasure, today=now.astimezone(UTC).date())
            erasure.things.all().delete()
        # Somebody may have discarded it meanwhile.
        Erasure.objects.filter(pk=erasure.pk, state=ErasureState.PREVIEWING).update(
            state=erasure.state, position=erasure.position, preview=erasure.preview
        )


def _count_events(erasure: Erasure) -> None:
    part = next_slice(erasure.position)
    if part is None:
        erasure.position = {"stage": "quarantine", "after": 0}
        return
    condition, parameters = subject_condition(erasure)
    events = read_events(part, environment=erasure.environment_id, condition=condition, parameters=parameters)
    add_to(erasure.preview, "raw_events", Counter(event.event for event in events))
    add_to(erasure.preview, "raw_events_by_day", Counter(event.day.isoformat() for event in events))
    add_days(erasure.preview, (event.day for event in events))
    if erasure.mode == ErasureMode.REMOVE:
        add_to(
            erasure.preview, "buckets", dict.fromkeys((bucket_of(event.occurred_at) for event in events), 1)
        )
    note_things(erasure, events)
    erasure.position = {"stage": "events", **part.next_position()}


def _count_quarantined(erasure: Erasure) -> None:
    names = noted_ids(erasure, WHOLE) | {erasure.working_id}
    end, found = quarantine_step(erasure, after=erasure.position["after"], names=names)
    add_number(erasure.preview, "quarantined_events", len(found))
    erasure.position = {"stage": "quarantine", "after": end}
    if end < 0:
        erasure.state, erasure.position = ErasureState.PREVIEWED, {}


def _count_things(erasure: Erasure) -> None:
    whole = noted_ids(erasure, WHOLE)
    in_sessions: dict[str, Any] = {"environment": erasure.environment_id, "session_id__in": whole}
    rows: dict[str, int] = {"session": Session.objects.filter(**in_sessions).count()}
    shared: dict[str, int] = {}
    for kind, table in TABLES.items():
        if table.model is Session:
            continue
        ids = noted_ids(erasure, kind)
        own = ids - shared_ids(erasure, kind, ids)
        stored = {"environment": erasure.environment_id, f"{table.id_column}__in": ids}
        count = table.model._default_manager.filter(**stored).count()
        own_count = table.model._default_manager.filter(
            environment=erasure.environment_id, **{f"{table.id_column}__in": own}
        ).count()
        rows[str(table.model._meta.verbose_name)] = own_count
        shared[str(table.model._meta.verbose_name)] = count - own_count
    for model in SINGLE_ROWS:
        rows[str(model._meta.verbose_name)] = model._default_manager.filter(**in_sessions).count()
    decided = SessionLink.objects.filter(
        environment=erasure.environment_id, kind=LinkKind.APPROVER, thing_id=erasure.working_id
    ).values("session_id")
    elsewhere = ApprovalDecision.objects.filter(
        environment=erasure.environment_id, session_id__in=decided, approver_hash=erasure.working_id
    ).exclude(session_id__in=whole)
    rows["approval decision"] += elsewhere.count()
    add_to(erasure.preview, "rows", rows)
    add_to(erasure.preview, "shared_with_others", shared)


def _count_holds(erasure: Erasure, *, today: date) -> None:
    """Holds stop retention and no erasure. Who confirms one should know that somebody wants the data kept."""
    days = erasure.preview
    if "first_day" not in days:
        return
    first, last = date.fromisoformat(days["first_day"]), date.fromisoformat(days["last_day"])
    holds = [
        hold
        for hold in read_holds(today)
        if hold.covers(environment=erasure.environment_id, first=first, last=last)
    ]
    if holds:
        erasure.preview["holds"] = len(holds)


def complete_report(erasure: Erasure, report: dict[str, Any]) -> None:
    """Totals, and what cannot be taken out because raw events are gone."""
    report["raw_events_total"] = sum(report.get("raw_events", {}).values())
    report["buckets"] = len(report.get("buckets", {}))
    kept_from = Environment.objects.values_list("raw_kept_from", flat=True).get(name=erasure.environment_id)
    if kept_from is not None and erasure.mode == ErasureMode.REMOVE:
        report["event_counts_kept_before"] = rfc3339(kept_from)


def complete_receipt(erasure: Erasure) -> None:
    report = erasure.receipt
    report["raw_events_total"] = sum(report.get("raw_events", {}).values())
    report.pop("made_again", None)
    kept_from = Environment.objects.values_list("raw_kept_from", flat=True).get(name=erasure.environment_id)
    if kept_from is not None and erasure.mode == ErasureMode.REMOVE:
        report["event_counts_kept_before"] = rfc3339(kept_from)
