"""The whole way from post to KPI row, against the brute-force computation of tests/oracle.

Any order, batching, resend and any moment of rolling up must give the oracle's rows, to the last unit.
"""

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db.models import Sum
from django.test import override_settings
from hypothesis import currently_in_test_context, given, note
from hypothesis import strategies as st

from kpis.compute.rollup import bring_up_to_date
from kpis.histogram import percentiles
from kpis.models import FunnelBucket, KpiBucket, UsageBucket
from telemetry.models import LedgerHour, RawEvent
from tests.oracle.compute import expected_rows, moment_of, percentile
from tests.oracle.profiles import examples
from tests.oracle.streams import AUTUMN, SPRING, Batch, Season, Stream, deliveries, posted, realistic, streams
from tests.oracle.system import (
    Keys,
    accepted_events,
    clear_tables,
    deliver,
    enter,
    expected_buckets,
    expected_funnel_buckets,
    make_keys,
    stored_buckets,
    stored_funnel,
    tables,
)

pytestmark = pytest.mark.django_db(transaction=True)
SEEDS = st.integers(0, 2**32)
BAD = [
    b"{}",
    b'{"event": "workbench.no_such_event"}',
    b'{"event": "workbench.chat_message_sent", "sessionId": 1}',
]


@pytest.fixture
def keys() -> Iterator[Keys]:
    yield make_keys(now=SPRING.now)
    clear_tables()


def with_bad_events(batches: Sequence[Batch], *, seed: int) -> list[Batch]:
    """The batches with an event here and there that the door must refuse."""
    dice = random.Random(seed)
    return [
        replace(
            batch, documents=[*batch.documents, dice.choice(BAD)] if dice.random() < 0.2 else batch.documents
        )
        for batch in batches
    ]


def play(stream: Stream, *, keys: Keys, seed: int) -> list[Batch]:
    """Empty the tables, post the stream in an order that the seed decides, and bring the KPIs up to date."""
    clear_tables()
    enter(stream.entered)
    batches = with_bad_events(deliveries(stream.posts, seed=seed), seed=seed)
    if currently_in_test_context():
        show(batches)
    deliver(batches, keys=keys, now=stream.now, seed=seed)
    return batches


def show(batches: Sequence[Batch]) -> None:
    """Print the batches of a failing example."""
    for batch in batches:
        note(f"{batch.environment}/{batch.source}: {b' '.join(batch.documents).decode()}")


@examples(25)
@given(stream=streams(), seed=SEEDS)
def test_kpi_rows_equal_the_oracle(keys: Keys, stream: Stream, seed: int) -> None:
    with override_settings(REPORTING_TIME_ZONE=stream.zone):
        play(stream, keys=keys, seed=seed)
        assert stored_buckets() == expected_buckets(stream, rate=settings.COST_USD_PER_MINUTE)
        assert usage_sums() == kpi_sums()
        assert stored_funnel() == expected_funnel_buckets(accepted_events(stream.posts), zone=stream.zone)


Sums = dict[tuple[str, str, str, datetime, str], int]


def kpi_sums() -> Sums:
    """Costs by workflow and failed agent runs by agent, as the KPIs have them; what is 0 is left out."""
    rows = KpiBucket.objects.filter(
        kpi__in=["execution-cost", "agent-failure-rate"], dimension__in=["workflow", "agent"]
    )
    return {
        (row.dimension, row.granularity, row.environment, row.period_start, row.value): row.numerator
        for row in rows
        if row.numerator
    }


def usage_sums() -> Sums:
    """The same from what agents used."""
    sums: Counter[tuple[str, str, str, datetime, str]] = Counter()
    for row in UsageBucket.objects.all():
        place = (row.granularity, row.environment, row.period_start)
        sums["workflow", *place, row.workflow] += row.cost_micro_usd + row.estimated_micro_usd
        sums["agent", *place, row.agent] += sum(row.error_types.values())
    return {key: number for key, number in sums.items() if number}


