"""The admin of arrivals: one a post, with what became of its events."""

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from unfold.decorators import display

from telemetry.admin.big_tables import ReadOnlyModelAdmin
from telemetry.admin.filters import EnvironmentFilter, KeyFilter
from telemetry.admin.formatting import compact_duration, link
from telemetry.models import Arrival


class PendingFilter(admin.SimpleListFilter):
    """Pending arrivals have an index of their own, so that their list is quick however many were taken."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        return [("pending", "Pending"), ("taken", "Taken by the fold")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Model]) -> QuerySet[Model]:
        if self.value() in {"pending", "taken"}:
            return queryset.filter(taken_at__isnull=self.value() == "pending")
        return queryset


@admin.register(Arrival)
class ArrivalAdmin(ReadOnlyModelAdmin):
    list_display = (
        "id",
        "received_at",
        "environment",
        "source",
        "client",
        "accepted",
        "duplicates",
        "rejections",
        "state",
        "taken_after",
    )
    list_filter = (PendingFilter, EnvironmentFilter, KeyFilter)
    fields = (
        "environment",
        "source",
        "client",
        "key",
        "received_at",
        "taken_at",
        "taken_after",
        "accepted",
        "duplicates",
        "rejections",
        "first_day",
        "last_day",
        "links_to_events",
    )
    readonly_fields = ("rejections", "taken_after", "links_to_events")
    list_select_related = False

    @display(description="rejected")
    def rejections(self, arrival: Arrival) -> str:
        codes = ", ".join(f"{code} {count}" for code, count in sorted(arrival.rejected.items()))
        total = sum(arrival.rejected.values())
        return f"{total} ({codes})" if total else "0"

    @display(description="state", label={"pending": "warning", "taken": "success"})
    def state(self, arrival: Arrival) -> str:
        return "taken" if arrival.taken_at else "pending"

    @display(description="taken after")
    def taken_after(self, arrival: Arrival) -> str:
        """How long it waited for the fold, or has been waiting until now."""
        duration = (arrival.taken_at or timezone.now()) - arrival.received_at
        return compact_duration(duration) if arrival.taken_at else f"waiting {compact_duration(duration)}"

    @display(description="events")
    def links_to_events(self, arrival: Arrival) -> SafeString:
        query = urlencode({"q": arrival.pk})
        raw = reverse("admin:telemetry_rawevent_changelist")
        quarantined = reverse("admin:telemetry_quarantinedevent_changelist")
        return format_html(
            "{} · {}",
            link(f"{raw}?{query}", "Accepted events"),
            link(f"{quarantined}?{query}", "Rejected events"),
        )
