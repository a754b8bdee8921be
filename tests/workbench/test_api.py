"""Erasures and exports over HTTP: keys of scope `admin`, bodies, answers."""

import json
from datetime import datetime
from typing import Any

import pytest
from django.test import Client

from telemetry.models import Erasure, RawEvent
from tests.builders import MOMENT, event, fold, make_secret
from workbench.erasure import steps

pytestmark = pytest.mark.django_db
ERASURES, EXPORT = "/api/erasures/", "/api/subjects/export/"


@pytest.fixture
def secret() -> str:
    return make_secret(scope="admin", source="dpo")


def post(client: Client, path: str, body: Any, *, secret: str) -> Any:
    text = body if isinstance(body, str) else json.dumps(body)
    headers = {"Authorization": f"Bearer {secret}"}
    return client.post(path, text, content_type="application/json", headers=headers)


def test_erases_and_gives_the_receipt(client: Client, secret: str) -> None:
    fold(event("workbench.chat_message_sent"))
    headers = {"Authorization": f"Bearer {secret}"}

    begun = post(client, ERASURES, {"kind": "session", "subject": "s-1"}, secret=secret)
    steps.work(now=datetime.now(tz=MOMENT.tzinfo), seconds=60)
    done = client.get(f"{ERASURES}{begun.json()['id']}/", headers=headers).json()

    assert (begun.status_code, begun.json()["state"], begun.json()["receipt"]) == (202, "waiting", {})
    assert (done["state"], done["receipt"]["raw_events"]) == ("done", {"workbench.chat_message_sent": 1})
    assert done["requested_by"] == f"key {secret[:16]}…"
    assert not RawEvent.objects.exists()


def test_a_dry_run_only_counts(client: Client, secret: str) -> None:
    fold(event("workbench.chat_message_sent"))

    body = {"kind": "session", "subject": "s-1", "dry_run": True}
    begun = post(client, ERASURES, body, secret=secret).json()
    steps.work(now=datetime.now(tz=MOMENT.tzinfo), seconds=60)

    erasure = Erasure.objects.get(pk=begun["id"])
    assert (erasure.state, erasure.preview["raw_events_total"]) == ("previewed", 1)
    assert RawEvent.objects.count() == 1


@pytest.mark.parametrize("path", [ERASURES, EXPORT])
@pytest.mark.parametrize("scope", ["ingest", "read", "metrics"])
def test_refuses_keys_of_other_scopes(client: Client, path: str, scope: str) -> None:
    answer = post(client, path, {"kind": "session", "subject": "s-1"}, secret=make_secret(scope=scope))

    assert (answer.status_code, answer.json()["code"]) == (403, "wrong_scope")


@pytest.mark.parametrize("path", [ERASURES, EXPORT, f"{ERASURES}1/"])
def test_takes_no_key_from_the_address_and_no_session(admin_client: Client, secret: str, path: str) -> None:
    answers = [admin_client.post(f"{path}?key={secret}"), admin_client.get(path)]

    assert {answer.status_code for answer in answers} == {401}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"kind": "user"},
        {"kind": "team", "subject": "x"},
        {"kind": "user", "subject": ""},
        {"kind": "user", "subject": "a 4711"},
        {"kind": "user", "subject": "x" * 129},
        {"kind": "user", "subject": "a\0b"},
        {"kind": "user", "subject": "\ud800"},
        {"kind": "user", "subject": {"a": 1}},
        {"kind": "user", "subject": "a-4711", "mode": "half"},
        {"kind": "user", "subject": "a-4711", "later_events": "keep"},
        [],
        "no",
        "[",
    ],
)
@pytest.mark.parametrize("path", [ERASURES, EXPORT])
def test_refuses_bad_bodies_without_repeating_them(client: Client, secret: str, path: str, body: Any) -> None:
    if path == EXPORT and isinstance(body, dict) and len(body) > 2:
        body = {"kind": "user"}
    answer = post(client, path, body, secret=secret)

    assert answer.status_code == 400
    assert set(answer.json()) == {"code", "message", "detail", "request_id"}
    assert "4711" not in answer.content.decode()
    assert not Erasure.objects.exists()


@pytest.mark.parametrize("number", [1, 10**30])
def test_an_erasure_of_another_environment_is_unknown(client: Client, number: int) -> None:
    fold(event("workbench.chat_message_sent"))
    secret = make_secret(scope="admin", environment="production")
    made = post(client, ERASURES, {"kind": "session", "subject": "s-1"}, secret=secret).json()
    other = make_secret(scope="admin", environment="staging")
    pk = made["id"] if number == 1 else number

    answer = client.get(f"{ERASURES}{pk}/", headers={"Authorization": f"Bearer {other}"})

    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_erasure")


def test_exports_what_there_is_of_a_user(client: Client, secret: str) -> None:
    fold(
        event("workbench.session_started", userId="ann"),
        event("workbench.draft_accepted", draftId="d"),
        event("workbench.draft_accepted", session="others", draftId="d-2"),
    )

    # The stored id of the builder is no hash, so the export finds it as it is.
    RawEvent.objects.filter(event="workbench.session_started").update(properties={"userId": HASH})
    answer = post(client, EXPORT, {"kind": "session", "subject": "s-1"}, secret=secret)
    exported = json.loads(answer.getvalue())

    assert answer.headers["Cache-Control"] == "no-store"
    assert {name: len(rows) for name, rows in exported.items() if isinstance(rows, list)} == {
        "raw_events": 2,
        "quarantined_events": 0,
        "sessions": 1,
        "early_steps": 1,
        "drafts": 1,
        "runs": 0,
        "agent_runs": 0,
        "approval_requests": 0,
        "approval_decisions": 0,
        "draft_creations": 0,
        "model_calls": 0,
        "approval_decisions_in_sessions_of_others": 0,
    }
    assert {"userId": HASH} in [row["properties"] for row in exported["raw_events"]]
    assert not Erasure.objects.exists()


HASH = "u_" + "0" * 32
