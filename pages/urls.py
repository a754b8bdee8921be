"""Addresses of the pages."""

from django.urls import path

from pages.kpi import show_kpi
from pages.overview import show_overview

urlpatterns = [
    path("", show_overview, name="overview"),
    path("kpis/<slug:slug>/", show_kpi, name="kpi"),
]
