"""The buttons of the overview that pin KPIs and move them and sections: each is a form of its own."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import cast

from django.contrib import messages
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from kpis.formatting import words_of
from kpis.reading.periods import InvalidRange
from kpis.registry import REGISTRY, Persona
from pages.overview.cards import pinned_slugs, shown_personas
from pages.page_request import PageState
from people.access import needs_right
from people.models import Right
from people.overview.arranging import Arrangement, rearrange

# How many places later.
STEPS = {"up": -1, "down": 1}
DIRECTIONS = tuple(STEPS)


@dataclass(frozen=True, kw_only=True)
class Rearrangement:
    """What a button does. `said` tells the result in words, `button` is the one that keeps the focus."""

    change: Callable[[Arrangement], Arrangement]
    said: Callable[[Arrangement], str]
    button: str

    @classmethod
    def from_form(cls, form: Mapping[str, str]) -> "Rearrangement":
        """Raises Http404 for a KPI, a section or a step that there is not."""
        step, slug, section = (form.get(name, "") for name in ("step", "kpi", "section"))
        if slug in REGISTRY and step in DIRECTIONS:
            return move_kpi(slug, step=step)
        if slug in REGISTRY and step in {"pin", "unpin"}:
            return pin(slug, is_pinned=step == "pin")
        if section in set(Persona) and step in DIRECTIONS:
            return move_section(section, step=step)
        raise Http404("There is no such button.")


def pin(slug: str, *, is_pinned: bool) -> Rearrangement:
    sentence = _("%(title)s is pinned.") if is_pinned else _("%(title)s is no longer pinned.")
    said = sentence % {"title": _(REGISTRY[slug].title)}
    return Rearrangement(
        change=lambda now: now.with_pin(slug) if is_pinned else now.without_pin(slug),
        said=lambda now: said,
        button=f"pin-{slug}",
    )


def move_kpi(slug: str, *, step: str) -> Rearrangement:
    return Rearrangement(
        change=lambda now: now.with_pin_moved(slug, by=STEPS[step], shown=pinned_slugs(now)),
        said=lambda now: place_text(_(REGISTRY[slug].title), slug, names=pinned_slugs(now)),
        button=f"{step}-{slug}",
    )


def move_section(name: str, *, step: str) -> Rearrangement:
    sections = list(Persona)
    return Rearrangement(
        change=lambda now: now.with_section_moved(
            name, by=STEPS[step], among=sections, shown=shown_personas(now)
        ),
        said=lambda now: place_text(words_of(name), name, names=shown_personas(now)),
        button=f"{step}-{name}",
    )


def place_text(title: str, name: str, *, names: list[str]) -> str:
    """Approval rate is 2 of 3 now."""
    if name not in names:
        return _("%(title)s is not pinned.") % {"title": title}
    place = {"title": title, "number": names.index(name) + 1, "count": len(names)}
    return _("%(title)s is %(number)s of %(count)s now.") % place


@require_POST
@needs_right(Right.VIEW_PAGES)
def arrange_overview(request: HttpRequest) -> HttpResponse:
    """The address of the buttons; it leads back to the overview, with the focus where it was."""
    wanted = Rearrangement.from_form(request.POST.dict())
    arrangement = rearrange(cast(User, request.user), change=wanted.change)
    messages.success(request, wanted.said(arrangement))
    return redirect(f"{reverse('overview')}{query_of(request)}#{wanted.button}")


def query_of(request: HttpRequest) -> str:
    """The environment, the range and the comparison that were shown; the defaults where they cannot be understood."""
    try:
        return PageState.from_query(request.GET.dict()).compared().query()
    except InvalidRange:
        return ""
