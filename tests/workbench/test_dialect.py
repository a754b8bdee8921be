"""Each expression means the same on SQLite and PostgreSQL; these tests run on both."""

import json
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.builders import MOMENT
from workbench.buckets import EPOCH, bucket_of
from workbench.dialect import ColumnType, current
from workbench.models import Draft, WorkflowRun

pytestmark = pytest.mark.django_db

MICROSECOND = timedelta(microseconds=1)
MOMENTS = st.datetimes(
    min_value=datetime(2000, 1, 1),  # noqa: DTZ001
    max_value=datetime(2100, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)
one_transaction = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def of_event(expression: str, properties: dict[str, Any]) -> Any:
    """The value of an expression over one event's properties."""
    kind = "jsonb" if connection.vendor == "postgresql" else "text"
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {expression} FROM (SELECT CAST(%s AS {kind}) AS properties) AS event",
            [json.dumps(properties)],
        )
        return cursor.fetchone()[0]


def of_moment(expression: str, moment: datetime) -> Any:
    """The value of an expression over one stored moment."""
    kind = "timestamptz" if connection.vendor == "postgresql" else "text"
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {expression} FROM (SELECT CAST(%s AS {kind}) AS moment) AS thing",
            [connection.ops.adapt_datetimefield_value(moment)],
        )
        return cursor.fetchone()[0]


def of_pair(expression: str, left: int | None, right: int | None) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {expression} FROM (SELECT CAST(%s AS bigint) AS a, CAST(%s AS bigint) AS b) AS pair",
            [left, right],
        )
        return cursor.fetchone()[0]


@pytest.mark.parametrize(
    ("method", "properties", "value"),
    [
        ("text", {"p": "draft-1"}, "draft-1"),
        ("text", {"p": ""}, ""),
        ("text", {}, None),
        ("integer", {"p": 2_592_000_000}, 2_592_000_000),
        ("integer", {"p": 0}, 0),
        ("integer", {}, None),
        ("micro", {"p": 1_000_000}, 1_000_000_000_000),
        ("micro", {"p": 0}, 0),
        ("micro", {"p": 0.1}, 100_000),
        ("micro", {"p": 0.0000025}, 3),
        ("micro", {"p": 0.0000024999}, 2),
        ("micro", {"p": 0.00000249999999}, 2),
        ("micro", {"p": 0.1234565}, 123_457),
        ("micro", {"p": 999999.9999995}, 1_000_000_000_000),
        ("micro", {}, None),
        ("sorted_list", {}, ""),
        ("sorted_list", {"p": []}, ""),
    ],
)
def test_reads_a_property(method: str, properties: dict[str, Any], value: Any) -> None:
    assert of_event(getattr(current(), method)("p"), properties) == value


@pytest.mark.parametrize(("properties", "value"), [({"p": True}, True), ({"p": False}, False), ({}, None)])
def test_reads_a_boolean(properties: dict[str, Any], value: bool | None) -> None:
    expression = f"CASE {current().boolean('p')} WHEN true THEN 'yes' WHEN false THEN 'no' END"

    assert of_event(expression, properties) == {True: "yes", False: "no", None: None}[value]


@one_transaction
@given(st.decimals(min_value=0, max_value=100, places=9))
def test_millionths_are_exact_and_halves_go_up(cost: Decimal) -> None:
    rounded = (cost * 1_000_000).to_integral_value(rounding=ROUND_HALF_UP)

    assert of_event(current().micro("p"), {"p": float(cost)}) == int(rounded)


def test_a_list_is_sorted_byte_by_byte_with_each_item_once() -> None:
    tools = ["b", "a", "B", "b", "_", "a-1", "a1"]

    assert json.loads(of_event(current().sorted_list("p"), {"p": tools})) == sorted(set(tools))


def test_equal_sets_of_tools_are_equal_texts() -> None:
    left = of_event(current().sorted_list("p"), {"p": ["x", "y", "x"]})

    assert left == of_event(current().sorted_list("p"), {"p": ["y", "x"]})


