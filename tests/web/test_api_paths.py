"""Which paths are an API's follows from the URL conf, so that no route is forgotten."""

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import include, path, re_path
from pytest_django.fixtures import Settings
from rest_framework.views import APIView

from web.api_paths import api_segments, first_segment, is_api_path


def page(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


# A URL conf: Django reads these two names.
urlpatterns = [
    path("", page),
    path("pages/", include([path("one/", page)])),
    path("things/", include([path("one/", page), re_path("^two/?$", APIView.as_view())])),
    re_path(r"^posts/?$", APIView.as_view()),
    path("scrape", APIView.as_view()),
]
handler404 = "web.errors.not_found"


def test_the_first_segments_of_api_views_are_the_apis() -> None:
    assert api_segments(__name__) == {"things", "posts", "scrape"}


@pytest.mark.parametrize(
    ("requested", "expected"),
    [
        ("/things", True),
        ("/things/", True),
        ("/things/one/x", True),
        ("/posts/x", True),
        ("/postsx", False),
        ("/pages/things/", False),
        ("//things/", False),
        ("/", False),
        ("", False),
    ],
)
def test_a_path_is_the_apis_if_it_begins_with_such_a_segment(
    requested: str, expected: bool, settings: Settings
) -> None:
    settings.ROOT_URLCONF = __name__

    assert is_api_path(requested) is expected


@pytest.mark.parametrize("route", ["", "^(?:a|b)/", "<str:name>/", "^a?/", "^(?P<name>a)/"])
def test_a_route_without_a_fixed_first_segment_is_refused(route: str) -> None:
    with pytest.raises(ValueError, match="fixed segment"):
        first_segment(route)


@pytest.mark.parametrize(
    "unknown",
    [
        "/api/nothing",
        "/v1/nothing",
        "/batch/nothing",
        "/capture/nothing",
        "/e/nothing",
        "/i/nothing",
        "/flags/nothing",
        "/decide/nothing",
        "/array/nothing",
    ],
)
def test_an_unknown_path_beside_a_route_for_clients_is_a_404_in_json(unknown: str, db: None) -> None:
    response = Client().post(unknown)

    assert (response.status_code, response["Content-Type"]) == (404, "application/json")
    assert response.json()["code"] == "not_found"


@pytest.mark.parametrize("unknown", ["/nothing", "/kpis/", "/healthz/nothing", "/apis", "/x/api/"])
def test_an_unknown_path_beside_a_page_is_a_404_in_html(unknown: str, db: None) -> None:
    response = Client().get(unknown)

    assert (response.status_code, response["Content-Type"]) == (404, "text/html; charset=utf-8")
