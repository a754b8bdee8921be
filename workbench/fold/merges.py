"""How events become things: one statement a thing, which merges the staged events into the thing's table.

Every rule is commutative and idempotent, so neither the order of events nor repeating them can change a thing.
A statement has two halves that say the same: the SELECT combines the events of the batch, and ON CONFLICT
combines the result with the stored row. Each statement is written out in full, column by column, so that it can be
reviewed, and run by hand, as it stands. That is why these functions are long, and why the runs' two are alike.

`fold_batch` holds events of one environment (see batch.py). The one parameter, `fold`, is the number of this
fold: a row that counts for the first time keeps it in `counted_in` (its completion) or `observed_in` (its
duration). `prior_…` columns keep what the row said before. changes.py reads all of these back.
"""

from dataclasses import dataclass

from workbench.dialect import Dialect
from workbench.durations import RUN, SESSION, Duration
from workbench.fold.event_names import (
    AGENT_COMPLETED,
    AGENT_EVENTS,
    AGENT_STARTED,
    DRAFT_ACCEPTED,
    DRAFT_CREATED,
    DRAFT_EDITED,
    DRAFT_EVENTS,
    DRAFT_REJECTED,
    EVENTS_OF_RUNS,
    MAINTENANCE_CHANGED,
    MODEL_CALLED,
    RUN_COMPLETED,
    RUN_EVENTS,
    RUN_STARTED,
    SESSION_ENDED,
    SESSION_EVENTS,
    SESSION_STARTED,
    STREAM_CLOSED,
    STREAM_EVENTS,
    STREAM_OPENED,
    TEMPLATE_INSERTED,
    WORKER_CHANGED,
    sql_list,
)
from workbench.models import AgentRun, AppServerState, AppServerStream, Draft, Session, WorkflowRun

FOLD = "CAST(%(fold)s AS bigint)"


@dataclass(frozen=True)
class Merged:
    """In SQL: what ON CONFLICT makes of a column, from the stored row (`stored`) and the batch's row (`excluded`).

    `is_earlier` is the condition under which the batch's row decides the columns of `decided`.
    """

    dialect: Dialect
    is_earlier: str = "false"

    def smaller(self, column: str) -> str:
        """The smaller value, or the earlier moment; NULL only while neither is known."""
        return self.dialect.least(f"stored.{column}", f"excluded.{column}")

    def larger(self, column: str) -> str:
        """The larger value, or the later moment; NULL only while neither is known."""
        return self.dialect.greatest(f"stored.{column}", f"excluded.{column}")

    def smaller_text(self, column: str) -> str:
        """The smaller text that is not empty, byte by byte; empty only while neither is known."""
        smaller = self.dialect.least(
            self.dialect.binary(f"stored.{column}"), self.dialect.binary(f"excluded.{column}")
        )
        return (
            f"CASE WHEN stored.{column} = '' THEN excluded.{column}"
            f" WHEN excluded.{column} = '' THEN stored.{column} ELSE {smaller} END"
        )

    def decided(self, column: str) -> str:
        """What the earlier of the two deciding events says."""
        return f"CASE WHEN {self.is_earlier} THEN excluded.{column} ELSE stored.{column} END"

    def run_duration(self) -> Duration:
        """The duration of a run as the merged row knows it."""
        return Duration(
            start=self.smaller("started_at"),
            end=self.smaller("completed_at"),
            reported_ms=self.decided("duration_ms"),
        )

    def observed_in(self, duration: Duration) -> str:
        """The number of the fold that first knew the duration; 0 while none does."""
        return (
            "CASE WHEN stored.observed_in > 0 THEN stored.observed_in"
            f" WHEN {duration.counts} THEN {FOLD} ELSE 0 END"
        )


def merge_statements(dialect: Dialect) -> tuple[str, ...]:
    """The merges in the order in which the fold runs them; each takes the parameter `fold`."""
    return (
        merge_sessions(dialect),
        merge_drafts(dialect),
        merge_workflow_runs(dialect),
        merge_agent_runs(dialect),
    )


