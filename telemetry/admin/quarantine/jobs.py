"""The admin of replays and removals of quarantined events."""

from typing import Any

from django.contrib import admin
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display

from people.access import limit_of
from telemetry.admin.big_tables import ReadOnlyModelAdmin
from telemetry.admin.quarantine.actions import in_words
from telemetry.models import QuarantineJob, QuarantineWork

STATES = {"done": "success", "at work": "info"}
REFRESH_SECONDS = "2"


@admin.register(QuarantineJob)
class QuarantineJobAdmin(ReadOnlyModelAdmin):
    """Replays and removals. The page of one that is at work loads itself again."""

    list_display = ("created_at", "work", "what", "requested_by", "state", "progress", "result")
    fields = ("work", "what", "requested_by", "created_at", "progress", "result", "finished_at")
    readonly_fields = ("what", "progress", "result")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Model]:
        """People with a limit are shown jobs of their environments, and their own: only these may have no name."""
        rows, limit = super().get_queryset(request), limit_of(request.user)
        if limit is None:
            return rows
        own = Q(requested_by=request.user.get_username())
        return rows.filter(own | Q(selection__environment__in=sorted(limit)))

    @display(description="of")
    def what(self, job: QuarantineJob) -> str:
        return in_words(job.selection)

    @display(description="state", label=STATES)
    def state(self, job: QuarantineJob) -> str:
        return "done" if job.finished_at else "at work"

    @display(description="progress")
    def progress(self, job: QuarantineJob) -> SafeString:
        done = job.expected if job.finished_at else min(job.examined, job.expected)
        return format_html(
            '<span class="flex flex-row gap-2 items-center"><progress value="{}" max="{}"></progress>{} of {}</span>',
            done,
            job.expected or 1,
            f"{job.examined:,}",
            f"{job.expected:,}",
        )

    @display(description="result")
    def result(self, job: QuarantineJob) -> str:
        if job.work == QuarantineWork.DELETE:
            return f"{job.deleted:,} deleted"
        return (
            f"{job.accepted:,} accepted, {job.duplicates:,} duplicates, {job.rejected:,} rejected again, "
            f"{job.not_kept:,} can't be replayed: a value was not kept"
        )

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        response = super().changeform_view(request, object_id, form_url, extra_context)
        job = self.get_object(request, object_id or "")
        if job is not None and job.finished_at is None:
            response["Refresh"] = REFRESH_SECONDS
        return response
