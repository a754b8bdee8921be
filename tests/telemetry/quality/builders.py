"""What clients sent, as the fold counts it; what a test does not name does not matter to it."""

from datetime import date, timedelta
from typing import Any

from telemetry.models import ClockDay, EventDay, PlanPart, PlanPartDay, QuarantinedEvent
from telemetry.quality.days import Sending
from tests.builders import NOW

TODAY = NOW.date()
CREATED = "workbench.draft_created"
ENVIRONMENT = "production"


def days_ago(number: int) -> date:
    return TODAY - timedelta(days=number)


def last_days(number: int, **fields: Any) -> Sending:
    return Sending(environment=ENVIRONMENT, first_day=days_ago(number - 1), last_day=TODAY, **fields)


def make_sent(events: int, code: str = "", **fields: Any) -> EventDay:
    defaults = {
        "day": TODAY,
        "environment": ENVIRONMENT,
        "source": "web",
        "client": "app/1",
        "event": CREATED,
        "first_at": NOW,
        "last_at": NOW,
    }
    return EventDay.objects.create(events=events, code=code, **defaults | fields)


def make_part(events: int, name: str = "", value: str = "", *, event: str = CREATED, **fields: Any) -> None:
    """A part of the plan that came today; with `day` on another one."""
    day = fields.get("day", TODAY)
    where = {
        "environment": fields.get("environment", ENVIRONMENT),
        "event": event,
        "property": name,
        "value": value,
    }
    PlanPart.objects.create(events=events, first_day=day, last_day=day, **where)
    if name:
        PlanPartDay.objects.create(events=events, day=day, **where)


def make_clock(posts: int, bound: int, **fields: Any) -> None:
    defaults = {"day": TODAY, "environment": ENVIRONMENT, "source": "web"}
    ClockDay.objects.create(posts=posts, up_to_seconds=bound, **defaults | fields)


def make_rejected(**fields: Any) -> QuarantinedEvent:
    defaults = {
        "arrival_id": 1,
        "environment": ENVIRONMENT,
        "source": "web",
        "client": "app/1",
        "received_at": NOW,
        "position": 0,
        "event": CREATED,
        "event_id": "",
        "code": "not_in_enum",
        "errors": [{"code": "not_in_enum", "field": "properties.source", "message": "Not listed."}],
        "payload": {"event": CREATED, "properties": {"source": "<9 characters>"}},
    }
    return QuarantinedEvent.objects.create(**defaults | fields)
