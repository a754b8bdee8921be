"""Webhooks as CloudEvents defines them: the handshake, and answers without a body."""

import pytest

from telemetry.models import RawEvent
from tests.builders import make_secret
from tests.telemetry.door.protocols.test_views import CLOUDEVENT
from tests.telemetry.door.test_views import fault
from tests.telemetry.posts import Answer, event, post, send

STRUCTURED = "application/cloudevents+json"
ASKS = {"HTTP_WEBHOOK_REQUEST_ORIGIN": "eventemitter.example"}


def handshake(**environ: str) -> dict[str, str]:
    answer = send(method="OPTIONS", **ASKS, **environ)
    assert (answer.status_code, answer.content) == (200, b"")
    return answer.headers


def test_every_sender_may_post_at_the_rate_of_a_new_key(db: None) -> None:
    headers = handshake()

    assert headers["WebHook-Allowed-Origin"] == "eventemitter.example"
    assert headers["WebHook-Allowed-Rate"] == "300000"
    assert "POST" in headers["Allow"]


@pytest.mark.parametrize("place", ["query", "header"])
def test_a_sender_that_shows_its_key_is_told_its_rate(place: str, db: None) -> None:
    secret = make_secret(requests_per_minute=120)
    environ = (
        {"QUERY_STRING": f"key={secret}"}
        if place == "query"
        else {"HTTP_AUTHORIZATION": f"Bearer {secret}", "HTTP_WEBHOOK_REQUEST_RATE": "9"}
    )

    assert handshake(**environ)["WebHook-Allowed-Rate"] == "120"


def test_options_without_a_handshake_are_405(db: None) -> None:
    assert fault(send(method="OPTIONS")) == (405, "method_not_allowed")


def is_empty(answer: Answer) -> bool:
    assert answer.status_code in {200, 204}
    return answer.status_code == 204 and answer.content == b""


@pytest.mark.parametrize(
    ("prefer", "empty"),
    [
        ("return=minimal", True),
        ('respond-async, Return="minimal"; x=1', True),
        ("return=representation", False),
        ("", False),
    ],
)
def test_a_sender_may_ask_for_an_empty_answer(prefer: str, empty: bool, secret: str) -> None:
    answer = post(CLOUDEVENT, secret=secret, content_type=STRUCTURED, HTTP_PREFER=prefer)

    assert is_empty(answer) == empty
    assert answer.headers.get("Preference-Applied") == ("return=minimal" if empty else None)
    assert RawEvent.objects.count() == 1


@pytest.mark.parametrize(("value", "empty"), [("minimal", True), ("x", False)])
def test_a_sender_without_headers_may_ask_in_the_query(value: str, empty: bool, secret: str) -> None:
    answer = post(event(event_id="e-1", source="chat"), query=f"key={secret}&return={value}")

    assert is_empty(answer) == empty


def test_faults_have_a_body_all_the_same(secret: str) -> None:
    assert fault(post(b"{", secret=secret, HTTP_PREFER="return=minimal")) == (400, "bad_json")
