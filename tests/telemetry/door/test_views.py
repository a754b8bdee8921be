"""The door, from the wire to the tables, through the portal's own WSGI application."""

import gzip
import json
import logging
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import pytest
from django.db import InternalError, OperationalError, connection
from django.test import Client
from django.utils import timezone
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pytest_django.fixtures import Settings

from people.models import Role
from telemetry import maintenance
from telemetry.intake import storage
from telemetry.keys import revoke_key
from telemetry.models import ApiKey, Arrival, QuarantinedEvent, RawEvent
from tests.builders import make_secret
from tests.oracle.profiles import SCALE
from tests.people.builders import make_person
from tests.telemetry.posts import Answer, event, post, raw, send

PLAIN = {"accepted": 1, "duplicates": 0, "rejected": 0, "results": []}


def fault(answer: Answer) -> tuple[int, str]:
    reply = answer.json()
    assert set(reply) == {"code", "message", "detail", "request_id"}
    assert answer.headers["X-Request-ID"] == reply["request_id"]
    return answer.status_code, reply["code"]


def nothing_is_stored() -> bool:
    return not (RawEvent.objects.exists() or Arrival.objects.exists() or QuarantinedEvent.objects.exists())


# What is taken --------------------------------------------------------------------------------------------


def test_stores_a_batch_and_says_so(secret: str) -> None:
    answer = post({"events": [event(event_id="e-1")]}, secret=secret)

    assert (answer.status_code, answer.json()) == (200, PLAIN)
    assert answer.headers["Content-Type"] == "application/json"
    assert RawEvent.objects.count() == Arrival.objects.count() == 1


def test_stores_one_event_object(secret: str) -> None:
    assert post(event(), secret=secret).json() == PLAIN


def test_stores_a_list_of_events(secret: str) -> None:
    answer = post([event(event_id="e-1"), event(event_id="e-2")], secret=secret)

    assert answer.json() == {**PLAIN, "accepted": 2}


@pytest.mark.parametrize("event_id", ["e-1", None])
def test_4_and_4_point_0_are_one_event(event_id: str | None, secret: str) -> None:
    written = [event(event_id=event_id, source="chat", nodeCount=count) for count in (4, 4.0)]

    answers = [post(each, secret=secret).json() for each in [*written, written[1]]]

    assert [(answer["accepted"], answer["duplicates"]) for answer in answers] == [(1, 0), (0, 1), (0, 1)]
    assert RawEvent.objects.get().properties == {"source": "chat", "nodeCount": 4}


@pytest.mark.parametrize(
    ("method", "path", "message"),
    [
        (
            "GET",
            "/api/workbench/telemetry",
            "This address takes POST or OPTIONS. Check the method and the address.",
        ),
        ("PUT", "/v1/track", "This address takes POST. Check the method and the address."),
        ("POST", "/api/ingest/recent/", "This address takes GET or HEAD. Check the method and the address."),
    ],
)
def test_says_which_method_an_address_takes(method: str, path: str, message: str) -> None:
    answer = send(method=method, path=path)

    assert (fault(answer), answer.json()["message"]) == ((405, "method_not_allowed"), message)


def test_a_beacon_posts_plain_text_with_its_key_in_the_query(secret: str) -> None:
    answer = post(event(), content_type="text/plain;charset=UTF-8", query=f"key={secret}")

    assert (answer.status_code, answer.json()) == (200, PLAIN)


def test_takes_a_compressed_body_and_the_workbench_header(secret: str) -> None:
    answer = post(gzip.compress(raw(event())), HTTP_X_WORKBENCH_KEY=secret, HTTP_CONTENT_ENCODING="gzip")

    assert (answer.status_code, answer.json()) == (200, PLAIN)


def test_says_what_is_wrong_with_each_event(secret: str) -> None:
    answer = post({"events": [event(event_id="e-1"), event(event_id="e-2", source="x")]}, secret=secret)

    assert answer.status_code == 200

    reply = answer.json()
    message = reply["results"][0].pop("message")

    assert reply == {
        "accepted": 1,
        "duplicates": 0,
        "rejected": 1,
        "results": [
            {
                "index": 1,
                "id": "e-2",
                "status": "rejected",
                "code": "not_in_enum",
                "field": "properties.source",
            }
        ],
    }
    assert message


