"""The admin of retention: policies with a preview before they are saved, holds, runs and their reports."""

import re
from collections.abc import Mapping
from datetime import UTC, date
from functools import cache
from typing import Any, cast

from django import forms
from django.apps import apps
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.contrib.auth.models import AnonymousUser, User
from django.core.exceptions import ValidationError
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.defaultfilters import filesizeformat
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminSelectWidget

from people.access import environments_allowed, limit_of, may_see
from telemetry.admin.big_tables import LimitedModelAdmin, ReadOnlyModelAdmin
from telemetry.admin.filters import ColumnFilter, EnvironmentFilter, choice_filter
from telemetry.admin.formatting import compact_duration, link
from telemetry.lifecycle.retention import preview, reports, runs
from telemetry.lifecycle.retention.preview import RetentionPreview
from telemetry.lifecycle.retention.rules import PolicyTooShort, check_keep_days, rule_of
from telemetry.models import (
    Environment,
    RetentionHold,
    RetentionPolicy,
    RetentionReport,
    RetentionRun,
    RetentionSubject,
    RunStatus,
    TableSize,
)

EVENT_PATTERN = re.compile(r"[A-Za-z0-9_.-]+\*?")
# Their tables have no environment.
WITHOUT_ENVIRONMENT = {RetentionSubject.AUDIT, RetentionSubject.ALERTS}
STATUS_COLOURS = {"Running": "info", "Finished": "success", "Failed": "danger"}


class EnvironmentChoiceForm(forms.ModelForm):  # type: ignore[type-arg]  # Django's takes none at run time.
    """A form with an environment that the person may see; without a limit also with all of them."""

    # LimitedModelAdmin sets it.
    person: User

    environment = forms.ChoiceField(required=False, widget=UnfoldAdminSelectWidget)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        is_limited = limit_of(self.person) is not None
        names = [(name, name) for name in environments_allowed(self.person, Environment.names())]
        every = [] if is_limited else [("", "Every environment")]
        cast(forms.ChoiceField, self.fields["environment"]).choices = [*every, *names]
        self.fields["environment"].required = is_limited


class RetentionPolicyForm(EnvironmentChoiceForm):
    class Meta:
        model = RetentionPolicy
        fields = ["subject", "environment", "event_pattern", "keep_days", "note", "is_enabled"]

    def clean_event_pattern(self) -> str:
        pattern: str = self.cleaned_data["event_pattern"].strip()
        if pattern and not EVENT_PATTERN.fullmatch(pattern):
            raise ValidationError("Give an event's name, or its beginning and a star: workbench.chat*")
        return pattern

    def clean_keep_days(self) -> int:
        keep_days: int = self.cleaned_data["keep_days"]
        try:
            check_keep_days(keep_days)
        except PolicyTooShort as error:
            raise ValidationError(str(error)) from error
        return keep_days

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        subject = cleaned.get("subject")
        if cleaned.get("event_pattern") and subject != RetentionSubject.RAW_EVENTS:
            self.add_error("event_pattern", "Only raw events can be kept by their names.")
        if cleaned.get("environment") and subject in WITHOUT_ENVIRONMENT:
            self.add_error("environment", f"{RetentionSubject(subject).label} belong to no environment.")
        return cleaned


class RetentionHoldForm(EnvironmentChoiceForm):
    class Meta:
        model = RetentionHold
        fields = ["environment", "first_day", "last_day", "reason", "until"]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        first, last = cleaned.get("first_day"), cleaned.get("last_day")
        if first and last and first > last:
            self.add_error("last_day", "The last day lies before the first.")
        return cleaned


def today() -> date:
    return timezone.now().astimezone(UTC).date()


