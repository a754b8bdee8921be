"""The admin of erasures: the form, the preview, the confirmation, the progress and the receipt."""

import json
from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.views.decorators.debug import sensitive_post_parameters
from unfold.decorators import display
from unfold.widgets import UnfoldAdminRadioSelectWidget, UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from people.access import environments_allowed
from telemetry.admin.big_tables import LimitedModelAdmin
from telemetry.admin.filters import EnvironmentFilter, choice_filter
from telemetry.lifecycle import erasure as erasures
from telemetry.models import Environment, Erasure, ErasureMode, ErasureState, LaterEvents, SubjectKind
from workbench.erasure import export, steps
from workbench.erasure.reports import finds_nothing, progress_of, report_of, tables_of

STATE_COLOURS = {"previewed": "warning", "done": "success", "failed": "danger"}
# A person who asks waits this long at most; the worker does the rest.
SECONDS_PER_REQUEST = 2.0
REFRESH_SECONDS = 3


class ErasureForm(forms.ModelForm):  # type: ignore[type-arg]  # Django's takes none at run time.
    """Who or what is to be erased. The id goes no further than to `request_erasure`, which hashes a user's at once."""

    # LimitedModelAdmin sets it.
    person: User

    environment_name = forms.ChoiceField(label="Environment", widget=UnfoldAdminSelectWidget)
    kind = forms.ChoiceField(
        label="What the id names", choices=SubjectKind.choices, widget=UnfoldAdminRadioSelectWidget
    )
    subject = forms.CharField(
        label="Id",
        max_length=128,
        strip=True,
        help_text="As the clients send it. A user's id is hashed at once and not kept. Saving erases nothing: the "
        "next page says what would go.",
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    mode = forms.ChoiceField(
        label="KPIs",
        choices=ErasureMode.choices,
        initial=ErasureMode.REMOVE,
        widget=UnfoldAdminRadioSelectWidget,
    )
    later_events = forms.ChoiceField(
        label="Later events of the subject",
        choices=LaterEvents.choices,
        initial=LaterEvents.REFUSE,
        widget=UnfoldAdminRadioSelectWidget,
    )

    class Meta:
        model = Erasure
        fields = ["kind", "mode", "later_events"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        environment = cast(forms.ChoiceField, self.fields["environment_name"])
        allowed = environments_allowed(self.person, Environment.names())
        # None is chosen for them: in the wrong one an erasure finds nothing, and says that it is done.
        first = [] if len(allowed) == 1 else [("", "Select an environment")]
        environment.choices = [*first, *((name, name) for name in allowed)]

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if "kind" in cleaned and "subject" in cleaned:
            try:
                erasures.name_of(kind=cleaned["kind"], subject=cleaned["subject"])
            except erasures.BadSubject as error:
                raise ValidationError({"subject": str(error)}) from error
        return cleaned


@admin.register(Erasure)
class ErasureAdmin(LimitedModelAdmin):
    """An erasure is requested and confirmed, never changed or deleted: its receipt is the proof."""

    list_display = (
        "name",
        "environment_id",
        "kind",
        "mode",
        "status",
        "requested_by",
        "requested_at",
        "finished_at",
    )
    list_filter = (EnvironmentFilter, choice_filter(field="state", choices=ErasureState.choices))
    list_display_links = ("name",)
    list_per_page = 50
    list_fullwidth = True
    show_full_result_count = False
    sortable_by = ()
    ordering = ("-pk",)
    actions = None
    add_fieldsets = ((None, {"fields": ("environment_name", "kind", "subject", "mode", "later_events")}),)
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "environment",
                    "kind",
                    "digest",
                    "mode",
                    "later_events",
                    "state",
                    "requested_by",
                    "requested_at",
                    "finished_at",
                )
            },
        ),
    )
    change_form_outer_before_template = "admin/erasures/_erasure.html"

    @display(description="erasure")
    def name(self, erasure: Erasure) -> str:
        return f"Erasure {erasure.pk}"

    @display(description="state", label=STATE_COLOURS)
    def status(self, erasure: Erasure) -> tuple[str, str]:
        return erasure.state, erasure.get_state_display()

    def get_fieldsets(self, request: HttpRequest, obj: Erasure | None = None) -> Any:
        return self.fieldsets if obj else self.add_fieldsets

    def get_form(self, request: HttpRequest, obj: Model | None = None, **kwargs: Any) -> Any:
        return super().get_form(request, obj, **(kwargs if obj else {**kwargs, "form": ErasureForm}))

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    @method_decorator(sensitive_post_parameters())
    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        # There is one way on: to the preview.
        context = {"show_save_and_add_another": False, "show_save_and_continue": False}
        return cast(HttpResponse, super().add_view(request, form_url, context))

    def save_model(self, request: HttpRequest, obj: Erasure, form: Any, change: bool) -> None:
        wanted = erasures.ErasureRequest(
            environment=form.cleaned_data["environment_name"],
            kind=form.cleaned_data["kind"],
            subject=form.cleaned_data["subject"],
            mode=form.cleaned_data["mode"],
            later_events=form.cleaned_data["later_events"],
        )
        erasure = erasures.request_erasure(
            wanted, requested_by=request.user.get_username(), now=timezone.now()
        )
        obj.pk = erasure.pk
        obj.refresh_from_db()

    def response_add(
        self, request: HttpRequest, obj: Erasure, post_url_continue: str | None = None
    ) -> HttpResponse:
        steps.work_on(obj, now=timezone.now(), seconds=SECONDS_PER_REQUEST)
        return page_of(obj)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The erasure's page. While there is work, the browser asks again every few seconds."""
        erasure = self.get_object(request, object_id)
        if erasure is None:
            return cast(HttpResponse, super().change_view(request, object_id, form_url, extra_context))
        is_at_work = erasure.state in steps.STEPS
        context = {
            "is_at_work": is_at_work,
            "progress": progress_of(erasure) if is_at_work else None,
            "tables": tables_of(erasure),
            "finds_nothing": finds_nothing(erasure),
            "may_act": self.has_add_permission(request),
            "may_export": erasure.state == ErasureState.PREVIEWED,
            "show_history": False,
            **(extra_context or {}),
        }
        response = cast(HttpResponse, super().change_view(request, object_id, form_url, context))
        if is_at_work:
            response.headers["Refresh"] = str(REFRESH_SECONDS)
        return response

    # Buttons ------------------------------------------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        views = {
            "confirm": self.confirm_view,
            "discard": self.discard_view,
            "retry": self.retry_view,
            "export": self.export_view,
            "receipt": self.receipt_view,
        }
        own = [
            path(
                f"<int:pk>/{name}/",
                self.admin_site.admin_view(view),
                name=f"telemetry_erasure_{name}",
            )
            for name, view in views.items()
        ]
        return [*own, *super().get_urls()]

    def acted_on(self, request: HttpRequest, pk: int) -> Erasure:
        """The erasure that a button is for. Raises PermissionDenied and Http404."""
        if request.method != "POST" or not self.has_add_permission(request):
            raise PermissionDenied
        return self.erasure_of(request, pk)

    def erasure_of(self, request: HttpRequest, pk: int) -> Erasure:
        """The erasure, in an environment that the person may see. Raises Http404."""
        erasure = self.get_queryset(request).filter(pk=pk).first()
        if erasure is None:
            raise Http404
        return cast(Erasure, erasure)

    def confirm_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        erasure = self.acted_on(request, pk)
        try:
            erasures.confirm(erasure)
        except erasures.NotToBeConfirmed as error:
            messages.error(request, str(error))
        else:
            self.log_change(request, erasure, "Confirmed.")
            steps.work_on(erasure, now=timezone.now(), seconds=SECONDS_PER_REQUEST)
        return page_of(erasure)

    def discard_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        erasures.discard(self.acted_on(request, pk))
        messages.success(request, "Discarded. Nothing was erased.")
        return redirect("admin:telemetry_erasure_changelist")

    def retry_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        erasure = self.acted_on(request, pk)
        erasures.try_again(erasure)
        self.log_change(request, erasure, "Tried again.")
        return page_of(erasure)

    def export_view(self, request: HttpRequest, pk: int) -> HttpResponse | StreamingHttpResponse:
        erasure = self.acted_on(request, pk)
        if erasure.state != ErasureState.PREVIEWED:
            raise Http404
        self.log_change(request, erasure, "Exported.")
        return export.download(export.export_of(erasure, now=timezone.now()), name=f"erasure-{erasure.pk}")

    def receipt_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        erasure = self.erasure_of(request, pk)
        text = json.dumps(report_of(erasure), indent=2)
        disposition = f'attachment; filename="erasure-{erasure.pk}-receipt.json"'
        return HttpResponse(
            text, content_type="application/json", headers={"Content-Disposition": disposition}
        )


def page_of(erasure: Erasure) -> HttpResponseRedirect:
    return HttpResponseRedirect(reverse("admin:telemetry_erasure_change", args=[erasure.pk]))
