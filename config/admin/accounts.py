"""The admin of the people who may sign in, and of their groups."""

from typing import Any, cast
from urllib.parse import quote_plus

from allauth.account.forms import default_token_generator
from allauth.account.utils import user_pk_to_url_str
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from django.db.models import Exists, Model, OuterRef, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from unfold.admin import ModelAdmin
from unfold.decorators import action, display
from unfold.forms import AdminPasswordChangeForm

from config.admin.forms import NewPersonForm, PersonForm
from people.access import covers, limit_of
from people.models import EnvironmentLimit, Role
from people.roles import may_manage, role_of
from people.second_factor import remove_second_factors
from people.sessions import end_sessions

ACCESS = ("role", "is_limited", "environments")
STATE = ("last_login", "date_joined", "second_factor", "sign_on", "sessions")


def actor_of(request: HttpRequest) -> User:
    """The signed-in person; the admin lets nobody else in."""
    return cast(User, request.user)


def out_of_sight(actor: User) -> list[int]:
    """Keys of the people whose limit has environments that do not exist for the actor."""
    own = limit_of(actor)
    if own is None:
        return []
    limits = EnvironmentLimit.objects.values_list("user_id", "environments")
    return [user_id for user_id, environments in limits if not covers(own, environments)]


@admin.register(User)
class UserAdmin(DjangoUserAdmin, ModelAdmin):  # type: ignore[type-arg]  # Django's takes none at run time.
    """People. Nobody changes somebody who may do or see more than they; only superusers make superusers."""

    form = PersonForm
    add_form = NewPersonForm
    change_password_form = AdminPasswordChangeForm
    list_display = (
        "username",
        "email",
        "role_name",
        "environment_names",
        "second_factor",
        "last_login",
        "is_active",
    )
    list_filter = ("is_active", "is_superuser", "groups")
    list_per_page = 50
    filter_horizontal = ()
    readonly_fields = STATE
    fieldsets = (
        (None, {"fields": ("username", "password", "email", "first_name", "last_name", "is_active")}),
        ("Access", {"fields": ACCESS}),
        ("Signing in", {"fields": STATE}),
    )
    superuser_fieldsets = (
        *fieldsets,
        ("More than a role", {"fields": ("is_superuser", "groups", "user_permissions"), "classes": ("tab",)}),
    )
    add_fieldsets = (
        (None, {"fields": ("username", "email", "usable_password", "password1", "password2")}),
        ("Access", {"fields": ACCESS}),
    )
    actions = ("end_selected_sessions", "remove_selected_second_factors", "unlink_selected")
    actions_submit_line = ("make_reset_link", "end_all_sessions", "remove_second_factor")

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        factors = Authenticator.objects.filter(user=OuterRef("pk")).exclude(
            type=Authenticator.Type.RECOVERY_CODES
        )
        people: QuerySet[User] = super().get_queryset(request).exclude(pk__in=out_of_sight(actor_of(request)))
        return (
            people.select_related("environment_limit")
            .prefetch_related("groups")
            .annotate(
                has_factor=Exists(factors),
                is_linked=Exists(SocialAccount.objects.filter(user=OuterRef("pk"))),
            )
        )

    @display(description="role")
    def role_name(self, user: User) -> str:
        if user.is_superuser:
            return "superuser"
        role = role_of(user)
        return role.value if role else "none"

    @display(description="environments")
    def environment_names(self, user: User) -> str:
        limit = getattr(user, "environment_limit", None)
        if limit is None or user.is_superuser:
            return "all"
        return ", ".join(limit.environments) or "none"

    @display(description="second factor", boolean=True)
    def second_factor(self, user: User) -> bool:
        return bool(getattr(user, "has_factor", False))

    @display(description="single sign-on", boolean=True)
    def sign_on(self, user: User) -> bool:
        return bool(getattr(user, "is_linked", False))

    @display(description="sessions")
    def sessions(self, user: User) -> str:
        changelist = reverse("admin:usersessions_usersession_changelist")
        return format_html(
            '<a href="{}?q={}">Where they are signed in</a>', changelist, quote_plus(user.username)
        )

    def get_form(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:  # type: ignore[override]  # As UserAdmin does.
        form: Any = super().get_form(request, obj, **kwargs)
        form.actor = actor_of(request)
        return form

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """The row of buttons has room for what is done with people, and not for adding another."""
        context = {**(extra_context or {}), "show_save_and_add_another": False}
        return super().changeform_view(request, object_id, form_url, context)

    def get_fieldsets(self, request: HttpRequest, obj: Model | None = None) -> Any:
        if obj is not None and actor_of(request).is_superuser:
            return self.superuser_fieldsets
        return super().get_fieldsets(request, obj)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return super().has_change_permission(request, obj) and self.may_manage(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return super().has_delete_permission(request, obj) and self.may_manage(request, obj)

    def may_manage(self, request: HttpRequest, obj: Model | None) -> bool:
        return obj is None or may_manage(actor=actor_of(request), person=cast(User, obj))

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """The role comes after the groups, whose field does not know roles."""
        super().save_related(request, form, formsets, change)
        form.give_access(form.instance)

    @action(description="Link for a new password")
    def make_reset_link(self, request: HttpRequest, user: User) -> None:
        key = f"{user_pk_to_url_str(user)}-{default_token_generator.make_token(user)}"
        path = reverse(
            "account_reset_password_from_key",
            kwargs=dict(zip(("uidb36", "key"), key.split("-", 1), strict=True)),
        )
        self.log_change(request, user, "Made a link for a new password.")
        messages.warning(
            request,
            format_html(
                'Give this link to {}: <code class="break-words">{}</code> '
                "It works once, and for a day. It is not shown again.",
                user.get_username(),
                request.build_absolute_uri(path),
            ),
        )

    @action(description="End sessions")
    def end_all_sessions(self, request: HttpRequest, user: User) -> None:
        self.end_sessions_of(request, [user])

    @action(description="Remove second factor")
    def remove_second_factor(self, request: HttpRequest, user: User) -> None:
        self.remove_second_factors_of(request, [user])

    @action(description="End their sessions", permissions=["change"])
    def end_selected_sessions(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        self.end_sessions_of(request, self.managed(request, queryset))

    @action(description="Remove their second factors", permissions=["change"])
    def remove_selected_second_factors(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        self.remove_second_factors_of(request, self.managed(request, queryset))

    @action(description="Unlink them from single sign-on", permissions=["change"])
    def unlink_selected(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """For the day when the provider knows them by another id: their next sign-in links them anew."""
        people = self.managed(request, queryset)
        SocialAccount.objects.filter(user__in=people).delete()
        for user in people:
            self.log_change(request, user, "Unlinked from single sign-on.")
        messages.success(request, f"Unlinked from single sign-on: {len(people)}.")

    def managed(self, request: HttpRequest, queryset: QuerySet[User]) -> list[User]:
        """Those of the selected people whom the actor may change."""
        return [user for user in queryset if self.may_manage(request, user)]

    def end_sessions_of(self, request: HttpRequest, people: list[User]) -> None:
        ended = 0
        for user in people:
            ended += end_sessions(user=user)
            self.log_change(request, user, "Ended all sessions.")
        messages.success(request, f"Sessions ended: {ended}.")

    def remove_second_factors_of(self, request: HttpRequest, people: list[User]) -> None:
        removed = 0
        for user in people:
            removed += bool(remove_second_factors(user))
            self.log_change(request, user, "Removed the second factor.")
        messages.success(request, f"Second factors removed: {removed}.")


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, ModelAdmin):
    """Groups. The portal keeps those that are roles; permissions that no role has come by other groups."""

    filter_horizontal = ()

    def has_change_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        return super().has_change_permission(request, obj) and not is_role(obj)

    def has_delete_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        return super().has_delete_permission(request, obj) and not is_role(obj)


def is_role(group: Group | None) -> bool:
    return group is not None and group.name in Role.values