def merge_sessions(dialect: Dialect) -> str:
    """A session starts, ends, uses a template and takes each step of the funnel with the earliest event that says so.

    In which order it took the steps is found by funnel.py. A session that bears the id of its trace is none: a span
    without a session's id gets its trace's.
    """
    merged = Merged(dialect)
    duration = Duration(
        start=merged.smaller("started_at"),
        end=merged.smaller("ended_at"),
        reported_ms=merged.smaller("duration_ms"),
    )
    created_from = f"event = '{DRAFT_CREATED}' AND coalesce({dialect.text('source')}, '') <> ''"
    return f"""
INSERT INTO {Session._meta.db_table} AS stored (
  environment, session_id, user_hash, started_at, ended_at, duration_ms,
  draft_created_at, draft_accepted_at, run_started_at, run_completed_at, template_used_at, draft_sources,
  observed_in
)
SELECT
  environment, session_id, user_hash, started_at, ended_at, duration_ms,
  draft_created_at, draft_accepted_at, run_started_at, run_completed_at, template_used_at,
  {dialect.sorted_union("draft_sources", "'[]'")},
  CASE WHEN {SESSION.counts} THEN {FOLD} ELSE 0 END
FROM (
  SELECT
    environment,
    session_id,
    {dialect.smallest_text(dialect.text("userId"))} AS user_hash,
    min(occurred_at) FILTER (WHERE event = '{SESSION_STARTED}') AS started_at,
    min(occurred_at) FILTER (WHERE event = '{SESSION_ENDED}') AS ended_at,
    min({dialect.integer("durationMs")}) FILTER (WHERE event = '{SESSION_ENDED}') AS duration_ms,
    min(occurred_at) FILTER (WHERE event = '{DRAFT_CREATED}') AS draft_created_at,
    min(occurred_at) FILTER (WHERE event = '{DRAFT_ACCEPTED}') AS draft_accepted_at,
    min(occurred_at) FILTER (WHERE event = '{RUN_STARTED}') AS run_started_at,
    min(occurred_at) FILTER (WHERE event = '{RUN_COMPLETED}') AS run_completed_at,
    min(occurred_at) FILTER (
      WHERE event = '{TEMPLATE_INSERTED}'
        OR (event IN ('{DRAFT_CREATED}', '{DRAFT_ACCEPTED}') AND {dialect.text("source")} = 'template')
    ) AS template_used_at,
    {dialect.texts(dialect.text("source"), where=created_from)} AS draft_sources
  FROM fold_batch
  WHERE event IN ({sql_list(SESSION_EVENTS)}) AND coalesce({dialect.text("traceId")}, '') <> session_id
  GROUP BY environment, session_id
) AS batch
WHERE true -- SQLite would read ON as a join's condition.
-- Index: session_unique (session_id, environment).
ON CONFLICT (environment, session_id) DO UPDATE SET
  user_hash = {merged.smaller_text("user_hash")},
  started_at = {merged.smaller("started_at")},
  ended_at = {merged.smaller("ended_at")},
  duration_ms = {merged.smaller("duration_ms")},
  draft_created_at = {merged.smaller("draft_created_at")},
  draft_accepted_at = {merged.smaller("draft_accepted_at")},
  run_started_at = {merged.smaller("run_started_at")},
  run_completed_at = {merged.smaller("run_completed_at")},
  template_used_at = {merged.smaller("template_used_at")},
  draft_sources = {dialect.sorted_union("stored.draft_sources", "excluded.draft_sources")},
  prior_started_at = stored.started_at,
  observed_in = {merged.observed_in(duration)}"""


def earlier_acceptance(dialect: Dialect) -> str:
    """Of two acceptances in one moment, the one with the smaller session id decides."""
    stored_tie = dialect.binary("stored.accepted_session_id")
    batch_tie = dialect.binary("excluded.accepted_session_id")
    return (
        "excluded.accepted_at IS NOT NULL AND (stored.accepted_at IS NULL"
        f" OR (excluded.accepted_at, {batch_tie}) < (stored.accepted_at, {stored_tie}))"
    )


