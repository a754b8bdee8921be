"""Which paths belong to an API, told from the URL conf: web knows the routes of no app."""

import re
from collections.abc import Iterator
from functools import lru_cache

from django.conf import settings
from django.http import HttpRequest
from django.urls import URLPattern, URLResolver, get_resolver
from rest_framework.views import APIView

# A fixed segment, up to a slash or the end: api/kpis/, ^v1/m/?$, metrics.
FIRST_SEGMENT = re.compile(r"\^?([\w-]+)(?:/|\$|\Z)")


def is_api_path(path: str) -> bool:
    """Whether the path, known or not, begins with the same segment as the route of some REST framework view."""
    return path.removeprefix("/").partition("/")[0] in api_segments(settings.ROOT_URLCONF)


def is_api(request: HttpRequest) -> bool:
    """Whether faults of this request are answered with JSON."""
    return is_api_path(request.path_info)


@lru_cache(maxsize=8)
def api_segments(urlconf: str) -> frozenset[str]:
    """The first segments of the paths of all REST framework views, like {"api", "v1"}.

    Raises ValueError for the route of such a view that does not begin with a fixed segment.
    """
    return frozenset(first_segment(route) for route in api_routes(get_resolver(urlconf)))


def api_routes(resolver: URLResolver, *, prefix: str = "") -> Iterator[str]:
    """The routes of all REST framework views below a resolver, as the URL conf writes them."""
    for pattern in resolver.url_patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from api_routes(pattern, prefix=route)
        elif is_api_view(pattern):
            yield route


def is_api_view(pattern: URLPattern) -> bool:
    # APIView.as_view() leaves its class here.
    view_class = getattr(pattern.callback, "cls", None)
    return isinstance(view_class, type) and issubclass(view_class, APIView)


def first_segment(route: str) -> str:
    match = FIRST_SEGMENT.match(route)
    if match is None:
        raise ValueError(f"the route {route} does not begin with a fixed segment")
    return match[1]