@pytest.mark.parametrize("value", ["1", "true", "TRUE"])
def test_a_dry_run_stores_nothing(value: str, secret: str) -> None:
    assert post(event(), secret=secret, query=f"dry_run={value}").json() == PLAIN
    assert nothing_is_stored()


@pytest.mark.parametrize("query", ["dry_run=0", "dry_run=", "dry_run", "a=b"])
def test_another_query_is_no_dry_run(query: str, secret: str) -> None:
    assert post(event(), secret=secret, query=query).json() == PLAIN
    assert RawEvent.objects.count() == 1


@pytest.mark.parametrize(
    "accept", ["text/html", "image/png", "*/*", "application/xml;q=x", "a" * 10_000, "\xff"]
)
def test_an_accept_header_loses_no_events(accept: str, secret: str) -> None:
    assert post(event(), secret=secret, HTTP_ACCEPT=accept, query="format=xml").json() == PLAIN


# What is not ----------------------------------------------------------------------------------------------


def test_no_key_and_an_unknown_key_are_401(secret: str) -> None:
    assert fault(post(event())) == (401, "missing_key")

    answer = post(event(), secret=secret[:-1])

    assert fault(answer) == (401, "unknown_key")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert nothing_is_stored()


@pytest.mark.parametrize("scope", ["read", "metrics"])
def test_a_key_of_another_scope_is_403(scope: str, secret: str) -> None:
    assert fault(post(event(), secret=make_secret(scope=scope))) == (403, "wrong_scope")
    assert nothing_is_stored()


def test_a_revoked_key_is_403_at_once(secret: str, clock: datetime) -> None:
    post(event(), secret=secret)

    revoke_key(key=ApiKey.objects.get(), now=clock)

    assert fault(post(event(), secret=secret)) == (403, "revoked_key")


def test_an_expired_key_is_403(secret: str, clock: datetime) -> None:
    ApiKey.objects.update(expires_at=clock - timedelta(seconds=1))

    assert fault(post(event(), secret=secret)) == (403, "expired_key")


@pytest.mark.parametrize(
    "method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "x" * 500, "\xff"]
)
def test_another_method_is_405(method: str, secret: str) -> None:
    answer = send(raw(event()), method=method, HTTP_AUTHORIZATION=f"Bearer {secret}")

    assert answer.status_code == 405

    if method != "HEAD":
        assert fault(answer) == (405, "method_not_allowed")

    assert nothing_is_stored()


def test_too_much_is_413(secret: str) -> None:
    assert fault(post(b" " * (1024 * 1024 + 1), secret=secret)) == (413, "body_too_large")
    assert fault(post(b'{"events":[' + b"1," * 2_500 + b"1]}", secret=secret)) == (413, "too_many_events")
    assert nothing_is_stored()


def test_a_key_above_its_rate_is_429_whatever_address_it_claims(
    settings: Settings, clock: datetime, db: None
) -> None:
    settings.WEB_WORKERS = 1
    secret = make_secret(requests_per_minute=3)

    answers = [post(event(), secret=secret, HTTP_X_FORWARDED_FOR=f"10.0.0.{n}") for n in range(5)]

    assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
    assert fault(answers[3]) == (429, "too_many_requests")
    assert 1 <= int(answers[3].headers["Retry-After"]) <= 20


def test_maintenance_is_503_and_ends_with_the_file(settings: Settings, tmp_path: Path, secret: str) -> None:
    settings.DATA_DIR = tmp_path
    (tmp_path / "maintenance").touch()

    answer = post(event(), secret=secret)

    assert (fault(answer), answer.headers["Retry-After"]) == ((503, "maintenance"), "60")
    assert nothing_is_stored()

    (tmp_path / "maintenance").unlink()

    assert post(event(), secret=secret).status_code == 200


