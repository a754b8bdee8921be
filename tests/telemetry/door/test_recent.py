"""What a key can read of its own last events."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from telemetry import keys
from telemetry.door.recent import RecentQuery, rejected_rows
from telemetry.models import ApiKey, QuarantinedEvent, RawEvent
from tests.builders import make_secret
from tests.telemetry.door.test_views import fault
from tests.telemetry.posts import Answer, event, post, raw, send


def recent(secret: str, *, limit: str = "", query: str = "") -> Answer:
    query = f"limit={limit}" if limit else query
    return send(method="GET", path="/api/ingest/recent/", query=query, HTTP_AUTHORIZATION=f"Bearer {secret}")


def ids(secret: str, *, limit: str = "", query: str = "") -> list[str]:
    return [entry["id"] for entry in recent(secret, limit=limit, query=query).json()["events"]]


def good(count: int, *, first: int = 0) -> dict[str, Any]:
    return {"events": [event(event_id=f"good-{first + number}") for number in range(count)]}


def bad(count: int, *, first: int = 0) -> dict[str, Any]:
    return {"events": [event(event_id=f"bad-{first + number}", source="x") for number in range(count)]}


def test_shows_what_was_accepted_and_what_was_wrong(secret: str) -> None:
    post(event(event_id="e-1"), secret=secret)
    post(event(event_id="e-2", source="x"), secret=secret)
    rejected, accepted = recent(secret).json()["events"]

    message = rejected["errors"][0].pop("message")

    assert message
    assert rejected == {
        "status": "rejected",
        "received_at": "2026-02-15T12:00:00Z",
        "event": "workbench.draft_created",
        "id": "e-2",
        "index": 0,
        "timestamp": None,
        "sent_timestamp": "2026-02-15T11:00:00Z",
        "errors": [{"code": "not_in_enum", "field": "properties.source"}],
    }
    assert accepted == {
        "status": "accepted",
        "received_at": "2026-02-15T12:00:00Z",
        "event": "workbench.draft_created",
        "id": "e-1",
        "index": None,
        "timestamp": "2026-02-15T11:00:00Z",
        "sent_timestamp": None,
        "errors": [],
    }


def test_nothing_was_sent_yet(secret: str) -> None:
    assert recent(secret).json() == {"environment": "production", "events": []}


def test_a_key_is_told_its_own_environment(db: None, clock: datetime) -> None:
    assert recent(make_secret(environment="staging")).json()["environment"] == "staging"


def test_the_newest_post_comes_first_and_its_rejected_events_before_the_others(secret: str) -> None:
    post(event(event_id="old"), secret=secret)
    batch = [
        event(event_id="a", at="2026-02-15T10:00:00Z"),
        event(event_id="bad", source="x"),
        event(event_id="b", at="2026-01-20T10:00:00Z"),
    ]

    post({"events": batch}, secret=secret)

    assert ids(secret) == ["bad", "a", "b", "old"]


def test_a_key_sees_its_own_events_alone(secret: str) -> None:
    others = [make_secret(), make_secret(source="other"), make_secret(environment="staging")]
    for other_secret in others:
        post(event(event_id="theirs"), secret=other_secret)

    post(event(event_id="mine", at="2026-02-15T09:00:00Z"), secret=secret)

    assert ids(secret) == ["mine"]


@pytest.mark.parametrize(("limit", "count"), [("1", 1), ("2", 2), ("200", 60), ("", 50)])
def test_lists_at_most_the_limit(limit: str, count: int, secret: str) -> None:
    post(
        {"events": [event(event_id=f"e-{n}", at=f"2026-02-15T10:00:{n:02}Z") for n in range(60)]},
        secret=secret,
    )

    assert ids(secret, limit=limit) == [f"e-{59 - n}" for n in range(count)]


@pytest.mark.parametrize("limit", ["0", "201", "-1", "x", "1.5", "%D9%A3", "9" * 5000])
def test_another_limit_is_400(limit: str, secret: str) -> None:
    assert fault(recent(secret, limit=limit)) == (400, "bad_parameter")


@pytest.mark.parametrize("scope", ["read", "metrics"])
def test_it_wants_an_ingest_key(scope: str, secret: str) -> None:
    assert fault(recent(make_secret(scope=scope))) == (403, "wrong_scope")
    assert fault(send(method="GET", path="/api/ingest/recent/")) == (401, "missing_key")


@pytest.fixture
def three_moments(secret: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A good and a bad event at 12:00, 12:10 and 12:20, of two names."""
    for number, name in enumerate(("draft_created", "draft_creatd", "draft_created")):
        moment = datetime(2026, 2, 15, 12, 10 * number, tzinfo=UTC)
        monkeypatch.setattr(timezone, "now", lambda moment=moment: moment)
        wrong = event(f"workbench.{name}", event_id=f"bad-{number}", source="x")
        post({"events": [event(event_id=f"good-{number}"), wrong]}, secret=secret)
    return secret


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("", ["bad-2", "good-2", "bad-1", "good-1", "bad-0", "good-0"]),
        ("status=&event=&since=", ["bad-2", "good-2", "bad-1", "good-1", "bad-0", "good-0"]),
        ("status=rejected", ["bad-2", "bad-1", "bad-0"]),
        ("status=accepted", ["good-2", "good-1", "good-0"]),
        ("event=workbench.draft_created", ["bad-2", "good-2", "good-1", "bad-0", "good-0"]),
        ("event=workbench.draft_creatd", ["bad-1"]),
        ("event=workbench.nothing", []),
        ("since=2026-02-15T12:10:00Z", ["bad-2", "good-2", "bad-1", "good-1"]),
        ("since=2026-02-15T12:10:00.000001Z", ["bad-2", "good-2"]),
        ("since=2026-02-15T13:10:00%2B01:00", ["bad-2", "good-2", "bad-1", "good-1"]),
        ("since=2026-02-15T13:10:00+01:00", ["bad-2", "good-2", "bad-1", "good-1"]),
        ("since=2026-02-15T12:20:01Z", []),
        ("status=rejected&event=workbench.draft_created&since=2026-02-15T12:00:01Z", ["bad-2"]),
        ("status=rejected&limit=1", ["bad-2"]),
        ("status=rejected&limit=1&offset=1", ["bad-1"]),
        ("status=rejected&offset=10000", []),
    ],
)
def test_lists_what_is_asked_for(query: str, shown: list[str], three_moments: str) -> None:
    assert ids(three_moments, query=query) == shown


