from typing import Any

import pytest
from django.test import Client

from telemetry.models import Scope
from tests.builders import make_secret
from tests.telemetry.quality.builders import CREATED, make_clock, make_part, make_sent

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]
LIST = "/api/plan/events/"


def read(path: str = LIST, *, scope: str = Scope.READ, status: int = 200, query: Any = None) -> Any:
    secret = make_secret(scope=scope)
    response = Client().get(path, query or {}, headers={"Authorization": f"Bearer {secret}"})
    assert response.status_code == status
    return response.json()


def test_lists_every_event_with_its_figures() -> None:
    make_sent(8)
    make_sent(2, "not_in_enum")
    make_part(8)
    make_part(8, "source")
    make_clock(3, 5)

    answer = read()

    rejected = {"rejected": 2, "rejected_share": 0.2, "codes": {"not_in_enum": 2}}
    assert (answer["first_day"], answer["last_day"]) == ("2026-01-19", "2026-02-15")
    assert answer["counted_from"] == "2026-02-15"
    assert answer["total"] == {"accepted": 8, **rejected}
    assert answer["clients"] == [{"source": "web", "client": "app/1", "accepted": 8, **rejected}]
    assert answer["sources"] == [{"source": "web", "accepted": 8, **rejected}]
    assert [clock["posts"] for clock in answer["clocks"]] == [3]
    assert next(event for event in answer["events"] if event["event"] == CREATED) == {
        "event": CREATED,
        "in_plan": True,
        "description": "A new draft exists.",
        "accepted": 8,
        **rejected,
        "accepted_ever": 8,
        "first_seen": "2026-02-15",
        "last_seen": "2026-02-15",
        "last_accepted_at": "2026-02-15T12:00:00Z",
        "never_sent_properties": ["draftId", "nodeCount", "templateId"],
        "deprecated_uses": [],
    }


def test_answers_for_one_source_and_client() -> None:
    make_sent(8)
    make_sent(2, client="app/2")

    assert read(query={"client": "app/2"})["total"]["accepted"] == 2
    assert read(query={"source": "server"})["total"]["accepted"] == 0


def test_answers_one_event_with_its_days_properties_and_rejections() -> None:
    make_sent(8)
    make_sent(2, "not_in_enum")
    make_part(4, "source")
    make_part(4, "source", "chat")

    answer = read(f"{LIST}{CREATED}/", query={"from": "2026-02-15"})

    assert answer["days"] == [{"day": "2026-02-15", "accepted": 8, "rejected": 2}]
    assert answer["rejections"] == [
        {"code": "not_in_enum", "source": "web", "client": "app/1", "events": 2, "share": 0.2}
    ]
    source = answer["properties"][0]
    assert (source["property"], source["events"], source["share"]) == ("source", 4, 0.5)
    assert [(value["value"], value["events"]) for value in source["values"]] == [
        ("chat", 4),
        ("template", 0),
        ("blank", 0),
    ]


def test_refuses_what_there_is_not() -> None:
    assert read(f"{LIST}a.nothing/", status=404)["code"] == "unknown_event"
    assert read(status=400, query={"colour": "red"})["code"] == "bad_parameter"
    assert read(status=400, query={"from": "soon"})["code"]
    assert read(query={"from": "2000-01-01", "to": "2090-01-01"}, status=400)["code"] == "too_many_periods"
    assert read(query={"source": "\0"}, status=400)["code"] == "bad_parameter"
    assert read(f"{LIST}%00/", status=404)["code"] == "unknown_event"
    assert read(scope=Scope.INGEST, status=403)["code"]
