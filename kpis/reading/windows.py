"""KPIs over windows of days that end today: what the scrape shows."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate

from kpis.days import local_day, reporting_zone
from kpis.models import Freshness
from kpis.reading.evaluation import Evaluation, evaluate
from kpis.reading.goals import Goals
from kpis.reading.measurability import NEEDS_ANOTHER_VALUE, environments_measuring
from kpis.reading.periods import Range, recent_days
from kpis.reading.stored_rows import read_parts
from kpis.reading.sums import Sums, add_up
from kpis.registry import DEFINITIONS, Kpi

# Days by the window's name.
WINDOWS = {"1d": 1, "7d": 7, "28d": 28}


@dataclass(frozen=True, kw_only=True)
class WindowReading:
    """A KPI over 1, 7 or 28 days up to now; numerator, denominator and value as in Evaluation."""

    kpi: str
    persona: str
    environment: str
    window: str
    numerator: float
    denominator: int
    value: float | None
    target: float | None
    baseline: float | None
    verdict: str | None
    is_too_close_to_call: bool


def read_windows(*, now: datetime) -> list[WindowReading]:
    """Every KPI of every computed environment over today and the 0, 6 and 27 days before it, up to now.

    Six queries, whatever the number of environments. An environment for which nothing is computed is left out.
    """
    zone = reporting_zone()
    today = local_day(now, zone=zone)
    windows = {name: recent_days(days, zone=zone, now=now) for name, days in WINDOWS.items()}
    environments = _computed_environments()
    goals = Goals.load(DEFINITIONS)
    measuring = {
        slug: environments_measuring(slug, environments=environments) for slug in NEEDS_ANOTHER_VALUE
    }
    sums = _read_sums(windows, environments=environments)
    return [
        _window_reading(
            kpi,
            environment=environment,
            window=window,
            evaluation=evaluate(
                kpi,
                sums=sums.get((environment, kpi.slug, window), Sums()),
                period=windows[window],
                goal=goal,
                is_measurable=kpi.slug not in measuring or environment in measuring[kpi.slug],
            ),
        )
        for environment in environments
        for kpi in DEFINITIONS
        for goal in [goals.in_force(kpi, environment=environment, on=today)]
        for window in windows
    ]


def _window_reading(kpi: Kpi, *, environment: str, window: str, evaluation: Evaluation) -> WindowReading:
    return WindowReading(
        kpi=kpi.slug,
        persona=kpi.persona.value,
        environment=environment,
        window=window,
        numerator=evaluation.numerator,
        denominator=evaluation.denominator,
        value=evaluation.value,
        target=evaluation.goal.target,
        baseline=evaluation.goal.baseline,
        verdict=evaluation.verdict,
        is_too_close_to_call=evaluation.is_too_close_to_call,
    )


def _computed_environments() -> list[str]:
    """Environments for which anything is computed, in alphabetical order."""
    computed = Freshness.objects.exclude(computed_until=None).order_by("environment")
    return list(computed.values_list("environment", flat=True))


def _read_sums(
    windows: Mapping[str, Range], *, environments: Collection[str]
) -> dict[tuple[str, str, str], Sums]:
    """Sums by (environment, KPI's slug, window), from the day rows of the longest window.

    A window begins with a part of its own and goes on with the next shorter window. So each day is added up once,
    and the days before today are seldom merged anew.
    """
    names = sorted(windows, key=lambda name: windows[name].start)
    starts, end = [windows[name].start for name in names], windows[names[0]].end
    parts: dict[tuple[str, str], list[Sums]] = {}
    for environment, slug, part, sums in read_parts(starts, end=end, environments=environments):
        parts.setdefault((environment, slug), [Sums() for _ in names])[part].add(sums)
    return {
        (*place, name): sums
        for place, of_kpi in parts.items()
        for name, sums in zip(reversed(names), _cumulated(reversed(of_kpi)), strict=True)
    }


def _cumulated(parts: Iterable[Sums]) -> Iterator[Sums]:
    """The first part, the first two, and so on."""
    return accumulate((part.with_merged() for part in parts), lambda total, part: add_up((total, part)))