NO_MOMENT = "since: This must be a moment with a zone as RFC 3339 writes it, like 2026-02-02T10:00:00Z."


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("status=duplicate", "status: It takes accepted or rejected. Duplicates are counted and not kept."),
        ("event=" + "a" * 65, "event: A name has at most 64 printable characters."),
        ("event=a%00", "event: A name has at most 64 printable characters."),
        *((f"since={since}", NO_MOMENT) for since in ("yesterday", "2026-02-15", "2026-02-15T12:00:00", "1771156800")),
        ("since=0001-01-01T00:00:00%2B10:00", NO_MOMENT),
        ("status=rejected&offset=10001", "offset: This must be a whole number from 0 to 10000."),
        ("offset=1", "offset: It can be used with status=rejected only."),
        ("limit=0", "limit: This must be a whole number from 1 to 200."),
        ("state=rejected", "There is no parameter 'state'; there are status, event, since, limit, offset."),
    ],
)  # fmt: skip
def test_another_value_or_parameter_is_400_and_named(query: str, message: str, secret: str) -> None:
    answer = recent(secret, query=query)

    request_id = answer.json()["request_id"]

    assert answer.status_code == 400
    assert answer.json() == {
        "code": "bad_parameter",
        "message": message,
        "detail": message,
        "request_id": request_id,
    }


