from django.contrib import admin
from django.urls import include, path
from django.views.i18n import set_language

from config.favicon import favicon
from config.health.views import HealthView, runbook
from config.processes import health

urlpatterns = [
    path("", include("people.urls")),
    path("admin/runbooks/health/", admin.site.admin_view(runbook), name="health-runbook"),
    path("admin/", admin.site.urls),
    path("", include("metrics.urls")),
    path("api/health/", HealthView.as_view(), name="api-health"),
    path("api/", include("telemetry.door.urls")),
    path("", include("telemetry.door.protocols.urls")),
    path("api/", include("workbench.urls")),
    path("api/", include("kpis.api.urls")),
    path("api/", include("alerts.webhook.urls")),
    path("api/", include("objectives.urls")),
    path("", include("pages.urls")),
    path("", include("digests.urls")),
    path("language/", set_language, name="set_language"),
    path("favicon.ico", favicon, name="favicon"),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
]

handler400 = "web.errors.bad_request"
handler403 = "web.errors.permission_denied"
handler404 = "web.errors.not_found"
handler429 = "people.views.refusals.too_many_requests"
handler500 = "web.errors.server_error"
