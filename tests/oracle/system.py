"""The real system as the tests drive it: posts through the door, rollups, and what is in the tables then."""

import json
import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.apps import apps
from django.db import models, transaction

from kpis.compute.rollup import bring_up_to_date, mark_day
from kpis.histogram import bin_of
from kpis.models import EnteredCount, FunnelBucket, KpiBucket, StoredGranularity
from kpis.registry import REGISTRY
from telemetry.intake.ingest import IngestResult, ingest_events
from telemetry.intake.privacy import pseudonymise
from telemetry.models import ApiKey, Environment, RawEvent
from tests.builders import make_key
from tests.oracle.compute import (
    AcceptedEvent,
    Entered,
    Post,
    Rows,
    expected_days,
    expected_funnel,
    expected_rows,
    first_of_each,
    moment_of,
    start_of_bucket,
    start_of_day,
)
from tests.oracle.streams import ENVIRONMENTS, SOURCES, Batch, Stream

Keys = Mapping[tuple[str, str, int], ApiKey]
# Pseudonymised at the door: what is stored is not what was posted.
HASHED = {"userId", "approverId"}
KEPT = (ApiKey, Environment)
# Not made from events.
GIVEN = (*KEPT, EnteredCount)
# Numbers of rows, marks of work done and scratch of merges, not what the events say.
SCRATCH = {
    "id",
    "arrival_id",
    "last_id",
    "done_id",
    "taken_at",
    "prior_accepted_at",
    "prior_started_at",
    "prior_accepted_session_id",
    "prior_completed_at",
    "prior_run_id",
    "is_observed",
    "counted_in",
    "observed_in",
    "is_counted",
    "counted_micro_usd",
}


def make_keys(*, now: datetime) -> Keys:
    """Two keys of each source in each environment of the random streams."""
    return {
        (environment, source, number): make_key(environment=environment, source=source, now=now)
        for environment in ENVIRONMENTS
        for source in SOURCES
        for number in range(2)
    }


def find_keys() -> Keys:
    """The keys that make_keys made in this database."""
    places = [
        (environment, source, n) for environment in ENVIRONMENTS for source in SOURCES for n in range(2)
    ]
    return dict(zip(places, ApiKey.objects.order_by("pk"), strict=True))


def portal_models() -> list[type[models.Model]]:
    return [
        model for app in ("telemetry", "workbench", "kpis") for model in apps.get_app_config(app).get_models()
    ]


def clear_tables() -> None:
    """Empty all tables of the portal but its keys and environments, of which nothing is pruned then."""
    with transaction.atomic():
        for model in portal_models():
            if model not in KEPT:
                model._default_manager.all()._raw_delete("default")  # type: ignore[attr-defined]
        Environment.objects.update(raw_kept_from=None, things_kept_from=None)


def table(model: type[models.Model], *, leave_out: Iterable[str] = ()) -> Counter[tuple[Any, ...]]:
    """The table's rows, in no order, without what says nothing about the events."""
    names = [
        field.attname for field in model._meta.concrete_fields if field.attname not in {*SCRATCH, *leave_out}
    ]
    return Counter(tuple(map(plain, row)) for row in model._default_manager.values_list(*names))


def plain(value: Any) -> Any:
    """A value that can be counted: JSON as text."""
    return json.dumps(value, sort_keys=True) if isinstance(value, dict | list) else value


def tables(*, of: Sequence[str] = ("telemetry", "workbench", "kpis")) -> dict[str, Counter[tuple[Any, ...]]]:
    found = (model for model in portal_models() if model not in GIVEN and model._meta.app_label in of)
    return {model.__name__: table(model) for model in found}


# Posting --------------------------------------------------------------------------------------------------


def enter(entered: Iterable[Entered]) -> None:
    """What an admin's form does: the count, and the mark that its bucket changed."""
    for count in entered:
        EnteredCount.objects.create(
            environment=count.environment, date=count.date, source=count.source, workflows=count.workflows
        )
        mark_day(environment=count.environment, date=count.date)


def deliver(batches: Sequence[Batch], *, keys: Keys, now: datetime, seed: int) -> list[IngestResult]:
    """Post the batches one after the other, roll up at random moments between them, and at the end."""
    dice = random.Random(seed)
    results = []
    for batch in batches:
        key = keys[batch.environment, batch.source, batch.key]
        results.append(ingest_events(batch.documents, key=key, now=now))
        if dice.random() < 0.3:
            bring_up_to_date(now=now)
    bring_up_to_date(now=now)
    return results


