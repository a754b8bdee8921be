"""The sidebar of the admin: it leads to every table that a person may see."""

import re

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from config import sidebar

pytestmark = pytest.mark.django_db


def test_the_sidebar_leads_to_every_table(admin_client: Client) -> None:
    page = admin_client.get(reverse("admin:index")).content.decode()
    for model in admin.site._registry:
        name = f"{model._meta.app_label}_{model._meta.model_name}"
        assert f'href="{reverse(f"admin:{name}_changelist")}"' in page

    assert [group["title"] for group in sidebar.NAVIGATION[1:]] == [
        "Pipeline",
        "Tracking plan",
        "Workbench",
        "KPIs",
        "Retention",
        "Privacy",
        "Access",
    ]


def test_the_sidebar_shows_only_what_a_person_may_see(client: Client) -> None:
    viewer = User.objects.create_user("jo", is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_arrival"))
    client.force_login(viewer)

    page = client.get(reverse("admin:index")).content.decode()

    assert reverse("admin:telemetry_arrival_changelist") in page
    assert reverse("admin:telemetry_apikey_changelist") not in page


def test_the_title_and_the_way_back_to_the_portal_are_there(admin_client: Client) -> None:
    page = admin_client.get(reverse("admin:index")).content.decode()

    assert "Workbench analytics" in page
    assert re.search(r'<a href="/"[^>]*>.*?Back to the portal', page, re.DOTALL)
