"""Addresses of the door, of its answer to what arrived, and of the plan."""

from django.urls import path

from telemetry.door import plan_views, views

app_name = "telemetry"
urlpatterns = [
    path("workbench/telemetry", views.TelemetryView.as_view(), name="ingest"),
    path("ingest/recent/", views.RecentEventsView.as_view(), name="recent"),
    path("plan/", plan_views.PlanView.as_view(), name="plan"),
    path("plan/schema.json", plan_views.PlanSchemaView.as_view(), name="plan-schema"),
]
