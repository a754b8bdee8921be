"""Addresses of the KPI pages, of signing in, and of the read API."""

from django.contrib.auth import views as auth_views
from django.urls import path
from drf_spectacular.views import SpectacularAPIView

from kpis import api, docs_page, views

urlpatterns = [
    path("", views.show_overview, name="overview"),
    path("kpis/<slug:slug>/", views.show_kpi, name="kpi"),
    path("login/", auth_views.LoginView.as_view(redirect_authenticated_user=True), name="login"),
    path("logout/", auth_views.LogoutView.as_view(next_page="login"), name="logout"),
    path("api/kpis/", api.KpiListView.as_view(), name="api-kpis"),
    path("api/kpis/<str:slug>/", api.KpiView.as_view(), name="api-kpi"),
    path("api/schema/", SpectacularAPIView.as_view(), name="api-schema"),
    path("api/docs/", docs_page.api_docs, name="api-docs"),
]
