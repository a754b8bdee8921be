"""What became of a key's last events: for whoever writes a client and wants to see them arrive."""

from collections.abc import Iterable, Sequence
from typing import Any

from telemetry.models import ApiKey, Arrival, QuarantinedEvent, RawEvent
from web.moments import rfc3339

# Posts of duplicates alone show nothing; no more than so many are looked through.
MAX_ARRIVALS = 200


def recent_events(key: ApiKey, *, limit: int) -> list[dict[str, Any]]:
    """The newest events that came with this key, at most `limit`, newest post first.

    Each is {"status": "accepted"|"rejected", "received_at", "event", "id", "timestamp", "errors"}; moments are
    RFC 3339 in UTC; an accepted event has no errors, a rejected one no timestamp but all its errors. Within a
    post the rejected ones come first. Neither sessions nor properties: keys of browsers are no secret. What is
    no longer kept, and duplicates, are not there. It costs the same however many events there are.
    """
    arrivals = newest_arrivals(key, limit=limit)
    events = [*rejected_events(arrivals, limit=limit), *accepted_events(arrivals, limit=limit)]
    events.sort(key=lambda pair: pair[0], reverse=True)
    return [entry for _, entry in events[:limit]]


def newest_arrivals(key: ApiKey, *, limit: int) -> dict[int, Arrival]:
    """The key's newest posts, by id, that together have `limit` events or more."""
    chosen: dict[int, Arrival] = {}
    events = 0
    for arrival in Arrival.objects.filter(key=key).order_by("-pk")[:MAX_ARRIVALS]:
        found = arrival.accepted + sum(arrival.rejected.values())
        if found:
            chosen[arrival.pk] = arrival
            events += found
        if events >= limit:
            break
    return chosen


# An event with what it is sorted by: its post; the moment within it.
Placed = tuple[int, dict[str, Any]]


def accepted_events(arrivals: dict[int, Arrival], *, limit: int) -> Iterable[Placed]:
    days = days_of(arrivals.values())
    if not days:
        return []
    rows = RawEvent.objects.filter(arrival_id__in=list(arrivals), day__range=(days[0], days[-1]))
    fields = ("arrival_id", "event", "event_id", "occurred_at")
    return [
        (
            arrival_id,
            entry(
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
    """First and last UTC day of the posts' accepted events: only these partitions are read."""
    return sorted(
        day for arrival in arrivals for day in (arrival.first_day, arrival.last_day) if day is not None
    )


def rejected_events(arrivals: dict[int, Arrival], *, limit: int) -> Iterable[Placed]:
    rows = QuarantinedEvent.objects.filter(arrival_id__in=list(arrivals))
    return [
        (
            row.arrival_id,
            entry(
                status="rejected",
                arrival=arrivals[row.arrival_id],
                event=row.event,
                event_id=row.event_id,
                errors=row.errors,
            ),
        )
        for row in rows.order_by("-arrival_id", "position")[:limit]
    ]


def entry(
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
