"""The objectives: what is left of their error budgets, how fast they burn, and on which days they were spent."""

from collections.abc import Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from kpis.formatting import (
    MINUS,
    MINUTE,
    Figure,
    count_text,
    date_text,
    duration_text,
    localized,
    moment_text,
    percent_text,
)
from objectives.definitions import BURN_WINDOWS, Objective
from objectives.reading import BudgetDay, BudgetReading, read_budgets
from pages.day_bars import DayBar, make_bars
from pages.page_controls import environment_links
from pages.page_request import environments_of, no_environment_page, page_request_or_404
from pages.verdicts import Badge
from people.access import needs_right
from people.models import Right

# Below this share of the budget the page warns.
LITTLE_LEFT = 0.25
# As many decimals as promises have.
DECIMALS = 3
LONG_MINUTES = tuple(window.long_minutes for window in BURN_WINDOWS)


@dataclass(frozen=True, kw_only=True)
class DayRow:
    """A day of the table."""

    name: str
    total: str
    bad: str
    spent: str


@dataclass(frozen=True, kw_only=True)
class ObjectiveCard:
    """An objective as the page shows it. `left_share` (0 to 100) is the length of its meter.

    While `is_early`, nothing is said of what is left and spent.
    """

    name: str
    title: str
    description: str
    environment: str
    badge: Badge
    is_early: bool
    left: str
    left_share: float
    note: str
    tiles: Sequence[Figure]
    burn_rates: Sequence[Figure]
    bars: Sequence[DayBar]
    bars_area: str
    bars_label: str
    bars_note: str
    days: Sequence[DayRow]
    bad_name: str
    all_name: str
    runbook: str


@require_safe
@needs_right(Right.VIEW_PAGES)
def show_slos(request: HttpRequest) -> HttpResponse:
    """The page at /slos/."""
    environments = environments_of(request)
    if not environments:
        return no_environment_page(request)
    page = page_request_or_404(request, environments=environments)
    readings = read_budgets(environments=[page.environment], now=page.now)
    context = {
        "cards": [make_card(reading, zone=page.range.zone) for reading in readings],
        "environments": environment_links(page),
        "environment": page.environment,
        "dates": dates_text(readings),
        "time_zone": page.range.zone.key,
        "now": moment_text(page.now, zone=page.range.zone),
        "now_iso": page.now.isoformat(),
    }
    return render(request, "pages/slos.html", context, status=page.status)


def dates_text(readings: Sequence[BudgetReading]) -> str:
    """The first and the last day that is shown of any objective, for the names of files; "" where there is none."""
    days = [day.date for reading in readings for day in reading.days]
    return f"{min(days)}-{max(days)}" if days else ""


def make_card(reading: BudgetReading, *, zone: ZoneInfo) -> ObjectiveCard:
    objective = reading.objective
    return ObjectiveCard(
        name=objective.name,
        title=_(objective.title),
        description=_(objective.description),
        environment=reading.environment,
        badge=badge_of(reading),
        is_early=has_little(reading),
        left=left_text(reading),
        left_share=0 if has_little(reading) else round(100 * min(max(reading.budget_left or 0, 0), 1), 1),
        note=note_of(reading, zone=zone),
        tiles=tiles_of(reading),
        burn_rates=burn_figures(reading),
        bars=bars_of(reading),
        bars_area=f"bars-{objective.name}",
        bars_label=bars_label(reading),
        bars_note=bars_note(reading),
        days=[day_row(day, is_early=reading.is_early) for day in reversed(reading.days) if day.total],
        bad_name=bad_text(objective),
        all_name=all_text(objective),
        runbook=reverse("runbook", args=["alerts"]) + f"#{slugify(objective.alert_name)}",
    )


def has_little(reading: BudgetReading) -> bool:
    """Whether something is counted, and too little to judge the budget."""
    return reading.is_early and reading.budget_left is not None


def badge_of(reading: BudgetReading) -> Badge:
    if reading.budget_left is None:
        return Badge(tone="none", label=_("No data yet"), hint=_("Nothing was counted in the window."))
    if reading.budget_left < 0 and not reading.is_early:
        return Badge(tone="bad", label=_("Overspent"), hint=_("More was bad than the objective allows."))
    if any(window.severity == "page" for window in reading.burning):
        return Badge(
            tone="bad", label=_("Burning fast"), hint=_("The alert's condition holds: see the burn rates.")
        )
    if reading.burning:
        return Badge(
            tone="few", label=_("Burning"), hint=_("The alert's condition holds: see the burn rates.")
        )
    if reading.is_early:
        return Badge(tone="none", label=_("Too early"), hint=_("Too little is counted to judge the budget."))
    if reading.budget_left < LITTLE_LEFT:
        return Badge(tone="few", label=_("Little left"), hint=_("Less than a quarter of the budget is left."))
    return Badge(tone="good", label=_("Within budget"), hint=_("No more was bad than the objective allows."))


