"""A KPI's page: its value, trend, definition, breakdown and table."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.contrib.staticfiles import finders
from django.contrib.staticfiles.storage import staticfiles_storage
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from alerts.models import Alert
from alerts.reading import fired_within, firing
from kpis.annotations import annotations_within
from kpis.changed.days import ChangedDay, changed_days, changes_within
from kpis.formatting import Figure, count_text, date_text, value_text, within, words_of
from kpis.models import Annotation, Baseline
from kpis.reading.environments import first_day_of
from kpis.reading.evaluation import Evaluation
from kpis.reading.query import UnknownKpi, find_kpi
from kpis.reading.readings import Comparison, KpiReading, compare_kpi
from kpis.registry import Kind, Kpi
from pages.alerting.texts import AlertStrip, alert_texts
from pages.annotating import add_url, annotation_texts
from pages.counted_links import counted_url
from pages.kpi.change_texts import SHOWN_DAYS, ChangedText, changes_url
from pages.kpi.chart import make_chart, previous_values
from pages.kpi.headline import Change, Headline, change_against
from pages.kpi.over_time import SHOWN_VALUES, OverTime
from pages.kpi.shift_texts import shift_text
from pages.kpi.texts import EXCLUSIONS, EvaluationText, PeriodText, period_texts, slice_label, value_name
from pages.page_controls import PageControls, breakdown_links
from pages.page_request import (
    PageRequest,
    PageState,
    environments_of,
    no_environment_page,
    page_request_or_404,
)
from pages.period_names import COMPARED_NAMES, begin_note
from pages.verdicts import interval_sentences, judgement_text, too_few_text
from people.access import has_right, limit_of, needs_right
from people.models import Right
from telemetry.plan.metrics import MICRO
from web.languages import lazy_text
from web.moments import rfc3339

CHART_SCRIPT = "build/charts.js"
SHOWN_SLICES = 12
SET_BY = lazy_text("Set by")


@dataclass(frozen=True, kw_only=True)
class SliceRow:
    """A value of the breakdown. `size` is its sample, or a sum's value, as a whole number.

    `url` is what counted of it, "" for no link. Its change is None where the page compares with nothing. Only the
    values that are shown over time have a shift, as a sentence.
    """

    label: str
    url: str
    evaluation: EvaluationText
    size: int
    change: Change | None
    shift: str


@require_safe
@needs_right(Right.VIEW_PAGES)
def show_kpi(request: HttpRequest, slug: str) -> HttpResponse:
    """The page at /kpis/<slug>/."""
    kpi = kpi_or_404(slug)
    environments = environments_of(request)
    if not environments:
        return no_environment_page(request)
    page = page_request_or_404(request, environments=environments, kpi=kpi)
    comparison = read_kpi(kpi, page=page)
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
    changes, _more = changes_within(kpi, environment=page.environment, range=page.range)
    changed = changed_days(changes)
    may_explore = has_right(request.user, Right.EXPLORE)
    context = kpi_context(
        comparison,
        page=page,
        fired=fired,
        annotations=annotations,
        changed=changed,
        may_explore=may_explore,
    )
    context |= changed_context(changed, page=page, kpi=kpi)
    context |= annotation_context(annotations, page=page, kpi=kpi, request=request)
    context["alerts"] = AlertStrip.from_alerts(
        alerts, environment=page.environment, zone=page.range.zone, now=page.now
    )
    compared = comparison.previous.range
    begin = first_day_of(page.environment)
    context["begin_note"] = begin_note(begin, compared=compared) if page.state.compares else ""
    context["may_export"] = has_right(request.user, Right.EXPORT)
    return render(request, "pages/kpi.html", context, status=page.status)


def read_kpi(kpi: Kpi, *, page: PageRequest) -> Comparison:
    """What the page shows of the KPI, and what it is compared with."""
    return compare_kpi(
        kpi=kpi,
        environment=page.environment,
        range=page.range,
        granularity=page.state.granularity,
        breakdown=page.state.breakdown,
        slices=SHOWN_SLICES,
        has_slice_series=False,
        top=SHOWN_VALUES,
        is_previous_by_period=page.state.compares,
        against=page.state.against,
        now=page.now,
    )


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


def changed_context(changed: Sequence[ChangedDay], *, page: PageRequest, kpi: Kpi) -> dict[str, Any]:
    """What _changed_days.html prints."""
    zone = page.range.zone
    return {
        "changed": [ChangedText.from_day(day, kpi=kpi, zone=zone) for day in changed[:SHOWN_DAYS]],
        "changed_left_out": max(0, len(changed) - SHOWN_DAYS),
        "changes_url": changes_url(kpi, state=page.state),
    }


def kpi_context(
    comparison: Comparison,
    *,
    page: PageRequest,
    fired: Sequence[Alert] = (),
    annotations: Sequence[Annotation] = (),
    changed: Sequence[ChangedDay] = (),
    may_explore: bool = False,
) -> dict[str, Any]:
    """What kpi.html prints; its fragments name what they take of it.

    `fired`, `annotations` and `changed` are the alerts, annotations and changed days of the range.
    Who may explore is led from each figure to what it counted.
    """
    current, state, kpi = comparison.current, page.state, comparison.current.kpi
    compared_name = compared_name_of(state)
    periods = with_previous(
        period_texts(current, has_links=may_explore), comparison=comparison, compares=state.compares
    )
    return {
        "kpi": kpi,
        "persona": words_of(kpi.persona),
        **headline_context(comparison, state=state),
        "chart": make_chart(
            comparison,
            periods=periods,
            compared_name=compared_name,
            fired=fired,
            annotations=annotations,
            changed=changed,
            now=page.now,
        ),
        "fired": alert_texts(fired, zone=page.range.zone, now=page.now),
        "chart_script": chart_script_url(),
        "value_name": value_name(kpi),
        "periods": periods[::-1],
        "too_few": too_few_text(current),
        **breakdown_context(comparison, periods=periods, state=state, may_explore=may_explore),
        **definition_context(current, may_explore=may_explore),
        "compared_name": compared_name,
        "overview_url": reverse("overview") + state.compared().query(),
        "csv_url": csv_url(current, state=state),
        "controls": PageControls.from_comparison(comparison, page=page, has_granularities=True),
        "fault": page.fault,
    }


def compared_name_of(state: PageState) -> str:
    """What the page compares with; "" for nothing."""
    return COMPARED_NAMES[state.against] if state.compares else ""


def headline_context(comparison: Comparison, *, state: PageState) -> dict[str, Any]:
    headline = Headline.from_comparison(comparison, state=state)
    return {
        "headline": headline,
        "compared_words": within(compared_name_of(state)),
        "shift": shift_text(comparison.current.series, reading=comparison.current),
        "tiles": make_tiles(headline, compared_name=compared_name_of(state)),
        "percentiles": headline.total.percentiles if comparison.current.total.denominator else [],
    }


def definition_context(reading: KpiReading, *, may_explore: bool) -> dict[str, Any]:
    """How the KPI is judged, by what, and what was left out of it."""
    kpi = reading.kpi
    return {
        "exclusions": make_exclusions(reading),
        "excluded_url": link_to_counted(reading, show="excluded") if may_explore else "",
        "baseline": baseline_figures(reading.total.goal.baseline_row, kpi=kpi),
        "judgement": judgement_text(kpi),
        "interval_sentences": interval_sentences(kpi),
    }


def breakdown_context(
    comparison: Comparison, *, periods: Sequence[PeriodText], state: PageState, may_explore: bool
) -> dict[str, Any]:
    """What _slices.html and _over_time.html print."""
    reading = comparison.current
    return {
        "slices": make_slices(comparison, state=state, has_links=may_explore),
        "slices_left_out": reading.slices_left_out,
        "over_time": OverTime.from_reading(reading, periods=periods, state=state),
        "breakdown": state.breakdown,
        "breakdowns": breakdown_links(reading.kpi, state=state),
    }


def with_previous(
    periods: Sequence[PeriodText], *, comparison: Comparison, compares: bool
) -> list[PeriodText]:
    """Each period with the value of the one that it is compared with."""
    if not compares:
        return list(periods)
    unit = comparison.current.kpi.unit
    return [
        replace(period, previous=value_text(value, unit=unit))
        for period, value in zip(periods, previous_values(comparison), strict=True)
    ]


def make_tiles(headline: Headline, *, compared_name: str) -> list[Figure]:
    """The figures beside the value. `compared_name` is "" where nothing is compared."""
    return [
        Figure(_("Target"), headline.total.target),
        Figure(_("Baseline"), headline.total.baseline),
        *([Figure(compared_name, headline.previous_value)] if compared_name else []),
        *headline.total.tiles,
    ]


def link_to_counted(reading: KpiReading, **parts: str) -> str:
    """What counted in the range of the page."""
    return counted_url(reading.kpi.slug, environment=reading.environment, period=reading.range, **parts)


def make_slices(comparison: Comparison, *, state: PageState, has_links: bool) -> list[SliceRow]:
    """The largest values of the breakdown, the largest first."""
    reading = comparison.current
    return [
        SliceRow(
            label=slice_label(part.value),
            url=link_to_counted(reading, breakdown=reading.breakdown, value=part.value) if has_links else "",
            evaluation=EvaluationText.from_evaluation(part.total, kpi=reading.kpi),
            size=size_of(part.total, kpi=reading.kpi),
            change=change_against(change, kpi=reading.kpi, state=state),
            shift=shift_text(part.series, reading=reading),
        )
        for part, change in zip(reading.slices, comparison.slice_changes, strict=True)
    ]


def size_of(total: Evaluation, *, kpi: Kpi) -> int:
    return round(total.numerator * MICRO) if kpi.kind is Kind.SUM else total.denominator


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
        Figure(_("Value"), value_text(float(row.value), unit=kpi.unit)),
        Figure(_("In force since"), date_text(row.effective_from)),
        Figure(_("Sample"), count_text(row.sample_size)),
        Figure(SET_BY, row.set_by.get_username() if row.set_by else _("not recorded")),
        Figure(_("How it was measured"), row.method),
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
