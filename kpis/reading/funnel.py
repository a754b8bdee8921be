"""The funnel over a range: how many sessions took each step, where they stopped, how long a step took (docs/funnel.md).

Only rows of days are read, and of quarter hours where a range ends within a day, so the cost is that of the days.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import TextField
from django.db.models.functions import Cast

from kpis.histogram import Distribution
from kpis.models import Freshness, FunnelBucket
from kpis.reading.periods import Granularity, Range, previous_range, split
from kpis.reading.spans import stored_spans
from kpis.reading.stored_rows import START_TEXT, in_spans
from kpis.reading.sums import merge_days
from kpis.registry import REGISTRY
from kpis.statistics.estimates import Estimate, estimate_ratio, interval_of_percentile
from telemetry.plan import get_plan
from telemetry.plan.metrics import MICRO
from workbench.fold.event_names import DRAFT_CREATED
from workbench.models import FunnelStep
from workbench.stopped_sessions import SessionFilter, sources_of

# As which KPI a conversion and a time are judged: a higher share is better, and so is a shorter time.
SHARE = REGISTRY["template-usage-rate"]
TIME = REGISTRY["time-to-create-workflow"]


@dataclass(frozen=True, kw_only=True)
class StepReading:
    """A step of the funnel. `before` are the sessions that took the step before, None at the first step.

    `stopped` are those that took no later step, None at the last one. `time` (its median) and `mean` are seconds from
    the step before, without a value where no session took the step, and at the first one.
    """

    step: FunnelStep
    sessions: int
    before: int | None
    started: int
    stopped: int | None
    time: Estimate
    mean: float | None

    @property
    def median(self) -> float | None:
        return self.time.value

    @property
    def conversion(self) -> Estimate:
        """Of the sessions that took the step before."""
        return estimate_ratio(SHARE, numerator=self.sessions, denominator=self.before or 0)

    @property
    def conversion_from_start(self) -> Estimate:
        return estimate_ratio(SHARE, numerator=self.sessions, denominator=self.started)

    @property
    def stopped_share(self) -> float | None:
        """Of the sessions that took this step."""
        return self.stopped / self.sessions if self.sessions and self.stopped is not None else None


@dataclass(frozen=True, kw_only=True)
class FunnelReading:
    """The steps in order, over the sessions that started in the range and are chosen."""

    environment: str
    range: Range
    computed_until: datetime | None
    steps: Sequence[StepReading]

    @property
    def worst(self) -> StepReading | None:
        """The step at which most sessions stopped, the first of several; None where none did."""
        stops = [step for step in self.steps if step.stopped]
        return max(stops, key=lambda step: step.stopped or 0, default=None)


@dataclass(frozen=True, kw_only=True)
class FunnelComparison:
    """The funnel over a range, and over the range of the same length before it."""

    current: FunnelReading
    previous: FunnelReading


def known_sources() -> Sequence[str]:
    """Where drafts come from, as the plan lists it; none where it lets clients choose."""
    created = get_plan().events.get(DRAFT_CREATED)
    source = created.by_name.get("source") if created else None
    return source.values if source else ()


def compare_funnel(*, environment: str, range: Range, chosen: SessionFilter) -> FunnelComparison:
    """In three queries. Raises TooManyPeriods."""
    freshness = Freshness.objects.filter(environment=environment)
    until = freshness.values_list("computed_until", flat=True).first()
    before = previous_range(range, until=until)
    return FunnelComparison(
        current=read_funnel(environment=environment, range=range, chosen=chosen, computed_until=until),
        previous=read_funnel(environment=environment, range=before, chosen=chosen, computed_until=until),
    )


def read_funnel(
    *, environment: str, range: Range, chosen: SessionFilter, computed_until: datetime | None
) -> FunnelReading:
    """In one query. Raises TooManyPeriods."""
    sums = read_steps(environment=environment, range=range, chosen=chosen, computed_until=computed_until)
    counts = [sums[step].sessions for step in FunnelStep]
    return FunnelReading(
        environment=environment,
        range=range,
        computed_until=computed_until,
        steps=[
            StepReading(
                step=step,
                sessions=count,
                before=counts[number - 1] if number else None,
                started=counts[0],
                stopped=count - counts[number + 1] if number + 1 < len(counts) else None,
                time=sums[step].time(),
                mean=sums[step].microseconds / count / MICRO if number and count else None,
            )
            for number, (step, count) in enumerate(zip(FunnelStep, counts, strict=True))
        ],
    )


@dataclass
class StepSums:
    """A step's sums over any number of rows of FunnelBucket.

    `histograms` are as they are stored, each with the start of its period.
    """

    sessions: int
    microseconds: int
    histograms: list[tuple[str, str]]

    def time(self) -> Estimate:
        """The median, in seconds."""
        distribution = Distribution.from_histogram(merge_days(self.histograms))
        return Estimate(
            value=distribution.percentiles([0.5])[0],
            sample=distribution.count,
            interval=interval_of_percentile(distribution, fraction=0.5),
        )


def read_steps(
    *, environment: str, range: Range, chosen: SessionFilter, computed_until: datetime | None
) -> Mapping[int, StepSums]:
    """By the number of the step."""
    sums: defaultdict[int, StepSums] = defaultdict(lambda: StepSums(0, 0, []))
    periods = split(range, granularity=Granularity.TOTAL)
    if computed_until is None or range.start >= computed_until:
        return sums
    spans = stored_spans(periods, granularity=Granularity.TOTAL, zone=range.zone)
    # Index: funnel_bucket_unique (environment, granularity, period_start, …).
    rows = FunnelBucket.objects.filter(in_spans(spans), environment=environment)
    # JSON as text: of days that are over it is seldom decoded.
    texts = rows.annotate(bins=Cast("histogram", TextField()), start=START_TEXT)
    for start, step, sources, used_template, sessions, microseconds, bins in texts.values_list(
        "start", "step", "sources", "used_template", "sessions", "microseconds", "bins"
    ):
        if chosen.matches(sources=sources_of(sources), used_template=used_template):
            of_step = sums[step]
            of_step.sessions += sessions
            of_step.microseconds += microseconds
            of_step.histograms.append((start, bins))
    return sums
