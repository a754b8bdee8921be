"""How far a session came in the funnel: its steps, each at or after the one before (docs/funnel.md).

It is no merge of moments: a step's earliest event may lie before the step ahead of it, and then a later one counts. So
events wait in EarlyStep until the session took their step. What is later than the step can be forgotten, because the
moments of steps only ever move to earlier ones. The rows that stay are those before the step, or all while the session
has not taken it: the same ones, whatever the order of the events.
"""

from workbench.buckets import Bucket
from workbench.dialect import Dialect
from workbench.fold.batch import Batch
from workbench.fold.event_names import FUNNEL_EVENTS, STEP_EVENTS, sql_list
from workbench.models import EarlyStep, FunnelStep, Session

# The events of the steps that follow the first.
EVENTS = dict(zip(list(FunnelStep)[1:], STEP_EVENTS, strict=True))
SESSIONS = Session._meta.db_table
EARLY_STEPS = EarlyStep._meta.db_table


def follow_steps(batch: Batch) -> set[Bucket]:
    """Finds anew how far the batch's sessions came, after the merge; returns the buckets in which they count."""
    parameters = {"environment": batch.environment}
    for statement in (keep_steps, take_steps, forget_steps):
        batch.cursor.execute(statement(batch.dialect), parameters)
    batch.cursor.execute(started_buckets(batch.dialect), parameters)
    return {bucket for row in batch.cursor.fetchall() for bucket in row if bucket is not None}


def of_batch(column: str, dialect: Dialect) -> str:
    """A condition: the column is a session of which the batch says something."""
    return dialect.any_selected(
        column, f"SELECT DISTINCT session_id FROM fold_batch WHERE event IN ({sql_list(FUNNEL_EVENTS)})"
    )


def keep_steps(dialect: Dialect) -> str:
    """As in the merge of sessions, one that bears the id of its trace is none."""
    numbers = " ".join(f"WHEN '{event}' THEN {step.value}" for step, event in EVENTS.items())
    return f"""
INSERT INTO {EARLY_STEPS} (environment, session_id, step, happened_at)
SELECT DISTINCT environment, session_id, CASE event {numbers} END, occurred_at
FROM fold_batch
WHERE event IN ({sql_list(STEP_EVENTS)}) AND coalesce({dialect.text("traceId")}, '') <> session_id
-- Index: early_step_unique (session_id, step, happened_at, environment).
ON CONFLICT DO NOTHING"""


def take_steps(dialect: Dialect) -> str:
    """Each part looks one step further. A moment that is known already may only become earlier.

    Kept apart (MATERIALIZED), because PostgreSQL would otherwise write each part into the next and run it ten times.
    """

    def taken(step: FunnelStep, *, after: str) -> str:
        first = f"""(
    SELECT min(happened_at) FROM {EARLY_STEPS} AS early
    -- Index: early_step_unique (session_id, step, happened_at, environment).
    WHERE early.session_id = found.session_id AND early.step = {step.value} AND early.happened_at >= {after}
      AND early.environment = found.environment
  )"""
        return dialect.least(f"found.{step.column}", first)

    return f"""
WITH started AS MATERIALIZED (
  SELECT
    id, session_id, environment, started_at,
    funnel_created_at, funnel_accepted_at, funnel_run_started_at, funnel_run_completed_at
  FROM {SESSIONS}
  -- Index: session_unique (session_id, environment).
  WHERE environment = %(environment)s AND {of_batch("session_id", dialect)} AND started_at IS NOT NULL
), created AS MATERIALIZED (
  SELECT found.*, {taken(FunnelStep.DRAFT_CREATED, after="found.started_at")} AS created
  FROM started AS found
), accepted AS MATERIALIZED (
  SELECT found.*, {taken(FunnelStep.DRAFT_ACCEPTED, after="found.created")} AS accepted
  FROM created AS found
), run AS MATERIALIZED (
  SELECT found.*, {taken(FunnelStep.RUN_STARTED, after="found.accepted")} AS run_started
  FROM accepted AS found
), completed AS MATERIALIZED (
  SELECT found.*, {taken(FunnelStep.RUN_COMPLETED, after="found.run_started")} AS run_completed
  FROM run AS found
), counted AS (
  SELECT
    id, created, accepted, run_started, run_completed,
    CASE
      WHEN run_completed IS NOT NULL THEN 5
      WHEN run_started IS NOT NULL THEN 4
      WHEN accepted IS NOT NULL THEN 3
      WHEN created IS NOT NULL THEN 2
      ELSE 1
    END AS steps
  FROM completed
)
UPDATE {SESSIONS} AS stored SET
  funnel_steps = counted.steps,
  funnel_created_at = counted.created,
  funnel_accepted_at = counted.accepted,
  funnel_run_started_at = counted.run_started,
  funnel_run_completed_at = counted.run_completed
FROM counted
WHERE stored.id = counted.id AND (
  stored.funnel_steps <> counted.steps
  -- NULL on both sides where the numbers of steps are equal.
  OR stored.funnel_created_at <> counted.created
  OR stored.funnel_accepted_at <> counted.accepted
  OR stored.funnel_run_started_at <> counted.run_started
  OR stored.funnel_run_completed_at <> counted.run_completed
)"""


def forget_steps(dialect: Dialect) -> str:
    """Events at or after the step that their session took. Of a session that took none, no event is looked at.

    The sessions are kept apart (MATERIALIZED): joined directly, PostgreSQL read all ids of the batch once for each
    event, which was half of a fold.
    """
    columns = ", ".join(step.column for step in EVENTS)
    later = " UNION ALL ".join(
        f"""
  SELECT early.id FROM followed
  -- Index: early_step_unique (session_id, step, happened_at, environment).
  JOIN {EARLY_STEPS} AS early ON early.session_id = followed.session_id AND early.step = {step.value}
    AND early.happened_at >= followed.{step.column} AND early.environment = followed.environment"""
        for step in EVENTS
    )
    followed = f"""
  WITH followed AS MATERIALIZED (
    SELECT session_id, environment, {columns} FROM {SESSIONS}
    -- Index: session_unique (session_id, environment).
    WHERE environment = %(environment)s AND {of_batch("session_id", dialect)}
  ){later}"""
    return f"DELETE FROM {EARLY_STEPS} WHERE {dialect.any_selected('id', followed)}"


def started_buckets(dialect: Dialect) -> str:
    """Where the batch's sessions count, and where they did before."""
    return f"""
SELECT DISTINCT {dialect.bucket("started_at")}, {dialect.bucket("prior_started_at")} FROM {SESSIONS}
-- Index: session_unique (session_id, environment).
WHERE environment = %(environment)s AND {of_batch("session_id", dialect)}"""
