"""The admin of what is kept of spans that are no event."""

from django.contrib import admin

from telemetry.admin.big_tables import ReadOnlyModelAdmin
from telemetry.admin.filters import EnvironmentFilter
from telemetry.models import SpanLink


@admin.register(SpanLink)
class SpanLinkAdmin(ReadOnlyModelAdmin):
    list_display = ("id", "received_at", "environment", "trace_id", "span_id", "parent_span_id", "is_waiting")
    list_filter = (EnvironmentFilter,)
    search_fields = ("trace_id__exact",)
    search_help_text = "The whole trace id"
