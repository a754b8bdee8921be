"""What a query string asks of runs: its parameters are the same on the page and in the API."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Self
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from kpis.days import day_start
from telemetry.plan.values import parse_timestamp
from workbench.runs.filters import BadRunFilter, RunConditions, check_text, read_choice, read_seconds
from workbench.runs.listing import Cursor
from workbench.runs.states import RunState

# None: from the first run on.
RANGES: Mapping[str, timedelta | None] = {
    "1h": timedelta(hours=1),
    "24h": timedelta(hours=24),
    "7d": timedelta(days=7),
    "28d": timedelta(days=28),
    "all": None,
}
DEFAULT_RANGE = "28d"
# The filters that take several values, and have an exclusion with `not_` before their name.
CHOICES = ("status", "workflow", "trigger", "error", "agent", "agent_error")
PARAMETERS = (
    *CHOICES,
    *(f"not_{name}" for name in CHOICES),
    "shorter",
    "longer",
    "range",
    "from",
    "to",
    "id",
    "newer",
    "older",
)
Values = Mapping[str, Sequence[str]]


@dataclass(frozen=True, kw_only=True)
class RunQuery:
    """Which runs, and at which place of the list."""

    filter: RunConditions
    cursor: Cursor | None

    @classmethod
    def read(cls, values: Values, *, zone: ZoneInfo, now: datetime) -> Self:
        """Of the values of each parameter. Raises BadRunFilter."""
        choices = {
            name: read_choice(
                name,
                wanted=values.get(name, ()),
                unwanted=values.get(f"not_{name}", ()),
                allowed=RunState if name == "status" else (),
            )
            for name in CHOICES
        }
        start, end = read_range(values, zone=zone, now=now)
        run_filter = RunConditions(
            **choices,
            shortest=read_seconds(first(values, "longer"), field="longer"),
            longest=read_seconds(first(values, "shorter"), field="shorter"),
            start=start,
            end=end,
            run_id=check_text(first(values, "id"), field="id"),
        )
        newer = Cursor.read(first(values, "newer"), is_newer=True)
        return cls(filter=run_filter, cursor=newer or Cursor.read(first(values, "older"), is_newer=False))


def first(values: Values, name: str) -> str:
    return next((value.strip() for value in values.get(name, ())), "")


def read_range(values: Values, *, zone: ZoneInfo, now: datetime) -> tuple[datetime | None, datetime | None]:
    """Start (included) and end (not included). An id is looked for at any time. Raises BadRunFilter."""
    name = first(values, "range")
    if name and name not in RANGES:
        raise BadRunFilter(_("It takes %(names)s.") % {"names": ", ".join(RANGES)}, field="range")
    start, end = (read_moment(first(values, field), field=field, zone=zone) for field in ("from", "to"))
    if start is not None and end is not None and start >= end:
        raise BadRunFilter(_("It must be later than `from`."), field="to")
    if start is not None or end is not None:
        return start, end
    has_id = bool(first(values, "id"))
    length = RANGES[name or ("all" if has_id else DEFAULT_RANGE)]
    return (None if length is None else now - length), None


def read_moment(text: str, *, field: str, zone: ZoneInfo) -> datetime | None:
    """A date, at whose start in the zone it is, or an RFC 3339 moment; None for "". Raises BadRunFilter."""
    if not text:
        return None
    if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        return day_of(text, field=field, zone=zone)
    # A query turns an offset's plus into a blank unless it is written %2B.
    moment = parse_timestamp(text.replace(" ", "+"))
    # At both ends of the calendar a moment has no UTC.
    if moment is None or moment.utcoffset():
        raise BadRunFilter(
            _("It takes a date like 2026-02-15, or a moment like 2026-02-15T12:00:00Z."), field=field
        )
    return moment


def day_of(text: str, *, field: str, zone: ZoneInfo) -> datetime:
    try:
        return day_start(date.fromisoformat(text), zone=zone)
    except (ValueError, OverflowError):
        raise BadRunFilter(_("There is no such day."), field=field) from None
