"""GET /api/kpis/<slug>/changes/."""

import csv
import io

import pytest
from django.test import Client

from people.models import Role
from tests.kpis.builders import make_environment, make_later_change
from tests.people.builders import make_person

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]
PATH = "/api/kpis/template-suggestion-rate/changes/"
MOMENT = "2026-02-15T12:00:00Z"


def test_answers_the_changes_of_a_range(reader: Client) -> None:
    make_environment()
    make_later_change()

    answer = reader.get(PATH, {"from": "2026-02-10", "to": "2026-02-11"}).json()

    assert answer == {
        "kpi": "template-suggestion-rate",
        "title": "Template suggestion rate",
        "unit": "ratio",
        "environment": "production",
        "time_zone": "UTC",
        "from": "2026-02-10T00:00:00Z",
        "to": "2026-02-11T00:00:00Z",
        "changes": [
            {
                "date": "2026-02-10",
                "cause": "late_events",
                "first_changed_at": MOMENT,
                "last_changed_at": MOMENT,
                "before": {"numerator": 3.0, "denominator": 10, "value": 0.3},
                "after": {"numerator": 4.0, "denominator": 12, "value": pytest.approx(1 / 3)},
            }
        ],
        "has_more": False,
        "goals": [],
    }


def test_writes_the_changes_as_csv(reader: Client) -> None:
    make_environment()
    make_later_change(value_before=None)

    response = reader.get(PATH, {"format": "csv"})

    (row,) = csv.DictReader(io.StringIO(response.content.decode()))
    assert (row["kpi"], row["date"], row["cause"]) == (
        "template-suggestion-rate",
        "2026-02-10",
        "late_events",
    )
    assert (row["value_before"], row["numerator_after"], row["denominator_after"]) == ("", "4.0", "12")
    assert "production" in response.headers["Content-Disposition"]


def test_only_those_who_export_get_csv(client: Client) -> None:
    make_environment()
    client.force_login(make_person("viewer", role=Role.VIEWER))

    assert [client.get(PATH, {"format": form}).status_code for form in ("json", "csv")] == [200, 403]


def test_answers_a_wrong_address_with_its_fault(reader: Client) -> None:
    make_environment()

    assert reader.get("/api/kpis/nothing/changes/").status_code == 404
    assert reader.get(PATH, {"granularity": "day"}).json()["code"] == "bad_parameter"
