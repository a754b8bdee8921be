"""What came in last, as it was posted."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoAssertNumQueries

from telemetry.incoming import events as incoming_events
from telemetry.incoming.events import Incoming, read_incoming
from telemetry.incoming.filters import EventOutcome, IncomingFilter
from telemetry.incoming.posts import newest_posts
from telemetry.models import ApiKey, Arrival, QuarantinedEvent, RawEvent
from telemetry.plan import TrackingPlan, get_plan
from telemetry.plan.definitions import Deprecation
from tests.builders import issue_key, make_secret
from tests.rows import arrival, raw_event
from tests.telemetry.posts import event, post

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]


def read(plan: TrackingPlan | None = None, **asked: Any) -> Incoming:
    return read_incoming(IncomingFilter(**{"environment": "production", **asked}), plan=plan or get_plan())


def ids(incoming: Incoming) -> list[list[str]]:
    """Of each post the ids of its rejected events, and then of its accepted ones."""
    return [
        [row.event_id for row in found.rejected] + [accepted.raw.event_id for accepted in found.accepted]
        for found in incoming.posts
    ]


def good(*names: str, **properties: Any) -> list[dict[str, Any]]:
    return [event(event_id=name, **{"source": "chat", **properties}) for name in names]


def bad(*names: str) -> list[dict[str, Any]]:
    return [event(event_id=name, source="x") for name in names]


def send(secret: str, events: Sequence[dict[str, Any]]) -> None:
    post({"events": list(events)}, secret=secret)


def deprecating(name: str, part: str) -> TrackingPlan:
    """The running plan, in which the part of the event is deprecated; "" is the event itself."""
    plan, mark = get_plan(), Deprecation(until=date(2026, 12, 31))
    before = plan.events[name]
    marked = replace(before, deprecation=mark)
    if part:
        properties = [
            replace(each, deprecation=mark) if each.name == part else each for each in before.properties
        ]
        marked = replace(before, properties=tuple(properties))
    return replace(plan, events={**plan.events, name: marked})


def test_shows_the_newest_post_first_with_what_became_of_its_events(secret: str) -> None:
    send(secret, good("a"))
    send(secret, [*good("b", "a", "c"), *bad("x")])

    incoming = read()

    newest = incoming.posts[0]
    assert ids(incoming) == [["x", "b", "c"], ["a"]] or ids(incoming) == [["x", "c", "b"], ["a"]]
    assert (newest.arrival.accepted, newest.arrival.duplicates, newest.arrival.rejected) == (
        2,
        1,
        {"not_in_enum": 1},
    )
    assert (newest.more, newest.deleted, newest.not_kept) == (0, 0, 0)


def test_of_a_large_post_the_first_events_are_listed_and_the_others_are_counted(secret: str) -> None:
    send(secret, [*good(*map(str, range(10))), *bad(*(f"x-{number}" for number in range(9)))])

    (found,) = read().posts

    assert [row.position for row in found.rejected] == list(range(10, 18))
    assert len(found.accepted) == 8
    assert (found.more, found.deleted, found.not_kept) == (3, 0, 0)


def test_one_post_is_shown_whole(secret: str) -> None:
    send(secret, [*good(*map(str, range(10))), *bad(*(f"x-{number}" for number in range(9)))])
    send(secret, good("later"))
    number = Arrival.objects.order_by("pk")[0].pk

    (found,) = read(post_id=number).posts

    assert (len(found.rejected), len(found.accepted), found.more) == (9, 10, 0)
    assert read(post_id=number, environment="staging").posts == []


def test_a_post_says_what_is_no_longer_stored_of_it(secret: str) -> None:
    send(secret, [*good("a", "b", "c"), *bad("x", "y")])
    RawEvent.objects.filter(event_id="a").delete()
    QuarantinedEvent.objects.filter(event_id="x").delete()

    (found,) = read().posts

    assert (found.more, found.deleted, found.not_kept) == (0, 1, 1)


def test_shows_one_environment_and_one_key(secret: str) -> None:
    other, other_secret = issue_key(source="other")
    for sender, name in ((secret, "a"), (other_secret, "b"), (make_secret(environment="staging"), "c")):
        send(sender, good(name))

    assert ids(read()) == [["b"], ["a"]]
    assert ids(read(key_id=other.pk)) == [["b"]]
    assert ids(read(environment="staging")) == [["c"]]
    assert ids(read(environment="staging", key_id=other.pk)) == []


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        (EventOutcome.ACCEPTED, [["a"]]),
        (EventOutcome.REJECTED, [["x"]]),
        (EventOutcome.DUPLICATE, [[]]),
        (EventOutcome.WARNING, []),
    ],
)
def test_shows_the_events_of_an_outcome(
    secret: str, outcome: EventOutcome, expected: list[list[str]]
) -> None:
    for events in (good("a"), bad("x"), good("a")):
        send(secret, events)

    assert ids(read(outcome=outcome)) == expected


def test_rejected_events_are_found_however_many_good_ones_came_after_them(
    secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(incoming_events, "SEARCHED_POSTS", 2)
    send(secret, bad("x"))
    for number in range(3):
        send(secret, good(str(number)))

    assert ids(read(outcome=EventOutcome.REJECTED)) == [["x"]]
    assert ids(read(outcome=EventOutcome.REJECTED, event="workbench.draft_created")) == [["x"]]
    assert ids(read(outcome=EventOutcome.REJECTED, event="workflow.created")) == []


def test_a_post_full_of_rejected_events_leaves_room_for_others(secret: str) -> None:
    send(secret, bad("first"))
    send(secret, bad(*(str(number) for number in range(12))))

    incoming = read(outcome=EventOutcome.REJECTED)

    assert [len(found.rejected) for found in incoming.posts] == [8, 1]
    assert [found.more for found in incoming.posts] == [4, 0]


def test_an_event_is_searched_in_the_newest_posts_and_says_how_far(
    secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(incoming_events, "SEARCHED_POSTS", 3)
    rare = event("workbench.session_started", event_id="rare")
    for events in ([rare], good("a"), [{**rare, "id": "rare-2"}, *good("b")], good("c")):
        send(secret, events)

    incoming = read(event="workbench.session_started")

    assert ids(incoming) == [["rare-2"]]
    assert (incoming.searched, incoming.since) == (3, datetime(2026, 2, 15, 12, tzinfo=UTC))


def test_an_event_is_searched_among_so_many_events_only(secret: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(incoming_events, "SEARCHED_EVENTS", 2)
    send(secret, [event("workbench.session_started", event_id="rare")])
    send(secret, good("a", "b"))

    assert ids(read(event="workbench.session_started")) == []


@pytest.mark.parametrize(
    ("part", "expected"), [("", [["with"], ["without"]]), ("draftId", [["with"]]), ("nodeCount", [])]
)
def test_warns_of_what_the_running_plan_deprecates(secret: str, part: str, expected: list[list[str]]) -> None:
    plan = deprecating("workbench.draft_created", part)
    send(secret, good("without"))
    send(secret, good("with", draftId="d-1"))

    warned = read(plan, outcome=EventOutcome.WARNING)

    assert ids(warned) == expected
    fields = {
        warning.field
        for found in warned.posts
        for accepted in found.accepted
        for warning in accepted.warnings
    }
    assert fields == ({f"properties.{part}" if part else "event"} if expected else set())
    assert [bool(found.accepted[0].warnings) for found in read(plan).posts] == [
        ["with"] in expected,
        ["without"] in expected,
    ]


def test_without_a_deprecation_nothing_is_read_for_warnings(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    with django_assert_num_queries(0):
        assert read(outcome=EventOutcome.WARNING).posts == []


def test_the_newest_of_all_keys_are_found_whichever_key_is_the_busiest(ingest_key: ApiKey) -> None:
    quiet, _ = issue_key(source="quiet")
    order = [quiet, quiet, ingest_key, ingest_key, ingest_key, quiet, ingest_key]
    posts = [arrival(key=key, environment="production", source=key.source) for key in order]
    asked = IncomingFilter(environment="production")

    for most in (1, 2, 3, 5, 7, 9):
        newest = [found.pk for found in newest_posts(asked, most=most)]
        assert newest == [row.pk for row in reversed(posts)][:most]


@pytest.mark.parametrize(
    ("asked", "queries"),
    [
        ({}, 5),
        ({"outcome": EventOutcome.REJECTED}, 3),
        ({"outcome": EventOutcome.DUPLICATE}, 3),
        ({"event": "workbench.draft_created"}, 5),
    ],
)
@pytest.mark.parametrize("posts", [1, 12])
def test_takes_a_fixed_number_of_queries(
    secret: str,
    asked: dict[str, Any],
    queries: int,
    posts: int,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    for number in range(posts):
        issue_key(source=f"s-{number}")
        send(secret, [*good(f"a-{number}", "a-0"), *bad(f"x-{number}"), *good(f"a-{number}")])

    with django_assert_num_queries(queries):
        read(**asked)


@pytest.mark.parametrize(
    ("asked", "indexes"),
    [
        ({}, ["arrival_by_key", "raw_event_arrival", "quarantine_arrival"]),
        ({"outcome": EventOutcome.REJECTED}, ["quarantine_by_key"]),
        (
            {"outcome": EventOutcome.REJECTED, "event": "workbench.draft_created"},
            ["quarantine_by_key_and_event"],
        ),
    ],
)
@pytest.mark.only_on("sqlite")
def test_reads_go_by_an_index(secret: str, asked: dict[str, Any], indexes: list[str]) -> None:
    send(secret, [*good("a"), *bad("x")])

    with CaptureQueriesContext(connection) as captured:
        read(**asked)

    with connection.cursor() as cursor:
        plans = []
        for query in captured.captured_queries:
            cursor.execute(f"EXPLAIN QUERY PLAN {query['sql']}")
            plans += [row[3] for row in cursor.fetchall()]
    assert [name for name in indexes if not any(f"INDEX {name} " in plan for plan in plans)] == []
    # Keys are few.
    assert [plan for plan in plans if plan.startswith("SCAN telemetry_") and "apikey" not in plan] == []


def test_events_of_days_apart_are_found_in_one_post(secret: str) -> None:
    moments = [datetime(2026, 2, 15, 11, tzinfo=UTC) - timedelta(days=days) for days in (0, 20)]
    send(secret, [event(event_id=str(moment.day), at=moment, source="chat") for moment in moments])

    assert ids(read()) == [["15", "26"]]


def test_what_came_without_a_post_that_is_left_is_not_shown() -> None:
    raw_event(1)
    Arrival.objects.all().delete()

    assert read().posts == []
