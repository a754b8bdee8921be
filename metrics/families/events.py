"""Counters and histograms that events feed."""

from collections.abc import Iterator

from prometheus_client.core import Metric

from metrics.families.building import family_of
from telemetry.counters.bridge import Counters
from telemetry.counters.families import families

PORTAL = "portal_"


def event_families(counters: Counters) -> Iterator[Metric]:
    """All stored families that are not the portal's own; a series has no sample before its first count."""
    return (
        family_of(family, counters[family.name])
        for family in families().values()
        if not family.is_internal and not family.name.startswith(PORTAL)
    )
