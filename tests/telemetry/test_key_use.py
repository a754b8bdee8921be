from datetime import datetime, timedelta
from types import SimpleNamespace

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext

from telemetry import key_use
from telemetry.keys import authenticate
from telemetry.models import ApiKey
from tests.builders import issue_key, make_key, store
from workbench.fold import pending

pytestmark = pytest.mark.django_db


def used(key: ApiKey) -> tuple[datetime | None, datetime | None]:
    key.refresh_from_db()
    return key.first_used_at, key.last_used_at


def ask(secret: str, *, scope: str, now: datetime) -> None:
    authenticate(
        RequestFactory().get("/", headers={"authorization": f"Bearer {secret}"}), scope=scope, now=now
    )


@pytest.mark.parametrize("scope", ["read", "metrics"])
def test_a_request_is_noted_without_a_write_to_the_database(scope: str, now: datetime) -> None:
    key, secret = issue_key(scope=scope)
    with CaptureQueriesContext(connection) as queries:
        ask(secret, scope=scope, now=now)
    before = used(key)

    key_use.store_notes()

    assert [query["sql"].split()[0] for query in queries] == ["SELECT"]
    assert (before, used(key)) == ((None, None), (now, now))


@pytest.mark.parametrize(("seconds", "is_noted"), [(59, False), (60, True), (-1, True)])
def test_a_process_notes_a_key_once_a_minute(seconds: int, is_noted: bool, now: datetime) -> None:
    key, secret = issue_key(scope="read")
    ask(secret, scope="read", now=now)
    cache.clear()

    ask(secret, scope="read", now=now + timedelta(seconds=seconds))

    assert (cache.get(key_use.note_of(key.pk)) is not None) is is_noted


def test_a_cache_that_is_away_stops_no_request(monkeypatch: pytest.MonkeyPatch, now: datetime) -> None:
    _, secret = issue_key(scope="read")

    def fail(*arguments: object) -> None:
        raise ConnectionError

    monkeypatch.setattr(key_use, "cache", SimpleNamespace(set=fail))

    ask(secret, scope="read", now=now)


def test_the_fold_knows_what_ingest_keys_posted(now: datetime) -> None:
    key = make_key()
    for seconds in (0, 90, 30):
        store(key=key, received_at=now + timedelta(seconds=seconds), rejected={"bad_id": 1})

    pending.fold_pending(now=now)

    assert used(key) == (now, now + timedelta(seconds=90))


@pytest.mark.parametrize(("seconds", "written"), [(59, 0), (60, 60)])
def test_a_row_is_written_once_a_minute_at_most(seconds: int, written: int, now: datetime) -> None:
    key = make_key()
    key_use.store_posts([(key.pk, now)])

    key_use.store_posts([(key.pk, now + timedelta(seconds=seconds))])

    assert used(key) == (now, now + timedelta(seconds=written))


def test_a_use_is_never_taken_back(now: datetime) -> None:
    key = make_key()
    key_use.store_posts([(key.pk, now)])

    key_use.store_posts([(key.pk, now - timedelta(days=2))])

    assert used(key) == (now - timedelta(days=2), now)
