"""The events that the fold knows by name, and which of them can change which thing."""

SESSION_STARTED = "workbench.session_started"
SESSION_ENDED = "workbench.session_ended"
DRAFT_CREATED = "workbench.draft_created"
DRAFT_ACCEPTED = "workbench.draft_accepted"
DRAFT_REJECTED = "workbench.draft_rejected"
DRAFT_EDITED = "workbench.draft_edited"
TEMPLATE_INSERTED = "workbench.template_inserted"
RUN_STARTED = "workbench.workflow_run_started"
RUN_COMPLETED = "workbench.workflow_run_completed"
AGENT_STARTED = "agent.run_started"
AGENT_COMPLETED = "agent.run_completed"
MODEL_CALLED = "agent.model_called"
APPROVAL_REQUESTED = "workbench.approval_requested"
APPROVAL_COMPLETED = "workbench.approval_completed"
STREAM_OPENED = "appserver.stream_opened"
STREAM_CLOSED = "appserver.stream_closed"
WORKER_CHANGED = "appserver.worker_state_changed"
MAINTENANCE_CHANGED = "appserver.maintenance_changed"

SESSION_ENDS = (SESSION_STARTED, SESSION_ENDED)
# The steps of the funnel after a session's start, in order.
STEP_EVENTS = (DRAFT_CREATED, DRAFT_ACCEPTED, RUN_STARTED, RUN_COMPLETED)
# What the funnel knows of a session.
FUNNEL_EVENTS = (SESSION_STARTED, *STEP_EVENTS, TEMPLATE_INSERTED)
SESSION_EVENTS = (SESSION_ENDED, *FUNNEL_EVENTS)
DRAFT_EVENTS = (DRAFT_CREATED, DRAFT_ACCEPTED, DRAFT_REJECTED, DRAFT_EDITED, TEMPLATE_INSERTED)
RUN_EVENTS = (RUN_STARTED, RUN_COMPLETED)
AGENT_EVENTS = (AGENT_STARTED, AGENT_COMPLETED)
STREAM_EVENTS = (STREAM_OPENED, STREAM_CLOSED)
APPROVAL_EVENTS = (APPROVAL_REQUESTED, APPROVAL_COMPLETED)
# A run that one of them names is known, and was seen then.
EVENTS_OF_RUNS = (*RUN_EVENTS, *AGENT_EVENTS, MODEL_CALLED, *APPROVAL_EVENTS)

# What a merge reads; all other events are only counted.
STAGED_EVENTS = tuple(
    sorted(
        {
            *SESSION_EVENTS,
            *DRAFT_EVENTS,
            *RUN_EVENTS,
            *AGENT_EVENTS,
            MODEL_CALLED,
            *APPROVAL_EVENTS,
            *STREAM_EVENTS,
            WORKER_CHANGED,
            MAINTENANCE_CHANGED,
        }
    )
)


def sql_list(names: tuple[str, ...]) -> str:
    """The names as a list for SQL's IN."""
    return ", ".join(f"'{name}'" for name in names)
