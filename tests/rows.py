"""Rows of every model that the admin shows, for tests that want some in each table."""

import json
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from allauth.usersessions.models import UserSession
from django.contrib.auth.models import Group, User
from django.db.models import Model

from alerts.models import Alert
from audit.models import AuditEntry
from digests.models import DigestSending, DigestSubscription
from kpis.distinct import code_of, pack
from kpis.models import (
    Annotation,
    Baseline,
    EnteredCount,
    Freshness,
    FunnelBucket,
    KpiBucket,
    LaterChange,
    Target,
    UsageBucket,
    UsersBucket,
)
from objectives.models import ObjectiveCount, ObjectiveLevel
from people.models import Invitation
from sharing.models import SharedLink
from telemetry.models import (
    ApiKey,
    Arrival,
    BridgeCounter,
    ClockDay,
    Environment,
    ErasedEvents,
    ErasedSubject,
    Erasure,
    ErasureThing,
    EventDay,
    LedgerHour,
    MaintenanceWindow,
    Notice,
    NoticeRoute,
    PlanLoad,
    PlanPart,
    PlanPartDay,
    PlanVersion,
    QuarantinedEvent,
    QuarantineJob,
    RawEvent,
    RejectionGroup,
    RejectionHour,
    RetentionHold,
    RetentionPolicy,
    RetentionReport,
    RetentionRun,
    SpanLink,
    TableSize,
)
from workbench.models import (
    AgentRun,
    ApprovalDecision,
    ApprovalRequest,
    AppServerState,
    AppServerStream,
    Draft,
    DraftCreation,
    EarlyStep,
    EventCount,
    ModelCall,
    RetryRequest,
    Session,
    SessionLink,
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


def erasure(number: int = 0, **fields: Any) -> Erasure:
    defaults = {
        "environment": environment(),
        "kind": ("user", "session", "draft", "run")[number % 4],
        "digest": f"{number:032x}",
        "state": ("previewed", "done", "failed")[number % 3],
        "position": {"failed_in": "previewing", "at": {}} if number % 3 == 2 else {},
        "working_id": "" if number % 3 == 1 else f"s-{number}",
        "requested_by": "admin",
        "requested_at": MOMENT,
        "not_before": MOMENT,
        "preview": {"raw_events": {"workbench.draft_created": 3}, "raw_events_total": 3},
        "receipt": {"raw_events": {"workbench.draft_created": 3}, "raw_events_total": 3},
    }
    return Erasure.objects.create(**defaults | fields)


def shared_erasure() -> Erasure:
    return Erasure.objects.first() or erasure()


def maintenance_window(number: int = 0, **fields: Any) -> MaintenanceWindow:
    defaults = {
        "message": "We move to a larger disk.",
        "starts_at": MOMENT + timedelta(hours=number),
        "ends_at": MOMENT + timedelta(hours=number, minutes=30),
        "started_by": shared_user(),
    }
    return MaintenanceWindow.objects.create(**defaults | fields)


def plan_version(number: int = 0, **fields: Any) -> PlanVersion:
    defaults = {
        "digest": f"{number:064x}",
        "version": str(number + 1),
        "content": json.dumps({"version": number + 1, "events": []}),
        "first_loaded_at": MOMENT,
        "last_loaded_at": MOMENT + timedelta(hours=number),
    }
    return PlanVersion.objects.create(**defaults | fields)


def user(number: int = 0, **fields: Any) -> User:
    return User.objects.create(username=f"user-{number}", **fields)


def shared_user() -> User:
    return User.objects.first() or user()


def invitation(number: int = 0, **fields: Any) -> Invitation:
    defaults = {
        "email": f"person-{number}@example.com",
        "role": "viewer",
        "digest": f"{number:064x}",
        "created_by": shared_user(),
        "expires_at": MOMENT + timedelta(days=7),
    }
    return Invitation.objects.create(**defaults | fields)


def digest_subscription(number: int = 0, **fields: Any) -> DigestSubscription:
    defaults = {"user": user(number + 700), "time_zone": "Europe/Berlin", "next_due_at": MOMENT}
    return DigestSubscription.objects.create(**defaults | fields)


def digest_sending(number: int = 0, **fields: Any) -> DigestSending:
    defaults = {
        "subscription": DigestSubscription.objects.first() or digest_subscription(),
        "channel": "mail",
        "occasion": f"weekly {number}",
        "frequency": "weekly",
        "period_start": MOMENT - timedelta(days=7),
        "period_end": MOMENT,
        "time_zone": "Europe/Berlin",
        "created_at": MOMENT + timedelta(minutes=number),
        "next_attempt_at": MOMENT,
    }
    return DigestSending.objects.create(**defaults | fields)


def user_session(number: int = 0) -> UserSession:
    return UserSession.objects.create(
        user=shared_user(), ip="192.0.2.1", user_agent="A browser", session_key=f"key-{number}"
    )


def retention_run(number: int = 0) -> RetentionRun:
    moment = MOMENT + timedelta(hours=number)
    return RetentionRun.objects.create(
        requested_by="schedule",
        started_at=moment,
        stepped_at=moment,
        finished_at=moment,
        status="finished",
        today=moment.date(),
    )


def shared_run() -> RetentionRun:
    return RetentionRun.objects.first() or retention_run()


def audit_entry(number: int = 0) -> Model:
    """That of an environment which is created."""
    made = environment(f"audited-{number}")
    return AuditEntry.objects.filter(object_pk=made.pk).get()


BUILDERS: dict[type[Model], Callable[[int], Model]] = {
    User: user,
    Group: lambda number: Group.objects.create(name=f"group-{number}"),
    Invitation: invitation,
    UserSession: user_session,
    AuditEntry: audit_entry,
    DigestSubscription: digest_subscription,
    DigestSending: digest_sending,
    Environment: lambda number: environment(f"env-{number}"),
    ApiKey: api_key,
    Arrival: arrival,
    RawEvent: raw_event,
    QuarantinedEvent: quarantined_event,
    Erasure: erasure,
    ErasureThing: lambda number: ErasureThing.objects.create(
        erasure=shared_erasure(), kind="draft", thing_id=f"d-{number}"
    ),
    ErasedSubject: lambda number: ErasedSubject.objects.create(
        environment="production", kind="session", digest=f"{number:032x}", later_events="refuse"
    ),
    ErasedEvents: lambda number: ErasedEvents.objects.create(
        environment="production",
        event="workbench.draft_created",
        day=MOMENT.date() + timedelta(days=number),
        events=2,
    ),
    LedgerHour: lambda number: LedgerHour.objects.create(
        key=shared_key(),
        environment="production",
        hour=MOMENT + timedelta(hours=number),
        outcome="accepted",
        reason="",
        events=4,
    ),
    RejectionGroup: lambda number: RejectionGroup.objects.create(
        environment="production",
        source="app-0",
        code="wrong_type",
        event="workbench.draft_created",
        client=f"app/{number}",
        events=number + 1,
        first_seen_at=MOMENT - timedelta(days=1),
        last_seen_at=MOMENT,
    ),
    RejectionHour: lambda number: RejectionHour.objects.create(
        environment="production",
        source="app-0",
        code="wrong_type",
        event="workbench.draft_created",
        hour=MOMENT.replace(minute=0) + timedelta(hours=number),
        events=2,
    ),
    EventDay: lambda number: EventDay.objects.create(
        day=MOMENT.date() - timedelta(days=number),
        environment="production",
        source="app-0",
        client="app/1",
        event="workbench.draft_created",
        code=("", "wrong_type")[number % 2],
        events=4,
        first_at=MOMENT,
        last_at=MOMENT,
    ),
    PlanPart: lambda number: PlanPart.objects.create(
        environment="production",
        event="workbench.draft_created",
        property="source",
        value=f"value-{number}",
        events=4,
        first_day=MOMENT.date(),
        last_day=MOMENT.date(),
    ),
    PlanPartDay: lambda number: PlanPartDay.objects.create(
        day=MOMENT.date() - timedelta(days=number),
        environment="production",
        event="workbench.draft_created",
        property="source",
        value="chat",
        events=4,
    ),
    ClockDay: lambda number: ClockDay.objects.create(
        day=MOMENT.date() - timedelta(days=number),
        environment="production",
        source="app-0",
        up_to_seconds=5,
        posts=3,
    ),
    QuarantineJob: lambda number: QuarantineJob.objects.create(
        work=("replay", "delete")[number % 2],
        selection={"environment": "production", "code": "wrong_type"},
        requested_by="jo",
        created_at=MOMENT,
        last_id=10,
        finished_at=MOMENT if number % 3 else None,
    ),
    Alert: lambda number: Alert.objects.create(
        source="alertmanager",
        fingerprint=f"{number:016x}",
        name="KpiOffTarget",
        severity="ticket",
        environment="production",
        kpi="approval-rate",
        labels={"alertname": "KpiOffTarget"},
        summary="The approval rate is off target",
        started_at=MOMENT,
        ended_at=MOMENT + timedelta(hours=1) if number % 2 else None,
        expires_at=MOMENT + timedelta(hours=2),
    ),
    NoticeRoute: lambda number: NoticeRoute.objects.create(
        channel="mail", environment=f"env-{number}", severity="ticket", is_told=False
    ),
    Notice: lambda number: Notice.objects.create(
        topic="new rejection",
        subject=f"production/app-0/wrong_type/{number}",
        title="A new kind of rejection",
        text="Of app-0 in production.",
        opened_at=MOMENT,
        next_attempt_at=MOMENT,
    ),
    BridgeCounter: lambda number: BridgeCounter.objects.create(
        family="workbench_events_total",
        environment="production",
        labels=f'["event-{number}"]',
        bin="",
        value=4,
    ),
    RetentionPolicy: lambda number: RetentionPolicy.objects.create(
        subject="raw_events", environment=f"env-{number}", keep_days=90, set_by=shared_user()
    ),
    RetentionHold: lambda number: RetentionHold.objects.create(
        environment=f"env-{number}", reason="An audit", set_by=shared_user()
    ),
    RetentionRun: retention_run,
    RetentionReport: lambda number: RetentionReport.objects.create(
        run=shared_run(),
        subject="raw_events",
        environment="production",
        event="workbench.draft_created",
        day=MOMENT.date() - timedelta(days=number),
        rows=12,
        bytes=4096,
        seconds=0.5,
    ),
    SpanLink: lambda number: SpanLink.objects.create(
        environment="production",
        trace_id=f"{number:032x}",
        span_id="00000000000000a2",
        parent_span_id="00000000000000a1",
        received_at=MOMENT,
    ),
    TableSize: lambda number: TableSize.objects.create(
        day=MOMENT.date() - timedelta(days=number), table="telemetry_rawevent", bytes=1 << 30
    ),
    MaintenanceWindow: maintenance_window,
    PlanVersion: plan_version,
    PlanLoad: lambda number: PlanLoad.objects.create(
        machine=f"machine-{number}",
        process="web",
        plan=PlanVersion.objects.first() or plan_version(),
        loaded_at=MOMENT,
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
    RetryRequest: lambda number: RetryRequest.objects.create(
        environment="production",
        run_id=f"r-{number}",
        requested_by="ada",
        requested_at=MOMENT,
        state=("done", "failed", "expired")[number % 3],
        attempts=1,
    ),
    AgentRun: lambda number: AgentRun.objects.create(
        environment="production", agent_run_id=f"a-{number}", run_id=f"r-{number}", status="cancelled"
    ),
    ModelCall: lambda number: ModelCall.objects.create(
        event_key=event_key(number),
        environment="production",
        session_id=f"s-{number}",
        run_id=f"r-{number}",
        agent_run_id="",
        trace_id=f"t-{number}",
        span_id="2",
        parent_span_id="1",
        model="small-1",
        called_at=MOMENT,
        duration_ms=1500,
        status="completed",
        error_type="",
        input_tokens=120,
        output_tokens=30,
        cost_micro_usd=2500,
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
    AppServerStream: lambda number: AppServerStream.objects.create(
        environment="production",
        stream_id=f"st-{number}",
        session_id=f"s-{number}",
        opened_at=MOMENT,
        seen_at=MOMENT,
    ),
    EventCount: lambda number: EventCount.objects.create(
        environment="production",
        bucket_start=MOMENT + timedelta(minutes=15 * number),
        event="workbench.draft_created",
        variant="chat",
        events=5,
    ),
    SessionLink: lambda number: SessionLink.objects.create(
        environment="production", kind="draft", thing_id=f"d-{number}", session_id=f"s-{number}"
    ),
    EarlyStep: lambda number: EarlyStep.objects.create(
        environment="production", session_id=f"s-{number}", step=3, happened_at=MOMENT
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
    UsageBucket: lambda number: UsageBucket.objects.create(
        environment="production",
        granularity="base",
        period_start=MOMENT + timedelta(minutes=15 * number),
        workflow="triage",
        agent="writer",
        model="model-small",
        agent_runs=2,
    ),
    FunnelBucket: lambda number: FunnelBucket.objects.create(
        environment="production",
        granularity="base",
        period_start=MOMENT + timedelta(minutes=15 * number),
        step=1,
        sessions=2,
    ),
    LaterChange: lambda number: LaterChange.objects.create(
        environment="production",
        kpi="approval-rate",
        date=MOMENT.date() - timedelta(days=number),
        cause="late_events",
        first_changed_at=MOMENT,
        last_changed_at=MOMENT,
        numerator_before=3,
        denominator_before=10,
        value_before=0.3,
        numerator_after=4,
        denominator_after=11,
        value_after=4 / 11,
    ),
    UsersBucket: lambda number: UsersBucket.objects.create(
        environment="production",
        granularity="base",
        period_start=MOMENT + timedelta(minutes=15 * number),
        sketch=pack([code_of("ada")]),
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
    Annotation: lambda number: Annotation.objects.create(
        environment="production",
        at=MOMENT - timedelta(days=number),
        text=f"v2.{number} deployed",
        added_by=shared_user(),
    ),
    EnteredCount: lambda number: EnteredCount.objects.create(
        environment="production",
        date=MOMENT.date() - timedelta(days=number),
        source="console",
        workflows=2,
        entered_by=shared_user(),
    ),
    ObjectiveCount: lambda number: ObjectiveCount.objects.create(
        objective="ingest-latency",
        start=MOMENT + timedelta(minutes=number),
        minutes=1,
        good=9,
        total=10,
    ),
    SharedLink: lambda number: SharedLink.objects.create(
        kind="page",
        page="kpi",
        kpi="approval-rate",
        environment="production",
        query="range=7d",
        digest=f"{number:064x}",
        created_by=shared_user(),
        expires_at=MOMENT + timedelta(days=number),
    ),
    ObjectiveLevel: lambda number: ObjectiveLevel.objects.create(
        source=f"source-{number}", objective="ingest-latency", good=9, total=10, seen_at=MOMENT
    ),
}
