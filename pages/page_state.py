"""The state of a page: what it shows, read from its URL and written back into its links."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from kpis.reading.periods import Granularity, InvalidRange, Range, parse_range, recent_days, split
from kpis.registry import Kpi

PRESETS = {"7d": 7, "28d": 28, "90d": 90}
DEFAULT_PRESET = "28d"
# Of what a page shows the periods one by one; the total is always on it.
GRANULARITIES = (Granularity.HOUR, Granularity.DAY, Granularity.WEEK, Granularity.MONTH)
DEFAULT_GRANULARITY = Granularity.DAY
# Fewer than can be read: the previous period, which is as long in days, may have an hour more.
MAXIMUM_PERIODS_SHOWN = 1_000


@dataclass(frozen=True, kw_only=True)
class PageState:
    """Every part is as the URL has it; an empty one is the default. start and end are the custom range."""

    environment: str = ""
    preset: str = ""
    start: str = ""
    end: str = ""
    granularity: Granularity = DEFAULT_GRANULARITY
    breakdown: str = ""
    compares: bool = False

    @classmethod
    def parse(cls, parameters: Mapping[str, str], *, kpi: Kpi | None = None) -> "PageState":
        """Raises InvalidRange for a range, granularity or breakdown that the page does not have."""
        state = cls(
            environment=parameters.get("environment", ""),
            preset=_one_of(parameters, "range", allowed=("", *PRESETS)),
            start=parameters.get("from", "").strip(),
            end=parameters.get("to", "").strip(),
            granularity=Granularity(
                _one_of(parameters, "granularity", allowed=GRANULARITIES, default=DEFAULT_GRANULARITY)
            ),
            breakdown=_one_of(parameters, "breakdown", allowed=("", *(kpi.dimensions if kpi else ()))),
            compares=parameters.get("compare", "") == "1",
        )
        return replace(state, start="", end="") if state.preset else state

    @property
    def is_custom(self) -> bool:
        return bool(self.start or self.end)

    def range(self, *, zone: ZoneInfo, now: datetime) -> Range:
        """Raises InvalidRange, also where the range has too many periods for a page."""
        if self.is_custom:
            shown = parse_range(start=self.start, end=self.end, zone=zone, now=now)
            split(shown, granularity=self.granularity, maximum=MAXIMUM_PERIODS_SHOWN)
            return shown
        return recent_days(PRESETS[self.preset or DEFAULT_PRESET], zone=zone, now=now)

    def query(self, **changes: str | bool | Granularity) -> str:
        """The query string of the same page with some parts changed; "" where all is as by default."""
        state = replace(self, **changes)  # type: ignore[arg-type]
        parts = {
            "environment": state.environment,
            "range": "" if state.preset == DEFAULT_PRESET else state.preset,
            "from": state.start,
            "to": state.end,
            "granularity": "" if state.granularity is DEFAULT_GRANULARITY else state.granularity.value,
            "breakdown": state.breakdown,
            "compare": "1" if state.compares else "",
        }
        text = urlencode({name: value for name, value in parts.items() if value})
        return f"?{text}" if text else ""

    def shared(self) -> "PageState":
        """What every page understands: environment and range."""
        return replace(self, granularity=DEFAULT_GRANULARITY, breakdown="", compares=False)


def _one_of(parameters: Mapping[str, str], name: str, *, allowed: tuple[str, ...], default: str = "") -> str:
    value = parameters.get(name, "") or default
    if value not in allowed:
        names = ", ".join(part for part in allowed if part) or "nothing"
        raise InvalidRange(f"It takes one of: {names}.", field=name)
    return value
