import json
import random
from collections.abc import Iterator
from functools import partial

import pytest
from django.db import connection, transaction
from django.db.transaction import TransactionManagementError
from django.test.utils import CaptureQueriesContext

from telemetry.counters import bridge
from telemetry.counters.bridge import Increment, increase, observe, raise_to, read_counters
from telemetry.models import BridgeCounter
from tests.threads import run_together

RETRIES = "agent_retries_total"
RUNS = "workflow_runs_total"
WAIT = "workflow_approval_wait_time_seconds"

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_known_series() -> Iterator[None]:
    bridge.known_series.forget()
    yield
    bridge.known_series.forget()


def retry(agent: str, *, environment: str = "production", amount: int = 1) -> Increment:
    return Increment(RETRIES, environment, (agent,), amount=amount)


def stored(family: str = RETRIES) -> dict[tuple[str, ...], int]:
    rows = BridgeCounter.objects.filter(family=family)
    return {(row.environment, *json.loads(row.labels), row.bin): row.value for row in rows}


def test_equal_increments_are_added_up_in_one_statement() -> None:
    increase([retry("planner")])
    bridge.known_series.learn({RETRIES: [("production", ("planner",))]})

    with CaptureQueriesContext(connection) as queries:
        increase([retry("planner", amount=2), retry("planner")])

    assert stored() == {("production", "planner", ""): 4}
    assert len(queries) == 1


def test_increments_in_any_order_and_batching_give_the_same_rows() -> None:
    increments = [retry(f"agent-{number % 7}", amount=number) for number in range(50)]
    increments += [Increment(RUNS, "staging", ("failed", "api")) for _ in range(3)]
    increase(increments)
    at_once = list(
        BridgeCounter.objects.order_by("family", "labels").values_list("family", "labels", "value")
    )
    BridgeCounter.objects.all().delete()
    random.Random(1).shuffle(increments)
    for start in range(0, len(increments), 9):
        increase(increments[start : start + 9])

    one_by_one = list(
        BridgeCounter.objects.order_by("family", "labels").values_list("family", "labels", "value")
    )

    assert one_by_one == at_once


def test_more_series_than_a_statement_holds_are_all_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bridge, "ROWS_A_STATEMENT", 10)

    increase(retry(f"agent-{number}") for number in range(25))

    assert sum(stored().values()) == len(stored()) == 25


def test_nothing_to_add_asks_nothing() -> None:
    with CaptureQueriesContext(connection) as queries:
        increase([])

    assert len(queries) == 0


def test_an_amount_of_nothing_shows_the_series_at_zero() -> None:
    increase([retry("planner", amount=0)])

    assert stored() == {("production", "planner", ""): 0}


def test_refuses_an_amount_below_zero() -> None:
    with pytest.raises(ValueError, match="cannot fall"):
        increase([retry("planner", amount=-1)])


def test_refuses_labels_that_are_not_the_familys() -> None:
    with pytest.raises(ValueError, match="has the labels"):
        increase([Increment(RETRIES, "production", ("planner", "failed"))])


def test_refuses_an_unknown_family() -> None:
    with pytest.raises(KeyError):
        increase([Increment("made_up_total", "production", ())])


@pytest.mark.django_db(transaction=True)
def test_refuses_to_count_outside_a_transaction() -> None:
    with pytest.raises(TransactionManagementError):
        increase([retry("planner")])


@pytest.mark.parametrize(
    ("agent", "kept"),
    [
        ("a" * 200, "a" * 200),
        ("a" * 201, "other"),
        ('"' * 100, '"' * 100),
        ('"' * 101, "other"),
        ("line\nbreak", "other"),
        ("nul\x00", "other"),
        ("lone \ud800", "other"),
        ("планировщик \N{ROBOT FACE}", "планировщик \N{ROBOT FACE}"),
        ("", ""),
    ],
)
def test_a_label_that_cannot_be_exposed_is_other(agent: str, kept: str) -> None:
    increase([retry(agent)])

    assert stored() == {("production", kept, ""): 1}


@pytest.mark.parametrize(
    ("microseconds", "bucket"),
    [(0, "1.0"), (1_000_000, "1.0"), (1_000_001, "2.5"), (7_200_000_000, "7200.0"), (7_200_000_001, "+Inf")],
)
def test_a_duration_falls_into_one_bucket_and_the_sum(microseconds: int, bucket: str) -> None:
    assert observe(WAIT, [("production", ("true",), microseconds, 1)]) == [
        Increment(WAIT, "production", ("true",), bucket, 1),
        Increment(WAIT, "production", ("true",), "sum", microseconds),
    ]


