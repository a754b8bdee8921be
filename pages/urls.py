"""Addresses of the pages, and of signing in and out."""

from django.contrib.auth import views as auth_views
from django.urls import path

from pages import views

urlpatterns = [
    path("", views.show_overview, name="overview"),
    path("kpis/<slug:slug>/", views.show_kpi, name="kpi"),
    path("login/", auth_views.LoginView.as_view(redirect_authenticated_user=True), name="login"),
    path("logout/", auth_views.LogoutView.as_view(next_page="login"), name="logout"),
]