def preview_page(
    request: HttpRequest, model_admin: ModelAdmin, found: RetentionPreview, **context: Any
) -> HttpResponse:
    """The page that shows a preview and asks whether to go on."""
    rows = [
        [
            line.subject.replace("_", " "),
            line.environment or "-",
            event_or_table(line.event),
            f"about {line.rows:,}" if line.is_estimate else f"{line.rows:,}",
            filesizeformat(line.bytes),
            line.oldest.isoformat(),
        ]
        for line in found.lines
    ]
    return TemplateResponse(
        request,
        "admin/telemetry/retention_preview.html",
        {
            **model_admin.admin_site.each_context(request),
            "opts": model_admin.opts,
            "preview": found,
            "total": f"{found.rows:,} rows, {filesizeformat(found.bytes)},",
            "why_kpis_stay": preview.WHY_KPIS_STAY,
            "table": {
                "headers": ["subject", "environment", "event or table", "rows", "size", "oldest day"],
                "rows": rows,
            },
            **context,
        },
    )


@cache
def table_names() -> Mapping[str, str]:
    return {str(model._meta.model_name): str(model._meta.verbose_name_plural) for model in apps.get_models()}


def event_or_table(name: str) -> str:
    """What a line of a preview or report is about: an event, or a table in words (`draftcreation` is none)."""
    return table_names().get(name, name)


def seen_by(person: User | AnonymousUser, found: RetentionPreview) -> RetentionPreview:
    """The preview without what is of environments that are closed to the person."""
    seen = [line for line in found.lines if not line.environment or may_see(person, line.environment)]
    return RetentionPreview(seen)


class SetByAdmin(LimitedModelAdmin):
    """Rows that people enter, each with the person who did last."""

    show_full_result_count = False
    list_per_page = 50
    list_fullwidth = True
    list_select_related = ("set_by",)
    sortable_by = ()

    @display(description="environment")
    def environment_name(self, row: RetentionPolicy | RetentionHold) -> str:
        return row.environment or "every environment"

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        return ("set_by", "created_at") if obj else ()

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        obj.set_by = cast(User, request.user)
        super().save_model(request, obj, form, change)


@admin.register(RetentionPolicy)
class RetentionPolicyAdmin(SetByAdmin):
    """A policy is saved after a page that says what it would remove."""

    form = RetentionPolicyForm
    list_display = ("subject", "environment_name", "events", "keep_days", "is_enabled", "set_by")
    list_filter = (EnvironmentFilter, "subject")
    ordering = ("subject", "environment", "event_pattern")

    @display(description="events")
    def events(self, policy: RetentionPolicy) -> str:
        return policy.event_pattern or "every event"

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        if request.method == "POST" and "_confirmed" not in request.POST:
            asked = self.ask(request, object_id)
            if asked is not None:
                return asked
        return super().changeform_view(request, object_id, form_url, extra_context)

    def ask(self, request: HttpRequest, object_id: str | None) -> HttpResponse | None:
        """The page with the preview; None where the form has faults, or the person may not save it."""
        stored = self.get_object(request, unquote(object_id)) if object_id else None
        may_save = self.has_change_permission(request, stored) if stored else self.has_add_permission(request)
        form = self.get_form(request, stored, change=stored is not None)(request.POST, instance=stored)
        if not may_save or (object_id and stored is None) or not form.is_valid():
            return None
        policy = form.save(commit=False)
        return preview_page(
            request,
            self,
            seen_by(request.user, preview.of_policy(policy, today=today())),
            title="Save this policy?",
            warning=self.warning(policy),
            submit="Save the policy",
            back=request.get_full_path(),
            posted=[
                (name, value)
                for name, values in request.POST.lists()
                if name != "csrfmiddlewaretoken"
                for value in values
            ],
        )

    def warning(self, policy: RetentionPolicy) -> str:
        cut = rule_of(policy, today=today()).cut
        return (
            "" if not policy.is_enabled else f"The next run removes what lies before {cut} (UTC), for good."
        )


@admin.register(RetentionHold)
class RetentionHoldAdmin(SetByAdmin):
    form = RetentionHoldForm
    list_display = ("environment_name", "days", "reason", "until", "set_by", "created_at")
    list_display_links = ("environment_name", "days")
    list_filter = (EnvironmentFilter,)
    ordering = ("-pk",)

    @display(description="days")
    def days(self, hold: RetentionHold) -> str:
        if hold.first_day is None and hold.last_day is None:
            return "every day"
        return f"{hold.first_day or '…'} to {hold.last_day or '…'}"


