from datetime import timedelta

import pytest

from telemetry.plan import get_plan
from telemetry.quality.days import Sending, SendingClient
from telemetry.quality.events import EventFigures, PlanFigures, read_plan_figures
from tests.builders import NOW
from tests.telemetry.quality.builders import (
    CREATED,
    TODAY,
    days_ago,
    last_days,
    make_clock,
    make_part,
    make_sent,
)

pytestmark = pytest.mark.django_db


def read(sending: Sending | None = None) -> PlanFigures:
    return read_plan_figures(get_plan(), sending=sending or last_days(7))


def figures_of(name: str, figures: PlanFigures) -> EventFigures:
    return next(event for event in figures.events if event.name == name)


def test_an_event_has_what_was_accepted_and_rejected_within_the_days_of_the_environment() -> None:
    make_sent(8)
    make_sent(3, day=days_ago(6), client="app/2", last_at=NOW - timedelta(days=6))
    make_sent(2, "not_in_enum", day=days_ago(1))
    make_sent(100, day=days_ago(7))
    make_sent(100, environment="staging")

    event = figures_of(CREATED, read())

    assert (event.traffic.accepted, event.traffic.codes) == (11, {"not_in_enum": 2})
    assert event.traffic.rejected_share == 2 / 13
    assert event.last_at == NOW
    assert list(event.series.accepted) == [3, 0, 0, 0, 0, 0, 8]
    assert list(event.series.rejected) == [0, 0, 0, 0, 0, 2, 0]


def test_senders_are_told_apart_by_version_the_most_rejected_first() -> None:
    make_sent(90, client="app/2")
    make_sent(5, "bad_id", client="app/1")
    make_sent(5, client="app/1")
    make_sent(1, "bad_id", client="app/1", source="server")

    found = [
        (sender, traffic.accepted, traffic.rejected, traffic.rejected_share)
        for sender, traffic in read().senders
    ]

    assert found == [
        (SendingClient(source="web", client="app/1"), 5, 5, 0.5),
        (SendingClient(source="server", client="app/1"), 0, 1, 1.0),
        (SendingClient(source="web", client="app/2"), 90, 0, 0.0),
    ]


@pytest.mark.parametrize(
    ("source", "client", "accepted"), [("", None, 7), ("web", None, 3), ("", "app/1", 5), ("", "", 2)]
)
def test_figures_are_of_the_source_and_the_client_that_are_asked_for(
    source: str, client: str | None, accepted: int
) -> None:
    make_sent(1, client="app/1")
    make_sent(2, client="")
    make_sent(4, client="app/1", source="server")

    figures = read(last_days(7, source=source, client=client))

    assert figures.traffic.accepted == accepted
    assert sum(figures_of(CREATED, figures).series.accepted) == accepted
    assert len(figures.senders) == 3


def test_a_property_that_no_event_ever_had_is_never_sent() -> None:
    make_part(5)
    make_part(5, "source", day=days_ago(300))
    make_part(1, "nodeCount")

    figures = read()

    assert figures_of(CREATED, figures).never_sent == ["draftId", "templateId"]
    assert figures_of("workbench.session_ended", figures).use is None
    assert figures.counted_from == days_ago(300)


def test_names_that_the_plan_does_not_have_come_last() -> None:
    make_sent(1, "unknown_event", event="a.first")
    make_sent(2, "unknown_event", event="b.second")

    figures = read()

    assert [event.name for event in figures.events] == [*get_plan().events, "b.second", "a.first"]
    assert figures.names_by_code == {"unknown_event": [("b.second", 2), ("a.first", 1)]}


def test_who_still_sends_a_deprecated_part_is_no_rejection() -> None:
    make_sent(10)
    make_sent(4, "deprecated", part="nodeCount", client="app/1")

    event = figures_of(CREATED, read())

    assert [(use.part, use.sender.client, use.events) for use in event.deprecated_uses] == [
        ("nodeCount", "app/1", 4)
    ]
    assert (event.traffic.accepted, event.traffic.rejected, event.has_problem) == (10, 0, True)
    assert sum(event.series.rejected) == 0


def test_a_clock_is_the_share_of_posts_by_how_far_they_are_ahead() -> None:
    make_clock(6, 5)
    make_clock(1, 60)
    make_clock(1, 600, day=days_ago(3))
    make_clock(2, -3600)
    make_clock(50, 600, environment="staging")

    (clock,) = read().clocks

    assert (clock.source, clock.total) == ("web", 10)
    assert [clock.share(5, 600), clock.share(-60, 5), clock.share(-(10**9), -3600)] == [0.2, 0.6, 0.2]


def test_the_last_day_is_included() -> None:
    make_sent(1, day=TODAY)
    make_sent(2, day=TODAY + timedelta(days=1))

    assert read(last_days(1)).traffic.accepted == 1
