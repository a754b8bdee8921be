"""The admin of rejected events, with all their errors."""

from django.contrib import admin
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.decorators import display

from telemetry.admin.big_tables import ReadOnlyModelAdmin
from telemetry.admin.filters import EnvironmentFilter, choice_filter, value_choices
from telemetry.admin.formatting import arrival_link, pretty_json
from telemetry.models import QuarantinedEvent
from telemetry.plan.codes import RejectionCode


@admin.register(QuarantinedEvent)
class QuarantinedEventAdmin(ReadOnlyModelAdmin):
    list_display = ("received_at", "event", "code", "first_field", "environment", "source", "arrival")
    list_filter = (EnvironmentFilter, choice_filter(field="code", choices=value_choices(RejectionCode)))
    search_fields = ("arrival_id__exact",)
    search_help_text = "The number of an arrival"
    fields = (
        "event",
        "all_errors",
        "redacted_event",
        "event_id",
        "environment",
        "source",
        "received_at",
        "arrival",
        "position",
    )
    readonly_fields = ("arrival", "all_errors", "redacted_event")

    @display(description="arrival")
    def arrival(self, event: QuarantinedEvent) -> SafeString:
        return arrival_link(event.arrival_id)

    @display(description="field")
    def first_field(self, event: QuarantinedEvent) -> str:
        more = f" and {len(event.errors) - 1} more" if len(event.errors) > 1 else ""
        return f"{event.errors[0]['field']}{more}" if event.errors else ""

    @display(description="errors")
    def all_errors(self, event: QuarantinedEvent) -> SafeString:
        rows = ((error["code"], error["field"], error["message"]) for error in event.errors)
        return format_html(
            '<ul class="flex flex-col gap-1">{}</ul>',
            format_html_join("", "<li><code>{}</code> · <code>{}</code> · {}</li>", rows),
        )

    @display(description="event, as far as it may be kept")
    def redacted_event(self, event: QuarantinedEvent) -> SafeString:
        return pretty_json(event.payload)
