"""The admin of raw events, which are listed by day."""

import uuid
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any, cast

from django.contrib import admin
from django.db.models import Max, Model, Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.decorators import display

from telemetry.admin.big_tables import FixedOrderChangeList, ReadOnlyModelAdmin
from telemetry.admin.filters import EnvironmentFilter
from telemetry.admin.formatting import arrival_link, pretty_json
from telemetry.models import Arrival, RawEvent

# The newest day is looked for in this many of the newest arrivals.
RECENT_ARRIVALS = 200
DAYS_AFTER, DAYS_BEFORE = 2, 10


def newest_day(*, now: datetime) -> date:
    """The newest UTC day of the events that came with recent arrivals; today if there are none.

    Days after tomorrow are left out: they come from clients whose clocks are days ahead.
    """
    today = now.astimezone(UTC).date()
    is_real = Q(last_day__lte=today + timedelta(days=1))
    recent = Arrival.objects.order_by("-pk")[:RECENT_ARRIVALS].aggregate(
        newest=Max("last_day", filter=is_real)
    )
    day: date | None = recent["newest"]
    return day or today


class DayFilter(admin.SimpleListFilter):
    """Shows one UTC day, which is one partition on PostgreSQL: the newest, unless the address names another.

    A search shows all days: it is for the events of an arrival, which an index finds.
    """

    title = "day (UTC)"
    parameter_name = "day"

    def __init__(
        self, request: HttpRequest, params: dict[str, Any], model: type[Model], model_admin: Any
    ) -> None:
        self.newest = newest_day(now=timezone.now())
        self.is_searching = bool(request.GET.get("q", "").strip())
        super().__init__(request, params, model, model_admin)

    @property
    def day(self) -> date:
        try:
            return date.fromisoformat(self.value() or "")
        except ValueError:
            return self.newest

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        latest = min(self.day.toordinal() + DAYS_AFTER, self.newest.toordinal())
        earliest = max(self.day.toordinal() - DAYS_BEFORE, date.min.toordinal())
        days = [date.fromordinal(number) for number in range(latest, earliest - 1, -1)]
        return [(day.isoformat(), f"{day:%a} {day.isoformat()}") for day in days]

    def choices(self, changelist: Any) -> Iterator[Any]:
        newest, *days = super().choices(changelist)
        yield {**newest, "display": f"Newest ({self.newest.isoformat()})"}
        yield from days

    def queryset(self, request: HttpRequest, queryset: QuerySet[Model]) -> QuerySet[Model]:
        return queryset if self.is_searching and not self.value() else queryset.filter(day=self.day)


class RawEventChangeList(FixedOrderChangeList):
    """Links to an event name its day too: without it PostgreSQL would search every partition."""

    def url_for_result(self, result: RawEvent) -> str:
        return raw_event_url(result)


def raw_event_url(event: RawEvent) -> str:
    return reverse("admin:telemetry_rawevent_change", args=[f"{event.day.isoformat()}.{event.event_key}"])


@admin.register(RawEvent)
class RawEventAdmin(ReadOnlyModelAdmin):
    list_display = ("occurred_at", "event", "environment", "source", "session_id", "arrival")
    list_filter = (DayFilter, EnvironmentFilter)
    # The index on the arrival serves this order, within one partition; only an arrival's own events are sorted.
    ordering = ("-arrival_id", "-occurred_at")
    search_fields = ("arrival_id__exact",)
    search_help_text = "The number of an arrival"
    fields = (
        "event",
        "occurred_at",
        "day",
        "environment",
        "source",
        "arrival",
        "session_id",
        "event_id",
        "event_key",
        "pretty_properties",
    )
    readonly_fields = ("arrival", "pretty_properties")

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[RawEventChangeList]:
        return RawEventChangeList

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> RawEvent | None:
        day, _, event_key = object_id.partition(".")
        try:
            primary_key = {"day": date.fromisoformat(day), "event_key": uuid.UUID(event_key)}
        except ValueError:
            return None
        return cast("RawEvent | None", self.get_queryset(request).filter(**primary_key).first())

    @display(description="arrival")
    def arrival(self, event: RawEvent) -> SafeString:
        return arrival_link(event.arrival_id)

    @display(description="properties")
    def pretty_properties(self, event: RawEvent) -> SafeString:
        return pretty_json(event.properties)