@pytest.mark.parametrize("query", ["", "dry_run=1"])
def test_a_maintenance_window_is_503_up_to_its_end(
    query: str, secret: str, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends_at = now + timedelta(seconds=90)
    maintenance.switch_on(message='We "move" <b>.', ends_at=ends_at, by=None, now=now)

    answer = post(event(), secret=secret, query=query)

    assert (fault(answer), answer.headers["Retry-After"]) == ((503, "maintenance"), "90")
    assert answer.json()["message"] == 'We "move" <b>. Send the request again later.'
    assert nothing_is_stored()

    monkeypatch.setattr(timezone, "now", lambda: ends_at)

    assert post(event(), secret=secret, query=query).status_code == 200


@pytest.mark.parametrize("error", [OperationalError, InternalError])
def test_a_database_that_does_not_store_is_503(
    error: type[Exception], secret: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error("DETAIL: Failing row contains (d-1)")

    monkeypatch.setattr(storage, "store_batch", fail)

    answer = post(event(), secret=secret)

    assert (fault(answer), answer.headers["Retry-After"]) == ((503, "database_unavailable"), "5")
    assert b"d-1" not in answer.content
    assert "Failing row" not in caplog.text


def test_a_database_that_does_not_know_the_key_is_503(secret: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OperationalError("connection refused")

    monkeypatch.setattr("telemetry.keys.key_of", fail)

    assert fault(post(event(), secret=secret)) == (503, "database_unavailable")


def test_neither_keys_nor_payloads_are_logged(secret: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        post(event(draftId="d-private", source="x"), secret=secret)
        post(b'{"d-private', secret=secret, query=f"key={secret}")
        post(event(), secret=secret[:-1])

    logged = [record.getMessage() for record in caplog.records if not record.name.startswith("django.db")]

    assert not [line for line in logged if secret[:-1] in line or "d-private" in line]


# Hostile requests: each has one verdict, the same on both databases ---------------------------------------


def with_value(value: str) -> bytes:
    """A batch of a good event and of one whose draftId is this JSON text."""
    good = json.dumps(event(event_id="good"))
    bad = json.dumps(event(event_id="bad", source="chat", draftId="@")).replace('"@"', value)
    return f'{{"events":[{good},{bad}]}}'.encode()


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ('"a\\u0000b"', "bad_id"),
        ('"\\ud800"', "bad_id"),
        ("1e400", "wrong_type"),
        ("-1e400", "wrong_type"),
        ("9" * 4_000, "wrong_type"),
        ("9" * 20_000, "wrong_type"),
        ("null", "wrong_type"),
        ('{"a":1}', "wrong_type"),
        ("[" * 20 + "]" * 20, "wrong_type"),
        ('"' + "a" * 129 + '"', "too_long"),
        ('"' + "a" * 40_000 + '"', "event_too_large"),
        ('"ann@example.com"', "looks_like_pii"),
    ],
    ids=range(12),
)
def test_a_hostile_value_is_refused_alone(value: str, code: str, secret: str) -> None:
    answer = post(with_value(value), secret=secret)

    assert answer.status_code == 200

    reply = answer.json()

    assert (reply["accepted"], reply["rejected"]) == (1, 1)
    assert code in {entry["code"] for entry in reply["results"]}
    assert QuarantinedEvent.objects.get().position == 1


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[",
        b'"',
        b"\xff",
        b"\x00",
        b'{"events":1}',
        with_value("NaN"),
        with_value("Infinity"),
        with_value("[" * 1_500 + "]" * 1_500),
        with_value("[" * 100_000 + "]" * 100_000),
        with_value('{"a":1,"a":2}'),
        b'{"events":[{"event":"\xed\xa0\x80"}]}',
        b"[" * 500_000,
    ],
    ids=range(15),
)
def test_a_hostile_body_is_400_and_stores_nothing(body: bytes, secret: str) -> None:
    assert fault(post(body, secret=secret))[0] == 400
    assert nothing_is_stored()


@pytest.mark.parametrize(
    "charset", ["bz2_codec", "zlib_codec", "rot13", "utf-16", "latin-1", "x\0y", "é", "idna", "a" * 11_000]
)
@pytest.mark.parametrize("query", ["", "a=b"])
def test_another_charset_is_415(charset: str, query: str, secret: str) -> None:
    answer = post(event(), secret=secret, content_type=f"application/json; charset={charset}", query=query)

    assert fault(answer) == (415, "unsupported_media_type")


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"HTTP_CONTENT_ENCODING": "gzip, gzip"}, 415),
        ({"HTTP_CONTENT_ENCODING": "br"}, 415),
        ({"HTTP_CONTENT_ENCODING": "gzip"}, 400),
        ({"CONTENT_TYPE": "text/html"}, 415),
        ({"CONTENT_LENGTH": "9" * 5_000}, 413),
        ({"CONTENT_LENGTH": "-1"}, 400),
        ({"CONTENT_LENGTH": "x"}, 400),
        ({"HTTP_AUTHORIZATION": "Bearer \xff\xfe\x00"}, 401),
        ({"HTTP_AUTHORIZATION": "\xff"}, 401),
        ({"HTTP_HOST": "evil.example"}, 400),
        ({"HTTP_HOST": "\xff"}, 400),
        ({"HTTP_COOKIE": "sessionid=\xff; csrftoken=" + "a" * 9_000}, 200),
        ({"HTTP_ORIGIN": "http://["}, 200),
        ({"HTTP_REFERER": "\xff"}, 200),
        ({"HTTP_X_FORWARDED_FOR": "\xff"}, 200),
        ({"HTTP_X_REQUEST_ID": "\r\nSet-Cookie: a=b"}, 200),
        ({"HTTP_TRACEPARENT": "\xff"}, 200),
        ({"HTTP_X_HTTP_METHOD_OVERRIDE": "DELETE"}, 200),
    ],
    ids=range(18),
)
def test_a_hostile_header_has_its_verdict(environ: dict[str, str], expected: int, secret: str) -> None:
    assert post(event(), secret=secret, **environ).status_code == expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("&".join(f"a{n}=1" for n in range(1_001)), 400),
        ("dry_run=" + "1" * 100_000, 200),
        ("%ff=%00&dry_run=%ff", 200),
        ("\xff\xfe", 200),
        (quote("é" * 1_000), 200),
        ("&" * 10_000, 400),
    ],
    ids=range(6),
)
@pytest.mark.parametrize("content_type", ["application/json", "application/json; charset=utf-8"])
def test_a_hostile_query_has_its_verdict(query: str, expected: int, content_type: str, secret: str) -> None:
    assert post(event(), secret=secret, query=query, content_type=content_type).status_code == expected


