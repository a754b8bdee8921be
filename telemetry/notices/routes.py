"""Which channel takes a notice, and when: what the rows of NoticeRoute say of it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from zoneinfo import ZoneInfo

from django.conf import settings

from telemetry.models import Notice, NoticeRoute


class Way(Enum):
    """What a channel does with a notice now."""

    SEND = auto()
    WAIT = auto()
    NEVER = auto()


@dataclass(frozen=True, slots=True)
class NoticeRoutes:
    """The routes as they are now; `local` is now in the reporting zone."""

    rows: Iterable[NoticeRoute]
    local: datetime

    @classmethod
    def load(cls, *, now: datetime) -> "NoticeRoutes":
        zone = ZoneInfo(settings.REPORTING_TIME_ZONE)
        return cls(list(NoticeRoute.objects.all()), now.astimezone(zone))

    def way_of(self, notice: Notice, *, channel: str) -> Way:
        """Without a route a channel takes everything at once."""
        route = self.route_of(notice, channel=channel)
        if route is None:
            return Way.SEND
        if not route.is_told:
            return Way.NEVER
        return Way.WAIT if route.is_quiet_at(self.local) else Way.SEND

    def route_of(self, notice: Notice, *, channel: str) -> NoticeRoute | None:
        """The most specific route: one with an environment first, then one with a severity."""
        names = {"channel": channel, "environment": notice.environment, "severity": notice.severity}
        fitting = [route for route in self.rows if route.applies_to(**names)]
        return max(fitting, key=lambda route: (bool(route.environment), bool(route.severity)), default=None)
