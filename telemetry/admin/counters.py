"""The admin of what is counted: the hourly ledger and the counters of the metric bridge."""

from django.contrib import admin

from telemetry.admin.big_tables import ReadOnlyModelAdmin
from telemetry.admin.filters import EnvironmentFilter, KeyFilter, choice_filter, value_choices
from telemetry.counters.ledger import Outcome
from telemetry.models import BridgeCounter, LedgerHour


@admin.register(LedgerHour)
class LedgerHourAdmin(ReadOnlyModelAdmin):
    list_display = ("hour", "key", "environment", "outcome", "reason", "events", "is_day")
    list_filter = (KeyFilter, choice_filter(field="outcome", choices=value_choices(Outcome)))
    list_select_related = ("key",)


@admin.register(BridgeCounter)
class BridgeCounterAdmin(ReadOnlyModelAdmin):
    list_display = ("family", "environment", "labels", "bin", "value")
    list_filter = (EnvironmentFilter,)
    # The order of its unique key.
    ordering = ("family", "environment", "labels", "bin")
    search_fields = ("family__exact",)
    search_help_text = "The whole name of a family, like workbench_events_total"
