"""The admin of shared links: people make them on pages; here they are looked at and revoked."""

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from unfold.decorators import action, display

from sharing.links import revoke_link
from sharing.models import LinkState, SharedLink
from telemetry.admin.big_tables import ReadOnlyModelAdmin

STATE_COLOURS = {LinkState.OPEN: "success", LinkState.REVOKED: "danger", LinkState.ENDED: "warning"}


@admin.register(SharedLink)
class SharedLinkAdmin(ReadOnlyModelAdmin):
    list_display = ("page", "kpi", "environment", "kind", "state", "created_by", "expires_at", "last_used_at")
    list_select_related = ("created_by",)
    fields = (
        "page", "kpi", "environment", "query", "kind", "note", "state", "created_by", "created_at",
        "expires_at", "revoked_at", "last_used_at",
    )  # fmt: skip
    readonly_fields = ("state",)
    actions = ("revoke_selected",)

    @display(description="state", label=STATE_COLOURS)
    def state(self, link: SharedLink) -> str:
        return link.state_at(timezone.now())

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("sharing.change_sharedlink"))

    @action(description="Revoke selected links", permissions=["revoke"])
    def revoke_selected(self, request: HttpRequest, queryset: QuerySet[SharedLink]) -> None:
        revoked = [link for link in queryset if revoke_link(link, now=timezone.now())]
        messages.success(request, f"Links revoked: {len(revoked)}.")
