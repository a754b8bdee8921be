"""The things that events are about: sessions, drafts, runs, approvals. The fold writes them.

Every moment is the event's own time, in UTC.

A thing outlives its raw events. KPIs are computed from these tables, so a KPI can be rebuilt where raw events are
gone. Merges are commutative and idempotent: the earliest, the latest, or the smallest known value.

An index begins with the column that tells rows apart, and ends with the environment. If it began with the
environment, PostgreSQL might choose it to read the whole environment, on a table that it has not analysed yet.
"""

from workbench.models.app_servers import AppServerState, AppServerStream
from workbench.models.approvals import ApprovalDecision, ApprovalRequest
from workbench.models.counts import ChangeCause, EventCount, TouchedBucket
from workbench.models.drafts import Draft, DraftCreation
from workbench.models.retries import RetryRequest, RetryState
from workbench.models.runs import AgentRun, ModelCall, WorkflowRun
from workbench.models.sessions import EarlyStep, FunnelStep, LinkKind, Session, SessionLink

__all__ = [
    "AgentRun",
    "AppServerState",
    "AppServerStream",
    "ApprovalDecision",
    "ApprovalRequest",
    "ChangeCause",
    "Draft",
    "DraftCreation",
    "EarlyStep",
    "EventCount",
    "FunnelStep",
    "LinkKind",
    "ModelCall",
    "RetryRequest",
    "RetryState",
    "Session",
    "SessionLink",
    "TouchedBucket",
    "WorkflowRun",
]
