"""Addresses of the pages."""

from django.urls import path

from pages.alerting.views import show_alerts
from pages.kpi.views import show_kpi
from pages.overview import show_overview
from pages.retrying import retry_run
from pages.runbook import show_runbook
from pages.slos import show_slos

urlpatterns = [
    path("", show_overview, name="overview"),
    path("kpis/<slug:slug>/", show_kpi, name="kpi"),
    path("alerts/", show_alerts, name="alerts"),
    path("slos/", show_slos, name="slos"),
    # An id may have slashes. It stands before any address of a run's own page.
    path("runs/<path:run_id>/retry/", retry_run, name="retry-run"),
    path("runbooks/<slug:name>/", show_runbook, name="runbook"),
]
