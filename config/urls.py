from django.contrib import admin
from django.urls import include, path

from config.favicon import favicon
from config.processes import health

urlpatterns = [
    path("", include("people.urls")),
    path("admin/", admin.site.urls),
    path("", include("metrics.urls")),
    path("api/", include("telemetry.door.urls")),
    path("", include("telemetry.door.protocols.urls")),
    path("api/", include("kpis.api.urls")),
    path("", include("pages.urls")),
    path("favicon.ico", favicon, name="favicon"),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
]

handler400 = "web.errors.bad_request"
handler403 = "web.errors.permission_denied"
handler404 = "web.errors.not_found"
handler500 = "web.errors.server_error"
