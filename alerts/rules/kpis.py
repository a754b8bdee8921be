"""KPIs off target, by more than noise, of enough events to judge."""

from datetime import datetime

from django.urls import reverse

from alerts.rules.findings import AlertFinding, RuleResult
from alerts.rules.rollup import late_environments
from alerts.thresholds import KPI_OFF_TARGET, KPI_WINDOW
from kpis.formatting import value_text
from kpis.reading.evaluation import OFF_TARGET
from kpis.reading.windows import WindowReading, read_windows
from kpis.registry import REGISTRY


def find_off_target(now: datetime) -> RuleResult:
    """The verdicts of a KPI that stands still are old: where the rollup is late, nothing is said.

    A value that misses its target by what may be noise is undecided. So an alert begins when the whole interval
    misses the target and is over when the value reaches it: noise neither begins it nor makes it go to and fro.
    """
    late = frozenset(late_environments(now))
    readings = [reading for reading in read_windows(now=now) if reading.window == KPI_WINDOW]
    off_target = [
        reading for reading in readings if reading.verdict == OFF_TARGET and reading.environment not in late
    ]
    return RuleResult(
        findings=[target_finding(reading) for reading in off_target if not reading.is_too_close_to_call],
        undecided=[target_finding(reading) for reading in off_target if reading.is_too_close_to_call],
        unknown_environments=late,
    )


def target_finding(reading: WindowReading) -> AlertFinding:
    kpi = REGISTRY[reading.kpi]
    value, target = (value_text(number, unit=kpi.unit) for number in (reading.value, reading.target))
    return AlertFinding(
        threshold=KPI_OFF_TARGET,
        environment=reading.environment,
        more_labels={"kpi": kpi.slug, "persona": reading.persona},
        page_url=f"{reverse('kpi', args=[kpi.slug])}?environment={reading.environment}",
        summary=f"{kpi.title} is off target in {reading.environment}",
        description=(
            f"{value} over {KPI_WINDOW}, target {target}, when this was found. "
            f"That is of {reading.denominator:,} ({kpi.denominator_label.lower()}). {kpi.definition}"
        ),
    )
