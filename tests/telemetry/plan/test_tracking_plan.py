"""The plan that the portal ships, against the product's taxonomy. The table is written out independently."""

import dataclasses

import pytest
from django.conf import settings

from telemetry.plan import PropertyType, get_plan, plan_as_dict

# event: (required, optional)
TAXONOMY = {
    "workbench.session_started": ("", "userId referrer"),
    "workbench.session_ended": ("", "durationMs userId"),
    "workbench.draft_created": ("source", "draftId nodeCount templateId"),
    "workbench.draft_accepted": ("draftId", "source nodeCount"),
    "workbench.draft_rejected": ("draftId", "source"),
    "workbench.draft_edited": ("draftId editType", "nodeCount intent"),
    "workbench.template_viewed": ("templateId", "source"),
    "workbench.template_inserted": ("templateId draftId", ""),
    "workbench.chat_message_sent": ("", "messageLength hasAttachment"),
    "workbench.chat_tool_invoked": ("toolId", "draftId success"),
    "workbench.template_suggested": ("templateId", "draftId accepted"),
    "workbench.workflow_run_started": (
        "runId",
        "draftId workflowId workflowName trigger retryOfRunId traceId",
    ),
    "workbench.workflow_run_completed": (
        "runId status",
        "durationMs draftId workflowId workflowName errorType retryOfRunId traceId",
    ),
    "workbench.approval_requested": (
        "toolIds contextType",
        "incidentId workflowId draftId approvalId runId",
    ),
    "workbench.approval_completed": ("approved", "toolIds approverId approvalId runId"),
    "agent.run_started": (
        "runId agentRunId agentName",
        "agentId action model attempt traceId spanId parentSpanId",
    ),
    "agent.run_completed": (
        "runId agentRunId agentName status",
        "agentId action model durationMs errorType attempt costUsd inputTokens outputTokens traceId spanId"
        " parentSpanId",
    ),
    "agent.model_called": (
        "traceId spanId",
        "parentSpanId runId agentRunId model inputTokens outputTokens costUsd durationMs status errorType",
    ),
    "workflow.created": ("source", "workflowId"),
    "appserver.request_completed": ("route method status durationMs", "model errorCategory"),
    "appserver.stream_opened": ("streamId", "route"),
    "appserver.stream_closed": ("streamId", "route"),
    "appserver.worker_state_changed": ("workerId state", "backoffMs reason"),
    "appserver.tool_buffer_changed": ("state", "reason"),
    "appserver.maintenance_changed": ("enabled", ""),
}

ENUMERATIONS = {
    ("workbench.draft_created", "source"): "chat template blank",
    ("workbench.draft_accepted", "source"): "chat template blank",
    ("workbench.draft_rejected", "source"): "chat template blank",
    ("workbench.draft_edited", "editType"): "chat canvas template_insert",
    ("workbench.template_viewed", "source"): "library chat_suggestion",
    ("workbench.workflow_run_started", "trigger"): "user schedule webhook api system",
    ("workbench.workflow_run_completed", "status"): "completed failed cancelled",
    ("agent.run_completed", "status"): "completed failed cancelled",
    ("agent.model_called", "status"): "completed failed cancelled",
    ("workflow.created", "source"): "manual api import other",
    ("appserver.worker_state_changed", "state"): "ready restarting backoff stopped",
    ("appserver.tool_buffer_changed", "state"): "started flushed aborted",
}

TYPES = {
    "id": "agentId agentRunId approvalId approverId draftId incidentId parentSpanId retryOfRunId runId spanId streamId"
    " templateId toolId traceId userId workerId workflowId",
    "ids": "toolIds",
    "token": "action agentName contextType errorCategory errorType intent method model reason referrer route"
    " workflowName",
    "bool": "accepted approved enabled hasAttachment success",
    "count": "attempt inputTokens messageLength nodeCount outputTokens",
    "duration_ms": "backoffMs durationMs",
    "money": "costUsd",
}


def properties_of(*, required):
    return {
        event.name: {definition.name for definition in event.properties if definition.required is required}
        for event in get_plan().events.values()
    }


def test_has_the_events_and_properties_of_the_taxonomy():
    assert properties_of(required=True) == {name: set(row[0].split()) for name, row in TAXONOMY.items()}
    assert properties_of(required=False) == {name: set(row[1].split()) for name, row in TAXONOMY.items()}


def test_has_the_enumerations_of_the_taxonomy():
    found = {
        (event.name, definition.name): " ".join(definition.values)
        for event in get_plan().events.values()
        for definition in event.properties
        if definition.type == "enum"
    }

    assert found == ENUMERATIONS


def test_gives_each_property_the_type_of_the_taxonomy():
    found: dict[str, set[str]] = {}

    for event in get_plan().events.values():
        for definition in event.properties:
            if definition.type not in {"enum", "integer"}:
                found.setdefault(definition.type, set()).add(definition.name)

    assert found == {kind: set(names.split()) for kind, names in TYPES.items()}


@pytest.mark.parametrize(
    ("event", "name", "bounds"),
    [
        ("workbench.draft_created", "nodeCount", (0, 2**31 - 1)),
        ("workbench.session_ended", "durationMs", (0, 30 * 24 * 3600 * 1000)),
        ("agent.run_completed", "costUsd", (0, 1_000_000)),
        ("appserver.request_completed", "status", (100, 599)),
    ],
)
def test_bounds_numbers(event, name, bounds):
    definition = get_plan().events[event].by_name[name]

    assert (definition.minimum, definition.maximum) == bounds


def test_pseudonymises_people_and_trims_the_referrer():
    properties = [definition for event in get_plan().events.values() for definition in event.properties]

    assert {definition.name for definition in properties if definition.pseudonymised} == {
        "userId",
        "approverId",
    }
    assert {definition.name for definition in properties if definition.keeps_origin_and_path} == {"referrer"}


def test_is_the_same_object_each_time_and_cannot_be_changed():
    plan = get_plan()

    assert get_plan() is plan
    with pytest.raises(dataclasses.FrozenInstanceError):
        plan.version = 2
    with pytest.raises(TypeError):
        plan.events["workbench.other"] = plan.events["workflow.created"]


def test_plan_as_dict_names_each_event_with_its_properties():
    entry = plan_as_dict(get_plan())["events"][0]

    assert entry == {
        "name": "workbench.session_started",
        "description": "A workbench session begins.",
        "emitted_when": "The workbench page opens.",
        "properties": [
            {
                "name": "userId",
                "type": "id",
                "required": False,
                "description": "The signed-in user; kept as a keyed hash.",
                "max_length": 128,
                "pseudonymised": True,
            },
            {
                "name": "referrer",
                "type": "token",
                "required": False,
                "description": "The page before; origin and path only.",
                "max_length": 200,
                "keep": "origin_and_path",
            },
        ],
    }


def test_the_documentation_names_every_type_and_mark():
    text = (settings.BASE_DIR / "docs" / "tracking-plan.md").read_text(encoding="utf-8")

    words = [*PropertyType, "pseudonymised", "keep", "deprecated", "max_length", "minimum", "maximum"]

    assert [word for word in words if f"`{word}" not in text and f"{word}:" not in text] == []


def test_the_file_names_every_type_for_those_who_edit_it():
    text = settings.TRACKING_PLAN.read_text(encoding="utf-8")

    assert [kind for kind in PropertyType if f"#   {kind} " not in text] == []
