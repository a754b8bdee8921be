"""What a fold changed: the batch's things as they stand after the merge, and the buckets that this touches."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from workbench.buckets import Bucket
from workbench.costs import REPORTED_COST
from workbench.durations import DRAFT, RUN, SESSION
from workbench.fold.batch import Batch
from workbench.fold.call_owners import OwnedCalls
from workbench.labels import WORKFLOW
from workbench.models import AgentRun, Draft, ModelCall, Session, WorkflowRun


class DraftChange(NamedTuple):
    """A draft of the batch.

    `duration` is in microseconds, here and below; `is_observed`: this fold is the first to know it. `is_paired`:
    it was paired with a creation without id. `bucket` is where it counts now, `prior_bucket` where it did before.
    """

    duration: int | None
    is_observed: bool
    is_paired: bool
    session_id: str
    prior_session_id: str
    bucket: Bucket | None
    prior_bucket: Bucket | None


class RunChange(NamedTuple):
    """A workflow run of the batch. `is_counted`: this fold is the first to know that it ended."""

    run_id: str
    workflow: str
    trigger: str
    status: str
    duration: int | None
    is_counted: bool
    is_observed: bool
    bucket: Bucket | None
    prior_bucket: Bucket | None


class AgentRunChange(NamedTuple):
    """An agent run of the batch, or one whose model calls changed; an empty `run_id`: it names no workflow run.

    `called_micro_usd` is what its model calls report, `counted_micro_usd` see AgentRun.
    """

    agent_run_id: str
    run_id: str
    prior_run_id: str
    agent: str
    status: str
    error_type: str
    cost_micro_usd: int | None
    called_micro_usd: int | None
    counted_micro_usd: int
    duration: int | None
    is_counted: bool
    is_observed: bool
    bucket: Bucket | None
    prior_bucket: Bucket | None


class RunOfAgent(NamedTuple):
    """A workflow run that an agent run of the batch names, and of which the batch has no event itself."""

    run_id: str
    workflow: str
    bucket: Bucket | None


class CostedPart(NamedTuple):
    """Any agent run of a workflow run that the batch concerns, or model calls of it that have no agent.

    `is_costed`: its cost counts.
    """

    run_id: str
    is_costed: bool
    bucket: Bucket | None


@dataclass(frozen=True)
class Changes:
    """The batch's things after the merge, and the buckets that must be computed anew (`touched`).

    What an agent run used counts under its workflow run's name, and its cost decides whether that run's is estimated.
    So the agent runs of the batch's workflow runs are touched too, as are the workflow runs of its agent runs. The
    same goes for model calls without an agent. `workflows` are the names of all these runs. `costed_run_ids` are
    those of which an agent run or such a call reports a cost.
    `session_durations` are the ones that this fold is the first to know, in microseconds.
    """

    session_durations: Collection[int]
    drafts: Collection[DraftChange]
    runs: Collection[RunChange]
    agent_runs: Collection[AgentRunChange]
    workflows: dict[str, str]
    costed_run_ids: Collection[str]
    touched: set[Bucket]


def read_changes(batch: Batch, *, calls: OwnedCalls) -> Changes:
    """Reads the batch's things by their keys, after the merge and after model calls found their agents."""
    drafts, runs, agent_runs = _drafts(batch), _runs(batch), _agent_runs(batch, calls.agent_run_ids)
    own_run_ids = {run.run_id for run in runs}
    # The run that an agent run left is touched too: its cost may be estimated from now on.
    run_ids = own_run_ids.union(*((agent.run_id, agent.prior_run_id) for agent in agent_runs)) - {""}
    run_ids |= calls.run_ids
    other_runs = _runs_of_agents(batch, run_ids - own_run_ids)
    workflows = {run.run_id: run.workflow for run in runs}
    workflows |= {run.run_id: run.workflow for run in other_runs}
    parts = [*_agents_of_runs(batch, run_ids), *_calls_of_runs(batch, run_ids)]
    return Changes(
        session_durations=_session_durations(batch),
        drafts=drafts,
        runs=runs,
        agent_runs=agent_runs,
        workflows=workflows,
        costed_run_ids={part.run_id for part in parts if part.is_costed},
        touched=_buckets([*drafts, *runs, *agent_runs], [*other_runs, *parts]) | calls.buckets,
    )


def _buckets(
    changes: Iterable[DraftChange | RunChange | AgentRunChange],
    related: Iterable[RunOfAgent | CostedPart],
) -> set[Bucket]:
    buckets = {bucket for change in changes for bucket in (change.bucket, change.prior_bucket)}
    buckets |= {thing.bucket for thing in related}
    return {bucket for bucket in buckets if bucket is not None}


