"""Workflow runs, and the agent runs and model calls within them."""

from django.db import models
from django.db.models import F, Q, Value
from django.db.models.functions import Coalesce, NullIf


class WorkflowRun(models.Model):
    """A workflow run: one (environment, runId). It counts in the bucket of its earliest completion."""

    environment = models.CharField(max_length=64)
    run_id = models.CharField(max_length=128)
    session_id = models.CharField(max_length=128, db_default="")
    draft_id = models.CharField(max_length=128, db_default="")
    workflow_id = models.CharField(max_length=200, db_default="")
    workflow_name = models.CharField(max_length=200, db_default="")
    trigger = models.CharField(max_length=16, db_default="")
    trace_id = models.CharField(max_length=128, db_default="")
    retry_of_run_id = models.CharField(max_length=128, db_default="", help_text="The run that it repeats")
    # Of its own events, and those of its agents, model calls and approvals. A run is listed by the first.
    first_seen_at = models.DateTimeField(null=True, help_text="The earliest moment that is known of it")
    last_seen_at = models.DateTimeField(null=True, help_text="The latest moment that is known of it")
    started_at = models.DateTimeField(null=True, help_text="Its earliest workflow_run_started")
    completed_at = models.DateTimeField(null=True, help_text="Its earliest workflow_run_completed")
    # From here on: what its earliest completion says; of several in one moment, the one with the smallest event key.
    completed_key = models.UUIDField(null=True, editable=False)
    status = models.CharField(max_length=16, db_default="", help_text="Empty while it runs")
    duration_ms = models.BigIntegerField(null=True)
    error_type = models.CharField(max_length=200, db_default="")
    # completed_at before the last merge: it may have left that bucket.
    prior_completed_at = models.DateTimeField(null=True, editable=False)
    # The numbers of the folds that counted its completion and its duration in the metric bridge; 0 while none has.
    counted_in = models.BigIntegerField(db_default=0, editable=False)
    observed_in = models.BigIntegerField(db_default=0, editable=False)
    # Only model calls name it: it goes when all of them turn out to belong to agents of other runs.
    is_only_called = models.BooleanField(db_default=False, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(name="workflow_run_unique", fields=["run_id", "environment"]),
        ]
        indexes = [
            # Who repeats a run.
            models.Index(
                name="workflow_run_retry",
                fields=["retry_of_run_id", "environment"],
                condition=~Q(retry_of_run_id=""),
            ),
            models.Index(name="workflow_run_completed", fields=["completed_at", "environment"]),
            # Active runs, newest first.
            models.Index(
                name="workflow_run_active",
                fields=["started_at", "environment"],
                condition=Q(completed_at__isnull=True),
            ),
            # The run monitor (workbench/runs/). These begin with the environment, so that a small one is not looked
            # for among the runs of a large one; a fold can't be tempted by them, because they are partial.
            models.Index(
                name="workflow_run_listed",
                fields=["environment", "-first_seen_at", "-id"],
                condition=Q(first_seen_at__isnull=False),
            ),
            models.Index(
                name="workflow_run_open",
                fields=["environment", "-first_seen_at", "-id"],
                condition=Q(completed_at__isnull=True),
            ),
            models.Index(
                name="workflow_run_ended_badly",
                fields=["environment", "status", "-first_seen_at", "-id"],
                condition=Q(status__in=["failed", "cancelled"]),
            ),
            # Of one workflow, as workbench.labels.WORKFLOW names it: what is usual, earlier and later runs.
            models.Index(
                Coalesce(
                    NullIf("workflow_name", Value("")), NullIf("workflow_id", Value("")), Value("unknown")
                ),
                F("environment"),
                F("first_seen_at").desc(),
                F("id").desc(),
                name="workflow_run_of_workflow",
            ),
            # The runs with an error.
            models.Index(
                name="workflow_run_error",
                fields=["error_type", "environment", "-first_seen_at", "-id"],
                condition=~Q(error_type=""),
            ),
        ]

    def __str__(self) -> str:
        return f"run {self.run_id}"


