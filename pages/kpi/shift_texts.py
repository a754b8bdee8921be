"""Since when a KPI, or a value of its breakdown, is better or worse, in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from django.utils.translation import gettext as _

from kpis.formatting import value_text
from kpis.reading.evaluation import Evaluation
from kpis.reading.readings import KpiReading
from kpis.reading.shifts import shift_of
from kpis.registry import Direction
from pages.period_names import period_name


@dataclass(frozen=True, kw_only=True)
class ShiftText:
    """`since` is the name of the first period that is different; `word` says that it is better or worse."""

    word: str
    since: str
    figures: str

    @classmethod
    def from_series(cls, series: Sequence[Evaluation], *, reading: KpiReading) -> Self | None:
        """Of the KPI's own series, or of a slice's. None where it has no shift."""
        kpi, shift = reading.kpi, shift_of(reading.kpi, series)
        if shift is None:
            return None
        is_better = (shift.since > shift.before) is (kpi.direction is Direction.AT_LEAST)
        return cls(
            word=_("Better since") if is_better else _("Worse since"),
            since=period_name(shift.period, granularity=reading.granularity, zone=reading.range.zone),
            figures=_("%(before)s before, %(since)s since then")
            % {
                "before": value_text(shift.before, unit=kpi.unit),
                "since": value_text(shift.since, unit=kpi.unit),
            },
        )
