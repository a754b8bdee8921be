"""Metrics of HTTP requests, with a number of series that does not depend on what clients send.

django-prometheus makes a series of every method and view, and fails on a Content-Length that is no number. Here
unknown methods and paths become `other`, the admin's views become `admin`, and bad lengths are read as empty.
"""

from collections.abc import Callable
from http import HTTPStatus
from itertools import product
from time import perf_counter
from typing import Any

from django.http import HttpRequest, HttpResponseBase
from django.urls import Resolver404, resolve
from django_prometheus.middleware import PrometheusAfterMiddleware
from prometheus_client import Counter, Histogram

from telemetry.counters.families import HTTP_BUCKETS, STATUS_FAMILIES

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER = "other"
ADMIN = "admin"
# int() refuses very long numbers; no body is as long as these digits can say.
LENGTH_DIGITS = 18

CATEGORIES: dict[int, str] = {
    HTTPStatus.UNAUTHORIZED: "unauthorized",
    HTTPStatus.FORBIDDEN: "forbidden",
    HTTPStatus.NOT_FOUND: "not_found",
    HTTPStatus.METHOD_NOT_ALLOWED: "method_not_allowed",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "too_large",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "unsupported_media_type",
    HTTPStatus.TOO_MANY_REQUESTS: "too_many_requests",
    HTTPStatus.SERVICE_UNAVAILABLE: "unavailable",
}
# What is none of these: below 500, and from there on.
OTHER_CATEGORIES = ("bad_request", "server_error")
# Those that the objectives of posts select.
POST_ROUTES = ("telemetry:ingest", "protocols:segment", "protocols:posthog")

request_duration = Histogram(
    "portal_http_request_duration_seconds",
    "How long requests took, all middleware included.",
    ["route", "method", "status_family"],
    buckets=HTTP_BUCKETS,
)
request_errors = Counter("portal_http_errors_total", "Answers of 400 and above.", ["category"])

GetResponse = Callable[[HttpRequest], HttpResponseBase]


def route_of(request: HttpRequest) -> str:
    """Name of the URL pattern that answered; `other` for a path that no pattern matches."""
    match = request.resolver_match
    return view_label((match and match.view_name) or OTHER)


def view_label(view: str) -> str:
    """The view's name, or `admin` for each of the admin's many views."""
    return ADMIN if view.startswith(f"{ADMIN}:") else view


def method_of(request: HttpRequest) -> str:
    return known_method(request.method or "")


def known_method(method: str) -> str:
    return method if method in METHODS else OTHER


def category_of(status: int) -> str:
    """The category of an error status (400 and above)."""
    bad_request, server_error = OTHER_CATEGORIES
    other = server_error if status >= HTTPStatus.INTERNAL_SERVER_ERROR else bad_request
    return CATEGORIES.get(status, other)


def note_refusal(*, path: str, method: str, status: int) -> None:
    """Count a request that was answered before it came to the application, as one that took it no time."""
    try:
        route = view_label(resolve(path).view_name or OTHER)
    except Resolver404:
        route = OTHER
    note_answer(route=route, method=known_method(method), status=status, seconds=0)


def note_answer(*, route: str, method: str, status: int, seconds: float) -> None:
    request_duration.labels(route, method, f"{status // 100}xx").observe(seconds)
    if status >= HTTPStatus.BAD_REQUEST:
        request_errors.labels(category_of(status)).inc()


def expect_posts() -> None:
    """Show the series of posts before the first one: Prometheus takes a series' first value as its beginning."""
    for route, status_family in product(POST_ROUTES, STATUS_FAMILIES):
        request_duration.labels(route, "POST", status_family)
    for category in (*CATEGORIES.values(), *OTHER_CATEGORIES):
        request_errors.labels(category)


class RequestMetricsMiddleware:
    """Times every request. It comes first, so that requests which other middleware refuses are counted too."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        started_at = perf_counter()
        response = self.get_response(request)
        note_answer(
            route=route_of(request),
            method=method_of(request),
            status=response.status_code,
            seconds=perf_counter() - started_at,
        )
        return response


class ViewMetricsMiddleware(PrometheusAfterMiddleware):  # type: ignore[misc]  # It has no types.
    """django-prometheus's second middleware, with unknown methods and the admin's views folded in every family."""

    def process_request(self, request: HttpRequest) -> None:
        request.META["CONTENT_LENGTH"] = readable_length(request.META.get("CONTENT_LENGTH", ""))
        super().process_request(request)

    def label_metric(
        self, metric: Any, request: HttpRequest, response: HttpResponseBase | None = None, **labels: str
    ) -> Any:
        if "method" in labels:
            labels["method"] = self._method(request)
        if "view" in labels:
            labels["view"] = view_label(labels["view"])
        return super().label_metric(metric, request, response, **labels)


def readable_length(value: str) -> str:
    """The Content-Length, cut to LENGTH_DIGITS; empty if it is not a number, as Django has a missing one."""
    return value[:LENGTH_DIGITS] if value.isascii() and value.isdigit() else ""
