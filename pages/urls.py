"""Addresses of the pages."""

from django.urls import path

from pages.alerting.views import show_alerts
from pages.funnel.views import show_funnel, show_stopped_sessions
from pages.kpi.views import show_kpi
from pages.overview import show_overview
from pages.retrying import retry_run
from pages.runbook import show_runbook
from pages.runs.views import show_run, show_runs
from pages.slos import show_slos
from pages.usage.agents import show_agents
from pages.usage.costs import show_costs

urlpatterns = [
    path("", show_overview, name="overview"),
    path("kpis/<slug:slug>/", show_kpi, name="kpi"),
    path("agents/", show_agents, name="agents"),
    path("costs/", show_costs, name="costs"),
    path("funnel/", show_funnel, name="funnel"),
    path("funnel/sessions/", show_stopped_sessions, name="funnel-sessions"),
    path("alerts/", show_alerts, name="alerts"),
    path("runs/", show_runs, name="runs"),
    # An id may have slashes, so what belongs to a run stands before the run itself.
    path("runs/<path:run_id>/retry/", retry_run, name="retry-run"),
    path("runs/<path:run_id>/", show_run, name="run"),
    path("slos/", show_slos, name="slos"),
    path("runbooks/<slug:name>/", show_runbook, name="runbook"),
]
