"""Every question to the KPI tables: what pages, API and scrape show, they ask here.

Sums are read and added up; only then they are divided, or a percentile is taken. Nothing here touches an
event, so the cost depends on the periods and not on what happened in them, and the number of queries is fixed.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import reduce
from operator import or_
from typing import TypeVar
from zoneinfo import ZoneInfo

import msgspec
from django.db.models import F, Q, TextField, Value
from django.db.models.functions import Cast

from kpis.days import local_day, reporting_zone
from kpis.histogram import percentiles
from kpis.models import Baseline, Freshness, KpiBucket, Target
from kpis.models import Granularity as Stored
from kpis.periods import (
    Granularity,
    Period,
    Range,
    Span,
    last_date,
    previous_range,
    recent_days,
    split,
    stored_spans,
)
from kpis.registry import DEFINITIONS, REGISTRY, Direction, Kind, Kpi
from telemetry.models import Environment

PERCENTILES = {"p50": 0.5, "p75": 0.75, "p90": 0.9, "p95": 0.95, "p99": 0.99}
MICRO = 1_000_000
EXCLUDED = "excluded"
WINDOWS = {"1d": 1, "7d": 7, "28d": 28}
BREAKDOWN_LIMIT = 100
# A KPI that compares origins means nothing until another one than its own was reported: (dimension, its own).
NEEDS_ANOTHER = {"workbench-adoption": ("origin", "workbench")}

ON_TARGET = "on_target"
OFF_TARGET = "off_target"
TOO_FEW_EVENTS = "too_few_events"
NOT_MEASURABLE = "not_measurable"
NO_EVENTS = "no_events"


class UnknownKpi(LookupError):
    """No KPI has this slug."""


class UnknownEnvironment(LookupError):
    """No key was ever made for an environment of this name."""


class UnknownDimension(ValueError):
    """The KPI is not broken down by this dimension."""


@dataclass
class Sums:
    """What is stored of a KPI, added up over any number of rows (see KpiBucket for the units)."""

    numerator: int = 0
    denominator: int = 0
    histogram: dict[int, int] = field(default_factory=dict)

    def add(self, other: "Sums") -> None:
        self.numerator += other.numerator
        self.denominator += other.denominator
        if not self.histogram:
            self.histogram = dict(other.histogram)
            return
        for bin_index, count in other.histogram.items():
            self.histogram[bin_index] = self.histogram.get(bin_index, 0) + count


@dataclass(frozen=True, kw_only=True)
class Standard:
    """What judges a KPI on a day: values in its unit; baseline_row says where the baseline comes from."""

    target: float | None
    baseline: float | None
    baseline_row: Baseline | None = None
    target_row: Target | None = None


@dataclass(frozen=True, kw_only=True)
class Figures:
    """A KPI's figures in one period.

    numerator and denominator are counts for a ratio; for a duration seconds (their sum) and how many were
    measured; for a sum dollars and how many things were summed. value is in the KPI's unit, or None with a
    reason. percentiles (p50 … p99, in seconds) and mean are a duration KPI's.
    """

    period: Period
    numerator: float
    denominator: int
    value: float | None
    reason: str | None
    verdict: str | None
    standard: Standard
    percentiles: Mapping[str, float | None] = field(default_factory=dict)
    mean: float | None = None


@dataclass(frozen=True, kw_only=True)
class Slice:
    """One value of a breakdown, over the same periods as the whole."""

    value: str
    total: Figures
    series: tuple[Figures, ...]


@dataclass(frozen=True, kw_only=True)
class KpiReading:
    """A KPI over a range. The series ends where nothing is computed yet; the total is the series' sum.

    excluded counts, by reason, what belongs to the range and could not be measured. slices_left_out says how
    many values of the breakdown are not in it, because they are beyond the 100 largest.
    """

    kpi: Kpi
    environment: str
    range: Range
    granularity: Granularity
    computed_until: datetime | None
    is_measurable: bool
    total: Figures
    series: tuple[Figures, ...]
    excluded: Mapping[str, int]
    breakdown: str
    slices: tuple[Slice, ...] = ()
    slices_left_out: int = 0


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A KPI over a range, and over the one before it that is as long."""

    current: KpiReading
    previous: KpiReading


