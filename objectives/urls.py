"""Addresses of the read API of objectives."""

from django.urls import path

from objectives.api import ObjectivesView

urlpatterns = [path("slos/", ObjectivesView.as_view(), name="api-slos")]
