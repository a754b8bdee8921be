import logging
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.test import RequestFactory

from telemetry import keys
from telemetry.keys import BadKeyName, authenticate, create_key, find_key, revoke_key
from telemetry.models import ApiKey, Environment, Scope
from tests.builders import issue_key, make_key, make_secret
from web.errors import ApiError

pytestmark = pytest.mark.django_db


def fault(*, now: datetime, scope: str = Scope.INGEST, query: str = "", **headers: str) -> tuple[int, str]:
    with pytest.raises(ApiError) as caught:
        authenticate(RequestFactory().get(f"/{query}", headers=headers), scope=scope, now=now)
    return caught.value.status_code, caught.value.code


def test_makes_a_key_and_its_environment(now: datetime) -> None:
    key, secret = create_key(scope=Scope.INGEST, environment="staging", source="web", now=now)

    assert Environment.objects.get().name == "staging"
    assert (key.scope, key.environment_id, key.source) == ("ingest", "staging", "web")
    assert (key.requests_per_minute, key.created_at, key.expires_at) == (300_000, now, None)
    assert secret.startswith("wb_ingest_")
    assert len(secret) == len("wb_ingest_") + 43


def test_stores_a_digest_and_a_prefix_but_not_the_secret() -> None:
    key, secret = issue_key()

    stored = ApiKey.objects.filter(pk=key.pk).values_list().get()

    assert secret not in map(str, stored)
    assert key.digest == keys.digest_of(secret)
    assert secret.startswith(key.prefix)
    assert len(key.prefix) == 16


def test_a_second_key_shares_the_environment() -> None:
    first, second = make_key(), make_key()

    assert first.pk != second.pk
    assert Environment.objects.count() == 1


@pytest.mark.parametrize("name", ["a", "a" * 64, "web-app", "web.app_2", "0a"])
def test_takes_plain_names(name: str) -> None:
    assert make_key(environment=name, source=name).source == name


@pytest.mark.parametrize("name", ["", "a" * 65, "Web", "web app", "-web", "wéb", "web\0", "web\n"])
def test_refuses_other_names(name: str) -> None:
    with pytest.raises(BadKeyName, match="environment"):
        make_key(environment=name)

    with pytest.raises(BadKeyName, match="source"):
        make_key(source=name)

    assert not Environment.objects.exists()


def test_refuses_an_unknown_scope() -> None:
    with pytest.raises(BadKeyName, match="ingest, read, metrics"):
        make_key(scope="admin")


def test_finds_a_key_by_its_secret() -> None:
    key, secret = issue_key()

    assert find_key(secret) == key


@pytest.mark.parametrize(
    "secret", ["", "x", "wb_ingest_", "wb_ingest_" + "A" * 43, "wb_ingest_" + "é" * 43, "\0" * 53]
)
def test_finds_nothing_by_another_text(secret: str) -> None:
    make_key()

    assert find_key(secret) is None


def test_a_busy_key_costs_no_query_within_a_second(
    monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: object
) -> None:
    secret = make_secret()
    monkeypatch.setattr(keys.time, "monotonic", lambda: 100.0)
    find_key(secret)
    monkeypatch.setattr(keys.time, "monotonic", lambda: 100.9)
    with django_assert_num_queries(0):  # type: ignore[operator]
        find_key(secret)
    monkeypatch.setattr(keys.time, "monotonic", lambda: 101.0)
    with django_assert_num_queries(1):  # type: ignore[operator]
        find_key(secret)


def test_another_process_sees_a_revocation_within_a_second(
    monkeypatch: pytest.MonkeyPatch, now: datetime
) -> None:
    key, secret = issue_key()
    monkeypatch.setattr(keys.time, "monotonic", lambda: 100.0)
    find_key(secret)
    ApiKey.objects.filter(pk=key.pk).update(revoked_at=now)

    monkeypatch.setattr(keys.time, "monotonic", lambda: 101.0)

    assert fault(now=now, authorization=f"Bearer {secret}") == (403, "revoked_key")


def test_revoking_twice_keeps_the_first_moment(now: datetime) -> None:
    key = make_key()
    revoke_key(key=key, now=now)

    revoke_key(key=key, now=now + timedelta(hours=1))

    assert key.revoked_at == ApiKey.objects.get().revoked_at == now


