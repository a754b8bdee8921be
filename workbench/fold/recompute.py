"""What the fold recomputes for whole sessions, because it is not a merge: pairing.py on the stored rows."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

from django.db import connection
from django.db.models import Model, Q

from workbench.buckets import Bucket, bucket_of
from workbench.dialect import ColumnType, Dialect
from workbench.fold import pairing
from workbench.fold.batch import Batch
from workbench.fold.changes import DraftChange
from workbench.fold.event_names import (
    APPROVAL_COMPLETED,
    APPROVAL_EVENTS,
    APPROVAL_REQUESTED,
    DRAFT_CREATED,
    quoted,
)
from workbench.models import ApprovalDecision, ApprovalRequest, Draft, DraftCreation

MICROSECOND = timedelta(microseconds=1)


def insert_statements(dialect: Dialect) -> tuple[str, ...]:
    """INSERTs of the batch's rows that pairing reads; each event is one row, once."""
    return (
        f"""
INSERT INTO {DraftCreation._meta.db_table} (event_key, environment, session_id, created_at, source)
SELECT event_key, environment, session_id, occurred_at, coalesce({dialect.text("source")}, '')
FROM fold_batch WHERE event = '{DRAFT_CREATED}' AND draft_id IS NULL
ON CONFLICT DO NOTHING""",
        f"""
INSERT INTO {ApprovalRequest._meta.db_table}
  (event_key, environment, session_id, approval_id, run_id, tool_ids, context_type, requested_at)
SELECT event_key, environment, session_id, coalesce({dialect.text("approvalId")}, ''),
  coalesce({dialect.text("runId")}, ''), {dialect.sorted_list("toolIds")},
  coalesce({dialect.text("contextType")}, ''), occurred_at
FROM fold_batch WHERE event = '{APPROVAL_REQUESTED}'
ON CONFLICT DO NOTHING""",
        f"""
INSERT INTO {ApprovalDecision._meta.db_table}
  (event_key, environment, session_id, approval_id, run_id, tool_ids, approver_hash, approved, decided_at)
SELECT event_key, environment, session_id, coalesce({dialect.text("approvalId")}, ''),
  coalesce({dialect.text("runId")}, ''), {dialect.sorted_list("toolIds")},
  coalesce({dialect.text("approverId")}, ''), {dialect.boolean("approved")}, occurred_at
FROM fold_batch WHERE event = '{APPROVAL_COMPLETED}'
ON CONFLICT DO NOTHING""",
    )


@dataclass(frozen=True, slots=True)
class StoredRequest:
    value: pairing.Request
    decided_at: datetime | None


@dataclass(frozen=True, slots=True)
class StoredDecision:
    value: pairing.Decision
    requested_at: datetime | None
    is_repeat: bool


Stored = TypeVar("Stored", StoredRequest, StoredDecision)


@dataclass
class PairedDecisions:
    """The decisions whose request changed, and the buckets that they count in."""

    event_keys: set[UUID] = field(default_factory=set)
    buckets: set[Bucket] = field(default_factory=set)


@dataclass
class PairedDrafts:
    """The buckets of the drafts whose creation changed, and the durations (microseconds) first known by it."""

    buckets: set[Bucket] = field(default_factory=set)
    durations: list[int] = field(default_factory=list)


def pair_drafts(batch: Batch, *, drafts: Iterable[DraftChange]) -> PairedDrafts:
    """Pairs acceptances with creations without id anew, in the sessions that the batch concerns.

    Those are the sessions of the batch's creations without id, and those in which a draft of the batch was
    accepted, before the merge or after it. Writes what changed.
    """
    session_ids = _sessions_of_creations(batch)
    # A draft that was accepted in another session meanwhile gives its creation back.
    paired_in = {change.session_id for change in drafts if change.is_paired}
    for change in drafts:
        session_ids |= {change.session_id, change.prior_session_id}
    creations = _creations(batch, session_ids - {""})
    changed = PairedDrafts()
    updates: list[tuple[Any, ...]] = []
    for session_id, accepted in _accepted_drafts(batch, paired_in.union(creations) - {""}).items():
        paired = pairing.pair_creations(
            acceptances=_acceptances(accepted), creations=creations.get(session_id, [])
        )
        for draft in accepted:
            creation = paired.get(draft.draft_id)
            if (draft.paired_created_at, draft.paired_source) != _creation_of(creation):
                updates.append(_paired(draft, creation, number=batch.number, changed=changed))
    _update(
        batch,
        Draft,
        key=("id", "bigint"),
        columns={"paired_created_at": "timestamptz", "paired_source": "text", "observed_in": "bigint"},
        rows=updates,
    )
    return changed


