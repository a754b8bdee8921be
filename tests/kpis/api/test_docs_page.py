import re

import pytest
from django.contrib.staticfiles import finders
from django.test import Client
from pytest_django import Settings

DOCS = "/api/docs/"


@pytest.fixture(autouse=True)
def _plain_static_files(settings: Settings) -> None:
    storage = "django.contrib.staticfiles.storage.StaticFilesStorage"
    settings.STORAGES = {**settings.STORAGES, "staticfiles": {"BACKEND": storage}}


def test_anyone_may_read_the_page(client: Client) -> None:
    response = client.get(DOCS)

    assert response.status_code == 200
    assert "/api/schema/?format=json" in response.content.decode()


def test_every_file_of_the_page_is_served_by_the_portal(client: Client) -> None:
    page = client.get(DOCS).content.decode()

    files = re.findall(r'(?:src|href)="/static/([^"]+)"', page)
    assert "drf_spectacular_sidecar/swagger-ui-dist/swagger-ui-bundle.js" in files
    assert all(finders.find(file) for file in files)
    assert not re.search(r'(?:src|href)="(?:https?:)?//', page)


def test_the_script_reads_the_schema_and_has_nobody_else_validate_it(client: Client) -> None:
    script = client.get(f"{DOCS}?script=").content.decode()

    assert 'url: "/api/schema/"' in script
    assert '"validatorUrl": null' in script


def test_the_content_security_policy_is_that_of_every_page(client: Client) -> None:
    policies = [client.get(path).headers["Content-Security-Policy"] for path in (DOCS, "/login/")]

    assert policies[0] == policies[1]
    assert "unsafe" not in policies[0]


@pytest.mark.parametrize("method", ["post", "put", "delete", "options"])
def test_the_page_can_only_be_read(client: Client, method: str) -> None:
    assert getattr(client, method)(DOCS).status_code == 405
