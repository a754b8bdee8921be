"""What a page is asked to show: its state, read from its URL and written back into its links."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Self
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _

from kpis.days import reporting_zone
from kpis.reading.environments import UnknownEnvironment, choose_environment
from kpis.reading.periods import (
    Against,
    CalendarUnit,
    Granularity,
    InvalidRange,
    Range,
    calendar_range,
    parse_range,
    recent_days,
    split,
)
from kpis.registry import Kpi
from people.access import environments_allowed
from telemetry.models import Environment

PRESETS = {"7d": 7, "28d": 28, "90d": 90}
DEFAULT_PRESET = "28d"
# The unit, and how many units ago. The current one goes up to the end of today.
CALENDAR_PRESETS: Mapping[str, tuple[CalendarUnit, int]] = {
    "month": (CalendarUnit.MONTH, 0),
    "last_month": (CalendarUnit.MONTH, 1),
    "quarter": (CalendarUnit.QUARTER, 0),
    "last_quarter": (CalendarUnit.QUARTER, 1),
}
# How long the periods may be that a page shows one by one. The total is always on it.
GRANULARITIES = (Granularity.HOUR, Granularity.DAY, Granularity.WEEK, Granularity.MONTH)
DEFAULT_GRANULARITY = Granularity.DAY
LINES, STACKED = "lines", "stacked"
SHAPES = ("", LINES, STACKED)
NO_COMPARISON = "none"
# What `compare` takes, and how it is kept: the previous period is the default. "1" is from older links.
COMPARISONS = {
    "": "",
    Against.PREVIOUS.value: "",
    Against.WEEKDAYS.value: Against.WEEKDAYS.value,
    Against.YEAR.value: Against.YEAR.value,
    NO_COMPARISON: NO_COMPARISON,
    "1": "",
}
# Fewer than can be read: the previous period, which is as long in days, may have an hour more.
MAXIMUM_PERIODS_SHOWN = 1_000


@dataclass(frozen=True, kw_only=True)
class PageState:
    """The parts of the URL. An empty one is the default; `start` and `end` are the dates that a person chose."""

    environment: str = ""
    preset: str = ""
    start: str = ""
    end: str = ""
    granularity: Granularity = DEFAULT_GRANULARITY
    breakdown: str = ""
    # What the range is compared with: an Against, NO_COMPARISON, or "" for the previous period.
    compare: str = ""
    # How a breakdown is drawn over time; "" is what suits the KPI.
    shape: str = ""
    # What else a page keeps in its URL, (name, value): its tab, its order. The page itself reads it.
    extra: tuple[tuple[str, str], ...] = ()

    @classmethod
    def from_query(cls, query: Mapping[str, str], *, kpi: Kpi | None = None) -> Self:
        """Raises InvalidRange for a range, granularity or breakdown that the page does not have."""
        state = cls(
            environment=query.get("environment", ""),
            preset=_one_of(query, "range", allowed=("", *PRESETS, *CALENDAR_PRESETS)),
            start=query.get("from", "").strip(),
            end=query.get("to", "").strip(),
            granularity=Granularity(
                _one_of(query, "granularity", allowed=GRANULARITIES, default=DEFAULT_GRANULARITY)
            ),
            breakdown=_one_of(query, "breakdown", allowed=("", *(kpi.dimensions if kpi else ()))),
            compare=COMPARISONS[_one_of(query, "compare", allowed=tuple(COMPARISONS))],
            shape=_one_of(query, "shape", allowed=SHAPES),
        )
        return replace(state, start="", end="") if state.preset else state

    @property
    def compares(self) -> bool:
        return self.compare != NO_COMPARISON

    @property
    def against(self) -> Against:
        """What to compare with; the previous period also where nothing is compared."""
        return Against(self.compare) if self.compare and self.compares else Against.PREVIOUS

    @property
    def is_custom(self) -> bool:
        return bool(self.start or self.end)

    def range(self, *, zone: ZoneInfo, now: datetime) -> Range:
        """The range to show. Raises InvalidRange, and TooManyPeriods for more than a page may show."""
        shown_range = self._asked_range(zone=zone, now=now)
        split(shown_range, granularity=self.granularity, maximum=MAXIMUM_PERIODS_SHOWN)
        return shown_range

    def _asked_range(self, *, zone: ZoneInfo, now: datetime) -> Range:
        if self.is_custom:
            return parse_range(start=self.start, end=self.end, zone=zone, now=now)
        if self.preset in CALENDAR_PRESETS:
            unit, back = CALENDAR_PRESETS[self.preset]
            return calendar_range(unit, zone=zone, now=now, back=back)
        return recent_days(PRESETS[self.preset or DEFAULT_PRESET], zone=zone, now=now)

    def link(self, **changes: str | bool | Granularity) -> str:
        """The address of the same page with some parts changed."""
        return self.query(**changes) or "?"

    def query(self, **changes: str | bool | Granularity) -> str:
        """The query string of the same page with some parts changed; "" where all is as by default."""
        state = replace(self, **changes)  # type: ignore[arg-type]  # Each part has a type of its own.
        parts = {
            "environment": state.environment,
            "range": "" if state.preset == DEFAULT_PRESET else state.preset,
            "from": state.start,
            "to": state.end,
            **state.kept_fields(),
        }
        text = urlencode({name: value for name, value in parts.items() if value})
        return f"?{text}" if text else ""

    def kept_fields(self) -> dict[str, str]:
        """What stays as it is when a person chooses another environment or other dates."""
        fields = {
            "granularity": "" if self.granularity is DEFAULT_GRANULARITY else self.granularity.value,
            "breakdown": self.breakdown,
            "compare": self.compare,
            "shape": self.shape,
            **dict(self.extra),
        }
        return {name: value for name, value in fields.items() if value}

    def shared(self) -> Self:
        """What every page understands: the environment and the range."""
        return replace(self.compared(), compare="")

    def compared(self) -> Self:
        """What the overview and the pages of KPIs share: that, and the comparison."""
        return replace(self, granularity=DEFAULT_GRANULARITY, breakdown="", shape="", extra=())

    def with_extra(self, **parts: str) -> Self:
        """With these parts of the page's own; an empty one is left out of the URL."""
        return replace(self, extra=tuple({**dict(self.extra), **parts}.items()))