@pytest.mark.parametrize(
    "path",
    [
        "/api/workbench/telemetry/",
        "/api/workbench/telemetry/x",
        "/api/\0",
        "/api/\xff",
        "/api//workbench/telemetry",
    ],
)
def test_a_path_beside_the_door_is_404(path: str, secret: str) -> None:
    assert fault(send(raw(event()), path=path, CONTENT_TYPE="application/json")) == (404, "not_found")


# Text as it arrives in WSGI: bytes, one character each.
header_text = st.text(st.characters(max_codepoint=255), max_size=60)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
event_like = st.fixed_dictionaries(
    {},
    optional={
        "event": st.sampled_from(["workbench.draft_created", "agent.run_completed"]) | json_values,
        "id": json_values,
        "sessionId": st.just("s-1") | json_values,
        "timestamp": st.just("2026-02-15T11:00:00Z") | st.text() | json_values,
        "properties": st.dictionaries(
            st.sampled_from(["source", "draftId", "userId", "nodeCount", "costUsd", "toolIds"]) | st.text(),
            json_values,
        ),
    },
)
bodies = (
    st.binary(max_size=300)
    | json_values.map(raw)
    | st.lists(event_like, max_size=4).map(lambda events: raw({"events": events}))
    | event_like.map(raw)
)
any_run = hypothesis_settings(
    max_examples=100 * SCALE, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@any_run
@given(body=bodies)
def test_no_body_makes_a_5xx_and_every_event_has_a_verdict(body: bytes, secret: str) -> None:
    answer = post(body, secret=secret)

    assert answer.status_code in {200, 400}

    if answer.status_code == 200:
        parsed = json.loads(body)
        reply = answer.json()
        batch = parsed if isinstance(parsed, list) else parsed.get("events", [parsed])
        assert reply["accepted"] + reply["duplicates"] + reply["rejected"] == len(batch)

    # In a transaction that a statement had broken this would fail.
    assert RawEvent.objects.count() >= 0


@any_run
@given(
    headers=st.dictionaries(
        st.sampled_from(
            [
                "CONTENT_TYPE",
                "CONTENT_LENGTH",
                "HTTP_CONTENT_ENCODING",
                "HTTP_ACCEPT",
                "HTTP_HOST",
                "HTTP_ORIGIN",
                "HTTP_COOKIE",
                "HTTP_AUTHORIZATION",
                "HTTP_X_WORKBENCH_KEY",
                "HTTP_X_REQUEST_ID",
                "HTTP_X_FORWARDED_FOR",
            ]
        ),
        header_text,
    ),
    method=st.sampled_from(["POST", "GET"]) | header_text.filter(bool),
    query=header_text,
    body=bodies,
)
def test_no_header_method_or_query_makes_a_5xx(
    headers: dict[str, str], method: str, query: str, body: bytes, secret: str
) -> None:
    environ = {"CONTENT_TYPE": "application/json", "HTTP_AUTHORIZATION": f"Bearer {secret}", **headers}

    assert send(body, method=method, query=query, **environ).status_code < 500


@any_run
@given(path=header_text)
def test_no_path_makes_a_5xx(path: str, db: None) -> None:
    assert send(path=f"/api/{path}", method="GET").status_code < 500


# Pages of other origins -----------------------------------------------------------------------------------


@pytest.fixture
def app_origin(settings: Settings) -> str:
    settings.CORS_ALLOWED_ORIGINS = ["https://app.example"]
    return "https://app.example"


def preflight(origin: str, path: str = "/api/workbench/telemetry") -> Answer:
    asked = {
        "HTTP_ACCESS_CONTROL_REQUEST_METHOD": "POST",
        "HTTP_ACCESS_CONTROL_REQUEST_HEADERS": "x-workbench-key",
    }
    return send(method="OPTIONS", path=path, HTTP_ORIGIN=origin, **asked)


def test_a_page_of_an_allowed_origin_may_post(app_origin: str, secret: str) -> None:
    asked = preflight(app_origin)

    assert (asked.status_code, asked.headers["access-control-allow-origin"]) == (200, app_origin)
    assert asked.headers["access-control-allow-methods"] == "POST"

    allowed = set(asked.headers["access-control-allow-headers"].split(", "))

    assert {"authorization", "content-encoding", "content-type", "traceparent", "x-workbench-key"} <= allowed
    assert (
        post(event(), secret=secret, HTTP_ORIGIN=app_origin).headers["access-control-allow-origin"]
        == app_origin
    )


def test_a_refused_post_can_be_read_by_the_page(app_origin: str, db: None) -> None:
    answer = post(event(), HTTP_ORIGIN=app_origin)

    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (401, app_origin)


def test_another_origin_and_another_path_may_not(app_origin: str, db: None) -> None:
    assert "access-control-allow-origin" not in preflight("https://evil.example").headers
    assert "access-control-allow-origin" not in preflight(app_origin, "/api/plan/").headers


# The plan -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/api/plan/", "/api/plan/schema.json"])
@pytest.mark.parametrize("scope", ["ingest", "read", "metrics"])
def test_any_key_reads_the_plan(path: str, scope: str, db: None) -> None:
    answer = send(method="GET", path=path, HTTP_X_WORKBENCH_KEY=make_secret(scope=scope))

    assert answer.status_code == 200
    assert "workbench.draft_created" in answer.content.decode()


@pytest.mark.parametrize("path", ["/api/plan/", "/api/plan/schema.json"])
def test_a_session_reads_the_plan_and_nobody_else(path: str, db: None) -> None:
    assert fault(send(method="GET", path=path)) == (401, "missing_key")

    client = Client()
    client.force_login(make_person("ann", role=Role.VIEWER))

    assert client.get(path).status_code == 200


def test_a_post_costs_one_statement_on_postgresql(
    secret: str, django_assert_num_queries: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What a process knows of keys and erasures it reads anew each second.
    monkeypatch.setattr("time.monotonic", lambda: 1000.0)
    post(event(event_id="warm"), secret=secret)
    # SQLite: savepoint, environment, arrival, counts, savepoint; its events go around Django's counter.
    with django_assert_num_queries(1 if connection.vendor == "postgresql" else 5):  # type: ignore[operator]
        post(event(event_id="counted"), secret=secret)
