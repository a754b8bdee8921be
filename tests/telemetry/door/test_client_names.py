import json

import pytest

from telemetry.door.client_names import client_in, client_name
from telemetry.models import Arrival, QuarantinedEvent
from tests.telemetry.posts import event, post, send


@pytest.mark.parametrize(
    ("agent", "client"),
    [
        ("workbench-analytics-python/1.2.3", "workbench-analytics-python/1.2.3"),
        ("python-requests/2.34.2 (linux)", "python-requests/2.34.2"),
        ("@segment/analytics-node/2.1.0", "@segment/analytics-node/2.1.0"),
        ("curl", "curl"),
        ("app/v1.2-rc.1+5", "app/v1.2-rc.1+5"),
        ("app/next", "app"),
        ("Mozilla/5.0 (X11; Linux) AppleWebKit/537.36", "browser"),
        ("", ""),
        ("   ", ""),
        ("a" * 41, ""),
        ("app/" + "1" * 21, "app"),
        ("anna@example.com/1.0", ""),
        ("4111111111111111/1.0", ""),
        ("<script>/1.0", ""),
        ("app\0/1.0", ""),
        ("é/1.0", ""),
        ("x" * 1001, ""),
    ],
)
def test_a_client_is_a_name_and_a_version(agent: str, client: str) -> None:
    assert client_in(agent) == client
    assert len(client) <= 64


@pytest.mark.parametrize(
    ("name", "version", "client"),
    [
        ("posthog-js", "1.200.0", "posthog-js/1.200.0"),
        ("posthog-js", None, "posthog-js"),
        (None, "1.0", ""),
        ("", "", ""),
    ],
)
def test_an_sdk_says_both(name: str | None, version: str | None, client: str) -> None:
    assert client_name(name, version) == client


@pytest.mark.django_db
def test_an_arrival_and_its_rejected_events_say_what_sent_them(secret: str) -> None:
    agent = {"HTTP_USER_AGENT": "python-requests/2.34.2"}
    post({"events": [event("workbench.nothing")]}, secret=secret, **agent)
    post(event(), secret=secret, HTTP_X_WORKBENCH_CLIENT="my-app/1.2", **agent)

    assert list(Arrival.objects.order_by("pk").values_list("client", flat=True)) == [
        "python-requests/2.34.2",
        "my-app/1.2",
    ]
    assert QuarantinedEvent.objects.get().client == "python-requests/2.34.2"


LIBRARY = {"context": {"library": {"name": "analytics-python", "version": "2.3.4"}}}
CALL = {"type": "track", "event": "workbench.draft_created", "messageId": "m-1"}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "body", "client"),
    [
        ("/v1/track", {**CALL, **LIBRARY}, "analytics-python/2.3.4"),
        ("/v1/batch", {"batch": [CALL], **LIBRARY}, "analytics-python/2.3.4"),
        ("/v1/batch", {"batch": [{**CALL, **LIBRARY}, CALL]}, "analytics-python/2.3.4"),
        ("/v1/batch", {"batch": [CALL]}, "sdk/9"),
        ("/v1/batch", {"batch": ["x"], "context": 5}, "sdk/9"),
        (
            "/batch/",
            {"batch": [{"event": "x", "properties": {"$lib": "posthog-js", "$lib_version": "1.2.0"}}]},
            "posthog-js/1.2.0",
        ),
        ("/batch/", {"batch": [{"event": "x", "properties": {"$lib": ["posthog"]}}]}, "sdk/9"),
    ],
)
def test_other_protocols_name_their_library(
    path: str, body: dict[str, object], client: str, secret: str
) -> None:
    answer = send(
        json.dumps(body).encode(),
        path=path,
        CONTENT_TYPE="application/json",
        HTTP_AUTHORIZATION=f"Bearer {secret}",
        HTTP_USER_AGENT="sdk/9",
    )

    assert answer.status_code == 200
    assert Arrival.objects.get().client == client