def merge_drafts(dialect: Dialect) -> str:
    """A draft's earliest acceptance decides its session; of several in one moment, the smallest session id."""
    session_id = dialect.binary("session_id")
    merged = Merged(dialect, is_earlier=earlier_acceptance(dialect))
    # Creations without id are paired later (see drafts.py), so only its own creation counts here.
    own = Duration(start="created_at", end="accepted_at")
    duration = Duration(start=merged.smaller("created_at"), end=merged.smaller("accepted_at"))
    return f"""
INSERT INTO {Draft._meta.db_table} AS stored (
  environment, draft_id, created_at, source, accepted_at, accepted_session_id,
  rejected_at, edited_at, template_inserted_at, has_template_source, observed_in
)
SELECT
  environment, draft_id, created_at, source, accepted_at, accepted_session_id,
  rejected_at, edited_at, template_inserted_at, has_template_source,
  CASE WHEN {own.counts} THEN {FOLD} ELSE 0 END
FROM (
  SELECT
    environment,
    draft_id,
    min(occurred_at) FILTER (WHERE event = '{DRAFT_CREATED}') AS created_at,
    {dialect.smallest_text(dialect.text("source"), where=f"event = '{DRAFT_CREATED}'")} AS source,
    min(occurred_at) FILTER (WHERE decides) AS accepted_at,
    coalesce(min(session_id) FILTER (WHERE decides), '') AS accepted_session_id,
    min(occurred_at) FILTER (WHERE event = '{DRAFT_REJECTED}') AS rejected_at,
    max(occurred_at) FILTER (WHERE event = '{DRAFT_EDITED}') AS edited_at,
    min(occurred_at) FILTER (WHERE event = '{TEMPLATE_INSERTED}') AS template_inserted_at,
    max(
      CASE WHEN event IN ('{DRAFT_CREATED}', '{DRAFT_ACCEPTED}') AND {dialect.text("source")} = 'template'
      THEN 1 ELSE 0 END
    ) = 1 AS has_template_source
  FROM (
    -- Whether the event is the draft's earliest acceptance in the batch.
    SELECT *, event = '{DRAFT_ACCEPTED}' AND row_number() OVER (
      PARTITION BY draft_id, event ORDER BY occurred_at, {session_id}
    ) = 1 AS decides
    FROM fold_batch
    WHERE event IN ({sql_list(DRAFT_EVENTS)}) AND draft_id IS NOT NULL
  ) AS ranked
  GROUP BY environment, draft_id
) AS batch
WHERE true -- SQLite would read ON as a join's condition.
-- Index: draft_unique (draft_id, environment).
ON CONFLICT (environment, draft_id) DO UPDATE SET
  created_at = {merged.smaller("created_at")},
  source = {merged.smaller_text("source")},
  accepted_at = {merged.decided("accepted_at")},
  accepted_session_id = {merged.decided("accepted_session_id")},
  rejected_at = {merged.smaller("rejected_at")},
  edited_at = {merged.larger("edited_at")},
  template_inserted_at = {merged.smaller("template_inserted_at")},
  has_template_source = (stored.has_template_source OR excluded.has_template_source),
  prior_accepted_at = stored.accepted_at,
  prior_accepted_session_id = stored.accepted_session_id,
  observed_in = {merged.observed_in(duration)}"""


# Of two completions in one moment, the one with the smaller event key decides.
EARLIER_COMPLETION = (
    "excluded.completed_at IS NOT NULL AND (stored.completed_at IS NULL"
    " OR (excluded.completed_at, excluded.completed_key) < (stored.completed_at, stored.completed_key))"
)