def test_many_durations_are_grouped() -> None:
    rows = [
        ("production", ("true",), 900_000_000, 1),
        ("production", ("true",), 899_000_000, 2),
        ("dev", ("false",), 5, 1),
    ]

    increase(observe(WAIT, rows))

    assert stored(WAIT) == {
        ("production", "true", "900.0"): 3,
        ("production", "true", "sum"): 2_698_000_000,
        ("dev", "false", "1.0"): 1,
        ("dev", "false", "sum"): 5,
    }


def test_reads_all_counters_in_one_query() -> None:
    increase([retry("planner"), *observe(WAIT, [("production", ("true",), 2, 1)])])

    with CaptureQueriesContext(connection) as queries:
        counters = read_counters()

    assert counters == {
        RETRIES: {("production", ("planner",)): {"": 1}},
        WAIT: {("production", ("true",)): {"1.0": 1, "sum": 2}},
    }
    assert len(queries) == 1


def test_a_level_is_raised_and_never_falls() -> None:
    for level, expected in [(5, 5), (3, 5), (8, 8), (8, 8)]:
        raise_to([retry("planner", amount=level)])
        assert stored() == {("production", "planner", ""): expected}


# The budget ------------------------------------------------------------------------------------------------


def test_the_series_that_fills_the_budget_stays_itself_and_the_next_becomes_other() -> None:
    increase(retry(f"agent-{number:03}") for number in range(199))
    increase([retry("last-to-fit")])

    increase([retry("too-late", amount=3), retry("agent-000"), retry("last-to-fit")])

    assert len(stored()) == 201
    assert stored()["production", "other", ""] == 3
    assert stored()["production", "agent-000", ""] == stored()["production", "last-to-fit", ""] == 2


def test_only_open_labels_become_other() -> None:
    family = "agent_runs_total"
    increase(Increment(family, "production", (f"agent-{number}", "completed")) for number in range(200))

    increase([Increment(family, "production", ("one-more", "failed"))])

    assert stored(family)["production", "other", "failed", ""] == 1


def test_a_histogram_counts_as_one_series_however_many_buckets_it_has() -> None:
    family = "agent_duration_seconds"

    for seconds in (1, 2, 3):
        increase(
            observe(
                family,
                (("production", (f"agent-{number:03}",), seconds * 1_000_000, 1) for number in range(200)),
            )
        )

    assert {agent for _, agent, _ in stored(family)} == {f"agent-{number:03}" for number in range(200)}


def test_environments_keep_their_own_other_until_the_budget_is_full_twice() -> None:
    increase(retry(f"agent-{number}") for number in range(200))

    increase(retry("planner", environment=f"environment-{number:03}") for number in range(250))

    assert len(stored()) == 401
    assert stored()["environment-199", "other", ""] == 1
    assert stored()["other", "other", ""] == 50
    assert sum(stored().values()) == 450


def test_a_family_without_open_labels_folds_environments_at_its_budget() -> None:
    increase(Increment(RUNS, f"environment-{number:03}", ("failed", "api")) for number in range(202))

    assert len(stored(RUNS)) == 201
    assert stored(RUNS)["other", "failed", "api", ""] == 2


def test_a_full_family_leaves_the_others_their_budget() -> None:
    increase(retry(f"agent-{number}") for number in range(201))

    increase([Increment("agent_errors_total", "production", ("planner", "timeout"))])

    assert stored("agent_errors_total") == {("production", "planner", "timeout", ""): 1}


@pytest.mark.django_db(transaction=True)
def test_known_series_are_not_asked_for_again() -> None:
    with transaction.atomic():
        increase([retry("planner")])

    with CaptureQueriesContext(connection) as queries, transaction.atomic():
        increase([retry("planner")])

    assert [query["sql"].split()[0] for query in queries if "bridgecounter" in query["sql"]] == ["INSERT"]


@pytest.mark.django_db(transaction=True)
def test_a_series_that_was_rolled_back_is_not_known() -> None:
    with transaction.atomic():
        increase([retry("planner")])
        transaction.set_rollback(True)

    assert bridge.known_series.of_family(RETRIES) == frozenset()
    assert stored() == {}


@pytest.mark.postgres
@pytest.mark.only_on("postgresql")
@pytest.mark.django_db(transaction=True)
def test_two_workers_that_meet_the_same_series_in_other_orders_lose_nothing() -> None:
    def work(seed: int) -> None:
        order = random.Random(seed)
        for _ in range(20):
            increments = [retry(f"agent-{number}") for number in range(40)]
            order.shuffle(increments)
            with transaction.atomic():
                increase(increments)

    assert run_together(partial(work, 0), partial(work, 1)) == []
    assert stored() == {("production", f"agent-{number}", ""): 40 for number in range(40)}
