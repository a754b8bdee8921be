"""Forms for API keys: a new one, what may be changed of one, and its rotation."""

import re
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.utils import timezone
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from people.access import environments_allowed, limit_of
from telemetry import keys
from telemetry.intake.allowance import events_matching
from telemetry.models import ApiKey, Environment, Scope
from telemetry.plan import get_plan

MAX_NOTES_LENGTH = 2000


class PatternsField(forms.CharField):
    """Names and patterns of events, separated by commas, blanks or line breaks."""

    widget = UnfoldAdminTextareaWidget(attrs={"rows": 3})

    def __init__(self, **options: Any) -> None:
        super().__init__(
            label="Allowed events",
            required=False,
            max_length=keys.MAX_PATTERNS * (keys.MAX_PATTERN_LENGTH + 1),
            help_text=(
                "Names of the plan's events, or patterns like workbench.* or agent.*, separated by commas or line "
                "breaks. Empty: every event of the plan. Other events of this key are rejected as unknown_event."
            ),
            **options,
        )

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def clean(self, value: Any) -> list[str]:
        patterns = list(dict.fromkeys(filter(None, re.split(r"[\s,]+", super().clean(value)))))
        try:
            keys.check_patterns(patterns, scope=Scope.INGEST)
        except keys.BadKeyName as error:
            raise ValidationError(str(error)) from error
        for pattern in patterns:
            if not events_matching([pattern], plan=get_plan()):
                raise ValidationError(f"The plan has no event {pattern}.")
        return patterns


class NotesField(forms.CharField):
    widget = UnfoldAdminTextareaWidget(attrs={"rows": 3})

    def __init__(self, **options: Any) -> None:
        text = "Who uses it, where it is stored, whom to ask. Never the secret itself."
        super().__init__(required=False, max_length=MAX_NOTES_LENGTH, help_text=text, **options)

    def clean(self, value: Any) -> str:
        notes: str = super().clean(value)
        if keys.SECRET.search(notes):
            raise ValidationError("The notes hold a key. Never write a secret down here.")
        return notes


class KeyForm(forms.ModelForm):  # type: ignore[type-arg]  # Django's takes none at run time.
    """The form for a new key. It creates the key's environment if there is none of that name."""

    environment_name = forms.CharField(label="Environment", max_length=64, widget=UnfoldAdminTextInputWidget)
    allowed_events = PatternsField()
    notes = NotesField()

    class Meta:
        model = ApiKey
        fields = ["scope", "source", "requests_per_minute", "expires_at", "allowed_events", "notes"]
        help_texts = {
            "source": "The application that uses the key. Its events are stored under this name.",
            "expires_at": "In UTC. Empty: the key works until it is revoked.",
        }

    # Who makes the key; LimitedModelAdmin sets it.
    person: User

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        names = ", ".join(environments_allowed(self.person, Environment.names())[:20]) or "none"
        environment = self.fields["environment_name"]
        environment.help_text = (
            f"Where its events belong. A new name makes a new environment. Existing: {names}."
        )
        rate = self.fields["requests_per_minute"]
        rate.required = False
        rate.help_text = f"Posts above this rate are answered 429. Empty: {keys.DEFAULT_REQUESTS_PER_MINUTE}."

    def clean_environment_name(self) -> str:
        name = valid_name("environment", self.cleaned_data["environment_name"])
        limit = limit_of(self.person)
        if limit is not None and name not in limit:
            raise ValidationError(
                f"You may make keys for {', '.join(sorted(limit)) or 'no environment'} only."
            )
        return name

    def clean_source(self) -> str:
        return valid_name("source", self.cleaned_data["source"])

    def clean_expires_at(self) -> datetime | None:
        expires_at: datetime | None = self.cleaned_data["expires_at"]
        if expires_at is not None and expires_at <= timezone.now():
            raise ValidationError("The key would have already expired. Choose a later moment.")
        return expires_at

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        if self.cleaned_data.get("allowed_events") and self.cleaned_data.get("scope") not in {
            None,
            Scope.INGEST,
        }:
            self.add_error("allowed_events", "Only keys of the scope ingest can be limited to some events.")
        return cleaned


def valid_name(kind: str, name: str) -> str:
    try:
        keys.check_name(kind, name)
    except keys.BadKeyName as error:
        raise ValidationError(str(error)) from error
    return name


class KeyChangeForm(forms.ModelForm):  # type: ignore[type-arg]  # Django's takes none at run time.
    """What may be changed of a key."""

    allowed_events = PatternsField()
    notes = NotesField()

    class Meta:
        model = ApiKey
        fields = ["allowed_events", "notes"]

    def clean_allowed_events(self) -> list[str]:
        patterns: list[str] = self.cleaned_data["allowed_events"]
        if patterns and self.instance.scope != Scope.INGEST:
            raise ValidationError("Only keys of the scope ingest can be limited to some events.")
        return patterns


class RotationForm(forms.Form):
    """How long the old key still works."""

    amount = forms.IntegerField(
        label="The old key works for another",
        min_value=0,
        max_value=8760,
        initial=keys.OVERLAP.days,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text="0: it ends at once.",
    )
    unit = forms.ChoiceField(
        choices=[("days", "days"), ("hours", "hours")], initial="days", widget=UnfoldAdminSelectWidget
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if "amount" in cleaned and "unit" in cleaned:
            overlap = timedelta(**{cleaned["unit"]: cleaned["amount"]})
            if overlap > keys.LONGEST_OVERLAP:
                raise ValidationError(f"A key can be kept for {keys.LONGEST_OVERLAP.days} days at most.")
            cleaned["overlap"] = overlap
        return cleaned
