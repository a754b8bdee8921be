"""The base bucket: 15 minutes in UTC. Every zone's day starts on such a boundary."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from workbench.models import ChangeCause, TouchedBucket

BASE_BUCKET = timedelta(minutes=15)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# The number of a base bucket, counted from the epoch.
Bucket = int


def bucket_of(moment: datetime) -> Bucket:
    """Number of the base bucket that holds the moment; its start is included, its end is not."""
    return (moment - EPOCH) // BASE_BUCKET


def bucket_start(bucket: Bucket) -> datetime:
    """Start (UTC, included) of the bucket of that number."""
    return EPOCH + bucket * BASE_BUCKET


def mark_touched(
    *, environment: str, buckets: Iterable[Bucket], cause: ChangeCause = ChangeCause.LATE_EVENTS
) -> None:
    """Asks the rollup to compute the buckets anew. Call it in the transaction that changed what they count."""
    TouchedBucket.objects.bulk_create(
        TouchedBucket(environment=environment, bucket_start=bucket_start(bucket), cause=cause)
        for bucket in sorted(buckets)
    )
