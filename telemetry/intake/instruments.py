"""Counts that a process keeps in its memory, because no row of the database has them."""

from collections.abc import Mapping

from prometheus_client import Counter

DRY_RUN_FAMILY = "portal_dry_run_events"

# The scrape shows it as portal_events_received_total with the outcome dry_run (see metrics.exposition).
dry_run_events = Counter(
    DRY_RUN_FAMILY, "Events of dry runs; reason is the code of a rejected one.", ["environment", "reason"]
)

dropped_properties = Counter(
    "portal_dropped_properties",
    "Properties that SDKs add to events by themselves and that were dropped.",
    ["environment"],
)

spans = Counter(
    "portal_spans", "Spans that were posted, by what they are to the portal.", ["environment", "role"]
)


def count_spans(*, environment: str, roles: Mapping[str, int]) -> None:
    for role, count in roles.items():
        spans.labels(environment, role).inc(count)


def count_dropped_properties(*, environment: str, properties: int) -> None:
    if properties:
        dropped_properties.labels(environment).inc(properties)


def count_dry_run(*, environment: str, sound: int, rejected: Mapping[str, int]) -> None:
    """Count the events of a dry run: `sound` would have been accepted, `rejected` counts the others by code."""
    dry_run_events.labels(environment, "").inc(sound)
    for code, events in rejected.items():
        dry_run_events.labels(environment, code).inc(events)