def test_the_key_may_be_a_parameter_too(secret: str) -> None:
    post(bad(1), secret=secret)

    answer = send(method="GET", path="/api/ingest/recent/", query=f"key={secret}&status=rejected")

    assert [entry["id"] for entry in answer.json()["events"]] == ["bad-0"]


def test_ten_thousand_good_events_do_not_push_out_a_rejected_one(secret: str) -> None:
    post(bad(1), secret=secret)
    for first in range(0, 10_000, 2_500):
        post(good(2_500, first=first), secret=secret)

    assert ids(secret, query="status=rejected") == ["bad-0"]
    assert ids(secret, query="event=workbench.draft_created")[-1] == "bad-0"
    assert ids(secret)[-1] == "bad-0"


@pytest.mark.parametrize(
    ("rejected", "accepted", "shown"),
    [
        (3, 4, ["good"] * 2 + ["bad"] * 2),
        (1, 4, ["good"] * 3 + ["bad"]),
        (3, 1, ["good"] + ["bad"] * 3),
        (9, 0, ["bad"] * 4),
    ],
)
def test_rejected_events_keep_half_of_the_places(
    rejected: int, accepted: int, shown: list[str], secret: str
) -> None:
    post(bad(rejected), secret=secret)
    post(good(accepted), secret=secret)

    assert [entry.partition("-")[0] for entry in ids(secret, limit="4")] == shown


def test_everything_that_an_answer_leaves_out_is_found(secret: str) -> None:
    answer = post(bad(200), secret=secret).json()

    pages = [
        recent(secret, query=f"status=rejected&limit=80&offset={offset}").json()["events"]
        for offset in (0, 80, 160)
    ]

    assert (len(answer["results"]) + answer["results_left_out"], answer["rejected"]) == (200, 200)
    assert [(entry["index"], entry["id"]) for page in pages for entry in page] == [
        (number, f"bad-{number}") for number in range(200)
    ]


def sent_timestamps(secret: str) -> list[object]:
    events = recent(secret, query="status=rejected").json()["events"]
    return [entry["sent_timestamp"] for entry in events]


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("2026-02-15T13:00:00+02:00", "2026-02-15T13:00:00+02:00"),
        ("2026-02-15 13:00", "2026-02-15 13:00"),
        ("Sun, 15 Feb 2026 13:00:00 GMT", "Sun, 15 Feb 2026 13:00:00 GMT"),
        (1771160400, 1771160400),
        (1771160400123, 1771160400123),
        ("1771160400123", "1771160400123"),
        (4111111111111111, "<number>"),
        ("ask Ann Miller", "<14 characters>"),
        (None, None),
    ],
)
def test_a_rejected_event_shows_the_timestamp_that_was_sent(sent: object, shown: object, secret: str) -> None:
    post({**event(event_id="e-1", source="x"), "timestamp": sent}, secret=secret)

    assert sent_timestamps(secret) == [shown]


@pytest.mark.parametrize(
    ("timestamp", "shown"),
    [
        ({"timestamp": "2026-02-15T10:00:00Z"}, "2026-02-15T10:00:00Z"),
        ({"timestamp": "0001-01-01T00:00:00+10:00"}, "0001-01-01T00:00:00+10:00"),
        ({"timestamp": "2026-02-15 10:00"}, "2026-02-15 10:00"),
        ({}, None),
    ],
)
def test_a_timestamp_is_shown_as_sent_where_a_protocol_corrected_it(
    timestamp: dict[str, str], shown: str | None, secret: str
) -> None:
    call = {"type": "track", "event": "draft_created", "anonymousId": "s-1", **timestamp}
    # The client's clock is an hour slow.
    body = {"batch": [call], "sentAt": "2026-02-15T11:00:00Z"}

    send(raw(body), path="/v1/batch", HTTP_AUTHORIZATION=f"Bearer {secret}", CONTENT_TYPE="application/json")

    assert sent_timestamps(secret) == [shown]


