"""What is audited: the models whose changes django-auditlog notes, and what it does not show of them."""

from typing import Any

# A model that people change is one line more. What a request or an event writes must not be here: each save costs
# two queries more. Masked: that it changed is noted, never what it was.
AUDITED: tuple[dict[str, Any], ...] = (
    {
        "model": "auth.User",
        "mask_fields": ["password", "email", "first_name", "last_name"],
        "exclude_fields": ["last_login"],
        "m2m_fields": ["groups", "user_permissions"],
    },
    {"model": "auth.Group", "m2m_fields": ["permissions"]},
    {"model": "account.EmailAddress", "mask_fields": ["email"]},
    {"model": "people.EnvironmentLimit"},
    {"model": "people.Invitation", "mask_fields": ["digest", "email"], "exclude_fields": ["created_at"]},
    {
        "model": "socialaccount.SocialAccount",
        # Each sign-in writes the other fields.
        "include_fields": ["user", "provider"],
        "mask_fields": ["uid", "extra_data"],
    },
    {
        "model": "telemetry.ApiKey",
        "mask_fields": ["digest"],
        "exclude_fields": ["first_used_at", "last_used_at"],
    },
    # How far back its rows are kept is the work of runs, which are noted.
    {"model": "telemetry.Environment", "exclude_fields": ["raw_kept_from", "things_kept_from"]},
    {"model": "telemetry.RetentionPolicy", "exclude_fields": ["created_at"]},
    {"model": "telemetry.RetentionHold", "exclude_fields": ["created_at"]},
    # Of what works in steps: who asked for what. A note says how it ended.
    {
        "model": "telemetry.RetentionRun",
        "include_fields": ["requested_by", "today", "environment", "before", "subjects"],
    },
    {
        "model": "telemetry.Erasure",
        "include_fields": ["environment", "kind", "mode", "later_events", "requested_by"],
        "mask_fields": ["digest", "working_id"],
    },
    {
        "model": "telemetry.QuarantineJob",
        "include_fields": ["work", "selection", "requested_by", "expected"],
    },
    {"model": "telemetry.MaintenanceWindow"},
    {"model": "telemetry.NoticeRoute"},
    {"model": "telemetry.PlanVersion", "include_fields": ["digest", "version"]},
    {
        "model": "digests.DigestSubscription",
        "mask_fields": ["webhook"],
        "exclude_fields": ["next_due_at"],
    },
    {"model": "kpis.Target", "exclude_fields": ["created_at"]},
    {"model": "kpis.Baseline", "exclude_fields": ["created_at"]},
    {"model": "kpis.Annotation", "exclude_fields": ["created_at"]},
    {"model": "kpis.EnteredCount", "exclude_fields": ["created_at"]},
    {
        "model": "sharing.SharedLink",
        "mask_fields": ["digest"],
        "exclude_fields": ["created_at", "last_used_at"],
    },
)
# Models that people may change or act upon, and that are not audited; with the reason.
EXEMPT: dict[str, str] = {
    "people.OverviewArrangement": "how a page looks to one person, which changes nothing for others",
    "telemetry.QuarantinedEvent": "posts write it; its replay or removal is a QuarantineJob",
    "telemetry.RejectionGroup": "posts write it; its replay or removal is a QuarantineJob",
    "usersessions.UserSession": "each sign-in writes it; people.sessions notes that one was ended",
}
