from collections.abc import Sequence

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from kpis.reading.environments import UnknownEnvironment, choose_environment
from telemetry.models import Environment
from tests.kpis.builders import make_bucket, make_environment


def make_environments(names: Sequence[str], *, with_data: Sequence[str]) -> None:
    for name in names:
        make_environment(name)
    for name in with_data:
        make_bucket(environment=name)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("environments", "with_data", "chosen"),
    [
        pytest.param(["demo", "production"], [], "production", id="production by default"),
        pytest.param(["demo", "production"], ["demo"], "demo", id="no empty production"),
        pytest.param(["demo", "production"], ["demo", "production"], "production", id="production with data"),
        pytest.param(["demo", "staging"], [], "demo", id="the first where there is no production"),
        pytest.param(["demo", "staging"], ["staging"], "staging", id="the one with data"),
        pytest.param(["demo", "live", "staging"], ["staging", "live"], "live", id="the first with data"),
        pytest.param(["production"], [], "production", id="the only one"),
        pytest.param([], [], "", id="none where there is none"),
    ],
)
def test_chooses_production_or_else_the_first_of_those_with_data(
    environments: list[str], with_data: list[str], chosen: str
) -> None:
    make_environments(environments, with_data=with_data)

    assert choose_environment("", environments=environments) == chosen


@pytest.mark.django_db
def test_data_of_an_environment_that_is_not_open_to_the_reader_does_not_count() -> None:
    make_environments(["demo", "production", "secret"], with_data=["secret"])

    assert choose_environment("", environments=["demo", "production"]) == "production"


@pytest.mark.django_db
def test_one_query_finds_the_default_and_none_what_is_named(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    environments = ["demo", "live", "production"]
    make_environments(environments, with_data=["demo", "live"])

    with django_assert_num_queries(1):
        assert choose_environment("", environments=environments) == "demo"
    with django_assert_num_queries(0):
        assert choose_environment("production", environments=environments) == "production"


@pytest.mark.django_db
def test_the_overview_shows_the_environment_with_data(reader: Client) -> None:
    make_environments(["demo", "production"], with_data=["demo"])

    answer = reader.get("/")

    assert answer.context["controls"].environment == "demo"


@pytest.mark.parametrize("environments", [["production"], []])
def test_refuses_an_environment_that_does_not_exist(environments: list[str]) -> None:
    with pytest.raises(UnknownEnvironment):
        choose_environment("prod", environments=environments)


@pytest.mark.django_db
def test_lists_environments_in_alphabetical_order() -> None:
    for name in ("staging", "demo", "production"):
        Environment.objects.create(name=name)

    assert Environment.names() == ["demo", "production", "staging"]
