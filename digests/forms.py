"""The form in which a person says what they want to get, and when."""

from collections.abc import Sequence
from functools import cache
from itertools import groupby
from typing import Any, cast
from zoneinfo import available_timezones

from django import forms
from django.utils.translation import gettext as _

from digests.addresses import hint_of, parse_webhook, seal_webhook
from digests.models import DigestFrequency, DigestSubscription
from kpis.formatting import words_of
from kpis.registry import DEFINITIONS
from people import mailing
from web.languages import lazy_text
from workbench.retries.addresses import BadUrl

# Django's catalogues have them.
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
WEEKDAYS = tuple(map(lazy_text, DAYS))
HOURS = [(hour, f"{hour:02d}:00") for hour in range(24)]
# Without the zones' old spellings, which tzdata keeps outside these.
REGIONS = (
    "Africa", "America", "Antarctica", "Arctic", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific",
)  # fmt: skip
LONGEST_ADDRESS = 500
NO_MAIL_SERVER = lazy_text(
    "No mail can be sent: an operator must set EMAIL_URL to a mail server. Untick it, and choose Slack instead."
)


@cache
def zone_names() -> frozenset[str]:
    return frozenset(name for name in available_timezones() if name.partition("/")[0] in REGIONS)


def zone_choices(*, own: str) -> list[Any]:
    """UTC, the person's own zone where no region has it, then the zones by region, as an option list."""
    others = dict.fromkeys(["UTC", *([] if own in zone_names() else [own])])
    groups = groupby(sorted(zone_names()), key=lambda name: name.partition("/")[0])
    return [
        *((name, name) for name in others),
        *((region, [(name, zone_label(name)) for name in group]) for region, group in groups),
    ]


def zone_label(name: str) -> str:
    return name.partition("/")[2].replace("_", " ").replace("/", ", ")


def kpi_choices() -> list[tuple[str, list[tuple[str, str]]]]:
    """The KPIs by persona, in the order of the registry."""
    groups = groupby(DEFINITIONS, key=lambda kpi: kpi.persona)
    return [(words_of(persona), [(kpi.slug, _(kpi.title)) for kpi in group]) for persona, group in groups]


class DigestForm(forms.ModelForm):  # type: ignore[type-arg]  # Django's takes none at run time.
    environments = forms.MultipleChoiceField(
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=lazy_text("None chosen: every one that you may see"),
    )
    kpis = forms.MultipleChoiceField(
        label=lazy_text("KPIs"),
        required=False,
        choices=kpi_choices,
        widget=forms.CheckboxSelectMultiple,
        help_text=lazy_text("None chosen: all of them"),
    )
    weekday = forms.TypedChoiceField(coerce=int, choices=list(enumerate(WEEKDAYS)))
    hour = forms.TypedChoiceField(coerce=int, choices=HOURS)
    time_zone = forms.ChoiceField()
    webhook_url = forms.CharField(
        label=lazy_text("Slack webhook"),
        required=False,
        max_length=LONGEST_ADDRESS,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", "inputmode": "url"}),
    )
    forgets_webhook = forms.BooleanField(label=lazy_text("Stop posting to it"), required=False)

    class Meta:
        model = DigestSubscription
        fields = (
            "is_active",
            "frequency",
            "weekday",
            "hour",
            "time_zone",
            "language",
            "environments",
            "kpis",
            "by_mail",
        )
        widgets = {"frequency": forms.RadioSelect}

    def __init__(self, *args: Any, environments: Sequence[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.set_choices("environments", [(name, name) for name in environments])
        self.set_choices("frequency", [(value, _(label)) for value, label in DigestFrequency.choices])
        self.set_choices("time_zone", zone_choices(own=self.instance.time_zone))
        self.has_webhook = bool(self.instance.webhook)
        self.webhook_hint = hint_of(self.instance.webhook)

    def set_choices(self, name: str, choices: list[Any]) -> None:
        cast("forms.ChoiceField", self.fields[name]).choices = choices

    def kpi_groups(self) -> list[tuple[str, list[Any]]]:
        """The boxes of the KPIs, by persona."""
        boxes = iter(self["kpis"])
        return [(persona, [next(boxes) for kpi in kpis]) for persona, kpis in kpi_choices()]

    def clean_webhook_url(self) -> str:
        url: str = self.cleaned_data["webhook_url"].strip()
        if not url:
            return ""
        try:
            parse_webhook(url)
        except BadUrl as error:
            raise forms.ValidationError(str(error)) from error
        return url

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if cleaned.get("by_mail") and not self.instance.user.email:
            self.add_error("by_mail", _("Your account has no mail address: an administrator enters it."))
        elif cleaned.get("by_mail") and cleaned.get("is_active") and not mailing.is_configured():
            self.add_error("by_mail", NO_MAIL_SERVER)
        if cleaned.get("is_active") and not self.has_way_out(cleaned):
            self.add_error(None, _("Choose mail or Slack, or both."))
        return cleaned

    def has_way_out(self, cleaned: dict[str, Any]) -> bool:
        keeps_webhook = self.has_webhook and not cleaned.get("forgets_webhook")
        # A fault of the address, and of mail, is said beside it.
        has_new = bool(cleaned.get("webhook_url")) or bool({"webhook_url", "by_mail"} & set(self.errors))
        return bool(cleaned.get("by_mail")) or has_new or keeps_webhook

    def chosen(self) -> DigestSubscription:
        """The subscription as a valid form says it, not stored."""
        subscription: DigestSubscription = self.instance
        if self.cleaned_data["webhook_url"]:
            subscription.webhook = seal_webhook(self.cleaned_data["webhook_url"])
        elif self.cleaned_data["forgets_webhook"]:
            subscription.webhook = ""
        return subscription
