"""What clients make of the tracking plan: which events came, which names are unknown, who sends deprecated parts.

Each question costs the same however many events are stored: it reads counters, or a fixed number of the newest rows
by an index.
"""

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db.models import Max, Min, Sum

from telemetry.models import BridgeCounter, EventDay, QuarantinedEvent
from telemetry.plan import TrackingPlan
from telemetry.plan.codes import NoticeCode, RejectionCode
from telemetry.plan.metrics import EVENT_NAME

# How far back the questions look.
NEWEST_REJECTED = 2000
LATELY = timedelta(days=28)
NOT_KEPT = "(not kept)"

# A name as it was sent, and who sent it: (event, property or "", environment, source).
Use = tuple[str, str, str, str]
# A rejected event: (code, event, source, moment of receipt, errors).
Rejection = tuple[str, str, str, datetime, list[dict[str, str]]]


@dataclass(frozen=True, kw_only=True)
class NameUse:
    """How often a source used a name lately: the event's, or `property` if that is not empty."""

    event: str
    property: str
    environment: str
    source: str
    events: int
    first_at: datetime
    last_at: datetime


def seen_events(plan: TrackingPlan) -> dict[str, dict[str, int]]:
    """How many events of each name were ever folded: {event: {environment: number}}, in one query.

    Nothing of a plan that does not count its events by name.
    """
    counts: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for family, place in _event_counter(plan):
        rows = BridgeCounter.objects.filter(family=family)
        for environment, labels, value in rows.values_list("environment", "labels", "value"):
            counts[json.loads(labels)[place]][environment] += value
    return {event: dict(environments) for event, environments in counts.items()}


def _event_counter(plan: TrackingPlan) -> list[tuple[str, int]]:
    """The first metric that counts every event by name, and the place of that label; empty if none does."""
    return [
        (metric.name, place)
        for metric in plan.metrics.values()
        if metric.counts_every_event and not metric.conditions and not metric.value
        for place, label in enumerate(metric.labels)
        if label.source == EVENT_NAME
    ][:1]


def never_seen(plan: TrackingPlan, *, seen: Collection[str]) -> list[str] | None:
    """The plan's events that never came, in the plan's order; None for a plan that does not count its events."""
    return [name for name in plan.events if name not in seen] if _event_counter(plan) else None


def unknown_names(*, environment: str) -> list[NameUse]:
    """The names that the plan does not have, in the environment's newest rejected events, the most frequent first.

    Up to NEWEST_REJECTED events are looked at for events and as many for properties: those whose first error it is.
    Names are as the quarantine keeps them; NOT_KEPT stands for all others.
    """
    rows = [
        *_newest_rejected(environment, RejectionCode.UNKNOWN_EVENT),
        *_newest_rejected(environment, RejectionCode.UNKNOWN_PROPERTY),
    ]
    uses = (
        ((_kept(event), name, environment, source), received_at)
        for code, event, source, received_at, errors in rows
        for name in ([""] if code == RejectionCode.UNKNOWN_EVENT else _unknown_properties(errors))
    )
    return _counted(uses)


def _newest_rejected(environment: str, code: RejectionCode) -> Iterable[Rejection]:
    # The index quarantine_environment serves both the filter and the order.
    rows = QuarantinedEvent.objects.filter(environment=environment, code=code).order_by("-pk")
    return rows.values_list("code", "event", "source", "received_at", "errors")[:NEWEST_REJECTED]


def _unknown_properties(errors: Iterable[Mapping[str, str]]) -> set[str]:
    fields = {error["field"] for error in errors if error["code"] == RejectionCode.UNKNOWN_PROPERTY}
    return {_kept(field.removeprefix("properties.")) for field in fields}


def _kept(name: str) -> str:
    """The name, unless the quarantine has only an outline of it, like "<13 characters>"."""
    return name if name and "<" not in name else NOT_KEPT


def deprecated_uses(plan: TrackingPlan, *, today: date) -> list[NameUse]:
    """Who still sends a deprecated part of the plan: the accepted events of the last LATELY, the most frequent first.

    They are of all environments. Without a deprecation in the plan nothing is read.
    """
    parts = {(event.name, name) for event in plan.events.values() for name, _ in event.deprecations}
    if not parts:
        return []
    # Index: event_day_unique (day, …).
    rows = EventDay.objects.filter(day__gt=today - LATELY, code=NoticeCode.DEPRECATED)
    sums = rows.values_list("event", "part", "environment", "source").annotate(
        sum=Sum("events"), first=Min("first_at"), last=Max("last_at")
    )
    uses = [
        NameUse(
            event=event,
            property=name,
            environment=environment,
            source=source,
            events=events,
            first_at=first,
            last_at=last,
        )
        for event, name, environment, source, events, first, last in sums
        if (event, name) in parts
    ]
    return most_frequent_first(uses)


def most_frequent_first(uses: Iterable[NameUse]) -> list[NameUse]:
    return sorted(uses, key=lambda use: (-use.events, use.event, use.property, use.environment, use.source))


def _counted(uses: Iterable[tuple[Use, datetime]]) -> list[NameUse]:
    moments: dict[Use, list[datetime]] = defaultdict(list)
    for use, moment in uses:
        moments[use].append(moment)
    counted = [
        NameUse(
            event=event,
            property=name,
            environment=environment,
            source=source,
            events=len(found),
            first_at=min(found),
            last_at=max(found),
        )
        for (event, name, environment, source), found in moments.items()
    ]
    return most_frequent_first(counted)
