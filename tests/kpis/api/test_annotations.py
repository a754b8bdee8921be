"""GET and POST /api/annotations/."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from kpis.models import Annotation
from people.models import Role
from telemetry import maintenance
from telemetry.models import Scope
from tests.builders import NOW, make_secret, table
from tests.kpis.builders import make_environment
from tests.people.builders import make_person

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]
PATH = "/api/annotations/"
Post = Callable[..., HttpResponse]


@pytest.fixture
def post(client: Client) -> Post:
    secret = make_secret(scope=Scope.ANNOTATE, source="web-ci")

    def post(body: Any, **headers: str) -> HttpResponse:
        text = body if isinstance(body, bytes) else json.dumps(body).encode()
        return client.post(
            PATH,
            text,
            content_type="application/json",
            headers={"Authorization": f"Bearer {secret}"} | headers,
        )

    return post


def test_a_release_is_noted_once(post: Post) -> None:
    answers = [post({"text": " v2.3 deployed ", "id": "v2.3"}) for _ in range(2)]

    stored = Annotation.objects.get()
    assert [answer.status_code for answer in answers] == [201, 200]
    assert answers[0].json() == answers[1].json()
    assert answers[0].json() == {
        "id": stored.pk,
        "environment": "production",
        "kpi": None,
        "at": "2026-02-15T12:00:00Z",
        "text": "v2.3 deployed",
        "by": "web-ci",
    }


def test_a_moment_and_a_kpi_may_be_named(post: Post) -> None:
    answer = post({"text": "outage", "at": "2026-02-14T10:00:00+02:00", "kpi": "approval-rate"})

    assert (answer.status_code, answer.json()["at"]) == (201, "2026-02-14T08:00:00Z")
    assert table(Annotation, "kpi", "client_id") == [("approval-rate", "")]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", "bad_json"),
        (b"[]", "wrong_shape"),
        ({"text": 1}, "wrong_shape"),
        ({}, "wrong_shape"),
        ({"text": "x", "environment": "staging"}, "wrong_shape"),
        ({"text": "  "}, "bad_annotation"),
        ({"text": "NUL \0"}, "bad_annotation"),
        ({"text": "x", "at": "2026-02-14T10:00:00"}, "bad_annotation"),
        ({"text": "x", "at": "2026-02-14"}, "bad_annotation"),
        ({"text": "x", "at": "9999-12-31T23:59:59-10:00"}, "bad_annotation"),
        ({"text": "x", "kpi": "no-such-kpi"}, "bad_annotation"),
        ({"text": "x", "id": "y" * 101}, "bad_annotation"),
        ({"text": "x", "id": "\0"}, "bad_annotation"),
    ],
)
def test_what_cannot_be_is_refused(post: Post, body: Any, code: str) -> None:
    answer = post(body)

    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert not Annotation.objects.exists()


def test_a_body_that_is_too_long_is_refused(post: Post) -> None:
    assert post({"text": "x" * 20_000}).status_code == 413


def test_in_maintenance_nothing_is_taken(post: Post) -> None:
    maintenance.switch_on(message="", ends_at=None, by=None, now=NOW)

    assert (post({"text": "x"}).status_code, Annotation.objects.count()) == (503, 0)


@pytest.mark.parametrize("scope", [scope for scope in Scope.values if scope != Scope.ANNOTATE])
def test_only_its_own_scope_posts(post: Post, scope: str) -> None:
    secret = make_secret(scope=scope)

    assert post({"text": "x"}, Authorization=f"Bearer {secret}").status_code == 403


def test_a_session_does_not_post(client: Client) -> None:
    client.force_login(make_person("ada", role=Role.ADMIN))

    assert client.post(PATH, b'{"text": "x"}', content_type="application/json").status_code == 401


def test_reads_those_of_a_range(reader: Client) -> None:
    make_environment()
    for number in range(3):
        Annotation.objects.create(
            text=str(number), at=NOW - timedelta(days=number), environment="production", source="web-ci"
        )

    answer = reader.get(PATH, {"from": "2026-02-13", "to": "2026-02-15"})

    body = answer.json()
    assert (body["environment"], [row["text"] for row in body["annotations"]]) == ("production", ["2", "1"])


def test_an_annotate_key_reads_nothing(client: Client) -> None:
    secret = make_secret(scope=Scope.ANNOTATE)

    assert client.get(PATH, headers={"Authorization": f"Bearer {secret}"}).status_code == 403


def test_a_limited_person_reads_none_of_another_environment(client: Client) -> None:
    for name in ("production", "staging"):
        make_environment(name)
    client.force_login(make_person("ada", role=Role.VIEWER, environments=["production"]))

    assert client.get(PATH, {"environment": "staging"}).status_code == 404
