"""What clients sent of the plan, by UTC day of receipt: events, their properties and values, and how clocks stood.

The fold adds it up, so no page has to read an event. All functions but the last belong in the transaction that takes
the arrivals, and are not safe to repeat.
"""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple, Protocol

from django.db import connection

from telemetry.counters.rejections import Rejections, kinds_of
from telemetry.models import ClockDay, EventDay, PlanPartDay
from telemetry.plan import PropertyType, TrackingPlan
from telemetry.plan.codes import NoticeCode

DAYS_KEPT = timedelta(days=400)
# Rows of a source on a day. Past them the client is OTHERS, and the event too if it was rejected: clients choose both.
ROWS_PER_SOURCE = 1000
OTHERS = "…"
ROWS_PER_STATEMENT = 500
# Upper bounds, in seconds, of how far a newest event is ahead of its receipt. The door accepts at most 10 minutes.
CLOCK_BOUNDS = (-86_400, -3_600, -600, -60, 5, 60, 600)

# (event, property, value) as PlanPart has them → events.
Parts = Mapping[tuple[str, str, str], int]


class Post(Rejections, Protocol):
    """An arrival (see telemetry.models.Arrival)."""

    @property
    def id(self) -> int: ...


class EventKey(NamedTuple):
    """Columns of EventDay."""

    day: date
    source: str
    event: str
    client: str
    code: str
    part: str = ""


@dataclass(slots=True)
class EventSum:
    """What a batch of arrivals adds to a row of EventDay."""

    events: int
    first: datetime
    last: datetime


class EventSums:
    """Sums of a batch by key, with moments of receipt."""

    def __init__(self) -> None:
        self.of: dict[EventKey, EventSum] = {}

    def add(self, key: EventKey, *, events: int, moment: datetime) -> None:
        total = self.of.setdefault(key, EventSum(events=0, first=moment, last=moment))
        total.events += events
        total.first = min(total.first, moment)
        total.last = max(total.last, moment)

    def within_budget(self, *, stored: Mapping[tuple[date, str], set[EventKey]]) -> "EventSums":
        """The sums under the keys of which there is room; `stored` gets them."""
        kept = EventSums()
        # Sorted, so that the order of the batch does not decide which keys still fit.
        for wanted, total in sorted(self.of.items(), key=lambda item: item[0]):
            keys = stored[wanted.day, wanted.source]
            key = wanted if wanted in keys or len(keys) < ROWS_PER_SOURCE else without_names(wanted)
            keys.add(key)
            kept.add(key, events=total.events, moment=total.first)
            kept.add(key, events=0, moment=total.last)
        return kept


def without_names(key: EventKey) -> EventKey:
    is_of_plan = key.code in {"", NoticeCode.DEPRECATED}
    return key._replace(client=OTHERS, event=key.event if is_of_plan else OTHERS)


def count_rejected(*, environment: str, arrivals: Iterable[Post]) -> None:
    """Add what the arrivals rejected to the days of events."""
    sums = EventSums()
    for arrival in arrivals:
        if arrival.rejected:
            for kind, events in kinds_of(arrival):
                key = EventKey(arrival.received_at.date(), kind.source, kind.event, kind.client, kind.code)
                sums.add(key, events=events, moment=arrival.received_at)
    write_events(environment, sums)


def count_accepted(
    *,
    environment: str,
    arrivals: Iterable[Post],
    events: Iterable[tuple[int, str, int]],
    deprecated: Iterable[tuple[int, str, str, int]],
) -> None:
    """Add accepted events to the days of events.

    `events` are (arrival, event, number); `deprecated` are (arrival, event, property, number) of those that used a
    deprecated part, with "" as the property where the event itself is deprecated.
    """
    posts = {arrival.id: arrival for arrival in arrivals}
    sums = EventSums()
    counted = [(pk, name, "", "", number) for pk, name, number in events]
    counted += [(pk, name, str(NoticeCode.DEPRECATED), part, number) for pk, name, part, number in deprecated]
    for pk, name, code, part, number in counted:
        post = posts[pk]
        key = EventKey(post.received_at.date(), post.source, name, post.client, code, part)
        sums.add(key, events=number, moment=post.received_at)
    write_events(environment, sums)


def write_events(environment: str, sums: EventSums) -> None:
    if not sums.of:
        return
    stored: defaultdict[tuple[date, str], set[EventKey]] = defaultdict(set)
    days, sources = {key.day for key in sums.of}, {key.source for key in sums.of}
    # Index: event_day_unique (day, environment, source, …).
    rows = EventDay.objects.filter(day__in=days, environment=environment, source__in=sources)
    for row in rows.values_list(*EventKey._fields):
        key = EventKey(*row)
        stored[key.day, key.source].add(key)
    day, moment = connection.ops.adapt_datefield_value, connection.ops.adapt_datetimefield_value
    write(
        ADD_TO_EVENTS,
        [
            (environment, day(key.day), *key[1:], total.events, moment(total.first), moment(total.last))
            for key, total in sorted(sums.within_budget(stored=stored).of.items(), key=lambda item: item[0])
        ],
    )


