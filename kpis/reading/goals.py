"""What a KPI is judged by: dated targets and baselines, and which of them is in force on a day."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TypeVar

from kpis.models import Baseline, Target
from kpis.registry import Kpi


@dataclass(frozen=True, kw_only=True)
class Goal:
    """What a KPI is judged by on a day, in its unit; the rows say where the numbers come from."""

    target: float | None
    baseline: float | None
    baseline_row: Baseline | None = None
    target_row: Target | None = None


DatedRow = TypeVar("DatedRow", Target, Baseline)
Judgement = Target | Baseline


@dataclass(frozen=True, kw_only=True)
class Goals:
    """All targets and baselines of some KPIs. People enter them, so the tables are small."""

    targets: Sequence[Target]
    baselines: Sequence[Baseline]

    @classmethod
    def load(cls, kpis: Sequence[Kpi]) -> "Goals":
        """Those of every environment, in two queries."""
        slugs = [kpi.slug for kpi in kpis]
        return cls(
            targets=list(Target.objects.filter(kpi__in=slugs)),
            baselines=list(Baseline.objects.filter(kpi__in=slugs).select_related("set_by")),
        )

    def changed(self, *, removed: Collection[Judgement], added: Collection[Judgement]) -> "Goals":
        """The goals as they would be without some rows and with others, which need not be stored."""
        gone = {(type(row), row.pk) for row in removed}
        return Goals(
            targets=[
                *(row for row in self.targets if (Target, row.pk) not in gone),
                *(row for row in added if isinstance(row, Target)),
            ],
            baselines=[
                *(row for row in self.baselines if (Baseline, row.pk) not in gone),
                *(row for row in added if isinstance(row, Baseline)),
            ],
        )

    def in_force(self, kpi: Kpi, *, environment: str, on: date) -> Goal:
        """The goal on a day of the reporting zone, without a query."""
        target_row = _row_in_force(self.targets, kpi=kpi, environment=environment, on=on)
        baseline_row = _row_in_force(self.baselines, kpi=kpi, environment=environment, on=on)
        return Goal(
            target=_target(kpi, target_row=target_row, baseline_row=baseline_row),
            baseline=float(baseline_row.value) if baseline_row else None,
            baseline_row=baseline_row,
            target_row=target_row,
        )


def _row_in_force(rows: Iterable[DatedRow], *, kpi: Kpi, environment: str, on: date) -> DatedRow | None:
    """The newest row that starts on the day or before it; the environment's own rows go before those for all."""
    candidates = [
        row
        for row in rows
        if row.kpi == kpi.slug and row.environment in {environment, ""} and row.effective_from <= on
    ]
    return max(candidates, key=lambda row: (row.environment != "", row.effective_from), default=None)


def _target(kpi: Kpi, *, target_row: Target | None, baseline_row: Baseline | None) -> float | None:
    """The row's target, else the registry's; of a KPI that is judged by its baseline, factor times baseline."""
    if kpi.baseline_factor is None:
        target = target_row.value if target_row else kpi.target
        return None if target is None else float(target)
    factor = target_row.value if target_row else kpi.baseline_factor
    return float(factor * baseline_row.value) if baseline_row else None
