"""Takes Alertmanager's reports."""

import time
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from alerts.models import AlertSource
from alerts.recording import record
from alerts.webhook.message import MAX_ALERTS, read_reports
from telemetry.door import openapi
from telemetry.door.posting import DoorView, json_response
from telemetry.door.throttling import check_rate
from telemetry.keys import authenticate
from telemetry.models import Scope

MESSAGE: dict[str, Any] = {
    "type": "object",
    "required": ["version", "alerts"],
    "properties": {
        "version": {"type": "string", "enum": ["4"]},
        "alerts": {
            "type": "array",
            "maxItems": MAX_ALERTS,
            "items": {
                "type": "object",
                "required": ["status", "labels", "fingerprint", "startsAt"],
                "properties": {
                    "status": {"type": "string", "enum": ["firing", "resolved"]},
                    "labels": {"type": "object", "additionalProperties": {"type": "string"}},
                    "annotations": {"type": "object", "additionalProperties": {"type": "string"}},
                    "startsAt": {"type": "string", "format": "date-time"},
                    "endsAt": {"type": "string", "format": "date-time"},
                    "fingerprint": {"type": "string"},
                },
            },
        },
    },
}
TAKEN: dict[str, Any] = {
    "type": "object",
    "required": ["firing", "resolved"],
    "properties": {name: {"type": "integer", "minimum": 0} for name in ("firing", "resolved")},
}


class AlertWebhookView(DoorView):
    """The receiver that alertmanager.yaml names."""

    @extend_schema(
        operation_id="report_alerts",
        summary="Report alerts, as Alertmanager's webhook does",
        tags=["alerts"],
        auth=openapi.KEY_SECURITY,
        request={"application/json": MESSAGE},
        responses={200: TAKEN, **openapi.INGEST_FAULTS},
    )
    def post(self, request: Request) -> HttpResponse:
        return json_response(take(request._request))


def take(request: HttpRequest) -> dict[str, int]:
    """Record what the request reports; how many alerts of it fire and how many are over."""
    now = timezone.now()
    key = authenticate(request, scope=Scope.ALERTS, now=now)
    check_rate(key, at=time.monotonic())
    reports = read_reports(request, lifetime=timedelta(hours=settings.ALERT_EXPIRY_HOURS), now=now)
    record(reports, source=AlertSource.ALERTMANAGER)
    resolved = sum(report.ended_at is not None for report in reports)
    return {"firing": len(reports) - resolved, "resolved": resolved}
