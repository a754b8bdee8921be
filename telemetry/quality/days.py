"""The rows that the figures are made of: sums over some days, in a query each."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple, Self

from django.db.models import Case, Max, Q, QuerySet, Sum, Value, When

from telemetry.counters.key_traffic import Traffic
from telemetry.counters.ledger import Outcome
from telemetry.counters.sent import CLOCK_BOUNDS
from telemetry.models import ClockDay, EventDay
from telemetry.plan.codes import NoticeCode


@dataclass(frozen=True, kw_only=True)
class Sending:
    """What is asked for: an environment and UTC days of receipt (both included).

    A source of "" is any, and so is a client of None: "" is the one that is not known.
    """

    environment: str
    first_day: date
    last_day: date
    source: str = ""
    client: str | None = None

    @property
    def days(self) -> Sequence[date]:
        count = (self.last_day - self.first_day).days + 1
        return [self.first_day + timedelta(days=number) for number in range(count)]


class SentRow(NamedTuple):
    """Sums of EventDay over the days; see there."""

    event: str
    source: str
    client: str
    code: str
    part: str
    events: int
    last_at: datetime

    @property
    def is_deprecated_use(self) -> bool:
        return self.code == NoticeCode.DEPRECATED

    @property
    def is_accepted(self) -> bool:
        return not self.code


@dataclass(frozen=True, kw_only=True)
class SendingClient:
    """A client of a source; an empty client is not known."""

    source: str
    client: str

    @classmethod
    def of(cls, row: SentRow) -> Self:
        return cls(source=row.source, client=row.client)


def rows_of_days(sending: Sending) -> QuerySet[EventDay]:
    # Index: event_day_unique (day, environment, …).
    return EventDay.objects.filter(
        day__range=(sending.first_day, sending.last_day), environment=sending.environment
    )


def read_rows(sending: Sending, *, event: str | None = None) -> list[SentRow]:
    """The sums of all sources and clients, or of one event only."""
    rows = rows_of_days(sending)
    if event is not None:
        rows = rows.filter(event=event)
    columns = ("event", "source", "client", "code", "part")
    sums = rows.values_list(*columns).annotate(sum=Sum("events"), last=Max("last_at"))
    return [SentRow(*row) for row in sums.order_by(*columns)]


def chosen(rows: Sequence[SentRow], *, sending: Sending) -> list[SentRow]:
    """The rows of the source and the client that are asked for."""
    return [
        row for row in rows if sending.source in {"", row.source} and sending.client in {None, row.client}
    ]


def traffic_of(rows: Sequence[SentRow]) -> Traffic:
    """Accepted and rejected events. Duplicates have no name in the counters, so these are none of it."""
    traffic = Traffic()
    for row in rows:
        if not row.is_deprecated_use:
            traffic.add(Outcome.ACCEPTED if row.is_accepted else Outcome.REJECTED, row.code, row.events)
    return traffic


@dataclass(frozen=True, kw_only=True)
class Series:
    """Accepted and rejected events, a number for each of the days."""

    accepted: Sequence[int]
    rejected: Sequence[int]


def read_series(sending: Sending, *, event: str | None = None) -> Mapping[str, Series]:
    """By event, of the source and the client that are asked for."""
    rows = rows_of_days(sending).exclude(code=NoticeCode.DEPRECATED)
    asked = {"event": event, "source": sending.source or None, "client": sending.client}
    rows = rows.filter(**{name: value for name, value in asked.items() if value is not None})
    is_accepted = Case(When(Q(code=""), then=Value(1)), default=Value(0))
    sums = rows.values_list("event", "day").annotate(is_accepted=is_accepted, sum=Sum("events"))
    found: defaultdict[tuple[str, int], dict[date, int]] = defaultdict(dict)
    for name, day, accepted, events in sums.order_by("event", "day"):
        found[name, accepted][day] = events
    return {
        name: Series(
            accepted=[found.get((name, 1), {}).get(day, 0) for day in sending.days],
            rejected=[found.get((name, 0), {}).get(day, 0) for day in sending.days],
        )
        for name in {name for name, _ in found}
    }


@dataclass(frozen=True, kw_only=True)
class SourceClock:
    """Posts of a source by how far their newest timestamp was ahead of the receipt: one for each of CLOCK_BOUNDS."""

    source: str
    posts: Sequence[int]

    @property
    def total(self) -> int:
        return sum(self.posts)

    def share(self, first: int, last: int) -> float:
        """The share of posts, 0 to 1, above the bound `first` (in seconds) up to `last`, included."""
        inside = [
            number for bound, number in zip(CLOCK_BOUNDS, self.posts, strict=True) if first < bound <= last
        ]
        return sum(inside) / self.total if self.total else 0.0


def read_clocks(sending: Sending) -> list[SourceClock]:
    """A clock for each source, in alphabetical order."""
    # Index: clock_day_unique (day, source, …).
    rows = ClockDay.objects.filter(
        day__range=(sending.first_day, sending.last_day), environment=sending.environment
    )
    if sending.source:
        rows = rows.filter(source=sending.source)
    posts: defaultdict[str, dict[int, int]] = defaultdict(dict)
    sums = rows.values_list("source", "up_to_seconds").annotate(sum=Sum("posts"))
    for source, bound, number in sums.order_by("source", "up_to_seconds"):
        posts[source][bound] = number
    return [
        SourceClock(source=source, posts=[numbers.get(bound, 0) for bound in CLOCK_BOUNDS])
        for source, numbers in posts.items()
    ]
