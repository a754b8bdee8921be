"""A span as the events of the plan that a client would have posted of the same thing.

A span that began and ended is two events, its start and its completion; one that has not ended is its start. A model
call is one event, at its end. The ids are `<traceId>-<spanId>-s` and `-e`, so that a span that is sent again is a
duplicate.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import msgspec

from telemetry.door.protocols.messages import refused
from telemetry.door.protocols.otlp.dialects import (
    LANGFUSE_DETAILS,
    OTHER_ERROR,
    SOURCES,
    STATUSES,
    TRIGGERS,
    SpanRole,
    role_of,
)
from telemetry.door.protocols.otlp.spans import PostedSpan, Value
from telemetry.intake.ingest import PostedEvent
from telemetry.intake.privacy import looks_like_pii
from telemetry.intake.storage import SpanLinkRow
from telemetry.intake.validation import Problem
from telemetry.intake.wording import Wording
from telemetry.plan.codes import RejectionCode

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MAX_TOKEN_LENGTH = 200

Properties = dict[str, object]

encode = msgspec.json.Encoder().encode
decode_details = msgspec.json.Decoder(dict[str, object]).decode

BAD_IDS = Problem(
    RejectionCode.BAD_ID,
    "traceId",
    "A span must have a traceId of 32 and a spanId of 16 hexadecimal digits, not all zero.",
)
NAMES: Mapping[SpanRole, str] = {
    SpanRole.WORKFLOW: "workbench.workflow_run_started",
    SpanRole.AGENT: "agent.run_started",
    SpanRole.MODEL_CALL: "agent.model_called",
    SpanRole.APPROVAL: "workbench.approval_requested",
}


@dataclass(frozen=True, slots=True)
class TranslatedSpans:
    """The events of a request, the span that each is of (`owners`: positions), and how many spans had which role.

    `environments` are the names that resources give to where they run. `links` are the spans without a role that may
    lie between an agent and its model calls.
    """

    events: list[PostedEvent] = field(default_factory=list)
    owners: list[int] = field(default_factory=list)
    roles: Counter[str] = field(default_factory=Counter)
    environments: set[str] = field(default_factory=set)
    links: list[SpanLinkRow] = field(default_factory=list)


def translate(spans: Sequence[PostedSpan]) -> TranslatedSpans:
    """The events of spans, in their order. A span without a role has none, and may be a link."""
    translated = TranslatedSpans()
    for position, span in enumerate(spans):
        role = role_of(span.name, span.attributes)
        translated.roles[role] += 1
        translated.environments.add(span.environment)
        if role is SpanRole.NONE and span.is_between:
            translated.links.append(SpanLinkRow(span.trace_id, span.span_id, span.parent_id))
        for event in events_of(span, role=role):
            translated.events.append(event)
            translated.owners.append(position)
    return translated


def events_of(span: PostedSpan, *, role: SpanRole) -> Iterator[PostedEvent]:
    if role is SpanRole.NONE:
        return
    if not span.has_ids:
        yield refused(BAD_IDS, name=NAMES[role], event_id=None)
    elif role is SpanRole.WORKFLOW:
        yield from workflow_events(span)
    elif role is SpanRole.AGENT:
        yield from agent_events(span)
    elif role is SpanRole.MODEL_CALL:
        yield from model_events(span)
    else:
        yield from approval_events(span)


def workflow_events(span: PostedSpan) -> Iterator[bytes]:
    shared = {
        "runId": run_id(span),
        "draftId": text(span, "draftId"),
        "workflowId": text(span, "workflowId"),
        "workflowName": text(span, "workflowName"),
        "retryOfRunId": text(span, "retryOfRunId"),
        "traceId": span.trace_id,
    }
    trigger = TRIGGERS.get((text(span, "trigger") or "").lower())
    yield start(span, "workbench.workflow_run_started", {**shared, "trigger": trigger})
    if span.end_ns:
        yield end(span, "workbench.workflow_run_completed", {**shared, **outcome(span, "workflowStatus")})


def agent_events(span: PostedSpan) -> Iterator[bytes]:
    agent_id = text(span, "agentId")
    shared = {
        "runId": run_id(span),
        "agentRunId": text(span, "agentRunId") or span_key(span),
        "agentName": text(span, "agentName") or agent_id or span.name,
        "agentId": agent_id,
        "action": text(span, "action"),
        "model": text(span, "model"),
        "attempt": number(span, "attempt"),
        **place(span),
    }
    yield start(span, "agent.run_started", shared)
    if span.end_ns:
        yield end(span, "agent.run_completed", {**shared, **outcome(span, "agentStatus"), **usage(span)})


def model_events(span: PostedSpan) -> Iterator[bytes]:
    if span.end_ns:
        properties = {
            "runId": run_id(span),
            "agentRunId": text(span, "agentRunId"),
            "model": text(span, "model"),
            **place(span),
            **outcome(span, "agentStatus"),
            **usage(span),
        }
        yield end(span, "agent.model_called", properties)


def approval_events(span: PostedSpan) -> Iterator[bytes]:
    """The request; and the decision, where the span has ended and says what it was."""
    shared = {
        "approvalId": text(span, "approvalId") or span_key(span),
        "runId": run_id(span),
        "toolIds": texts(span, "toolIds"),
    }
    asked = {
        "contextType": text(span, "contextType"),
        "workflowId": text(span, "workflowId"),
        "draftId": text(span, "draftId"),
    }
    yield start(span, "workbench.approval_requested", {**shared, **asked})
    approved = value(span, "approved")
    if span.end_ns and approved is not None:
        decided = {"approved": approved, "approverId": text(span, "approverId")}
        yield end(span, "workbench.approval_completed", {**shared, **decided})


# Parts of events -------------------------------------------------------------------------------------------


def start(span: PostedSpan, name: str, properties: Properties) -> bytes:
    return event(span, name, properties, suffix="s", ns=span.start_ns)


def end(span: PostedSpan, name: str, properties: Properties) -> bytes:
    return event(span, name, properties, suffix="e", ns=span.end_ns)


def event(span: PostedSpan, name: str, properties: Properties, *, suffix: str, ns: int) -> bytes:
    """The JSON text of an event; what is not known is left out."""
    body = {
        "event": name,
        "id": f"{span_key(span)}-{suffix}",
        "sessionId": text(span, "sessionId") or span.trace_id,
        "timestamp": moment(ns),
        "properties": {key: value for key, value in properties.items() if value is not None},
    }
    return encode({key: value for key, value in body.items() if value is not None})


def span_key(span: PostedSpan) -> str:
    return f"{span.trace_id}-{span.span_id}"


def run_id(span: PostedSpan) -> str:
    return text(span, "runId") or span.trace_id


def place(span: PostedSpan) -> Properties:
    return {"traceId": span.trace_id, "spanId": span.span_id, "parentSpanId": span.parent_id or None}


def moment(ns: int) -> str | None:
    """RFC 3339 to microseconds, cut off; None for no moment, which the plan refuses with its own words."""
    return (EPOCH + timedelta(microseconds=ns // 1000)).isoformat() if ns else None


def outcome(span: PostedSpan, source: str) -> Properties:
    """How it ended and how long it took; the type of its error only where it failed."""
    status = STATUSES.get((text(span, source) or "").lower()) or ("failed" if span.is_error else "completed")
    duration = (span.end_ns - span.start_ns + 500_000) // 1_000_000 if span.start_ns else None
    return {
        "status": status,
        "durationMs": max(0, duration) if duration is not None else None,
        "errorType": error_type(span) if status == "failed" else None,
    }


def error_type(span: PostedSpan) -> str:
    """The class of the error. What looks like personal data, or is no short token, is an other error."""
    name = text(span, "errorType") or span.exception_type
    is_token = 0 < len(name) <= MAX_TOKEN_LENGTH and name.isprintable()
    return name if is_token and not looks_like_pii(name) else OTHER_ERROR


def usage(span: PostedSpan) -> Properties:
    return {name: number(span, name) for name in ("inputTokens", "outputTokens", "costUsd")}


# Values ----------------------------------------------------------------------------------------------------


def value(span: PostedSpan, name: str) -> Value | None:
    """The first attribute that holds this property; an empty text counts as none."""
    for key in SOURCES[name]:
        found = span.attributes.get(key)
        if found is not None and found != "":
            return found
    return None


def text(span: PostedSpan, name: str) -> str | None:
    """The property as a text: numbers are written out, as ids are sometimes numbers. None for a list."""
    found = value(span, name)
    if found is None or isinstance(found, list):
        return None
    return str(found).lower() if isinstance(found, bool) else str(found)


def texts(span: PostedSpan, name: str) -> list[str] | None:
    """The property as a list of texts; one text is a list of one."""
    found = value(span, name)
    if found is None or isinstance(found, list):
        return found
    return [str(found)]


def number(span: PostedSpan, name: str) -> int | float | None:
    """The property as a number; None for what is none. Whole numbers may be sent as texts or with a point."""
    found = value(span, name)
    if found is None and name in LANGFUSE_DETAILS:
        found = detail(span, name)
    return as_number(found)


def detail(span: PostedSpan, name: str) -> Value | None:
    """The number in one of Langfuse's JSON objects."""
    attribute, keys = LANGFUSE_DETAILS[name]
    try:
        details = decode_details(str(span.attributes.get(attribute, "")))
    except msgspec.DecodeError:
        return None
    found = next((details[key] for key in keys if key in details), None)
    return found if isinstance(found, int | float | str) else None


def as_number(found: Value | None) -> int | float | None:
    if isinstance(found, bool) or not isinstance(found, int | float | str):
        return None
    try:
        parsed = float(found)
    except (ValueError, OverflowError):
        return None
    if parsed != parsed or abs(parsed) == float("inf"):
        return None
    if isinstance(found, int):
        return found
    return int(parsed) if parsed.is_integer() else parsed


# Words -----------------------------------------------------------------------------------------------------

# What a property of a rejected event came from, for the words that its sender knows.
OTLP_WORDING = Wording(
    session=f"Set one of the attributes {', '.join(SOURCES['sessionId'])}.",
    parts={"timestamp": "startTimeUnixNano or endTimeUnixNano", "properties": "attributes", "event": "name"},
    properties={name: " or ".join(attributes) for name, attributes in SOURCES.items()},
)


def wording(_index: int) -> Wording:
    return OTLP_WORDING
