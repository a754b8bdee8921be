"""What a KPI is judged by: dated targets and baselines, and which of them is in force on a day."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TypeVar

from kpis.models import Baseline, Target
from kpis.registry import Kpi


@dataclass(frozen=True, kw_only=True)
class Goal:
    """What judges a KPI on a day: values in its unit; baseline_row says where the baseline comes from."""

    target: float | None
    baseline: float | None
    baseline_row: Baseline | None = None
    target_row: Target | None = None


DatedRow = TypeVar("DatedRow", Target, Baseline)


@dataclass(frozen=True, kw_only=True)
class Goals:
    """All targets and baselines of some KPIs: small tables that people fill, read once for a page."""

    targets: Sequence[Target]
    baselines: Sequence[Baseline]

    @classmethod
    def load(cls, kpis: Sequence[Kpi]) -> "Goals":
        slugs = [kpi.slug for kpi in kpis]
        return cls(
            targets=list(Target.objects.filter(kpi__in=slugs)),
            baselines=list(Baseline.objects.filter(kpi__in=slugs).select_related("set_by")),
        )

    def in_force(self, kpi: Kpi, *, environment: str, on: date) -> Goal:
        """What is in force on the day (of the reporting zone)."""
        row = _in_force(self.targets, kpi=kpi, environment=environment, on=on)
        baseline_row = _in_force(self.baselines, kpi=kpi, environment=environment, on=on)
        baseline = float(baseline_row.value) if baseline_row else None
        return Goal(
            target=_target(kpi, row=row, baseline_row=baseline_row),
            baseline=baseline,
            baseline_row=baseline_row,
            target_row=row,
        )


def _in_force(rows: Iterable[DatedRow], *, kpi: Kpi, environment: str, on: date) -> DatedRow | None:
    """The newest row in force on the day; one for the environment wins over one for all of them."""
    candidates = [
        row
        for row in rows
        if row.kpi == kpi.slug and row.environment in {environment, ""} and row.effective_from <= on
    ]
    return max(candidates, key=lambda row: (row.environment != "", row.effective_from), default=None)


def _target(kpi: Kpi, *, row: Target | None, baseline_row: Baseline | None) -> float | None:
    if kpi.baseline_factor is None:
        target = row.value if row else kpi.target
        return None if target is None else float(target)
    factor = row.value if row else kpi.baseline_factor
    return float(factor * baseline_row.value) if baseline_row else None