def count_parts(*, environment: str, day: date, parts: Parts) -> None:
    """Add accepted events of a day of receipt to the parts of the plan that they have."""
    stored_day = connection.ops.adapt_datefield_value(day)
    rows = [(environment, *part, events) for part, events in sorted(parts.items())]
    write(ADD_TO_PARTS, [(*row, stored_day, stored_day) for row in rows])
    write(ADD_TO_PART_DAYS, [(stored_day, *row) for row in rows if row[2]])


def parts_of(counted: Iterable[tuple[str, str, str | None, int]], *, plan: TrackingPlan) -> Parts:
    """The plan's parts in (event, property, value, number) of accepted events; without a property: the event itself.

    Values are kept only where the plan lists them. A property that the plan does not have any more is left out: its
    event was accepted by another version.
    """
    parts: Counter[tuple[str, str, str]] = Counter()
    for event, name, value, number in counted:
        definition = plan.events[event].by_name.get(name) if event in plan.events else None
        if not name:
            parts[event, "", ""] += number
        elif definition is not None:
            parts[event, name, ""] += number
            if value is not None and value in listed_values(definition.type, definition.values):
                parts[event, name, value] += number
    return parts


def listed_values(kind: PropertyType, values: Collection[str]) -> Collection[str]:
    """The values that a page may show: those of an enumeration, and true and false."""
    return ("true", "false") if kind is PropertyType.BOOL else values


def count_clocks(*, environment: str, arrivals: Iterable[Post], newest: Mapping[int, int]) -> None:
    """Add the posts to the clocks of their sources. `newest`: arrival → its newest timestamp in epoch microseconds."""
    posts: Counter[tuple[date, str, int]] = Counter()
    for arrival in arrivals:
        if arrival.id in newest:
            ahead = newest[arrival.id] / 1_000_000 - arrival.received_at.timestamp()
            posts[arrival.received_at.date(), arrival.source, clock_bound(ahead)] += 1
    day = connection.ops.adapt_datefield_value
    write(
        ADD_TO_CLOCKS,
        [
            (environment, day(received), source, bound, number)
            for (received, source, bound), number in sorted(posts.items())
        ],
    )


def clock_bound(seconds: float) -> int:
    return CLOCK_BOUNDS[min(bisect_left(CLOCK_BOUNDS, seconds), len(CLOCK_BOUNDS) - 1)]


ADD_TO_EVENTS = """
INSERT INTO telemetry_eventday AS stored (
    environment, day, source, event, client, code, part, events, first_at, last_at
) VALUES {rows}
ON CONFLICT (day, environment, source, event, client, code, part) DO UPDATE SET
    events = stored.events + excluded.events,
    first_at = CASE WHEN excluded.first_at < stored.first_at THEN excluded.first_at ELSE stored.first_at END,
    last_at = CASE WHEN excluded.last_at > stored.last_at THEN excluded.last_at ELSE stored.last_at END
"""
ADD_TO_PARTS = """
INSERT INTO telemetry_planpart AS stored (
    environment, event, property, value, events, first_day, last_day
) VALUES {rows}
ON CONFLICT (event, property, value, environment) DO UPDATE SET
    events = stored.events + excluded.events,
    first_day = CASE WHEN excluded.first_day < stored.first_day THEN excluded.first_day ELSE stored.first_day END,
    last_day = CASE WHEN excluded.last_day > stored.last_day THEN excluded.last_day ELSE stored.last_day END
"""
ADD_TO_PART_DAYS = """
INSERT INTO telemetry_planpartday AS stored (day, environment, event, property, value, events) VALUES {rows}
ON CONFLICT (day, event, property, value, environment) DO UPDATE SET events = stored.events + excluded.events
"""
ADD_TO_CLOCKS = """
INSERT INTO telemetry_clockday AS stored (environment, day, source, up_to_seconds, posts) VALUES {rows}
ON CONFLICT (day, source, up_to_seconds, environment) DO UPDATE SET posts = stored.posts + excluded.posts
"""


def write(statement: str, rows: Sequence[Sequence[Any]]) -> None:
    """Run the statement with the rows, many at once: a row by itself costs three times as much on PostgreSQL."""
    with connection.cursor() as cursor:
        for start in range(0, len(rows), ROWS_PER_STATEMENT):
            some = rows[start : start + ROWS_PER_STATEMENT]
            row = f"({', '.join(['%s'] * len(some[0]))})"
            text = statement.format(rows=", ".join([row] * len(some)))
            cursor.execute(text, [value for values in some for value in values])


def forget_old_days(*, now: datetime) -> None:
    """Delete the days that no page asks for any more. What a part of the plan has in all stays. Safe to repeat."""
    for model in (EventDay, PlanPartDay, ClockDay):
        model._default_manager.filter(day__lt=(now - DAYS_KEPT).date()).delete()
