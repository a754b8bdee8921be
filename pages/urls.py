"""Addresses of the pages, and of signing in and out."""

from django.contrib.auth import views as auth_views
from django.urls import path

from pages.kpi import show_kpi
from pages.overview import show_overview

urlpatterns = [
    path("", show_overview, name="overview"),
    path("kpis/<slug:slug>/", show_kpi, name="kpi"),
    path("login/", auth_views.LoginView.as_view(redirect_authenticated_user=True), name="login"),
    path("logout/", auth_views.LogoutView.as_view(next_page="login"), name="logout"),
]
