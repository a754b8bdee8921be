"""Events that become one row each, which the pairing reads: creations without id, requests, decisions, model calls.

An event is one row however often it is folded, because its key is the row's.
"""

from workbench.dialect import Dialect
from workbench.fold.event_names import (
    APPROVAL_COMPLETED,
    APPROVAL_REQUESTED,
    DRAFT_CREATED,
    MODEL_CALLED,
    SESSION_EVENTS,
    sql_list,
)
from workbench.models import (
    ApprovalDecision,
    ApprovalRequest,
    DraftCreation,
    LinkKind,
    ModelCall,
    SessionLink,
)


def insert_statements(dialect: Dialect) -> tuple[str, ...]:
    """All inserts; they take no parameter, and their order does not matter."""
    return (
        insert_draft_creations(dialect),
        insert_approval_requests(dialect),
        insert_approval_decisions(dialect),
        insert_model_calls(dialect),
        insert_session_links(dialect),
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


def insert_model_calls(dialect: Dialect) -> str:
    return f"""
INSERT INTO {ModelCall._meta.db_table} (
  event_key, environment, session_id, run_id, agent_run_id, trace_id, span_id, parent_span_id, model, called_at,
  duration_ms, status, error_type, input_tokens, output_tokens, cost_micro_usd
)
SELECT
  event_key,
  environment,
  session_id,
  coalesce(run_id, ''),
  coalesce(agent_run_id, ''),
  coalesce({dialect.text("traceId")}, ''),
  coalesce({dialect.text("spanId")}, ''),
  coalesce({dialect.text("parentSpanId")}, ''),
  coalesce({dialect.text("model")}, ''),
  occurred_at,
  {dialect.integer("durationMs")},
  coalesce({dialect.text("status")}, ''),
  coalesce({dialect.text("errorType")}, ''),
  {dialect.integer("inputTokens")},
  {dialect.integer("outputTokens")},
  {dialect.micro("costUsd")}
FROM fold_batch
WHERE event = '{MODEL_CALLED}'
-- Index: the primary key (event_key).
ON CONFLICT DO NOTHING"""


def insert_session_links(dialect: Dialect) -> str:
    """Which sessions name which persons, drafts and runs: an erasure must know it when raw events are gone."""
    return f"""
INSERT INTO {SessionLink._meta.db_table} (environment, kind, thing_id, session_id)
SELECT environment, kind, thing_id, session_id
FROM (
  SELECT environment, '{LinkKind.DRAFT}' AS kind, draft_id AS thing_id, session_id FROM fold_batch
  UNION
  SELECT environment, '{LinkKind.RUN}', run_id, session_id FROM fold_batch
  UNION
  SELECT environment, '{LinkKind.AGENT_RUN}', agent_run_id, session_id FROM fold_batch
  UNION
  SELECT environment, '{LinkKind.USER}', {dialect.text("userId")}, session_id
  FROM fold_batch WHERE event IN ({sql_list(SESSION_EVENTS)})
  UNION
  SELECT environment, '{LinkKind.APPROVER}', {dialect.text("approverId")}, session_id
  FROM fold_batch WHERE event = '{APPROVAL_COMPLETED}'
) AS link
WHERE thing_id IS NOT NULL
-- Index: session_link_unique (thing_id, session_id, kind, environment).
ON CONFLICT DO NOTHING"""
