"""The admin of notices: what people were told, whether it reached them, and which channel takes what."""

from typing import Any

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from unfold.decorators import display

from people.access import limit_of
from telemetry.admin.big_tables import LimitedModelAdmin, ReadOnlyModelAdmin
from telemetry.admin.retention import EnvironmentChoiceForm
from telemetry.models import Notice, NoticeRoute

STATES = {"open": "warning", "over": "success"}


@admin.register(Notice)
class NoticeAdmin(ReadOnlyModelAdmin):
    list_display = (
        "opened_at",
        "title",
        "topic",
        "severity",
        "state",
        "closed_at",
        "mailed_at",
        "posted_at",
        "fault",
    )
    fields = (
        "title",
        "text",
        "topic",
        "subject",
        "environment",
        "severity",
        "ends",
        "opened_at",
        "closed_at",
        "mailed_at",
        "posted_at",
        "done_at",
        "attempts",
        "next_attempt_at",
        "fault",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Model]:
        """One of no environment may name some in its texts: people with a limit are not shown it."""
        rows = super().get_queryset(request)
        return rows if limit_of(request.user) is None else rows.exclude(environment="")

    @display(description="state", label=STATES)
    def state(self, notice: Notice) -> str:
        return "over" if notice.closed_at else "open"


class NoticeRouteForm(EnvironmentChoiceForm):
    class Meta:
        model = NoticeRoute
        fields = ["channel", "environment", "severity", "is_told", "quiet_from", "quiet_until"]

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        quiet = (cleaned.get("quiet_from"), cleaned.get("quiet_until"))
        if (quiet[0] is None) is not (quiet[1] is None):
            self.add_error("quiet_until", "Quiet hours have a beginning and an end.")
        elif quiet[0] is not None and quiet[0] == quiet[1]:
            self.add_error("quiet_until", "To keep quiet all day, switch *told* off.")
        return cleaned


@admin.register(NoticeRoute)
class NoticeRouteAdmin(LimitedModelAdmin):
    """Few rows: a channel has some at most."""

    form = NoticeRouteForm
    list_display = ("channel", "environment_name", "severity_name", "is_told", "quiet_from", "quiet_until")
    ordering = ("channel", "environment", "severity")
    sortable_by = ()
    list_fullwidth = True

    @display(description="environment")
    def environment_name(self, route: NoticeRoute) -> str:
        return route.environment or "every environment"

    @display(description="severity")
    def severity_name(self, route: NoticeRoute) -> str:
        return route.severity or "every severity"
