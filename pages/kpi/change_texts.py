"""What changed of a KPI's days after they were shown, as people read it (docs/changes.md)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self
from zoneinfo import ZoneInfo

from django.urls import reverse
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from kpis.changed.days import ChangedDay, NotedChange, NotedFigures
from kpis.changed.goals import GoalChange, GoalTerms
from kpis.days import local_day
from kpis.formatting import (
    DASH,
    change_text,
    date_text,
    localized,
    moment_text,
    value_text,
    words_of,
)
from kpis.reading.periods import Period, last_date
from kpis.registry import Kpi
from pages.kpi.texts import counts_text
from pages.page_request import PageState
from web.languages import lazy_text
from workbench.models import ChangeCause

SHOWN_DAYS = 8
NOTHING = lazy_text("nothing")
UNKNOWN = lazy_text("not recorded")
# A GoalChange's kind.
TARGET = "target"


@dataclass(frozen=True, kw_only=True)
class ChangedText:
    """A day, or one change of it. `difference` is "" where one of the two values is missing."""

    date: str
    before: str
    before_counts: str
    after: str
    after_counts: str
    difference: str
    causes: str
    changed_at: str

    @classmethod
    def from_day(cls, day: ChangedDay, *, kpi: Kpi, zone: ZoneInfo) -> Self:
        return cls(
            date=date_text(day.date),
            before=value_of_figures(day.first_shown, kpi=kpi),
            before_counts=counts_text(day.first_shown, kpi=kpi),
            after=value_of_figures(day.now, kpi=kpi),
            after_counts=counts_text(day.now, kpi=kpi),
            difference=difference_text(day.first_shown, day.now, kpi=kpi),
            causes=causes_text(day.causes),
            changed_at=moment_text(day.last_changed_at, zone=zone),
        )

    @classmethod
    def from_change(cls, change: NotedChange, *, kpi: Kpi, zone: ZoneInfo) -> Self:
        return cls(
            date=date_text(change.date),
            before=value_of_figures(change.before, kpi=kpi),
            before_counts=counts_text(change.before, kpi=kpi),
            after=value_of_figures(change.after, kpi=kpi),
            after_counts=counts_text(change.after, kpi=kpi),
            difference=difference_text(change.before, change.after, kpi=kpi),
            causes=causes_text([change.cause]),
            changed_at=span_text(change, zone=zone),
        )


@dataclass(frozen=True, kw_only=True)
class GoalChangeText:
    at: str
    kind: str
    environment: str
    before: str
    after: str
    judged_from: str
    by: str

    @classmethod
    def from_change(cls, change: GoalChange, *, kpi: Kpi, zone: ZoneInfo) -> Self:
        return cls(
            at=moment_text(change.at, zone=zone),
            kind=words_of(change.kind),
            environment=change.environment or _("every environment"),
            before=terms_text(change.before, kind=change.kind, kpi=kpi, gone=_("none")),
            after=terms_text(change.after, kind=change.kind, kpi=kpi, gone=_("deleted")),
            judged_from=date_text(change.judged_from) if change.judged_from else UNKNOWN,
            by=change.by or UNKNOWN,
        )


def value_of_figures(figures: NotedFigures, *, kpi: Kpi) -> str:
    return NOTHING if figures.value is None else value_text(figures.value, unit=kpi.unit)


def difference_text(before: NotedFigures, after: NotedFigures, *, kpi: Kpi) -> str:
    if before.value is None or after.value is None:
        return ""
    return change_text(after.value, before.value, unit=kpi.unit)


def causes_text(causes: Sequence[ChangeCause]) -> str:
    """Late events, an erasure."""
    return capfirst(", ".join(_(cause.label) for cause in causes))


def span_text(change: NotedChange, *, zone: ZoneInfo) -> str:
    """15 Feb 2026, 13:00; of changes over some time also the last one."""
    first, last = (moment_text(at, zone=zone) for at in (change.first_changed_at, change.last_changed_at))
    return first if first == last else f"{first} {DASH} {last}"


def terms_text(terms: GoalTerms | None, *, kind: str, kpi: Kpi, gone: str) -> str:
    """80% from 1 Feb 2026."""
    if terms is None:
        return gone
    value = UNKNOWN if terms.value is None else goal_value_text(terms.value, kind=kind, kpi=kpi)
    if not terms.effective_from:
        return value
    return _("%(value)s from %(date)s") % {"value": value, "date": date_text(terms.effective_from)}


def goal_value_text(value: str, *, kind: str, kpi: Kpi) -> str:
    """In the KPI's unit; the target of a KPI that is judged by its baseline is a factor of that."""
    if kind == TARGET and kpi.baseline_factor is not None:
        return _("%(factor)s \N{MULTIPLICATION SIGN} the baseline") % {"factor": localized(value)}
    return value_text(float(value), unit=kpi.unit)


def marks_of(days: Sequence[ChangedDay], *, period: Period, kpi: Kpi, zone: ZoneInfo) -> list[str]:
    """What the chart says of the changed days that the period touches: 10 Feb 2026: first 40%, now 42%."""
    first, last = local_day(period.start, zone=zone), last_date(period, zone=zone)
    return [
        _("%(date)s: first %(before)s, now %(after)s")
        % {
            "date": date_text(day.date),
            "before": value_of_figures(day.first_shown, kpi=kpi),
            "after": value_of_figures(day.now, kpi=kpi),
        }
        for day in days
        if first <= day.date <= last
    ]


def changes_url(kpi: Kpi, *, state: PageState) -> str:
    """The page of all changes of the same range."""
    return reverse("kpi-changes", args=[kpi.slug]) + state.shared().query()
