"""The admin of invitations: made, revoked, never changed."""

from typing import Any

from allauth.account.adapter import get_adapter
from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _
from unfold.decorators import action, display

from config.admin.accounts import actor_of
from config.admin.forms import InvitationForm
from people import mailing
from people.access import covers, limit_of
from people.invitations import invite, revoke_invitation
from people.models import Invitation, InvitationState, Role
from telemetry.admin.big_tables import LimitedModelAdmin

STATE_COLOURS = {
    InvitationState.OPEN: "info",
    InvitationState.ACCEPTED: "success",
    InvitationState.REVOKED: "danger",
    InvitationState.EXPIRED: "warning",
}


@admin.register(Invitation)
class InvitationAdmin(LimitedModelAdmin):
    """Nobody changes or deletes an invitation: a wrong one is revoked."""

    list_per_page = 50
    list_fullwidth = True
    show_full_result_count = False
    sortable_by = ()
    ordering = ("-pk",)
    list_display = ("email", "role", "environment_names", "state", "created_by", "created_at", "expires_at")
    list_select_related = ("created_by",)
    search_fields = ("email__exact",)
    fields = (
        "email", "role", "environment_names", "state", "created_by", "created_at", "expires_at",
        "revoked_at", "accepted_at", "accepted_by",
    )  # fmt: skip
    readonly_fields = ("environment_names", "state")
    actions = ("revoke_selected",)

    @display(description="environments")
    def environment_names(self, invitation: Invitation) -> str:
        return "all" if invitation.environments is None else ", ".join(invitation.environments) or "none"

    @display(description="state", label=STATE_COLOURS)
    def state(self, invitation: Invitation) -> str:
        return invitation.state_at(timezone.now())

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("people.add_invitation"))

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("people.change_invitation"))

    def get_queryset(self, request: HttpRequest) -> QuerySet[Model]:
        """A person who is limited to some environments sees what is within them."""
        invitations = super().get_queryset(request)
        limit = limit_of(actor_of(request))
        rows = invitations.values_list("pk", "environments") if limit is not None else []
        closed = [pk for pk, environments in rows if not covers(limit, environments)]
        return invitations.exclude(pk__in=closed) if closed else invitations

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> Any:
        return self.fields if obj else ("email", "role", "is_limited", "environments")

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> Any:
        return self.readonly_fields if obj else ()

    def get_form(self, request: HttpRequest, obj: Model | None = None, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, **(kwargs if obj else {**kwargs, "form": InvitationForm}))
        form.actor = actor_of(request)
        return form

    def save_model(self, request: HttpRequest, obj: Invitation, form: InvitationForm, change: bool) -> None:
        invitation, token = invite(
            email=obj.email,
            role=Role(form.cleaned_data["role"]),
            environments=form.chosen_limit(),
            by=actor_of(request),
            lasts=form.lasts,
            now=timezone.now(),
        )
        obj.pk = invitation.pk
        obj.refresh_from_db()
        hand_over(request, invitation, token=token)

    @action(description="Revoke selected invitations", permissions=["revoke"])
    def revoke_selected(self, request: HttpRequest, queryset: QuerySet[Invitation]) -> None:
        revoked = [row for row in queryset if revoke_invitation(row, now=timezone.now())]
        for invitation in revoked:
            self.log_change(request, invitation, "Revoked.")
        messages.success(request, f"Invitations revoked: {len(revoked)}.")


def hand_over(request: HttpRequest, invitation: Invitation, *, token: str) -> None:
    """Mail the link; where no mail can be sent, show it this once."""
    url = request.build_absolute_uri(reverse("invitation", args=[token]))
    if mailing.is_configured():
        context = {"url": url, "role": _(Role(invitation.role).label), "expires_at": invitation.expires_at}
        get_adapter(request).send_mail("people/email/invitation", invitation.email, context)
        messages.success(request, f"The link was mailed to {invitation.email}.")
        return
    text = format_html(
        'The link: <code class="break-words">{}</code> '
        "Copy it now. It is not shown again, because only its hash is kept.",
        url,
    )
    messages.warning(request, text)
