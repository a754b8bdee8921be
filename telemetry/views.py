"""The telemetry API: the door for events, and the plan that they must keep to."""

import logging
import time
from collections.abc import Iterable, Sequence
from datetime import datetime
from http import HTTPStatus

import msgspec
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.permissions import BasePermission
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from telemetry import maintenance, openapi
from telemetry.body import read_events
from telemetry.errors import ApiError, Unavailable
from telemetry.ingest import IngestResult, Posted, ingest_events
from telemetry.keys import authenticate, check_in_force, known_key, secret_of
from telemetry.models import ApiKey, Scope
from telemetry.plan import get_plan, json_schema, plan_as_dict
from telemetry.protocols import cloudevents
from telemetry.recent import recent_events
from telemetry.throttling import check_rate

logger = logging.getLogger(__name__)

encoder = msgspec.json.Encoder()

DEFAULT_RECENT = 50
MAX_RECENT = 200


class JsonOnly(BaseContentNegotiation):
    """One representation, whatever the client accepts: an Accept header is no reason to lose events."""

    def select_parser(self, request: Request, parsers: Iterable[BaseParser]) -> BaseParser | None:
        return None

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        return next(iter(renderers)), "application/json"


def json_response(value: object) -> HttpResponse:
    return HttpResponse(encoder.encode(value), content_type="application/json")


class DoorView(APIView):
    """It asks for a key itself, before the body is read where it can; DRF's own steps cost a post nothing."""

    http_method_names = ["post"]
    authentication_classes = ()
    permission_classes = ()
    throttle_classes = ()
    content_negotiation_class = JsonOnly


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
            events, origins = translation.events, translation.origins
            return json_response(store(http_request, events, key=key, now=now, origins=origins))
        return json_response(store(http_request, read_events(http_request), key=key, now=now))


def store(
    request: HttpRequest,
    events: Sequence[Posted],
    *,
    key: ApiKey,
    now: datetime,
    verbose: bool = False,
    origins: Sequence[str] | None = None,
) -> IngestResult:
    """Pass a request's events in, as its query says (`dry_run`, `verbose`); see `ingest_events`.

    Raises ApiError (503) when the database does not store them.
    """
    try:
        return ingest_events(
            events,
            key=key,
            now=now,
            dry_run=asks_for(request, "dry_run"),
            verbose=verbose or asks_for(request, "verbose"),
            origins=origins,
        )
    except DatabaseError as error:
        raise not_stored(error) from error


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
        message = f"limit: It takes a whole number from 1 to {MAX_RECENT}."
        raise ApiError(status=HTTPStatus.BAD_REQUEST, code="bad_parameter", message=message)
    return int(text)


class KeyOrSession(BasePermission):
    """The plan is for whoever sends or reads events: a key of any scope, or a signed-in session."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        if request.user is not None and request.user.is_authenticated:
            return True
        key = known_key(secret_of(request._request))
        check_in_force(key, scopes=Scope.values, now=timezone.now())
        return True


class PlanView(APIView):
    http_method_names = ["get", "head"]
    permission_classes = (KeyOrSession,)
    content_negotiation_class = JsonOnly

    @extend_schema(
        operation_id="read_plan",
        summary="The tracking plan",
        tags=["plan"],
        auth=openapi.PLAN_SECURITY,
        responses={200: OpenApiTypes.OBJECT, **openapi.READ_FAULTS},
    )
    def get(self, request: Request) -> HttpResponse:
        return json_response(plan_as_dict(get_plan()))


class PlanSchemaView(APIView):
    http_method_names = ["get", "head"]
    permission_classes = (KeyOrSession,)
    content_negotiation_class = JsonOnly

    @extend_schema(
        operation_id="read_plan_schema",
        summary="JSON Schema of what may be posted",
        tags=["plan"],
        auth=openapi.PLAN_SECURITY,
        responses={200: OpenApiTypes.OBJECT, **openapi.READ_FAULTS},
    )
    def get(self, request: Request) -> HttpResponse:
        return json_response(json_schema(get_plan()))


def asks_for(request: HttpRequest, name: str) -> bool:
    """Whether the query switches this on."""
    if not request.META.get("QUERY_STRING"):
        return False
    return request.GET.get(name, "").lower() in {"1", "true", "yes", "on"}


def not_stored(error: DatabaseError) -> Unavailable:
    """The client keeps its events and sends them again: nothing is lost while the database is away."""
    # The driver's message may quote values of an event: only the class is logged.
    logger.error("A batch was not stored: %s", type(error).__name__)
    return Unavailable(code="database_unavailable", message="The events were not stored. Send them again.")
