"""Addresses of the digest's pages."""

from django.urls import path

from digests.views import send_now, show_digest, show_mail, show_preview, show_unsubscribe

urlpatterns = [
    path("account/digest/", show_digest, name="digest"),
    path("account/digest/preview/", show_preview, name="digest-preview"),
    path("account/digest/preview/mail/", show_mail, name="digest-mail"),
    path("account/digest/send/", send_now, name="digest-send"),
    path("digests/unsubscribe/<str:token>/", show_unsubscribe, name="digest-unsubscribe"),
]
