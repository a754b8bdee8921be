"""Who started sessions: the rows of UsersBucket, measured from the sessions (docs/overview.md).

A pure function of the sessions. A user counts in the bucket of the session's start; a session that named no user counts
nobody.
"""

from collections import defaultdict
from datetime import datetime
from functools import reduce
from operator import or_

from django.db.models import Q

from kpis.compute.measures import MeasuredRanges
from kpis.distinct import code_of, pack, unpack
from kpis.models import StoredGranularity, UsersBucket
from workbench.buckets import Bucket, bucket_of, bucket_start
from workbench.models import Session


def measure_users(within: MeasuredRanges) -> list[UsersBucket]:
    """The base rows of the ranges as the sessions now say; unsaved."""
    in_ranges = reduce(or_, (Q(started_at__gte=start, started_at__lt=end) for start, end in within.ranges))
    # Index: session_started (started_at, environment).
    sessions = Session.objects.filter(in_ranges, environment=within.environment).exclude(user_hash="")
    users: defaultdict[Bucket, set[str]] = defaultdict(set)
    for started_at, user in sessions.values_list("started_at", "user_hash"):
        if started_at is not None:  # It is: it lies in a range.
            users[bucket_of(started_at)].add(user)
    return [
        UsersBucket(
            environment=within.environment,
            granularity=StoredGranularity.BASE,
            period_start=bucket_start(bucket),
            sketch=pack(map(code_of, names)),
        )
        for bucket, names in users.items()
    ]


def sum_users(*, environment: str, start: datetime, end: datetime) -> list[UsersBucket]:
    """The row of the day [start, end), merged from its base rows; unsaved. Empty where they have no user."""
    # Index: users_bucket_unique (environment, granularity, period_start).
    base = UsersBucket.objects.filter(
        environment=environment,
        granularity=StoredGranularity.BASE,
        period_start__gte=start,
        period_start__lt=end,
    )
    codes = {code for sketch in base.values_list("sketch", flat=True) for code in unpack(sketch)}
    if not codes:
        return []
    return [
        UsersBucket(
            environment=environment,
            granularity=StoredGranularity.DAY,
            period_start=start,
            sketch=pack(codes),
        )
    ]