# What must be in the tables -------------------------------------------------------------------------------


def accepted_events(posts: Iterable[Post]) -> list[AcceptedEvent]:
    """The posts that count, each with the key of its stored event; KeyError where storage disagrees."""
    stored = {identity_of(raw): raw.event_key for raw in RawEvent.objects.all()}
    events = []
    for post in first_of_each(posts):
        document = post.document
        event = AcceptedEvent(
            environment=post.environment,
            event_key=stored.pop(identity_in_storage(post)),
            event=document["event"],
            session_id=document["sessionId"],
            occurred_at=moment_of(post),
            properties=document["properties"],
        )
        events.append(event)
    if stored:
        raise KeyError(f"stored, but never posted: {sorted(stored)}")
    return events


def identity_of(raw: RawEvent) -> tuple[Any, ...]:
    place = (raw.environment, raw.source, raw.event, raw.session_id, raw.occurred_at)
    return *place, raw.event_id, content(raw.properties)


def identity_in_storage(post: Post) -> tuple[Any, ...]:
    document = post.document
    place = (post.environment, post.source, document["event"], document["sessionId"], moment_of(post))
    return *place, document.get("id", ""), content(document["properties"])


def content(properties: Mapping[str, Any]) -> str:
    """The properties as they are stored, as text: whole numbers without fraction, people as pseudonyms."""
    stored = {
        name: pseudonymise(value) if name in HASHED else number(value) for name, value in properties.items()
    }
    return json.dumps(stored, sort_keys=True)


def number(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


BucketKey = tuple[str, str, str, datetime, str, str]
Bucket = tuple[int, int, dict[str, int], str, int]


def expected_buckets(stream: Stream, *, rate: float) -> dict[BucketKey, Bucket]:
    """All rows that KpiBucket must hold, by the oracle."""
    events = accepted_events(stream.posts)
    base = expected_rows(events, entered=stream.entered, rate=rate, zone=stream.zone)
    days = expected_days(base, zone=stream.zone)
    return {**as_buckets(base, StoredGranularity.BASE), **as_buckets(days, StoredGranularity.DAY)}


def as_buckets(rows: Rows, granularity: StoredGranularity) -> dict[BucketKey, Bucket]:
    return {
        (granularity.value, *key): (
            row.numerator,
            row.denominator,
            {str(bin_index): n for bin_index, n in Counter(map(bin_of, row.durations)).items()},
            REGISTRY[key[0]].persona.value,
            REGISTRY[key[0]].version,
        )
        for key, row in rows.items()
    }


def stored_buckets() -> dict[BucketKey, Bucket]:
    """All rows that KpiBucket holds."""
    return {
        (row.granularity, row.kpi, row.environment, row.period_start, row.dimension, row.value): (
            row.numerator,
            row.denominator,
            row.histogram,
            row.persona,
            row.definition_version,
        )
        for row in KpiBucket.objects.all()
    }


FunnelKey = tuple[str, str, datetime, int, tuple[str, ...], bool]
FunnelContent = tuple[int, int, dict[str, int]]


def expected_funnel_buckets(events: Sequence[AcceptedEvent], *, zone: str) -> dict[FunnelKey, FunnelContent]:
    """All rows that FunnelBucket must hold, by the oracle."""
    periods = {
        StoredGranularity.BASE.value: start_of_bucket,
        StoredGranularity.DAY.value: lambda moment: start_of_day(moment, zone=zone),
    }
    return {
        (granularity, *key): (
            row.sessions,
            sum(row.durations),
            {str(bin_index): n for bin_index, n in Counter(map(bin_of, row.durations)).items()},
        )
        for granularity, period_start in periods.items()
        for key, row in expected_funnel(events, period_start=period_start).items()
    }


def stored_funnel() -> dict[FunnelKey, FunnelContent]:
    """All rows that FunnelBucket holds."""
    return {
        (
            row.granularity,
            row.environment,
            row.period_start,
            row.step,
            tuple(json.loads(row.sources or "[]")),
            row.used_template,
        ): (row.sessions, row.microseconds, row.histogram)
        for row in FunnelBucket.objects.all()
    }
