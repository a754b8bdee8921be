"""Raw events and everything else that the door writes, and what the fold counts of it."""

from telemetry.models.counters import (
    BridgeCounter,
    LedgerHour,
)
from telemetry.models.erasures import (
    ErasedEvents,
    ErasedSubject,
    Erasure,
    ErasureMode,
    ErasureQuerySet,
    ErasureState,
    ErasureThing,
    LaterEvents,
    SubjectKind,
)
from telemetry.models.events import (
    Arrival,
    ArrivalQuerySet,
    RawEvent,
)
from telemetry.models.keys import (
    ApiKey,
    Environment,
    KeyState,
    Scope,
)
from telemetry.models.maintenance import (
    MaintenanceWindow,
    MaintenanceWindowQuerySet,
    WindowState,
)
from telemetry.models.notices import (
    Notice,
    NoticeChannel,
    NoticeRoute,
    NoticeSeverity,
)
from telemetry.models.plans import (
    PlanLoad,
    PlanVersion,
)
from telemetry.models.quarantine import (
    QuarantinedEvent,
    QuarantineJob,
    QuarantineWork,
    RejectionGroup,
    RejectionHour,
)
from telemetry.models.retention import (
    RetentionHold,
    RetentionPolicy,
    RetentionReport,
    RetentionRun,
    RetentionSubject,
    RunStatus,
    TableSize,
)
from telemetry.models.sent import (
    ClockDay,
    EventDay,
    PlanPart,
    PlanPartDay,
)
from telemetry.models.spans import (
    SpanLink,
    SpanLinkQuerySet,
)

__all__ = [
    "ApiKey",
    "Arrival",
    "ArrivalQuerySet",
    "BridgeCounter",
    "ClockDay",
    "Environment",
    "ErasedEvents",
    "ErasedSubject",
    "Erasure",
    "ErasureMode",
    "ErasureQuerySet",
    "ErasureState",
    "ErasureThing",
    "EventDay",
    "KeyState",
    "LaterEvents",
    "LedgerHour",
    "MaintenanceWindow",
    "MaintenanceWindowQuerySet",
    "Notice",
    "NoticeChannel",
    "NoticeRoute",
    "NoticeSeverity",
    "PlanLoad",
    "PlanPart",
    "PlanPartDay",
    "PlanVersion",
    "QuarantineJob",
    "QuarantineWork",
    "QuarantinedEvent",
    "RawEvent",
    "RejectionGroup",
    "RejectionHour",
    "RetentionHold",
    "RetentionPolicy",
    "RetentionReport",
    "RetentionRun",
    "RetentionSubject",
    "RunStatus",
    "Scope",
    "SpanLink",
    "SpanLinkQuerySet",
    "SubjectKind",
    "TableSize",
    "WindowState",
]