class AgentRun(models.Model):
    """An agent's run within a workflow run: one (environment, agentRunId)."""

    environment = models.CharField(max_length=64)
    agent_run_id = models.CharField(max_length=128)
    run_id = models.CharField(max_length=128, db_default="")
    session_id = models.CharField(max_length=128, db_default="")
    agent_name = models.CharField(max_length=200, db_default="")
    agent_id = models.CharField(max_length=128, db_default="")
    action = models.CharField(max_length=200, db_default="")
    model = models.CharField(max_length=200, db_default="")
    attempt = models.BigIntegerField(null=True, help_text="The highest attempt that was reported")
    trace_id = models.CharField(max_length=128, db_default="")
    span_id = models.CharField(max_length=128, db_default="")
    parent_span_id = models.CharField(max_length=128, db_default="")
    started_at = models.DateTimeField(null=True)
    completed_at = models.DateTimeField(null=True)
    # From here on: what its earliest completion says; of several in one moment, the one with the smallest event key.
    completed_key = models.UUIDField(null=True, editable=False)
    status = models.CharField(max_length=16, db_default="", help_text="Empty while it runs")
    duration_ms = models.BigIntegerField(null=True)
    error_type = models.CharField(max_length=200, db_default="")
    cost_micro_usd = models.BigIntegerField(null=True)
    input_tokens = models.BigIntegerField(null=True)
    output_tokens = models.BigIntegerField(null=True)
    # Sums over its model calls; a figure of its own counts only while none of them reports it (costs.REPORTED_COST).
    # Recomputed for the whole trace.
    calls = models.BigIntegerField(db_default=0)
    called_input_tokens = models.BigIntegerField(null=True)
    called_output_tokens = models.BigIntegerField(null=True)
    called_cost_micro_usd = models.BigIntegerField(null=True)
    # completed_at and run_id before the last merge: it may have left that bucket and that run.
    prior_completed_at = models.DateTimeField(null=True, editable=False)
    prior_run_id = models.CharField(max_length=128, db_default="", editable=False)
    counted_in = models.BigIntegerField(db_default=0, editable=False)
    observed_in = models.BigIntegerField(db_default=0, editable=False)
    # Of its own cost: what the metric bridge has counted, and costs of model calls have not made up for yet.
    counted_micro_usd = models.BigIntegerField(db_default=0, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(name="agent_run_unique", fields=["agent_run_id", "environment"]),
        ]
        indexes = [
            models.Index(name="agent_run_completed", fields=["completed_at", "environment"]),
            # A run's agents, on its page and for its cost.
            models.Index(name="agent_run_of_run", fields=["run_id", "environment"]),
            # The agents of a trace, to which its model calls belong.
            models.Index(
                name="agent_run_trace", fields=["trace_id", "environment"], condition=~Q(trace_id="")
            ),
        ]

    def __str__(self) -> str:
        return f"agent run {self.agent_run_id}"


class ModelCall(models.Model):
    """One `agent.model_called`. Its tokens and its cost count for `owner_id`, the agent run that made it."""

    event_key = models.UUIDField(primary_key=True)
    environment = models.CharField(max_length=64)
    session_id = models.CharField(max_length=128)
    run_id = models.CharField(max_length=128, help_text="Empty when the event has none")
    agent_run_id = models.CharField(max_length=128, help_text="As the event names it; may be empty")
    trace_id = models.CharField(max_length=128)
    span_id = models.CharField(max_length=128)
    parent_span_id = models.CharField(max_length=128)
    model = models.CharField(max_length=200)
    called_at = models.DateTimeField(help_text="When its answer had come, or it failed")
    duration_ms = models.BigIntegerField(null=True)
    status = models.CharField(max_length=16)
    error_type = models.CharField(max_length=200)
    input_tokens = models.BigIntegerField(null=True)
    output_tokens = models.BigIntegerField(null=True)
    cost_micro_usd = models.BigIntegerField(null=True)
    # The agent run that made the call, empty when none is known; recomputed for the whole trace.
    owner_id = models.CharField(max_length=128, db_default="")
    # The metric bridge has counted its cost.
    is_counted = models.BooleanField(db_default=False, editable=False)

    class Meta:
        indexes = [
            models.Index(name="model_call_trace", fields=["trace_id", "environment"]),
            models.Index(name="model_call_run", fields=["run_id", "environment"]),
            models.Index(name="model_call_called", fields=["called_at", "environment"]),
            models.Index(
                name="model_call_owner", fields=["owner_id", "environment"], condition=~Q(owner_id="")
            ),
            # Calls that named an agent run before it was known.
            models.Index(
                name="model_call_agent",
                fields=["agent_run_id", "environment"],
                condition=~Q(agent_run_id=""),
            ),
            # An erasure asks for the calls of a session.
            models.Index(name="model_call_session", fields=["session_id", "environment"]),
        ]

    def __str__(self) -> str:
        return f"call of {self.model or 'a model'}"
