"""What became of a key's last events, for people who write a client and want to see its events arrive."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any

from django.db.models import QuerySet

from telemetry.incoming.posts import day_range
from telemetry.models import ApiKey, Arrival, QuarantinedEvent, RawEvent
from telemetry.plan.reading import MAX_EVENT_NAME_LENGTH
from telemetry.plan.values import CONTROL, parse_timestamp
from web.errors import ApiError
from web.moments import rfc3339

# How many events a request without a limit gets, and the most that one may ask for.
DEFAULT_RECENT = 50
MAX_RECENT = 200
# A reader of rejected events may pass over so many: four times what one post can bring.
MAX_OFFSET = 10_000
# Posts of duplicates only have nothing to show, so the number of posts that are searched is bounded.
MAX_ARRIVALS = 200
# The accepted events among which one name is searched: no index has names, because each accepted event would pay.
MAX_SEARCHED = 10_000
STATUSES = ("accepted", "rejected")
PARAMETERS = ("status", "event", "since", "limit", "offset")


@dataclass(frozen=True, kw_only=True)
class RecentQuery:
    """Which of its last events a key asks for. An empty `status` or `event`, and `since` None, leave none out."""

    status: str = ""
    event: str = ""
    since: datetime | None = None
    limit: int = DEFAULT_RECENT
    offset: int = 0

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, str]) -> "RecentQuery":
        """The query of a request's parameters. Raises ApiError (400) that names the parameter at fault."""
        check_names(parameters)
        query = cls(
            status=status_of(parameters.get("status", "")),
            event=event_of(parameters.get("event", "")),
            since=since_of(parameters.get("since", "")),
            limit=number_of(parameters, "limit", default=DEFAULT_RECENT, least=1, most=MAX_RECENT),
            offset=number_of(parameters, "offset", default=0, least=0, most=MAX_OFFSET),
        )
        if query.offset and query.status != "rejected":
            raise bad_value("offset", "It can be used with status=rejected only.")
        return query


def check_names(parameters: Mapping[str, str]) -> None:
    for name in parameters:
        # The key was read before.
        if name not in {*PARAMETERS, "key"}:
            message = f"There is no parameter {name[:40]!r}; there are {', '.join(PARAMETERS)}."
            raise ApiError(status=HTTPStatus.BAD_REQUEST, code="bad_parameter", message=message)


def bad_value(name: str, message: str) -> ApiError:
    return ApiError(status=HTTPStatus.BAD_REQUEST, code="bad_parameter", message=f"{name}: {message}")


def status_of(text: str) -> str:
    if text and text not in STATUSES:
        raise bad_value("status", f"It takes {' or '.join(STATUSES)}. Duplicates are counted and not kept.")
    return text


def event_of(text: str) -> str:
    if len(text) > MAX_EVENT_NAME_LENGTH or CONTROL.search(text):
        raise bad_value("event", f"A name has at most {MAX_EVENT_NAME_LENGTH} printable characters.")
    return text


def since_of(text: str) -> datetime | None:
    if not text:
        return None
    # A query turns an offset's plus into a blank unless it is written %2B.
    moment = parse_timestamp(text.replace(" ", "+"))
    # At both ends of the calendar a moment has no UTC.
    if moment is None or moment.utcoffset():
        message = "This must be a moment with a zone as RFC 3339 writes it, like 2026-02-02T10:00:00Z."
        raise bad_value("since", message)
    return moment


def number_of(parameters: Mapping[str, str], name: str, *, default: int, least: int, most: int) -> int:
    text = parameters.get(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) <= 9 and least <= int(text) <= most):
        raise bad_value(name, f"This must be a whole number from {least} to {most}.")
    return int(text)


