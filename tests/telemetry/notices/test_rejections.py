from datetime import datetime, timedelta

import pytest
from pytest_django import Settings

from telemetry.intake.ingest import ingest_events
from telemetry.models import ApiKey, Notice
from telemetry.notices import rejections
from telemetry.notices.rejections import LARGE_SHARE, NEW_KIND, find_large_shares, find_new_kinds
from tests.builders import NOW, make_key, store
from tests.telemetry.posts import event, raw
from workbench.fold import pending

pytestmark = pytest.mark.django_db

SECRETS = ["anna@example.com", "d-1", "e-1"]


@pytest.fixture
def key() -> ApiKey:
    return make_key()


def reject(
    key: ApiKey, *, code: str = "bad_id", name: str = "workbench.x", events: int = 1, at: datetime = NOW
) -> None:
    kinds = [[code, name, events]]
    store(
        key=key, environment=key.environment_id, received_at=at, rejected={code: events}, rejected_kinds=kinds
    )
    pending.fold_pending(now=at)


def accept(key: ApiKey, *, events: int, at: datetime = NOW) -> None:
    arrival = store(key=key, environment=key.environment_id, received_at=at)
    type(arrival).objects.filter(pk=arrival.pk).update(duplicates=events)
    pending.fold_pending(now=at)


def titles(topic: str) -> list[str]:
    return list(
        Notice.objects.filter(topic=topic, closed_at=None).order_by("title").values_list("title", flat=True)
    )


def test_a_new_kind_is_told_with_its_numbers_and_nothing_of_its_events(key: ApiKey) -> None:
    bad = event("workbench.draft_created", event_id="e-1", source="chat", draftId="anna@example.com")
    ingest_events([raw(bad), raw(bad)], key=key, now=NOW, client="app/1.2")
    pending.fold_pending(now=NOW)

    find_new_kinds(now=NOW)

    notice = Notice.objects.get()
    assert notice.title == "New: workbench.draft_created rejected as looks_like_pii, from web in production"
    assert notice.text.startswith(
        "2 such events came in the last 24 hours, sent by app/1.2, and none in the 7 days"
    )
    assert not [secret for secret in SECRETS if secret in notice.title + notice.text + notice.subject]


def test_each_kind_is_told_once(key: ApiKey) -> None:
    for code, name in (("bad_id", "workbench.x"), ("bad_id", "workbench.y"), ("too_long", "workbench.x")):
        reject(key, code=code, name=name)
        find_new_kinds(now=NOW)

    reject(key, at=NOW + timedelta(hours=1))
    find_new_kinds(now=NOW + timedelta(hours=1))

    assert Notice.objects.count() == len(titles(NEW_KIND)) == 3


def test_another_client_is_no_new_kind(key: ApiKey) -> None:
    for client in ("app/1", "app/2"):
        ingest_events([raw(event("workbench.nothing"))], key=key, now=NOW, client=client)
        pending.fold_pending(now=NOW)
        find_new_kinds(now=NOW)

    assert Notice.objects.count() == 1


@pytest.mark.parametrize(("seconds", "notices"), [(-1, 1), (0, 2)])
def test_a_kind_that_comes_again_after_the_quiet_days_is_new(
    seconds: int, notices: int, key: ApiKey, settings: Settings
) -> None:
    settings.NOTICE_QUIET_DAYS = 2
    again = NOW + timedelta(days=2, seconds=seconds)
    reject(key)
    find_new_kinds(now=NOW)
    find_new_kinds(now=again)

    reject(key, at=again)
    find_new_kinds(now=again)

    assert Notice.objects.count() == notices


@pytest.mark.parametrize(("seconds", "notices"), [(0, 1), (1, 0)])
def test_a_kind_that_began_more_than_a_day_ago_is_no_news(seconds: int, notices: int, key: ApiKey) -> None:
    reject(key)

    find_new_kinds(now=NOW + timedelta(days=1, seconds=seconds))

    assert Notice.objects.count() == notices


@pytest.mark.parametrize(
    ("bad", "good", "is_told"), [(5, 95, False), (6, 94, True), (6, 93, False), (99, 0, False)]
)
def test_a_share_is_told_above_the_limit_and_of_a_hundred_events(
    bad: int, good: int, is_told: bool, key: ApiKey
) -> None:
    reject(key, events=bad)
    accept(key, events=good)

    find_large_shares(now=NOW)

    assert bool(titles(LARGE_SHARE)) is is_told


def test_a_share_is_of_its_source_and_hour(key: ApiKey) -> None:
    reject(key, events=50)
    accept(key, events=50, at=NOW - timedelta(hours=1))
    accept(make_key(source="other"), events=50)

    find_large_shares(now=NOW)

    assert titles(LARGE_SHARE) == []


def test_keys_of_one_source_are_counted_together(key: ApiKey) -> None:
    reject(key, events=10)
    accept(make_key(), events=190)

    find_large_shares(now=NOW)

    assert titles(LARGE_SHARE) == []


def test_a_share_is_told_once_and_is_over_when_two_hours_are_below(key: ApiKey) -> None:
    reject(key, events=100)
    for hours in (0, 1):
        find_large_shares(now=NOW + timedelta(hours=hours))
    open_titles = titles(LARGE_SHARE)

    find_large_shares(now=NOW + timedelta(hours=2))

    assert open_titles == ["100.0 % of web in production: workbench.x rejected as bad_id"]
    assert titles(LARGE_SHARE) == []
    assert list(Notice.objects.order_by("pk").values_list("title", flat=True)) == [
        *open_titles,
        "Over: workbench.x rejected as bad_id, from web in production",
    ]


def test_a_flood_of_new_kinds_is_told_in_several_rounds(key: ApiKey, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rejections, "MOST_AT_ONCE", 2)
    for number in range(3):
        reject(key, name=f"workbench.x{number}")

    counts = []
    for _ in range(3):
        find_new_kinds(now=NOW)
        counts.append(Notice.objects.count())

    assert counts == [2, 3, 3]
