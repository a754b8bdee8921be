"""Pairs approval requests with the decisions that answer them, for whole sessions: pairing.py on the stored rows.

It is no merge: a late request can move every later decision of its session to another request.
"""

from collections.abc import Collection, Iterable, Mapping, Set
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Q

from workbench.buckets import Bucket, bucket_of
from workbench.dialect import ColumnType
from workbench.fold.batch import Batch
from workbench.fold.event_names import APPROVAL_EVENTS, sql_list
from workbench.fold.pairs import pairing
from workbench.fold.updates import adapt_key, adapt_moment, update_rows
from workbench.models import ApprovalDecision, ApprovalRequest


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
    return pair_approvals_of(batch, _sessions_with_approvals(batch))


def pair_approvals_of(batch: Batch, session_ids: Collection[str]) -> PairedDecisions:
    """Pairs the approvals of these sessions anew; writes what changed, and returns the decisions that did."""
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
            rows.append((adapt_moment(requested_at), is_repeat, adapt_key(key)))
            changed.append(stored.decision)
    columns: dict[str, ColumnType] = {"requested_at": "timestamptz", "is_repeat": "boolean"}
    update_rows(batch, ApprovalDecision, key=("event_key", "uuid"), columns=columns, rows=rows)
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
        (adapt_moment(decided_at.get(stored.request.event_key)), adapt_key(stored.request.event_key))
        for stored in requests
        if stored.decided_at != decided_at.get(stored.request.event_key)
    ]
    columns: dict[str, ColumnType] = {"decided_at": "timestamptz"}
    update_rows(batch, ApprovalRequest, key=("event_key", "uuid"), columns=columns, rows=rows)
