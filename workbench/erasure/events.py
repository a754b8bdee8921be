"""Erases a subject's raw events, and takes them out of the event counts."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from typing import Any

from django.db import connection
from django.db.models import Q

from telemetry.lifecycle.erasure import add_things, delete_events
from telemetry.models import Erasure, ErasureMode, RawEvent, SpanLink
from workbench.buckets import Bucket, bucket_of, bucket_start, mark_touched
from workbench.erasure.receipts import add_days, add_to
from workbench.erasure.selection import CALLED_IN, CALLER, PAIR, PART, WHOLE, noted_among
from workbench.fold.event_names import (
    AGENT_EVENTS,
    APPROVAL_EVENTS,
    DRAFT_CREATED,
    DRAFT_EVENTS,
    EVENTS_OF_RUNS,
    MAINTENANCE_CHANGED,
    MODEL_CALLED,
    STAGED_EVENTS,
    STREAM_EVENTS,
    WORKER_CHANGED,
)
from workbench.models import (
    ApprovalDecision,
    ApprovalRequest,
    AppServerState,
    AppServerStream,
    ChangeCause,
    DraftCreation,
    EventCount,
    LinkKind,
    ModelCall,
)

MAX_VARIANT_LENGTH = 32
STATE_EVENTS = (WORKER_CHANGED, MAINTENANCE_CHANGED)
APPROVALS: tuple[type[ApprovalRequest] | type[ApprovalDecision], ...] = (ApprovalRequest, ApprovalDecision)
# Rows that are one event each.
SINGLE_ROWS = (*APPROVALS, DraftCreation, ModelCall)
SINGLE_ROW_EVENTS = (*APPROVAL_EVENTS, DRAFT_CREATED, MODEL_CALLED)
# Which property names the thing that an event changes.
CHANGED_THINGS = (
    (LinkKind.DRAFT.value, "draftId", DRAFT_EVENTS),
    (LinkKind.RUN.value, "runId", EVENTS_OF_RUNS),
    (LinkKind.AGENT_RUN.value, "agentRunId", AGENT_EVENTS),
)


def erase_events(erasure: Erasure, events: Collection[RawEvent]) -> None:
    """Delete the events and what each of them alone made, in the caller's transaction. Safe to repeat.

    With ErasureMode.REMOVE they leave the event counts too. What they were merged into is noted for later.
    """
    gone = delete_events(events)
    add_to(erasure.receipt, "raw_events", Counter(event.event for event in gone))
    add_days(erasure.receipt, (event.day for event in gone))
    forget_app_servers(gone, environment=erasure.environment_id)
    note_things(erasure, gone)
    if erasure.mode == ErasureMode.REMOVE:
        take_out_of_counts(gone, environment=erasure.environment_id)
        keys = [event.event_key for event in gone if event.event in SINGLE_ROW_EVENTS]
        if keys:
            remove_single_rows(erasure, Q(event_key__in=keys))
    erasure.save(update_fields=["receipt"])


def forget_app_servers(events: Iterable[RawEvent], *, environment: str) -> None:
    """Delete the streams that the events speak of, and whose states of workers they report: what a gauge counts."""
    events = list(events)
    streams = {event.properties.get("streamId", "") for event in events if event.event in STREAM_EVENTS}
    AppServerStream.objects.filter(environment=environment, stream_id__in=streams).delete()
    sessions = {event.session_id for event in events if event.event in STATE_EVENTS}
    AppServerState.objects.filter(environment=environment, session_id__in=sessions).update(session_id="")


def note_things(erasure: Erasure, events: Collection[RawEvent]) -> None:
    """Note what the events were merged into."""
    ids: defaultdict[str, set[str]] = defaultdict(set)
    # What whole sessions are linked with is noted from the start.
    whole = noted_among(erasure, WHOLE, {event.session_id for event in events})
    for event in events:
        if event.event not in STAGED_EVENTS or event.session_id in whole:
            continue
        # The session's own row, and which things it is linked with.
        ids[PART].add(event.session_id)
        for kind, name, names_of_events in CHANGED_THINGS:
            if event.event in names_of_events:
                ids[kind].add(event.properties.get(name, ""))
    for kind, noted in ids.items():
        add_things(erasure, kind=kind, ids=noted)


TAKE_OUT = f"""
UPDATE {EventCount._meta.db_table} SET events = events - %s
WHERE environment = %s AND bucket_start = %s AND event = %s AND variant = %s"""
DROP_EMPTY = f"""
DELETE FROM {EventCount._meta.db_table}
WHERE bucket_start BETWEEN %s AND %s AND environment = %s AND events <= 0"""


def take_out_of_counts(events: Iterable[RawEvent], *, environment: str) -> None:
    """Take folded events out of the event counts, and mark their buckets."""
    totals: Counter[tuple[Bucket, str, str]] = Counter(
        (bucket_of(event.occurred_at), event.event, variant_of(event.properties)) for event in events
    )
    if not totals:
        return
    adapt = connection.ops.adapt_datetimefield_value
    # In the order of their buckets.
    rows = [
        (count, environment, adapt(bucket_start(bucket)), event, variant)
        for (bucket, event, variant), count in sorted(totals.items())
    ]
    with connection.cursor() as cursor:
        # Index of both: event_count_unique (bucket_start, event, variant, environment).
        cursor.executemany(TAKE_OUT, rows)
        cursor.execute(DROP_EMPTY, [rows[0][2], rows[-1][2], environment])
    mark_touched(
        environment=environment, buckets={bucket for bucket, _, _ in totals}, cause=ChangeCause.ERASURE
    )


def variant_of(properties: dict[str, Any]) -> str:
    """The variant under which an event is counted (see fold/tally.py)."""
    return str(properties.get("source") or "")[:MAX_VARIANT_LENGTH]


def remove_single_rows(erasure: Erasure, condition: Q) -> None:
    """Delete the approvals, creations without id and model calls that meet the condition; note what to pair again.

    Each of them is one event.
    """
    is_here = Q(environment=erasure.environment_id) & condition
    decisions = list(ApprovalDecision.objects.filter(is_here))
    requests = list(ApprovalRequest.objects.filter(is_here))
    creations = DraftCreation.objects.filter(is_here).values_list("session_id", flat=True)
    mark_touched(
        environment=erasure.environment_id,
        buckets={bucket_of(row.decided_at) for row in decisions},
        cause=ChangeCause.ERASURE,
    )
    rows: list[ApprovalDecision | ApprovalRequest] = [*decisions, *requests]
    sessions = {row.session_id for row in rows} | set(creations)
    approvals = {row.approval_id for row in rows} - {""}
    for approval_model in APPROVALS if approvals else ():
        shared = approval_model._default_manager.filter(
            environment=erasure.environment_id, approval_id__in=approvals
        )
        sessions.update(shared.values_list("session_id", flat=True))
    note_calls(erasure, list(ModelCall.objects.filter(is_here)))
    for model in SINGLE_ROWS:
        deleted = model._default_manager.filter(is_here)._raw_delete("default")
        add_to(erasure.receipt, "rows", {model._meta.verbose_name: deleted})
    add_things(erasure, kind=PAIR, ids=sessions)


def note_calls(erasure: Erasure, calls: Collection[ModelCall]) -> None:
    """Note what model calls that go are counted in, mark their buckets, and forget the ways through their traces."""
    mark_touched(
        environment=erasure.environment_id,
        buckets={bucket_of(call.called_at) for call in calls},
        cause=ChangeCause.ERASURE,
    )
    add_things(erasure, kind=CALLER, ids={call.owner_id for call in calls} - {""})
    add_things(erasure, kind=CALLED_IN, ids={call.run_id for call in calls} - {""})
    forget_links(erasure, {call.trace_id for call in calls})


def forget_links(erasure: Erasure, trace_ids: Collection[str]) -> None:
    # Index: span_link_unique (trace_id, …).
    links = SpanLink.objects.filter(environment=erasure.environment_id, trace_id__in=trace_ids)
    links._raw_delete("default")
