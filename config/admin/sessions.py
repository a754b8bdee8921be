"""The admin of sessions: who is signed in, since when and from where."""

from typing import Any, cast

from allauth.usersessions.models import UserSession
from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from unfold.decorators import action

from config.admin.accounts import actor_of
from people.roles import may_manage
from people.sessions import end_session
from telemetry.admin.big_tables import LimitedModelAdmin


@admin.register(UserSession)
class UserSessionAdmin(LimitedModelAdmin):
    """Shows no session's key: whoever has it is signed in. To delete a row is to end the session."""

    list_display = ("created_at", "user", "ip", "user_agent")
    list_select_related = ("user",)
    list_per_page = 50
    list_fullwidth = True
    show_full_result_count = False
    sortable_by = ()
    ordering = ("-pk",)
    search_fields = ("user__username",)
    fields = ("user", "created_at", "ip", "user_agent")
    actions = ("end_selected",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        is_managed = obj is None or may_manage(actor=actor_of(request), person=cast(UserSession, obj).user)
        return is_managed and super().has_delete_permission(request, obj)

    def get_actions(self, request: HttpRequest) -> Any:
        """Without Django's own deletion, which would leave the session as it is."""
        return {
            name: action for name, action in super().get_actions(request).items() if name != "delete_selected"
        }

    def delete_model(self, request: HttpRequest, obj: UserSession) -> None:
        end_session(obj)

    @action(description="End selected sessions", permissions=["delete"])
    def end_selected(self, request: HttpRequest, queryset: QuerySet[UserSession]) -> None:
        sessions = queryset.select_related("user")
        own = [session for session in sessions if self.has_delete_permission(request, session)]
        ended = sum(end_session(session) for session in own)
        messages.success(request, f"Sessions ended: {ended}.")
