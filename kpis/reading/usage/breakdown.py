"""What agents used over a range, broken down: tokens and costs, from rows of days alone (UsageBucket)."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum

from django.db.models import F, Sum, Value

from kpis.models import Freshness, UsageBucket
from kpis.reading.periods import Granularity, Period, Range, previous_range, split
from kpis.reading.spans import Span, stored_spans
from kpis.reading.stored_rows import START_TEXT, in_spans, moment_of
from telemetry.plan.metrics import MICRO

USAGE_LIMIT = 100


class UsageDimension(StrEnum):
    WORKFLOW = "workflow"
    AGENT = "agent"
    MODEL = "model"


@dataclass(slots=True)
class Usage:
    """Sums over any number of rows of UsageBucket, which says what they count."""

    agent_runs: int = 0
    retries: int = 0
    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_micro_usd: int = 0
    estimated_micro_usd: int = 0

    def add(self, other: "Usage") -> None:
        # Written out: a page adds thousands of them.
        self.agent_runs += other.agent_runs
        self.retries += other.retries
        self.calls += other.calls
        self.input_tokens += other.input_tokens
        self.output_tokens += other.output_tokens
        self.cost_micro_usd += other.cost_micro_usd
        self.estimated_micro_usd += other.estimated_micro_usd

    @property
    def reported_usd(self) -> float:
        return self.cost_micro_usd / MICRO

    @property
    def estimated_usd(self) -> float:
        return self.estimated_micro_usd / MICRO

    @property
    def cost_usd(self) -> float:
        """Reported and estimated."""
        return (self.cost_micro_usd + self.estimated_micro_usd) / MICRO


USAGE_SUMS = tuple(field.name for field in fields(Usage))


@dataclass(frozen=True, kw_only=True)
class UsageSlice:
    """One value of the dimension ("": there is none) with its sums in each period."""

    value: str
    total: Usage
    series: Sequence[Usage]


@dataclass(frozen=True, kw_only=True)
class UsageReading:
    """What was used over a range, by day and by the values of a dimension, the one with the highest cost first.

    The periods end where nothing is computed yet. All slices together are the total. Without a dimension there are
    none.
    """

    environment: str
    range: Range
    computed_until: datetime | None
    periods: Sequence[Period]
    total: Usage
    series: Sequence[Usage]
    slices: Sequence[UsageSlice]

    def totals(self) -> dict[str, Usage]:
        """The sums over the range by value."""
        return {part.value: part.total for part in self.slices}


@dataclass(frozen=True, kw_only=True)
class UsageComparison:
    """What was used over a range, and over the range of the same length before it."""

    current: UsageReading
    previous: UsageReading


def computed_until_of(environment: str) -> datetime | None:
    """How far the environment is computed; None: nothing is."""
    return Freshness.objects.filter(environment=environment).values_list("computed_until", flat=True).first()


def compare_usage(
    *, environment: str, range: Range, by: UsageDimension | None, computed_until: datetime | None
) -> UsageComparison:
    """Both ranges in two queries. Raises TooManyPeriods."""
    before = previous_range(range, until=computed_until)
    return UsageComparison(
        current=read_usage(environment=environment, range=range, by=by, computed_until=computed_until),
        previous=read_usage(
            environment=environment,
            range=before,
            by=by,
            computed_until=computed_until,
            granularity=Granularity.TOTAL,
        ),
    )


def read_usage(
    *,
    environment: str,
    range: Range,
    by: UsageDimension | None,
    computed_until: datetime | None,
    granularity: Granularity = Granularity.DAY,
) -> UsageReading:
    """In one query. Raises TooManyPeriods."""
    periods = computed_periods(range, granularity=granularity, computed_until=computed_until)
    series = [Usage() for _ in periods]
    cells: defaultdict[str, list[Usage]] = defaultdict(lambda: [Usage() for _ in periods])
    starts = [period.start for period in periods]
    spans = stored_spans(periods, granularity=granularity, zone=range.zone)
    for value, start, usage in _rows(spans, environment=environment, by=by, is_one_period=len(periods) == 1):
        number = bisect_right(starts, start) - 1
        series[number].add(usage)
        cells[value][number].add(usage)
    slices = [UsageSlice(value=value, total=total_of(cell), series=cell) for value, cell in cells.items()]
    return UsageReading(
        environment=environment,
        range=range,
        computed_until=computed_until,
        periods=periods,
        total=total_of(series),
        series=series,
        slices=sorted(slices, key=lambda part: (-part.total.cost_usd, part.value)) if by else [],
    )


def computed_periods(
    range: Range, *, granularity: Granularity, computed_until: datetime | None
) -> tuple[Period, ...]:
    """The periods of the range that begin before the moment; none where it is None. Raises TooManyPeriods."""
    periods = split(range, granularity=granularity)
    return tuple(period for period in periods if computed_until and period.start < computed_until)


def total_of(several: Iterable[Usage]) -> Usage:
    total = Usage()
    for usage in several:
        total.add(usage)
    return total


def _rows(
    spans: Sequence[Span], *, environment: str, by: UsageDimension | None, is_one_period: bool
) -> Iterator[tuple[str, datetime, Usage]]:
    """The sums by value ("" without a dimension) and start of a stored period; of one period all together."""
    if not spans:
        return
    # Index: usage_bucket_unique (environment, granularity, period_start, …).
    stored = UsageBucket.objects.filter(in_spans(spans), environment=environment)
    start_text = Value(spans[0].start.isoformat()) if is_one_period else START_TEXT
    places = stored.annotate(start=start_text, part=F(by.value) if by else Value("")).values_list(
        "start", "part"
    )
    for start, part, *sums in places.annotate(*(Sum(name) for name in USAGE_SUMS)):
        # PostgreSQL's sum of big integers is a decimal. That of no rows at all is NULL.
        yield part, moment_of(start), Usage(*(int(number or 0) for number in sums))
