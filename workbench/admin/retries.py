"""The admin of retries: who asked for what, and what became of it. It is read-only."""

from django.contrib import admin
from unfold.decorators import display

from telemetry.admin.big_tables import ReadOnlyModelAdmin
from telemetry.admin.filters import EnvironmentFilter, choice_filter
from workbench.models import RetryRequest, RetryState

STATE_COLOURS = {"pending": "info", "done": "success", "failed": "danger", "expired": "warning"}


@admin.register(RetryRequest)
class RetryRequestAdmin(ReadOnlyModelAdmin):
    list_display = (
        "requested_at",
        "environment",
        "run_id",
        "requested_by",
        "status",
        "attempts",
        "answer_status",
        "new_run_id",
        "fault",
    )
    fields = (
        "message_id",
        "environment",
        "run_id",
        "requested_by",
        "requested_at",
        "state",
        "attempts",
        "next_attempt_at",
        "ended_at",
        "answer_status",
        "new_run_id",
        "fault",
    )
    list_filter = (EnvironmentFilter, choice_filter(field="state", choices=RetryState.choices))
    search_fields = ("run_id__exact",)
    search_help_text = "The whole runId"

    @display(description="state", label=STATE_COLOURS)
    def status(self, request: RetryRequest) -> tuple[str, str]:
        return request.state, request.get_state_display()
