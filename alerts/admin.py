"""The admin of alerts: read only, because their sources write them."""

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from unfold.decorators import display

from alerts.models import Alert, AlertSource
from people.access import limit_of
from telemetry.admin.big_tables import ReadOnlyModelAdmin
from telemetry.admin.filters import EnvironmentFilter, choice_filter

STATES = {"firing": "danger", "over": "success"}


@admin.register(Alert)
class AlertAdmin(ReadOnlyModelAdmin):
    list_display = (
        "started_at",
        "state",
        "name",
        "severity",
        "environment",
        "kpi",
        "summary",
        "ended_at",
        "source",
    )
    list_filter = (EnvironmentFilter, choice_filter(field="source", choices=AlertSource.choices))
    fields = (
        "name",
        "severity",
        "environment",
        "kpi",
        "summary",
        "description",
        "runbook_url",
        "labels",
        "source",
        "fingerprint",
        "started_at",
        "ended_at",
        "expires_at",
        "unseen_since",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Model]:
        """One of no environment may name some in its texts: people with a limit are not shown it."""
        rows = super().get_queryset(request)
        return rows if limit_of(request.user) is None else rows.exclude(environment="")

    @display(description="state", label=STATES)
    def state(self, alert: Alert) -> str:
        return "over" if alert.end_at(timezone.now()) else "firing"
