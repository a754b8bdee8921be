"""The admin of KPI numbers, which are read-only, and of targets, baselines and entered counts."""

from datetime import date
from decimal import Decimal
from typing import Any, cast

from django.contrib import admin
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from unfold.admin import ModelAdmin
from unfold.decorators import display

from kpis import registry
from kpis.compute import rollup
from kpis.forms import BaselineForm, EnteredCountForm, TargetForm
from kpis.models import EXCLUDED, Baseline, EnteredCount, Freshness, KpiBucket, StoredGranularity, Target
from telemetry.admin.big_tables import ReadOnlyModelAdmin
from telemetry.admin.filters import EnvironmentFilter, choice_filter
from telemetry.admin.formatting import compact_duration

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


def signed_in_user(request: HttpRequest) -> User:
    """The signed-in person; the admin lets nobody else in."""
    return cast(User, request.user)


def without_trailing_zeros(value: Decimal) -> str:
    """The number without the zeros that its column adds."""
    return f"{value.normalize():f}"


class JudgementAdmin(ModelAdmin):
    """The common part of targets and baselines: dated, and with the person who set them."""

    show_full_result_count = False
    list_filter = (EnvironmentFilter, KpiFilter)
    list_select_related = ("set_by",)
    ordering = ("kpi", "environment", "-effective_from")
    sortable_by = ()

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

    @display(description="baseline")
    def baseline(self, baseline: Baseline) -> str:
        kpi = registry.REGISTRY.get(baseline.kpi)
        return f"{without_trailing_zeros(baseline.value)} {kpi.unit if kpi else ''}".strip()


@admin.register(EnteredCount)
class EnteredCountAdmin(ModelAdmin):
    """Counts that no event reports. A change has its day's KPIs computed again, as an event would."""

    form = EnteredCountForm
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

    def delete_model(self, request: HttpRequest, obj: EnteredCount) -> None:
        with transaction.atomic():
            super().delete_model(request, obj)
            mark_places({(obj.environment, obj.date)})

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Model]) -> None:
        with transaction.atomic():
            places = set(queryset.values_list("environment", "date"))
            super().delete_queryset(request, queryset)
            mark_places(places)


def mark_places(places: set[tuple[str, date]]) -> None:
    """Have the rollup recompute the first bucket of each day, where entered counts are counted."""
    for environment, day in sorted(places):
        rollup.mark_day(environment=environment, date=day)
