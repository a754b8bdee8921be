"""The health report for people and programs: on the admin's front page, with its runbook, and as JSON."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.authentication import SessionAuthentication
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config.health.findings import SEVERITY, HealthStatus
from config.health.report import HealthLine, HealthReport, read_health
from kpis.api.access import ReadKeyAuthentication, ReadKeyScheme
from kpis.api.schemas.kpis import ErrorSerializer
from people.access import limit_of
from telemetry.models import ApiKey, Scope
from web.runbooks import read_runbook

PLURALS = {HealthStatus.WARNING: "warnings", HealthStatus.CRITICAL: "critical"}


def add_report(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """unfold's DASHBOARD_CALLBACK: what templates/admin/index.html shows."""
    report = report_for(request.user)
    return {
        **context,
        "title": "Health",
        "health": report,
        "headline": headline(report),
        "lines": sorted(report.lines, key=lambda line: -SEVERITY.index(line.status)),
    }


def report_for(person: Any) -> HealthReport:
    """The report now, as far as the person may see the environments that it speaks of."""
    report = read_health(now=timezone.now())
    return report if limit_of(person) is None else report.for_limited_people()


def headline(report: HealthReport) -> str:
    """`2 critical, 1 warning`, or that all is well."""
    counts = [(status, len(report.with_status(status))) for status in reversed(SEVERITY[1:])]
    words = [f"{count} {status if count == 1 else PLURALS[status]}" for status, count in counts if count]
    return ", ".join(words) or f"All {len(report.lines)} checks are ok"


def runbook(request: HttpRequest) -> HttpResponse:
    """What to do about each line of the report."""
    context = {
        **admin.site.each_context(request),
        "title": "Runbook: health",
        "sections": read_runbook("health"),
    }
    return TemplateResponse(request, "admin/runbook.html", context)


def report_json(report: HealthReport) -> dict[str, Any]:
    return {
        "status": report.status,
        "checked_at": report.checked_at,
        "lines": [line_json(line) for line in report.lines],
    }


def line_json(line: HealthLine) -> dict[str, Any]:
    return {
        "name": line.name,
        "title": line.title,
        "status": line.status,
        "text": line.text,
        "value": line.value,
        "unit": line.unit,
        "details": [{"name": name, "text": text} for name, text in line.details],
        "action": line.action,
        "runbook": line.runbook,
    }


class DetailSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(help_text="Environment, source, key, table, …")
    text = serializers.CharField()


class HealthLineSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(help_text="For programs: it stays")
    title = serializers.CharField()
    status = serializers.ChoiceField(list(HealthStatus))
    text = serializers.CharField(help_text="What was found, for people")
    value = serializers.FloatField(allow_null=True, help_text="The number that decided, in the unit")
    unit = serializers.CharField(allow_blank=True)
    details = DetailSerializer(many=True)
    action = serializers.CharField(allow_blank=True, help_text="What to do; empty where the status is ok")
    runbook = serializers.CharField(help_text="Path of the page that says more")


class HealthReportSerializer(serializers.Serializer[Any]):
    status = serializers.ChoiceField(list(HealthStatus), help_text="That of the worst line")
    checked_at = serializers.DateTimeField()
    lines = HealthLineSerializer(many=True)


class MetricsKeyAuthentication(ReadKeyAuthentication):
    scopes = (Scope.METRICS, Scope.ADMIN)


class MetricsKeyScheme(ReadKeyScheme):  # type: ignore[no-untyped-call]  # Its base has no types.
    target_class = "config.health.views.MetricsKeyAuthentication"
    name = "metricsKey"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "A key of scope `metrics` or `admin`."}


class IsOperator(BasePermission):
    """Allows a key that was let in, and people who may open the admin."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        return isinstance(request.auth, ApiKey) or bool(request.user and request.user.is_staff)


class HealthView(APIView):
    authentication_classes = [MetricsKeyAuthentication, SessionAuthentication]
    permission_classes = [IsOperator]
    metadata_class = None

    @extend_schema(
        operation_id="readHealth",
        summary="The health of the portal",
        description="The lines of the admin's front page. The answer is 200 whatever they say.",
        tags=["health"],
        responses={200: HealthReportSerializer, 401: ErrorSerializer, 403: ErrorSerializer},
    )
    def get(self, request: Request) -> Response:
        is_key = isinstance(request.auth, ApiKey)
        report = read_health(now=timezone.now()) if is_key else report_for(request.user)
        return Response(report_json(report))
