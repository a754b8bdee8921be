"""The routes of other SDKs. They answer 200 for whatever could be read: those SDKs take nothing else as success."""

import time
from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from telemetry.door.body import check_size, json_text, read_decompressed
from telemetry.door.posting import DoorView, json_response, store
from telemetry.door.protocols import posthog, segment
from telemetry.door.protocols.messages import Translation
from telemetry.door.throttling import check_rate
from telemetry.intake.ingest import IngestResult
from telemetry.intake.instruments import count_dropped_properties
from telemetry.keys import check_in_force, find_key, known_key, secret_or_user_in
from telemetry.models import ApiKey, Scope
from telemetry.plan.values import parse_timestamp
from web import maintenance
from web.errors import ApiError


def take(
    request: HttpRequest, *, now: datetime, translate: Callable[[], Translation], verbose: bool = False
) -> tuple[IngestResult, Translation]:
    """Ask for a key, translate and store. A known key in a header goes before one in the body.

    `translate` reads the request's body. Raises ApiError: 401, 403, 429 and 503 as the door does, 400 for
    what can't be read, 413 for too much of it.
    """
    maintenance.refuse_if_on()
    in_header = secret_or_user_in(request.META)
    # The body is read without a key only when there may be one in it.
    if find_key(in_header):
        key = admit(in_header, now=now)
        translation = translate()
    else:
        translation = translate()
        key = admit(translation.secret or in_header, now=now)
    result = store(
        request, translation.events, key=key, now=now, verbose=verbose, origins=translation.origins
    )
    count_dropped_properties(environment=key.environment_id, properties=translation.dropped_properties)
    return result, translation


def admit(secret: str, *, now: datetime) -> ApiKey:
    """The ingest key of this secret, with one post taken from its share; raises ApiError (401, 403, 429)."""
    key = check_in_force(known_key(secret), scopes=(Scope.INGEST,), now=now)
    check_rate(key, at=time.monotonic())
    return key


def read_body(request: HttpRequest) -> bytes:
    """The decompressed body, whatever content type it claims.

    Raises ApiError; an encoding that is not taken is 400 too, because SDKs send anything else again.
    """
    try:
        return read_decompressed(request)
    except ApiError as error:
        if error.status_code == HTTPStatus.UNSUPPORTED_MEDIA_TYPE:
            error.status_code = HTTPStatus.BAD_REQUEST
        raise


def verdict(result: IngestResult) -> dict[str, object]:
    return {
        "accepted": result.accepted,
        "duplicates": result.duplicates,
        "rejected": result.rejected,
        "results": result.results,
    }


class SegmentView(DoorView):
    @extend_schema(exclude=True)
    def post(self, request: Request, route: str) -> HttpResponse:
        now = timezone.now()
        http_request = request._request

        def translate() -> Translation:
            body = check_size(read_body(http_request), limit=segment.MAX_BODY_BYTES)
            return segment.translate(json_text(body), call=segment.ROUTES[route], now=now)

        result, _ = take(http_request, now=now, translate=translate)
        return json_response({"success": True, **verdict(result)})


class SegmentMetricsView(DoorView):
    """analytics.js reports on itself; the portal has no use for it."""

    @extend_schema(exclude=True)
    def post(self, request: Request) -> HttpResponse:
        return json_response({"success": True})


class SegmentSettingsView(DoorView):
    http_method_names = ["get", "head"]

    @extend_schema(exclude=True)
    def get(self, request: Request, write_key: str) -> HttpResponse:
        http_request = request._request
        return json_response(
            segment.settings(
                write_key=write_key, host=http_request.get_host(), scheme=http_request.scheme or "http"
            )
        )


class PostHogView(DoorView):
    @extend_schema(exclude=True)
    def post(self, request: Request) -> HttpResponse:
        now = timezone.now()
        http_request = request._request

        def translate() -> Translation:
            is_form = http_request.content_type == posthog.FORM
            text = json_text(posthog.json_of(read_body(http_request), is_form=is_form))
            sent_at = posthog.sent_at_of(http_request.GET.get("_", ""))
            return posthog.translate(text, now=now, sent_at=sent_at)

        result, translation = take(http_request, now=now, translate=translate)
        dropped = {"dropped_properties": translation.dropped_properties}
        return json_response({"status": 1, **verdict(result), **dropped})


class PostHogAnalyticsView(DoorView):
    """PostHog's newer capture, whose SDKs expect a directive for each event's uuid."""

    @extend_schema(exclude=True)
    def post(self, request: Request) -> HttpResponse:
        now = timezone.now()
        http_request = request._request

        def translate() -> Translation:
            sent_at = parse_timestamp(http_request.META.get("HTTP_POSTHOG_REQUEST_TIMESTAMP", ""))
            return posthog.translate(json_text(read_body(http_request)), now=now, sent_at=sent_at)

        result, _ = take(http_request, now=now, translate=translate, verbose=True)
        return json_response({"results": posthog.directives(result.results)})


class PostHogConfigView(DoorView):
    """Flags and configuration, the same for everybody: nothing is read and nothing is told."""

    http_method_names = ["get", "head", "post"]

    @extend_schema(exclude=True)
    def get(self, request: Request, token: str = "") -> HttpResponse:
        return json_response({"token": token, **posthog.CONFIG} if token else posthog.CONFIG)

    @extend_schema(exclude=True)
    def post(self, request: Request) -> HttpResponse:
        return json_response(posthog.CONFIG)


class PostHogScriptView(DoorView):
    http_method_names = ["get", "head"]

    @extend_schema(exclude=True)
    def get(self, request: Request, token: str) -> HttpResponse:
        return HttpResponse(posthog.config_script(token), content_type="text/javascript")
