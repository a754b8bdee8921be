"""Spans as events of the plan."""

import json
from typing import Any

import pytest

from telemetry.door.protocols.otlp.dialects import LANGFUSE_COST, LANGFUSE_USAGE, SpanRole
from telemetry.door.protocols.otlp.protobuf import read as read_protobuf
from telemetry.door.protocols.otlp.spans import read_json
from telemetry.door.protocols.otlp.translating import translate
from telemetry.plan import get_plan
from tests.telemetry.door.protocols.otlp.builders import START, TRACE, as_json, protobuf, span
from tests.telemetry.door.protocols.reading import read_all

AT_START, AT_END = "2026-02-15T12:00:00+00:00", "2026-02-15T12:00:02+00:00"
KEY = f"{TRACE}-00000000000000a1"


def events(*spans: dict[str, Any]) -> list[Any]:
    """The events of spans: the same from protobuf and from JSON."""
    from_protobuf = read_all(translate(read_protobuf(protobuf(spans))).events)
    assert read_all(translate(read_json(as_json(spans))).events) == from_protobuf
    return from_protobuf


def links(*spans: dict[str, Any]) -> list[tuple[str, str]]:
    """The span and the parent of each link: the same from protobuf and from JSON."""
    from_protobuf = translate(read_protobuf(protobuf(spans))).links
    assert translate(read_json(as_json(spans))).links == from_protobuf
    return [(link.span_id[-1], link.parent_span_id[-1]) for link in from_protobuf]


def of_event(name: str, events: list[Any]) -> dict[str, Any]:
    [found] = [event for event in events if event["event"] == name]
    return dict(found["properties"])


def test_a_workflow_is_its_start_and_its_completion() -> None:
    attributes = {
        "workflow.run.id": "r-1",
        "workflow.id": "w-1",
        "workflow.name": "triage",
        "workflow.trigger": "cron",
        "session.id": "s-1",
    }

    shared = {"runId": "r-1", "workflowId": "w-1", "workflowName": "triage", "traceId": TRACE}
    assert events(span("workflow.execute", attributes=attributes)) == [
        {
            "event": "workbench.workflow_run_started",
            "id": f"{KEY}-s",
            "sessionId": "s-1",
            "timestamp": AT_START,
            "properties": {**shared, "trigger": "schedule"},
        },
        {
            "event": "workbench.workflow_run_completed",
            "id": f"{KEY}-e",
            "sessionId": "s-1",
            "timestamp": AT_END,
            "properties": {**shared, "status": "completed", "durationMs": 2000},
        },
    ]


def test_an_agent_is_its_start_and_its_completion_with_what_it_used() -> None:
    attributes = {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.agent.name": "planner",
        "gen_ai.agent.id": "a-1",
        "gen_ai.request.model": "m-1",
        "agent.attempt": 2,
        "gen_ai.usage.input_tokens": 10,
        "gen_ai.usage.output_tokens": "20",
        "gen_ai.usage.cost": 0.5,
    }

    shared = {
        "runId": TRACE,
        "agentRunId": KEY,
        "agentName": "planner",
        "agentId": "a-1",
        "model": "m-1",
        "attempt": 2,
        "traceId": TRACE,
        "spanId": "00000000000000a1",
        "parentSpanId": "00000000000000b1",
    }
    used = {"inputTokens": 10, "outputTokens": 20, "costUsd": 0.5}
    found = events(span("invoke_agent planner", parent="00000000000000b1", attributes=attributes))
    assert [(event["event"], event["id"], event["sessionId"], event["properties"]) for event in found] == [
        ("agent.run_started", f"{KEY}-s", TRACE, shared),
        (
            "agent.run_completed",
            f"{KEY}-e",
            TRACE,
            {**shared, "status": "completed", "durationMs": 2000, **used},
        ),
    ]


