"""What each key sent lately, and how much of it was refused: from the ledger and the newest posts."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import Count, OuterRef, Q, Subquery, Sum

from telemetry.counters.ledger import Outcome
from telemetry.models import ApiKey, Arrival, LedgerHour, RawEvent

DAY = timedelta(days=1)
WEEK = timedelta(days=7)
NEWEST_POSTS = 200
POSTS_WITH_EVENTS = 20


@dataclass(slots=True)
class Traffic:
    """A key's events in a time; `codes` counts the rejected ones by code."""

    accepted: int = 0
    duplicates: int = 0
    codes: Counter[str] = field(default_factory=Counter)

    @property
    def rejected(self) -> int:
        return self.codes.total()

    @property
    def received(self) -> int:
        return self.accepted + self.duplicates + self.rejected

    @property
    def rejected_share(self) -> float | None:
        """Rejected of received, 0 to 1; None where nothing was received."""
        return self.rejected / self.received if self.received else None

    @property
    def most_frequent_code(self) -> str:
        """Of several with the same number, the first of the alphabet; empty where nothing was rejected."""
        return min(+self.codes, key=lambda code: (-self.codes[code], code), default="")

    def add(self, outcome: str, reason: str, events: int) -> None:
        if outcome == Outcome.ACCEPTED:
            self.accepted += events
        elif outcome == Outcome.DUPLICATE:
            self.duplicates += events
        else:
            self.codes[reason] += events


@dataclass(frozen=True, slots=True)
class KeyTraffic:
    """What a key sent in the last 24 hours and 7 days, and the newest client that is known."""

    day: Traffic
    week: Traffic
    client: str = ""


def traffic_of(key_ids: Collection[int], *, now: datetime) -> Mapping[int, KeyTraffic]:
    """What each of the keys sent, in two queries. It counts whole UTC hours, as far as they are folded.

    A period begins with the hour that holds its first moment, and has no end.
    """
    clients = newest_clients(key_ids)
    traffic = {pk: KeyTraffic(Traffic(), Traffic(), clients.get(pk, "")) for pk in key_ids}
    week_start, day_start = (hour_of(now - span) for span in (WEEK, DAY))
    # Index: ledger_hour_unique, which begins with the key and the hour.
    rows = LedgerHour.objects.filter(key_id__in=key_ids, hour__gte=week_start)
    sums = rows.values_list("key_id", "outcome", "reason").annotate(
        week=Sum("events"), day=Sum("events", filter=Q(hour__gte=day_start), default=0)
    )
    for key_id, outcome, reason, week, day in sums:
        traffic[key_id].week.add(outcome, reason, week)
        traffic[key_id].day.add(outcome, reason, day)
    return traffic


def hour_of(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)


def newest_clients(key_ids: Collection[int]) -> dict[int, str]:
    # Index: arrival_by_key (key, -id), once a key.
    newest = Arrival.objects.filter(key=OuterRef("pk")).order_by("-pk").values("client")[:1]
    keys = ApiKey.objects.filter(pk__in=key_ids)
    return {
        pk: client or "" for pk, client in keys.annotate(client=Subquery(newest)).values_list("pk", "client")
    }


def clients_of(key: ApiKey) -> list[tuple[str, int]]:
    """The clients of the key's newest 200 posts with their numbers of posts, the most frequent first."""
    newest: Iterable[str] = (
        Arrival.objects.filter(key=key).order_by("-pk").values_list("client", flat=True)[:NEWEST_POSTS]
    )
    return Counter(client for client in newest if client).most_common()


def events_of(key: ApiKey) -> list[tuple[str, int]]:
    """The names of the accepted events of the key's newest 20 posts with their numbers, the most frequent first."""
    # Index: arrival_by_key (key, -id).
    newest = list(Arrival.objects.filter(key=key).order_by("-pk")[:POSTS_WITH_EVENTS])
    days = [day for arrival in newest for day in (arrival.first_day, arrival.last_day) if day is not None]
    if not days:
        return []
    # The days choose PostgreSQL's partitions. Index: raw_event_arrival (arrival_id).
    rows = RawEvent.objects.filter(
        day__range=(min(days), max(days)), arrival_id__in=[arrival.pk for arrival in newest]
    )
    names = rows.values_list("event").annotate(events=Count("event")).order_by("-events", "event")
    return list(names)
