"""The door for events, and what became of the last ones."""

import time
from http import HTTPStatus

from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request

from telemetry.door import openapi
from telemetry.door.body import read_events
from telemetry.door.posting import DoorView, json_response, store
from telemetry.door.protocols import cloudevents
from telemetry.door.recent import recent_events
from telemetry.door.throttling import check_rate
from telemetry.keys import authenticate
from telemetry.models import Scope
from web import maintenance
from web.errors import ApiError

DEFAULT_RECENT = 50
MAX_RECENT = 200


class TelemetryView(DoorView):
    """The one door, for the portal's own clients and for CloudEvents."""

    @extend_schema(
        operation_id="ingest_events",
        summary="Post events",
        tags=["ingest"],
        auth=openapi.KEY_SECURITY,
        parameters=[
            OpenApiParameter("dry_run", OpenApiTypes.BOOL, description="Check, and store nothing"),
            OpenApiParameter("verbose", OpenApiTypes.BOOL, description="A result for accepted events too"),
        ],
        request={
            "application/json": openapi.EVENTS,
            "text/plain": openapi.EVENTS,
            cloudevents.STRUCTURED: openapi.CLOUDEVENT,
            cloudevents.BATCHED: openapi.CLOUDEVENTS,
        },
        responses={200: openapi.RESULT, **openapi.INGEST_FAULTS},
        examples=[openapi.INGEST_EXAMPLE],
    )
    def post(self, request: Request) -> HttpResponse:
        now = timezone.now()
        maintenance.refuse_if_on()
        http_request = request._request
        key = authenticate(http_request, scope=Scope.INGEST, now=now)
        check_rate(key, at=time.monotonic())
        if cloudevents.is_cloudevent(http_request):
            translation = cloudevents.read(http_request, now=now)
            result = store(
                http_request,
                translation.events,
                key=key,
                now=now,
                origins=translation.origins,
                sent_moments=translation.sent_moments,
            )
            return json_response(result)
        return json_response(store(http_request, read_events(http_request), key=key, now=now))


class RecentEventsView(DoorView):
    """What became of the last events of a key, for whoever has that key."""

    http_method_names = ["get", "head"]

    @extend_schema(
        operation_id="read_recent_events",
        summary="The key's last events, with their verdicts",
        tags=["ingest"],
        auth=openapi.KEY_SECURITY,
        parameters=[openapi.RECENT_LIMIT],
        responses={200: openapi.RECENT, 400: openapi.ERROR, 429: openapi.ERROR, **openapi.READ_FAULTS},
    )
    def get(self, request: Request) -> HttpResponse:
        key = authenticate(request._request, scope=Scope.INGEST, now=timezone.now())
        check_rate(key, at=time.monotonic())
        limit = limit_of(request._request.GET.get("limit", str(DEFAULT_RECENT)))
        return json_response({"events": recent_events(key, limit=limit)})


def limit_of(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 9 and 1 <= int(text) <= MAX_RECENT):
        message = f"limit: This must be a whole number from 1 to {MAX_RECENT}."
        raise ApiError(status=HTTPStatus.BAD_REQUEST, code="bad_parameter", message=message)
    return int(text)
