"""Counters and histograms that events feed."""

from collections.abc import Iterator

from metrics.families.stored import StoredFamily
from telemetry.counters.bridge import Counters
from telemetry.counters.families import families

PORTAL = "portal_"


def event_families(counters: Counters) -> Iterator[StoredFamily]:
    """All stored families that are not the portal's own; a series has no sample before its first count."""
    return (
        StoredFamily(family, counters[family.name])
        for family in families().values()
        if not family.is_internal and not family.name.startswith(PORTAL)
    )
