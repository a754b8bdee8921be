"""The admin of what clients sent of the tracking plan, as the fold counted it."""

from django.contrib import admin

from telemetry.admin.big_tables import ReadOnlyModelAdmin
from telemetry.admin.filters import EnvironmentFilter
from telemetry.models import ClockDay, EventDay, PlanPart, PlanPartDay


@admin.register(EventDay)
class EventDayAdmin(ReadOnlyModelAdmin):
    list_display = (
        *("day", "event", "code", "part", "client", "source", "environment"),
        *("events", "first_at", "last_at"),
    )
    list_filter = (EnvironmentFilter,)
    # The unique key backwards, which its index serves; so it is below.
    ordering = ("-day", "-environment", "-source", "-event", "-client", "-code", "-part")


@admin.register(PlanPart)
class PlanPartAdmin(ReadOnlyModelAdmin):
    list_display = ("event", "property", "value", "environment", "events", "first_day", "last_day")
    list_filter = (EnvironmentFilter,)
    ordering = ("event", "property", "value", "environment")


@admin.register(PlanPartDay)
class PlanPartDayAdmin(ReadOnlyModelAdmin):
    list_display = ("day", "event", "property", "value", "environment", "events")
    list_filter = (EnvironmentFilter,)
    ordering = ("-day", "-event", "-property", "-value", "-environment")


@admin.register(ClockDay)
class ClockDayAdmin(ReadOnlyModelAdmin):
    list_display = ("day", "source", "up_to_seconds", "environment", "posts")
    list_filter = (EnvironmentFilter,)
    ordering = ("-day", "-source", "-up_to_seconds", "-environment")
