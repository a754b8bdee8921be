"""`POST /v1/traces`: spans of an unchanged OpenTelemetry SDK or collector."""

import time
from datetime import datetime
from math import ceil
from typing import Any

from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from telemetry import maintenance
from telemetry.door.body import check_content_type, json_text, read_decompressed
from telemetry.door.posting import DoorView, store
from telemetry.door.protocols.otlp import answers, translating
from telemetry.door.protocols.otlp.spans import PostedSpan, read_json
from telemetry.door.protocols.otlp.translating import TranslatedSpans
from telemetry.door.throttling import check_rate
from telemetry.intake.instruments import count_spans
from telemetry.keys import authenticate
from telemetry.models import ApiKey, Scope
from telemetry.plan.schema import MAX_BATCH_EVENTS
from web.errors import ApiError, unavailable_database

# Nobody splits a batch that was refused as too large.
MAX_BODY_BYTES = 16 * 1024 * 1024
# A body may be 350,000 spans without a role. Other posts to SQLite wait for each transaction that stores some.
MAX_BATCH_LINKS = 10_000
TYPES = frozenset({answers.PROTOBUF, answers.JSON})
# Spans whose problem the answer tells; the rest is found with the key's recent events.
MAX_TOLD = 3


class TracesView(DoorView):
    @extend_schema(exclude=True)
    def post(self, request: Request) -> HttpResponse:
        http_request = request._request
        content_type = http_request.content_type or ""
        try:
            return take(http_request, content_type=content_type, now=timezone.now())
        except ApiError as error:
            return answers.fault(error, content_type)
        except DatabaseError as error:
            return answers.fault(unavailable_database(error), content_type)


def take(request: HttpRequest, *, content_type: str, now: datetime) -> HttpResponse:
    """Store a request's spans as events. Raises ApiError."""
    maintenance.refuse_if_on(now=now)
    key = authenticate(request, scope=Scope.INGEST, now=now)
    check_rate(key, at=time.monotonic())
    translated = translating.translate(read_spans(request, content_type=content_type))
    rejections = store_all(request, translated, key=key, now=now)
    count_spans(environment=key.environment_id, roles=translated.roles)
    return answers.success(
        content_type,
        rejected_spans=len(rejections),
        message=" ".join([*told(rejections), *warnings(translated, environment=key.environment_id)]),
    )


def read_spans(request: HttpRequest, *, content_type: str) -> list[PostedSpan]:
    check_content_type(request, accepted=TYPES, names=f"{answers.PROTOBUF} or {answers.JSON}")
    body = read_decompressed(request, limit=MAX_BODY_BYTES)
    if content_type == answers.PROTOBUF:
        from telemetry.door.protocols.otlp import protobuf

        return protobuf.read(body)
    return read_json(json_text(body)) if body else []


def store_all(
    request: HttpRequest, translated: TranslatedSpans, *, key: ApiKey, now: datetime
) -> dict[int, str]:
    """Store events and links in portions, each in a transaction; what was rejected of which span, and why.

    If a portion fails, the exporter sends all of them again, and those that are stored are duplicates then.
    """
    rejections: dict[int, str] = {}
    events, links = translated.events, translated.links
    for number in range(max(ceil(len(events) / MAX_BATCH_EVENTS), ceil(len(links) / MAX_BATCH_LINKS))):
        first, first_link = number * MAX_BATCH_EVENTS, number * MAX_BATCH_LINKS
        result = store(
            request,
            events[first : first + MAX_BATCH_EVENTS],
            key=key,
            now=now,
            all_results=True,
            wording_of=translating.wording,
            links=links[first_link : first_link + MAX_BATCH_LINKS],
        )
        for entry in result.results:
            if entry["status"] == "rejected":
                rejections.setdefault(translated.owners[first + entry["index"]], sentence(entry))
    return rejections


def sentence(entry: dict[str, Any]) -> str:
    return f"{entry['field']}: {entry['message']}" if entry["field"] else str(entry["message"])


def told(rejections: dict[int, str]) -> list[str]:
    """The different reasons, the first of them: most spans of a batch have the same thing wrong."""
    return list(dict.fromkeys(rejections.values()))[:MAX_TOLD]


def warnings(translated: TranslatedSpans, *, environment: str) -> list[str]:
    if translated.environments <= {"", environment}:
        return []
    return [
        f"The key's environment is {environment}: another deployment.environment.name of the resource is not used."
    ]
