"""Builders with defaults: what a test does not name does not matter to it."""

import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import Model

from telemetry.keys import create_key
from telemetry.models import ApiKey, Arrival, RawEvent, Scope
from workbench.fold import pending

MOMENT = datetime(2026, 2, 2, 10, 0, tzinfo=UTC)
KEYS_MADE_AT = datetime(2026, 1, 1, tzinfo=UTC)
# The moment at which the tests' world stands still.
NOW = datetime(2026, 2, 15, 12, 0, tzinfo=UTC)


def minutes(count: float) -> datetime:
    """The moment that many minutes after MOMENT."""
    return MOMENT + timedelta(minutes=count)


def table(model: type[Model], *fields: str) -> list[tuple[Any, ...]]:
    """All rows of the model, sorted, as tuples of the fields."""
    return sorted(model._default_manager.values_list(*fields), key=repr)


def issue_key(*, now: datetime = KEYS_MADE_AT, **fields: Any) -> tuple[ApiKey, str]:
    """A key and its secret; the fields replace the defaults of `create_key`'s arguments."""
    defaults = {"scope": Scope.INGEST, "environment": "production", "source": "web"}
    return create_key(now=now, **defaults | fields)


def make_key(**fields: Any) -> ApiKey:
    return issue_key(**fields)[0]


def make_secret(**fields: Any) -> str:
    return issue_key(**fields)[1]


def event(name: str, at: datetime = MOMENT, *, session: str = "s-1", **properties: Any) -> dict[str, Any]:
    """An event as it is stored: its name, its moment, its session, and the given properties."""
    return {"event": name, "at": at, "session": session, "properties": properties}


def store(
    *events: dict[str, Any],
    environment: str = "production",
    received_at: datetime = MOMENT,
    key: ApiKey | None = None,
    **counts: Any,
) -> Arrival:
    """Stores the events as one accepted post, as the door would, and returns its arrival."""
    key = key or make_key(environment=environment)
    days = [document["at"].date() for document in events]
    arrival = Arrival.objects.create(
        key=key,
        environment=environment,
        source=key.source,
        received_at=received_at,
        accepted=len(events),
        duplicates=counts.get("duplicates", 0),
        rejected=counts.get("rejected", {}),
        rejected_kinds=counts.get("rejected_kinds"),
        first_day=min(days, default=None),
        last_day=max(days, default=None),
    )
    for document in events:
        RawEvent.objects.create(
            event_key=document.get("key")
            or uuid.uuid5(uuid.NAMESPACE_OID, json.dumps(document, default=str) + environment),
            day=document["at"].date(),
            arrival_id=arrival.id,
            environment=environment,
            source=key.source,
            event=document["event"],
            event_id="",
            session_id=document["session"],
            occurred_at=document["at"],
            properties=document["properties"],
        )
    return arrival


def fold(*events: dict[str, Any], environment: str = "production") -> None:
    """Stores the events as one accepted post and folds it."""
    store(*events, environment=environment)
    pending.fold_pending(now=MOMENT)


def fold_one_by_one(*events: dict[str, Any], environment: str = "production") -> None:
    """Stores and folds each event as a post of its own; raw events are gone before the next one comes."""
    for document in events:
        fold(document, environment=environment)
        RawEvent.objects.all().delete()
