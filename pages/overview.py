"""The overview: every KPI by persona."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from alerts.reading import firing
from kpis.formatting import words_of
from kpis.reading.readings import Comparison, KpiReading, compare_kpis
from kpis.registry import Persona
from pages.alerting.texts import AlertStrip
from pages.kpi.headline import Headline
from pages.kpi.texts import is_open, summary_text
from pages.page_controls import PageControls
from pages.page_request import PageState, environments_of, no_environment_page, page_request_or_404
from pages.sparkline import Sparkline, make_sparkline
from people.access import limit_of, needs_right
from people.models import Right

QUESTIONS = {
    Persona.AGENT: "Does the assistant put templates to work?",
    Persona.END_USER: "How quickly does an idea become a workflow?",
    Persona.LEADERSHIP: "Is the workbench where workflows are made?",
    Persona.DOMAIN_EXPERT: "Is the experts' knowledge reused?",
    Persona.OPERATOR: "Do workflows, approvals and agents run well, and at what cost?",
}


@dataclass(frozen=True, kw_only=True)
class Card:
    """A KPI on the overview. `sparkline` is None where no day has a value."""

    title: str
    url: str
    headline: Headline
    sparkline: Sparkline | None
    sparkline_label: str


@dataclass(frozen=True, kw_only=True)
class Section:
    """A persona's cards; `key` names the section in the page."""

    key: str
    persona: str
    question: str
    cards: Sequence[Card]


@require_safe
@needs_right(Right.VIEW_PAGES)
def show_overview(request: HttpRequest) -> HttpResponse:
    """The page at /."""
    environments = environments_of(request)
    if not environments:
        return no_environment_page(request)
    page = page_request_or_404(request, environments=environments)
    comparisons = compare_kpis(environment=page.environment, range=page.range, now=page.now)
    alerts = firing(now=page.now, limit=limit_of(request.user), environment=page.environment)
    context = {
        "alerts": AlertStrip.from_alerts(
            alerts, environment=page.environment, zone=page.range.zone, now=page.now
        ),
        "sections": make_sections(comparisons, state=page.state),
        "controls": PageControls.from_comparison(comparisons[0], page=page),
        "is_empty": is_empty(comparisons),
        "fault": page.fault,
    }
    return render(request, "pages/overview.html", context, status=page.status)


def make_sections(comparisons: Iterable[Comparison], *, state: PageState) -> list[Section]:
    """The cards by persona, in the order of the registry."""
    grouped = groupby(comparisons, key=lambda comparison: comparison.current.kpi.persona)
    return [
        Section(
            key=persona.value,
            persona=words_of(persona),
            question=QUESTIONS[persona],
            cards=[make_card(comparison, state=state) for comparison in group],
        )
        for persona, group in grouped
    ]


def make_card(comparison: Comparison, *, state: PageState) -> Card:
    current = comparison.current
    return Card(
        title=current.kpi.title,
        url=reverse("kpi", args=[current.kpi.slug]) + state.shared().query(),
        headline=Headline.from_comparison(comparison),
        sparkline=sparkline_of(current),
        sparkline_label=f"{current.kpi.title} by day: {summary_text(current)}",
    )


def sparkline_of(reading: KpiReading) -> Sparkline | None:
    series = reading.series
    return make_sparkline(
        [evaluation.value for evaluation in series],
        target=reading.total.goal.target,
        is_open=bool(series) and is_open(series[-1], reading=reading),
    )


def is_empty(comparisons: Iterable[Comparison]) -> bool:
    """Whether the range is computed, and nothing that any KPI counts happened in it."""
    readings = [comparison.current for comparison in comparisons]
    return all(reading.series and not reading.total.denominator for reading in readings)
