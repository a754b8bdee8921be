from django.urls import path

from telemetry.door import views

app_name = "telemetry"
urlpatterns = [
    path("workbench/telemetry", views.TelemetryView.as_view(), name="ingest"),
    path("ingest/recent/", views.RecentEventsView.as_view(), name="recent"),
    path("plan/", views.PlanView.as_view(), name="plan"),
    path("plan/schema.json", views.PlanSchemaView.as_view(), name="plan-schema"),
]
