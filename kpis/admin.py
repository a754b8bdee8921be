"""The admin of KPI numbers, which are read-only, and of targets, baselines and entered counts."""

from datetime import timedelta
from decimal import Decimal
from typing import Any, cast

from django.contrib import admin, messages
from django.contrib.admin.actions import delete_selected
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.utils import unquote
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from import_export.admin import ImportExportModelAdmin
from unfold.decorators import action, display

from kpis import registry
from kpis.distinct import count, unpack
from kpis.entered_counts import (
    EnteredCountResource,
    EnteredCountsCsv,
    UnreadableFile,
    UploadedFile,
    mark_places,
)
from kpis.forms import (
    BaselineForm,
    ConfirmCountsForm,
    CountsFileForm,
    EnteredCountForm,
    PastValueForm,
    TargetForm,
)
from kpis.models import (
    EXCLUDED,
    Annotation,
    Baseline,
    EnteredCount,
    Freshness,
    FunnelBucket,
    KpiBucket,
    LaterChange,
    StoredGranularity,
    Target,
    UsageBucket,
    UsersBucket,
)
from kpis.setting_goals.effects import effects_of
from kpis.setting_goals.past_values import PastValue
from kpis.setting_goals.previews import EffectText, effect_texts
from telemetry.admin.big_tables import LimitedModelAdmin, ReadOnlyModelAdmin
from telemetry.admin.filters import EnvironmentFilter, choice_filter
from telemetry.admin.formatting import compact_duration
from workbench.models import ChangeCause

KpiFilter = choice_filter(
    field="kpi", choices=[(kpi.slug, kpi.title) for kpi in registry.DEFINITIONS], title="KPI"
)
DIMENSIONS = sorted({dimension for kpi in registry.DEFINITIONS for dimension in kpi.dimensions})
DIMENSION_CHOICES = [("", "The whole KPI"), *((name, f"By {name}") for name in [*DIMENSIONS, EXCLUDED])]


@admin.register(KpiBucket)
class KpiBucketAdmin(ReadOnlyModelAdmin):
    list_display = (
        "slug",
        "environment",
        "granularity",
        "period_start",
        "breakdown",
        "numerator",
        "denominator",
    )
    list_filter = (
        EnvironmentFilter,
        KpiFilter,
        choice_filter(field="granularity", choices=StoredGranularity.choices),
        choice_filter(field="dimension", choices=DIMENSION_CHOICES, title="breakdown"),
    )
    # The unique key backwards, which its index serves: the newest periods come first.
    ordering = ("-environment", "-kpi", "-granularity", "-dimension", "-period_start", "-value")

    @display(description="KPI")
    def slug(self, bucket: KpiBucket) -> str:
        return bucket.kpi

    @display(description="breakdown")
    def breakdown(self, bucket: KpiBucket) -> str:
        return f"{bucket.dimension} = {bucket.value}" if bucket.dimension else "whole KPI"


@admin.register(UsageBucket)
class UsageBucketAdmin(ReadOnlyModelAdmin):
    list_display = (
        "environment",
        "granularity",
        "period_start",
        "workflow",
        "agent",
        "model",
        "agent_runs",
        "calls",
        "input_tokens",
        "output_tokens",
        "cost_micro_usd",
        "estimated_micro_usd",
    )
    list_filter = (EnvironmentFilter, choice_filter(field="granularity", choices=StoredGranularity.choices))
    # The unique key backwards, which its index serves.
    ordering = ("-environment", "-granularity", "-period_start", "-workflow", "-agent", "-model")


@admin.register(FunnelBucket)
class FunnelBucketAdmin(ReadOnlyModelAdmin):
    list_display = (
        "environment",
        "granularity",
        "period_start",
        "step",
        "sources",
        "used_template",
        "sessions",
    )
    list_filter = (EnvironmentFilter, choice_filter(field="granularity", choices=StoredGranularity.choices))
    # The unique key backwards, which its index serves.
    ordering = ("-environment", "-granularity", "-period_start", "-step", "-sources", "-used_template")


@admin.register(LaterChange)
class LaterChangeAdmin(ReadOnlyModelAdmin):
    list_display = (
        "date",
        "slug",
        "environment",
        "cause",
        "value_before",
        "value_after",
        "denominator_before",
        "denominator_after",
        "last_changed_at",
    )
    list_filter = (EnvironmentFilter, KpiFilter, choice_filter(field="cause", choices=ChangeCause.choices))
    # The unique key backwards, which its index serves.
    ordering = ("-environment", "-kpi", "-date", "-first_changed_at")

    @display(description="KPI")
    def slug(self, change: LaterChange) -> str:
        return change.kpi


@admin.register(UsersBucket)
class UsersBucketAdmin(ReadOnlyModelAdmin):
    list_display = ("environment", "granularity", "period_start", "users")
    list_filter = (EnvironmentFilter, choice_filter(field="granularity", choices=StoredGranularity.choices))
    # The unique key backwards, which its index serves.
    ordering = ("-environment", "-granularity", "-period_start")
    fields = ("environment", "granularity", "period_start", "users")
    readonly_fields = ("users",)

    @display(description="users")
    def users(self, bucket: UsersBucket) -> int:
        """About how many."""
        return count(unpack(bucket.sketch))


