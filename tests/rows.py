"""Rows of every model that the admin shows, for tests that want some in each table."""

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from django.contrib.auth.models import Group, User
from django.db.models import Model

from kpis.models import Baseline, EnteredCount, Freshness, KpiBucket, Target
from telemetry.models import (
    ApiKey,
    Arrival,
    BridgeCounter,
    Environment,
    LedgerHour,
    QuarantinedEvent,
    RawEvent,
)
from workbench.models import (
    AgentRun,
    ApprovalDecision,
    ApprovalRequest,
    AppServerState,
    Draft,
    DraftCreation,
    EventCount,
    Session,
    TouchedBucket,
    WorkflowRun,
)

MOMENT = datetime(2026, 2, 15, 10, 30, tzinfo=UTC)


def event_key(number: int) -> uuid.UUID:
    return uuid.UUID(int=number + 1)


def environment(name: str = "production") -> Environment:
    return Environment.objects.get_or_create(name=name)[0]


def api_key(number: int = 0, **fields: Any) -> ApiKey:
    defaults = {
        "prefix": f"wb_ingest_{number:06d}",
        "digest": f"{number:064x}",
        "scope": "ingest",
        "environment": environment(),
        "source": f"app-{number}",
        "requests_per_minute": 600,
    }
    return ApiKey.objects.create(**defaults | fields)


def shared_key() -> ApiKey:
    return ApiKey.objects.first() or api_key()


def arrival(number: int = 0, **fields: Any) -> Arrival:
    defaults = {
        "key": shared_key(),
        "environment": "production",
        "source": "app-0",
        "received_at": MOMENT + timedelta(minutes=number),
        "accepted": 3,
        "duplicates": 1,
        "rejected": {"wrong_type": 2, "bad_id": 1},
        "first_day": MOMENT.date(),
        "last_day": MOMENT.date(),
        "taken_at": MOMENT + timedelta(hours=1) if number % 2 else None,
    }
    return Arrival.objects.create(**defaults | fields)


def raw_event(number: int = 0, **fields: Any) -> RawEvent:
    """Of arrival 1, 2, …, ten in each; an arrival makes its day the newest one."""
    if not Arrival.objects.exists():
        arrival()
    defaults = {
        "event_key": event_key(number),
        "day": MOMENT.date(),
        "arrival_id": 1 + number // 10,
        "environment": "production",
        "source": "app-0",
        "event": "workbench.draft_created",
        "event_id": f"e-{number}",
        "session_id": f"s-{number}",
        "occurred_at": MOMENT,
        "properties": {"source": "chat", "nodeCount": number, "intent": "<script>alert(1)</script>"},
    }
    return RawEvent.objects.create(**defaults | fields)


def quarantined_event(number: int = 0, **fields: Any) -> QuarantinedEvent:
    defaults = {
        "arrival_id": 1 + number // 10,
        "environment": "production",
        "source": "app-0",
        "received_at": MOMENT,
        "position": number,
        "event": "workbench.approval_requested",
        "event_id": f"e-{number}",
        "code": "looks_like_pii",
        "errors": [
            {
                "code": "looks_like_pii",
                "field": "properties.contextType",
                "message": "It looks like an address.",
            },
            {"code": "missing_property", "field": "properties.toolIds", "message": "It is required."},
        ],
        "payload": {
            "event": "workbench.approval_requested",
            "properties": {"contextType": "[14 characters]"},
        },
    }
    return QuarantinedEvent.objects.create(**defaults | fields)


def user(number: int = 0, **fields: Any) -> User:
    return User.objects.create(username=f"user-{number}", **fields)


def shared_user() -> User:
    return User.objects.first() or user()


BUILDERS: dict[type[Model], Callable[[int], Model]] = {
    User: user,
    Group: lambda number: Group.objects.create(name=f"group-{number}"),
    Environment: lambda number: environment(f"env-{number}"),
    ApiKey: api_key,
    Arrival: arrival,
    RawEvent: raw_event,
    QuarantinedEvent: quarantined_event,
    LedgerHour: lambda number: LedgerHour.objects.create(
        key=shared_key(),
        environment="production",
        hour=MOMENT + timedelta(hours=number),
        outcome="accepted",
        reason="",
        events=4,
    ),
    BridgeCounter: lambda number: BridgeCounter.objects.create(
        family="workbench_events_total",
        environment="production",
        labels=f'["event-{number}"]',
        bin="",
        value=4,
    ),
    Session: lambda number: Session.objects.create(
        environment="production", session_id=f"s-{number}", started_at=MOMENT
    ),
    Draft: lambda number: Draft.objects.create(
        environment="production", draft_id=f"d-{number}", accepted_at=MOMENT, source="template"
    ),
    DraftCreation: lambda number: DraftCreation.objects.create(
        event_key=event_key(number),
        environment="production",
        session_id=f"s-{number}",
        created_at=MOMENT,
        source="chat",
    ),
    WorkflowRun: lambda number: WorkflowRun.objects.create(
        environment="production", run_id=f"r-{number}", status=("", "completed", "failed")[number % 3]
    ),
    AgentRun: lambda number: AgentRun.objects.create(
        environment="production", agent_run_id=f"a-{number}", run_id=f"r-{number}", status="cancelled"
    ),
    ApprovalRequest: lambda number: ApprovalRequest.objects.create(
        event_key=event_key(number),
        environment="production",
        session_id=f"s-{number}",
        approval_id="",
        run_id="",
        tool_ids='["refund"]',
        context_type="workflow",
        requested_at=MOMENT,
    ),
    ApprovalDecision: lambda number: ApprovalDecision.objects.create(
        event_key=event_key(number),
        environment="production",
        session_id=f"s-{number}",
        approval_id="",
        run_id="",
        tool_ids="",
        approver_hash="",
        approved=True,
        decided_at=MOMENT,
    ),
    AppServerState: lambda number: AppServerState.objects.create(
        environment="production",
        subject=f"worker:w-{number}",
        state="ready",
        changed_at=MOMENT,
        event_key=event_key(number),
    ),
    EventCount: lambda number: EventCount.objects.create(
        environment="production",
        bucket_start=MOMENT + timedelta(minutes=15 * number),
        event="workbench.draft_created",
        variant="chat",
        events=5,
    ),
    TouchedBucket: lambda number: TouchedBucket.objects.create(environment="production", bucket_start=MOMENT),
    KpiBucket: lambda number: KpiBucket.objects.create(
        kpi="approval-rate",
        persona="operator",
        environment="production",
        granularity="base",
        period_start=MOMENT + timedelta(minutes=15 * number),
        numerator=1,
        denominator=2,
        definition_version=1,
    ),
    Freshness: lambda number: Freshness.objects.create(
        environment=f"env-{number}", computed_until=MOMENT if number % 2 else None, time_zone="UTC"
    ),
    Target: lambda number: Target.objects.create(
        kpi="approval-rate",
        value="0.8",
        effective_from=MOMENT.date() + timedelta(days=number),
        set_by=shared_user(),
    ),
    Baseline: lambda number: Baseline.objects.create(
        kpi="time-to-create-workflow",
        value="1800",
        effective_from=MOMENT.date() + timedelta(days=number),
        method="Stopwatch",
        sample_size=12,
        set_by=shared_user(),
    ),
    EnteredCount: lambda number: EnteredCount.objects.create(
        environment="production",
        date=MOMENT.date() - timedelta(days=number),
        source="console",
        workflows=2,
        entered_by=shared_user(),
    ),
}
