"""Shared links as texts."""

from dataclasses import dataclass
from datetime import datetime
from typing import Self
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from kpis.formatting import moment_text
from kpis.registry import REGISTRY
from pages.page_controls import CALENDAR_LABELS
from pages.page_request import DEFAULT_PRESET, PRESETS
from sharing.models import LinkState, SharedLink, SharedPage, ShareKind


@dataclass(frozen=True, kw_only=True)
class LinkText:
    """A row of the list. `used` is "never" where nobody opened it."""

    pk: int
    title: str
    environment: str
    dates: str
    is_chart: bool
    note: str
    state: str
    is_open: bool
    until: str
    used: str

    @classmethod
    def from_link(cls, link: SharedLink, *, zone: ZoneInfo, now: datetime) -> Self:
        state = link.state_at(now)
        return cls(
            pk=link.pk,
            title=title_of(SharedPage(link.page), kpi=link.kpi),
            environment=link.environment,
            dates=dates_text(link),
            is_chart=link.kind == ShareKind.CHART,
            note=link.note,
            state=_(state.value),
            is_open=state is LinkState.OPEN,
            until=moment_text(link.expires_at, zone=zone),
            used=moment_text(link.last_used_at, zone=zone) if link.last_used_at else _("never"),
        )


@dataclass(frozen=True, kw_only=True)
class SharedText:
    """What a shared page says of itself."""

    by: str
    until: str
    time_zone: str

    @classmethod
    def from_link(cls, link: SharedLink, *, zone: ZoneInfo) -> Self:
        by = link.created_by.get_username() if link.created_by else ""
        return cls(by=by, until=moment_text(link.expires_at, zone=zone), time_zone=zone.key)


def title_of(page: SharedPage, *, kpi: str) -> str:
    definition = REGISTRY.get(kpi)
    return _(definition.title) if definition else kpi or _(page.label)


def dates_text(link: SharedLink) -> str:
    parts = link.parts
    if parts.get("from") and parts.get("to"):
        return _("%(low)s to %(high)s") % {"low": parts["from"], "high": parts["to"]}
    if parts.get("from") or parts.get("to"):
        return _("other dates")
    return preset_text(parts.get("range", ""))


def preset_text(preset: str) -> str:
    """The last 28 days; this month."""
    if preset in CALENDAR_LABELS:
        return str(CALENDAR_LABELS[preset])
    days = PRESETS.get(preset, PRESETS[DEFAULT_PRESET])
    return ngettext("the last %(count)s day", "the last %(count)s days", days) % {"count": days}
