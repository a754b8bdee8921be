"""The door's shapes for the OpenAPI description."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter

from telemetry.door.recent import DEFAULT_RECENT, MAX_OFFSET, MAX_RECENT, STATUSES
from telemetry.plan.definitions import MAX_EVENT_ID_LENGTH, MAX_ID_LENGTH
from telemetry.plan.reading import MAX_EVENT_NAME_LENGTH
from telemetry.plan.schema import MAX_BATCH_EVENTS

ERROR: dict[str, Any] = {
    "type": "object",
    "required": ["code", "message", "detail", "request_id"],
    "properties": {
        "code": {"type": "string"},
        "message": {"type": "string"},
        "detail": {"description": "The message, or the faults field by field"},
        "request_id": {"type": "string"},
    },
}

EVENT: dict[str, Any] = {
    "type": "object",
    "description": "An event of the tracking plan; /api/plan/schema.json has each event's own schema.",
    "required": ["event", "sessionId", "timestamp"],
    "properties": {
        "event": {"type": "string", "maxLength": MAX_EVENT_NAME_LENGTH},
        "id": {"type": "string", "minLength": 1, "maxLength": MAX_EVENT_ID_LENGTH},
        "sessionId": {"type": "string", "minLength": 1, "maxLength": MAX_ID_LENGTH},
        "timestamp": {"type": "string", "format": "date-time"},
        "properties": {"type": "object"},
    },
}

EVENTS: dict[str, Any] = {
    "oneOf": [
        {
            "type": "object",
            "required": ["events"],
            "additionalProperties": False,
            "properties": {"events": {"type": "array", "maxItems": MAX_BATCH_EVENTS, "items": EVENT}},
        },
        {"type": "array", "maxItems": MAX_BATCH_EVENTS, "items": EVENT},
        EVENT,
    ]
}

VERDICT: dict[str, Any] = {
    "type": "object",
    "required": ["index", "id", "status", "code", "field", "message"],
    "properties": {
        "index": {"type": "integer", "minimum": 0},
        "id": {"type": "string"},
        "status": {"type": "string", "enum": ["accepted", "rejected", "duplicate", "warning"]},
        "code": {"type": "string"},
        "field": {"type": "string"},
        "message": {"type": "string"},
    },
}

RESULT: dict[str, Any] = {
    "type": "object",
    "required": ["accepted", "duplicates", "rejected", "results"],
    "properties": {
        "accepted": {"type": "integer", "minimum": 0},
        "duplicates": {"type": "integer", "minimum": 0},
        "rejected": {"type": "integer", "minimum": 0},
        "results": {"type": "array", "items": VERDICT, "maxItems": 100},
        "results_left_out": {"type": "integer", "minimum": 1},
    },
}

CLOUDEVENT: dict[str, Any] = {
    "type": "object",
    "description": "A CloudEvent 1.0. Its type is the event's name, its data are the properties.",
    "required": ["specversion", "id", "source", "type"],
    "properties": {
        "specversion": {"type": "string", "enum": ["1.0"]},
        "id": {"type": "string", "minLength": 1, "maxLength": MAX_EVENT_ID_LENGTH},
        "source": {"type": "string", "minLength": 1},
        "type": {"type": "string", "maxLength": MAX_EVENT_NAME_LENGTH},
        "time": {"type": "string", "format": "date-time"},
        "sessionid": {"type": "string", "minLength": 1, "maxLength": MAX_ID_LENGTH},
        "data": {"type": "object"},
    },
}
CLOUDEVENTS: dict[str, Any] = {"type": "array", "maxItems": MAX_BATCH_EVENTS, "items": CLOUDEVENT}

RECENT_PARAMETERS = [
    OpenApiParameter("status", enum=STATUSES, description="Only accepted or only rejected events"),
    OpenApiParameter(
        "event",
        {"type": "string", "maxLength": MAX_EVENT_NAME_LENGTH},
        description="Only events of this name",
    ),
    OpenApiParameter(
        "since", OpenApiTypes.DATETIME, description="Only events received at or after this moment"
    ),
    OpenApiParameter(
        "limit",
        {"type": "integer", "minimum": 1, "maximum": MAX_RECENT, "default": DEFAULT_RECENT},
        description="How many events",
    ),
    OpenApiParameter(
        "offset",
        {"type": "integer", "minimum": 0, "maximum": MAX_OFFSET, "default": 0},
        description="How many rejected events to pass over (with status=rejected)",
    ),
]
PROBLEM: dict[str, Any] = {
    "type": "object",
    "required": ["code", "field", "message"],
    "properties": {name: {"type": "string"} for name in ("code", "field", "message")},
}
RECENT: dict[str, Any] = {
    "type": "object",
    "required": ["environment", "events"],
    "properties": {
        "environment": {"type": "string", "description": "The key's, in which all of its events are"},
        "events": {
            "type": "array",
            "items": {
                "type": "object",
                "required": [
                    "status",
                    "received_at",
                    "event",
                    "id",
                    "index",
                    "timestamp",
                    "sent_timestamp",
                    "errors",
                ],
                "properties": {
                    "status": {"type": "string", "enum": ["accepted", "rejected"]},
                    "received_at": {"type": "string", "format": "date-time"},
                    "event": {"type": "string"},
                    "id": {"type": "string"},
                    "index": {"type": "integer", "minimum": 0, "nullable": True},
                    "timestamp": {"type": "string", "format": "date-time", "nullable": True},
                    "sent_timestamp": {"description": "As the client sent it, redacted", "nullable": True},
                    "errors": {"type": "array", "items": PROBLEM},
                },
            },
        },
    },
}

INGEST_FAULTS: dict[int, Any] = dict.fromkeys((400, 401, 403, 405, 413, 415, 429, 503), ERROR)
READ_FAULTS: dict[int, Any] = dict.fromkeys((401, 403, 405, 503), ERROR)

INGEST_EXAMPLE = OpenApiExample(
    "A batch of one",
    request_only=True,
    value={
        "events": [
            {
                "event": "workbench.draft_created",
                "id": "0190a1f2-5e0c-7d5a-9f1e-2b1c5d7e9a10",
                "sessionId": "s-1",
                "timestamp": "2026-02-02T10:00:00.000Z",
                "properties": {"source": "chat", "draftId": "d-1"},
            }
        ]
    },
)

# Names of the security schemes in SPECTACULAR_SETTINGS. (drf-spectacular's type of `auth` knows names only.)
KEY_SECURITY: Any = [{"bearerKey": []}, {"headerKey": []}, {"queryKey": []}]
PLAN_SECURITY: Any = [*KEY_SECURITY, {"cookieAuth": []}]
