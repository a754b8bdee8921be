"""The form with which a person shares a page."""

from datetime import date, datetime, timedelta
from typing import Any, Literal

from django import forms
from django.utils.translation import gettext as _

from kpis.days import day_start, local_day, reporting_zone
from sharing.links import DEFAULT_DAYS, MOST_DAYS
from sharing.models import SharedLink, ShareKind
from web.languages import lazy_text

Dates = Literal["moving", "pinned"]


class ShareForm(forms.Form):
    kind = forms.ChoiceField(label=lazy_text("Show"))
    dates = forms.ChoiceField(label=lazy_text("Dates"))
    last_day = forms.DateField(
        label=lazy_text("Works until the end of"),
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    note = forms.CharField(
        label=lazy_text("For whom"),
        max_length=SharedLink._meta.get_field("note").max_length,
        required=False,
        help_text=lazy_text("Only you and admins see it"),
    )

    def __init__(
        self, *args: Any, dates: list[tuple[Dates, str]], has_chart: bool, now: datetime, **kwargs: Any
    ) -> None:
        """`dates` are the choices: whether the range moves on or stays. `has_chart`: one can stand alone."""
        super().__init__(*args, **kwargs)
        today = local_day(now, zone=reporting_zone())
        self.fields["dates"].choices = dates  # type: ignore[attr-defined]  # A choice field has them.
        kinds = [(value, _(label)) for value, label in ShareKind.choices]
        self.fields["kind"].choices = kinds if has_chart else kinds[:1]  # type: ignore[attr-defined]  # A choice field has them.
        self.latest = today + timedelta(days=MOST_DAYS - 1)
        last_day = self.fields["last_day"]
        last_day.initial = today + timedelta(days=DEFAULT_DAYS)
        last_day.help_text = _("At most %(days)s days from now") % {"days": MOST_DAYS}
        last_day.widget.attrs |= {"min": f"{today}", "max": f"{self.latest}"}

    def clean_last_day(self) -> date:
        """Sharing says which ends a link may have; here it is kept from days that no calendar has."""
        last_day: date = self.cleaned_data["last_day"]
        if last_day > self.latest:
            raise forms.ValidationError(_("A link ends within %(days)s days.") % {"days": MOST_DAYS})
        return last_day

    @property
    def expires_at(self) -> datetime:
        """Of a valid form: the end of its last day in the reporting zone."""
        last_day: date = self.cleaned_data["last_day"]
        return day_start(last_day + timedelta(days=1), zone=reporting_zone())
