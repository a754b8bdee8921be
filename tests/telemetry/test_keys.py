import logging
from argparse import ArgumentTypeError
from datetime import UTC, datetime, timedelta
from functools import partial
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.test import RequestFactory

from telemetry import keys
from telemetry.keys import (
    BadKeyName,
    NotRotatable,
    authenticate,
    create_key,
    find_key,
    revoke_key,
    rotate_key,
)
from telemetry.management.commands import rotate_key as rotate_command
from telemetry.models import ApiKey, Environment, Scope
from tests.builders import issue_key, make_key, make_secret
from tests.threads import run_together
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
        make_key(scope="owner")


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
        ["--scope=owner"],
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


def rotate(key: ApiKey, *, now: datetime, days: int = 7) -> ApiKey:
    return rotate_key(key=key, overlap=timedelta(days=days), now=now)[0]


def test_a_successor_is_as_its_key_was(now: datetime) -> None:
    key = make_key(
        now=now - timedelta(days=30), requests_per_minute=5, allowed_events=["agent.*"], notes="Ask Jo."
    )

    successor, secret = rotate_key(key=key, overlap=timedelta(days=7), now=now)

    same = ("scope", "environment_id", "source", "requests_per_minute", "allowed_events", "notes")
    assert [getattr(successor, name) for name in same] == [getattr(key, name) for name in same]
    assert (successor.created_at, successor.expires_at) == (now, None)
    assert (key.successor, key.expires_at) == (successor, now + timedelta(days=7))
    assert find_key(secret) == successor


@pytest.mark.parametrize(("after", "state"), [(-1, "in force"), (0, "expired")])
def test_the_old_key_works_for_the_overlap(after: int, state: str, now: datetime) -> None:
    key = make_key()

    rotate(key, now=now)

    assert key.state_at(now + timedelta(days=7, seconds=after)) == state


def test_without_an_overlap_the_old_key_ends_at_once(now: datetime) -> None:
    key, secret = issue_key()

    rotate(key, now=now, days=0)

    assert fault(now=now, authorization=f"Bearer {secret}") == (403, "expired_key")


def test_a_successor_lives_as_long_as_its_key_was_to_live(now: datetime) -> None:
    made = now - timedelta(days=89)
    key = make_key(now=made, expires_at=made + timedelta(days=90))

    successor = rotate(key, now=now)

    # An overlap never lets a key live longer than it was to.
    assert key.expires_at == made + timedelta(days=90)
    assert successor.expires_at == now + timedelta(days=90)


def test_a_key_is_rotated_once(now: datetime) -> None:
    key = make_key()
    stale = ApiKey.objects.get()
    rotate(key, now=now)

    with pytest.raises(NotRotatable, match="rotated already"):
        rotate(stale, now=now)

    assert ApiKey.objects.count() == 2


def test_a_successor_is_rotated_in_turn(now: datetime) -> None:
    first = make_key()

    third = rotate(rotate(first, now=now), now=now)

    assert third.predecessor.predecessor == first


@pytest.mark.parametrize(
    "fields",
    [{"revoked_at": datetime(2026, 2, 1, tzinfo=UTC)}, {"expires_at": datetime(2026, 2, 1, tzinfo=UTC)}],
)
def test_a_key_that_works_no_more_is_not_rotated(fields: dict[str, datetime], now: datetime) -> None:
    key = make_key()
    ApiKey.objects.update(**fields)

    with pytest.raises(NotRotatable, match="Make a new key"):
        rotate(key, now=now)


@pytest.mark.parametrize("days", [-1, 366])
def test_an_overlap_has_bounds(days: int, now: datetime) -> None:
    with pytest.raises(ValueError, match="0 to 365 days"):
        rotate(make_key(), now=now, days=days)


@pytest.mark.parametrize(("name", "overlap"), [("pk", "12h"), ("prefix", "12h")])
def test_the_command_rotates_a_key(name: str, overlap: str, clock: datetime) -> None:
    key = make_key()
    out = StringIO()

    call_command(
        "rotate_key", str(getattr(key, name)), overlap=timedelta(hours=12), stdout=out, stderr=StringIO()
    )

    key.refresh_from_db()
    assert find_key(out.getvalue().strip()) == key.successor
    assert key.expires_at == clock + timedelta(hours=12)


@pytest.mark.parametrize("name", ["0", "wb_ingest_nobody", "", "9" * 30])
def test_the_command_says_when_there_is_no_such_key(name: str) -> None:
    with pytest.raises(CommandError, match="No key has"):
        call_command("rotate_key", name)


@pytest.mark.parametrize(
    ("text", "expected"), [("0", timedelta(0)), ("12h", timedelta(hours=12)), ("7d", timedelta(days=7))]
)
def test_overlaps_are_hours_or_days(text: str, expected: timedelta) -> None:
    assert rotate_command.duration(text) == expected


@pytest.mark.parametrize("text", ["", "7", "-1d", "1w", "99999d", "٣d"])
def test_other_overlaps_are_refused(text: str) -> None:
    with pytest.raises(ArgumentTypeError):
        rotate_command.duration(text)


def test_the_command_makes_a_key_for_some_events() -> None:
    call_command(
        "create_key",
        *("--scope", "ingest", "--environment", "e", "--source", "s"),
        *("--events", "agent.*, workbench.draft_created", "--notes", "Ask Jo."),
        stdout=StringIO(),
        stderr=StringIO(),
    )

    key = ApiKey.objects.get()
    assert (key.allowed_events, key.notes) == (["agent.*", "workbench.draft_created"], "Ask Jo.")


def test_the_command_refuses_events_that_the_plan_does_not_have() -> None:
    with pytest.raises(CommandError, match=r"no event 'nothing\.\*'"):
        call_command(
            "create_key", "--scope=ingest", "--environment=e", "--source=s", "--events=agent.*,nothing.*"
        )

    assert not ApiKey.objects.exists()


@pytest.mark.parametrize(
    "pattern", ["*", "workbench*", ".*", "Workbench.*", "a" * 65, "workbench.*.*", "a b", "a\n"]
)
def test_refuses_other_patterns(pattern: str) -> None:
    with pytest.raises(BadKeyName, match="neither the name"):
        make_key(allowed_events=[pattern])


def test_expiring_keys_are_those_of_the_next_14_days(now: datetime) -> None:
    ends = {name: now + timedelta(days=14, seconds=seconds) for name, seconds in (("in", 0), ("later", 1))}
    ends |= {"now": now, "soon": now + timedelta(seconds=1)}
    made = {name: make_key(source=name, expires_at=end) for name, end in ends.items()}
    make_key(source="never")
    revoked = make_key(source="revoked", expires_at=now + timedelta(days=1))
    revoke_key(key=revoked, now=now)

    assert keys.expiring_keys(now=now) == [made["soon"], made["in"]]


def test_a_key_whose_successor_is_in_use_is_no_longer_expiring(now: datetime) -> None:
    key = make_key()
    successor = rotate(key, now=now)
    before = keys.expiring_keys(now=now)

    ApiKey.objects.filter(pk=successor.pk).update(first_used_at=now)

    assert (before, keys.expiring_keys(now=now)) == ([key], [])


@pytest.mark.django_db(transaction=True)
def test_of_two_rotations_at_once_one_makes_the_successor(now: datetime) -> None:
    make_key()
    copies = [ApiKey.objects.get() for _ in range(2)]

    raised = run_together(*(partial(rotate, copy, now=now) for copy in copies))

    assert [type(error) for error in raised] == [NotRotatable]
    assert ApiKey.objects.count() == 2
