"""What to read, as a frozen query that compiles to stored spans and one database read."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from kpis.models import EXCLUDED
from kpis.reading.periods import Against, Granularity, Period, Range, compared_range, split
from kpis.reading.spans import Span, stored_spans
from kpis.reading.stored_rows import read_rows
from kpis.reading.sums import SumTable
from kpis.registry import REGISTRY, Kpi

BREAKDOWN_LIMIT = 100


class UnknownKpi(LookupError):
    """No KPI has this slug."""


class UnknownDimension(ValueError):
    """The KPI has no such dimension."""


def find_kpi(slug: str) -> Kpi:
    """Raises UnknownKpi."""
    try:
        return REGISTRY[slug]
    except KeyError:
        raise UnknownKpi(slug) from None


@dataclass(frozen=True, kw_only=True)
class KpiQuery:
    """Some KPIs of an environment over a range, in periods of the granularity.

    A breakdown is a dimension, or "" for none. Of its values the `slice_limit` largest are read, each with a
    series or with its total alone. The `top` largest have a series in any case, and so have all others together.
    Raises UnknownDimension for a breakdown that one of the KPIs does not have.
    """

    kpis: Sequence[Kpi]
    environment: str
    range: Range
    granularity: Granularity
    breakdown: str = ""
    slice_limit: int = BREAKDOWN_LIMIT
    has_slice_series: bool = True
    top: int = 0

    def __post_init__(self) -> None:
        if self.breakdown and any(self.breakdown not in kpi.dimensions for kpi in self.kpis):
            raise UnknownDimension(self.breakdown)

    @property
    def dimensions(self) -> tuple[str, ...]:
        """The stored dimensions to read; "" is the whole KPI."""
        return ("", EXCLUDED, self.breakdown) if self.breakdown else ("", EXCLUDED)

    def periods(self, *, computed_until: datetime | None) -> tuple[Period, ...]:
        """The periods that begin before the moment up to which everything is computed; none where it is None.

        Raises TooManyPeriods.
        """
        periods = split(self.range, granularity=self.granularity)
        if computed_until is None:
            return ()
        return tuple(period for period in periods if period.start < computed_until)

    def spans(self, periods: Sequence[Period]) -> tuple[Span, ...]:
        """Where the stored rows of the periods are."""
        return stored_spans(periods, granularity=self.granularity, zone=self.range.zone)

    def before(
        self,
        *,
        computed_until: datetime | None,
        granularity: Granularity,
        against: Against = Against.PREVIOUS,
    ) -> "KpiQuery":
        """The same KPIs over the range to compare with (see compared_range); of a breakdown the totals alone."""
        previous = compared_range(self.range, against=against, until=computed_until)
        return replace(self, range=previous, granularity=granularity, has_slice_series=False, top=0)


def read_sums(query: KpiQuery, *, computed_until: datetime | None) -> SumTable:
    """The sums that the query asks for, in one database query. Raises TooManyPeriods."""
    periods = query.periods(computed_until=computed_until)
    rows = read_rows(
        query.spans(periods),
        dimensions=query.dimensions,
        kpis=query.kpis,
        environments=[query.environment],
        is_one_period=len(periods) == 1,
    )
    return SumTable.from_rows(rows, periods=periods)