def left_text(reading: BudgetReading) -> str:
    if reading.budget_left is None:
        return "\N{EN DASH}"
    if reading.is_early:
        return _("Too early to say")
    sign = MINUS if reading.budget_left < 0 else ""
    return f"{sign}{percent_text(abs(reading.budget_left))}"


def note_of(reading: BudgetReading, *, zone: ZoneInfo) -> str:
    """How much time the budget is, what is left of it, and since when it is counted if that is not the whole window."""
    objective = reading.objective
    if reading.counted_since is None or reading.minutes_left is None:
        return budget_note(reading)
    since = _("Counted since %(at)s.") % {"at": moment_text(reading.counted_since, zone=zone)}
    if reading.is_early:
        return f"{since} {judged_text(objective)}"
    is_whole = reading.counted_since == reading.window_start
    return budget_note(reading) if is_whole else f"{budget_note(reading)}. {since}"


def judged_text(objective: Objective) -> str:
    return _("The budget is judged once %(span)s and %(count)s %(unit)s are counted.") % {
        "span": duration_text(objective.shortest_span.total_seconds()),
        "count": count_text(objective.smallest_sample),
        "unit": _(objective.unit),
    }


def budget_note(reading: BudgetReading) -> str:
    budget = duration_text(reading.budget_minutes * MINUTE)
    if reading.minutes_left is None:
        return _("of %(budget)s that may be bad") % {"budget": budget}
    minutes = duration_text(abs(reading.minutes_left) * MINUTE)
    if reading.minutes_left < 0:
        sentence = _("%(minutes)s more than the %(budget)s that may be bad")
        return sentence % {"minutes": minutes, "budget": budget}
    return _("%(part)s of %(whole)s") % {"part": minutes, "whole": budget}


def tiles_of(reading: BudgetReading) -> list[Figure]:
    objective = reading.objective
    good = (
        "\N{EN DASH}" if reading.bad_ratio is None else percent_text(1 - reading.bad_ratio, decimals=DECIMALS)
    )
    return [
        Figure(_("Promised"), percent_text(objective.target, decimals=DECIMALS)),
        Figure(_("Kept"), good),
        Figure(bad_text(objective), count_text(reading.total - reading.good)),
        Figure(all_text(objective), count_text(reading.total)),
    ]


def bad_text(objective: Objective) -> str:
    return _("Bad %(unit)s") % {"unit": _(objective.unit)}


def all_text(objective: Objective) -> str:
    return _("All %(unit)s") % {"unit": _(objective.unit)}


def burn_figures(reading: BudgetReading) -> list[Figure]:
    """The burn rates over the alerts' longer windows."""
    rates = {burn.minutes: burn.rate for burn in reading.burn_rates}
    return [
        Figure(_("Last %(time)s") % {"time": duration_text(minutes * MINUTE)}, rate_text(rates[minutes]))
        for minutes in LONG_MINUTES
    ]


def rate_text(rate: float | None) -> str:
    return "\N{EN DASH}" if rate is None else localized(f"{rate:,.1f}") + "\N{MULTIPLICATION SIGN}"


def bars_of(reading: BudgetReading) -> list[DayBar]:
    """Minutes spent by day; a bar of full height is an even pace."""
    labels = [f"{date_text(day.date)}: {spent_text(day)}" for day in reading.days]
    return make_bars([day.spent_minutes for day in reading.days], labels=labels, top=even_pace(reading))


def bars_label(reading: BudgetReading) -> str:
    spent = sum(day.spent_minutes for day in reading.days)
    worst = max(reading.days, key=lambda day: day.spent_minutes)
    if not worst.spent_minutes:
        return _("%(title)s by day: nothing was spent") % {"title": _(reading.objective.title)}
    return _("%(title)s by day: %(spent)s spent, most on %(date)s (%(most)s)") % {
        "title": _(reading.objective.title),
        "spent": duration_text(spent * MINUTE),
        "date": date_text(worst.date),
        "most": spent_text(worst),
    }


def bars_note(reading: BudgetReading) -> str:
    """The days that the bars are of, and how high they are."""
    first, last = (date_text(reading.days[index].date) for index in (0, -1))
    note = f"{first} \N{EN DASH} {last}"
    if all(day.spent_minutes <= even_pace(reading) for day in reading.days):
        pace = duration_text(even_pace(reading) * MINUTE)
        return _("%(days)s. Full height: %(pace)s, an even pace.") % {"days": note, "pace": pace}
    highest = duration_text(max(day.spent_minutes for day in reading.days) * MINUTE)
    return _("%(days)s. The highest is %(highest)s.") % {"days": note, "highest": highest}


def even_pace(reading: BudgetReading) -> float:
    """Minutes that each day may spend for the budget to last."""
    return reading.budget_minutes / reading.objective.window_days


def spent_text(day: BudgetDay) -> str:
    return duration_text(day.spent_minutes * MINUTE)


def day_row(day: BudgetDay, *, is_early: bool) -> DayRow:
    return DayRow(
        name=date_text(day.date),
        total=count_text(day.total),
        bad=count_text(day.total - day.good),
        spent="\N{EN DASH}" if is_early else spent_text(day),
    )