EDGE = SPRING.anchors[0]
AGENT_RUN = {"runId": "r", "agentRunId": "a", "agentName": "x"}
ONE_OF_EACH = [
    ("workbench.chat_message_sent", {}),
    ("workbench.draft_accepted", {"draftId": "d"}),
    ("workflow.created", {"source": "api"}),
    ("workbench.approval_completed", {"approved": True}),
    ("workbench.workflow_run_completed", {"runId": "r", "status": "failed", "durationMs": 5}),
    ("agent.run_completed", {"runId": "r", "agentRunId": "a", "agentName": "x", "status": "failed"}),
]


@pytest.mark.parametrize("before_the_edge", [1_000_000, 501, 499, 1, 0])
def test_the_last_microsecond_of_a_bucket_is_in_it(keys: Keys, before_the_edge: int) -> None:
    moment = EDGE - timedelta(microseconds=before_the_edge)
    stream = stream_of(*((name, moment, properties) for name, properties in ONE_OF_EACH))
    play(stream, keys=keys, seed=1)
    expected = expected_buckets(stream, rate=settings.COST_USD_PER_MINUTE)
    assert stored_buckets() == expected
    bases = {key[3] for key in expected if key[0] == "base"}
    assert bases == {EDGE - (timedelta(minutes=15) if before_the_edge else timedelta())}


@pytest.mark.parametrize("seed", range(4))
def test_a_run_that_completed_before_it_started_stops_nothing(keys: Keys, seed: int) -> None:
    stream = stream_of(
        ("workbench.workflow_run_started", EDGE, {"runId": "r", "draftId": "d"}),
        (
            "workbench.workflow_run_completed",
            EDGE - timedelta(hours=1),
            {"runId": "r", "status": "completed"},
        ),
        ("agent.run_started", EDGE, AGENT_RUN),
        ("agent.run_completed", EDGE - timedelta(hours=1), {**AGENT_RUN, "status": "failed"}),
    )

    play(stream, keys=keys, seed=seed)

    assert stored_buckets() == expected_buckets(stream, rate=settings.COST_USD_PER_MINUTE)


@pytest.mark.parametrize("cost", [5e-07, 1.5e-06, 2.5e-06, 0.2204585, 1.0000005, 999_999.9999995])
def test_half_a_micro_dollar_is_rounded_up(keys: Keys, cost: float) -> None:
    stream = stream_of(("agent.run_completed", EDGE, {**AGENT_RUN, "status": "completed", "costUsd": cost}))

    play(stream, keys=keys, seed=1)

    assert stored_buckets() == expected_buckets(stream, rate=settings.COST_USD_PER_MINUTE)


def stream_of(*events: tuple[str, datetime, dict[str, Any]]) -> Stream:
    """A stream of (event, moment, properties) in one session."""
    posts = [
        posted(
            {"event": name, "properties": properties},
            environment="production",
            source="web",
            session="s",
            moment=moment,
        )
        for name, moment, properties in events
    ]
    return Stream(now=SPRING.now, zone="UTC", posts=posts, entered=[])


@pytest.mark.parametrize("season", [SPRING, AUTUMN], ids=["spring", "autumn"])
def test_kpi_rows_of_a_large_stream_equal_the_oracle(keys: Keys, season: Season) -> None:
    stream = large(season, sessions=60)
    with override_settings(REPORTING_TIME_ZONE=stream.zone):
        play(stream, keys=keys, seed=7)
        assert stored_buckets() == expected_buckets(stream, rate=settings.COST_USD_PER_MINUTE)
        assert usage_sums() == kpi_sums()
        assert stored_funnel() == expected_funnel_buckets(accepted_events(stream.posts), zone=stream.zone)


def large(season: Season, *, sessions: int) -> Stream:
    posts = realistic(seed=11, now=season.now, sessions=sessions)
    return Stream(now=season.now, zone="Europe/Berlin", posts=posts, entered=[])


@examples(10)
@given(stream=streams(), seed=SEEDS)
def test_bringing_up_to_date_again_changes_nothing(keys: Keys, stream: Stream, seed: int) -> None:
    with override_settings(REPORTING_TIME_ZONE=stream.zone):
        play(stream, keys=keys, seed=seed)
        before = tables()
        bring_up_to_date(now=stream.now)
        assert tables() == before


