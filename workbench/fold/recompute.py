"""What the fold recomputes for whole sessions, because it is not a merge: pairing.py on the stored rows."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import starmap
from typing import Any, NamedTuple
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
    sql_list,
)
from workbench.models import ApprovalDecision, ApprovalRequest, Draft, DraftCreation

MICROSECOND = timedelta(microseconds=1)


def insert_statements(dialect: Dialect) -> tuple[str, ...]:
    """The INSERTs of the rows that pairing reads: each event is one row, however often it is folded."""
    return (
        insert_draft_creations(dialect),
        insert_approval_requests(dialect),
        insert_approval_decisions(dialect),
    )


def insert_draft_creations(dialect: Dialect) -> str:
    return f"""
INSERT INTO {DraftCreation._meta.db_table} (event_key, environment, session_id, created_at, source)
SELECT
  event_key,
  environment,
  session_id,
  occurred_at,
  coalesce({dialect.text("source")}, '')
FROM fold_batch
WHERE event = '{DRAFT_CREATED}' AND draft_id IS NULL
-- Index: the primary key (event_key).
ON CONFLICT DO NOTHING"""


def insert_approval_requests(dialect: Dialect) -> str:
    return f"""
INSERT INTO {ApprovalRequest._meta.db_table} (
  event_key, environment, session_id, approval_id, run_id, tool_ids, context_type, requested_at
)
SELECT
  event_key,
  environment,
  session_id,
  coalesce({dialect.text("approvalId")}, ''),
  coalesce({dialect.text("runId")}, ''),
  {dialect.sorted_list("toolIds")},
  coalesce({dialect.text("contextType")}, ''),
  occurred_at
FROM fold_batch
WHERE event = '{APPROVAL_REQUESTED}'
-- Index: the primary key (event_key).
ON CONFLICT DO NOTHING"""


def insert_approval_decisions(dialect: Dialect) -> str:
    return f"""
INSERT INTO {ApprovalDecision._meta.db_table} (
  event_key, environment, session_id, approval_id, run_id, tool_ids, approver_hash, approved, decided_at
)
SELECT
  event_key,
  environment,
  session_id,
  coalesce({dialect.text("approvalId")}, ''),
  coalesce({dialect.text("runId")}, ''),
  {dialect.sorted_list("toolIds")},
  coalesce({dialect.text("approverId")}, ''),
  {dialect.boolean("approved")},
  occurred_at
FROM fold_batch
WHERE event = '{APPROVAL_COMPLETED}'
-- Index: the primary key (event_key).
ON CONFLICT DO NOTHING"""


# Drafts ----------------------------------------------------------------------------------------------------


class AcceptedDraft(NamedTuple):
    """A stored draft that was accepted; `created_at` is its own creation, `paired_…` the one without id."""

    id: int
    draft_id: str
    session_id: str
    accepted_at: datetime
    created_at: datetime | None
    paired_created_at: datetime | None
    paired_source: str
    observed_in: int


@dataclass(frozen=True, slots=True)
class NewPair:
    """A draft that is now paired with another creation than before, or with none."""

    draft: AcceptedDraft
    created_at: datetime | None
    source: str

    @property
    def first_duration(self) -> int | None:
        """The draft's duration in microseconds, if no fold knew it before."""
        if self.created_at is None or self.draft.observed_in:
            return None
        return (self.draft.accepted_at - self.created_at) // MICROSECOND


@dataclass(frozen=True)
class PairedDrafts:
    """The buckets of the drafts whose creation changed, and the durations (microseconds) first known by it."""

    buckets: Set[Bucket]
    durations: Collection[int]


def pair_drafts(batch: Batch, *, drafts: Collection[DraftChange]) -> PairedDrafts:
    """Pairs acceptances with creations without id anew, in the sessions that the batch concerns.

    Those are the sessions of the batch's creations without id, and those in which a draft of the batch was
    accepted, before the merge or after it. Writes what changed.
    """
    session_ids = _sessions_of_creations(batch)
    for change in drafts:
        session_ids |= {change.session_id, change.prior_session_id}
    creations = _creations(batch, session_ids - {""})
    # A draft that was accepted in another session meanwhile gives its creation back.
    paired_in = {change.session_id for change in drafts if change.is_paired}
    accepted = _accepted_drafts(batch, paired_in.union(creations) - {""})
    pairs = [
        pair
        for session_id, drafts_of_session in accepted.items()
        for pair in _new_pairs(drafts_of_session, creations=creations.get(session_id, []))
    ]
    _write_pairs(batch, pairs)
    return PairedDrafts(
        buckets={bucket_of(pair.draft.accepted_at) for pair in pairs},
        durations=[duration for pair in pairs if (duration := pair.first_duration) is not None],
    )


