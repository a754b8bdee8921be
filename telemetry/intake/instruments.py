"""What a process counts in its memory, because no row of the database says it."""

from collections.abc import Mapping

from prometheus_client import Counter

DRY_RUN_FAMILY = "portal_dry_run_events"

# The scrape shows it as portal_events_received_total with the outcome dry_run (see metrics/exposition.py).
dry_run_events = Counter(
    DRY_RUN_FAMILY, "Events of dry runs; reason is the code of a rejected one.", ["environment", "reason"]
)


dropped_properties = Counter(
    "portal_dropped_properties",
    "Properties that SDKs add to events by themselves and that were dropped.",
    ["environment"],
)


def count_dropped_properties(*, environment: str, properties: int) -> None:
    if properties:
        dropped_properties.labels(environment).inc(properties)


def count_dry_run(*, environment: str, sound: int, rejected: Mapping[str, int]) -> None:
    """Counts a dry run: how many of its events would have been taken, and the others by code."""
    dry_run_events.labels(environment, "").inc(sound)
    for code, events in rejected.items():
        dry_run_events.labels(environment, code).inc(events)
