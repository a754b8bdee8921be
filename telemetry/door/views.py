"""The door for events, and what became of the last ones."""

import time
from datetime import datetime
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from telemetry import maintenance
from telemetry.door import openapi
from telemetry.door.body import read_events
from telemetry.door.posting import DoorView, counts_and_results, json_response, store
from telemetry.door.protocols import cloudevents, webhooks
from telemetry.door.recent import RecentQuery, recent_events
from telemetry.door.throttling import check_rate
from telemetry.intake.ingest import IngestResult
from telemetry.keys import authenticate
from telemetry.models import ApiKey, Scope


class TelemetryView(DoorView):
    """The one door, for the portal's own clients and for CloudEvents."""

    http_method_names = ["post", "options"]

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
        maintenance.refuse_if_on(now=now)
        http_request = request._request
        key = authenticate(http_request, scope=Scope.INGEST, now=now)
        check_rate(key, at=time.monotonic())
        result = store_posted(http_request, key=key, now=now)
        if webhooks.prefers_no_body(http_request):
            headers = {"Preference-Applied": "return=minimal"}
            return HttpResponse(status=HTTPStatus.NO_CONTENT, headers=headers)
        return json_response(counts_and_results(result, request=http_request))

    def options(self, request: Any, *args: Any, **kwargs: Any) -> Response:
        """The handshake of a webhook."""
        if not webhooks.is_handshake(request._request):
            self.http_method_not_allowed(request)
        return Response(headers=webhooks.permission(request._request))


def store_posted(request: HttpRequest, *, key: ApiKey, now: datetime) -> IngestResult:
    """Read the request's body in the form of the plan or as CloudEvents, and store its events."""
    if not cloudevents.is_cloudevent(request):
        return store(request, read_events(request), key=key, now=now)
    translation = cloudevents.read(request, now=now)
    return store(
        request,
        translation.events,
        key=key,
        now=now,
        origins=translation.origins,
        sent_moments=translation.sent_moments,
        wording_of=translation.wording_of,
    )


class RecentEventsView(DoorView):
    """What became of the last events of a key, for whoever has that key."""

    # The docstring is the operation's description in the OpenAPI document.

    http_method_names = ["get", "head"]

    @extend_schema(
        operation_id="read_recent_events",
        summary="The key's last events, with their verdicts",
        tags=["ingest"],
        auth=openapi.KEY_SECURITY,
        parameters=openapi.RECENT_PARAMETERS,
        responses={200: openapi.RECENT, 400: openapi.ERROR, 429: openapi.ERROR, **openapi.READ_FAULTS},
    )
    def get(self, request: Request) -> HttpResponse:
        key = authenticate(request._request, scope=Scope.INGEST, now=timezone.now())
        check_rate(key, at=time.monotonic())
        query = RecentQuery.from_parameters(request._request.GET.dict())
        return json_response({"environment": key.environment_id, "events": recent_events(key, query=query)})
