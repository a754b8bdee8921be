"""A breakdown over time, on a KPI's page."""

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from people.models import Role
from tests.kpis.builders import DAY, make_bucket, make_environment
from tests.pages.page_content import words
from tests.people.builders import make_person

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock", "_built_script")]

RUNS, COST = "workflow-success-rate", "execution-cost"
RANGE = {"from": "2026-02-09", "to": "2026-02-11", "breakdown": "workflow"}


def make_workflows(kpi: str, count: int) -> None:
    """On each of 9 and 10 February: of the first one 10 of 20, of each further one 1 fewer of both."""
    for number in range(count):
        for day in (DAY, DAY - timedelta(days=1)):
            make_bucket(
                kpi,
                dimension="workflow",
                value=f"w{number}",
                numerator=(10 - number) * (1_000_000 if kpi == COST else 1),
                denominator=20 - number,
                period_start=day,
            )


def chart_of(client: Client, kpi: str, **query: str) -> Any:
    page = client.get(f"/kpis/{kpi}/", {**RANGE, **query}).content.decode()
    found = re.search(r'<script id="over-time-data"[^>]*>(.*?)</script>', page)
    assert found is not None
    return json.loads(found[1])


def lines_of(client: Client, kpi: str, **query: str) -> list[tuple[str, bool, list[float]]]:
    return [
        (line["name"], line["is_bar"], line["values"]) for line in chart_of(client, kpi, **query)["lines"]
    ]


def test_draws_a_ratio_of_each_value_as_a_line(reader: Client) -> None:
    make_environment()
    make_workflows(RUNS, 2)

    chart = chart_of(reader, RUNS)

    assert (chart["unit"], chart["is_stacked"]) == ("ratio", False)
    assert lines_of(reader, RUNS) == [("w0", False, [0.5, 0.5]), ("w1", False, [9 / 19, 9 / 19])]


def test_stacks_what_was_counted_and_never_a_ratio(reader: Client) -> None:
    make_environment()
    make_workflows(RUNS, 2)

    chart = chart_of(reader, RUNS, shape="stacked")

    assert (chart["unit"], chart["is_stacked"]) == ("count", True)
    assert lines_of(reader, RUNS, shape="stacked") == [("w0", True, [20, 20]), ("w1", True, [19, 19])]


def test_stacks_costs_with_all_others_as_one(reader: Client) -> None:
    make_environment()
    make_workflows(COST, 7)

    lines = lines_of(reader, COST)

    assert [(name, values) for name, _, values in lines[-2:]] == [
        ("w4", [6.0, 6.0]),
        ("Other (2)", [9.0, 9.0]),
    ]
    assert {is_bar for _, is_bar, _ in lines} == {True}
    assert {is_bar for _, is_bar, _ in lines_of(reader, COST, shape="lines")} == {False}


@pytest.mark.parametrize(("count", "last"), [(5, "w4"), (6, "w5"), (7, "Other (2)")])
def test_one_value_that_is_left_over_has_its_own_name(reader: Client, count: int, last: str) -> None:
    make_environment()
    make_workflows(RUNS, count)

    assert lines_of(reader, RUNS)[-1][0] == last


def test_who_may_export_saves_it_as_a_picture(client: Client) -> None:
    make_environment()
    make_workflows(RUNS, 2)
    seen = []

    for role in (Role.VIEWER, Role.ANALYST):
        client.force_login(make_person(role, role=role))
        page = client.get(f"/kpis/{RUNS}/", RANGE).content.decode()
        seen.append((page.count('data-picture-of="over-time-drawing"'), "portal/pictures.js" in page))

    assert seen == [(0, False), (2, True)]


def test_has_every_figure_in_a_table(reader: Client) -> None:
    make_environment()
    make_workflows(RUNS, 2)

    text = words(reader, f"/kpis/{RUNS}/", **RANGE)

    assert "Workflow success rate by workflow over time" in text
    assert "Period w0 w1 10 Feb 2026 50% 10 / 20 47.4% 9 / 19 9 Feb 2026 50% 10 / 20 47.4% 9 / 19" in text


def test_is_not_there_without_a_breakdown_and_without_anything_in_it(reader: Client) -> None:
    make_environment()

    assert "over time" not in words(reader, f"/kpis/{RUNS}/")
    assert "over time" not in words(reader, f"/kpis/{RUNS}/", **RANGE)


def test_an_unknown_shape_is_a_fault(reader: Client) -> None:
    make_environment()

    assert "shape: It takes one of: lines, stacked." in words(
        reader, f"/kpis/{RUNS}/", status=400, shape="pie"
    )
