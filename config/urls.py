from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("api/", include("telemetry.urls")),
    path("", include("kpis.urls")),
]

handler400 = "telemetry.errors.bad_request"
handler403 = "telemetry.errors.permission_denied"
handler404 = "telemetry.errors.not_found"
handler500 = "telemetry.errors.server_error"
