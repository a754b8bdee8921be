"""Random streams: what is listed as counted equals the KPI's stored row, for every KPI, bucket and breakdown."""

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from django.test import override_settings
from hypothesis import given

from kpis.counted.listing import CountedRow, list_counted
from kpis.counted.sources import RowChoice, RowFilter
from kpis.counted.totals import read_total
from kpis.models import EXCLUDED, KpiBucket, StoredGranularity
from kpis.reading.periods import Range
from kpis.registry import REGISTRY, Kind, Kpi
from tests.kpis.test_against_oracle import SEEDS, play
from tests.oracle.profiles import examples
from tests.oracle.streams import SPRING, Stream, streams
from tests.oracle.system import Keys, clear_tables, make_keys
from workbench.buckets import BASE_BUCKET, bucket_of
from workbench.costs import estimate_cost, usd_per_minute
from workbench.models import WorkflowRun

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def keys() -> Iterator[Keys]:
    yield make_keys(now=SPRING.now)
    clear_tables()


@examples(6)
@given(stream=streams(), seed=SEEDS)
def test_the_rows_listed_as_counted_equal_the_kpi_rows(keys: Keys, stream: Stream, seed: int) -> None:
    with override_settings(REPORTING_TIME_ZONE=stream.zone):
        play(stream, keys=keys, seed=seed)
        rows = KpiBucket.objects.filter(granularity=StoredGranularity.BASE)
        stored = {place_of(row): sums_of_row(row) for row in rows}

        assert {place: sums_listed(*place, zone=stream.zone) for place in stored} == stored


@examples(3)
@given(stream=streams(), seed=SEEDS)
def test_a_range_is_the_sum_of_its_buckets_however_short_the_pages_are(
    keys: Keys, stream: Stream, seed: int
) -> None:
    with override_settings(REPORTING_TIME_ZONE=stream.zone):
        play(stream, keys=keys, seed=seed)
        for kpi in REGISTRY.values():
            wanted = RowFilter(environment="production", choice=RowChoice.COUNTED)
            whole = whole_range(stream)
            total = read_total(kpi, wanted, range=whole)
            rows = list(all_rows(kpi, wanted, range=whole, size=3))

            assert sorted(rows, key=lambda row: row.found.moment, reverse=True) == rows
            assert len({(row.found.source, row.found.key) for row in rows}) == len(rows)
            assert (sums_of(kpi, rows), total.kept) == (
                (total.numerator, total.denominator),
                kept_of(kpi, rows),
            )


Place = tuple[str, str, str, str, object]


def place_of(row: KpiBucket) -> Place:
    return row.kpi, row.environment, row.dimension, row.value, row.period_start


def sums_of_row(row: KpiBucket) -> tuple[int, int]:
    return row.numerator, row.denominator


def sums_listed(
    slug: str, environment: str, dimension: str, value: str, start: object, *, zone: str
) -> tuple[int, int]:
    """Of the rows listed for the bucket; of a reason of exclusion, 0 and how many rows have it."""
    kpi = REGISTRY[slug]
    bucket = Range(start=start, end=start + BASE_BUCKET, zone=ZoneInfo(zone))  # type: ignore[arg-type,operator]
    if dimension == EXCLUDED:
        left_out = RowFilter(environment=environment, choice=RowChoice.EXCLUDED)
        found = all_rows(kpi, left_out, range=bucket, size=2)
        return 0, sum(row.found.reason == value for row in found)
    wanted = RowFilter(environment=environment, choice=RowChoice.COUNTED, breakdown=dimension, value=value)
    return sums_of(kpi, list(all_rows(kpi, wanted, range=bucket, size=2)))


def all_rows(kpi: Kpi, wanted: RowFilter, *, range: Range, size: int) -> Iterator[CountedRow]:
    """Of all pages."""
    cursor = None
    while True:
        page = list_counted(kpi, wanted, range=range, cursor=cursor, size=size)
        assert len(page.rows) <= size
        yield from page.rows
        if page.older is None:
            return
        cursor = page.older


def sums_of(kpi: Kpi, rows: list[CountedRow]) -> tuple[int, int]:
    """As the rollup adds them up: estimates by bucket and workflow."""
    minutes: Counter[tuple[int, str]] = Counter()
    numerator = 0
    for row in rows:
        if kpi.kind is Kind.SUM and isinstance(row.thing, WorkflowRun):
            workflow = row.thing.workflow_name or row.thing.workflow_id
            minutes[bucket_of(row.found.moment), workflow] += row.found.numerator
        else:
            numerator += row.found.numerator
    rate = usd_per_minute()
    numerator += sum(estimate_cost(microseconds, usd_per_minute=rate) for microseconds in minutes.values())
    return numerator, sum(row.found.denominator for row in rows)


def kept_of(kpi: Kpi, rows: list[CountedRow]) -> tuple[int, int]:
    """Of an estimate the kept numerator is the run time."""
    return sum(row.found.numerator for row in rows), sum(row.found.denominator for row in rows)


def whole_range(stream: Stream) -> Range:
    midnight = stream.now.replace(hour=0, minute=0, second=0, microsecond=0)
    return Range(
        start=midnight - timedelta(days=35), end=midnight + timedelta(days=2), zone=ZoneInfo(stream.zone)
    )