def _sessions_of_creations(batch: Batch) -> set[str]:
    rows = batch.rows(
        f"SELECT DISTINCT session_id FROM fold_batch WHERE event = '{DRAFT_CREATED}' AND draft_id IS NULL"
    )
    return {session_id for (session_id,) in rows}


def _new_pairs(
    drafts: Sequence[AcceptedDraft], *, creations: Sequence[pairing.Creation]
) -> Iterable[NewPair]:
    """The drafts of one session whose creation is not the stored one."""
    paired = pairing.pair_creations(
        acceptances=[
            pairing.Acceptance(accepted_at=draft.accepted_at, draft_id=draft.draft_id)
            for draft in drafts
            if draft.created_at is None
        ],
        creations=creations,
    )
    for draft in drafts:
        creation = paired.get(draft.draft_id)
        created_at, source = (creation.created_at, creation.source) if creation else (None, "")
        if (draft.paired_created_at, draft.paired_source) != (created_at, source):
            yield NewPair(draft, created_at=created_at, source=source)


def _write_pairs(batch: Batch, pairs: Iterable[NewPair]) -> None:
    rows = [
        (
            _moment(pair.created_at),
            pair.source,
            pair.draft.observed_in if pair.first_duration is None else batch.number,
            pair.draft.id,
        )
        for pair in pairs
    ]
    columns: dict[str, ColumnType] = {
        "paired_created_at": "timestamptz",
        "paired_source": "text",
        "observed_in": "bigint",
    }
    _update(batch, Draft, key=("id", "bigint"), columns=columns, rows=rows)


def _creations(batch: Batch, session_ids: Collection[str]) -> Mapping[str, list[pairing.Creation]]:
    """Session to its creations without id."""
    # Index: draft_creation_session (session_id, environment).
    rows = DraftCreation.objects.filter(
        environment=batch.environment, session_id__in=batch.dialect.subquery(session_ids)
    )
    creations: defaultdict[str, list[pairing.Creation]] = defaultdict(list)
    for row in rows.values_list("session_id", "created_at", "event_key", "source"):
        creations[row[0]].append(pairing.Creation(*row[1:]))
    return creations


def _accepted_drafts(batch: Batch, session_ids: Collection[str]) -> Mapping[str, list[AcceptedDraft]]:
    """Session to the drafts accepted in it."""
    drafts: defaultdict[str, list[AcceptedDraft]] = defaultdict(list)
    if not session_ids:
        return drafts
    # Index: draft_accepted_session (accepted_session_id, environment); it leaves the empty ones out.
    rows = Draft.objects.exclude(accepted_session_id="").filter(
        environment=batch.environment, accepted_session_id__in=batch.dialect.subquery(session_ids)
    )
    columns = (
        "id",
        "draft_id",
        "accepted_session_id",
        "accepted_at",
        "created_at",
        "paired_created_at",
        "paired_source",
        "observed_in",
    )
    for draft in starmap(AcceptedDraft, rows.values_list(*columns)):
        drafts[draft.session_id].append(draft)
    return drafts


# Approvals -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StoredRequest:
    """A request, and when it was decided as far as is stored."""

    request: pairing.Request
    decided_at: datetime | None


@dataclass(frozen=True, slots=True)
class StoredDecision:
    """A decision, and which request it answers as far as is stored."""

    decision: pairing.Decision
    requested_at: datetime | None
    is_repeat: bool


@dataclass(frozen=True)
class PairedDecisions:
    """The decisions whose request changed, and the buckets that they count in."""

    event_keys: Collection[UUID]
    buckets: Set[Bucket]


def pair_approvals(batch: Batch) -> PairedDecisions:
    """Pairs the approvals of the batch's sessions anew, and of all that share an approvalId with the batch.

    Writes what changed; returns the decisions that did.
    """
    session_ids = _sessions_with_approvals(batch)
    if not session_ids:
        return PairedDecisions(event_keys=(), buckets=frozenset())
    requests, decisions = _approvals(batch, session_ids)
    pairs = pairing.pair_approvals(
        requests=[stored.request for stored in requests],
        decisions=[stored.decision for stored in decisions],
    )
    # Other sessions' approvals decide how these pair. How they pair themselves needs more than was read.
    own_requests = [stored for stored in requests if stored.request.session_id in session_ids]
    own_decisions = [stored for stored in decisions if stored.decision.session_id in session_ids]
    changed = _write_decisions(batch, own_decisions, pairs=pairs)
    _write_requests(batch, own_requests, decided_at=_decided_at(decisions, pairs=pairs))
    return PairedDecisions(
        event_keys={decision.event_key for decision in changed},
        buckets={bucket_of(decision.decided_at) for decision in changed},
    )


