"""The environment and the range that every page shows, and the links that change them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from kpis.formatting import moment_text, words_of
from kpis.reading.periods import Against, Range, dates_of
from kpis.reading.readings import Comparison
from kpis.registry import Kpi
from pages.page_request import (
    DEFAULT_PRESET,
    GRANULARITIES,
    NO_COMPARISON,
    PRESETS,
    PageRequest,
    PageState,
    moment_part,
)
from pages.period_names import COMPARED_NAMES, COMPARED_PHRASES, previous_note, range_text
from web.languages import lazy_text

CALENDAR_LABELS = {
    "month": lazy_text("This month"),
    "last_month": lazy_text("Last month"),
    "quarter": lazy_text("This quarter"),
    "last_quarter": lazy_text("Last quarter"),
}


@dataclass(frozen=True, kw_only=True)
class Link:
    label: str
    url: str
    is_current: bool


@dataclass(frozen=True, kw_only=True)
class PageControls:
    """`granularities` are empty on a page that always shows days, `comparisons` on one without a choice of them.

    `dates` is the range for the name of a file, `fixed_query` a query that shows the same dates tomorrow.
    `compared_name` says what `previous_text` is of the range (`compared_phrase`: after "against"), and
    `previous_note` how it ends. `hidden` are the form's hidden fields. `is_open` says that the range is computed to
    somewhere within it.
    """

    environment: str
    environments: Sequence[Link]
    ranges: Sequence[Link]
    granularities: Sequence[Link]
    comparisons: Sequence[Link]
    start: str
    end: str
    range_text: str
    dates: str
    fixed_query: str
    previous_text: str
    compared_name: str
    compared_phrase: str
    previous_note: str
    time_zone: str
    computed_until: str
    computed_until_iso: str
    is_open: bool
    is_custom: bool
    hidden: Mapping[str, str]

    @classmethod
    def from_comparison(
        cls, comparison: Comparison, *, page: PageRequest, has_granularities: bool = False
    ) -> Self:
        """Any comparison of the page will do: they are all of one range."""
        return cls.from_page(
            page,
            computed_until=comparison.current.computed_until,
            previous=comparison.previous.range,
            has_granularities=has_granularities,
            has_comparisons=True,
        )

    @classmethod
    def from_page(
        cls,
        page: PageRequest,
        *,
        computed_until: datetime | None,
        previous: Range,
        has_granularities: bool = False,
        has_comparisons: bool = False,
    ) -> Self:
        """`previous` is the range that the page compares with."""
        state, shown_range, until = page.state, page.range, computed_until
        zone = shown_range.zone
        is_open = until is not None and shown_range.start < until < shown_range.end
        return cls(
            environment=page.environment,
            environments=environment_links(page),
            ranges=range_links(state),
            granularities=granularity_links(state) if has_granularities else [],
            comparisons=comparison_links(state) if has_comparisons else [],
            start=f"{shown_range.start.astimezone(zone):%Y-%m-%d}" if state.is_custom else "",
            end=f"{shown_range.end.astimezone(zone):%Y-%m-%d}" if state.is_custom else "",
            range_text=range_text(shown_range),
            dates=dates_of(shown_range),
            fixed_query=fixed_query(page),
            previous_text=range_text(previous),
            compared_name=COMPARED_NAMES[state.against] if state.compares else "",
            compared_phrase=COMPARED_PHRASES[state.against] if state.compares else "",
            previous_note=previous_note(
                shown_range, previous=previous, against=state.against, is_open=is_open
            ),
            time_zone=zone.key,
            computed_until=moment_text(until, zone=zone) if until else "",
            computed_until_iso=until.isoformat() if until else "",
            is_open=is_open,
            is_custom=state.is_custom,
            hidden=state.kept_fields(),
        )


def fixed_query(page: PageRequest) -> str:
    """The query of the same page with its environment and the ends of its range, which do not move on with the days.

    A month that has a name is compared with the month before; its dates are compared with as many days before.
    """
    start, end = (moment_part(at, zone=page.range.zone) for at in (page.range.start, page.range.end))
    return page.state.query(environment=page.environment, preset="", start=start, end=end)


def environment_links(page: PageRequest) -> list[Link]:
    return [
        Link(label=name, url=page.state.link(environment=name), is_current=name == page.environment)
        for name in page.environments
    ]


def range_links(state: PageState) -> list[Link]:
    """The ranges that have a name: days up to today, then months and quarters."""
    current = "" if state.is_custom else state.preset or DEFAULT_PRESET
    labels = {
        name: ngettext("%(count)s day", "%(count)s days", days) % {"count": days}
        for name, days in PRESETS.items()
    }
    labels |= CALENDAR_LABELS
    return [
        Link(label=label, url=state.link(preset=name, start="", end=""), is_current=name == current)
        for name, label in labels.items()
    ]


def granularity_links(state: PageState) -> list[Link]:
    return [
        Link(
            label=words_of(granularity),
            url=state.link(granularity=granularity),
            is_current=granularity is state.granularity,
        )
        for granularity in GRANULARITIES
    ]


def comparison_links(state: PageState) -> list[Link]:
    """What the range may be compared with, and nothing."""
    labels = {
        "": _("Previous period"),
        Against.WEEKDAYS.value: _("Same weekdays"),
        Against.YEAR.value: _("A year before"),
        NO_COMPARISON: _("Nothing"),
    }
    return [
        Link(label=label, url=state.link(compare=name), is_current=name == state.compare)
        for name, label in labels.items()
    ]


def breakdown_links(kpi: Kpi, *, state: PageState) -> list[Link]:
    """A link for each dimension of the KPI, and one for none."""
    return [
        Link(
            label=words_of(name) or _("None"),
            url=state.link(breakdown=name),
            is_current=name == state.breakdown,
        )
        for name in ("", *kpi.dimensions)
    ]