def _sessions_of_creations(batch: Batch) -> set[str]:
    rows = batch.rows(
        f"SELECT DISTINCT session_id FROM fold_batch WHERE event = '{DRAFT_CREATED}' AND draft_id IS NULL"
    )
    return {session_id for (session_id,) in rows}


def _acceptances(drafts: Iterable[Draft]) -> list[pairing.Acceptance]:
    return [
        pairing.Acceptance(accepted_at=draft.accepted_at, draft_id=draft.draft_id)
        for draft in drafts
        if draft.accepted_at and draft.created_at is None
    ]


def _creation_of(creation: pairing.Creation | None) -> tuple[datetime | None, str]:
    return (creation.created_at, creation.source) if creation else (None, "")


def _paired(
    draft: Draft, creation: pairing.Creation | None, *, number: int, changed: PairedDrafts
) -> tuple[Any, ...]:
    """The parameters of the draft's update; notes what changes by it."""
    created_at, source = _creation_of(creation)
    observed_in = draft.observed_in
    if draft.accepted_at:
        changed.buckets.add(bucket_of(draft.accepted_at))
        if created_at and not observed_in:
            observed_in = number
            changed.durations.append((draft.accepted_at - created_at) // MICROSECOND)
    return (_moment(created_at), source, observed_in, draft.pk)


def _creations(batch: Batch, session_ids: Collection[str]) -> defaultdict[str, list[pairing.Creation]]:
    creations: defaultdict[str, list[pairing.Creation]] = defaultdict(list)
    rows = DraftCreation.objects.filter(
        environment=batch.environment, session_id__in=batch.dialect.listed(session_ids)
    )
    for row in rows.values_list("session_id", "created_at", "event_key", "source"):
        creations[row[0]].append(pairing.Creation(*row[1:]))
    return creations


def _accepted_drafts(batch: Batch, session_ids: Collection[str]) -> dict[str, list[Draft]]:
    """Session to the drafts accepted in it."""
    drafts: dict[str, list[Draft]] = defaultdict(list)
    if not session_ids:
        return drafts
    # The index of accepting sessions leaves the empty ones out.
    accepted = Draft.objects.exclude(accepted_session_id="").filter(
        environment=batch.environment, accepted_session_id__in=batch.dialect.listed(session_ids)
    )
    for draft in accepted.only(
        "draft_id",
        "accepted_session_id",
        "accepted_at",
        "created_at",
        "paired_created_at",
        "paired_source",
        "observed_in",
    ):
        drafts[draft.accepted_session_id].append(draft)
    return drafts


def pair_approvals(batch: Batch) -> PairedDecisions:
    """Pairs the approvals of the batch's sessions anew, and of all that share an approvalId with the batch.

    Writes what changed; returns the decisions that did.
    """
    session_ids = _sessions_with_approvals(batch)
    changed = PairedDecisions()
    if not session_ids:
        return changed
    requests, decisions = _approvals(batch, session_ids)
    approvals = pairing.pair_approvals(
        requests=[stored.value for stored in requests], decisions=[stored.value for stored in decisions]
    )
    own_requests = [stored for stored in requests if stored.value.session_id in session_ids]
    own_decisions = [stored for stored in decisions if stored.value.session_id in session_ids]
    for decision in _write_decisions(batch, own_decisions, approvals=approvals):
        changed.event_keys.add(decision.event_key)
        changed.buckets.add(bucket_of(decision.decided_at))
    _write_requests(
        batch, own_requests, decisions=[stored.value for stored in decisions], approvals=approvals
    )
    return changed


def _sessions_with_approvals(batch: Batch) -> set[str]:
    """The sessions of the batch's approvals, and those that share an approvalId with them."""
    rows = batch.rows(
        f"SELECT DISTINCT session_id, {batch.dialect.text('approvalId')} FROM fold_batch"
        f" WHERE event IN ({quoted(APPROVAL_EVENTS)})"
    )
    session_ids = {session_id for session_id, _ in rows}
    approval_ids = {approval_id for _, approval_id in rows if approval_id}
    for model in (ApprovalRequest, ApprovalDecision):
        shared = model._default_manager.filter(_with_approval_id(batch, approval_ids))
        session_ids.update(shared.values_list("session_id", flat=True))
    return session_ids


def _with_approval_id(batch: Batch, approval_ids: Collection[str]) -> Q:
    # The index of approvalIds leaves the empty ones out.
    is_one = Q(environment=batch.environment, approval_id__in=batch.dialect.listed(approval_ids))
    return is_one & ~Q(approval_id="")


def _approvals(
    batch: Batch, session_ids: Collection[str]
) -> tuple[list[StoredRequest], list[StoredDecision]]:
    """All of the sessions, then all of other sessions that have an approvalId of theirs."""
    in_sessions = Q(environment=batch.environment, session_id__in=batch.dialect.listed(session_ids))
    requests, decisions = _stored_requests(in_sessions), _stored_decisions(in_sessions)
    approval_ids = {stored.value.approval_id for stored in requests}
    approval_ids |= {stored.value.approval_id for stored in decisions}
    shared = _with_approval_id(batch, approval_ids - {""})
    requests += _elsewhere(_stored_requests(shared), session_ids)
    decisions += _elsewhere(_stored_decisions(shared), session_ids)
    return requests, decisions


def _elsewhere(stored: Iterable[Stored], session_ids: Collection[str]) -> list[Stored]:
    return [one for one in stored if one.value.session_id not in session_ids]


def _stored_requests(condition: Q) -> list[StoredRequest]:
    rows = ApprovalRequest.objects.filter(condition).values_list(
        "event_key", "session_id", "approval_id", "tool_ids", "requested_at", "decided_at"
    )
    return [StoredRequest(pairing.Request(*row[:5]), decided_at=row[5]) for row in rows]


def _stored_decisions(condition: Q) -> list[StoredDecision]:
    rows = ApprovalDecision.objects.filter(condition).values_list(
        "event_key", "session_id", "approval_id", "tool_ids", "decided_at", "requested_at", "is_repeat"
    )
    return [StoredDecision(pairing.Decision(*row[:5]), requested_at=row[5], is_repeat=row[6]) for row in rows]


def _write_decisions(
    batch: Batch, decisions: Iterable[StoredDecision], *, approvals: pairing.Approvals
) -> list[pairing.Decision]:
    """Writes what changed; returns the decisions that did."""
    changed = []
    updates = []
    for stored in decisions:
        key = stored.value.event_key
        request = approvals.answered.get(key)
        requested_at = request.requested_at if request else None
        is_repeat = key in approvals.repeats
        if (stored.requested_at, stored.is_repeat) != (requested_at, is_repeat):
            updates.append((_moment(requested_at), is_repeat, _key(key)))
            changed.append(stored.value)
    columns: dict[str, ColumnType] = {"requested_at": "timestamptz", "is_repeat": "boolean"}
    _update(batch, ApprovalDecision, key=("event_key", "uuid"), columns=columns, rows=updates)
    return changed


def _write_requests(
    batch: Batch,
    requests: Iterable[StoredRequest],
    *,
    decisions: Iterable[pairing.Decision],
    approvals: pairing.Approvals,
) -> None:
    decided_at = {
        approvals.answered[decision.event_key].event_key: decision.decided_at
        for decision in decisions
        if decision.event_key in approvals.answered
    }
    updates = [
        (_moment(decided_at.get(stored.value.event_key)), _key(stored.value.event_key))
        for stored in requests
        if stored.decided_at != decided_at.get(stored.value.event_key)
    ]
    columns: dict[str, ColumnType] = {"decided_at": "timestamptz"}
    _update(batch, ApprovalRequest, key=("event_key", "uuid"), columns=columns, rows=updates)


def _moment(value: datetime | None) -> Any:
    return connection.ops.adapt_datetimefield_value(value)


def _key(value: UUID) -> Any:
    return value if connection.features.has_native_uuid_field else value.hex


def _update(
    batch: Batch,
    model: type[Model],
    *,
    key: tuple[str, ColumnType],
    columns: Mapping[str, ColumnType],
    rows: Sequence[tuple[Any, ...]],
) -> None:
    # Measured: one UPDATE of many CASEs (bulk_update) costs four times as much.
    statement = batch.dialect.update_many(model._meta.db_table, key=key, columns=columns)
    batch.dialect.update_rows(batch.cursor, statement, rows)
