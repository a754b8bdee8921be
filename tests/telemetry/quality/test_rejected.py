import pytest

from telemetry.plan import get_plan
from telemetry.quality.rejected import EventFault, faults_of, neighbours_of, newest_rejected
from tests.telemetry.quality.builders import ENVIRONMENT, make_rejected

pytestmark = pytest.mark.django_db
EVENT = "workbench.draft_created"


def test_lists_the_newest_of_a_name_as_the_filters_choose_them() -> None:
    first = make_rejected()
    known = make_rejected(code="bad_id", client="")
    make_rejected(event="a.other")
    make_rejected(environment="staging")

    def found(**filters: str) -> list[int]:
        return [row.pk for row in newest_rejected(environment=ENVIRONMENT, event=EVENT, **filters)]

    assert found() == [known.pk, first.pk]
    assert found(code="bad_id") == [known.pk]
    assert found(client="app/1") == [first.pk]
    assert found(client="") == [known.pk]
    assert found(source="server") == []


def test_neighbours_are_of_the_same_name_and_of_the_same_post() -> None:
    older = make_rejected(arrival_id=1)
    make_rejected(arrival_id=1, environment="staging")
    row = make_rejected(arrival_id=2, position=3)
    beside = make_rejected(arrival_id=2, position=1, event="a.other")

    neighbours = neighbours_of(row)

    assert (neighbours.older, neighbours.newer) == (older.pk, None)
    assert [other.pk for other in neighbours.of_post] == [beside.pk]


def test_says_what_the_plan_takes_in_place_of_a_fault() -> None:
    errors = [
        {"code": "not_in_enum", "field": "properties.source", "message": "Not listed."},
        {"code": "unknown_property", "field": "properties.mood", "message": "Unknown."},
        {"code": "bad_timestamp", "field": "timestamp", "message": "No time."},
    ]

    assert faults_of(make_rejected(errors=errors), plan=get_plan()) == [
        EventFault(
            code="not_in_enum",
            field="properties.source",
            message="Not listed.",
            takes="one of: chat, template, blank",
        ),
        EventFault(code="unknown_property", field="properties.mood", message="Unknown.", takes=""),
        EventFault(code="bad_timestamp", field="timestamp", message="No time.", takes=""),
    ]
