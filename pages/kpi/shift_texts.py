"""Since when a ratio, or a value of its breakdown, is better or worse, in words."""

from collections.abc import Sequence

from django.utils.translation import gettext as _

from kpis.days import local_day
from kpis.formatting import date_text, value_text
from kpis.reading.evaluation import Evaluation
from kpis.reading.readings import KpiReading
from kpis.reading.shifts import shift_of
from kpis.registry import Direction


def shift_text(series: Sequence[Evaluation], *, reading: KpiReading) -> str:
    """Worse since 5 Nov 2026: 95.6% before, 55.5% from then on. "" where there is none, or none that could be seen.

    The series is the KPI's own, or that of a slice.
    """
    kpi = reading.kpi
    shift = shift_of(kpi, series, granularity=reading.granularity)
    if shift is None:
        return ""
    before, since = (value_text(value, unit=kpi.unit) for value in (shift.before, shift.since))
    if before == since:
        return ""
    is_better = (shift.since > shift.before) is (kpi.direction is Direction.AT_LEAST)
    sentence = (
        _("Better since %(date)s: %(before)s before, %(since)s from then on")
        if is_better
        else _("Worse since %(date)s: %(before)s before, %(since)s from then on")
    )
    day = local_day(shift.period.start, zone=reading.range.zone)
    return sentence % {"date": date_text(day), "before": before, "since": since}
