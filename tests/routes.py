"""Every route of the portal, walked from the URL conf, as paths that a request can ask for."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from django.urls import URLPattern, URLResolver, get_resolver
from django.urls.resolvers import RegexPattern, RoutePattern

# What stands for a part of a path that has no value of its own below.
VALUES: Mapping[str, str] = {
    "int": "1",
    "uuid": "0190a1f2-7c3b-4d21-8f7e-2b6c1d9e0a11",
    "str": "x",
    "slug": "x",
    "path": "x",
}


@dataclass(frozen=True, slots=True)
class Route:
    """`pattern` is as the URL conf writes it; `path` is one that it takes; `name` has its namespaces."""

    name: str
    pattern: str
    path: str


def all_routes(*, parts: Mapping[str, str] | None = None) -> list[Route]:
    """All routes; `parts` are the values of named parts of paths, by name, where they shall not be any value."""
    return list(routes_below(get_resolver(), parts=parts or {}))


def routes_below(
    resolver: URLResolver, *, parts: Mapping[str, str], before: Route | None = None
) -> Iterator[Route]:
    for entry in resolver.url_patterns:
        route = joined(before or Route("", "", "/"), entry, parts=parts)
        if isinstance(entry, URLResolver):
            yield from routes_below(entry, parts=parts, before=route)
        else:
            yield route


def joined(before: Route, entry: URLPattern | URLResolver, *, parts: Mapping[str, str]) -> Route:
    name = (entry.namespace if isinstance(entry, URLResolver) else entry.name) or ""
    return Route(
        name=":".join(filter(None, [before.name, name])),
        pattern=before.pattern + str(entry.pattern),
        path=before.path + filled(entry.pattern, parts=parts),
    )


def filled(pattern: object, *, parts: Mapping[str, str]) -> str:
    """A path that the pattern takes. Raises ValueError for a regular expression that is too hard to fill."""
    if isinstance(pattern, RoutePattern):
        return re.sub(
            r"<(?:(\w+):)?(\w+)>",
            lambda part: parts.get(part[2], VALUES.get(part[1] or "str", "x")),
            str(pattern),
        )
    if isinstance(pattern, RegexPattern):
        return filled_regex(str(pattern), parts=parts)
    return ""


def filled_regex(pattern: str, *, parts: Mapping[str, str]) -> str:
    def value(part: re.Match[str]) -> str:
        given = parts.get(part[1])
        if given is not None and re.fullmatch(part[2], given):
            return given
        first = part[2].partition("|")[0]
        return first if first.isalnum() else "x"

    path = re.sub(r"\(\?P<(\w+)>([^()]*)\)", value, pattern.removeprefix("^"))
    path = path.removesuffix("$").removesuffix(r"\Z").replace("/?", "/").replace("\\.", ".")
    if not re.match(pattern, path):
        raise ValueError(f"no path is known for {pattern}")
    return path