@admin.register(Freshness)
class FreshnessAdmin(ReadOnlyModelAdmin):
    list_display = ("environment", "computed_until", "lag", "time_zone")
    ordering = ("environment",)
    fields = ("environment", "computed_until", "lag", "time_zone")
    readonly_fields = ("lag",)

    @display(description="lag")
    def lag(self, freshness: Freshness) -> str:
        """How far the KPIs of the environment are behind."""
        if freshness.computed_until is None:
            return "never computed"
        return compact_duration(timezone.now() - freshness.computed_until)


# The name of Django's action.
DELETE = "delete_selected"


def signed_in_user(request: HttpRequest) -> User:
    """The signed-in person; the admin lets nobody else in."""
    return cast(User, request.user)


def without_trailing_zeros(value: Decimal) -> str:
    """The number without the zeros that its column adds."""
    return f"{value.normalize():f}"


class JudgementAdmin(LimitedModelAdmin):
    """The common part of targets and baselines: dated, and with the person who set them."""

    show_full_result_count = False
    list_filter = (EnvironmentFilter, KpiFilter)
    list_select_related = ("set_by",)
    ordering = ("kpi", "environment", "-effective_from")
    sortable_by = ()
    change_form_template = "admin/kpis/judgement_form.html"
    delete_confirmation_template = "admin/kpis/judgement_delete.html"
    delete_selected_confirmation_template = "admin/kpis/judgement_delete_selected.html"

    @display(description="KPI", ordering="kpi")
    def kpi_title(self, judgement: Target | Baseline) -> str:
        kpi = registry.REGISTRY.get(judgement.kpi)
        return kpi.title if kpi else judgement.kpi

    @display(description="environment", ordering="environment")
    def environment_name(self, judgement: Target | Baseline) -> str:
        return judgement.environment or "every environment"

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        return ("set_by", "created_at") if obj else ()

    def save_model(self, request: HttpRequest, obj: Target | Baseline, form: Any, change: bool) -> None:
        obj.set_by = signed_in_user(request)
        super().save_model(request, obj, form, change)

    def get_form(self, request: HttpRequest, obj: Model | None = None, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, **kwargs)
        form.is_preview = "_preview" in request.POST
        return form

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> Any:
        form = context["adminform"].form
        if getattr(form, "is_preview", False) and form.is_bound and not form.errors:
            stored = list(self.model._default_manager.filter(pk=form.instance.pk)) if form.instance.pk else []
            context["effects"] = effects_text(removed=stored, added=[form.instance])
        context.setdefault("effects", None)
        is_new = form.instance.pk is None
        context["may_preview"] = (
            self.has_add_permission(request) if is_new else self.has_change_permission(request, form.instance)
        )
        return super().render_change_form(request, context, *args, **kwargs)

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> Any:
        judgement = self.get_object(request, unquote(object_id))
        effects = effects_text(removed=[judgement] if judgement else [], added=[])
        return super().delete_view(request, object_id, {**(extra_context or {}), "effects": effects})

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        actions: dict[str, Any] = super().get_actions(request)
        if DELETE in actions:
            actions[DELETE] = (delete_with_effect, *actions[DELETE][1:])
        return actions


def delete_with_effect(
    judgement_admin: JudgementAdmin, request: HttpRequest, queryset: QuerySet[Any]
) -> TemplateResponse | None:
    """Django's own action, with the effect on the page that asks whether to delete."""
    effects = effects_text(removed=list(queryset), added=[])
    page: TemplateResponse | None = delete_selected(judgement_admin, request, queryset)
    if page is not None:
        page.context_data = {**(page.context_data or {}), "effects": effects}
    return page


def effects_text(*, removed: list[Any], added: list[Any]) -> list[EffectText]:
    return effect_texts(effects_of(removed=removed, added=added, now=timezone.now()))


@admin.register(Target)
class TargetAdmin(JudgementAdmin):
    form = TargetForm
    list_display = ("kpi_title", "environment_name", "meaning", "effective_from", "set_by")

    @display(description="target")
    def meaning(self, target: Target) -> str:
        kpi = registry.REGISTRY.get(target.kpi)
        if kpi is None:
            return "no KPI of the registry"
        unit = "x the baseline" if kpi.baseline_factor is not None else kpi.unit
        return f"{kpi.direction.words} {without_trailing_zeros(target.value)} {unit}"


