"""The admin of rejected events, with all their errors."""

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.contrib.admin import SimpleListFilter
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.decorators import action, display

from people.access import limit_of
from telemetry.admin.filters import EnvironmentFilter, choice_filter, value_choices
from telemetry.admin.formatting import arrival_link, number_of, pretty_json
from telemetry.admin.quarantine.actions import (
    QuarantineActions,
    chosen_hidden,
    group_selection,
    why_not_replayable,
)
from telemetry.lifecycle import quarantine_jobs
from telemetry.models import QuarantinedEvent, QuarantineWork, RejectionGroup
from telemetry.plan.codes import RejectionCode

# The parameter of the list's address.
GROUP = "group"
STATES = {"waiting": "info", "not kept": "warning", "accepted": "success", "duplicate": "success"}


def group_of(request: HttpRequest) -> RejectionGroup | None:
    """The group whose rows the list shows; None for the rows of all groups, and for a group that is gone."""
    number = number_of(request.GET.get(GROUP, ""))
    return RejectionGroup.objects.filter(pk=number).first() if number else None


class GroupFilter(SimpleListFilter):
    """The rows of a group that wait for a decision; the list of rejections links here. It offers no choices."""

    title = "group"
    parameter_name = GROUP

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        group = group_of(request)
        return [(str(group.pk), str(group))] if group else []

    def has_output(self) -> bool:
        """A filter without choices is applied too when it is asked for: a group that is gone has no rows."""
        return self.value() is not None

    def queryset(self, request: HttpRequest, queryset: QuerySet[Model]) -> QuerySet[Model]:
        if self.value() is None:
            return queryset
        group = group_of(request)
        # Index: quarantine_waiting.
        return queryset.filter(replayed_at=None, **group_selection(group)) if group else queryset.none()


@admin.register(QuarantinedEvent)
class QuarantinedEventAdmin(QuarantineActions):
    list_display = (
        "received_at",
        "event",
        "code",
        "first_field",
        "environment",
        "source",
        "client",
        "replay_state",
        "arrival",
    )
    list_filter = (
        EnvironmentFilter,
        choice_filter(field="code", choices=value_choices(RejectionCode)),
        GroupFilter,
    )
    search_fields = ("arrival_id__exact",)
    search_help_text = "The number of an arrival"
    actions = ("replay_selected", "remove_selected")
    actions_detail = ("replay", "remove")
    fields = (
        "event",
        "all_errors",
        "redacted_event",
        "replay_in_words",
        "event_id",
        "environment",
        "source",
        "client",
        "received_at",
        "arrival",
        "position",
    )
    readonly_fields = ("arrival", "all_errors", "redacted_event", "replay_in_words")

    @display(description="arrival")
    def arrival(self, event: QuarantinedEvent) -> SafeString:
        return arrival_link(event.arrival_id)

    @display(description="field")
    def first_field(self, event: QuarantinedEvent) -> str:
        more = f" and {len(event.errors) - 1} more" if len(event.errors) > 1 else ""
        return f"{event.errors[0]['field']}{more}" if event.errors else ""

    @display(description="replay", label=STATES)
    def replay_state(self, event: QuarantinedEvent) -> str:
        return event.outcome or ("waiting" if event.is_whole else "not kept")

    @display(description="replay")
    def replay_in_words(self, event: QuarantinedEvent) -> str:
        return why_not_replayable(event) or "It can be replayed after the plan was changed."

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

    @action(description="Replay selected events", permissions=["replay"])
    def replay_selected(self, request: HttpRequest, queryset: QuerySet[QuarantinedEvent]) -> HttpResponse:
        return self.ask_or_do_selected(request, queryset, work=QuarantineWork.REPLAY)

    @action(description="Delete selected events", permissions=["remove"])
    def remove_selected(self, request: HttpRequest, queryset: QuerySet[QuarantinedEvent]) -> HttpResponse:
        return self.ask_or_do_selected(request, queryset, work=QuarantineWork.DELETE)

    @action(description="Replay", icon="replay", url_path="replay", permissions=["replay"])
    def replay(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self.ask_or_do(
            request, work=QuarantineWork.REPLAY, selections=[{"ids": [self.row_id(request, object_id)]}]
        )

    @action(description="Delete", icon="delete", url_path="remove", permissions=["remove"])
    def remove(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self.ask_or_do(
            request, work=QuarantineWork.DELETE, selections=[{"ids": [self.row_id(request, object_id)]}]
        )

    def row_id(self, request: HttpRequest, object_id: str) -> int:
        number = number_of(object_id)
        if number is None or not self.get_queryset(request).filter(pk=number).exists():
            raise Http404
        return number

    def ask_or_do_selected(
        self, request: HttpRequest, queryset: QuerySet[QuarantinedEvent], *, work: QuarantineWork
    ) -> HttpResponse:
        selection = selection_of(request, queryset)
        return self.ask_or_do(request, work=work, selections=[selection], hidden=chosen_hidden(request))


def selection_of(request: HttpRequest, queryset: QuerySet[QuarantinedEvent]) -> quarantine_jobs.Selection:
    """The ticked rows, or what the list's filters select if all rows were asked for."""
    group = group_of(request)
    # A filter with a value that there is none of selects nothing, and never everything.
    if request.POST.get("select_across") != "1" or request.GET.get("q") or not queryset.exists():
        return {"ids": list(queryset.values_list("pk", flat=True)[: quarantine_jobs.MAX_IDS])}
    if group is not None:
        return group_selection(group)
    filters = {name: request.GET[name] for name in ("environment", "code") if name in request.GET}
    if "environment" not in filters and limit_of(request.user) is not None:
        # Of all environments the person means those that they see.
        return {"ids": list(queryset.values_list("pk", flat=True)[: quarantine_jobs.MAX_IDS])}
    return filters
