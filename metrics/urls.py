"""Addresses of the two scrape endpoints."""

from django.urls import path

from metrics.views import ScrapeView, WorkbenchScrapeView

urlpatterns = [
    path("api/workbench/metrics", WorkbenchScrapeView.as_view(), name="workbench-metrics"),
    path("metrics", ScrapeView.as_view(), name="metrics"),
]
