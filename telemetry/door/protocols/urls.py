"""Where other SDKs post. One name a protocol, so that metrics by route stay few."""

from django.urls import re_path

from telemetry.door.protocols import segment, views
from telemetry.door.protocols.otlp.views import TracesView

app_name = "protocols"

SEGMENT_ROUTES = "|".join(segment.ROUTES)
KEY = "[A-Za-z0-9_-]{1,100}"

JITSU_PATHS = ("api/s", "api/s/s2s")
POSTHOG_PATHS = ("batch", "capture", "e", "i/v0/e")
POSTHOG_CONFIG_PATHS = ("flags", "decide", rf"array/(?P<token>{KEY})/config")

# Each route begins with a fixed segment, by which web.api_paths knows it as one of an API.
urlpatterns = [
    re_path(rf"^v1/(?P<route>{SEGMENT_ROUTES})/?$", views.SegmentView.as_view(), name="segment"),
    re_path(r"^beacon/v1/(?P<route>batch)/?$", views.SegmentView.as_view(), name="segment"),
    *(
        re_path(rf"^{path}/(?P<route>{SEGMENT_ROUTES})/?$", views.SegmentView.as_view(), name="segment")
        for path in JITSU_PATHS
    ),
    re_path(r"^sourceConfig/?$", views.RudderStackConfigView.as_view(), name="segment-config"),
    re_path(r"^v1/traces/?$", TracesView.as_view(), name="otlp"),
    re_path(r"^v1/m/?$", views.SegmentMetricsView.as_view(), name="segment-config"),
    re_path(
        rf"^v1/projects/(?P<write_key>{KEY})/settings/?$",
        views.SegmentSettingsView.as_view(),
        name="segment-config",
    ),
    *(re_path(rf"^{path}/?$", views.PostHogView.as_view(), name="posthog") for path in POSTHOG_PATHS),
    re_path(r"^i/v1/analytics/events/?$", views.PostHogAnalyticsView.as_view(), name="posthog"),
    *(
        re_path(rf"^{path}/?$", views.PostHogConfigView.as_view(), name="posthog-config")
        for path in POSTHOG_CONFIG_PATHS
    ),
    re_path(
        rf"^array/(?P<token>{KEY})/config\.js$", views.PostHogScriptView.as_view(), name="posthog-config"
    ),
]
