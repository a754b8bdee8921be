"""Forms for targets, baselines and entered counts, and which values fit which KPI."""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.utils import timezone
from import_export.forms import ConfirmImportForm
from unfold.contrib.import_export.forms import ImportForm
from unfold.widgets import UnfoldAdminDateWidget, UnfoldAdminSelectWidget

from kpis import registry
from kpis.days import day_start, local_day, reporting_zone
from kpis.models import Baseline, EnteredCount, Target
from kpis.reading.periods import FIRST_DATE, LAST_DATE
from kpis.registry import Kind, Kpi
from kpis.setting_goals.past_values import NoPastValue, past_value
from people.access import environments_allowed, limit_of
from telemetry.models import Environment

KPI_CHOICES = [
    ("", "Select a KPI"),
    *((kpi.slug, f"{kpi.title} ({kpi.unit})") for kpi in registry.DEFINITIONS),
]
# The assistant can suggest several templates for one message, so a ratio may exceed 1.
LARGEST_RATIO = Decimal(10)
LARGEST_FACTOR = Decimal(10)
# A file of entered counts is small: 500 rows.
MOST_FILE_BYTES = 256 * 1024
# What the column holds on PostgreSQL.
MOST_WORKFLOWS = 2_147_483_647
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


class EnvironmentChoice(forms.BaseForm):
    """Offers the environments that the person may see; the admin says who that is."""

    person: User
    # Its meaning; None: an environment must be chosen.
    every_environment: str | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields.get("environment")
        if isinstance(field, forms.ChoiceField):
            field.choices = [*self.first_choices(), *((name, name) for name in self.environments())]

    def environments(self) -> list[str]:
        return environments_allowed(self.person, Environment.names())

    def first_choices(self) -> list[tuple[str, str]]:
        """Only people without a limit may enter something for every environment."""
        if self.every_environment is None:
            return [("", "Select an environment")]
        return [("", self.every_environment)] if limit_of(self.person) is None else []


class EnvironmentForm(EnvironmentChoice, forms.ModelForm):  # type: ignore[type-arg]  # Django's takes none at run time.
    """A form of a row with an environment."""


class JudgementForm(EnvironmentForm):
    """A value for a KPI of the registry, in one environment or in all of them.

    A form that is only a preview is never valid, so that the admin shows it again and stores nothing.
    """

    is_preview = False

    every_environment = "Every environment"
    kpi = forms.ChoiceField(label="KPI", choices=KPI_CHOICES, widget=UnfoldAdminSelectWidget)
    environment = forms.ChoiceField(required=False, widget=UnfoldAdminSelectWidget)

    def is_valid(self) -> bool:
        return super().is_valid() and not self.is_preview

    def problem(self, kpi: Kpi, value: Decimal) -> str:
        return value_problem(kpi, value)

    def clean_environment(self) -> str:
        environment: str = self.cleaned_data["environment"]
        if not environment and limit_of(self.person) is not None:
            raise forms.ValidationError("Choose an environment.")
        return environment

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


class PastValueForm(EnvironmentChoice, forms.Form):
    """A past range of a KPI, as days of the reporting zone, to take a baseline from."""

    kpi = forms.ChoiceField(label="KPI", choices=KPI_CHOICES, widget=UnfoldAdminSelectWidget)
    environment = forms.ChoiceField(widget=UnfoldAdminSelectWidget)
    first = forms.DateField(label="First day", widget=UnfoldAdminDateWidget)
    last = forms.DateField(label="Last day", help_text="Included", widget=UnfoldAdminDateWidget)

    def __init__(self, *args: Any, person: User, **kwargs: Any) -> None:
        self.person = person
        super().__init__(*args, **kwargs)

    def clean(self) -> dict[str, Any]:
        """Adds `past_value`, or says why there is none."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if self.errors:
            return cleaned
        first, last = cleaned["first"], cleaned["last"]
        if not FIRST_DATE <= first <= last < LAST_DATE:
            raise forms.ValidationError("The last day is before the first, or not of this century.")
        try:
            cleaned["past_value"] = past_value(
                registry.REGISTRY[cleaned["kpi"]],
                environment=cleaned["environment"],
                first=first,
                last=last,
                now=timezone.now(),
            )
        except NoPastValue as error:
            raise forms.ValidationError(str(error)) from error
        return cleaned


class CountsFileForm(ImportForm):
    """The upload of a file of entered counts."""

    def clean_import_file(self) -> Any:
        file = self.cleaned_data["import_file"]
        if file.size > MOST_FILE_BYTES:
            raise forms.ValidationError(
                f"The file has {file.size} bytes; it takes at most {MOST_FILE_BYTES}."
            )
        return file


class ConfirmCountsForm(ConfirmImportForm):
    """Hidden fields that name the uploaded file. There is one format and one resource."""

    import_file_name = forms.RegexField("^[0-9a-f]{32}$", widget=forms.HiddenInput)
    format = forms.ChoiceField(choices=[("0", "csv")], widget=forms.HiddenInput)
    resource = forms.ChoiceField(choices=[("0", "counts")], widget=forms.HiddenInput, required=False)


class EnteredCountForm(EnvironmentForm):
    environment = forms.ChoiceField(widget=UnfoldAdminSelectWidget)

    class Meta:
        model = EnteredCount
        fields = ["environment", "date", "source", "workflows"]

    def clean_workflows(self) -> int:
        workflows: int = self.cleaned_data["workflows"]
        if workflows > MOST_WORKFLOWS:
            raise forms.ValidationError(f"It takes at most {MOST_WORKFLOWS}.")
        return workflows

    def clean_date(self) -> date:
        day: date = self.cleaned_data["date"]
        if day > local_day(timezone.now(), zone=reporting_zone()):
            raise forms.ValidationError("That day has not begun yet; enter counts for days that have.")
        return day

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        environment, day = cleaned.get("environment"), cleaned.get("date")
        kept_from = self.kept_from().get(environment) if environment and day else None
        # The rollup computes no bucket before that moment again (see kpis.compute.rollup).
        if day is not None and kept_from is not None and day_start(day, zone=reporting_zone()) < kept_from:
            self.add_error(
                "date",
                f"KPIs of {environment} from before {kept_from:%Y-%m-%d %H:%M} UTC are final: retention has removed "
                "what they were computed from. A count would have no effect.",
            )
        return cleaned

    def kept_from(self) -> Mapping[str, datetime]:
        """From when on each environment's KPIs can still change; an environment without retention is left out."""
        return Environment.things_kept()