@pytest.mark.parametrize(
    ("name", "shown"),
    [("draft_created", "draft_created"), ("DraftCreated", "DraftCreated"), ("Ann Miller", "<10 characters>")],
)
def test_an_unknown_name_is_shown_where_that_is_safe(name: str, shown: str, secret: str) -> None:
    post({**event(event_id="e-1"), "event": name, "properties": {"sorce": "chat"}}, secret=secret)
    [entry] = recent(secret, query="status=rejected").json()["events"]

    message = entry["errors"][0].pop("message")

    assert message
    assert entry == {
        "status": "rejected",
        "received_at": "2026-02-15T12:00:00Z",
        "event": shown,
        "id": "e-1",
        "index": 0,
        "timestamp": None,
        "sent_timestamp": "2026-02-15T11:00:00Z",
        "errors": [{"code": "unknown_event", "field": "event"}],
    }


@pytest.mark.parametrize(
    "query", [RecentQuery(), RecentQuery(event="e-1"), RecentQuery(since=datetime(2026, 2, 15, tzinfo=UTC))]
)
def test_rejected_events_are_read_from_an_index_in_its_order(query: RecentQuery, ingest_key: ApiKey) -> None:
    if connection.vendor == "postgresql":
        # Of a small table it would read every row.
        with connection.cursor() as cursor:
            for way in ("seqscan", "bitmapscan", "sort"):
                cursor.execute(f"SET LOCAL enable_{way} = off")

    plan = rejected_rows(ingest_key, query=query).explain().lower()

    assert "quarantine_by_key" in plan
    assert re.findall(r"sort|temp b-tree|seq scan", plan) == []


def test_what_is_no_longer_kept_is_not_listed(secret: str) -> None:
    post({"events": [event(event_id="e-1"), event(event_id="bad", source="x")]}, secret=secret)
    RawEvent.objects.all().delete()

    QuarantinedEvent.objects.all().delete()

    assert ids(secret) == []


def test_duplicates_hide_nothing(secret: str) -> None:
    for _ in range(5):
        post(event(event_id="e-1"), secret=secret)

    assert ids(secret, limit="1") == ["e-1"]


@pytest.mark.parametrize(
    ("query", "count"),
    [("", 4), ("status=rejected", 2), ("status=accepted", 3), ("event=workbench.draft_created", 4)],
)
def test_it_costs_the_same_however_many_events_there_are(query: str, count: int, secret: str) -> None:
    def queries() -> int:
        # A known key is remembered for a moment; here it is asked for each time.
        keys.key_of.cache_clear()
        with CaptureQueriesContext(connection) as captured:
            recent(secret, query=query)
        return len(captured)

    post(event(event_id="e"), secret=secret)
    before = queries()

    for number in range(20):
        post(good(20, first=20 * number), secret=secret)
        post(bad(20, first=20 * number), secret=secret)

    assert (before, queries()) == (count, count)


def verdicts(answer: Answer) -> list[tuple[Any, ...]]:
    return [
        (entry["index"], entry["id"], entry["status"], entry["code"]) for entry in answer.json()["results"]
    ]


def test_verbose_has_a_verdict_for_every_event(secret: str, clock: datetime) -> None:
    batch = {
        "events": [event(event_id="e-1"), event(event_id="e-2", source="x"), event(event_id="e-1"), event()]
    }

    expected = [
        (0, "e-1", "accepted", "accepted"),
        (1, "e-2", "rejected", "not_in_enum"),
        (2, "e-1", "duplicate", "duplicate"),
        (3, "", "accepted", "accepted"),
    ]

    assert verdicts(post(batch, secret=secret, query="dry_run=1&verbose=1")) == expected
    assert verdicts(post(batch, secret=secret, query="verbose=true")) == expected
    assert verdicts(post(batch, secret=secret, query="verbose=0")) == [
        (0, "e-1", "duplicate", "duplicate"),
        *expected[1:3],
        (3, "", "duplicate", "duplicate"),
    ]