def _sessions_with_approvals(batch: Batch) -> set[str]:
    """The sessions of the batch's approvals, and those that share an approvalId with them."""
    rows = batch.rows(
        f"""
SELECT DISTINCT session_id, {batch.dialect.text("approvalId")}
FROM fold_batch
WHERE event IN ({sql_list(APPROVAL_EVENTS)})"""
    )
    session_ids = {session_id for session_id, _ in rows}
    approval_ids = {approval_id for _, approval_id in rows if approval_id}
    for model in (ApprovalRequest, ApprovalDecision):
        shared = model._default_manager.filter(_with_approval_id(batch, approval_ids))
        session_ids.update(shared.values_list("session_id", flat=True))
    return session_ids


def _with_approval_id(batch: Batch, approval_ids: Collection[str]) -> Q:
    # Indexes: approval_request_id and approval_decision_id (approval_id, environment); they leave the empty
    # ones out.
    is_named = Q(environment=batch.environment, approval_id__in=batch.dialect.subquery(approval_ids))
    return is_named & ~Q(approval_id="")


def _approvals(
    batch: Batch, session_ids: Collection[str]
) -> tuple[list[StoredRequest], list[StoredDecision]]:
    """All of the sessions, then all of other sessions that have an approvalId of theirs."""
    # Indexes: approval_request_session and approval_decision_session (session_id, environment).
    in_sessions = Q(environment=batch.environment, session_id__in=batch.dialect.subquery(session_ids))
    requests, decisions = _stored_requests(in_sessions), _stored_decisions(in_sessions)
    approval_ids = {stored.request.approval_id for stored in requests}
    approval_ids |= {stored.decision.approval_id for stored in decisions}
    shared = _with_approval_id(batch, approval_ids - {""})
    requests += [row for row in _stored_requests(shared) if row.request.session_id not in session_ids]
    decisions += [row for row in _stored_decisions(shared) if row.decision.session_id not in session_ids]
    return requests, decisions


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
    batch: Batch, decisions: Iterable[StoredDecision], *, pairs: pairing.Approvals
) -> list[pairing.Decision]:
    """Writes what changed; returns the decisions that did."""
    changed = []
    rows = []
    for stored in decisions:
        key = stored.decision.event_key
        request = pairs.answered.get(key)
        requested_at = request.requested_at if request else None
        is_repeat = key in pairs.repeats
        if (stored.requested_at, stored.is_repeat) != (requested_at, is_repeat):
            rows.append((_moment(requested_at), is_repeat, _event_key(key)))
            changed.append(stored.decision)
    columns: dict[str, ColumnType] = {"requested_at": "timestamptz", "is_repeat": "boolean"}
    _update(batch, ApprovalDecision, key=("event_key", "uuid"), columns=columns, rows=rows)
    return changed


def _decided_at(decisions: Iterable[StoredDecision], *, pairs: pairing.Approvals) -> Mapping[UUID, datetime]:
    """Event key of an answered request to the moment of the decision that answers it."""
    return {
        request.event_key: stored.decision.decided_at
        for stored in decisions
        if (request := pairs.answered.get(stored.decision.event_key))
    }


def _write_requests(
    batch: Batch, requests: Iterable[StoredRequest], *, decided_at: Mapping[UUID, datetime]
) -> None:
    """Writes what changed."""
    rows = [
        (_moment(decided_at.get(stored.request.event_key)), _event_key(stored.request.event_key))
        for stored in requests
        if stored.decided_at != decided_at.get(stored.request.event_key)
    ]
    columns: dict[str, ColumnType] = {"decided_at": "timestamptz"}
    _update(batch, ApprovalRequest, key=("event_key", "uuid"), columns=columns, rows=rows)


# Writing ---------------------------------------------------------------------------------------------------


def _moment(value: datetime | None) -> Any:
    return connection.ops.adapt_datetimefield_value(value)


def _event_key(value: UUID) -> Any:
    return value if connection.features.has_native_uuid_field else value.hex


def _update(
    batch: Batch,
    model: type[Model],
    *,
    key: tuple[str, ColumnType],
    columns: Mapping[str, ColumnType],
    rows: Sequence[tuple[Any, ...]],
) -> None:
    """Sets the columns of many rows; a row is the columns' values and, last, its key."""
    statement = batch.dialect.update_many(model._meta.db_table, key=key, columns=columns)
    batch.dialect.update_rows(batch.cursor, statement, rows)
