"""Which spans mean something here, and where each dialect keeps what an event of the plan says.

The dialects are the portal's own names (`workflow.execute`), OpenTelemetry's GenAI conventions (`gen_ai.*`,
https://opentelemetry.io/docs/specs/semconv/gen-ai/), OpenInference (`openinference.*`, `llm.*`,
https://github.com/Arize-ai/openinference), Traceloop (`traceloop.*`, https://github.com/traceloop/openllmetry) and
Langfuse (`langfuse.*`, https://langfuse.com/docs/opentelemetry).

Only the attributes that are named here are ever read. No message, stack, prompt or answer is among them.
"""

from collections.abc import Mapping
from enum import StrEnum


class SpanRole(StrEnum):
    """What a span is to the portal."""

    WORKFLOW = "workflow"
    AGENT = "agent"
    MODEL_CALL = "model_call"
    APPROVAL = "approval"
    NONE = "none"


# The span's own name, and then these attributes. Values are compared in lower case.
ROLE_ATTRIBUTES = (
    "gen_ai.operation.name",
    "openinference.span.kind",
    "traceloop.span.kind",
    "langfuse.observation.type",
)
# SpanRole: (span name, the values of each of ROLE_ATTRIBUTES). The first row that fits decides.
ROLES: Mapping[SpanRole, tuple[str, tuple[frozenset[str], ...]]] = {
    SpanRole.WORKFLOW: (
        "workflow.execute",
        (frozenset({"invoke_workflow"}), frozenset(), frozenset({"workflow"}), frozenset()),
    ),
    SpanRole.AGENT: (
        "agent.execute",
        (frozenset({"invoke_agent"}), frozenset({"agent"}), frozenset({"agent"}), frozenset({"agent"})),
    ),
    SpanRole.MODEL_CALL: (
        "",
        (
            frozenset({"chat", "generate_content", "text_completion", "embeddings"}),
            frozenset({"llm", "embedding"}),
            frozenset(),
            frozenset({"generation", "embedding"}),
        ),
    ),
    SpanRole.APPROVAL: ("approval.wait", (frozenset(), frozenset(), frozenset(), frozenset())),
}
# Other things are called workflow.execute too; ours has one of the attributes with this prefix.
WORKFLOW_PREFIX = "workflow."

# A property of the plan's events: the attributes that may hold it, the first one that is there wins.
SOURCES: Mapping[str, tuple[str, ...]] = {
    "runId": ("workflow.run.id",),
    "agentRunId": ("agent.run.id",),
    "sessionId": (
        "session.id",
        "gen_ai.conversation.id",
        "langfuse.session.id",
        "traceloop.association.properties.session_id",
    ),
    "workflowId": ("workflow.id",),
    "workflowName": ("workflow.name", "gen_ai.workflow.name", "traceloop.workflow.name"),
    "draftId": ("draft.id",),
    "retryOfRunId": ("workflow.retry_of_run.id",),
    "trigger": ("workflow.trigger",),
    "agentName": ("agent.name", "gen_ai.agent.name", "traceloop.entity.name"),
    "agentId": ("agent.id", "gen_ai.agent.id"),
    "action": ("agent.action",),
    "attempt": ("agent.attempt",),
    "model": (
        "gen_ai.response.model",
        "gen_ai.request.model",
        "llm.model_name",
        "embedding.model_name",
        "langfuse.observation.model.name",
    ),
    "workflowStatus": ("workflow.status",),
    "agentStatus": ("agent.status",),
    "errorType": ("error.type",),
    "inputTokens": ("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens", "llm.token_count.prompt"),
    "outputTokens": (
        "gen_ai.usage.output_tokens",
        "gen_ai.usage.completion_tokens",
        "llm.token_count.completion",
    ),
    "costUsd": ("gen_ai.usage.cost", "llm.cost.total"),
    "approvalId": ("approval.id",),
    "toolIds": ("approval.tool_ids",),
    "contextType": ("approval.context_type",),
    "approverId": ("approval.approver_id",),
    "approved": ("approval.approved",),
}

# Langfuse puts a JSON object of numbers into one attribute; these are its keys, the first one wins.
LANGFUSE_USAGE = "langfuse.observation.usage_details"
LANGFUSE_COST = "langfuse.observation.cost_details"
LANGFUSE_DETAILS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "inputTokens": (LANGFUSE_USAGE, ("input", "input_tokens", "prompt_tokens")),
    "outputTokens": (LANGFUSE_USAGE, ("output", "output_tokens", "completion_tokens")),
    "costUsd": (LANGFUSE_COST, ("total",)),
}

# In any case. A status that is not here says nothing, and the span's own counts.
STATUSES: Mapping[str, str] = {
    "success": "completed",
    "completed": "completed",
    "failed": "failed",
    "error": "failed",
    "timeout": "failed",
    "cancelled": "cancelled",
    "canceled": "cancelled",
}
# In any case. A trigger that is not here is left out.
TRIGGERS: Mapping[str, str] = {
    "user": "user",
    "manual": "user",
    "schedule": "schedule",
    "cron": "schedule",
    "webhook": "webhook",
    "api": "api",
    "system": "system",
}
# What an error is called whose type is not known, as OpenTelemetry's conventions say.
OTHER_ERROR = "_OTHER"

# Of the resource: where the sender believes that it runs. The older name is still sent.
ENVIRONMENT = ("deployment.environment.name", "deployment.environment")
# Of an event within a span that is named "exception".
EXCEPTION_TYPE = "exception.type"

LISTED = frozenset(
    {
        *ROLE_ATTRIBUTES,
        *(name for names in SOURCES.values() for name in names),
        LANGFUSE_USAGE,
        LANGFUSE_COST,
    }
)


def role_of(name: str, attributes: Mapping[str, object]) -> SpanRole:
    """The role of a span by its name and its listed attributes."""
    marks = [str(attributes[key]).lower() if key in attributes else "" for key in ROLE_ATTRIBUTES]
    for role, (span_name, values) in ROLES.items():
        if span_name and name == span_name and is_ours(role, attributes):
            return role
        if any(mark in known for mark, known in zip(marks, values, strict=True)):
            return role
    return SpanRole.NONE


def is_ours(role: SpanRole, attributes: Mapping[str, object]) -> bool:
    return role is not SpanRole.WORKFLOW or any(key.startswith(WORKFLOW_PREFIX) for key in attributes)
