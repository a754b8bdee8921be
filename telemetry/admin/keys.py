"""The admin of API keys, and of the environments that they belong to."""

from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminTextInputWidget

from telemetry import keys
from telemetry.admin.big_tables import ReadOnlyModelAdmin
from telemetry.admin.filters import EnvironmentFilter
from telemetry.admin.formatting import link
from telemetry.models import ApiKey, Environment, KeyState

STATE_COLOURS = {KeyState.IN_FORCE: "success", KeyState.EXPIRED: "warning", KeyState.REVOKED: "danger"}


class KeyForm(forms.ModelForm):  # type: ignore[type-arg]
    """The form for a new key. It creates the key's environment if there is none of that name."""

    environment_name = forms.CharField(label="Environment", max_length=64, widget=UnfoldAdminTextInputWidget)

    class Meta:
        model = ApiKey
        fields = ["scope", "source", "requests_per_minute", "expires_at"]
        help_texts = {
            "source": "The application that uses the key. Its events are stored under this name.",
            "expires_at": "In UTC. Empty: the key works until it is revoked.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        names = ", ".join(Environment.names()[:20]) or "none"
        environment = self.fields["environment_name"]
        environment.help_text = (
            f"Where its events belong. A new name makes a new environment. Existing: {names}."
        )
        rate = self.fields["requests_per_minute"]
        rate.required = False
        rate.help_text = f"Posts above this rate are answered 429. Empty: {keys.DEFAULT_REQUESTS_PER_MINUTE}."

    def clean_environment_name(self) -> str:
        return valid_name("environment", self.cleaned_data["environment_name"])

    def clean_source(self) -> str:
        return valid_name("source", self.cleaned_data["source"])

    def clean_expires_at(self) -> datetime | None:
        expires_at: datetime | None = self.cleaned_data["expires_at"]
        if expires_at is not None and expires_at <= timezone.now():
            raise ValidationError("The key would have already expired. Choose a later moment.")
        return expires_at


def valid_name(kind: str, name: str) -> str:
    try:
        keys.check_name(kind, name)
    except keys.BadKeyName as error:
        raise ValidationError(str(error)) from error
    return name


@admin.register(ApiKey)
class ApiKeyAdmin(ModelAdmin):
    """Keys are created and revoked, never changed or deleted: arrivals and the ledger refer to them."""

    list_display = (
        "name",
        "scope",
        "environment_id",
        "source",
        "requests_per_minute",
        "created_at",
        "expires_at",
        "state",
    )
    list_filter = (EnvironmentFilter, "scope", ("revoked_at", admin.EmptyFieldListFilter))
    list_display_links = ("name",)
    list_per_page = 50
    list_fullwidth = True
    show_full_result_count = False
    ordering = ("-pk",)
    actions = ("revoke_selected",)
    add_fieldsets = (
        (None, {"fields": ("scope", "environment_name", "source", "requests_per_minute", "expires_at")}),
    )
    fields = (
        "prefix",
        "scope",
        "environment",
        "source",
        "requests_per_minute",
        "created_at",
        "expires_at",
        "revoked_at",
        "posts",
    )
    readonly_fields = ("posts",)

    @display(description="key", ordering="prefix")
    def name(self, key: ApiKey) -> str:
        return f"{key.prefix}…"

    @display(description="state", label=STATE_COLOURS)
    def state(self, key: ApiKey) -> str:
        return key.state_at(timezone.now())

    @display(description="posts")
    def posts(self, key: ApiKey) -> SafeString:
        arrivals = reverse("admin:telemetry_arrival_changelist")
        return link(f"{arrivals}?{urlencode({'key': key.pk})}", "Its newest posts")

    def get_form(self, request: HttpRequest, obj: ApiKey | None = None, **kwargs: Any) -> Any:
        return super().get_form(request, obj, **(kwargs if obj else {**kwargs, "form": KeyForm}))

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return bool(request.user.has_perm("telemetry.view_apikey") or self.has_revoke_permission(request))

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        """The permission to change keys: revoking is the only change there is."""
        return bool(request.user.has_perm("telemetry.change_apikey"))

    def save_model(self, request: HttpRequest, obj: ApiKey, form: Any, change: bool) -> None:
        key, secret = keys.create_key(
            scope=obj.scope,
            environment=form.cleaned_data["environment_name"],
            source=obj.source,
            requests_per_minute=obj.requests_per_minute,
            expires_at=obj.expires_at,
            now=timezone.now(),
        )
        obj.pk = key.pk
        obj.refresh_from_db()
        text = format_html(
            "The new key: <code>{}</code> Copy it now. It is not shown again, because only its hash is kept.",
            secret,
        )
        messages.warning(request, text)

    @action(description="Revoke selected keys", permissions=["revoke"])
    def revoke_selected(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        in_force = list(queryset.filter(revoked_at=None))
        for key in in_force:
            keys.revoke_key(key=key, now=timezone.now())
            self.log_change(request, key, "Revoked.")
        messages.success(
            request, f"Revoked {len(in_force)} of the selected keys; the others were already revoked."
        )


@admin.register(Environment)
class EnvironmentAdmin(ReadOnlyModelAdmin):
    list_display = ("name", "created_at", "raw_kept_from")
    fields = ("name", "created_at", "raw_kept_from")
    ordering = ("name",)
