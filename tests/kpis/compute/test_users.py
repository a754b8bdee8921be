"""Users of sessions: in the bucket of the session's start, a day as its buckets, safe to repeat."""

from datetime import timedelta
from typing import Any

import pytest

from kpis.compute import rollup
from kpis.compute.rebuild import RebuildChanges, rebuild
from kpis.distinct import count, unpack
from kpis.models import Freshness, FunnelBucket, StoredGranularity, UsersBucket
from tests.builders import minutes
from tests.kpis.compute.test_funnel import make_session, rolled_up
from workbench.models import Session, TouchedBucket

pytestmark = pytest.mark.django_db


def users(granularity: str = StoredGranularity.BASE) -> list[tuple[Any, int]]:
    """(start of the period, number of users) of each row."""
    found = UsersBucket.objects.filter(environment="production", granularity=granularity)
    rows = found.values_list("period_start", "sketch").order_by("period_start")
    return [(start, count(unpack(sketch))) for start, sketch in rows]


def make_sessions() -> None:
    make_session("s-1", 0, user_hash="ada")
    make_session("s-2", 14.9, user_hash="ada")
    make_session("s-3", 1, user_hash="ben")
    make_session("s-4", 15, user_hash="ada")
    make_session("s-5", 2)
    make_session("s-6", 3, environment="staging", user_hash="cleo")


def test_counts_each_user_once_in_a_bucket_and_once_in_the_day() -> None:
    make_sessions()

    rolled_up(0, 15)

    assert users() == [(minutes(0), 2), (minutes(15), 1)]
    assert [number for _, number in users(StoredGranularity.DAY)] == [2]


def test_running_again_changes_nothing() -> None:
    make_sessions()
    rolled_up(0, 15)
    before = set(UsersBucket.objects.values_list("granularity", "period_start", "sketch"))

    rolled_up(15, 0)

    assert set(UsersBucket.objects.values_list("granularity", "period_start", "sketch")) == before


def test_forgets_a_user_whose_sessions_are_gone() -> None:
    make_session("s-1", 0, user_hash="ada")
    rolled_up()
    Session.objects.all().delete()

    rolled_up()

    assert not UsersBucket.objects.exists()


def test_computes_the_past_once_where_users_were_not_kept() -> None:
    make_session("s-1", 0, user_hash="ada")
    rolled_up()
    UsersBucket.objects.all().delete()
    Freshness.objects.update(has_users=False)

    rollup.roll_up(environment="production", now=minutes(900))

    assert users() == [(minutes(0), 1)]
    assert Freshness.objects.get().has_users
    assert not TouchedBucket.objects.exists()


def test_a_rebuild_says_that_users_changed() -> None:
    make_session("s-1", 0, user_hash="ada")
    rolled_up()
    day = minutes(0).date()
    Session.objects.update(user_hash="")

    changes = rebuild(
        environment="production", from_date=day, to_date=day + timedelta(days=1), apply=True, now=minutes(60)
    )

    assert changes == RebuildChanges(
        removed=1, unchanged=FunnelBucket.objects.filter(granularity="base").count()
    )
    assert users() == []
