"""Forms for targets, baselines and entered counts, and which values fit which KPI."""

from datetime import date
from decimal import Decimal
from typing import Any

from django import forms
from django.utils import timezone
from unfold.widgets import UnfoldAdminSelectWidget

from kpis import registry
from kpis.days import local_day, reporting_zone
from kpis.models import Baseline, EnteredCount, Target
from kpis.registry import Kind, Kpi
from telemetry.models import Environment

KPI_CHOICES = [
    ("", "Select a KPI"),
    *((kpi.slug, f"{kpi.title} ({kpi.unit})") for kpi in registry.DEFINITIONS),
]
# The assistant can suggest several templates for one message, so a ratio may exceed 1.
LARGEST_RATIO = Decimal(10)
LARGEST_FACTOR = Decimal(10)
LONGEST_SECONDS = Decimal(30 * 24 * 3600)


def value_problem(kpi: Kpi, value: Decimal) -> str:
    """What is wrong with a value in the KPI's unit, as a sentence; empty when nothing is."""
    if kpi.kind is Kind.RATIO and not 0 <= value <= LARGEST_RATIO:
        return (
            f"{kpi.title} is a ratio, not a percentage: 0.8 stands for 80 %. It takes 0 to {LARGEST_RATIO}."
        )
    if kpi.kind is Kind.DURATION and not 0 < value <= LONGEST_SECONDS:
        return f"{kpi.title} is measured in seconds: more than 0 and at most {LONGEST_SECONDS} (30 days)."
    if kpi.kind is Kind.SUM and value < 0:
        return f"{kpi.title} is an amount in {kpi.unit}; it cannot be negative."
    return ""


def target_problem(kpi: Kpi, value: Decimal) -> str:
    """What is wrong with a target, as a sentence; empty when nothing is. Against a baseline it is a factor."""
    if kpi.baseline_factor is None:
        return value_problem(kpi, value)
    if 0 < value <= LARGEST_FACTOR:
        return ""
    factor, direction = kpi.baseline_factor, kpi.direction.words
    return (
        f"{kpi.title} is judged against its baseline, so its target is a factor and not {kpi.unit}: "
        f"{factor} means {direction} {factor} x the baseline. "
        f"It takes more than 0 and at most {LARGEST_FACTOR}."
    )


def environment_choices(*, first: tuple[str, str]) -> list[tuple[str, str]]:
    return [first, *((name, name) for name in Environment.names())]


class JudgementForm(forms.ModelForm):  # type: ignore[type-arg]
    """A value for a KPI of the registry, in one environment or in all of them."""

    kpi = forms.ChoiceField(label="KPI", choices=KPI_CHOICES, widget=UnfoldAdminSelectWidget)
    environment = forms.ChoiceField(
        required=False,
        choices=lambda: environment_choices(first=("", "Every environment")),
        widget=UnfoldAdminSelectWidget,
    )

    def problem(self, kpi: Kpi, value: Decimal) -> str:
        return value_problem(kpi, value)

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        kpi, value = registry.REGISTRY.get(cleaned.get("kpi", "")), cleaned.get("value")
        if kpi is not None and value is not None and (problem := self.problem(kpi, value)):
            self.add_error("value", problem)
        return cleaned


class TargetForm(JudgementForm):
    class Meta:
        model = Target
        fields = ["kpi", "environment", "value", "effective_from", "note"]
        help_texts = {
            "value": (
                "In the KPI's unit: 0.8 for 80 %, 300 for five minutes. For a KPI that is judged against its "
                "baseline, the factor: 0.5 for half the baseline."
            ),
        }

    def problem(self, kpi: Kpi, value: Decimal) -> str:
        return target_problem(kpi, value)


class BaselineForm(JudgementForm):
    class Meta:
        model = Baseline
        fields = ["kpi", "environment", "value", "effective_from", "method", "sample_size"]
        help_texts = {
            "value": "In the KPI's unit: 0.8 for 80 %, 1800 for half an hour.",
            "method": "How it was measured: who, when, and on what.",
            "sample_size": "How many measurements it is based on.",
        }

    def clean_sample_size(self) -> int:
        sample_size: int = self.cleaned_data["sample_size"]
        if sample_size < 1:
            raise forms.ValidationError("A baseline needs at least one measurement.")
        return sample_size


class EnteredCountForm(forms.ModelForm):  # type: ignore[type-arg]
    environment = forms.ChoiceField(
        choices=lambda: environment_choices(first=("", "Select an environment")),
        widget=UnfoldAdminSelectWidget,
    )

    class Meta:
        model = EnteredCount
        fields = ["environment", "date", "source", "workflows"]

    def clean_date(self) -> date:
        day: date = self.cleaned_data["date"]
        if day > local_day(timezone.now(), zone=reporting_zone()):
            raise forms.ValidationError("That day has not begun yet; enter counts for days that have.")
        return day
