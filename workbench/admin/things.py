"""The admin of the things that events are about. It is read-only, because the fold writes them."""

from django.contrib import admin
from unfold.decorators import display

from telemetry.admin.big_tables import ReadOnlyModelAdmin
from telemetry.admin.filters import EnvironmentFilter, choice_filter
from workbench.models import (
    AgentRun,
    ApprovalDecision,
    ApprovalRequest,
    AppServerState,
    AppServerStream,
    Draft,
    DraftCreation,
    EarlyStep,
    EventCount,
    LinkKind,
    ModelCall,
    Session,
    SessionLink,
    TouchedBucket,
    WorkflowRun,
)

STATUSES = (("", "Running"), ("completed", "Completed"), ("failed", "Failed"), ("cancelled", "Cancelled"))
STATUS_COLOURS = {"running": "info", "completed": "success", "failed": "danger", "cancelled": "warning"}


@admin.register(Session)
class SessionAdmin(ReadOnlyModelAdmin):
    list_display = (
        "session_id",
        "environment",
        "started_at",
        "ended_at",
        "draft_accepted_at",
        "run_completed_at",
        "funnel_steps",
    )
    list_filter = (EnvironmentFilter,)
    search_fields = ("session_id__exact",)
    search_help_text = "The whole sessionId"


@admin.register(EarlyStep)
class EarlyStepAdmin(ReadOnlyModelAdmin):
    list_display = ("session_id", "environment", "step", "happened_at")
    list_filter = (EnvironmentFilter,)
    search_fields = ("session_id__exact",)
    search_help_text = "The whole sessionId"


@admin.register(Draft)
class DraftAdmin(ReadOnlyModelAdmin):
    list_display = (
        "draft_id",
        "environment",
        "source",
        "created_at",
        "accepted_at",
        "rejected_at",
        "uses_template",
    )
    list_filter = (EnvironmentFilter,)
    search_fields = ("draft_id__exact",)
    search_help_text = "The whole draftId"

    @display(description="uses template", boolean=True)
    def uses_template(self, draft: Draft) -> bool:
        return draft.has_template_source or draft.template_inserted_at is not None


@admin.register(DraftCreation)
class DraftCreationAdmin(ReadOnlyModelAdmin):
    list_display = ("event_key", "environment", "session_id", "created_at", "source")
    list_filter = (EnvironmentFilter,)
    search_fields = ("session_id__exact",)
    search_help_text = "The whole sessionId"


class StatusAdmin(ReadOnlyModelAdmin):
    """Runs of workflows and of agents, with their status."""

    list_filter = (EnvironmentFilter, choice_filter(field="status", choices=STATUSES))

    @display(description="status", label=STATUS_COLOURS)
    def state(self, run: WorkflowRun | AgentRun) -> str:
        return run.status or "running"


@admin.register(WorkflowRun)
class WorkflowRunAdmin(StatusAdmin):
    list_display = (
        "run_id",
        "environment",
        "workflow_name",
        "trigger",
        "started_at",
        "completed_at",
        "state",
    )
    search_fields = ("run_id__exact",)
    search_help_text = "The whole runId"


@admin.register(AgentRun)
class AgentRunAdmin(StatusAdmin):
    list_display = (
        "agent_run_id",
        "environment",
        "agent_name",
        "model",
        "attempt",
        "run_id",
        "completed_at",
        "state",
    )
    search_fields = ("agent_run_id__exact", "run_id__exact")
    search_help_text = "The whole agentRunId, or the runId of its workflow run"


@admin.register(ModelCall)
class ModelCallAdmin(ReadOnlyModelAdmin):
    list_display = (
        "event_key",
        "environment",
        "model",
        "called_at",
        "input_tokens",
        "output_tokens",
        "cost_micro_usd",
        "owner_id",
        "run_id",
    )
    list_filter = (EnvironmentFilter,)
    # Index: model_call_called (called_at, environment), read backwards.
    ordering = ("-called_at", "-environment")
    search_fields = ("run_id__exact", "trace_id__exact")
    search_help_text = "The whole runId or traceId"


@admin.register(ApprovalRequest)
class ApprovalRequestAdmin(ReadOnlyModelAdmin):
    list_display = ("event_key", "environment", "session_id", "tool_ids", "requested_at", "decided_at")
    list_filter = (EnvironmentFilter,)
    search_fields = ("session_id__exact",)
    search_help_text = "The whole sessionId"


@admin.register(ApprovalDecision)
class ApprovalDecisionAdmin(ReadOnlyModelAdmin):
    list_display = (
        "event_key",
        "environment",
        "session_id",
        "approved",
        "requested_at",
        "decided_at",
        "is_repeat",
    )
    list_filter = (EnvironmentFilter,)
    # Index: approval_decided (decided_at, environment), read backwards.
    ordering = ("-decided_at", "-environment")
    search_fields = ("session_id__exact",)
    search_help_text = "The whole sessionId"


@admin.register(AppServerState)
class AppServerStateAdmin(ReadOnlyModelAdmin):
    list_display = ("subject", "environment", "state", "backoff_ms", "changed_at")
    list_filter = (EnvironmentFilter,)
    # Index: app_server_state_unique (subject, environment).
    ordering = ("subject", "environment")


@admin.register(AppServerStream)
class AppServerStreamAdmin(ReadOnlyModelAdmin):
    list_display = ("stream_id", "environment", "session_id", "opened_at", "closed_at")
    list_filter = (EnvironmentFilter,)
    # Index: app_server_stream_unique (stream_id, environment).
    ordering = ("stream_id", "environment")


@admin.register(EventCount)
class EventCountAdmin(ReadOnlyModelAdmin):
    list_display = ("bucket_start", "environment", "event", "variant", "events")
    list_filter = (EnvironmentFilter,)
    # Index: event_count_unique (bucket_start, event, variant, environment), read backwards.
    ordering = ("-bucket_start", "-event", "-variant", "-environment")


@admin.register(TouchedBucket)
class TouchedBucketAdmin(ReadOnlyModelAdmin):
    list_display = ("id", "environment", "bucket_start", "cause")
    list_filter = (EnvironmentFilter,)


@admin.register(SessionLink)
class SessionLinkAdmin(ReadOnlyModelAdmin):
    list_display = ("id", "environment", "kind", "thing_id", "session_id")
    list_filter = (EnvironmentFilter, choice_filter(field="kind", choices=LinkKind.choices))
    search_fields = ("thing_id__exact", "session_id__exact")
    search_help_text = "A whole sessionId, draftId, runId or agentRunId, or a person's hash"