def moment_part(moment: datetime, *, zone: ZoneInfo) -> str:
    """The moment as a date where it is a midnight of the zone, else as RFC 3339: what `from` and `to` take."""
    local = moment.astimezone(zone)
    is_midnight = (local.hour, local.minute) == (0, 0)
    return f"{local:%Y-%m-%d}" if is_midnight else local.isoformat()


@dataclass(frozen=True, kw_only=True)
class PageRequest:
    """A page of an environment, as a person asked for it. With a fault, state and range are the defaults."""

    state: PageState
    environment: str
    environments: Sequence[str]
    range: Range
    now: datetime
    fault: InvalidRange | None = None

    @classmethod
    def from_query(
        cls,
        query: Mapping[str, str],
        *,
        environments: Sequence[str],
        zone: ZoneInfo,
        now: datetime,
        kpi: Kpi | None = None,
        has_comparison: bool = False,
    ) -> Self:
        """Without a KPI it keeps what every page understands, and the comparison where the page has one.

        Raises UnknownEnvironment.
        """
        fault = None
        try:
            state = PageState.from_query(query, kpi=kpi)
            if kpi is None:
                state = state.compared() if has_comparison else state.shared()
            shown_range = state.range(zone=zone, now=now)
        except InvalidRange as error:
            fault = error
            state = PageState(environment=query.get("environment", ""))
            shown_range = state.range(zone=zone, now=now)
        environment = choose_environment(state.environment, environments=environments)
        return cls(
            state=state,
            environment=environment,
            environments=environments,
            range=shown_range,
            now=now,
            fault=fault,
        )

    @property
    def status(self) -> int:
        """The HTTP status of the page."""
        return 400 if self.fault else 200


def environments_of(request: HttpRequest) -> list[str]:
    """The environments that the person may see, in alphabetical order."""
    return environments_allowed(request.user, Environment.names())


def environment_or_404(name: str, *, names: Sequence[str]) -> str:
    """The environment of this name, or the default for "". Raises Http404 for one that is not among the names."""
    try:
        return choose_environment(name, environments=names)
    except UnknownEnvironment:
        raise Http404("There is no environment of this name.") from None


def no_environment_page(request: HttpRequest) -> HttpResponse:
    """For people who have no environment to see: how to make the first, or that theirs are closed to them."""
    is_first_run = not Environment.objects.exists()
    return render(request, "pages/first_run.html" if is_first_run else "people/no_environment.html")


def page_request_or_404(
    request: HttpRequest,
    *,
    environments: Sequence[str],
    kpi: Kpi | None = None,
    has_comparison: bool = False,
) -> PageRequest:
    """The request's PageRequest, in the reporting zone and now. Raises Http404 for an unknown environment."""
    try:
        return PageRequest.from_query(
            request.GET.dict(),
            environments=environments,
            zone=reporting_zone(),
            now=timezone.now(),
            kpi=kpi,
            has_comparison=has_comparison,
        )
    except UnknownEnvironment:
        raise Http404("There is no environment of this name.") from None


def _one_of(query: Mapping[str, str], name: str, *, allowed: tuple[str, ...], default: str = "") -> str:
    value = query.get(name, "") or default
    if value not in allowed:
        names = ", ".join(part for part in allowed if part) or _("nothing")
        raise InvalidRange(_("It takes one of: %(names)s.") % {"names": names}, field=name)
    return value
