"""A KPI's page: its value, trend, definition, breakdown and table."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.staticfiles import finders
from django.contrib.staticfiles.storage import staticfiles_storage
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from alerts.models import Alert
from alerts.reading import fired_within, firing
from kpis.annotations import annotations_within
from kpis.formatting import Figure, count_text, date_text, value_text, words_of
from kpis.models import Annotation, Baseline
from kpis.reading.query import UnknownKpi, find_kpi
from kpis.reading.readings import Comparison, KpiReading, compare_kpi
from kpis.registry import Kpi
from pages.alerting.texts import AlertStrip, alert_texts
from pages.annotating import add_url, annotation_texts
from pages.counted_links import counted_url
from pages.kpi.chart import make_chart
from pages.kpi.headline import Headline
from pages.kpi.texts import EXCLUSIONS, EvaluationText, period_texts, value_name
from pages.page_controls import PageControls, breakdown_links
from pages.page_request import (
    PageRequest,
    PageState,
    environments_of,
    no_environment_page,
    page_request_or_404,
)
from pages.verdicts import interval_sentences, judgement_text, too_few_text
from people.access import has_right, limit_of, needs_right
from people.models import Right
from web.moments import rfc3339

CHART_SCRIPT = "build/charts.js"
SHOWN_SLICES = 12


@dataclass(frozen=True, kw_only=True)
class SliceRow:
    """A value of the breakdown; `size` is its sample, as a number. `url` is what counted of it, "" for no link."""

    label: str
    url: str
    evaluation: EvaluationText
    size: int


@require_safe
@needs_right(Right.VIEW_PAGES)
def show_kpi(request: HttpRequest, slug: str) -> HttpResponse:
    """The page at /kpis/<slug>/."""
    kpi = kpi_or_404(slug)
    environments = environments_of(request)
    if not environments:
        return no_environment_page(request)
    page = page_request_or_404(request, environments=environments, kpi=kpi)
    comparison = compare_kpi(
        kpi=kpi,
        environment=page.environment,
        range=page.range,
        granularity=page.state.granularity,
        breakdown=page.state.breakdown,
        slices=SHOWN_SLICES,
        has_slice_series=False,
        is_previous_by_period=page.state.compares,
        now=page.now,
    )
    limit = limit_of(request.user)
    fired = fired_within(
        start=page.range.start,
        end=page.range.end,
        environment=page.environment,
        kpi=kpi.slug,
        limit=limit,
    )
    alerts = firing(now=page.now, limit=limit, environment=page.environment, kpi=kpi.slug)
    annotations = annotations_within(
        environment=page.environment, start=page.range.start, end=page.range.end, kpi=kpi.slug
    )
    may_explore = has_right(request.user, Right.EXPLORE)
    context = kpi_context(
        comparison, page=page, fired=fired, annotations=annotations, may_explore=may_explore
    )
    context |= annotation_context(annotations, page=page, kpi=kpi, request=request)
    context["alerts"] = AlertStrip.from_alerts(
        alerts, environment=page.environment, zone=page.range.zone, now=page.now
    )
    context["may_export"] = has_right(request.user, Right.EXPORT)
    return render(request, "pages/kpi.html", context, status=page.status)


def kpi_or_404(slug: str) -> Kpi:
    try:
        return find_kpi(slug)
    except UnknownKpi:
        raise Http404("There is no KPI of this name.") from None


def annotation_context(
    annotations: Sequence[Annotation], *, page: PageRequest, kpi: Kpi, request: HttpRequest
) -> dict[str, Any]:
    """What _annotations.html prints."""
    may_annotate, back = has_right(request.user, Right.ANNOTATE), request.get_full_path()
    return {
        "annotations": annotation_texts(annotations, zone=page.range.zone, may_edit=may_annotate, back=back),
        "add_annotation_url": add_url(environment=page.environment, kpi=kpi.slug, back=back)
        if may_annotate
        else "",
    }


def kpi_context(
    comparison: Comparison,
    *,
    page: PageRequest,
    fired: Sequence[Alert] = (),
    annotations: Sequence[Annotation] = (),
    may_explore: bool = False,
) -> dict[str, Any]:
    """What kpi.html prints; its fragments name what they take of it.

    `fired` and `annotations` are the alerts and annotations of the range.
    Who may explore is led from each figure to what it counted.
    """
    current, state = comparison.current, page.state
    kpi = current.kpi
    headline = Headline.from_comparison(comparison)
    periods = period_texts(current, has_links=may_explore)
    return {
        "kpi": kpi,
        "persona": words_of(kpi.persona),
        "headline": headline,
        "tiles": make_tiles(headline),
        "percentiles": headline.total.percentiles if current.total.denominator else [],
        "chart": make_chart(
            comparison,
            periods=periods,
            compares=state.compares,
            fired=fired,
            annotations=annotations,
            now=page.now,
        ),
        "fired": alert_texts(fired, zone=page.range.zone, now=page.now),
        "chart_script": chart_script_url(),
        "value_name": value_name(kpi),
        "periods": periods[::-1],
        "too_few": too_few_text(current),
        "slices": make_slices(current, has_links=may_explore),
        "slices_left_out": current.slices_left_out,
        "breakdown": state.breakdown,
        "breakdowns": breakdown_links(kpi, state=state),
        "exclusions": make_exclusions(current),
        "excluded_url": link_to_counted(current, show="excluded") if may_explore else "",
        "baseline": baseline_figures(current.total.goal.baseline_row, kpi=kpi),
        "judgement": judgement_text(kpi),
        "interval_sentences": interval_sentences(kpi),
        "compares": state.compares,
        "compare_url": state.link(compares=not state.compares),
        "overview_url": reverse("overview") + state.shared().query(),
        "csv_url": csv_url(current, state=state),
        "controls": PageControls.from_comparison(comparison, page=page, has_granularities=True),
        "fault": page.fault,
    }


def make_tiles(headline: Headline) -> list[Figure]:
    """The figures beside the value."""
    return [
        Figure("Target", headline.total.target),
        Figure("Baseline", headline.total.baseline),
        Figure("Previous period", headline.previous_value),
        *headline.total.tiles,
    ]


def link_to_counted(reading: KpiReading, **parts: str) -> str:
    """What counted in the range of the page."""
    return counted_url(reading.kpi.slug, environment=reading.environment, period=reading.range, **parts)


def make_slices(reading: KpiReading, *, has_links: bool) -> list[SliceRow]:
    """The largest values of the breakdown, the largest first."""
    return [
        SliceRow(
            label=part.value.replace("_", " ") or "(none)",
            url=link_to_counted(reading, breakdown=reading.breakdown, value=part.value) if has_links else "",
            evaluation=EvaluationText.from_evaluation(part.total, kpi=reading.kpi),
            size=part.total.denominator,
        )
        for part in reading.slices
    ]


def make_exclusions(reading: KpiReading) -> list[Figure]:
    """How many could not be measured, by reason."""
    return [
        Figure(EXCLUSIONS.get(reason, words_of(reason)), count_text(number))
        for reason, number in reading.excluded.items()
        if number
    ]


def baseline_figures(row: Baseline | None, *, kpi: Kpi) -> Sequence[Figure]:
    """Where the baseline comes from; empty where there is none."""
    if row is None:
        return []
    return [
        Figure("Value", value_text(float(row.value), unit=kpi.unit)),
        Figure("In force since", date_text(row.effective_from)),
        Figure("Sample", count_text(row.sample_size)),
        Figure("Set by", row.set_by.get_username() if row.set_by else "not recorded"),
        Figure("How it was measured", row.method),
    ]


def csv_url(reading: KpiReading, *, state: PageState) -> str:
    """The API's address of the same series, with the range in moments: it stays what it is tomorrow."""
    query = PageState(
        environment=reading.environment,
        start=rfc3339(reading.range.start),
        end=rfc3339(reading.range.end),
        granularity=state.granularity,
        breakdown=state.breakdown,
    ).query()
    return f"{reverse('api-kpi', args=[reading.kpi.slug])}{query}&format=csv"


def chart_script_url() -> str:
    """Where the chart's script is served; "" where it was not built."""
    if finders.find(CHART_SCRIPT) is None:
        return ""
    try:
        return staticfiles_storage.url(CHART_SCRIPT)
    except ValueError:
        # It was built after the static files were collected.
        return ""
