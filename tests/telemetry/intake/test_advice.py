"""What an answer says to do about each fault."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from telemetry.intake.problems import find_problems
from telemetry.intake.wording import Wording
from telemetry.plan import get_plan
from tests.telemetry.builders import MISSING, make_event

NOW = datetime(2026, 2, 15, 12, tzinfo=UTC)


def messages(event: Any, **options: Any) -> dict[str, str]:
    problems = find_problems(event, plan=get_plan(), now=NOW, **options)
    return {problem.field: problem.message for problem in problems}


def with_properties(event: str = "workbench.draft_created", **properties: object) -> dict[str, Any]:
    return make_event(event, properties={"source": "chat", **properties})


@pytest.mark.parametrize(
    ("timestamp", "advice"),
    [
        (1771153200, "1771153200 looks like epoch seconds: send 2026-02-15T11:00:00Z."),
        ("1771153200", "1771153200 looks like epoch seconds: send 2026-02-15T11:00:00Z."),
        (1771153200.5, "1771153200.5 looks like epoch seconds: send 2026-02-15T11:00:00.500000Z."),
        (1771153200123, "1771153200123 looks like epoch milliseconds: send 2026-02-15T11:00:00.123000Z."),
        ("1771153200123", "1771153200123 looks like epoch milliseconds: send 2026-02-15T11:00:00.123000Z."),
        (
            1771153200123000,
            "1771153200123000 looks like epoch microseconds: send 2026-02-15T11:00:00.123000Z.",
        ),
        (999_999_999, ""),
        (2_000_000_000, ""),
        (10**400, ""),
        (True, ""),
        ([], ""),
        ("yesterday", ""),
        (None, "This is null."),
        ("2026-02-15T11:00:00", "The zone is missing: add Z for UTC, or an offset such as +01:00."),
        ("2026-02-15T11:00:00.123", "The zone is missing: add Z for UTC, or an offset such as +01:00."),
        ("2026-02-15 11:00:00Z", "Write a T between day and time, and a zone at the end."),
        ("2026-02-15", "The time of day and the zone are missing."),
        ("2026-02-30T11:00:00Z", "There is no such day, time or zone."),
    ],
)
def test_says_what_is_wrong_with_a_timestamp(timestamp: object, advice: str) -> None:
    message = "This must be RFC 3339 with a zone, like 2026-02-02T10:00:00Z."

    assert messages(make_event(timestamp=timestamp)) == {"timestamp": f"{message} {advice}".strip()}


@pytest.mark.parametrize(
    ("moment", "message"),
    [
        (
            NOW + timedelta(minutes=61),
            "This is more than 10 minutes ahead of the server's clock. The server's clock says "
            "2026-02-15T12:00:00Z; yours is 61 minutes ahead. Set the client's clock.",
        ),
        (
            NOW + timedelta(days=1),
            "This is more than 10 minutes ahead of the server's clock. The server's clock says "
            "2026-02-15T12:00:00Z; yours is 24 hours ahead. Set the client's clock.",
        ),
        (
            NOW - timedelta(days=31),
            "This is more than 30 days ago. The oldest that is accepted now is 2026-01-16T12:00:00Z. "
            "Send events sooner, or let LATE_WINDOW_DAYS be raised.",
        ),
        (
            datetime(1970, 1, 21, tzinfo=UTC),
            "This is more than 30 days ago. The oldest that is accepted now is 2026-01-16T12:00:00Z. "
            "1970 comes of epoch seconds taken for milliseconds.",
        ),
    ],
)
def test_says_how_far_a_moment_is_off(moment: datetime, message: str) -> None:
    assert messages(make_event(timestamp=moment.isoformat())) == {"timestamp": message}


@pytest.mark.parametrize(
    ("changes", "field", "advice"),
    [
        ({"event": "Draft Created"}, "event", "Did you mean workbench.draft_created?"),
        ({"event": "workbench.nonsense"}, "event", "GET /api/plan/ lists its events."),
        ({"sessionId": MISSING}, "sessionId", "Set sessionId beside event."),
        (
            {"sessionId": MISSING, "properties": {"sessionId": "s"}},
            "sessionId",
            "Move sessionId out of properties.",
        ),
        ({"draftId": "d-1"}, "draftId", "Move it into properties, as draftId."),
        ({"draft_id": "d-1"}, "draft_id", "Move it into properties, as draftId."),
        ({"source": "chat", "properties": {}}, "properties.source", "Move source into properties."),
        ({"session_id": "s-1"}, "session_id", "Did you mean sessionId?"),
        ({"occurredAt": "x"}, "occurredAt", "Did you mean timestamp?"),
        ({"anonymousId": "x"}, "anonymousId", "A call of Segment's libraries is posted to /v1/track"),
        ({"distinct_id": "x"}, "distinct_id", "What PostHog's libraries send is posted to /capture/"),
        ({"colour": 1}, "colour", "An event has no other parts than these: event, id, sessionId"),
    ],
)
def test_says_what_to_do_about_a_part(changes: dict[str, Any], field: str, advice: str) -> None:
    assert advice in messages(make_event(**changes))[field]


@pytest.mark.parametrize(
    ("event", "properties", "advice"),
    [
        ("draft_created", {"draft_id": "d"}, "Did you mean draftId?"),
        ("draft_created", {"colour": "red"}, "Leave it out, or add it to the plan."),
        ("draft_created", {"sessionId": "s"}, "it belongs beside them, as sessionId."),
        ("draft_created", {"timestamp": "x"}, "it belongs beside them, as timestamp."),
        ("draft_created", {"source": "Chat"}, "Did you mean chat?"),
        ("draft_created", {"source": "mail"}, "This must be one of: chat, template, blank."),
        ("draft_created", {"source": None}, "This is null. Send one of: chat, template, blank."),
        ("draft_created", {"draftId": None}, "This is null. Send an id as a text, or leave it out."),
        ("draft_created", {"draftId": 7}, "This is a number: send it in quotes."),
        ("draft_created", {"nodeCount": "3"}, "This is a text: send 3 without quotes."),
        ("draft_created", {"nodeCount": "5551234567"}, "This is a text: send the number without quotes."),
        ("draft_created", {"nodeCount": "three"}, "This is a text."),
        ("draft_created", {"nodeCount": 3.5}, "Round it."),
        ("chat_tool_invoked", {"success": "True"}, "This is a text: send true without quotes."),
        ("chat_tool_invoked", {"success": 1}, "Send true or false, not a number."),
        ("approval_requested", {"toolIds": "a"}, "This is a text: send a list, with each id in quotes."),
    ],
)
def test_says_what_to_do_about_a_property(event: str, properties: dict[str, Any], advice: str) -> None:
    found = messages(with_properties(f"workbench.{event}", **properties))

    assert found[f"properties.{next(iter(properties))}"].endswith(advice)


def test_speaks_of_the_parts_in_the_words_of_a_protocol() -> None:
    wording = Wording(
        session="Set the session.",
        parts={"event": "type", "sessionId": "sessionid", "properties": "data"},
        outside=frozenset({"source"}),
    )
    event = make_event(sessionId=MISSING, properties={"timestamp": 1})

    assert messages(event, wording=wording) == {
        "sessionid": "An event must name its session. Set the session.",
        "data.source": "The plan requires this property. Move source into data.",
        "data.timestamp": "The plan does not list this property. "
        "Move it out of data: it belongs beside them, as timestamp.",
    }


def test_is_short_where_nobody_reads_it() -> None:
    unknown = with_properties(draft_id="d", draftId="anna@example.com")
    personal = with_properties(draftId="anna@example.com")

    assert list(messages(unknown, briefly=True).values()) == ["The plan does not list this property."]
    assert list(messages(personal, briefly=True).values()) == [
        "This looks like an e-mail address, a credential, a card number or free text. Leave it out."
    ]
