"""The address of the webhook."""

from django.urls import path

from alerts.webhook.views import AlertWebhookView

app_name = "alerts"
urlpatterns = [
    path("alerts/webhook/", AlertWebhookView.as_view(), name="webhook"),
]
