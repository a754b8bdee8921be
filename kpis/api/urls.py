"""Addresses of the read API and of its description."""

from django.urls import path
from drf_spectacular.views import SpectacularAPIView

from kpis.api import views
from kpis.api.activity import ActivityView
from kpis.api.annotations import AnnotationsView
from kpis.api.changes import ChangesView
from kpis.api.docs_page import ApiDocsView
from kpis.api.funnel import FunnelView
from kpis.api.plan import PlanEventsView, PlanEventView
from kpis.api.runs import RunListView, RunView
from kpis.api.usage import AgentsView, CostsView

urlpatterns = [
    path("kpis/", views.KpiListView.as_view(), name="api-kpis"),
    path("kpis/<str:slug>/", views.KpiView.as_view(), name="api-kpi"),
    path("kpis/<str:slug>/changes/", ChangesView.as_view(), name="api-kpi-changes"),
    path("activity/", ActivityView.as_view(), name="api-activity"),
    path("annotations/", AnnotationsView.as_view(), name="api-annotations"),
    path("agents/", AgentsView.as_view(), name="api-agents"),
    path("costs/", CostsView.as_view(), name="api-costs"),
    # What comes of the plan; the plan itself is at plan/ (telemetry.door.urls).
    path("plan/events/", PlanEventsView.as_view(), name="api-plan-events"),
    path("plan/events/<path:event>/", PlanEventView.as_view(), name="api-plan-event"),
    path("funnel/", FunnelView.as_view(), name="api-funnel"),
    path("runs/", RunListView.as_view(), name="api-runs"),
    path("runs/<path:run_id>/", RunView.as_view(), name="api-run"),
    path("schema/", SpectacularAPIView.as_view(), name="api-schema"),
    path("docs/", ApiDocsView.as_view(), name="api-docs"),
]