@examples(10)
@given(stream=streams(), first=SEEDS, second=SEEDS)
def test_the_order_of_arrival_leaves_no_trace(keys: Keys, stream: Stream, first: int, second: int) -> None:
    with override_settings(REPORTING_TIME_ZONE=stream.zone):
        play(stream, keys=keys, seed=first)
        before = numbers()
        play(stream, keys=keys, seed=second)
        assert numbers() == before


def numbers() -> dict[str, Any]:
    """All tables of things and KPIs, but for the notes of what changed when: those tell the order."""
    return {name: rows for name, rows in tables(of=("workbench", "kpis")).items() if name != "LaterChange"}


@examples(10)
@given(stream=streams(), seed=SEEDS)
def test_a_rebuild_restores_the_same_rows(keys: Keys, stream: Stream, seed: int) -> None:
    with override_settings(REPORTING_TIME_ZONE=stream.zone):
        play(stream, keys=keys, seed=seed)
        before, funnel = stored_buckets(), stored_funnel()
        KpiBucket.objects.all().delete()
        FunnelBucket.objects.all().delete()
        rebuild(stream)
        assert stored_buckets() == before
        assert stored_funnel() == funnel


def rebuild(stream: Stream) -> None:
    """Rebuild the days of the stream, with one to spare on either side; every day more takes as long as a full one."""
    dates = [moment_of(post).date() for post in stream.posts] + [count.date for count in stream.entered]
    # Of the reporting zone, where the first date may be one earlier.
    first, last = min(dates) - timedelta(days=2), stream.now + timedelta(days=2)
    call_command("rebuild_kpis", f"--from={first:%Y-%m-%d}", f"--to={last:%Y-%m-%d}", "--force", verbosity=0)


@examples(15)
@given(stream=streams(), seed=SEEDS)
def test_received_is_accepted_and_duplicates_and_rejected(keys: Keys, stream: Stream, seed: int) -> None:
    batches = play(stream, keys=keys, seed=seed)
    received: Counter[int] = Counter()
    for batch in batches:
        received[keys[batch.environment, batch.source, batch.key].pk] += len(batch.documents)
    ledger = LedgerHour.objects.values_list("key").annotate(Sum("events"))
    assert Counter(dict(ledger)) == received
    accepted = LedgerHour.objects.filter(outcome="accepted").aggregate(total=Sum("events"))["total"]
    assert accepted == RawEvent.objects.count() == len(accepted_events(stream.posts))
    rejected = LedgerHour.objects.filter(outcome="rejected").aggregate(total=Sum("events"))["total"]
    assert (rejected or 0) == sum(document in BAD for batch in batches for document in batch.documents)


def test_events_of_two_people_that_are_equal_otherwise_are_two(keys: Keys) -> None:
    posts = [
        posted(
            {"event": "workbench.session_started", "properties": {"userId": user}},
            environment="production",
            source="web",
            session="s-1",
            moment=SPRING.now,
        )
        for user in ("u-1", "u-2", "u-2")
    ]
    deliver(deliveries(posts, seed=1), keys=keys, now=SPRING.now, seed=1)
    assert {event.properties["userId"] for event in accepted_events(posts)} == {"u-1", "u-2"}


def test_percentiles_are_within_one_percent_of_the_exact_ones(keys: Keys) -> None:
    stream = large(SPRING, sessions=60)
    play(stream, keys=keys, seed=3)
    rows = expected_rows(accepted_events(stream.posts), entered=[], rate=0.01, zone="UTC")
    whole = sorted((key[0], row.durations) for key, row in rows.items() if row.durations and key[3] == "")
    for kpi, group in groupby(whole, key=lambda item: item[0]):
        exact = [duration for _, durations in group for duration in durations]
        fractions = (0, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 1)
        assert percentiles(stored_histogram(kpi), fractions) == [
            pytest.approx(percentile(exact, fraction), rel=0.01) for fraction in fractions
        ]


def stored_histogram(kpi: str) -> dict[int, int]:
    """The KPI's histogram over all days."""
    total: Counter[int] = Counter()
    for row in KpiBucket.objects.filter(kpi=kpi, granularity="day", dimension=""):
        total.update({int(bin_index): count for bin_index, count in row.histogram.items()})
    return dict(total)
