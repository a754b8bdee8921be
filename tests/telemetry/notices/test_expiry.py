from datetime import timedelta

import pytest

from telemetry.keys import rotate_key
from telemetry.models import ApiKey, Notice
from telemetry.notices.expiry import find_expiring_keys
from tests.builders import NOW, make_key

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


def open_notices() -> int:
    return Notice.objects.filter(closed_at=None).count()


def test_a_key_that_expires_within_14_days_is_told_once() -> None:
    make_key(expires_at=NOW + 15 * DAY)

    told = []
    for days in (0, 1, 2, 15):
        find_expiring_keys(now=NOW + days * DAY)
        told.append((Notice.objects.count(), open_notices()))

    assert told == [(0, 0), (1, 1), (1, 1), (1, 0)]


def test_a_notice_says_what_to_do_and_no_secret() -> None:
    key = make_key(expires_at=NOW + DAY)

    find_expiring_keys(now=NOW)

    notice = Notice.objects.get()
    assert notice.title == f"The key {key} expires on 2026-02-16 at 12:00 UTC"
    assert "manage.py rotate_key" in notice.text
    assert key.digest not in notice.title + notice.text


def test_a_rotated_key_is_told_two_days_before_its_end_if_its_successor_is_not_used() -> None:
    key = make_key()
    successor, _ = rotate_key(key=key, overlap=7 * DAY, now=NOW)
    told = []
    for days in (0, 4, 5):
        find_expiring_keys(now=NOW + days * DAY)
        told.append(open_notices())

    ApiKey.objects.filter(pk=successor.pk).update(first_used_at=NOW)
    find_expiring_keys(now=NOW + 5 * DAY)

    assert (told, open_notices()) == ([0, 0, 1], 0)
    assert "was never used" in Notice.objects.get().text
