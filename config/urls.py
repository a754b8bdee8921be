from django.contrib import admin
from django.urls import include, path

from config import health
from config.favicon import favicon
from kpis.metrics_views import ScrapeView, WorkbenchScrapeView

urlpatterns = [
    path("admin/", admin.site.urls),
    path("api/workbench/metrics", WorkbenchScrapeView.as_view(), name="workbench-metrics"),
    path("metrics", ScrapeView.as_view(), name="metrics"),
    path("api/", include("telemetry.urls")),
    path("", include("telemetry.protocols.urls")),
    path("", include("kpis.urls")),
    path("favicon.ico", favicon, name="favicon"),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
]

handler400 = "telemetry.errors.bad_request"
handler403 = "telemetry.errors.permission_denied"
handler404 = "telemetry.errors.not_found"
handler500 = "telemetry.errors.server_error"
