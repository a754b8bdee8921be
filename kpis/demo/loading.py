"""Loads the demo environment as clients would: posts its events, each post received at its events' time."""

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import groupby

import msgspec
from django.conf import settings

from kpis import annotations
from kpis.annotations import Note
from kpis.compute import rollup
from kpis.demo.day import Event, moment_of
from kpis.demo.events import DEFAULT_DAYS, demo_events
from kpis.demo.mistakes import MISTAKEN_SESSION, demo_mistakes
from kpis.demo.present import present_events
from kpis.demo.team import RELEASE_DAY
from kpis.models import Baseline, EnteredCount, Target
from telemetry import keys
from telemetry.intake.ingest import ingest_events
from telemetry.lifecycle import partitions
from telemetry.models import ApiKey, Arrival, Scope

ENVIRONMENT = "demo"
SOURCE = "demo"
CLIENT = "workbench-web/2.4"
OLD_CLIENT = "workbench-web/1.9"
POST_HOURS = 12
EARLIEST = datetime.min.replace(tzinfo=UTC)

RELEASE_ID = "invoice-matching-2.0"
RELEASE_TEXT = "Released invoice-matching 2.0"
BASELINE_KPI = "time-to-create-workflow"
BASELINE_SECONDS = Decimal(1800)
BASELINE_METHOD = (
    "Made up for the demo: 42 workflows built by hand by 12 people, timed from the first note to the release."
)
TARGETS = {
    "workflow-success-rate": Decimal("0.95"),
    "workflow-duration": Decimal(900),
    "approval-wait": Decimal(900),
    "approval-rate": Decimal("0.80"),
    "agent-failure-rate": Decimal("0.05"),
}


@dataclass(frozen=True, kw_only=True)
class DemoLoad:
    """What a load added. `first_day` is a UTC day; up to `until` (exclusive) the demo is complete."""

    first_day: date
    until: datetime
    posts: int
    accepted: int
    duplicates: int
    rejected: int


def load_demo(*, now: datetime, days: int = DEFAULT_DAYS) -> DemoLoad:
    """Bring the environment `demo` up to now: events, a baseline, targets, a release, entered counts, and
    the KPIs of all.

    The first load covers the last `days` UTC days, today included. Safe to repeat: a later load continues
    where the last one ended or was interrupted. Right after a complete load it adds nothing.
    """
    key = demo_key(now=now)
    first_day = key.created_at.astimezone(UTC).date() - timedelta(days=days - 1)
    make_partitions(first_day, now.astimezone(UTC).date())
    posts = accepted = duplicates = rejected = 0
    # Through ingest and fold like any client's events, so that the demo shows what the portal really does.
    for moment, events in pending_posts(key, first_day=first_day, now=now):
        posted = [msgspec.json.encode(event) for event in events]
        result = ingest_events(posted, key=key, now=moment, client=client_of(events))
        posts += 1
        accepted += result.accepted
        duplicates += result.duplicates
        rejected += result.rejected
    set_baseline_and_targets(first_day=first_day)
    note_release(key, first_day=first_day, now=now)
    enter_counts(first_day=first_day, until=now.astimezone(UTC).date())
    rollup.bring_up_to_date(now=now)
    return DemoLoad(
        first_day=first_day,
        until=now,
        posts=posts,
        accepted=accepted,
        duplicates=duplicates,
        rejected=rejected,
    )


def demo_key(*, now: datetime) -> ApiKey:
    """The key that posts the demo's events; it is created by the first load, on the day of that load."""
    demo_keys = ApiKey.objects.filter(environment=ENVIRONMENT, source=SOURCE, scope=Scope.INGEST)
    key = demo_keys.order_by("pk").first()
    return key or keys.create_key(scope=Scope.INGEST, environment=ENVIRONMENT, source=SOURCE, now=now)[0]


def client_of(events: Sequence[Event]) -> str:
    """What sent the post: mistakes come from an old version."""
    has_mistake = any(event["sessionId"] == MISTAKEN_SESSION for event in events)
    return OLD_CLIENT if has_mistake else CLIENT


def make_partitions(first_day: date, last_day: date) -> None:
    """Make the partitions of all days of the demo; each call makes those of one late window."""
    day = first_day
    while day < last_day:
        day = min(day + timedelta(days=settings.LATE_WINDOW_DAYS), last_day)
        partitions.ensure_partitions(today=day)


def pending_posts(key: ApiKey, *, first_day: date, now: datetime) -> Iterator[tuple[datetime, list[Event]]]:
    """The posts that are still missing, each with the moment (UTC) of its receipt, sorted by it.

    A post commits as a whole, so the newest arrival of the key says how far the demo is loaded.
    """
    newest = Arrival.objects.filter(key=key).order_by("-pk").first()
    since = newest.received_at if newest else EARLIEST
    for start, items in groupby(
        demo_items(first_day=first_day, loaded_at=key.created_at, now=now),
        key=lambda item: post_start(item[0]),
    ):
        events = [event for at, event in items if at >= since]
        if events:
            yield min(start + timedelta(hours=POST_HOURS), now), events


def demo_items(*, first_day: date, loaded_at: datetime, now: datetime) -> Iterator[tuple[datetime, Event]]:
    """Valid and rejected events, each with the moment (UTC) at which it happens, sorted by it.

    Some runs are on at `loaded_at`, the moment of the first load; a later load has their ends.
    """
    days = (now.astimezone(UTC).date() - first_day).days + 1
    valid = ((moment_of(event), event) for event in demo_events(now=now, days=days))
    present = [(moment_of(event), event) for event in present_events(at=loaded_at.astimezone(UTC))]
    return heapq.merge(
        valid,
        demo_mistakes(now=now, days=days),
        [(at, event) for at, event in present if at < now],
        key=lambda item: item[0],
    )


def post_start(at: datetime) -> datetime:
    """Start (UTC, included) of the POST_HOURS in which an event is posted."""
    return datetime.combine(at.date(), time(at.hour // POST_HOURS * POST_HOURS), UTC)


def set_baseline_and_targets(*, first_day: date) -> None:
    """A baseline and targets for the demo, in force from its first day; existing ones of that day are kept."""
    for kpi, value in TARGETS.items():
        Target.objects.get_or_create(
            kpi=kpi,
            environment=ENVIRONMENT,
            effective_from=first_day,
            defaults={"value": value, "note": "Made up for the demo."},
        )
    Baseline.objects.get_or_create(
        kpi=BASELINE_KPI,
        environment=ENVIRONMENT,
        effective_from=first_day,
        defaults={"value": BASELINE_SECONDS, "method": BASELINE_METHOD, "sample_size": 42},
    )


def note_release(key: ApiKey, *, first_day: date, now: datetime) -> None:
    """What a deployment would note, once its day has come."""
    at = datetime.combine(first_day + timedelta(days=RELEASE_DAY), time(), UTC)
    if at <= now:
        annotations.annotate_once(Note(text=RELEASE_TEXT, at=at), key=key, client_id=RELEASE_ID, now=now)


def enter_counts(*, first_day: date, until: date) -> None:
    """Counts entered by hand every Friday up to `until` (included); they fall by one every second week."""
    for index in range((until - first_day).days + 1):
        day = first_day + timedelta(days=index)
        if day.weekday() != 4:
            continue
        _, is_new = EnteredCount.objects.get_or_create(
            environment=ENVIRONMENT,
            date=day,
            source="legacy console",
            defaults={"workflows": max(6 - index // 14, 1)},
        )
        if is_new:
            rollup.mark_day(environment=ENVIRONMENT, date=day)
