"""The admin of what is rejected, by group and hour."""

from typing import Any

from django.contrib import admin, messages
from django.db import connection
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from unfold.decorators import action, display

from telemetry.admin.big_tables import COUNTED_ROWS, FixedOrderChangeList, ReadOnlyModelAdmin
from telemetry.admin.filters import EnvironmentFilter, choice_filter, value_choices
from telemetry.admin.formatting import link
from telemetry.admin.quarantine.actions import QuarantineActions, chosen_hidden, group_selection
from telemetry.intake.ingest import OTHER_EVENTS
from telemetry.models import QuarantineWork, RejectionGroup, RejectionHour
from telemetry.plan.codes import RejectionCode

CodeFilter = choice_filter(field="code", choices=value_choices(RejectionCode))

# The rows of each group that wait for a decision, COUNTED_ROWS + 1 at most. Index: quarantine_waiting.
WAITING = """
SELECT id, (
    SELECT sum(one) FROM (
        SELECT 1 AS one FROM telemetry_quarantinedevent AS kept
        WHERE kept.environment = grouped.environment AND kept.code = grouped.code AND kept.event = grouped.event
            AND kept.source = grouped.source AND kept.client = grouped.client AND kept.replayed_at IS NULL
        LIMIT %s
    ) AS counted
)
FROM telemetry_rejectiongroup AS grouped WHERE id IN ({places})
"""


def waiting_rows(group_ids: list[int]) -> dict[int, int]:
    if not group_ids:
        return {}
    places = ", ".join(["%s"] * len(group_ids))
    with connection.cursor() as cursor:
        cursor.execute(WAITING.format(places=places), [COUNTED_ROWS + 1, *group_ids])
        return {group_id: int(rows or 0) for group_id, rows in cursor.fetchall()}


class GroupChangeList(FixedOrderChangeList):
    """The list with how many rows of each shown group wait, read once for the page."""

    result_list: Any

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        listed = list(self.result_list)
        waiting = waiting_rows([group.pk for group in listed])
        for group in listed:
            group.waiting_count = waiting[group.pk]
        self.result_list = listed


@admin.register(RejectionGroup)
class RejectionGroupAdmin(QuarantineActions):
    list_display = (
        "code",
        "event_name",
        "source",
        "client",
        "environment",
        "events",
        "waiting",
        "first_seen_at",
        "last_seen_at",
    )
    list_filter = (EnvironmentFilter, CodeFilter)
    fields = (
        "code",
        "event_name",
        "source",
        "client",
        "environment",
        "events",
        "waiting",
        "first_seen_at",
        "last_seen_at",
        "rows",
    )
    readonly_fields = ("event_name", "waiting", "rows")
    # Index: rejection_group_seen.
    ordering = ("-last_seen_at", "-id")
    actions = ("replay_groups", "remove_groups")
    actions_detail = ("replay", "remove")

    @display(description="event")
    def event_name(self, group: RejectionGroup) -> str:
        return "all other names" if group.event == OTHER_EVENTS else group.event or "no name"

    @display(description="in quarantine")
    def waiting(self, group: RejectionGroup) -> str:
        count = getattr(group, "waiting_count", None)
        rows = waiting_rows([group.pk])[group.pk] if count is None else count
        return f"{COUNTED_ROWS}+" if rows > COUNTED_ROWS else str(rows)

    @display(description="rows")
    def rows(self, group: RejectionGroup) -> SafeString:
        quarantine = reverse("admin:telemetry_quarantinedevent_changelist")
        return link(f"{quarantine}?{urlencode({'group': group.pk})}", "Its events that wait for a decision")

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[GroupChangeList]:
        return GroupChangeList

    @action(description="Replay selected groups", permissions=["replay"])
    def replay_groups(self, request: HttpRequest, queryset: QuerySet[RejectionGroup]) -> HttpResponse | None:
        return self.ask_or_do_groups(request, queryset, work=QuarantineWork.REPLAY)

    @action(description="Delete the events of selected groups", permissions=["remove"])
    def remove_groups(self, request: HttpRequest, queryset: QuerySet[RejectionGroup]) -> HttpResponse | None:
        return self.ask_or_do_groups(request, queryset, work=QuarantineWork.DELETE)

    @action(description="Replay", icon="replay", url_path="replay", permissions=["replay"])
    def replay(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self.ask_or_do(
            request, work=QuarantineWork.REPLAY, selections=[self.selection(request, object_id)]
        )

    @action(description="Delete its events", icon="delete", url_path="remove", permissions=["remove"])
    def remove(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self.ask_or_do(
            request, work=QuarantineWork.DELETE, selections=[self.selection(request, object_id)]
        )

    def selection(self, request: HttpRequest, object_id: str) -> Any:
        group = self.get_object(request, object_id)
        if group is None:
            raise Http404
        return group_selection(group)

    def ask_or_do_groups(
        self, request: HttpRequest, queryset: QuerySet[RejectionGroup], *, work: QuarantineWork
    ) -> HttpResponse | None:
        # The rows of "all other names" have names of their own, which the group does not know.
        groups = [group for group in queryset if group.event != OTHER_EVENTS]
        if not groups:
            messages.error(
                request, "These events have many names: select them in the quarantine, by their code."
            )
            return None
        selections = [group_selection(group) for group in groups]
        return self.ask_or_do(request, work=work, selections=selections, hidden=chosen_hidden(request))


@admin.register(RejectionHour)
class RejectionHourAdmin(ReadOnlyModelAdmin):
    list_display = ("hour", "code", "event", "source", "environment", "events")
    list_filter = (EnvironmentFilter, CodeFilter)
    # The unique key backwards, which its index serves.
    ordering = ("-hour", "-environment", "-source", "-code", "-event")
