import pytest
from django.urls import resolve

from tests.routes import Route, all_routes


@pytest.mark.parametrize("route", all_routes(), ids=lambda route: route.pattern)
def test_every_route_has_a_path_that_leads_somewhere(route: Route) -> None:
    assert resolve(route.path).func


def test_no_route_is_forgotten() -> None:
    names = {route.name for route in all_routes()}

    assert {"overview", "metrics", "telemetry:ingest", "protocols:posthog-config", "admin:index"} <= names
    assert len(all_routes()) > 150


def test_named_parts_take_the_values_that_are_given() -> None:
    paths = {route.path for route in all_routes(parts={"slug": "a-kpi", "token": "a-token"})}

    assert {"/kpis/a-kpi/", "/array/a-token/config/"} <= paths
