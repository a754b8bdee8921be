"""The environment and the range that every page shows, and the links that change them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from kpis.formatting import moment_text, words_of
from kpis.reading.periods import Range
from kpis.reading.readings import Comparison
from kpis.registry import Kpi
from pages.page_request import DEFAULT_PRESET, GRANULARITIES, PRESETS, PageRequest, PageState
from pages.period_names import range_text


@dataclass(frozen=True, kw_only=True)
class Link:
    label: str
    url: str
    is_current: bool


@dataclass(frozen=True, kw_only=True)
class PageControls:
    """`granularities` are empty on a page that always shows days; `hidden` are the form's hidden fields.

    `is_open` says that the range is computed to somewhere within it.
    """

    environment: str
    environments: Sequence[Link]
    ranges: Sequence[Link]
    granularities: Sequence[Link]
    start: str
    end: str
    range_text: str
    previous_text: str
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
        )

    @classmethod
    def from_page(
        cls,
        page: PageRequest,
        *,
        computed_until: datetime | None,
        previous: Range,
        has_granularities: bool = False,
    ) -> Self:
        """`previous` is the range that the page compares with."""
        state, shown_range, until = page.state, page.range, computed_until
        zone = shown_range.zone
        return cls(
            environment=page.environment,
            environments=environment_links(page),
            ranges=range_links(state),
            granularities=granularity_links(state) if has_granularities else [],
            start=f"{shown_range.start.astimezone(zone):%Y-%m-%d}" if state.is_custom else "",
            end=f"{shown_range.end.astimezone(zone):%Y-%m-%d}" if state.is_custom else "",
            range_text=range_text(shown_range),
            previous_text=range_text(previous),
            time_zone=zone.key,
            computed_until=moment_text(until, zone=zone) if until else "",
            computed_until_iso=until.isoformat() if until else "",
            is_open=until is not None and shown_range.start < until < shown_range.end,
            is_custom=state.is_custom,
            hidden=state.kept_fields(),
        )


def environment_links(page: PageRequest) -> list[Link]:
    return [
        Link(label=name, url=page.state.link(environment=name), is_current=name == page.environment)
        for name in page.environments
    ]


def range_links(state: PageState) -> list[Link]:
    current = "" if state.is_custom else state.preset or DEFAULT_PRESET
    return [
        Link(label=f"{days} days", url=state.link(preset=name, start="", end=""), is_current=name == current)
        for name, days in PRESETS.items()
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


def breakdown_links(kpi: Kpi, *, state: PageState) -> list[Link]:
    """A link for each dimension of the KPI, and one for none."""
    return [
        Link(
            label=words_of(name) or "None",
            url=state.link(breakdown=name),
            is_current=name == state.breakdown,
        )
        for name in ("", *kpi.dimensions)
    ]
