"""The read-only admin of digests: who gets which, and what became of each."""

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from unfold.decorators import display

from digests.models import DigestSending, DigestState, DigestSubscription
from people.access import limit_of
from telemetry.admin.big_tables import ReadOnlyModelAdmin
from telemetry.admin.filters import choice_filter

STATES = {
    DigestState.PENDING: "info",
    DigestState.HANDING_OVER: "info",
    DigestState.SENT: "success",
    DigestState.UNSURE: "warning",
    DigestState.FAILED: "danger",
}


@admin.register(DigestSubscription)
class DigestSubscriptionAdmin(ReadOnlyModelAdmin):
    """People change their own, on the page of their account. The webhook's address is shown to nobody."""

    list_display = (
        "user",
        "is_active",
        "frequency",
        "time_zone",
        "hour",
        "by_mail",
        "by_chat",
        "next_due_at",
    )
    list_select_related = ("user",)
    fields = (
        "user", "is_active", "frequency", "weekday", "hour", "time_zone", "environments", "kpis", "by_mail",
        "by_chat", "origin", "next_due_at",
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[Model]:
        """It names environments: people with a limit see their own."""
        rows = super().get_queryset(request)
        return rows if limit_of(request.user) is None else rows.filter(user=request.user)

    @display(description="by Slack", boolean=True)
    def by_chat(self, subscription: DigestSubscription) -> bool:
        return bool(subscription.webhook)


@admin.register(DigestSending)
class DigestSendingAdmin(ReadOnlyModelAdmin):
    list_display = ("created_at", "person", "occasion", "channel", "outcome", "attempts", "ended_at", "fault")
    list_select_related = ("subscription__user",)
    list_filter = (choice_filter(field="state", choices=DigestState.choices),)
    fields = (
        "subscription", "channel", "occasion", "frequency", "period_start", "period_end", "time_zone", "state",
        "created_at", "attempts", "next_attempt_at", "ended_at", "fault",
    )  # fmt: skip

    @display(description="person")
    def person(self, sending: DigestSending) -> str:
        return sending.subscription.user.get_username()

    @display(description="state", label=STATES)
    def outcome(self, sending: DigestSending) -> tuple[str, str]:
        return sending.state, sending.get_state_display()