def test_a_model_call_is_one_event_at_its_end() -> None:
    attributes = {
        "gen_ai.operation.name": "chat",
        "gen_ai.response.model": "m-2",
        "gen_ai.request.model": "m",
    }

    [event] = events(span("chat m", attributes=attributes))

    assert (event["event"], event["id"], event["timestamp"]) == ("agent.model_called", f"{KEY}-e", AT_END)
    assert event["properties"] == {
        "runId": TRACE,
        "model": "m-2",
        "traceId": TRACE,
        "spanId": "00000000000000a1",
        "status": "completed",
        "durationMs": 2000,
    }


def test_an_approval_is_its_request_and_its_decision() -> None:
    attributes = {
        "approval.id": "p-1",
        "approval.tool_ids": ["t-1", "t-2"],
        "approval.context_type": "deployment",
        "approval.approved": False,
        "workflow.run.id": "r-1",
    }

    shared = {"approvalId": "p-1", "runId": "r-1", "toolIds": ["t-1", "t-2"]}
    found = events(span("approval.wait", attributes=attributes))
    assert [(event["event"], event["timestamp"], event["properties"]) for event in found] == [
        ("workbench.approval_requested", AT_START, {**shared, "contextType": "deployment"}),
        ("workbench.approval_completed", AT_END, {**shared, "approved": False}),
    ]


@pytest.mark.parametrize(
    ("name", "attributes", "names"),
    [
        ("workflow.execute", {"workflow.id": "w"}, ["workbench.workflow_run_started"]),
        ("agent.execute", {}, ["agent.run_started"]),
        ("chat", {"gen_ai.operation.name": "chat"}, []),
        ("approval.wait", {"approval.approved": True}, ["workbench.approval_requested"]),
    ],
)
def test_a_span_without_an_end_has_only_started(
    name: str, attributes: dict[str, Any], names: list[str]
) -> None:
    found = events(span(name, end=0, attributes=attributes))

    assert [event["event"] for event in found] == names


def test_an_approval_that_does_not_say_how_it_was_decided_has_no_decision() -> None:
    found = events(span("approval.wait", attributes={"approval.tool_ids": "t-1"}))

    assert [(event["event"], event["properties"]["toolIds"]) for event in found] == [
        ("workbench.approval_requested", ["t-1"])
    ]


ROLES: list[tuple[str, dict[str, Any], SpanRole]] = [
    ("workflow.execute", {"workflow.id": "w"}, SpanRole.WORKFLOW),
    ("workflow.execute", {}, SpanRole.NONE),
    ("workflow.execute", {"agent.id": "a"}, SpanRole.NONE),
    ("x", {"gen_ai.operation.name": "invoke_workflow"}, SpanRole.WORKFLOW),
    ("x", {"traceloop.span.kind": "workflow"}, SpanRole.WORKFLOW),
    ("agent.execute", {}, SpanRole.AGENT),
    ("x", {"gen_ai.operation.name": "invoke_agent"}, SpanRole.AGENT),
    ("x", {"openinference.span.kind": "AGENT"}, SpanRole.AGENT),
    ("x", {"traceloop.span.kind": "agent"}, SpanRole.AGENT),
    ("x", {"langfuse.observation.type": "agent"}, SpanRole.AGENT),
    ("x", {"gen_ai.operation.name": "chat"}, SpanRole.MODEL_CALL),
    ("x", {"gen_ai.operation.name": "generate_content"}, SpanRole.MODEL_CALL),
    ("x", {"gen_ai.operation.name": "text_completion"}, SpanRole.MODEL_CALL),
    ("x", {"gen_ai.operation.name": "embeddings"}, SpanRole.MODEL_CALL),
    ("x", {"openinference.span.kind": "LLM"}, SpanRole.MODEL_CALL),
    ("x", {"openinference.span.kind": "EMBEDDING"}, SpanRole.MODEL_CALL),
    ("x", {"langfuse.observation.type": "generation"}, SpanRole.MODEL_CALL),
    ("x", {"langfuse.observation.type": "embedding"}, SpanRole.MODEL_CALL),
    ("approval.wait", {}, SpanRole.APPROVAL),
    ("x", {"gen_ai.operation.name": "execute_tool"}, SpanRole.NONE),
    ("x", {"openinference.span.kind": "CHAIN"}, SpanRole.NONE),
    ("x", {"traceloop.span.kind": "task"}, SpanRole.NONE),
    ("x", {"langfuse.observation.type": "span"}, SpanRole.NONE),
    ("GET /", {}, SpanRole.NONE),
    # The first row of the table that fits decides.
    ("x", {"gen_ai.operation.name": "chat", "traceloop.span.kind": "agent"}, SpanRole.AGENT),
]


