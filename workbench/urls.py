"""Addresses of the workbench's API."""

from django.urls import path

from workbench import api
from workbench.retries.views import RetryView

app_name = "workbench"
urlpatterns = [
    path("erasures/", api.ErasuresView.as_view(), name="erasures"),
    path("erasures/<int:pk>/", api.ErasureView.as_view(), name="erasure"),
    path("subjects/export/", api.SubjectExportView.as_view(), name="export"),
    path("runs/<path:run_id>/retry/", RetryView.as_view(), name="retry"),
]
