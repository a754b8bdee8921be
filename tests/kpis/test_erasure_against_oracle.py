"""Erasures of any subject of any stream, against the brute-force computation over the events that are left."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from django.conf import settings
from django.db.models import Sum
from django.test import override_settings
from hypothesis import given, note
from hypothesis import strategies as st

from kpis.compute.rollup import bring_up_to_date
from telemetry.intake.erased import forget_cached
from telemetry.models import ErasedEvents, LedgerHour, RawEvent
from tests.kpis.test_against_oracle import play, rebuild
from tests.oracle.erasing import SubjectOfPosts, erase
from tests.oracle.profiles import examples
from tests.oracle.streams import (
    DRAFTS,
    RUNS,
    SESSIONS,
    SPRING,
    Stream,
    deliveries,
    streams,
)
from tests.oracle.system import (
    Keys,
    accepted_events,
    clear_tables,
    deliver,
    expected_buckets,
    expected_funnel_buckets,
    make_keys,
    stored_buckets,
    stored_funnel,
    tables,
)

pytestmark = pytest.mark.django_db(transaction=True)
SEEDS = st.integers(0, 2**32)
SUBJECTS = st.one_of(
    st.tuples(st.just("user"), st.sampled_from(("u-1", "u-2"))),
    st.tuples(st.just("session"), st.sampled_from(SESSIONS)),
    st.tuples(st.just("draft"), st.sampled_from(DRAFTS)),
    st.tuples(st.just("run"), st.sampled_from(RUNS)),
).map(lambda subject: SubjectOfPosts("production", *subject))
# What gauges show of app servers is not taken back, and a stream goes with the first of its events that does.
LEFT = ("AppServerState", "AppServerStream")


@pytest.fixture
def keys() -> Iterator[Keys]:
    yield make_keys(now=SPRING.now)
    clear_tables()
    forget_cached()


def play_anew(stream: Stream, *, keys: Keys, seed: int) -> None:
    clear_tables()
    forget_cached()
    play(stream, keys=keys, seed=seed)


def without(stream: Stream, *subjects: SubjectOfPosts) -> Stream:
    posts = list(stream.posts)
    for subject in subjects:
        posts = subject.rest_of(posts)
    return replace(stream, posts=posts)


def things() -> dict[str, Any]:
    return {name: rows for name, rows in tables(of=["workbench"]).items() if name not in LEFT}


def check_balance() -> None:
    """accepted = raw + erased."""
    accepted = LedgerHour.objects.filter(outcome="accepted").aggregate(total=Sum("events"))["total"] or 0
    erased = ErasedEvents.objects.aggregate(total=Sum("events"))["total"] or 0
    assert accepted == RawEvent.objects.count() + erased


@examples(12)
@given(stream=streams(), seed=SEEDS, subjects=st.lists(SUBJECTS, min_size=1, max_size=2))
def test_what_is_left_equals_what_others_sent(
    keys: Keys, stream: Stream, seed: int, subjects: list[SubjectOfPosts]
) -> None:
    with override_settings(REPORTING_TIME_ZONE=stream.zone):
        play_anew(stream, keys=keys, seed=seed)
        for subject in subjects:
            note(str(subject))
            erase(subject, now=stream.now)
            check_balance()
        bring_up_to_date(now=stream.now)
        rest = without(stream, *subjects)
        assert stored_buckets() == expected_buckets(rest, rate=settings.COST_USD_PER_MINUTE)
        assert stored_funnel() == expected_funnel_buckets(accepted_events(rest.posts), zone=stream.zone)
        left = things()
        play_anew(rest, keys=keys, seed=seed + 1)
        assert left == things()


@examples(8)
@given(stream=streams(), seed=SEEDS, subjects=st.lists(SUBJECTS, min_size=1, max_size=2))
def test_kept_aggregates_stay_whatever_is_computed_again(
    keys: Keys, stream: Stream, seed: int, subjects: list[SubjectOfPosts]
) -> None:
    with override_settings(REPORTING_TIME_ZONE=stream.zone):
        play_anew(stream, keys=keys, seed=seed)
        before, funnel = stored_buckets(), stored_funnel()
        for subject in subjects:
            note(str(subject))
            erase(subject, now=stream.now, mode="keep")
            check_balance()
        bring_up_to_date(now=stream.now)
        assert stored_buckets() == before
        rebuild(stream)
        assert stored_buckets() == before
        assert stored_funnel() == funnel


@examples(8)
@given(stream=streams(), seed=SEEDS, subject=SUBJECTS, later=st.sampled_from(("refuse", "erase")))
def test_what_comes_again_does_not_come_back(
    keys: Keys, stream: Stream, seed: int, subject: SubjectOfPosts, later: str
) -> None:
    with override_settings(REPORTING_TIME_ZONE=stream.zone):
        play_anew(stream, keys=keys, seed=seed)
        erase(subject, now=stream.now, later_events=later)
        rest = without(stream, subject)

        deliver(deliveries(stream.posts, seed=seed), keys=keys, now=stream.now, seed=seed)

        check_balance()
        assert stored_buckets() == expected_buckets(rest, rate=settings.COST_USD_PER_MINUTE)
