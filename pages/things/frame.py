"""What all texts of a page of things depend on."""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from pages.runs.state import run_url
from pages.runs.texts import precise_text


@dataclass(frozen=True, kw_only=True)
class ThingFrame:
    """The environment, whether the person may see runs, the zone of moments, and now."""

    environment: str
    may_see_runs: bool
    zone: ZoneInfo
    now: datetime

    def clock(self, moment: datetime | None) -> str:
        """A dash for None."""
        return precise_text(moment, zone=self.zone, now=self.now)

    def run_url(self, run_id: str) -> str:
        """The page of a run; "" for those who may not see it."""
        return run_url(run_id, environment=self.environment) if run_id and self.may_see_runs else ""