@pytest.mark.parametrize(("name", "attributes", "role"), ROLES)
def test_the_table_says_what_a_span_is(name: str, attributes: dict[str, Any], role: SpanRole) -> None:
    translated = translate(read_protobuf(protobuf([span(name, attributes=attributes)])))

    assert dict(translated.roles) == {role: 1}


@pytest.mark.parametrize(
    ("attributes", "error", "status", "error_type"),
    [
        ({}, False, "completed", None),
        ({}, True, "failed", "_OTHER"),
        ({"error.type": "timeout"}, True, "failed", "timeout"),
        ({"error.type": "timeout"}, False, "completed", None),
        ({"agent.status": "SUCCESS"}, True, "completed", None),
        ({"agent.status": "Timeout"}, False, "failed", "_OTHER"),
        ({"agent.status": "canceled"}, True, "cancelled", None),
        ({"agent.status": "odd"}, True, "failed", "_OTHER"),
        ({"error.type": "ada@example.com"}, True, "failed", "_OTHER"),
        ({"error.type": "x" * 200}, True, "failed", "x" * 200),
        ({"error.type": "x" * 201}, True, "failed", "_OTHER"),
        ({"error.type": "a\nb"}, True, "failed", "_OTHER"),
    ],
)
def test_how_an_agent_ended(
    attributes: dict[str, Any], error: bool, status: str, error_type: str | None
) -> None:
    properties = of_event(
        "agent.run_completed", events(span("agent.execute", attributes=attributes, error=error))
    )

    assert (properties["status"], properties.get("errorType")) == (status, error_type)


def test_the_last_exception_names_the_error_that_no_attribute_names() -> None:
    exceptions = [
        {"exception.type": "ValueError"},
        {"exception.type": "KeyError"},
        {"exception.message": "secret"},
    ]

    properties = of_event(
        "agent.run_completed", events(span("agent.execute", error=True, exceptions=exceptions))
    )

    assert properties["errorType"] == "KeyError"


@pytest.mark.parametrize(
    ("attributes", "used"),
    [
        ({"gen_ai.usage.prompt_tokens": 1, "gen_ai.usage.completion_tokens": 2}, (1, 2, None)),
        (
            {"llm.token_count.prompt": 1, "llm.token_count.completion": 2, "llm.cost.total": 0.25},
            (1, 2, 0.25),
        ),
        ({"gen_ai.usage.input_tokens": 1, "gen_ai.usage.prompt_tokens": 9}, (1, None, None)),
        ({LANGFUSE_USAGE: '{"input": 3, "output": 4}', LANGFUSE_COST: '{"total": 0.75}'}, (3, 4, 0.75)),
        ({LANGFUSE_USAGE: "[1]", LANGFUSE_COST: '{"total": {}}'}, (None, None, None)),
        ({"gen_ai.usage.input_tokens": "many", "gen_ai.usage.output_tokens": 2.0}, (None, 2, None)),
        ({"gen_ai.usage.cost": float("nan"), "gen_ai.usage.input_tokens": True}, (None, None, None)),
    ],
)
def test_what_was_used_is_read_from_each_dialect(
    attributes: dict[str, Any], used: tuple[float | None, ...]
) -> None:
    attributes = {"langfuse.observation.type": "generation", **attributes}

    [found] = read_all(translate(read_protobuf(protobuf([span(attributes=attributes)]))).events)

    assert tuple(found["properties"].get(name) for name in ("inputTokens", "outputTokens", "costUsd")) == used


@pytest.mark.parametrize(
    ("trigger", "expected"),
    [("user", "user"), ("Manual", "user"), ("cron", "schedule"), ("api", "api"), ("moon", None), (1, None)],
)
def test_an_unknown_trigger_is_left_out(trigger: Any, expected: str | None) -> None:
    attributes = {"workflow.id": "w", "workflow.trigger": trigger}

    found = events(span("workflow.execute", attributes=attributes))

    assert of_event("workbench.workflow_run_started", found).get("trigger") == expected


