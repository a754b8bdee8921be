from django.contrib import admin
from django.urls import path

from kpis.metrics_views import ScrapeView, WorkbenchScrapeView

urlpatterns = [
    path("admin/", admin.site.urls),
    path("api/workbench/metrics", WorkbenchScrapeView.as_view(), name="workbench-metrics"),
    path("metrics", ScrapeView.as_view(), name="metrics"),
]
