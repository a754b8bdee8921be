"""The events of the tracking plan (version 1), as typed methods.

Written by `python manage.py export_clients`. Do not edit.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from workbench_analytics.tracking import Tracker

# What `track` takes as the name of an event.
EventName = Literal[
    "workbench.session_started",
    "workbench.session_ended",
    "workbench.draft_created",
    "workbench.draft_accepted",
    "workbench.draft_rejected",
    "workbench.draft_edited",
    "workbench.template_viewed",
    "workbench.template_inserted",
    "workbench.template_suggested",
    "workbench.chat_message_sent",
    "workbench.chat_tool_invoked",
    "workbench.workflow_run_started",
    "workbench.workflow_run_completed",
    "workbench.approval_requested",
    "workbench.approval_completed",
    "agent.run_started",
    "agent.run_completed",
    "agent.model_called",
    "workflow.created",
    "appserver.request_completed",
    "appserver.stream_opened",
    "appserver.stream_closed",
    "appserver.worker_state_changed",
    "appserver.tool_buffer_changed",
    "appserver.maintenance_changed",
]


class Events(Tracker[EventName]):
    """A typed method for each event, by area: mix it into a client."""

    @property
    def workbench(self) -> WorkbenchEvents:
        return WorkbenchEvents(self)

    @property
    def agent(self) -> AgentEvents:
        return AgentEvents(self)

    @property
    def workflow(self) -> WorkflowEvents:
        return WorkflowEvents(self)

    @property
    def appserver(self) -> AppserverEvents:
        return AppserverEvents(self)


class WorkbenchEvents:
    """Events named workbench.*"""

    __slots__ = ("_tracker",)

    def __init__(self, tracker: Tracker[EventName]) -> None:
        self._tracker = tracker

    def session_started(
        self,
        *,
        session_id: str,
        user_id: str | None = None,
        referrer: str | None = None,
        timestamp: datetime | None = None,
        event_id: str | None = None,
    ) -> str:
        """A workbench session begins.

        When: The workbench page opens.

        user_id: The signed-in user; kept as a keyed hash.
        referrer: The page before; origin and path only.
        """
        return self._tracker.track(
            "workbench.session_started",
            session_id=session_id,
            properties={
                "userId": user_id,
                "referrer": referrer,
            },
            timestamp=timestamp,
            event_id=event_id,
        )

    def session_ended(
        self,
        *,
        session_id: str,
        duration_ms: int | None = None,
        user_id: str | None = None,
        timestamp: datetime | None = None,
        event_id: str | None = None,
    ) -> str:
        """A workbench session ends.

        When: The user leaves or closes the workbench.

        duration_ms: How long it took, in milliseconds.
        user_id: The signed-in user; kept as a keyed hash.
        """
        return self._tracker.track(
            "workbench.session_ended",
            session_id=session_id,
            properties={
                "durationMs": duration_ms,
                "userId": user_id,
            },
            timestamp=timestamp,
            event_id=event_id,
        )

    def draft_created(
        self,
        *,
        session_id: str,
        source: Literal["chat", "template", "blank"],
        draft_id: str | None = None,
        node_count: int | None = None,
        template_id: str | None = None,
        timestamp: datetime | None = None,
        event_id: str | None = None,
    ) -> str:
        """A new draft exists.

        When: A draft is made from the chat, from a template or from nothing.

        source: What the draft was made from.
        draft_id: The draft: an id that the client makes, stable for one draft.
        node_count: Nodes in the draft.
        template_id: The template, as the catalogue names it.
        """
        return self._tracker.track(
            "workbench.draft_created",
            session_id=session_id,
            properties={
                "source": source,
                "draftId": draft_id,
                "nodeCount": node_count,
                "templateId": template_id,
            },
            timestamp=timestamp,
            event_id=event_id,
        )

    def draft_accepted(
        self,
        *,
        session_id: str,
        draft_id: str,
        source: Literal["chat", "template", "blank"] | None = None,
        node_count: int | None = None,
        timestamp: datetime | None = None,
        event_id: str | None = None,
    ) -> str:
        """A proposed draft is accepted.

        When: The user accepts a proposed draft.

        draft_id: The draft: an id that the client makes, stable for one draft.
        source: What the draft was made from.
        node_count: Nodes in the draft.
        """
        return self._tracker.track(
            "workbench.draft_accepted",
            session_id=session_id,
            properties={
                "draftId": draft_id,
                "source": source,
                "nodeCount": node_count,
            },
            timestamp=timestamp,
            event_id=event_id,
        )

    def draft_rejected(
        self,
        *,
        session_id: str,
        draft_id: str,
        source: Literal["chat", "template", "blank"] | None = None,
        timestamp: datetime | None = None,
        event_id: str | None = None,
    ) -> str:
        """A proposed draft is rejected.

        When: The user rejects a proposed draft.

        draft_id: The draft: an id that the client makes, stable for one draft.
        source: What the draft was made from.
        """
        return self._tracker.track(
            "workbench.draft_rejected",
            session_id=session_id,
            properties={
                "draftId": draft_id,
                "source": source,
            },
            timestamp=timestamp,
            event_id=event_id,
        )

    def draft_edited(
        self,
        *,
        session_id: str,
        draft_id: str,
        edit_type: Literal["chat", "canvas", "template_insert"],
        node_count: int | None = None,
        intent: str | None = None,
        timestamp: datetime | None = None,
        event_id: str | None = None,
    ) -> str:
        """A draft changes.

        When: A draft is modified, by whatever means.

        draft_id: The draft: an id that the client makes, stable for one draft.
        edit_type: What the edit was made with.
        node_count: Nodes in the draft.
        intent: A short label of what the edit was for; never the user's words.
        """
        return self._tracker.track(
            "workbench.draft_edited",
            session_id=session_id,
            properties={
                "draftId": draft_id,
                "editType": edit_type,
                "nodeCount": node_count,
                "intent": intent,
            },
            timestamp=timestamp,
            event_id=event_id,
        )

    def template_viewed(
        self,
        *,
        session_id: str,
        template_id: str,
        source: Literal["library", "chat_suggestion"] | None = None,
        timestamp: datetime | None = None,
        event_id: str | None = None,
    ) -> str:
        """A template is looked at.

        When: A template's detail is opened.

        template_id: The template, as the catalogue names it.
        source: Where the template was found.
        """
        return self._tracker.track(
            "workbench.template_viewed",
            session_id=session_id,
            properties={
                "templateId": template_id,
                "source": source,
            },
            timestamp=timestamp,
            event_id=event_id,
        )

    def template_inserted(
        self,
        *,
        session_id: str,
        template_id: str,
        draft_id: str,
        timestamp: datetime | None = None,
        event_id: str | None = None,
    ) -> str:
        """A template goes into a draft.

        When: A template is inserted into a draft.

        template_id: The template, as the catalogue names it.
        draft_id: The draft: an id that the client makes, stable for one draft.
        """
        return self._tracker.track(
            "workbench.template_inserted",
            session_id=session_id,
            properties={
                "templateId": template_id,
                "draftId": draft_id,
            },
            timestamp=timestamp,
            event_id=event_id,
        )

    def template_suggested(
        self,
        *,
        session_id: str,
        template_id: str,
        draft_id: str | None = None,
        accepted: bool | None = None,
        timestamp: datetime | None = None,
        event_id: str | None = None,
    ) -> str:
        """The assistant suggests a template.

        When: The assistant suggests a template.

        template_id: The template, as the catalogue names it.
        draft_id: The draft: an id that the client makes, stable for one draft.
        accepted: Whether the user took the suggestion.
        """
        return self._tracker.track(
            "workbench.template_suggested",
            session_id=session_id,
            properties={
                "templateId": template_id,
                "draftId": draft_id,
                "accepted": accepted,
            },
            timestamp=timestamp,
            event_id=event_id,
        )

    def chat_message_sent(
        self,
        *,
        session_id: str,
        message_length: int | None = None,
        has_attachment: bool | None = None,
        timestamp: datetime | None = None,
        event_id: str | None = None,
    ) -> str:
        """The user writes to the assistant.

        When: The user sends a chat message.

        message_length: Characters in the message; the text itself is never sent.
        has_attachment: Whether a file went with the message.
        """
        return self._tracker.track(
            "workbench.chat_message_sent",
            session_id=session_id,
            properties={
                "messageLength": message_length,
                "hasAttachment": has_attachment,
            },
            timestamp=timestamp,
            event_id=event_id,
        )

    def chat_tool_invoked(
        self,
        *,
        session_id: str,
        tool_id: str,
        draft_id: str | None = None,
        success: bool | None = None,
        timestamp: datetime | None = None,
        event_id: str | None = None,
    ) -> str:
        """The assistant uses a tool.

        When: The assistant invokes a tool.

        tool_id: The tool.
        draft_id: The draft: an id that the client makes, stable for one draft.
        success: Whether the tool did its work.
        """
        return self._tracker.track(
            "workbench.chat_tool_invoked",
            session_id=session_id,
            properties={
                "toolId": tool_id,
                "draftId": draft_id,
                "success": success,
            },
            timestamp=timestamp,
            event_id=event_id,
        )

    def workflow_run_started(
        self,
        *,
        session_id: str,
        run_id: str,
        draft_id: str | None = None,
        workflow_id: str | None = None,
        workflow_name: str | None = None,
        trigger: Literal["user", "schedule", "webhook", "api", "system"] | None = None,
        retry_of_run_id: str | None = None,
        trace_id: str | None = None,
        timestamp: datetime | None = None,
        event_id: str | None = None,
    ) -> str:
        """A workflow run begins.

        When: A workflow execution starts.

        run_id: The execution id that the workflow engine gave to the run.
        draft_id: The draft: an id that the client makes, stable for one draft.
        workflow_id: The workflow.
        workflow_name: The workflow's name in the catalogue.
        trigger: What started the run.
        retry_of_run_id: The run that this one tries again.
        trace_id: The trace, for finding the run in the tracing system.
        """
        return self._tracker.track(
            "workbench.workflow_run_started",
            session_id=session_id,
            properties={
                "runId": run_id,
                "draftId": draft_id,
                "workflowId": workflow_id,
                "workflowName": workflow_name,
                "trigger": trigger,
                "retryOfRunId": retry_of_run_id,
                "traceId": trace_id,
            },
            timestamp=timestamp,
            event_id=event_id,
        )

    def workflow_run_completed(
        self,
        *,
        session_id: str,
        run_id: str,
        status: Literal["completed", "failed", "cancelled"],
        duration_ms: int | None = None,
        draft_id: str | None = None,
        workflow_id: str | None = None,
        workflow_name: str | None = None,
        error_type: str | None = None,
        retry_of_run_id: str | None = None,
        trace_id: str | None = None,
        timestamp: datetime | None = None,
        event_id: str | None = None,
    ) -> str:
        """A workflow run is over.

        When: A run finishes, fails or is cancelled.

        run_id: The execution id that the workflow engine gave to the run.
        status: How the run ended.
        duration_ms: How long it took, in milliseconds.
        draft_id: The draft: an id that the client makes, stable for one draft.
        workflow_id: The workflow.
        workflow_name: The workflow's name in the catalogue.
        error_type: The class of the error; never its message.
        retry_of_run_id: The run that this one tries again.
        trace_id: The trace, for finding the run in the tracing system.
        """
        return self._tracker.track(
            "workbench.workflow_run_completed",
            session_id=session_id,
            properties={
                "runId": run_id,
                "status": status,
                "durationMs": duration_ms,
                "draftId": draft_id,
                "workflowId": workflow_id,
                "workflowName": workflow_name,
                "errorType": error_type,
                "retryOfRunId": retry_of_run_id,
                "traceId": trace_id,
            },
            timestamp=timestamp,
            event_id=event_id,
        )

    def approval_requested(
        self,
        *,
        session_id: str,
        tool_ids: list[str] | tuple[str, ...],
        context_type: str,
        incident_id: str | None = None,
        workflow_id: str | None = None,
        draft_id: str | None = None,
        approval_id: str | None = None,
        run_id: str | None = None,
        timestamp: datetime | None = None,
        event_id: str | None = None,
    ) -> str:
        """A restricted tool waits for an approval.

        When: A RESTRICTED tool needs approval.

        tool_ids: The tools that the approval is about.
        context_type: What the approval is needed in, as a short label.
        incident_id: The incident that the work belongs to.
        workflow_id: The workflow.
        draft_id: The draft: an id that the client makes, stable for one draft.
        approval_id: The approval: the same in the request and in its answer.
        run_id: The execution id that the workflow engine gave to the run.
        """
        return self._tracker.track(
            "workbench.approval_requested",
            session_id=session_id,
            properties={
                "toolIds": tool_ids,
                "contextType": context_type,
                "incidentId": incident_id,
                "workflowId": workflow_id,
                "draftId": draft_id,
                "approvalId": approval_id,
                "runId": run_id,
            },
            timestamp=timestamp,
            event_id=event_id,
        )

    def approval_completed(
        self,
        *,
        session_id: str,
        approved: bool,
        tool_ids: list[str] | tuple[str, ...] | None = None,
        approver_id: str | None = None,
        approval_id: str | None = None,
        run_id: str | None = None,
        timestamp: datetime | None = None,
        event_id: str | None = None,
    ) -> str:
        """An approval is decided.

        When: The request is approved or rejected.

        approved: True when it was approved, false when it was rejected.
        tool_ids: The tools that the approval is about.
        approver_id: Who decided; kept as a keyed hash.
        approval_id: The approval: the same in the request and in its answer.
        run_id: The execution id that the workflow engine gave to the run.
        """
        return self._tracker.track(
            "workbench.approval_completed",
            session_id=session_id,
            properties={
                "approved": approved,
                "toolIds": tool_ids,
                "approverId": approver_id,
                "approvalId": approval_id,
                "runId": run_id,
            },
            timestamp=timestamp,
            event_id=event_id,
        )


class AgentEvents:
    """Events named agent.*"""

    __slots__ = ("_tracker",)

    def __init__(self, tracker: Tracker[EventName]) -> None:
        self._tracker = tracker

    def run_started(
        self,
        *,
        session_id: str,
        run_id: str,
        agent_run_id: str,
        agent_name: str,
        agent_id: str | None = None,
        action: str | None = None,
        model: str | None = None,
        attempt: int | None = None,
        trace_id: str | None = None,
        span_id: str | None = None,
        parent_span_id: str | None = None,
        timestamp: datetime | None = None,
        event_id: str | None = None,
    ) -> str:
        """An agent begins to work within a workflow run.

        When: An agent run starts.

        run_id: The execution id that the workflow engine gave to the run.
        agent_run_id: One run of one agent within a workflow run.
        agent_name: The agent's name in the catalogue.
        agent_id: The agent.
        action: What the agent was asked to do, as a short label.
        model: The language model that was used.
        attempt: Which attempt this is; a value above 1 is a retry.
        trace_id: The trace, for finding the run in the tracing system.
        span_id: The span within the trace.
        parent_span_id: The span that this one is part of; left out at the root of a trace.
        """
        return self._tracker.track(
            "agent.run_started",
            session_id=session_id,
            properties={
                "runId": run_id,
                "agentRunId": agent_run_id,
                "agentName": agent_name,
                "agentId": agent_id,
                "action": action,
                "model": model,
                "attempt": attempt,
                "traceId": trace_id,
                "spanId": span_id,
                "parentSpanId": parent_span_id,
            },
            timestamp=timestamp,
            event_id=event_id,
        )

    def run_completed(
        self,
        *,
        session_id: str,
        run_id: str,
        agent_run_id: str,
        agent_name: str,
        status: Literal["completed", "failed", "cancelled"],
        agent_id: str | None = None,
        action: str | None = None,
        model: str | None = None,
        duration_ms: int | None = None,
        error_type: str | None = None,
        attempt: int | None = None,
        cost_usd: float | None = None,
        input_tokens: int | None = None,
        output_tokens: int | None = None,
        trace_id: str | None = None,
        span_id: str | None = None,
        parent_span_id: str | None = None,
        timestamp: datetime | None = None,
        event_id: str | None = None,
    ) -> str:
        """An agent's work within a workflow run is over.

        When: An agent run finishes, fails or is cancelled.

        run_id: The execution id that the workflow engine gave to the run.
        agent_run_id: One run of one agent within a workflow run.
        agent_name: The agent's name in the catalogue.
        status: How the run ended.
        agent_id: The agent.
        action: What the agent was asked to do, as a short label.
        model: The language model that was used.
        duration_ms: How long it took, in milliseconds.
        error_type: The class of the error; never its message.
        attempt: Which attempt this is; a value above 1 is a retry.
        cost_usd: What the run cost, in US dollars.
        input_tokens: Tokens that the model read.
        output_tokens: Tokens that the model wrote.
        trace_id: The trace, for finding the run in the tracing system.
        span_id: The span within the trace.
        parent_span_id: The span that this one is part of; left out at the root of a trace.
        """
        return self._tracker.track(
            "agent.run_completed",
            session_id=session_id,
            properties={
                "runId": run_id,
                "agentRunId": agent_run_id,
                "agentName": agent_name,
                "status": status,
                "agentId": agent_id,
                "action": action,
                "model": model,
                "durationMs": duration_ms,
                "errorType": error_type,
                "attempt": attempt,
                "costUsd": cost_usd,
                "inputTokens": input_tokens,
                "outputTokens": output_tokens,
                "traceId": trace_id,
                "spanId": span_id,
                "parentSpanId": parent_span_id,
            },
            timestamp=timestamp,
            event_id=event_id,
        )

    def model_called(
        self,
        *,
        session_id: str,
        trace_id: str,
        span_id: str,
        parent_span_id: str | None = None,
        run_id: str | None = None,
        agent_run_id: str | None = None,
        model: str | None = None,
        input_tokens: int | None = None,
        output_tokens: int | None = None,
        cost_usd: float | None = None,
        duration_ms: int | None = None,
        status: Literal["completed", "failed", "cancelled"] | None = None,
        error_type: str | None = None,
        timestamp: datetime | None = None,
        event_id: str | None = None,
    ) -> str:
        """A language model was called.

        When: A model's answer has arrived, or its call failed. Its agent is told by the spans above it.

        trace_id: The trace, for finding the run in the tracing system.
        span_id: The span within the trace.
        parent_span_id: The span that this one is part of; left out at the root of a trace.
        run_id: The execution id that the workflow engine gave to the run.
        agent_run_id: One run of one agent within a workflow run.
        model: The language model that was used.
        input_tokens: Tokens that the model read.
        output_tokens: Tokens that the model wrote.
        cost_usd: What the run cost, in US dollars.
        duration_ms: How long it took, in milliseconds.
        status: How the run ended.
        error_type: The class of the error; never its message.
        """
        return self._tracker.track(
            "agent.model_called",
            session_id=session_id,
            properties={
                "traceId": trace_id,
                "spanId": span_id,
                "parentSpanId": parent_span_id,
                "runId": run_id,
                "agentRunId": agent_run_id,
                "model": model,
                "inputTokens": input_tokens,
                "outputTokens": output_tokens,
                "costUsd": cost_usd,
                "durationMs": duration_ms,
                "status": status,
                "errorType": error_type,
            },
            timestamp=timestamp,
            event_id=event_id,
        )


class WorkflowEvents:
    """Events named workflow.*"""

    __slots__ = ("_tracker",)

    def __init__(self, tracker: Tracker[EventName]) -> None:
        self._tracker = tracker

    def created(
        self,
        *,
        session_id: str,
        source: Literal["manual", "api", "import", "other"],
        workflow_id: str | None = None,
        timestamp: datetime | None = None,
        event_id: str | None = None,
    ) -> str:
        """A workflow is made outside the workbench.

        When: A server notices a new workflow; sessionId is the server's own instance or trace id.

        source: How the workflow was made.
        workflow_id: The workflow.
        """
        return self._tracker.track(
            "workflow.created",
            session_id=session_id,
            properties={
                "source": source,
                "workflowId": workflow_id,
            },
            timestamp=timestamp,
            event_id=event_id,
        )


class AppserverEvents:
    """Events named appserver.*"""

    __slots__ = ("_tracker",)

    def __init__(self, tracker: Tracker[EventName]) -> None:
        self._tracker = tracker

    def request_completed(
        self,
        *,
        session_id: str,
        route: str,
        method: str,
        status: int,
        duration_ms: int,
        model: str | None = None,
        error_category: str | None = None,
        timestamp: datetime | None = None,
        event_id: str | None = None,
    ) -> str:
        """The app server answered a request.

        When: An answer was sent, or the request broke off.

        route: The route's pattern, such as /threads/{id}; not the address itself.
        method: The HTTP method.
        status: The HTTP status of the answer.
        duration_ms: How long it took, in milliseconds.
        model: The language model that was used.
        error_category: The family of the error, as a short label.
        """
        return self._tracker.track(
            "appserver.request_completed",
            session_id=session_id,
            properties={
                "route": route,
                "method": method,
                "status": status,
                "durationMs": duration_ms,
                "model": model,
                "errorCategory": error_category,
            },
            timestamp=timestamp,
            event_id=event_id,
        )

    def stream_opened(
        self,
        *,
        session_id: str,
        stream_id: str,
        route: str | None = None,
        timestamp: datetime | None = None,
        event_id: str | None = None,
    ) -> str:
        """A stream to a client opens.

        When: The first byte of a stream is sent.

        stream_id: The stream: the same when it opens and when it closes.
        route: The route's pattern, such as /threads/{id}; not the address itself.
        """
        return self._tracker.track(
            "appserver.stream_opened",
            session_id=session_id,
            properties={
                "streamId": stream_id,
                "route": route,
            },
            timestamp=timestamp,
            event_id=event_id,
        )

    def stream_closed(
        self,
        *,
        session_id: str,
        stream_id: str,
        route: str | None = None,
        timestamp: datetime | None = None,
        event_id: str | None = None,
    ) -> str:
        """A stream to a client closes.

        When: A stream ends, on either side.

        stream_id: The stream: the same when it opens and when it closes.
        route: The route's pattern, such as /threads/{id}; not the address itself.
        """
        return self._tracker.track(
            "appserver.stream_closed",
            session_id=session_id,
            properties={
                "streamId": stream_id,
                "route": route,
            },
            timestamp=timestamp,
            event_id=event_id,
        )

    def worker_state_changed(
        self,
        *,
        session_id: str,
        worker_id: str,
        state: Literal["ready", "restarting", "backoff", "stopped"],
        backoff_ms: int | None = None,
        reason: str | None = None,
        timestamp: datetime | None = None,
        event_id: str | None = None,
    ) -> str:
        """A worker process of the app server changes its state.

        When: A worker becomes ready, restarts, waits before a restart, or stops.

        worker_id: The worker process of the app server.
        state: The state that the worker is in from now on.
        backoff_ms: How long the worker waits before it starts again, in milliseconds.
        reason: Why, as a short label.
        """
        return self._tracker.track(
            "appserver.worker_state_changed",
            session_id=session_id,
            properties={
                "workerId": worker_id,
                "state": state,
                "backoffMs": backoff_ms,
                "reason": reason,
            },
            timestamp=timestamp,
            event_id=event_id,
        )

    def tool_buffer_changed(
        self,
        *,
        session_id: str,
        state: Literal["started", "flushed", "aborted"],
        reason: str | None = None,
        timestamp: datetime | None = None,
        event_id: str | None = None,
    ) -> str:
        """The buffer of tool output changes its state.

        When: A buffer is started, flushed or aborted.

        state: What became of the buffer.
        reason: Why, as a short label.
        """
        return self._tracker.track(
            "appserver.tool_buffer_changed",
            session_id=session_id,
            properties={
                "state": state,
                "reason": reason,
            },
            timestamp=timestamp,
            event_id=event_id,
        )

    def maintenance_changed(
        self,
        *,
        session_id: str,
        enabled: bool,
        timestamp: datetime | None = None,
        event_id: str | None = None,
    ) -> str:
        """The app server enters or leaves maintenance.

        When: Maintenance is switched on or off.

        enabled: True when maintenance begins, false when it ends.
        """
        return self._tracker.track(
            "appserver.maintenance_changed",
            session_id=session_id,
            properties={
                "enabled": enabled,
            },
            timestamp=timestamp,
            event_id=event_id,
        )