def _session_durations(batch: Batch) -> list[int]:
    rows = batch.rows_of(
        batch.session_ids,
        f"""
SELECT {SESSION.microseconds(batch.dialect)}, observed_in
FROM {Session._meta.db_table}
-- Index: session_unique (session_id, environment).
WHERE environment = %s AND {batch.dialect.any_of("session_id")}""",
    )
    # Those that an earlier fold knew are counted already.
    return [duration for duration, observed_in in rows if observed_in == batch.number]


def _drafts(batch: Batch) -> list[DraftChange]:
    dialect = batch.dialect
    rows = batch.rows_of(
        batch.draft_ids,
        f"""
SELECT
  {DRAFT.microseconds(dialect)},
  observed_in = {batch.number},
  paired_created_at IS NOT NULL,
  accepted_session_id,
  prior_accepted_session_id,
  {dialect.bucket("accepted_at")},
  {dialect.bucket("prior_accepted_at")}
FROM {Draft._meta.db_table}
-- Index: draft_unique (draft_id, environment).
WHERE environment = %s AND {dialect.any_of("draft_id")}""",
    )
    return [DraftChange(*row) for row in rows]


def _runs(batch: Batch) -> list[RunChange]:
    dialect = batch.dialect
    rows = batch.rows_of(
        batch.run_ids,
        f"""
SELECT
  run_id,
  {WORKFLOW},
  trigger,
  status,
  {RUN.microseconds(dialect)},
  counted_in = {batch.number},
  observed_in = {batch.number},
  {dialect.bucket("completed_at")},
  {dialect.bucket("prior_completed_at")}
FROM {WorkflowRun._meta.db_table}
-- Index: workflow_run_unique (run_id, environment).
WHERE environment = %s AND {dialect.any_of("run_id")}""",
    )
    return [RunChange(*row) for row in rows]


def _agent_runs(batch: Batch, others: Collection[str]) -> list[AgentRunChange]:
    """Those of the batch, and the others. What these said before was touched when it changed."""
    dialect = batch.dialect
    rows = batch.rows_of(
        {*batch.agent_run_ids, *others},
        f"""
SELECT
  agent_run_id,
  run_id,
  prior_run_id,
  agent_name,
  status,
  error_type,
  cost_micro_usd,
  called_cost_micro_usd,
  counted_micro_usd,
  {RUN.microseconds(dialect)},
  counted_in = {batch.number},
  observed_in = {batch.number},
  {dialect.bucket("completed_at")},
  {dialect.bucket("prior_completed_at")}
FROM {AgentRun._meta.db_table}
-- Index: agent_run_unique (agent_run_id, environment).
WHERE environment = %s AND {dialect.any_of("agent_run_id")}""",
    )
    return [AgentRunChange(*row) for row in rows]


def _runs_of_agents(batch: Batch, run_ids: Collection[str]) -> list[RunOfAgent]:
    rows = batch.rows_of(
        run_ids,
        f"""
SELECT run_id, {WORKFLOW}, {batch.dialect.bucket("completed_at")}
FROM {WorkflowRun._meta.db_table}
-- Index: workflow_run_unique (run_id, environment).
WHERE environment = %s AND {batch.dialect.any_of("run_id")}""",
    )
    return [RunOfAgent(*row) for row in rows]


def _agents_of_runs(batch: Batch, run_ids: Collection[str]) -> list[CostedPart]:
    rows = batch.rows_of(
        run_ids,
        f"""
SELECT run_id, completed_at IS NOT NULL AND {REPORTED_COST} IS NOT NULL, {batch.dialect.bucket("completed_at")}
FROM {AgentRun._meta.db_table}
-- Index: agent_run_of_run (run_id, environment).
WHERE environment = %s AND {batch.dialect.any_of("run_id")}""",
    )
    return [CostedPart(*row) for row in rows]


def _calls_of_runs(batch: Batch, run_ids: Collection[str]) -> list[CostedPart]:
    rows = batch.rows_of(
        run_ids,
        f"""
SELECT DISTINCT run_id, cost_micro_usd IS NOT NULL, {batch.dialect.bucket("called_at")}
FROM {ModelCall._meta.db_table}
-- Index: model_call_run (run_id, environment).
WHERE environment = %s AND {batch.dialect.any_of("run_id")} AND owner_id = ''""",
    )
    return [CostedPart(*row) for row in rows]
