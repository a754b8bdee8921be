"""The admin's look: its title, its colours and the groups of its sidebar."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.urls import reverse, reverse_lazy

from config.favicon import icon_url


def any_permission(*names: str) -> Callable[[HttpRequest], bool]:
    """A check whether the signed-in person has one of these permissions (`app.codename`)."""

    def may_view(request: HttpRequest) -> bool:
        return any(request.user.has_perm(name) for name in names)

    return may_view


def item(title: str, icon: str, model: str, *, page: str = "changelist", also: str = "") -> dict[str, Any]:
    """A link to a model's list, or to another page of it. Who has the permission `also` sees it too."""
    app, name = model.split(".")
    names = (f"{app}.view_{name}", f"{app}.change_{name}", *([also] if also else []))
    return {
        "title": title,
        "icon": icon,
        "link": reverse_lazy(f"admin:{app}_{name}_{page}"),
        "permission": any_permission(*names),
    }


def group(title: str, *items: dict[str, Any]) -> dict[str, Any]:
    return {"title": title, "separator": True, "items": list(items)}


def is_on_plan_versions(request: HttpRequest) -> bool:
    """Unfold takes every page below a list for that list; the plan in use has a link of its own."""
    path = request.path
    below, other = (reverse(f"admin:telemetry_planversion_{page}") for page in ("changelist", "in_use"))
    return path.startswith(below) and path != other


def never_active(request: HttpRequest) -> bool:
    """For a link out of the admin: unfold must not mark it as the current page."""
    return False


NAVIGATION = [
    {
        "items": [
            {"title": "Back to the portal", "icon": "arrow_back", "link": "/", "active": never_active},
            {"title": "Health", "icon": "monitor_heart", "link": reverse_lazy("admin:index")},
        ]
    },
    group(
        "Pipeline",
        item("Arrivals", "move_to_inbox", "telemetry.arrival"),
        item("Raw events", "stream", "telemetry.rawevent"),
        item("Links of spans", "account_tree", "telemetry.spanlink"),
        item("Rejections", "report", "telemetry.rejectiongroup"),
        item("Quarantine", "inventory_2", "telemetry.quarantinedevent"),
        item("Replays and removals", "replay", "telemetry.quarantinejob"),
        item("Rejections by hour", "timeline", "telemetry.rejectionhour"),
        item("Ledger", "receipt_long", "telemetry.ledgerhour"),
        item("Touched buckets", "pending", "workbench.touchedbucket"),
        item("Event counts", "numbers", "workbench.eventcount"),
        item("Metric counters", "speed", "telemetry.bridgecounter"),
        item("Environments", "dns", "telemetry.environment"),
        item("Alerts", "notification_important", "alerts.alert"),
        item("Notices", "notifications", "telemetry.notice"),
        item("Routes of notices", "alt_route", "telemetry.noticeroute"),
        item("Digests", "forward_to_inbox", "digests.digestsubscription"),
        item("Digests sent", "outgoing_mail", "digests.digestsending"),
        item(
            "Maintenance",
            "construction",
            "telemetry.maintenancewindow",
            also="telemetry.switch_maintenance",
        ),
    ),
    group(
        "Tracking plan",
        item("Plan in use", "map", "telemetry.planversion", page="in_use"),
        {**item("Plan versions", "history", "telemetry.planversion"), "active": is_on_plan_versions},
        item("Plans by machine", "dns", "telemetry.planload"),
        item("Events by day", "calendar_month", "telemetry.eventday"),
        item("Parts of the plan", "schema", "telemetry.planpart"),
        item("Parts by day", "calendar_view_day", "telemetry.planpartday"),
        item("Clocks by day", "schedule", "telemetry.clockday"),
    ),
    group(
        "Workbench",
        item("Sessions", "person_pin_circle", "workbench.session"),
        item("Early steps", "low_priority", "workbench.earlystep"),
        item("Drafts", "draft", "workbench.draft"),
        item("Drafts without id", "draft_orders", "workbench.draftcreation"),
        item("Workflow runs", "play_circle", "workbench.workflowrun"),
        item("Agent runs", "smart_toy", "workbench.agentrun"),
        item("Model calls", "neurology", "workbench.modelcall"),
        item("Approvals requested", "how_to_reg", "workbench.approvalrequest"),
        item("Approvals decided", "gavel", "workbench.approvaldecision"),
        item("App servers", "memory", "workbench.appserverstate"),
        item("Streams", "stream", "workbench.appserverstream"),
        item("Links of sessions", "link", "workbench.sessionlink"),
        item("Retries", "replay", "workbench.retryrequest"),
    ),
    group(
        "KPIs",
        item("Freshness", "schedule", "kpis.freshness"),
        item("Targets", "flag", "kpis.target"),
        item("Baselines", "straighten", "kpis.baseline"),
        item("Annotations", "flag_2", "kpis.annotation"),
        item("Entered counts", "edit_note", "kpis.enteredcount"),
        item("KPI buckets", "bar_chart", "kpis.kpibucket"),
        item("Usage buckets", "data_usage", "kpis.usagebucket"),
        item("Funnel buckets", "filter_alt", "kpis.funnelbucket"),
        item("Later changes", "history", "kpis.laterchange"),
        item("Users buckets", "groups", "kpis.usersbucket"),
        item("Objectives counted", "track_changes", "objectives.objectivecount"),
        item("Objectives recorded until", "speed", "objectives.objectivelevel"),
    ),
    group(
        "Retention",
        item("Policies", "auto_delete", "telemetry.retentionpolicy"),
        item("Holds", "lock", "telemetry.retentionhold"),
        item("Runs", "delete_sweep", "telemetry.retentionrun"),
        item("Reports", "summarize", "telemetry.retentionreport"),
        item("Table sizes", "database", "telemetry.tablesize"),
    ),
    group(
        "Privacy",
        item("Erasures", "person_remove", "telemetry.erasure"),
        item("Erased subjects", "block", "telemetry.erasedsubject"),
        item("Erased events", "delete_sweep", "telemetry.erasedevents"),
        item("Erasures at work", "manage_search", "telemetry.erasurething"),
    ),
    group(
        "Access",
        item("API keys", "key", "telemetry.apikey"),
        item("Users", "person", "auth.user"),
        item("Invitations", "forward_to_inbox", "people.invitation"),
        item("Shared links", "share", "sharing.sharedlink"),
        item("Sessions", "devices", "usersessions.usersession"),
        item("Groups", "group", "auth.group"),
        item("Audit", "history", "audit.auditentry"),
    ),
]

# Shades of the portal's accent colour.
PRIMARY = {
    "50": "#eef1fc",
    "100": "#dde3f9",
    "200": "#bbc7f3",
    "300": "#a9b9f9",
    "400": "#93a8ff",
    "500": "#7d94f5",
    "600": "#3552cc",
    "700": "#2b42a6",
    "800": "#22347f",
    "900": "#1a2760",
    "950": "#111a40",
}

UNFOLD = {
    "SITE_TITLE": "Workbench analytics",
    "SITE_HEADER": "Workbench analytics",
    "SITE_SUBHEADER": "Administration",
    "SITE_SYMBOL": "monitoring",
    "SITE_URL": "/",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": icon_url}],
    "COLORS": {"primary": PRIMARY},
    "DASHBOARD_CALLBACK": "config.health.views.add_report",
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "SIDEBAR": {"show_search": False, "show_all_applications": False, "navigation": NAVIGATION},
}
