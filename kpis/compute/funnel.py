"""The funnel: the rows of FunnelBucket, measured from the sessions (docs/funnel.md).

A pure function of the sessions, which know how far they came (workbench/fold/funnel.py). A session counts in the bucket
of its start, with every step that it took, however much later that was.
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import NamedTuple

import msgspec
from django.db import connection
from django.db.models import TextField
from django.db.models.functions import Cast

from kpis.compute.measures import MeasuredRanges, bin_expression
from kpis.models import FunnelBucket, StoredGranularity
from workbench.buckets import Bucket, bucket_start
from workbench.dialect import Dialect, current
from workbench.durations import Duration
from workbench.models import FunnelStep, Session
from workbench.stopped_sessions import sources_of

# What is more is left out of the key of a row. The plan in use lists three sources, another one may let clients choose.
MOST_SOURCES = 8
LONGEST_SOURCE = 40

_decode_counts = msgspec.json.Decoder(dict[str, int]).decode


class FunnelPlace(NamedTuple):
    """What a row is about, within its period."""

    step: int
    sources: str
    used_template: bool


@dataclass
class FunnelContent:
    """What a row counts, while it is added up."""

    sessions: int = 0
    microseconds: int = 0
    histogram: dict[str, int] = field(default_factory=dict)

    def add(self, *, sessions: int, microseconds: int, histogram: Mapping[str, int]) -> None:
        self.sessions += sessions
        self.microseconds += microseconds
        for bin_index, number in histogram.items():
            self.histogram[bin_index] = self.histogram.get(bin_index, 0) + number


def measure_funnel(within: MeasuredRanges) -> list[FunnelBucket]:
    """The base rows of the ranges as the sessions now say; unsaved."""
    contents: defaultdict[tuple[Bucket, FunnelPlace], FunnelContent] = defaultdict(FunnelContent)
    for step, bucket, sources, used_template, bin_index, sessions, microseconds in _measured(within):
        place = FunnelPlace(step=step, sources=key_of_sources(sources), used_template=used_template)
        histogram = {} if bin_index is None else {str(bin_index): sessions}
        contents[bucket, place].add(sessions=sessions, microseconds=microseconds, histogram=histogram)
    return [
        _row(place, content, environment=within.environment, start=bucket_start(bucket))
        for (bucket, place), content in contents.items()
    ]


def sum_funnel(*, environment: str, start: datetime, end: datetime) -> list[FunnelBucket]:
    """The rows of the day [start, end): sums of its base rows; unsaved."""
    # Index: funnel_bucket_unique (environment, granularity, period_start, …).
    base = FunnelBucket.objects.filter(
        environment=environment,
        granularity=StoredGranularity.BASE,
        period_start__gte=start,
        period_start__lt=end,
    )
    # JSON as text, which msgspec decodes faster than JSONField does.
    texts = base.annotate(bins=Cast("histogram", TextField()))
    contents: defaultdict[FunnelPlace, FunnelContent] = defaultdict(FunnelContent)
    for *place, sessions, microseconds, bins in texts.values_list(
        *FunnelPlace._fields, "sessions", "microseconds", "bins"
    ):
        contents[FunnelPlace(*place)].add(
            sessions=sessions, microseconds=microseconds, histogram=_decode_counts(bins)
        )
    return [
        _row(place, content, environment=environment, start=start, granularity=StoredGranularity.DAY)
        for place, content in contents.items()
    ]


def key_of_sources(stored: str) -> str:
    """The sources of a session as the key of a row has them: the same text for the same list."""
    kept = sorted({source[:LONGEST_SOURCE] for source in sources_of(stored)})[:MOST_SOURCES]
    return json.dumps(kept) if kept else ""


def _row(
    place: FunnelPlace,
    content: FunnelContent,
    *,
    environment: str,
    start: datetime,
    granularity: StoredGranularity = StoredGranularity.BASE,
) -> FunnelBucket:
    return FunnelBucket(
        environment=environment,
        granularity=granularity,
        period_start=start,
        **place._asdict(),
        sessions=content.sessions,
        microseconds=content.microseconds,
        # Sorted, so that equal contents are equal rows.
        histogram=dict(sorted(content.histogram.items(), key=lambda item: int(item[0]))),
    )


def _measured(within: MeasuredRanges) -> Iterator[tuple[int, Bucket, str, bool, int | None, int, int]]:
    """(step, bucket, sources as stored, whether a template was used, bin, sessions, microseconds)."""
    adapt = connection.ops.adapt_datetimefield_value
    bounds = [adapt(moment) for moments in within.ranges for moment in moments]
    statement = measure_statement(ranges=len(within.ranges), dialect=current())
    with connection.cursor() as cursor:
        cursor.execute(statement, [within.environment, *bounds] * len(FunnelStep))
        rows = cursor.fetchall()
    for step, bucket, sources, used_template, bin_index, sessions, microseconds in rows:
        bin_number = None if bin_index is None else int(bin_index)
        yield step, bucket, sources, bool(used_template), bin_number, sessions, int(microseconds)


def measure_statement(*, ranges: int, dialect: Dialect) -> str:
    """One SELECT for each step; the parameters of each are the environment, then each range's start and end."""
    in_ranges = " OR ".join(["(started_at >= %s AND started_at < %s)"] * ranges)
    steps = [(FunnelStep.SESSION_STARTED, "CAST(NULL AS double precision)", "0")]
    for before, step in pairwise(FunnelStep):
        taken = Duration(start=before.column, end=step.column).microseconds(dialect)
        steps.append((step, bin_expression(taken, dialect=dialect), taken))
    return " UNION ALL ".join(
        f"""
SELECT
  {step.value} AS step,
  {dialect.bucket("started_at")} AS bucket,
  draft_sources,
  template_used_at IS NOT NULL AS used_template,
  {bin_index} AS bin,
  count(*) AS sessions,
  sum({microseconds}) AS microseconds
FROM {Session._meta.db_table}
-- Index: session_started (started_at, environment).
WHERE environment = %s AND ({in_ranges}) AND {step.column} IS NOT NULL
GROUP BY 1, 2, 3, 4, 5"""
        for step, bin_index, microseconds in steps
    )
