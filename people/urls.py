"""Addresses of signing in and out."""

from django.contrib.auth.views import LogoutView
from django.urls import path

from people.views import SignInView, admin_sign_in

sign_in = SignInView.as_view()

urlpatterns = [
    path("login/", sign_in, name="login"),
    # allauth looks for the same page by this name.
    path("login/", sign_in, name="account_login"),
    path("logout/", LogoutView.as_view(next_page="login"), name="logout"),
    # Before the admin's own form, which has no limit.
    path("admin/login/", admin_sign_in, name="admin-sign-in"),
]
