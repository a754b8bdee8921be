"""Where other SDKs post. One name a protocol, so that metrics by route stay few."""

from django.urls import re_path

from telemetry.door.protocols import segment, views

app_name = "protocols"

SEGMENT_ROUTES = "|".join(segment.ROUTES)
KEY = "[A-Za-z0-9_-]{1,100}"

urlpatterns = [
    re_path(rf"^v1/(?P<route>{SEGMENT_ROUTES})/?$", views.SegmentView.as_view(), name="segment"),
    re_path(r"^v1/m/?$", views.SegmentMetricsView.as_view(), name="segment-config"),
    re_path(
        rf"^v1/projects/(?P<write_key>{KEY})/settings/?$",
        views.SegmentSettingsView.as_view(),
        name="segment-config",
    ),
    re_path(r"^(?:batch|capture|e|i/v0/e)/?$", views.PostHogView.as_view(), name="posthog"),
    re_path(r"^i/v1/analytics/events/?$", views.PostHogAnalyticsView.as_view(), name="posthog"),
    re_path(r"^(?:flags|decide)/?$", views.PostHogConfigView.as_view(), name="posthog-config"),
    re_path(rf"^array/(?P<token>{KEY})/config/?$", views.PostHogConfigView.as_view(), name="posthog-config"),
    re_path(
        rf"^array/(?P<token>{KEY})/config\.js$", views.PostHogScriptView.as_view(), name="posthog-config"
    ),
]