@dataclass(frozen=True, kw_only=True)
class WindowReading:
    """A KPI over 1, 7 or 28 days up to now. numerator and denominator are as Figures' are."""

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


def find_kpi(slug: str) -> Kpi:
    """Raises UnknownKpi."""
    try:
        return REGISTRY[slug]
    except KeyError:
        raise UnknownKpi(slug) from None


def environments() -> list[str]:
    """Names of all environments, in alphabetical order."""
    return list(Environment.objects.order_by("name").values_list("name", flat=True))


def choose_environment(name: str, *, known: Sequence[str]) -> str:
    """The environment asked for; without a name production if there is one, else the first; "" for none.

    Raises UnknownEnvironment for a name that is not known.
    """
    if name and name not in known:
        raise UnknownEnvironment(name)
    if name or not known:
        return name
    return "production" if "production" in known else known[0]


def read_kpi(
    *,
    kpi: Kpi,
    environment: str,
    range: Range,
    granularity: Granularity,
    now: datetime,
    breakdown: str = "",
) -> KpiReading:
    """One KPI over the range, in five queries at most.

    Raises UnknownDimension, and TooManyPeriods as periods.split.
    """
    reader = _Reader.load(kpis=[kpi], environment=environment, now=now)
    return reader.read(range, granularity=granularity, breakdown=breakdown)[kpi.slug]


def compare_kpi(
    *,
    kpi: Kpi,
    environment: str,
    range: Range,
    granularity: Granularity,
    now: datetime,
    breakdown: str = "",
) -> Comparison:
    """As read_kpi, with the range before it; one query more."""
    reader = _Reader.load(kpis=[kpi], environment=environment, now=now)
    current = reader.read(range, granularity=granularity, breakdown=breakdown)
    before = reader.read(previous_range(range, until=reader.computed_until), granularity=granularity)
    return Comparison(current=current[kpi.slug], previous=before[kpi.slug])


def compare_kpis(*, environment: str, range: Range, now: datetime) -> list[Comparison]:
    """Every KPI by day over the range, and its total over the range before; in registry order.

    Six queries.
    """
    reader = _Reader.load(kpis=DEFINITIONS, environment=environment, now=now)
    current = reader.read(range, granularity=Granularity.DAY)
    before = reader.read(previous_range(range, until=reader.computed_until), granularity=Granularity.TOTAL)
    return [Comparison(current=current[kpi.slug], previous=before[kpi.slug]) for kpi in DEFINITIONS]


def read_kpis(
    *, kpis: Sequence[Kpi], environment: str, range: Range, granularity: Granularity, now: datetime
) -> list[KpiReading]:
    """Several KPIs over the range, in the order given, in five queries at most."""
    reader = _Reader.load(kpis=kpis, environment=environment, now=now)
    readings = reader.read(range, granularity=granularity)
    return [readings[kpi.slug] for kpi in kpis]


def read_windows(*, now: datetime) -> list[WindowReading]:
    """Every KPI of every computed environment over today and the 0, 6 and 27 days before it, up to now.

    Five queries, whatever the number of environments. One that nothing is computed for is left out.
    """
    zone = reporting_zone()
    computed = _computed_environments()
    standards = _Standards.load(DEFINITIONS)
    measurable = {slug: _environments_with_another(slug) for slug in NEEDS_ANOTHER}
    windows = {name: recent_days(days, zone=zone, now=now) for name, days in WINDOWS.items()}
    sums = _window_sums(windows)
    return [
        _window_reading(
            kpi=kpi,
            environment=environment,
            window=window,
            sums=sums.get((environment, kpi.slug, window), Sums()),
            is_measurable=kpi.slug not in measurable or environment in measurable[kpi.slug],
            standard=standards.of(kpi, environment=environment, on=local_day(now, zone=zone)),
            period=windows[window],
        )
        for environment in computed
        for kpi in DEFINITIONS
        for window in WINDOWS
    ]


def _window_reading(
    *,
    kpi: Kpi,
    environment: str,
    window: str,
    sums: Sums,
    is_measurable: bool,
    standard: Standard,
    period: Period,
) -> WindowReading:
    figures = make_figures(kpi, sums=sums, period=period, standard=standard, is_measurable=is_measurable)
    return WindowReading(
        kpi=kpi.slug,
        persona=kpi.persona.value,
        environment=environment,
        window=window,
        numerator=figures.numerator,
        denominator=figures.denominator,
        value=figures.value,
        target=standard.target,
        baseline=standard.baseline,
        verdict=figures.verdict,
    )