def merge_workflow_runs(dialect: Dialect) -> str:
    """A run's earliest completion decides how it ended, even when a later one says something else.

    A run is known as soon as any event names it: SDKs export a span when it ends, the run's own the last. Such an
    event says when the run was seen, and nothing else of it.
    """
    own = f"event IN ({sql_list(RUN_EVENTS)})"
    merged = Merged(dialect, is_earlier=EARLIER_COMPLETION)
    duration = merged.run_duration()
    return f"""
INSERT INTO {WorkflowRun._meta.db_table} AS stored (
  environment, run_id, session_id, draft_id, workflow_id, workflow_name, trigger, trace_id, retry_of_run_id,
  first_seen_at, last_seen_at, is_only_called, started_at, completed_at, completed_key, status, duration_ms,
  error_type, counted_in, observed_in
)
SELECT
  environment, run_id, session_id, draft_id, workflow_id, workflow_name, trigger, trace_id, retry_of_run_id,
  first_seen_at, last_seen_at, is_only_called, started_at, completed_at, completed_key, status, duration_ms,
  error_type,
  CASE WHEN completed_at IS NULL THEN 0 ELSE {FOLD} END,
  CASE WHEN {RUN.counts} THEN {FOLD} ELSE 0 END
FROM (
  SELECT
    environment,
    run_id,
    {dialect.smallest_text("session_id", where=own)} AS session_id,
    {dialect.smallest_text(dialect.text("draftId"), where=own)} AS draft_id,
    {dialect.smallest_text(dialect.text("workflowId"), where=own)} AS workflow_id,
    {dialect.smallest_text(dialect.text("workflowName"), where=own)} AS workflow_name,
    {dialect.smallest_text(dialect.text("trigger"), where=own)} AS trigger,
    {dialect.smallest_text(dialect.text("traceId"), where=own)} AS trace_id,
    {dialect.smallest_text(dialect.text("retryOfRunId"), where=own)} AS retry_of_run_id,
    min(occurred_at) AS first_seen_at,
    max(occurred_at) AS last_seen_at,
    min(CASE WHEN event = '{MODEL_CALLED}' THEN 1 ELSE 0 END) = 1 AS is_only_called,
    min(occurred_at) FILTER (WHERE event = '{RUN_STARTED}') AS started_at,
    min(occurred_at) FILTER (WHERE decides) AS completed_at,
    {dialect.only_key("event_key", where="decides")} AS completed_key,
    coalesce(min({dialect.text("status")}) FILTER (WHERE decides), '') AS status,
    min({dialect.integer("durationMs")}) FILTER (WHERE decides) AS duration_ms,
    coalesce(min({dialect.text("errorType")}) FILTER (WHERE decides), '') AS error_type
  FROM (
    SELECT *, event = '{RUN_COMPLETED}' AND row_number() OVER (
      PARTITION BY run_id, event ORDER BY occurred_at, event_key
    ) = 1 AS decides
    FROM fold_batch
    WHERE event IN ({sql_list(EVENTS_OF_RUNS)}) AND run_id IS NOT NULL
  ) AS ranked
  GROUP BY environment, run_id
) AS batch
WHERE true -- SQLite would read ON as a join's condition.
-- Index: workflow_run_unique (run_id, environment).
ON CONFLICT (environment, run_id) DO UPDATE SET
  session_id = {merged.smaller_text("session_id")},
  draft_id = {merged.smaller_text("draft_id")},
  workflow_id = {merged.smaller_text("workflow_id")},
  workflow_name = {merged.smaller_text("workflow_name")},
  trigger = {merged.smaller_text("trigger")},
  trace_id = {merged.smaller_text("trace_id")},
  retry_of_run_id = {merged.smaller_text("retry_of_run_id")},
  first_seen_at = {merged.smaller("first_seen_at")},
  last_seen_at = {merged.larger("last_seen_at")},
  is_only_called = (stored.is_only_called AND excluded.is_only_called),
  started_at = {merged.smaller("started_at")},
  completed_at = {merged.decided("completed_at")},
  completed_key = {merged.decided("completed_key")},
  status = {merged.decided("status")},
  duration_ms = {merged.decided("duration_ms")},
  error_type = {merged.decided("error_type")},
  prior_completed_at = stored.completed_at,
  counted_in = CASE WHEN stored.counted_in > 0 THEN stored.counted_in ELSE excluded.counted_in END,
  observed_in = {merged.observed_in(duration)}"""


