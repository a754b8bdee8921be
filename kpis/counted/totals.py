"""What the KPI says of a range, and how much of that is still kept."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from kpis.counted.listing import counting_buckets, entered_counts
from kpis.counted.places import joined
from kpis.counted.sources import RowChoice, RowFilter, sources_of, sums_of
from kpis.models import EXCLUDED, Freshness
from kpis.reading.periods import Granularity, Range
from kpis.reading.query import KpiQuery, read_sums
from kpis.reading.sums import Sums, add_up
from kpis.registry import Kind, Kpi

# Above so many counted rows, or stretches of time that have any, nobody counts again what is kept.
MOST_COUNTED = 5_000
MOST_STRETCHES = 300


@dataclass(frozen=True, kw_only=True)
class CountedTotal:
    """The KPI's stored sums of the range, and those of its rows that are kept; `kept` is None where it was not counted.

    `excluded` are numbers by reason. Nothing is counted after `computed_until`.
    """

    numerator: int
    denominator: int
    excluded: Mapping[str, int]
    kept: tuple[int, int] | None
    computed_until: datetime | None


def read_total(kpi: Kpi, row_filter: RowFilter, *, range: Range) -> CountedTotal:
    """In two queries, and two for each table of the KPI where little enough was counted."""
    freshness = Freshness.objects.filter(environment=row_filter.environment).first()
    until = freshness.computed_until if freshness else None
    query = KpiQuery(
        kpis=[kpi],
        environment=row_filter.environment,
        range=range,
        granularity=Granularity.TOTAL,
        breakdown=row_filter.breakdown,
    )
    table = read_sums(query, computed_until=until)
    value = row_filter.value if row_filter.breakdown else ""
    sums = add_up(table.by_period(kpi, dimension=row_filter.breakdown, value=value))
    return CountedTotal(
        numerator=sums.numerator,
        denominator=sums.denominator,
        excluded=table.counts(kpi, dimension=EXCLUDED),
        kept=read_kept(kpi, row_filter, range=range, stored=sums),
        computed_until=until,
    )


def read_kept(kpi: Kpi, row_filter: RowFilter, *, range: Range, stored: Sums) -> tuple[int, int] | None:
    """Numerator and denominator of the rows that are kept; None where too much counted to add it up again."""
    numerator = stored.numerator if kpi.kind is Kind.RATIO else 0
    if numerator + stored.denominator > MOST_COUNTED:
        return None
    counting = replace(row_filter, choice=RowChoice.COUNTED)
    stretches = joined(counting_buckets(kpi, counting, range=range).values_list("period_start", flat=True))
    if len(stretches) > MOST_STRETCHES:
        return None
    if not stretches:
        return 0, 0
    sums = [
        *(sums_of(source, row_filter=counting, stretches=stretches) for source in sources_of(kpi.slug)),
        *(
            (row.numerator, row.denominator)
            for row, _ in entered_counts(kpi, counting, stretches=stretches, zone=range.zone)
        ),
    ]
    return sum(numerator for numerator, _ in sums), sum(denominator for _, denominator in sums)
