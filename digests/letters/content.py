"""What a digest says: of each environment what left its target, what came back, what changed, and every KPI.

It asks the same readings as the overview and has the texts from there, so that its figures are those of the pages.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Self

from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from digests.letters.bars import DigestBar, make_bars
from digests.models import DigestFrequency
from kpis.days import local_day, reporting_zone
from kpis.formatting import date_text, day_of_year_text, moment_text
from kpis.reading.evaluation import OFF_TARGET
from kpis.reading.periods import Granularity, Range
from kpis.reading.readings import Comparison, compare_kpis
from pages.kpi.headline import Change, Headline
from pages.kpi.news import came_back, left_target, size_of_change
from pages.kpi.texts import summary_text
from pages.page_request import PageState
from web.languages import lazy_text
from web.moments import rfc3339

# What the bars of a digest are: the hours of its day, or the days of its week.
GRANULARITIES = {DigestFrequency.DAILY: Granularity.HOUR, DigestFrequency.WEEKLY: Granularity.DAY}
NAMES = {
    DigestFrequency.DAILY: lazy_text("Daily digest"),
    DigestFrequency.WEEKLY: lazy_text("Weekly digest"),
}
BEFORE = {
    DigestFrequency.DAILY: lazy_text("the day before"),
    DigestFrequency.WEEKLY: lazy_text("the week before"),
}
BARS = {DigestFrequency.DAILY: lazy_text("By hour"), DigestFrequency.WEEKLY: lazy_text("By day")}
# Colours of static/portal/tokens.css on white, since a mail has no style sheet. Words stand beside each.
COLOURS = {"good": "#12704a", "bad": "#b02a30", "few": "#7d5800", "close": "#7d5800"}
OTHER_COLOUR = "#5a5f67"


@dataclass(frozen=True, kw_only=True)
class KpiLine:
    """A KPI in a digest, as texts. `note` says why there is no value, "" where there is one.

    `left` and `came_back` are about its target; `size` orders changes that are more than noise, None is no such change.
    """

    title: str
    url: str
    value: str
    previous: str
    target: str
    verdict: str
    tone: str
    change: Change | None
    note: str
    bars: Sequence[DigestBar]
    summary: str
    left: bool
    came_back: bool
    is_off: bool
    size: float | None

    @classmethod
    def from_comparison(cls, comparison: Comparison, *, url: str) -> Self:
        current, headline = comparison.current, Headline.from_comparison(comparison, state=PageState())
        return cls(
            title=_(current.kpi.title),
            url=url,
            value=headline.total.value,
            previous=headline.previous_value,
            target=headline.total.target,
            verdict=str(headline.badge.label),
            tone=headline.badge.tone,
            change=headline.change,
            note=headline.note,
            bars=make_bars([evaluation.value for evaluation in current.series]),
            summary=summary_text(current),
            left=left_target(comparison),
            came_back=came_back(comparison),
            is_off=current.total.call == OFF_TARGET,
            size=size_of_change(comparison),
        )

    @property
    def colour(self) -> str:
        """Of the change."""
        return COLOURS.get(self.change.tone if self.change else "", OTHER_COLOUR)

    @property
    def verdict_colour(self) -> str:
        return COLOURS.get(self.tone, OTHER_COLOUR)

    @property
    def change_words(self) -> str:
        """+5.3 points, better; +2 points, within noise; "" where there is nothing to compare."""
        if self.change is None:
            return ""
        return ", ".join(dict.fromkeys([self.change.text, str(self.change.words)]))


@dataclass(frozen=True, kw_only=True)
class EnvironmentPart:
    """An environment in a digest. `note` says that not all is computed, or that nothing happened; "" as a rule."""

    environment: str
    url: str
    lines: Sequence[KpiLine]
    note: str

    @property
    def left(self) -> list[KpiLine]:
        return [line for line in self.lines if line.left]

    @property
    def came_back(self) -> list[KpiLine]:
        return [line for line in self.lines if line.came_back]

    @property
    def still_off(self) -> list[KpiLine]:
        return [line for line in self.lines if line.is_off and not line.left]

    @property
    def changed(self) -> list[KpiLine]:
        """More than noise, the largest first."""
        return sorted(
            (line for line in self.lines if line.size is not None), key=lambda line: -(line.size or 0)
        )

    @property
    def is_quiet(self) -> bool:
        """Whether nothing of it is news."""
        return not (self.left or self.came_back or self.changed)


@dataclass(frozen=True, kw_only=True)
class Digest:
    """All of a digest but where it goes. `is_computed`: whether the figures of the period are final."""

    frequency: DigestFrequency
    name: str
    period: str
    before: str
    zone: str
    parts: Sequence[EnvironmentPart]
    is_computed: bool

    @property
    def bars_are(self) -> str:
        return str(BARS[self.frequency])

    @property
    def subject(self) -> str:
        """Weekly digest, 16 to 22 Mar 2026: 2 left their target, 3 changed."""
        news = ", ".join(self._news()) or _("nothing changed beyond noise")
        return _("%(name)s, %(period)s: %(news)s") % {
            "name": self.name,
            "period": self.period,
            "news": news,
        }

    def _news(self) -> Iterator[str]:
        left = sum(len(part.left) for part in self.parts)
        changed = sum(len(part.changed) for part in self.parts)
        if left:
            yield ngettext("%(count)s left its target", "%(count)s left their target", left) % {"count": left}
        if changed:
            yield _("%(count)s changed") % {"count": changed}


def make_digest(
    *,
    frequency: DigestFrequency,
    range: Range,
    environments: Sequence[str],
    kpis: Collection[str],
    origin: str,
    now: datetime,
) -> Digest:
    """The digest of the range, which is in the person's zone. About six queries an environment.

    `kpis` are slugs; none: every KPI. `origin` is what links begin with; "": there are none.
    """
    readings = {
        name: compare_kpis(environment=name, range=range, now=now, granularity=GRANULARITIES[frequency])
        for name in environments
    }
    return Digest(
        frequency=frequency,
        name=str(NAMES[frequency]),
        period=period_text(range),
        before=str(BEFORE[frequency]),
        zone=range.zone.key,
        parts=[
            make_part(comparisons, environment=name, kpis=kpis, origin=origin)
            for name, comparisons in readings.items()
        ],
        is_computed=all(is_computed(comparisons[0]) for comparisons in readings.values()),
    )


def make_part(
    comparisons: Sequence[Comparison], *, environment: str, kpis: Collection[str], origin: str
) -> EnvironmentPart:
    query = query_of(comparisons[0].current.range, environment=environment)
    chosen = [comparison for comparison in comparisons if not kpis or comparison.current.kpi.slug in kpis]
    return EnvironmentPart(
        environment=environment,
        url=f"{origin}{reverse('overview')}{query}" if origin else "",
        lines=[
            KpiLine.from_comparison(
                comparison,
                url=f"{origin}{reverse('kpi', args=[comparison.current.kpi.slug])}{query}" if origin else "",
            )
            for comparison in chosen
        ],
        note=part_note(comparisons[0]),
    )


def query_of(range: Range, *, environment: str) -> str:
    """What the pages are asked so that they show the same figures: days of the reporting zone, else moments."""
    if range.zone.key == reporting_zone().key:
        start, end = (str(local_day(moment, zone=range.zone)) for moment in (range.start, range.end))
    else:
        start, end = rfc3339(range.start), rfc3339(range.end)
    return PageState(environment=environment, start=start, end=end).query()


def is_computed(comparison: Comparison) -> bool:
    """Whether the rollup has passed the end of the range. Where it never ran, nobody waits for it."""
    until = comparison.current.computed_until
    return until is None or until >= comparison.current.range.end


def part_note(comparison: Comparison) -> str:
    reading = comparison.current
    if is_computed(comparison) or reading.computed_until is None:
        return ""
    until = moment_text(reading.computed_until, zone=reading.range.zone)
    return _("Computed until %(until)s: later events are not in these figures yet.") % {"until": until}


def period_text(range: Range) -> str:
    """16 Mar 2026; 16 to 22 Mar 2026; 30 Mar to 5 Apr 2026."""
    first = local_day(range.start, zone=range.zone)
    last = local_day(range.end - timedelta(microseconds=1), zone=range.zone)
    if first == last:
        return date_text(first)
    return _("%(first)s to %(last)s") % {"first": short_date(first, beside=last), "last": date_text(last)}


def short_date(day: date, *, beside: date) -> str:
    if day.year != beside.year:
        return date_text(day)
    return date_format(day, "TEXT_DAY_OF_MONTH") if day.month == beside.month else day_of_year_text(day)
