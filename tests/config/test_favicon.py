import pytest
from django.contrib.auth import get_user_model
from django.contrib.staticfiles import finders
from django.test import Client

from config.favicon import ICON

LINK = f'href="/static/{ICON}"'


def test_sends_browsers_that_guess_to_the_icon(client: Client) -> None:
    response = client.get("/favicon.ico")

    assert (response.status_code, response.headers["Location"]) == (302, f"/static/{ICON}")
    assert finders.find(ICON) is not None


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/", "/admin/", "/api/docs/"])
def test_every_page_names_its_icon_and_the_portal(client: Client, path: str) -> None:
    client.force_login(get_user_model().objects.create_superuser("ada"))
    page = client.get(path).content.decode()

    assert LINK in page
    assert "Workbench analytics" in page
