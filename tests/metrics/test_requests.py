import random
import string
from collections.abc import Iterator

import pytest
from django.http import HttpRequest
from django.test import Client, RequestFactory
from django.urls import URLPattern, URLResolver, get_resolver
from prometheus_client import REGISTRY

from metrics.requests import category_of, expect_posts, method_of, readable_length, view_label

pytestmark = pytest.mark.django_db


def http_series() -> set[tuple[str, tuple[tuple[str, str], ...]]]:
    return {
        (sample.name, tuple(sorted(sample.labels.items())))
        for family in REGISTRY.collect()
        for sample in family.samples
        if family.name.startswith(("django_http", "portal_http"))
    }


def value_of(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def request(method: str) -> HttpRequest:
    made = RequestFactory().get("/")
    made.method = method
    return made


@pytest.fixture
def quiet_client() -> Client:
    """A client that turns a fault of the portal into a 500, as a server does."""
    return Client(raise_request_exception=False)


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_known_methods_are_named(method: str) -> None:
    assert method_of(request(method)) == method


@pytest.mark.parametrize("method", ["BREW", "get", "TRACE", ""])
def test_other_methods_are_folded(method: str) -> None:
    assert method_of(request(method)) == "other"


@pytest.mark.parametrize(
    ("view", "route"),
    [("metrics", "metrics"), ("telemetry:ingest", "telemetry:ingest"), ("admin:auth_user_add", "admin")],
)
def test_the_admins_views_count_as_one(view: str, route: str) -> None:
    assert view_label(view) == route


@pytest.mark.parametrize(
    ("status", "category"),
    [
        (400, "bad_request"),
        (401, "unauthorized"),
        (404, "not_found"),
        (413, "too_large"),
        (429, "too_many_requests"),
        (418, "bad_request"),
        (499, "bad_request"),
        (500, "server_error"),
        (503, "unavailable"),
        (599, "server_error"),
    ],
)
def test_every_error_has_a_category(status: int, category: str) -> None:
    assert category_of(status) == category


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ("", ""),
        ("1048576", "1048576"),
        ("-1", ""),
        ("abc", ""),
        ("²", ""),
        ("9" * 5000, "9" * 18),
    ],
)
def test_a_length_is_a_whole_number_that_can_be_read(value: str, read: str) -> None:
    assert readable_length(value) == read


def test_a_request_is_timed_by_route_method_and_status(client: Client) -> None:
    labels = {"route": "metrics", "method": "GET", "status_family": "2xx"}
    before = value_of("portal_http_request_duration_seconds_count", **labels)

    client.get("/metrics")

    assert value_of("portal_http_request_duration_seconds_count", **labels) == before + 1


def test_an_error_is_counted_by_category(client: Client) -> None:
    before = value_of("portal_http_errors_total", category="not_found")
    client.get("/there-is-nothing-here")

    assert value_of("portal_http_errors_total", category="not_found") == before + 1


def test_a_refused_host_is_counted_too(quiet_client: Client) -> None:
    before = value_of("portal_http_errors_total", category="bad_request")

    assert quiet_client.get("/metrics", headers={"host": "elsewhere.example"}).status_code == 400
    assert value_of("portal_http_errors_total", category="bad_request") == before + 1


@pytest.mark.parametrize("length", ["abc", "-5", "9" * 5000, "1e3"])
def test_a_length_that_is_no_number_fails_nothing(quiet_client: Client, length: str) -> None:
    assert quiet_client.get("/metrics", CONTENT_LENGTH=length).status_code == 200


def abuse(number: int) -> Iterator[tuple[str, str, str]]:
    """(method, path, host) that no client sends in earnest."""
    chance = random.Random(number)
    for _ in range(number):
        word = "".join(chance.choices(string.ascii_letters, k=12))
        yield word.upper(), f"/{word}/{chance.random()}", f"{word}.example"
        yield word.upper(), "/metrics", "testserver"
        yield "GET", f"/admin/auth/user/{word}/change/", "testserver"


def test_abuse_does_not_grow_the_number_of_series(quiet_client: Client) -> None:
    for method, path, host in abuse(20):
        quiet_client.generic(method, path, headers={"host": host})
    before = http_series()

    for method, path, host in abuse(500):
        quiet_client.generic(method, path, headers={"host": host})

    assert http_series() == before


def unnamed(patterns: list[URLPattern | URLResolver], prefix: str = "") -> Iterator[str]:
    for pattern in patterns:
        path = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from unnamed(pattern.url_patterns, path)
        elif not pattern.name:
            yield path


def test_every_url_is_named() -> None:
    # The admin's two are redirects and its catch-all.
    own = [path for path in unnamed(get_resolver().url_patterns) if not path.startswith("admin/")]

    assert own == []


def test_posts_of_every_door_are_shown_before_the_first_one_fails() -> None:
    expect_posts()

    shown = {labels for name, labels in http_series() if name == "portal_http_request_duration_seconds_count"}
    assert {
        (("method", "POST"), ("route", f"protocols:{name}"), ("status_family", "5xx"))
        for name in ("segment", "posthog")
    } <= shown
    assert ("portal_http_errors_total", (("category", "unavailable"),)) in http_series()
