"""What the sums of an environment are evaluated with, whatever the range: loaded once for a page or answer."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from kpis.days import local_day, reporting_zone
from kpis.models import Freshness
from kpis.reading.evaluation import Yardstick
from kpis.reading.goals import Goal, Goals
from kpis.reading.measurability import unmeasurable_kpis
from kpis.reading.periods import Period, Range, last_date
from kpis.registry import Kpi


@dataclass(frozen=True, kw_only=True)
class EvaluationContext:
    """An environment's goals, what cannot be measured in it, and how far it is computed.

    `today` is a day of the reporting zone. `unmeasurable` are slugs.
    """

    environment: str
    today: date
    computed_until: datetime | None
    goals: Goals
    unmeasurable: frozenset[str] = frozenset()

    @classmethod
    def load(cls, *, kpis: Sequence[Kpi], environment: str, now: datetime) -> "EvaluationContext":
        """Three queries, and one more for each KPI that compares origins."""
        freshness = Freshness.objects.filter(environment=environment).first()
        return cls(
            environment=environment,
            today=local_day(now, zone=reporting_zone()),
            computed_until=freshness.computed_until if freshness else None,
            goals=Goals.load(kpis),
            unmeasurable=unmeasurable_kpis(kpis, environment=environment),
        )

    def is_measurable(self, kpi: Kpi) -> bool:
        return kpi.slug not in self.unmeasurable

    def yardstick(self, kpi: Kpi, *, range: Range, periods: Sequence[Period]) -> Yardstick:
        """The goal of each period is the one of its last day; the total has the last period's."""
        goals = [self._goal(kpi, period, zone=range.zone) for period in periods]
        return Yardstick(
            kpi=kpi,
            total_period=range,
            total_goal=goals[-1] if goals else self._goal(kpi, range, zone=range.zone),
            periods=periods,
            goals=goals,
            is_measurable=self.is_measurable(kpi),
        )

    def _goal(self, kpi: Kpi, period: Period, *, zone: ZoneInfo) -> Goal:
        """A target of the future does not judge a period that reaches beyond today."""
        on = min(last_date(period, zone=zone), self.today)
        return self.goals.in_force(kpi, environment=self.environment, on=on)
