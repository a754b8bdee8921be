"""The admin of maintenance: adding a window switches it on, ending the window switches it off."""

from datetime import datetime
from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.db.models import Model
from django.http import HttpRequest
from django.utils import timezone
from unfold.admin import ModelAdmin
from unfold.decorators import action, display

from telemetry import maintenance
from telemetry.models import MaintenanceWindow, MaintenanceWindowQuerySet, WindowState

STATE_COLOURS = {WindowState.ON: "danger", WindowState.PLANNED: "warning", WindowState.OVER: "info"}
SWITCH = "telemetry.switch_maintenance"


class MaintenanceForm(forms.ModelForm):  # type: ignore[type-arg]  # Django's takes none at run time.
    class Meta:
        model = MaintenanceWindow
        fields = ["message", "starts_at", "ends_at"]
        help_texts = {
            "message": "Clients and people read it. Empty: The portal is being maintained.",
            "starts_at": "In UTC. Empty: now.",
            "ends_at": "In UTC. Empty: until somebody ends it.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["starts_at"].required = False

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        now = timezone.now()
        cleaned["starts_at"] = max(cleaned.get("starts_at") or now, now)
        try:
            maintenance.check_window(
                message=cleaned.get("message", ""),
                starts_at=cleaned["starts_at"],
                ends_at=cleaned.get("ends_at"),
            )
        except maintenance.BadMaintenanceWindow as error:
            raise forms.ValidationError(str(error)) from error
        return cleaned


@admin.register(MaintenanceWindow)
class MaintenanceWindowAdmin(ModelAdmin):
    """Windows are never changed or deleted. They are few, however old the portal is."""

    list_display = ("starts_at", "state", "message", "ends_at", "started_by", "ended_at", "ended_by")
    ordering = ("-pk",)
    sortable_by = ()
    list_fullwidth = True
    list_select_related = ("started_by", "ended_by")
    fields = ("message", "state", "starts_at", "ends_at", "started_by", "ended_at", "ended_by")
    readonly_fields = ("state",)
    actions = ("end_selected",)

    @display(description="state", label=STATE_COLOURS)
    def state(self, window: MaintenanceWindow) -> str:
        return window.state_at(timezone.now())

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fields if obj else MaintenanceForm.Meta.fields

    def get_form(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        return super().get_form(request, obj, **(kwargs if obj else {**kwargs, "form": MaintenanceForm}))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.has_switch_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        may_view = request.user.has_perm("telemetry.view_maintenancewindow")
        return may_view or self.has_switch_permission(request)

    def has_switch_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(SWITCH)

    def save_model(self, request: HttpRequest, obj: MaintenanceWindow, form: Any, change: bool) -> None:
        window = maintenance.switch_on(
            message=obj.message,
            starts_at=obj.starts_at,
            ends_at=obj.ends_at,
            by=cast(User, request.user),
            now=timezone.now(),
        )
        obj.pk = window.pk
        obj.refresh_from_db()

    @action(description="End selected windows", permissions=["switch"])
    def end_selected(self, request: HttpRequest, queryset: MaintenanceWindowQuerySet) -> None:
        now: datetime = timezone.now()
        windows = list(queryset.not_over_at(now))
        maintenance.end_windows(queryset, by=cast(User, request.user), now=now)
        for window in windows:
            self.log_change(request, window, "Ended.")
        messages.success(request, f"Ended {len(windows)} of the selected windows; the others were over.")
