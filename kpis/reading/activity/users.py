"""Active users and sessions of a range, from rows of days, and of quarter hours at its edges.

A session counts where it started, and so does its user, once in a range however many sessions they started.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from operator import or_

from django.db.models import Sum

from kpis.distinct import count, merged, unpack
from kpis.models import FunnelBucket, UsersBucket
from kpis.reading.periods import Against, Granularity, Period, Range, compared_range, split
from kpis.reading.spans import Span, stored_spans
from kpis.reading.stored_rows import in_spans
from workbench.models import FunnelStep


@dataclass(frozen=True, kw_only=True)
class RangeActivity:
    """Both are None where nothing is computed yet; `active_users` also where no session of the range named its user."""

    environment: str
    range: Range
    computed_until: datetime | None
    sessions: int | None
    active_users: int | None


@dataclass(frozen=True, kw_only=True)
class ActivityComparison:
    """The activity of a range, and of the one to which it is compared."""

    current: RangeActivity
    previous: RangeActivity


def compare_activity(
    *,
    environment: str,
    range: Range,
    computed_until: datetime | None,
    against: Against = Against.PREVIOUS,
) -> ActivityComparison:
    """In two queries; in none where nothing is computed yet."""
    ranges = (range, compared_range(range, against=against, until=computed_until))
    spans = [_computed_spans(period, computed_until=computed_until) for period in ranges]
    sessions = _read_sessions(environment, spans=spans)
    users = _read_users(environment, spans=spans)
    current, previous = (
        RangeActivity(
            environment=environment,
            range=period,
            computed_until=computed_until,
            sessions=number if own_spans else None,
            # Nobody, or nobody knows who.
            active_users=count_users(sketches) if own_spans and (sketches or not number) else None,
        )
        for period, own_spans, number, sketches in zip(ranges, spans, sessions, users, strict=True)
    )
    return ActivityComparison(current=current, previous=previous)


def _computed_spans(range: Range, *, computed_until: datetime | None) -> Sequence[Span]:
    """Where the range's rows are; none where it is not computed."""
    if computed_until is None or range.start >= computed_until:
        return ()
    periods = split(range, granularity=Granularity.TOTAL)
    return stored_spans(periods, granularity=Granularity.TOTAL, zone=range.zone)


def _read_sessions(environment: str, *, spans: Sequence[Sequence[Span]]) -> list[int]:
    """How many started in each group of spans. The groups have no moment in common."""
    numbers = [0] * len(spans)
    if any(spans):
        # Index: funnel_bucket_unique (environment, granularity, period_start, …).
        rows = FunnelBucket.objects.filter(
            reduce(or_, (in_spans(group) for group in spans if group)),
            environment=environment,
            step=FunnelStep.SESSION_STARTED,
        )
        for start, sessions in rows.values_list("period_start").annotate(Sum("sessions")):
            numbers[_group_of(start, spans=spans)] += int(sessions)
    return numbers


def _read_users(environment: str, *, spans: Sequence[Sequence[Span]]) -> list[list[bytes]]:
    """The sketches (kpis/distinct.py) of each group of spans, the newest last."""
    sketches: list[list[bytes]] = [[] for _ in spans]
    if any(spans):
        # Index: users_bucket_unique (environment, granularity, period_start).
        rows = UsersBucket.objects.filter(
            reduce(or_, (in_spans(group) for group in spans if group)), environment=environment
        )
        for start, sketch in rows.order_by("period_start").values_list("period_start", "sketch"):
            sketches[_group_of(start, spans=spans)].append(bytes(sketch))
    return sketches


def count_users(sketches: Sequence[bytes]) -> int:
    """About how many different users there are in all of them; only the newest is likely to change."""
    return count(
        [code for sketch in (merged(tuple(sketches[:-1])), *sketches[-1:]) for code in unpack(sketch)]
    )


def _group_of(moment: datetime, *, spans: Sequence[Sequence[Period]]) -> int:
    """The number of the group that holds the moment."""
    return next(
        number for number, group in enumerate(spans) if any(span.start <= moment < span.end for span in group)
    )
