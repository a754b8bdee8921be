import pytest

from telemetry.plan import get_plan
from telemetry.quality.event import EventReading, read_event
from tests.telemetry.quality.builders import CREATED, days_ago, last_days, make_part, make_sent

pytestmark = pytest.mark.django_db


def read(name: str = CREATED) -> EventReading:
    reading = read_event(name, plan=get_plan(), sending=last_days(7))
    assert reading is not None
    return reading


def test_a_property_has_its_share_of_the_accepted_events_of_the_days() -> None:
    make_sent(10)
    make_part(5, "draftId")
    make_part(7, "nodeCount", day=days_ago(7))

    found = {row.definition.name: (row.events, row.share, row.use is not None) for row in read().properties}

    assert found == {
        "source": (0, 0.0, False),
        "draftId": (5, 0.5, True),
        "nodeCount": (0, 0.0, True),
        "templateId": (0, 0.0, False),
    }


def test_an_enumeration_has_all_values_of_the_plan_and_says_which_came() -> None:
    make_part(10, "source")
    make_part(8, "source", "chat")
    make_part(2, "source", "blank", day=days_ago(9))

    source = read().properties[0]

    assert [(value.value, value.events, value.use is not None) for value in source.values] == [
        ("chat", 8, True),
        ("template", 0, False),
        ("blank", 0, True),
    ]
    assert source.seen_values == 2


def test_without_accepted_events_there_is_no_share() -> None:
    assert [row.share for row in read().properties] == [None] * 4


def test_a_rejection_has_its_share_of_what_its_sender_sent_of_the_event() -> None:
    make_sent(6, client="app/1")
    make_sent(3, "not_in_enum", client="app/1")
    make_sent(1, "wrong_type", client="app/1")
    make_sent(5, "wrong_type", client="app/2")
    make_sent(99, client="app/1", event="workbench.draft_edited")

    found = [(row.code, row.sender.client, row.events, row.share) for row in read().rejections]

    assert found == [
        ("wrong_type", "app/2", 5, 1.0),
        ("not_in_enum", "app/1", 3, 0.3),
        ("wrong_type", "app/1", 1, 0.1),
    ]


def test_a_name_that_is_only_rejected_is_there_and_one_that_never_came_is_not() -> None:
    make_sent(2, "unknown_event", event="a.name")

    assert read("a.name").figures.definition is None
    assert read_event("b.name", plan=get_plan(), sending=last_days(7)) is None
