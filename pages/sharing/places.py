"""Which page, in which state, an address of the portal shows."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from urllib.parse import parse_qsl, urlsplit

from django.http import Http404
from django.urls import Resolver404, resolve
from django.utils.http import url_has_allowed_host_and_scheme

from kpis.days import reporting_zone
from kpis.reading.periods import InvalidRange, Range
from kpis.registry import REGISTRY
from pages.page_request import PageState, environment_or_404, moment_part
from sharing.links import Place
from sharing.models import SharedPage

# What the shareable pages keep in their URL; anything else is left out of a link.
STATE_NAMES = (
    "range", "from", "to", "granularity", "breakdown", "compare", "shape", "source", "template", "by", "sort",
)  # fmt: skip
RANGE_NAMES = ("range", "from", "to")


def shared_place_or_404(address: str, *, environments: Sequence[str]) -> Place:
    """Raises Http404 for an address of no page that may be shared, or of no environment that the person may see."""
    path, query = split_address(address)
    try:
        match = resolve(path)
        page = SharedPage(match.url_name or "")
    except (Resolver404, ValueError):
        raise Http404("This page cannot be shared.") from None
    asked = dict(parse_qsl(query))
    return Place(
        page=page,
        kpi=match.kwargs.get("slug", ""),
        environment=environment_or_404(asked.get("environment", ""), names=environments),
        state={name: asked[name] for name in STATE_NAMES if name in asked},
    )


def split_address(address: str) -> tuple[str, str]:
    """(path, query) of an address of the portal. Raises Http404 for one of another site, and for what is none."""
    # The form leads back there.
    if not url_has_allowed_host_and_scheme(address, allowed_hosts=None):
        raise Http404("This page cannot be shared.")
    parts = urlsplit(address)
    return parts.path, parts.query


def range_of(place: Place, *, now: datetime) -> Range:
    """The range that the page shows now. Raises Http404."""
    try:
        state = PageState.from_query(place.state, kpi=REGISTRY.get(place.kpi))
        return state.range(zone=reporting_zone(), now=now)
    except InvalidRange:
        raise Http404("There is no such state of this page.") from None


def is_relative(place: Place) -> bool:
    """Whether the page's range moves on with the days."""
    return not (place.state.get("from") and place.state.get("to"))


def pinned(place: Place, *, now: datetime) -> Place:
    """The same page with the dates that it shows now. Of a month that has a name they are compared as any dates are."""
    shown = range_of(place, now=now)
    kept = {name: value for name, value in place.state.items() if name not in RANGE_NAMES}
    dates = {
        name: moment_part(end, zone=shown.zone) for name, end in (("from", shown.start), ("to", shown.end))
    }
    return replace(place, state={**kept, **dates})
