"""The cards of the overview, by persona."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.urls import reverse
from django.utils.translation import gettext as _

from kpis.formatting import words_of
from kpis.reading.readings import Comparison, KpiReading
from kpis.registry import REGISTRY, Persona
from pages.kpi.headline import Headline
from pages.kpi.texts import is_open, summary_text
from pages.page_request import PageState
from pages.sparkline import Sparkline, make_sparkline
from people.overview.arranging import Arrangement
from web.languages import lazy_text

QUESTIONS = {
    Persona.AGENT: lazy_text("Does the assistant put templates to work?"),
    Persona.END_USER: lazy_text("How quickly does an idea become a workflow?"),
    Persona.LEADERSHIP: lazy_text("Is the workbench where workflows are made?"),
    Persona.DOMAIN_EXPERT: lazy_text("Is the experts' knowledge reused?"),
    Persona.OPERATOR: lazy_text("Do workflows, approvals and agents run well, and at what cost?"),
}


PINNED = "pinned"


@dataclass(frozen=True, kw_only=True)
class PlaceInOrder:
    """Where something stands among others that a person can move: 2 of 5."""

    number: int
    count: int

    @property
    def is_first(self) -> bool:
        return self.number == 1

    @property
    def is_last(self) -> bool:
        return self.number == self.count


@dataclass(frozen=True, kw_only=True)
class Card:
    """A KPI on the overview. `sparkline` is None where no day has a value, `place` where it is not pinned."""

    slug: str
    title: str
    unit: str
    url: str
    headline: Headline
    sparkline: Sparkline | None
    sparkline_label: str
    place: PlaceInOrder | None = None


@dataclass(frozen=True, kw_only=True)
class Section:
    """A persona's cards, or those that are pinned; `key` names the section in the page.

    `place` is None for what is pinned, which stands first.
    """

    key: str
    persona: str
    question: str
    cards: Sequence[Card]
    place: PlaceInOrder | None = None

    @property
    def is_wide(self) -> bool:
        """Whether it takes a row of its own."""
        return self.place is None or len(self.cards) > 1


def make_sections(
    comparisons: Sequence[Comparison], *, arrangement: Arrangement, state: PageState
) -> list[Section]:
    """What is pinned, then the other cards by persona, both in the person's order. A section has a card at least."""
    pinned = pinned_slugs(arrangement)
    found = {comparison.current.kpi.slug: comparison for comparison in comparisons}
    personas = shown_personas(arrangement)
    sections = [
        persona_section(
            [comparison for slug, comparison in found.items() if slug not in pinned],
            persona=Persona(name),
            place=PlaceInOrder(number=number, count=len(personas)),
            state=state,
        )
        for number, name in enumerate(personas, start=1)
    ]
    return [
        section
        for section in [pinned_section([found[slug] for slug in pinned], state=state), *sections]
        if section.cards
    ]


def shown_personas(arrangement: Arrangement) -> list[str]:
    """In the person's order, those with a KPI that is not pinned."""
    pinned = pinned_slugs(arrangement)
    with_cards = {kpi.persona for slug, kpi in REGISTRY.items() if slug not in pinned}
    return [name for name in arrangement.order_sections(Persona) if name in with_cards]


def pinned_slugs(arrangement: Arrangement) -> list[str]:
    """Those of KPIs that there are."""
    return [slug for slug in arrangement.pinned if slug in REGISTRY]


def pinned_section(comparisons: Sequence[Comparison], *, state: PageState) -> Section:
    cards = [
        make_card(comparison, state=state, place=PlaceInOrder(number=number, count=len(comparisons)))
        for number, comparison in enumerate(comparisons, start=1)
    ]
    return Section(key=PINNED, persona=_("Pinned"), question=_("What you keep an eye on"), cards=cards)


def persona_section(
    comparisons: Iterable[Comparison], *, persona: Persona, place: PlaceInOrder, state: PageState
) -> Section:
    """The persona's cards, in the order of the registry."""
    return Section(
        key=persona.value,
        persona=words_of(persona),
        question=QUESTIONS[persona],
        cards=[make_card(one, state=state) for one in comparisons if one.current.kpi.persona is persona],
        place=place,
    )


def make_card(comparison: Comparison, *, state: PageState, place: PlaceInOrder | None = None) -> Card:
    current = comparison.current
    return Card(
        slug=current.kpi.slug,
        title=_(current.kpi.title),
        unit=current.kpi.unit,
        url=kpi_url(current.kpi.slug, state=state),
        headline=Headline.from_comparison(comparison, state=state),
        sparkline=sparkline_of(current),
        sparkline_label=_("%(title)s by day: %(values)s")
        % {"title": _(current.kpi.title), "values": summary_text(current)},
        place=place,
    )


def kpi_url(slug: str, *, state: PageState) -> str:
    """The KPI's page in the same environment and range."""
    return reverse("kpi", args=[slug]) + state.compared().query()


def sparkline_of(reading: KpiReading) -> Sparkline | None:
    series = reading.series
    return make_sparkline(
        [evaluation.value for evaluation in series],
        target=reading.total.goal.target,
        is_open=bool(series) and is_open(series[-1], reading=reading),
    )


def is_empty(comparisons: Iterable[Comparison]) -> bool:
    """Whether the range is computed, and nothing that any KPI counts happened in it."""
    readings = [comparison.current for comparison in comparisons]
    return all(reading.series and not reading.total.denominator for reading in readings)