@admin.register(Baseline)
class BaselineAdmin(JudgementAdmin):
    form = BaselineForm
    list_display = (
        "kpi_title",
        "environment_name",
        "baseline",
        "effective_from",
        "sample_size",
        "method",
        "set_by",
    )

    actions_list = ("take_from_past",)

    @action(description="From a past range", url_path="from-past", permissions=["add"])
    def take_from_past(self, request: HttpRequest) -> HttpResponse:
        """Asks for a past range of a KPI and leads to the form of a new baseline with what it was then."""
        form = PastValueForm(request.POST or None, person=cast(User, request.user))
        if form.is_valid():
            return HttpResponseRedirect(
                f"{reverse('admin:kpis_baseline_add')}?{urlencode(new_baseline(form))}"
            )
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "Take a baseline from a past range",
            "form": form,
            "media": self.media + form.media,
        }
        return TemplateResponse(request, "admin/kpis/past_value.html", context)

    @display(description="baseline")
    def baseline(self, baseline: Baseline) -> str:
        kpi = registry.REGISTRY.get(baseline.kpi)
        return f"{without_trailing_zeros(baseline.value)} {kpi.unit if kpi else ''}".strip()


def new_baseline(form: PastValueForm) -> dict[str, str]:
    """The fields of the baseline that a valid form stands for. It is in force from the day after the range."""
    found: PastValue = form.cleaned_data["past_value"]
    return {
        "kpi": form.cleaned_data["kpi"],
        "environment": form.cleaned_data["environment"],
        "value": without_trailing_zeros(found.value),
        "effective_from": (form.cleaned_data["last"] + timedelta(days=1)).isoformat(),
        "method": found.method,
        "sample_size": str(found.sample_size),
    }


@admin.register(Annotation)
class AnnotationAdmin(ReadOnlyModelAdmin):
    """They are added, changed and deleted on the pages of KPIs."""

    list_display = ("at", "environment", "kpi", "text", "added_by", "source", "edited_by")
    list_filter = (EnvironmentFilter,)
    list_select_related = ("added_by", "edited_by")
    # Index: annotation_of_range.
    ordering = ("-environment", "-at")


@admin.register(EnteredCount)
class EnteredCountAdmin(LimitedModelAdmin, ImportExportModelAdmin):
    """Counts that no event reports. A change has its day's KPIs computed again, as an event would."""

    form = EnteredCountForm
    resource_classes = (EnteredCountResource,)
    formats = (EnteredCountsCsv,)
    import_form_class = CountsFileForm
    confirm_form_class = ConfirmCountsForm
    tmp_storage_class = UploadedFile
    skip_export_form = True
    show_full_result_count = False
    list_display = ("date", "environment", "source", "workflows", "entered_by")
    list_filter = (EnvironmentFilter,)
    list_select_related = ("entered_by",)
    ordering = ("-date", "environment", "source")

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        return ("entered_by", "created_at") if obj else ()

    def save_model(self, request: HttpRequest, obj: EnteredCount, form: Any, change: bool) -> None:
        obj.entered_by = signed_in_user(request)
        with transaction.atomic():
            places = {(obj.environment, obj.date)}
            # An edit may move the count: then it is missing where it was before.
            if change:
                places |= set(EnteredCount.objects.filter(pk=obj.pk).values_list("environment", "date"))
            super().save_model(request, obj, form, change)
            mark_places(places)

    def has_import_permission(self, request: HttpRequest) -> bool:
        """A file adds counts and changes them."""
        return bool(self.has_add_permission(request) and self.has_change_permission(request))

    def has_export_permission(self, request: HttpRequest) -> bool:
        return bool(self.has_view_permission(request))

    def export_action(self, request: HttpRequest) -> HttpResponse:
        """The list as a file; for filters that there are none of, the list, as it answers them itself."""
        try:
            response: HttpResponse = super().export_action(request)
        except IncorrectLookupParameters:
            return HttpResponseRedirect(f"{reverse('admin:kpis_enteredcount_changelist')}?e=1")
        return response

    def add_data_read_fail_error_to_form(self, form: CountsFileForm, e: Exception) -> None:
        if not isinstance(e, UnreadableFile):
            raise e
        form.add_error("import_file", str(e))

    def process_import(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Stores the file that was previewed; where it is gone, or names none, the upload is asked for again."""
        try:
            response: HttpResponse = super().process_import(request, **kwargs)
        except UnreadableFile as error:
            return self.ask_again(request, str(error))
        is_form = isinstance(response, TemplateResponse)
        return self.ask_again(request, "Upload the file again.") if is_form else response

    def process_result(self, result: Any, request: HttpRequest) -> HttpResponse:
        if result.has_errors() or result.has_validation_errors():
            return self.ask_again(
                request, "Nothing was imported: a row is no longer right. Upload the file again."
            )
        response: HttpResponse = super().process_result(result, request)
        return response

    def ask_again(self, request: HttpRequest, message: str) -> HttpResponse:
        messages.error(request, message)
        return HttpResponseRedirect(reverse("admin:kpis_enteredcount_import"))

    def delete_model(self, request: HttpRequest, obj: EnteredCount) -> None:
        with transaction.atomic():
            super().delete_model(request, obj)
            mark_places({(obj.environment, obj.date)})

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Model]) -> None:
        with transaction.atomic():
            places = set(queryset.values_list("environment", "date"))
            super().delete_queryset(request, queryset)
            mark_places(places)
