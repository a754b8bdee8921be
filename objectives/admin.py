"""The admin of what was counted for objectives. Nothing of it is changed by people."""

from django.contrib import admin

from objectives.models import ObjectiveCount, ObjectiveLevel
from telemetry.admin.big_tables import ReadOnlyModelAdmin


@admin.register(ObjectiveCount)
class ObjectiveCountAdmin(ReadOnlyModelAdmin):
    list_display = ("objective", "environment", "start", "minutes", "good", "total")
    # The unique key backwards, which its index serves: the newest come first.
    ordering = ("-objective", "-environment", "-start", "-minutes")
    search_fields = ("objective__exact",)
    search_help_text = "The whole name of an objective, like ingest-latency"


@admin.register(ObjectiveLevel)
class ObjectiveLevelAdmin(ReadOnlyModelAdmin):
    list_display = ("source", "objective", "environment", "good", "total", "seen_at")
    ordering = ("source", "objective", "environment")