def merge_agent_runs(dialect: Dialect) -> str:
    """Merged as a workflow run is; the earliest completion also decides the run's cost and its tokens."""
    merged = Merged(dialect, is_earlier=EARLIER_COMPLETION)
    duration = merged.run_duration()
    return f"""
INSERT INTO {AgentRun._meta.db_table} AS stored (
  environment, agent_run_id, run_id, session_id, agent_name, agent_id, action, model, attempt, trace_id,
  span_id, parent_span_id, started_at, completed_at, completed_key, status, duration_ms, error_type,
  cost_micro_usd, input_tokens, output_tokens, counted_in, observed_in
)
SELECT
  environment, agent_run_id, run_id, session_id, agent_name, agent_id, action, model, attempt, trace_id,
  span_id, parent_span_id, started_at, completed_at, completed_key, status, duration_ms, error_type,
  cost_micro_usd, input_tokens, output_tokens,
  CASE WHEN completed_at IS NULL THEN 0 ELSE {FOLD} END,
  CASE WHEN {RUN.counts} THEN {FOLD} ELSE 0 END
FROM (
  SELECT
    environment,
    agent_run_id,
    {dialect.smallest_text(dialect.text("runId"))} AS run_id,
    {dialect.smallest_text("session_id")} AS session_id,
    {dialect.smallest_text(dialect.text("agentName"))} AS agent_name,
    {dialect.smallest_text(dialect.text("agentId"))} AS agent_id,
    {dialect.smallest_text(dialect.text("action"))} AS action,
    {dialect.smallest_text(dialect.text("model"))} AS model,
    max({dialect.integer("attempt")}) AS attempt,
    {dialect.smallest_text(dialect.text("traceId"))} AS trace_id,
    {dialect.smallest_text(dialect.text("spanId"))} AS span_id,
    {dialect.smallest_text(dialect.text("parentSpanId"))} AS parent_span_id,
    min(occurred_at) FILTER (WHERE event = '{AGENT_STARTED}') AS started_at,
    min(occurred_at) FILTER (WHERE decides) AS completed_at,
    {dialect.only_key("event_key", where="decides")} AS completed_key,
    coalesce(min({dialect.text("status")}) FILTER (WHERE decides), '') AS status,
    min({dialect.integer("durationMs")}) FILTER (WHERE decides) AS duration_ms,
    coalesce(min({dialect.text("errorType")}) FILTER (WHERE decides), '') AS error_type,
    min({dialect.micro("costUsd")}) FILTER (WHERE decides) AS cost_micro_usd,
    min({dialect.integer("inputTokens")}) FILTER (WHERE decides) AS input_tokens,
    min({dialect.integer("outputTokens")}) FILTER (WHERE decides) AS output_tokens
  FROM (
    SELECT *, event = '{AGENT_COMPLETED}' AND row_number() OVER (
      PARTITION BY agent_run_id, event ORDER BY occurred_at, event_key
    ) = 1 AS decides
    FROM fold_batch
    WHERE event IN ({sql_list(AGENT_EVENTS)}) AND agent_run_id IS NOT NULL
  ) AS ranked
  GROUP BY environment, agent_run_id
) AS batch
WHERE true -- SQLite would read ON as a join's condition.
-- Index: agent_run_unique (agent_run_id, environment).
ON CONFLICT (environment, agent_run_id) DO UPDATE SET
  run_id = {merged.smaller_text("run_id")},
  session_id = {merged.smaller_text("session_id")},
  agent_name = {merged.smaller_text("agent_name")},
  agent_id = {merged.smaller_text("agent_id")},
  action = {merged.smaller_text("action")},
  model = {merged.smaller_text("model")},
  attempt = {merged.larger("attempt")},
  trace_id = {merged.smaller_text("trace_id")},
  span_id = {merged.smaller_text("span_id")},
  parent_span_id = {merged.smaller_text("parent_span_id")},
  started_at = {merged.smaller("started_at")},
  completed_at = {merged.decided("completed_at")},
  completed_key = {merged.decided("completed_key")},
  status = {merged.decided("status")},
  duration_ms = {merged.decided("duration_ms")},
  error_type = {merged.decided("error_type")},
  cost_micro_usd = {merged.decided("cost_micro_usd")},
  input_tokens = {merged.decided("input_tokens")},
  output_tokens = {merged.decided("output_tokens")},
  prior_completed_at = stored.completed_at,
  prior_run_id = stored.run_id,
  counted_in = CASE WHEN stored.counted_in > 0 THEN stored.counted_in ELSE excluded.counted_in END,
  observed_in = {merged.observed_in(duration)}"""


