"""Finds incidents among the rejected events: a new kind of rejection, and one that grows to a share of its source.

A kind is a code and an event of a source. What it is asked of are the tables that the fold adds to, so an incident is
found some seconds after its events came.
"""

import json
from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from django.conf import settings
from django.db.models import Max, Sum

from telemetry.models import ApiKey, LedgerHour, RejectionGroup, RejectionHour, Scope
from telemetry.notices.incidents import close_incidents, end_incident, open_incident, open_subjects

NEW_KIND = "new rejection"
LARGE_SHARE = "rejection share"
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
# Of fewer events in an hour a share says nothing.
SMALLEST_SAMPLE = 100
# A client that makes up names could keep a round busy for a minute.
MOST_AT_ONCE = 50
WHERE_TO_LOOK = "The admin shows its events under Rejections."


class RejectionKind(NamedTuple):
    environment: str
    source: str
    code: str
    event: str

    @property
    def subject(self) -> str:
        return json.dumps(list(self), ensure_ascii=False)

    @property
    def words(self) -> str:
        return f"{self.event or 'Events without a name'} rejected as {self.code}"

    @property
    def place(self) -> str:
        return f"{self.source} in {self.environment}"


class LargeShare(NamedTuple):
    """A kind's events in an hour, and all events that its source sent in it."""

    kind: RejectionKind
    hour: datetime
    events: int
    received: int


def find_new_kinds(*, now: datetime) -> None:
    """Open an incident for each kind that began in the last day, and close those that were not seen for some days.

    A kind that comes again after NOTICE_QUIET_DAYS is a new one. At most 50 are opened at once, the others in the next
    round. Safe to repeat.
    """
    last_seen = kinds_seen()
    known = open_subjects(NEW_KIND)
    new = [kind for kind, seen_at in last_seen.items() if seen_at >= now - DAY and kind.subject not in known]
    for kind in sorted(new)[:MOST_AT_ONCE]:
        tell_of_new_kind(kind, now=now)
    quiet_since = now - timedelta(days=settings.NOTICE_QUIET_DAYS)
    active = {kind.subject for kind, seen_at in last_seen.items() if seen_at > quiet_since}
    close_incidents(topic=NEW_KIND, subjects=known - active, now=now)


def kinds_seen() -> Mapping[RejectionKind, datetime]:
    """Each kind, and when it was seen last. The table has 500 rows for each source at most."""
    rows = RejectionGroup.objects.filter(events__gt=0).values_list(*RejectionKind._fields)
    return {RejectionKind(*row[:4]): row[4] for row in rows.annotate(last=Max("last_seen_at"))}


def tell_of_new_kind(kind: RejectionKind, *, now: datetime) -> None:
    hours = RejectionHour.objects.filter(hour__gte=hour_of(now - DAY), **kind._asdict())
    events = hours.aggregate(total=Sum("events"))["total"] or 0
    groups = RejectionGroup.objects.filter(**kind._asdict()).exclude(client="").order_by("-last_seen_at")
    clients = ", ".join(groups.values_list("client", flat=True)[:5])
    open_incident(
        topic=NEW_KIND,
        subject=kind.subject,
        title=f"New: {kind.words}, from {kind.place}",
        text=(
            f"{events:,} such events came in the last 24 hours"
            f"{f', sent by {clients}' if clients else ''}, and none in the {settings.NOTICE_QUIET_DAYS} days before. "
            f"{WHERE_TO_LOOK}"
        ),
        environment=kind.environment,
        now=now,
    )


def find_large_shares(*, now: datetime) -> None:
    """Open an incident for each kind that is more than NOTICE_SHARE_PERCENT of its source's events of an hour.

    The hour is this one or the one before, and has 100 events at least. An incident is over when neither is above.
    Safe to repeat.
    """
    found = {share.kind.subject: share for share in large_shares(now=now)}
    known = open_subjects(LARGE_SHARE)
    for subject in sorted(found.keys() - known):
        tell_of_large_share(found[subject], now=now)
    for subject in sorted(known - found.keys()):
        kind = RejectionKind(*json.loads(subject))
        end_incident(
            topic=LARGE_SHARE,
            subject=subject,
            title=f"Over: {kind.words}, from {kind.place}",
            text=f"It is {settings.NOTICE_SHARE_PERCENT:g} % or less of this hour and of the one before.",
            now=now,
        )


def large_shares(*, now: datetime) -> list[LargeShare]:
    hours = [hour_of(now) - HOUR, hour_of(now)]
    received = received_by_source(hours)
    # Index: rejection_hour_unique.
    rows = RejectionHour.objects.filter(hour__in=hours).values_list(*RejectionKind._fields, "hour", "events")
    shares = []
    for *names, hour, events in rows:
        kind = RejectionKind(*names)
        total = received[kind.environment, kind.source, hour]
        if total >= SMALLEST_SAMPLE and events * 100 > settings.NOTICE_SHARE_PERCENT * total:
            shares.append(LargeShare(kind, hour, events, total))
    return shares


def received_by_source(hours: list[datetime]) -> Mapping[tuple[str, str, datetime], int]:
    # Index: ledger_hour_unique, which begins with the key and the hour.
    key_ids = list(ApiKey.objects.filter(scope=Scope.INGEST).values_list("pk", flat=True))
    ledger = LedgerHour.objects.filter(key_id__in=key_ids, hour__in=hours)
    rows = ledger.values_list("environment", "key__source", "hour")
    received: defaultdict[tuple[str, str, datetime], int] = defaultdict(int)
    for environment, source, hour, events in rows.annotate(total=Sum("events")):
        received[environment, source, hour] = events
    return received


def tell_of_large_share(share: LargeShare, *, now: datetime) -> None:
    percent = 100 * share.events / share.received
    open_incident(
        topic=LARGE_SHARE,
        subject=share.kind.subject,
        title=f"{percent:.1f} % of {share.kind.place}: {share.kind.words}",
        text=(
            f"{share.events:,} of the {share.received:,} events that came in the hour from {share.hour:%Y-%m-%d %H:%M} "
            f"UTC. The limit is {settings.NOTICE_SHARE_PERCENT:g} %. {WHERE_TO_LOOK}"
        ),
        environment=share.kind.environment,
        now=now,
    )


def hour_of(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)
