"""An answer is at most four times as long as the body, or 1 KiB, whatever the body is."""

import gzip
import json

import pytest
from django.db import transaction

from benchmarks.worst_cases import crowds, good
from telemetry.door import throttling
from telemetry.door.protocols.posthog import directives
from telemetry.models import QuarantinedEvent
from tests.telemetry.posts import URL, Answer, event, post, raw, send

# The length of an answer does not depend on the database.
pytestmark = pytest.mark.only_on("sqlite")

SMALL = [{}, None, 1, [], {"event": "a"}, {"id": 1}, {"uuid": "a"}, {"messageId": "a"}]
CASES = [*SMALL, *crowds().values(), good(properties={f"p{n}": n for n in range(42)})]


def post_to(path: str, events: list[object], *, secret: str) -> tuple[bytes, Answer]:
    body = json.dumps({"events": events} if path == URL else {"batch": events}).encode()
    return body, send(body, path=path, CONTENT_TYPE="application/json", HTTP_AUTHORIZATION=f"Bearer {secret}")


# The first hundred results are answered, so that no more events have a longer answer for their body.
@pytest.mark.parametrize("path", [URL, "/v1/batch", "/batch/", "/i/v1/analytics/events"])
@pytest.mark.parametrize("count", [1, 40, 101])
def test_no_answer_is_much_longer_than_its_request(path: str, count: int, secret: str) -> None:
    too_long = []
    for number, case in enumerate(CASES):
        events = [case] * min(count, 400_000 // len(json.dumps(case)) + 1)
        throttling.buckets.clear()
        with transaction.atomic():
            body, answer = post_to(path, events, secret=secret)
            transaction.set_rollback(True)
        if answer.status_code != 200 or len(answer.content) > max(1024, 4 * len(body)):
            too_long.append((number, answer.status_code, len(body), len(answer.content)))

    assert too_long == []


def test_a_small_body_that_grows_has_a_small_answer(secret: str) -> None:
    body = gzip.compress(raw({"events": [{}] * 2_500}))

    answer = post(body, secret=secret, HTTP_CONTENT_ENCODING="gzip")

    assert answer.json()["rejected"] == 2_500
    assert len(answer.content) <= 1024


@pytest.mark.parametrize(("count", "left_out"), [(100, None), (101, 1), (200, 100)])
def test_the_first_hundred_results_are_answered(count: int, left_out: int | None, secret: str) -> None:
    bad = event(source="email")

    answer = post({"events": [bad] * count}, secret=secret).json()

    assert [each["index"] for each in answer["results"]] == list(range(min(count, 100)))
    assert answer.get("results_left_out") == left_out
    assert QuarantinedEvent.objects.count() == count


def test_a_verdict_on_every_event_is_bounded_too(secret: str) -> None:
    answer = post(
        {"events": [event(event_id=f"e-{n}") for n in range(150)]}, secret=secret, query="verbose=1"
    )

    assert (answer.json()["accepted"], len(answer.json()["results"])) == (150, 100)
    assert answer.json()["results_left_out"] == 50


def test_the_newer_posthog_capture_tells_every_uuid(secret: str) -> None:
    events = [{"uuid": f"u-{n}", "event": "x"} for n in range(500)]

    _, answer = post_to("/i/v1/analytics/events", events, secret=secret)

    results = answer.json()["results"]
    assert [each["result"] for each in results.values()] == ["drop"] * 500
    assert "unknown_event" in results["u-0"]["details"]


def test_the_newer_posthog_capture_tells_codes_while_there_is_room() -> None:
    results = [{"id": f"u-{n}", "status": "rejected", "code": "unknown_event"} for n in range(100)]

    told = directives(results, room=0)

    assert told["u-0"] == {"result": "drop", "details": "unknown_event"}
    assert told["u-99"] == {"result": "drop"}