@pytest.mark.parametrize(
    ("left", "right", "least", "greatest"),
    [
        pytest.param(1, 2, 1, 2, id="left is smaller"),
        pytest.param(2, 1, 1, 2, id="right is smaller"),
        pytest.param(1, None, 1, 1, id="only left is known"),
        pytest.param(None, 2, 2, 2, id="only right is known"),
        pytest.param(None, None, None, None, id="none is known"),
    ],
)
def test_the_smaller_and_the_larger_of_two(
    left: int | None, right: int | None, least: int | None, greatest: int | None
) -> None:
    assert of_pair(current().least("a", "b"), left, right) == least
    assert of_pair(current().greatest("a", "b"), left, right) == greatest


@pytest.mark.parametrize(
    "moment",
    [
        MOMENT,
        MOMENT - MICROSECOND,
        MOMENT + MICROSECOND,
        MOMENT.replace(microsecond=999_499),
        MOMENT.replace(microsecond=999_500),
        MOMENT.replace(minute=14, second=59, microsecond=999_999),
        MOMENT.replace(minute=15),
        MOMENT.replace(hour=23, minute=59, second=59, microsecond=999_999),
    ],
)
def test_a_moment_keeps_its_bucket_and_its_microseconds(moment: datetime) -> None:
    assert of_moment(current().bucket("moment"), moment) == bucket_of(moment)
    assert of_moment(current().microseconds("moment"), moment) == (moment - EPOCH) // MICROSECOND


@one_transaction
@given(MOMENTS)
def test_any_moment_keeps_its_bucket_and_its_microseconds(moment: datetime) -> None:
    assert of_moment(current().bucket("moment"), moment) == bucket_of(moment)
    assert of_moment(current().microseconds("moment"), moment) == (moment - EPOCH) // MICROSECOND


def test_text_is_compared_byte_by_byte() -> None:
    words = ["b", "a", "B", "_", "-", "é", "z"]
    values = " UNION ALL ".join(f"SELECT '{word}' AS word" for word in words)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT word FROM ({values}) AS words ORDER BY {current().binary('word')}")
        assert [word for (word,) in cursor.fetchall()] == sorted(words, key=str.encode)


def test_a_list_of_any_length_is_one_parameter() -> None:
    dialect = current()
    Draft.objects.bulk_create(Draft(environment="production", draft_id=f"d-{n}") for n in (1, 2, 3))
    keys = ["d-1", "d-3", "d-3", *(f"none-{n}" for n in range(70_000))]
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT draft_id FROM workbench_draft WHERE {dialect.any_of('draft_id')} ORDER BY 1",
            [dialect.array(keys)],
        )
        assert cursor.fetchall() == [("d-1",), ("d-3",)]

    listed = Draft.objects.filter(draft_id__in=dialect.subquery(keys)).order_by("draft_id")

    assert list(listed.values_list("draft_id", flat=True)) == ["d-1", "d-3"]
    assert not Draft.objects.filter(draft_id__in=dialect.subquery([])).exists()


@pytest.mark.parametrize(
    ("column", "kind"), [("id", "bigint"), ("completed_key", "uuid"), ("run_id", "text")]
)
def test_a_list_takes_ids_and_event_keys_too(column: str, kind: ColumnType) -> None:
    runs = [
        WorkflowRun.objects.create(environment="production", run_id=f"r-{n}", completed_key=uuid4())
        for n in range(2)
    ]
    value = {"id": runs[1].pk, "completed_key": runs[1].completed_key, "run_id": "r-1"}[column]
    if isinstance(value, UUID) and connection.vendor == "sqlite":
        value = value.hex
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT id FROM workbench_workflowrun WHERE {current().any_of(column, kind)}",
            [current().array([value])],
        )
        assert cursor.fetchall() == [(runs[1].pk,)]