def merge_app_server_states(dialect: Dialect) -> str:
    """The newest report of each worker and of the maintenance switch; the largest event key within a moment.

    It takes no parameter.
    """
    return f"""
INSERT INTO {AppServerState._meta.db_table} AS stored (
  environment, subject, session_id, state, backoff_ms, changed_at, event_key
)
SELECT environment, subject, session_id, state, backoff_ms, occurred_at, event_key
FROM (
  SELECT *, row_number() OVER (PARTITION BY subject ORDER BY occurred_at DESC, event_key DESC) AS position
  FROM (
    SELECT
      environment,
      CASE event WHEN '{MAINTENANCE_CHANGED}' THEN 'maintenance' ELSE 'worker:' || {dialect.text("workerId")} END
        AS subject,
      session_id,
      CASE
        WHEN event = '{WORKER_CHANGED}' THEN {dialect.text("state")}
        WHEN {dialect.boolean("enabled")} THEN 'on'
        ELSE 'off'
      END AS state,
      coalesce({dialect.integer("backoffMs")}, 0) AS backoff_ms,
      occurred_at,
      event_key
    FROM fold_batch
    WHERE event IN ('{WORKER_CHANGED}', '{MAINTENANCE_CHANGED}')
  ) AS reports
) AS ranked
WHERE position = 1
-- Index: app_server_state_unique (subject, environment).
ON CONFLICT (environment, subject) DO UPDATE SET
  session_id = excluded.session_id,
  state = excluded.state,
  backoff_ms = excluded.backoff_ms,
  changed_at = excluded.changed_at,
  event_key = excluded.event_key
WHERE (excluded.changed_at, excluded.event_key) > (stored.changed_at, stored.event_key)"""


def merge_app_server_streams(dialect: Dialect) -> str:
    """A stream opens and closes with the earliest event that says so. It takes no parameter."""
    merged = Merged(dialect)
    return f"""
INSERT INTO {AppServerStream._meta.db_table} AS stored (
  environment, stream_id, session_id, opened_at, closed_at, seen_at
)
SELECT
  environment,
  {dialect.text("streamId")} AS stream_id,
  {dialect.smallest_text("session_id")} AS session_id,
  min(occurred_at) FILTER (WHERE event = '{STREAM_OPENED}') AS opened_at,
  min(occurred_at) FILTER (WHERE event = '{STREAM_CLOSED}') AS closed_at,
  max(occurred_at) AS seen_at
FROM fold_batch
WHERE event IN ({sql_list(STREAM_EVENTS)}) AND {dialect.text("streamId")} IS NOT NULL
GROUP BY environment, {dialect.text("streamId")}
-- Index: app_server_stream_unique (stream_id, environment).
ON CONFLICT (environment, stream_id) DO UPDATE SET
  session_id = {merged.smaller_text("session_id")},
  opened_at = {merged.smaller("opened_at")},
  closed_at = {merged.smaller("closed_at")},
  seen_at = {merged.larger("seen_at")}"""
