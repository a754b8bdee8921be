from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import MOMENT, table
from workbench.buckets import BASE_BUCKET, bucket_of, bucket_start, mark_touched
from workbench.models import TouchedBucket

MICROSECOND = timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("moment", "start"),
    [
        (MOMENT - MICROSECOND, MOMENT - BASE_BUCKET),
        (MOMENT, MOMENT),
        (MOMENT + BASE_BUCKET - MICROSECOND, MOMENT),
        (MOMENT + BASE_BUCKET, MOMENT + BASE_BUCKET),
        (datetime(1970, 1, 1, tzinfo=UTC), datetime(1970, 1, 1, tzinfo=UTC)),
        (datetime(1969, 12, 31, 23, 59, tzinfo=UTC), datetime(1969, 12, 31, 23, 45, tzinfo=UTC)),
    ],
)
def test_a_bucket_includes_its_start_and_not_its_end(moment: datetime, start: datetime) -> None:
    assert bucket_start(bucket_of(moment)) == start


@given(st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2100, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_every_moment_lies_in_its_bucket(moment: datetime) -> None:
    start = bucket_start(bucket_of(moment))

    assert start <= moment < start + BASE_BUCKET


@pytest.mark.django_db
def test_marks_each_bucket_and_keeps_what_was_marked_before() -> None:
    mark_touched(environment="production", buckets={1, 0})
    mark_touched(environment="staging", buckets=[1])
    mark_touched(environment="production", buckets=[])
    mark_touched(environment="production", buckets=[1])

    assert table(TouchedBucket, "environment", "bucket_start") == [
        ("production", bucket_start(0)),
        ("production", bucket_start(1)),
        ("production", bucket_start(1)),
        ("staging", bucket_start(1)),
    ]