@admin.register(RetentionRun)
class RetentionRunAdmin(ReadOnlyModelAdmin):
    list_display = ("started_at", "requested_by", "state", "rows", "size", "took", "position_text")
    list_filter = (choice_filter(field="status", choices=RunStatus.choices),)
    fields = (
        "requested_by",
        "state",
        "started_at",
        "finished_at",
        "took",
        "position_text",
        "rows",
        "size",
        "steps",
        "resumed",
        "environment",
        "before",
        "fault",
        "removed",
        "details",
    )
    readonly_fields = ("state", "took", "position_text", "size", "removed", "details")
    actions_list = ("run_now",)

    def has_run_permission(self, request: HttpRequest) -> bool:
        """A run is of every environment."""
        return limit_of(request.user) is None and request.user.has_perm("telemetry.add_retentionrun")

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> Any:
        """What a run removed names environments. People with a limit read its reports, which have one each."""
        fields = super().get_fields(request, obj)
        return fields if limit_of(request.user) is None else [name for name in fields if name != "removed"]

    @display(description="state", label=STATUS_COLOURS)
    def state(self, run: RetentionRun) -> str:
        return run.get_status_display()

    @display(description="size")
    def size(self, run: RetentionRun) -> str:
        return filesizeformat(run.bytes)

    @display(description="took")
    def took(self, run: RetentionRun) -> str:
        """From its start to its end, or until now."""
        return compact_duration((run.finished_at or timezone.now()) - run.started_at)

    @display(description="at")
    def position_text(self, run: RetentionRun) -> str:
        if run.status != RunStatus.RUNNING or not run.subjects:
            return "-"
        return f"{RetentionSubject(run.subjects[0]).label} {run.position}"

    @display(description="removed")
    def removed(self, run: RetentionRun) -> SafeString:
        return format_html_join(
            "", "<p>{}</p>", ((line,) for line in reports.report_lines(run))
        ) or SafeString("Nothing")

    @display(description="by day")
    def details(self, run: RetentionRun) -> SafeString:
        url = reverse("admin:telemetry_retentionreport_changelist")
        return link(f"{url}?run={run.pk}", "Its report by event and day")

    @action(description="Preview and run now", url_path="run-now", permissions=["run"])
    def run_now(self, request: HttpRequest) -> HttpResponse:
        """Show what a run would remove; a post opens it, and the tasks carry it on."""
        back = reverse("admin:telemetry_retentionrun_changelist")
        if request.method != "POST":
            found = preview.of_policies(today=today())
            return preview_page(
                request, self, found, title="Run retention now?", submit="Run now", back=back, posted=[]
            )
        try:
            run = runs.open_run(now=timezone.now(), requested_by=request.user.get_username())
        except runs.RunIsOpen as error:
            messages.error(request, str(error))
            return HttpResponseRedirect(back)
        self.log_addition(request, run, "Requested.")
        messages.success(request, "The run begins within seconds. This page shows how far it is.")
        return HttpResponseRedirect(reverse("admin:telemetry_retentionrun_change", args=[run.pk]))


class RunFilter(ColumnFilter):
    """The newest runs."""

    title = "run"
    parameter_name = "run"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(str(run.pk), str(run)) for run in RetentionRun.objects.order_by("-pk")[:50]]


@admin.register(RetentionReport)
class RetentionReportAdmin(ReadOnlyModelAdmin):
    list_display = ("day", "subject", "environment", "removed_from", "rows", "size", "seconds", "run")
    list_filter = (RunFilter, choice_filter(field="subject", choices=RetentionSubject.choices))
    list_select_related = ("run",)

    @display(description="event or table")
    def removed_from(self, report: RetentionReport) -> str:
        return event_or_table(report.event)

    @display(description="size")
    def size(self, report: RetentionReport) -> str:
        return filesizeformat(report.bytes)


@admin.register(TableSize)
class TableSizeAdmin(ReadOnlyModelAdmin):
    list_display = ("day", "table", "size")
    # The unique key backwards, which its index serves.
    ordering = ("-day", "-table")

    @display(description="size")
    def size(self, stored: TableSize) -> str:
        return filesizeformat(stored.bytes)