def _window_sums(windows: Mapping[str, Range]) -> dict[tuple[str, str, str], Sums]:
    """Sums by environment, KPI and window, from day rows alone."""
    longest = max(windows.values(), key=lambda window: window.end - window.start)
    span = Span(start=longest.start, end=longest.end, granularity=Stored.DAY)
    sums: dict[tuple[str, str, str], Sums] = {}
    for row in _rows([span], dimensions=[""]):
        for name, window in windows.items():
            if row.start >= window.start:
                sums.setdefault((row.environment, row.kpi, name), Sums()).add(row.sums)
    return sums


# What a figure is -----------------------------------------------------------------------------------------


def make_figures(
    kpi: Kpi, *, sums: Sums, period: Period, standard: Standard, is_measurable: bool = True
) -> Figures:
    """The figures of a period from its sums; a value of nothing is None with the reason, never zero."""
    spread = _percentiles(kpi, sums)
    value = _value(kpi, sums=sums, spread=spread) if is_measurable else None
    return Figures(
        period=period,
        numerator=sums.numerator if kpi.kind is Kind.RATIO else sums.numerator / MICRO,
        denominator=sums.denominator,
        value=value,
        reason=_reason(value, is_measurable=is_measurable),
        verdict=judge(
            kpi,
            value=value,
            sample=sums.denominator,
            target=standard.target,
            is_measurable=is_measurable,
        ),
        standard=standard,
        percentiles=spread,
        mean=_mean(kpi, sums),
    )


def _percentiles(kpi: Kpi, sums: Sums) -> dict[str, float | None]:
    """Seconds by name, p50 to p99; the statistic that a KPI's value is, is one of them."""
    if kpi.kind is not Kind.DURATION:
        return {}
    return dict(zip(PERCENTILES, percentiles(sums.histogram, list(PERCENTILES.values())), strict=True))


def _value(kpi: Kpi, *, sums: Sums, spread: Mapping[str, float | None]) -> float | None:
    if not sums.denominator:
        return None
    if kpi.kind is Kind.RATIO:
        return sums.numerator / sums.denominator
    if kpi.kind is Kind.SUM:
        return sums.numerator / MICRO
    return spread[f"p{round(kpi.statistic * 100)}"]


def _mean(kpi: Kpi, sums: Sums) -> float | None:
    if kpi.kind is Kind.RATIO or not sums.denominator:
        return None
    return sums.numerator / MICRO / sums.denominator


def _reason(value: float | None, *, is_measurable: bool) -> str | None:
    if not is_measurable:
        return NOT_MEASURABLE
    return NO_EVENTS if value is None else None


def judge(
    kpi: Kpi, *, value: float | None, sample: int, target: float | None, is_measurable: bool = True
) -> str | None:
    """The verdict on a value; None where there is no target to judge it by.

    The sample is a ratio's denominator, or how many things a duration or a sum is made of.
    """
    if not is_measurable:
        return NOT_MEASURABLE
    if target is None:
        return None
    if value is None or sample < kpi.minimum_sample:
        return TOO_FEW_EVENTS
    reaches = value >= target if kpi.direction is Direction.AT_LEAST else value <= target
    return ON_TARGET if reaches else OFF_TARGET


# What judges it -------------------------------------------------------------------------------------------


DatedRow = TypeVar("DatedRow", Target, Baseline)


