"""What a fold changed: the batch's things as they stand after the merge, and the buckets that this touches."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from workbench.buckets import Bucket
from workbench.dialect import Dialect
from workbench.fold.batch import Batch
from workbench.models import AgentRun, Draft, Session, WorkflowRun

UNKNOWN = "unknown"
WORKFLOW = f"coalesce(nullif(workflow_name, ''), nullif(workflow_id, ''), '{UNKNOWN}')"


class DraftChange(NamedTuple):
    """Durations are microseconds; `is_observed`: this fold is the first to know it. Buckets: now and before."""

    duration: int | None
    is_observed: bool
    is_paired: bool
    session_id: str
    prior_session_id: str
    bucket: Bucket | None
    prior_bucket: Bucket | None


class RunChange(NamedTuple):
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
    run_id: str
    prior_run_id: str
    agent: str
    status: str
    error_type: str
    cost_micro_usd: int | None
    duration: int | None
    is_counted: bool
    is_observed: bool
    bucket: Bucket | None
    prior_bucket: Bucket | None


@dataclass(frozen=True)
class Changes:
    """`session_durations` are those that this fold is the first to know, in microseconds.

    What an agent run costs counts under its workflow run's name, and decides whether that run's cost is
    estimated. So the agent runs of the batch's runs are touched too (`touched`), as are the runs of its agent
    runs; `workflows` are these runs' names, `costed_run_ids` the runs of which an agent run reports a cost.
    """

    session_durations: Collection[int]
    drafts: Collection[DraftChange]
    runs: Collection[RunChange]
    agent_runs: Collection[AgentRunChange]
    workflows: dict[str, str]
    costed_run_ids: Collection[str]
    touched: set[Bucket]


def read_changes(batch: Batch) -> Changes:
    """Reads the batch's things by their keys, after the merge."""
    dialect, number = batch.dialect, batch.number
    drafts = [
        DraftChange(*row) for row in batch.select(Draft, _draft(dialect, number), draft_id=batch.draft_ids)
    ]
    runs = [RunChange(*row) for row in batch.select(WorkflowRun, _run(dialect, number), run_id=batch.run_ids)]
    agent_runs = [
        AgentRunChange(*row)
        for row in batch.select(AgentRun, _agent_run(dialect, number), agent_run_id=batch.agent_run_ids)
    ]
    touched = _buckets([*drafts, *runs, *agent_runs])
    own_run_ids = {run.run_id for run in runs}
    run_ids = own_run_ids.union(*((agent.run_id, agent.prior_run_id) for agent in agent_runs)) - {""}
    workflows = {run.run_id: run.workflow for run in runs}
    completed = dialect.bucket("completed_at")
    for run_id, workflow, bucket in batch.select(
        WorkflowRun, f"run_id, {WORKFLOW}, {completed}", run_id=run_ids - own_run_ids
    ):
        workflows[run_id] = workflow
        touched.add(bucket)
    costed = set()
    for run_id, cost, bucket in batch.select(
        AgentRun, f"run_id, cost_micro_usd, {completed}", run_id=run_ids
    ):
        touched.add(bucket)
        if cost is not None:
            costed.add(run_id)
    return Changes(
        session_durations=_session_durations(batch),
        drafts=drafts,
        runs=runs,
        agent_runs=agent_runs,
        workflows=workflows,
        costed_run_ids=costed,
        touched=touched - {None},
    )


def _buckets(changes: Iterable[DraftChange | RunChange | AgentRunChange]) -> set[Bucket]:
    return {
        bucket for change in changes for bucket in (change.bucket, change.prior_bucket) if bucket is not None
    }


def _session_durations(batch: Batch) -> list[int]:
    columns = f"{_reported(batch.dialect, 'started_at', 'ended_at')}, observed_in"
    rows = batch.select(Session, columns, session_id=batch.session_ids)
    return [duration for duration, observed_in in rows if observed_in == batch.number]


def _between(dialect: Dialect, start: str, end: str) -> str:
    return f"({dialect.microseconds(end)} - {dialect.microseconds(start)})"


def _reported(dialect: Dialect, start: str, end: str) -> str:
    return f"coalesce(duration_ms * 1000, {_between(dialect, start, end)})"


def _draft(dialect: Dialect, number: int) -> str:
    return (
        f"{_between(dialect, 'created_at', 'accepted_at')}, observed_in = {number},"
        " paired_created_at IS NOT NULL, accepted_session_id, prior_accepted_session_id,"
        f" {dialect.bucket('accepted_at')}, {dialect.bucket('prior_accepted_at')}"
    )


def _run(dialect: Dialect, number: int) -> str:
    return (
        f"run_id, {WORKFLOW}, trigger, status, {_reported(dialect, 'started_at', 'completed_at')},"
        f" counted_in = {number}, observed_in = {number},"
        f" {dialect.bucket('completed_at')}, {dialect.bucket('prior_completed_at')}"
    )


def _agent_run(dialect: Dialect, number: int) -> str:
    return (
        "run_id, prior_run_id, agent_name, status, error_type, cost_micro_usd,"
        f" {_reported(dialect, 'started_at', 'completed_at')}, counted_in = {number}, observed_in = {number},"
        f" {dialect.bucket('completed_at')}, {dialect.bucket('prior_completed_at')}"
    )