def recent_events(key: ApiKey, *, query: RecentQuery) -> list[dict[str, Any]]:
    """The newest events that came with this key, at most `limit`: newest post first, its rejected events first.

    Each is {"status": "accepted"|"rejected", "received_at", "event", "id", "index", "timestamp",
    "sent_timestamp", "errors"}. Moments are RFC 3339 in UTC. An accepted event has no errors. A rejected one has
    all its errors, its index in the post, and in place of a timestamp the one that was sent, redacted.

    Good events push no rejected ones out: up to half of the places are theirs. `since` is a moment of receipt,
    included. With a name the newest 10,000 accepted events or 200 posts are searched, but all rejected events.
    Sessions and properties are left out, because the key of a browser is no secret. Duplicates and removed
    events are left out too. The cost does not depend on the number of stored events.
    """
    rejected = rejected_events(key, query=query) if query.status != "accepted" else []
    accepted = accepted_events(key, query=query) if query.status != "rejected" else []
    kept = rejected[: max(query.limit // 2, query.limit - len(accepted))]
    newest = newest_first([*rejected[len(kept) :], *accepted])[: query.limit - len(kept)]
    return [described for _, described in newest_first([*kept, *newest])]


# The id of a post, and one of its events as the answer describes it.
EventOfArrival = tuple[int, dict[str, Any]]


def newest_first(events: list[EventOfArrival]) -> list[EventOfArrival]:
    """The newest post first, and within a post the order as it is."""
    return sorted(events, key=lambda pair: pair[0], reverse=True)


def rejected_events(key: ApiKey, *, query: RecentQuery) -> list[EventOfArrival]:
    return [
        (
            row.arrival_id,
            describe_event(
                status="rejected",
                received_at=row.received_at,
                event=row.event,
                event_id=row.event_id,
                index=row.position,
                sent_timestamp=sent_timestamp_of(row),
                errors=row.errors,
            ),
        )
        for row in rejected_rows(key, query=query)
    ]


def sent_timestamp_of(row: QuarantinedEvent) -> object:
    """The timestamp as the client sent it, redacted; None if it sent none, and a protocol filled it in."""
    timestamp = row.payload.get("timestamp")
    if timestamp == row.received_at.isoformat():
        timestamp = None
    sent_at = (row.delivery or {}).get("sent_at")
    if sent_at is None or not isinstance(timestamp, str):
        return timestamp
    is_as_sent = parse_timestamp(timestamp) == datetime.fromisoformat(sent_at)
    return timestamp if is_as_sent else sent_at.replace("+00:00", "Z")


def rejected_rows(key: ApiKey, *, query: RecentQuery) -> QuerySet[QuarantinedEvent]:
    # Indexes: quarantine_by_key, or quarantine_by_key_and_event. They have this order.
    rows = QuarantinedEvent.objects.filter(key=key).order_by("-received_at", "-arrival_id", "position")
    if query.event:
        rows = rows.filter(event=query.event)
    if query.since is not None:
        rows = rows.filter(received_at__gte=query.since)
    return rows[query.offset : query.offset + query.limit]


def accepted_events(key: ApiKey, *, query: RecentQuery) -> list[EventOfArrival]:
    arrivals = newest_arrivals(key, query=query)
    days = day_range(arrivals.values())
    if days is None:
        return []
    rows = RawEvent.objects.filter(arrival_id__in=list(arrivals), day__range=days)
    if query.event:
        rows = rows.filter(event=query.event)
    fields = ("arrival_id", "event", "event_id", "occurred_at")
    return [
        (
            arrival_id,
            describe_event(
                status="accepted",
                received_at=arrivals[arrival_id].received_at,
                event=event,
                event_id=event_id,
                timestamp=rfc3339(occurred_at),
            ),
        )
        for arrival_id, event, event_id, occurred_at in rows.order_by(
            "-arrival_id", "-occurred_at"
        ).values_list(*fields)[: query.limit]
    ]


def newest_arrivals(key: ApiKey, *, query: RecentQuery) -> dict[int, Arrival]:
    """The key's newest posts with accepted events, by id: as many as it takes to find what is asked for."""
    wanted = MAX_SEARCHED if query.event else query.limit
    chosen: dict[int, Arrival] = {}
    for arrival in Arrival.objects.filter(key=key).order_by("-pk")[:MAX_ARRIVALS]:
        if arrival.accepted and (query.since is None or arrival.received_at >= query.since):
            chosen[arrival.pk] = arrival
            wanted -= arrival.accepted
        if wanted <= 0:
            break
    return chosen


def describe_event(
    *,
    status: str,
    received_at: datetime,
    event: str,
    event_id: str,
    index: int | None = None,
    timestamp: str | None = None,
    sent_timestamp: object = None,
    errors: Sequence[dict[str, str]] = (),
) -> dict[str, Any]:
    return {
        "status": status,
        "received_at": rfc3339(received_at),
        "event": event,
        "id": event_id,
        "index": index,
        "timestamp": timestamp,
        "sent_timestamp": sent_timestamp,
        "errors": list(errors),
    }