@dataclass(frozen=True, kw_only=True)
class _Standards:
    """All targets and baselines of some KPIs: small tables that people fill, read once for a page."""

    targets: Sequence[Target]
    baselines: Sequence[Baseline]

    @classmethod
    def load(cls, kpis: Sequence[Kpi]) -> "_Standards":
        slugs = [kpi.slug for kpi in kpis]
        return cls(
            targets=list(Target.objects.filter(kpi__in=slugs)),
            baselines=list(Baseline.objects.filter(kpi__in=slugs).select_related("set_by")),
        )

    def of(self, kpi: Kpi, *, environment: str, on: date) -> Standard:
        """What is in force on the day (of the reporting zone)."""
        row = _in_force(self.targets, kpi=kpi, environment=environment, on=on)
        baseline_row = _in_force(self.baselines, kpi=kpi, environment=environment, on=on)
        baseline = float(baseline_row.value) if baseline_row else None
        return Standard(
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


# What is stored -------------------------------------------------------------------------------------------


class _Row(msgspec.Struct, frozen=True):
    environment: str
    kpi: str
    dimension: str
    value: str
    start: datetime
    sums: Sums


_decode_histogram = msgspec.json.Decoder(dict[int, int]).decode


def _rows(
    spans: Sequence[Span],
    *,
    dimensions: Sequence[str],
    kpis: Sequence[Kpi] = DEFINITIONS,
    environment: str | None = None,
) -> Iterator[_Row]:
    """The stored rows in the spans, in one query; without an environment, of all of them.

    Histograms come as text and are decoded by msgspec: 2 to 3 times as fast as JSONField.
    """
    if not spans:
        return
    rows = KpiBucket.objects.filter(
        _in_spans(spans), kpi__in=[kpi.slug for kpi in kpis], dimension__in=dimensions
    )
    if environment is not None:
        rows = rows.filter(environment=environment)
    has_histograms = any(kpi.kind is Kind.DURATION for kpi in kpis)
    text = Cast("histogram", TextField()) if has_histograms else Value("")
    columns = rows.annotate(text=text).values_list(
        "environment", "kpi", "dimension", "value", "period_start", "numerator", "denominator", F("text")
    )
    for (
        environment_name,
        kpi,
        dimension,
        value,
        start,
        numerator,
        denominator,
        histogram,
    ) in columns.iterator():
        bins = _decode_histogram(histogram) if len(histogram) > len("{}") else {}
        yield _Row(environment_name, kpi, dimension, value, start, Sums(numerator, denominator, bins))


def _in_spans(spans: Sequence[Span]) -> Q:
    return reduce(
        or_,
        (
            Q(granularity=span.granularity, period_start__gte=span.start, period_start__lt=span.end)
            for span in spans
        ),
    )


def _computed_environments() -> list[str]:
    """Environments that anything is computed for, in alphabetical order."""
    computed = Freshness.objects.exclude(computed_until=None).order_by("environment")
    return list(computed.values_list("environment", flat=True))


def _environments_with_another(slug: str) -> set[str]:
    """Environments that ever had another value than the KPI's own in the dimension that it needs."""
    dimension, own = NEEDS_ANOTHER[slug]
    rows = KpiBucket.objects.filter(kpi=slug, granularity=Stored.DAY, dimension=dimension, denominator__gt=0)
    return set(rows.exclude(value=own).values_list("environment", flat=True).distinct())


def _has_another(slug: str, *, environment: str) -> bool:
    dimension, own = NEEDS_ANOTHER[slug]
    return (
        KpiBucket.objects.filter(
            environment=environment, kpi=slug, granularity=Stored.DAY, dimension=dimension, denominator__gt=0
        )
        .exclude(value=own)
        .exists()
    )


@dataclass(frozen=True, kw_only=True)
class _Reader:
    """What is the same for every range of an environment: freshness, standards, what can be measured."""

    kpis: Sequence[Kpi]
    environment: str
    today: date
    computed_until: datetime | None
    standards: _Standards
    unmeasurable: frozenset[str]

    @classmethod
    def load(cls, *, kpis: Sequence[Kpi], environment: str, now: datetime) -> "_Reader":
        freshness = Freshness.objects.filter(environment=environment).first()
        return cls(
            kpis=kpis,
            environment=environment,
            today=local_day(now, zone=reporting_zone()),
            computed_until=freshness.computed_until if freshness else None,
            standards=_Standards.load(kpis),
            unmeasurable=frozenset(
                kpi.slug
                for kpi in kpis
                if kpi.slug in NEEDS_ANOTHER and not _has_another(kpi.slug, environment=environment)
            ),
        )

    def read(self, range: Range, *, granularity: Granularity, breakdown: str = "") -> dict[str, KpiReading]:
        """Every KPI's reading by slug; one query."""
        for kpi in self.kpis:
            if breakdown and breakdown not in kpi.dimensions:
                raise UnknownDimension(breakdown)
        periods = self._computed(range, granularity=granularity)
        spans = stored_spans(periods, granularity=granularity, zone=range.zone)
        dimensions = ["", EXCLUDED, breakdown] if breakdown else ["", EXCLUDED]
        rows = _rows(spans, dimensions=dimensions, kpis=self.kpis, environment=self.environment)
        table = _Table.collect(rows, periods=periods)
        return {
            kpi.slug: self._reading(
                kpi, table=table, range=range, granularity=granularity, periods=periods, breakdown=breakdown
            )
            for kpi in self.kpis
        }

    def _computed(self, range: Range, *, granularity: Granularity) -> tuple[Period, ...]:
        """The range's periods that begin before what is not computed yet."""
        periods = split(range, granularity=granularity)
        if self.computed_until is None:
            return ()
        until = self.computed_until
        return tuple(period for period in periods if period.start < until)

    def _reading(
        self,
        kpi: Kpi,
        *,
        table: "_Table",
        range: Range,
        granularity: Granularity,
        periods: Sequence[Period],
        breakdown: str,
    ) -> KpiReading:
        standards = [self._standard(kpi, period, zone=range.zone) for period in periods]
        overall = standards[-1] if standards else self._standard(kpi, range, zone=range.zone)

        def judged(dimension: str, value: str) -> tuple[Figures, tuple[Figures, ...]]:
            sums = table.of(kpi, dimension=dimension, value=value)
            series = tuple(
                self._figures(kpi, sums=each, period=period, standard=standard)
                for each, period, standard in zip(sums, periods, standards, strict=True)
            )
            return self._figures(kpi, sums=_added(sums), period=range, standard=overall), series

        total, series = judged("", "")
        values = table.values_of(kpi, dimension=breakdown) if breakdown else []
        slices = [
            Slice(value=value, total=figures[0], series=figures[1])
            for value in values[:BREAKDOWN_LIMIT]
            for figures in [judged(breakdown, value)]
        ]
        return KpiReading(
            kpi=kpi,
            environment=self.environment,
            range=range,
            granularity=granularity,
            computed_until=self.computed_until,
            is_measurable=kpi.slug not in self.unmeasurable,
            total=total,
            series=series,
            excluded=table.counts(kpi, dimension=EXCLUDED),
            breakdown=breakdown,
            slices=tuple(slices),
            slices_left_out=max(0, len(values) - BREAKDOWN_LIMIT),
        )

    def _standard(self, kpi: Kpi, period: Period, *, zone: ZoneInfo) -> Standard:
        on = min(last_date(period, zone=zone), self.today)
        return self.standards.of(kpi, environment=self.environment, on=on)

    def _figures(self, kpi: Kpi, *, sums: Sums, period: Period, standard: Standard) -> Figures:
        return make_figures(
            kpi,
            sums=sums,
            period=period,
            standard=standard,
            is_measurable=kpi.slug not in self.unmeasurable,
        )


@dataclass(frozen=True, kw_only=True)
class _Table:
    """Stored rows, added up: sums of each period by (kpi, dimension, value)."""

    cells: Mapping[tuple[str, str, str], Sequence[Sums]]
    periods: Sequence[Period]

    @classmethod
    def collect(cls, rows: Iterable[_Row], *, periods: Sequence[Period]) -> "_Table":
        starts = [period.start for period in periods]
        cells: dict[tuple[str, str, str], list[Sums]] = {}
        for row in rows:
            cell = cells.setdefault((row.kpi, row.dimension, row.value), [Sums() for _ in starts])
            cell[bisect_right(starts, row.start) - 1].add(row.sums)
        return cls(cells=cells, periods=periods)

    def of(self, kpi: Kpi, *, dimension: str, value: str) -> Sequence[Sums]:
        return self.cells.get((kpi.slug, dimension, value)) or [Sums() for _ in self.periods]

    def counts(self, kpi: Kpi, *, dimension: str) -> dict[str, int]:
        """The dimension's values with their counts, the largest first."""
        counts = {
            value: sum(sums.denominator for sums in cell)
            for (slug, cell_dimension, value), cell in self.cells.items()
            if slug == kpi.slug and cell_dimension == dimension
        }
        return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))

    def values_of(self, kpi: Kpi, *, dimension: str) -> list[str]:
        return list(self.counts(kpi, dimension=dimension))


def _added(sums: Iterable[Sums]) -> Sums:
    total = Sums()
    for each in sums:
        total.add(each)
    return total