@pytest.mark.parametrize(
    ("attributes", "name"),
    [
        ({"agent.name": "a", "gen_ai.agent.name": "b"}, "a"),
        ({"agent.name": "", "gen_ai.agent.name": "b"}, "b"),
        ({"traceloop.entity.name": "c", "agent.id": "i"}, "c"),
        ({"agent.id": "i"}, "i"),
        ({}, "agent.execute"),
        ({"agent.name": 7}, "7"),
    ],
)
def test_an_agent_has_the_first_name_that_is_there(attributes: dict[str, Any], name: str) -> None:
    found = events(span("agent.execute", attributes=attributes))

    assert of_event("agent.run_started", found)["agentName"] == name


@pytest.mark.parametrize(
    "more", [{"trace_id": "0" * 32}, {"trace_id": "ab"}, {"span_id": "0" * 16}, {"span_id": ""}]
)
def test_a_span_without_proper_ids_is_rejected(more: dict[str, str]) -> None:
    assert events(span("agent.execute", **more)) == [("bad_id", "agent.run_started", "")]


def test_moments_are_cut_off_at_microseconds() -> None:
    found = events(span("agent.execute", start=START + 1_999, end=START + 500_000 + 1_999))

    assert [event["timestamp"] for event in found] == [
        "2026-02-15T12:00:00.000001+00:00",
        "2026-02-15T12:00:00.000501+00:00",
    ]
    assert found[1]["properties"]["durationMs"] == 1


def test_a_span_that_ended_before_it_began_took_no_time() -> None:
    found = events(span("agent.execute", end=START - 1_000_000))

    assert found[1]["properties"]["durationMs"] == 0


def test_nothing_is_read_but_what_the_table_lists() -> None:
    attributes = {"gen_ai.prompt": "MARKER", "workflow.secret": "MARKER", "input.value": "MARKER"}
    exceptions = [{"exception.message": "MARKER", "exception.stacktrace": "MARKER"}]

    found = events(span("agent.execute", attributes=attributes, exceptions=exceptions, error=True))

    assert "MARKER" not in json.dumps(found)


def test_every_property_is_one_of_the_plan() -> None:
    found = events(
        span("workflow.execute", attributes={"workflow.id": "w"}),
        span("agent.execute", parent="00000000000000b1"),
        span("chat", attributes={"gen_ai.operation.name": "chat"}),
        span("approval.wait", attributes={"approval.approved": True}),
    )

    definitions = get_plan().events
    assert len(found) == 7
    assert [event["properties"].keys() - definitions[event["event"]].by_name for event in found] == [
        set()
    ] * 7


PARENT = "00000000000000b2"


@pytest.mark.parametrize("kind", [0, 1])
def test_an_internal_span_without_a_role_is_a_link(kind: int) -> None:
    assert links(span("http.handler", parent=PARENT, kind=kind)) == [("1", "2")]


@pytest.mark.parametrize("kind", [2, 3, 4, 5])
def test_a_call_between_services_is_no_link(kind: int) -> None:
    assert links(span("POST /", parent=PARENT, kind=kind)) == []


def test_a_root_a_span_with_a_role_and_one_without_ids_are_no_links() -> None:
    spans = [
        span("root"),
        span("agent.execute", parent=PARENT),
        span("x", parent=PARENT, span_id="0000000000000000"),
    ]

    assert links(*spans) == []


def test_json_may_say_the_kind_as_a_number_or_a_name() -> None:
    body = json.loads(as_json([span("x", parent=PARENT)]))
    named = body["resourceSpans"][0]["scopeSpans"][0]["spans"][0]

    named["kind"] = "SPAN_KIND_INTERNAL"
    assert len(translate(read_json(json.dumps(body).encode())).links) == 1
    named["kind"] = "SPAN_KIND_CLIENT"
    assert translate(read_json(json.dumps(body).encode())).links == []