@pytest.mark.parametrize("header", ["Bearer {}", "bearer {}", "Bearer  {} "])
def test_takes_a_bearer_token(header: str, now: datetime) -> None:
    key, secret = issue_key()

    request = RequestFactory().get("/", headers={"Authorization": header.format(secret)})

    assert authenticate(request, scope=Scope.INGEST, now=now) == key


def test_takes_the_workbench_header_and_the_query(now: datetime) -> None:
    key, secret = issue_key()
    by_header = RequestFactory().get("/", headers={"X-Workbench-Key": secret, "Authorization": "Basic eDp5"})

    by_query = RequestFactory().get("/", query_params={"key": secret})

    for request in (by_header, by_query):
        assert authenticate(request, scope=Scope.INGEST, now=now) == key


def test_the_header_wins_over_the_query(now: datetime) -> None:
    secret = make_secret()

    assert fault(now=now, query=f"?key={secret}", authorization="Bearer x") == (401, "unknown_key")


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, "missing_key"),
        ({"authorization": "Bearer"}, "missing_key"),
        ({"authorization": "Basic eDp5"}, "missing_key"),
        ({"authorization": "Bearer wb_ingest_" + "A" * 43}, "unknown_key"),
        ({"authorization": "Bearer \xff\xfe"}, "unknown_key"),
        ({"x-workbench-key": "é" * 10_000}, "unknown_key"),
    ],
)
def test_no_key_and_an_unknown_key_are_401(headers: dict[str, str], code: str, now: datetime) -> None:
    assert fault(now=now, **headers) == (401, code)


@pytest.mark.parametrize(("held", "wanted"), [("read", "ingest"), ("metrics", "ingest"), ("ingest", "read")])
def test_a_key_of_another_scope_is_403(held: str, wanted: str, now: datetime) -> None:
    secret = make_secret(scope=held)

    assert fault(now=now, scope=wanted, authorization=f"Bearer {secret}") == (403, "wrong_scope")


def test_a_key_expires_at_its_moment(now: datetime) -> None:
    _, secret = create_key(scope="ingest", environment="production", source="web", now=now, expires_at=now)

    header = f"Bearer {secret}"

    assert fault(now=now, authorization=header) == (403, "expired_key")

    request = RequestFactory().get("/", headers={"Authorization": header})

    assert authenticate(request, scope=Scope.INGEST, now=now - timedelta(microseconds=1))


def test_a_revoked_key_is_403(now: datetime) -> None:
    key, secret = issue_key()

    revoke_key(key=key, now=now)

    assert fault(now=now, authorization=f"Bearer {secret}") == (403, "revoked_key")


def test_no_fault_and_no_log_names_the_secret(now: datetime, caplog: pytest.LogCaptureFixture) -> None:
    secret = make_secret(scope=Scope.READ)
    request = RequestFactory().get("/", headers={"Authorization": f"Bearer {secret}"})

    with caplog.at_level(logging.DEBUG), pytest.raises(ApiError) as caught:
        authenticate(request, scope=Scope.INGEST, now=now)

    assert secret not in str(caught.value.detail)
    assert secret not in caplog.text


# The command ----------------------------------------------------------------------------------------------


def run(*arguments: str) -> tuple[str, str]:
    out, err = StringIO(), StringIO()
    call_command("create_key", "--environment=production", "--source=web", *arguments, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def test_the_command_prints_the_key_alone_on_standard_output() -> None:
    out, err = run("--scope=ingest")

    key = find_key(out.strip())

    assert key is not None
    assert out == f"{out.strip()}\n"
    assert key.prefix in err
    assert out.strip() not in err


def test_the_command_takes_a_rate_and_an_expiry() -> None:
    run("--scope=read", "--requests-per-minute=60", "--expires=2026-03-01")

    key = ApiKey.objects.get()

    assert (key.scope, key.requests_per_minute) == ("read", 60)
    assert key.expires_at == datetime(2026, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--scope=admin"],
        ["--scope=ingest", "--environment=No Good"],
        ["--scope=ingest", "--requests-per-minute=0"],
        ["--scope=ingest", "--requests-per-minute=2147483648"],
        ["--scope=ingest", "--expires=tomorrow"],
        [],
    ],
)
def test_the_command_refuses_what_a_key_cannot_have(arguments: list[str]) -> None:
    with pytest.raises(CommandError):
        run(*arguments)
    assert not ApiKey.objects.exists()
