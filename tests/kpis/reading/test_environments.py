import pytest

from kpis.reading.environments import UnknownEnvironment, choose_environment
from telemetry.models import Environment


@pytest.mark.parametrize(
    ("name", "environments", "chosen"),
    [
        pytest.param("", ["demo", "production"], "production", id="production by default"),
        pytest.param("", ["demo", "staging"], "demo", id="the first where there is no production"),
        pytest.param("", [], "", id="none where there is none"),
        pytest.param("demo", ["demo", "production"], "demo", id="the one that is named"),
    ],
)
def test_chooses_production_where_no_environment_is_named(
    name: str, environments: list[str], chosen: str
) -> None:
    assert choose_environment(name, environments=environments) == chosen


@pytest.mark.parametrize("environments", [["production"], []])
def test_refuses_an_environment_that_does_not_exist(environments: list[str]) -> None:
    with pytest.raises(UnknownEnvironment):
        choose_environment("prod", environments=environments)


@pytest.mark.django_db
def test_lists_environments_in_alphabetical_order() -> None:
    for name in ("staging", "demo", "production"):
        Environment.objects.create(name=name)

    assert Environment.names() == ["demo", "production", "staging"]
