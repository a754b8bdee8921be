"""The admin of what erasures leave behind: which subjects are on the list, and how many events went."""

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from people.access import limit_of
from telemetry.admin.big_tables import ReadOnlyModelAdmin
from telemetry.admin.filters import EnvironmentFilter
from telemetry.models import ErasedEvents, ErasedSubject, ErasureThing


@admin.register(ErasedSubject)
class ErasedSubjectAdmin(ReadOnlyModelAdmin):
    list_display = ("id", "environment", "kind", "digest", "later_events")
    list_filter = (EnvironmentFilter,)


@admin.register(ErasedEvents)
class ErasedEventsAdmin(ReadOnlyModelAdmin):
    list_display = ("day", "event", "environment", "events")
    list_filter = (EnvironmentFilter,)
    # Index: erased_events_unique (day, event, environment), read backwards.
    ordering = ("-day", "-event", "-environment")


@admin.register(ErasureThing)
class ErasureThingAdmin(ReadOnlyModelAdmin):
    """Scratch of erasures at work. Ids are not shown: they are about to go."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Model]:
        rows, limit = super().get_queryset(request), limit_of(request.user)
        return rows if limit is None else rows.filter(erasure__environment__in=limit)

    list_display = ("id", "erasure", "kind")
    fields = ("erasure", "kind")
