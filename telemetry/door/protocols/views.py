"""The routes of other SDKs. They answer 200 for every body that can be read: SDKs take nothing else as success."""

from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from telemetry.door.body import check_size, json_text
from telemetry.door.posting import DoorView, body_bytes, counts_and_results, json_response
from telemetry.door.protocols import posthog, segment
from telemetry.door.protocols.messages import Translation
from telemetry.door.protocols.posts import ingest_post, read_body
from telemetry.plan.values import parse_timestamp


class SegmentView(DoorView):
    @extend_schema(exclude=True)
    def post(self, request: Request, route: str) -> HttpResponse:
        now = timezone.now()
        http_request = request._request

        def translate() -> Translation:
            body = check_size(read_body(http_request), limit=segment.MAX_BODY_BYTES)
            return segment.translate(json_text(body), call=segment.ROUTES[route], now=now)

        result, _ = ingest_post(http_request, now=now, translate=translate)
        return json_response({"success": True, **counts_and_results(result, request=http_request)})


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


class RudderStackConfigView(DoorView):
    http_method_names = ["get", "head"]

    @extend_schema(exclude=True)
    def get(self, request: Request) -> HttpResponse:
        return json_response(segment.source_config())


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

        result, translation = ingest_post(http_request, now=now, translate=translate)
        dropped = {"dropped_properties": translation.dropped_properties}
        counts = counts_and_results(result, request=http_request)
        return json_response({"status": 1, **counts, **dropped})


class PostHogAnalyticsView(DoorView):
    """PostHog's newer capture, whose SDKs expect a directive for each event's uuid."""

    @extend_schema(exclude=True)
    def post(self, request: Request) -> HttpResponse:
        now = timezone.now()
        http_request = request._request

        def translate() -> Translation:
            sent_at = parse_timestamp(http_request.META.get("HTTP_POSTHOG_REQUEST_TIMESTAMP", ""))
            return posthog.translate(json_text(read_body(http_request)), now=now, sent_at=sent_at)

        result, _ = ingest_post(http_request, now=now, translate=translate, all_results=True)
        return json_response({"results": posthog.directives(result.results, room=body_bytes(http_request))})


class PostHogConfigView(DoorView):
    """Flags and configuration, the same for everybody: nothing is read and nothing is told."""

    http_method_names = ["get", "head", "post"]

    @extend_schema(exclude=True)
    def get(self, request: Request, token: str = "") -> HttpResponse:
        return json_response({"token": token, **posthog.CONFIG} if token else posthog.CONFIG)

    @extend_schema(exclude=True)
    def post(self, request: Request, token: str = "") -> HttpResponse:
        return json_response({"token": token, **posthog.CONFIG} if token else posthog.CONFIG)


class PostHogScriptView(DoorView):
    http_method_names = ["get", "head"]

    @extend_schema(exclude=True)
    def get(self, request: Request, token: str) -> HttpResponse:
        return HttpResponse(posthog.config_script(token), content_type="text/javascript")
