"""The admin's look: its title, its colours and the groups of its sidebar."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.urls import reverse_lazy

from config.favicon import icon_url


def view_permission(model: str) -> Callable[[HttpRequest], bool]:
    """A check whether the signed-in person may see a model (`app.model`); who may change it may see it."""
    app, name = model.split(".")

    def may_view(request: HttpRequest) -> bool:
        return any(request.user.has_perm(f"{app}.{verb}_{name}") for verb in ("view", "change"))

    return may_view


def item(title: str, icon: str, model: str) -> dict[str, Any]:
    return {
        "title": title,
        "icon": icon,
        "link": reverse_lazy(f"admin:{model.replace('.', '_')}_changelist"),
        "permission": view_permission(model),
    }


def group(title: str, *items: dict[str, Any]) -> dict[str, Any]:
    return {"title": title, "separator": True, "items": list(items)}


def never_active(request: HttpRequest) -> bool:
    """For a link out of the admin: unfold must not mark it as the current page."""
    return False


NAVIGATION = [
    {"items": [{"title": "Back to the portal", "icon": "arrow_back", "link": "/", "active": never_active}]},
    group(
        "Pipeline",
        item("Arrivals", "move_to_inbox", "telemetry.arrival"),
        item("Raw events", "stream", "telemetry.rawevent"),
        item("Quarantine", "report", "telemetry.quarantinedevent"),
        item("Ledger", "receipt_long", "telemetry.ledgerhour"),
        item("Touched buckets", "pending", "workbench.touchedbucket"),
        item("Event counts", "numbers", "workbench.eventcount"),
        item("Metric counters", "speed", "telemetry.bridgecounter"),
        item("Environments", "dns", "telemetry.environment"),
    ),
    group(
        "Workbench",
        item("Sessions", "person_pin_circle", "workbench.session"),
        item("Drafts", "draft", "workbench.draft"),
        item("Drafts without id", "draft_orders", "workbench.draftcreation"),
        item("Workflow runs", "play_circle", "workbench.workflowrun"),
        item("Agent runs", "smart_toy", "workbench.agentrun"),
        item("Approvals requested", "how_to_reg", "workbench.approvalrequest"),
        item("Approvals decided", "gavel", "workbench.approvaldecision"),
        item("App servers", "memory", "workbench.appserverstate"),
    ),
    group(
        "KPIs",
        item("Freshness", "schedule", "kpis.freshness"),
        item("Targets", "flag", "kpis.target"),
        item("Baselines", "straighten", "kpis.baseline"),
        item("Entered counts", "edit_note", "kpis.enteredcount"),
        item("KPI buckets", "bar_chart", "kpis.kpibucket"),
    ),
    group(
        "Access",
        item("API keys", "key", "telemetry.apikey"),
        item("Users", "person", "auth.user"),
        item("Groups", "group", "auth.group"),
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
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "SIDEBAR": {"show_search": False, "show_all_applications": False, "navigation": NAVIGATION},
}
