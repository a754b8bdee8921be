from datetime import UTC, datetime, timedelta, timezone

import pytest

from web.moments import rfc3339

INDIA = timezone(timedelta(hours=5, minutes=30))


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2026, 2, 1, tzinfo=UTC), "2026-02-01T00:00:00Z"),
        (datetime(2026, 2, 1, 5, 15, tzinfo=INDIA), "2026-01-31T23:45:00Z"),
        (datetime(2026, 2, 1, 0, 0, 0, 1, tzinfo=UTC), "2026-02-01T00:00:00.000001Z"),
    ],
    ids=["in UTC", "in another zone", "with microseconds"],
)
def test_writes_a_moment_in_utc_with_z(moment: datetime, text: str) -> None:
    assert rfc3339(moment) == text
