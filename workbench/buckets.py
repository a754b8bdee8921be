"""The base bucket: 15 minutes in UTC. Every zone's day starts on such a boundary."""

from datetime import UTC, datetime, timedelta

BASE_BUCKET = timedelta(minutes=15)
BASE_BUCKET_MICROSECONDS = BASE_BUCKET // timedelta(microseconds=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def floor_to_bucket(moment: datetime) -> datetime:
    """Start (UTC, included) of the base bucket that holds the moment."""
    return EPOCH + (moment - EPOCH) // BASE_BUCKET * BASE_BUCKET
