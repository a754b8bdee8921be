"""What became of a key's last events, for people who write a client and want to see its events arrive."""

from collections.abc import Iterable, Sequence
from typing import Any

from telemetry.models import ApiKey, Arrival, QuarantinedEvent, RawEvent
from web.moments import rfc3339

# How many events a request without a limit gets, and the most that one may ask for.
DEFAULT_RECENT = 50
MAX_RECENT = 200
# Posts of duplicates only have nothing to show, so the number of posts that are searched is bounded.
MAX_ARRIVALS = 200


def recent_events(key: ApiKey, *, limit: int) -> list[dict[str, Any]]:
    """The newest events that came with this key, at most `limit`: newest post first, its rejected events first.

    Each is {"status": "accepted"|"rejected", "received_at", "event", "id", "timestamp", "errors"}. Moments are
    RFC 3339 in UTC. An accepted event has no errors; a rejected one has all its errors and no timestamp.
    Sessions and properties are left out, because the key of a browser is no secret. Duplicates and removed
    events are left out too. The cost does not depend on the number of stored events.
    """
    arrivals = newest_arrivals(key, limit=limit)
    events = [*rejected_events(arrivals, limit=limit), *accepted_events(arrivals, limit=limit)]
    events.sort(key=lambda pair: pair[0], reverse=True)
    return [described for _, described in events[:limit]]


def newest_arrivals(key: ApiKey, *, limit: int) -> dict[int, Arrival]:
    """The key's newest posts, by id: as many as it takes to show `limit` events."""
    chosen: dict[int, Arrival] = {}
    events = 0
    for arrival in Arrival.objects.filter(key=key).order_by("-pk")[:MAX_ARRIVALS]:
        shown = arrival.accepted + sum(arrival.rejected.values())
        if shown:
            chosen[arrival.pk] = arrival
            events += shown
        if events >= limit:
            break
    return chosen


# The id of a post, and one of its events as the answer describes it.
EventOfArrival = tuple[int, dict[str, Any]]


def accepted_events(arrivals: dict[int, Arrival], *, limit: int) -> Iterable[EventOfArrival]:
    days = days_of(arrivals.values())
    if not days:
        return []
    rows = RawEvent.objects.filter(arrival_id__in=list(arrivals), day__range=(days[0], days[-1]))
    fields = ("arrival_id", "event", "event_id", "occurred_at")
    return [
        (
            arrival_id,
            describe_event(
                status="accepted",
                arrival=arrivals[arrival_id],
                event=event,
                event_id=event_id,
                timestamp=rfc3339(occurred_at),
            ),
        )
        for arrival_id, event, event_id, occurred_at in rows.order_by(
            "-arrival_id", "-occurred_at"
        ).values_list(*fields)[:limit]
    ]


def days_of(arrivals: Iterable[Arrival]) -> Sequence[Any]:
    """The first and last UTC days of the posts' accepted events, sorted: only partitions between them are read."""
    return sorted(
        day for arrival in arrivals for day in (arrival.first_day, arrival.last_day) if day is not None
    )


def rejected_events(arrivals: dict[int, Arrival], *, limit: int) -> Iterable[EventOfArrival]:
    rows = QuarantinedEvent.objects.filter(arrival_id__in=list(arrivals))
    return [
        (
            row.arrival_id,
            describe_event(
                status="rejected",
                arrival=arrivals[row.arrival_id],
                event=row.event,
                event_id=row.event_id,
                errors=row.errors,
            ),
        )
        for row in rows.order_by("-arrival_id", "position")[:limit]
    ]


def describe_event(
    *,
    status: str,
    arrival: Arrival,
    event: str,
    event_id: str,
    timestamp: str | None = None,
    errors: Sequence[dict[str, str]] = (),
) -> dict[str, Any]:
    return {
        "status": status,
        "received_at": rfc3339(arrival.received_at),
        "event": event,
        "id": event_id,
        "timestamp": timestamp,
        "errors": list(errors),
    }
