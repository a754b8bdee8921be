"""GET /api/activity/."""

import pytest
from django.test import Client

from tests.builders import NOW
from tests.kpis.builders import make_environment
from tests.kpis.reading.activity.test_users import make_users

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]


def test_answers_active_users_and_sessions_of_the_range_and_of_the_one_before(reader: Client) -> None:
    make_environment()
    make_users("ada", "ben", at=NOW.replace(hour=0), sessions=5)

    assert reader.get("/api/activity/", {"from": "2026-02-09"}).json() == {
        "environment": "production",
        "time_zone": "UTC",
        "computed_until": "2026-02-15T12:00:00Z",
        "from": "2026-02-09T00:00:00Z",
        "to": "2026-02-16T00:00:00Z",
        "sessions": 5,
        "active_users": 2,
        "previous": {
            "from": "2026-02-02T00:00:00Z",
            "to": "2026-02-08T12:15:00Z",
            "sessions": 0,
            "active_users": 0,
        },
    }


def test_answers_null_where_nothing_is_computed(reader: Client) -> None:
    make_environment(computed_until=None)

    answer = reader.get("/api/activity/").json()

    assert (answer["sessions"], answer["active_users"]) == (None, None)


def test_refuses_a_bad_range(reader: Client) -> None:
    make_environment()

    assert reader.get("/api/activity/", {"from": "soon"}).json()["code"] == "bad_parameter"
