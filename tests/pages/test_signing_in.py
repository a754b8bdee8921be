import pytest
from django.contrib.auth import get_user_model
from django.test import Client

from tests.pages.page_content import words

pytestmark = pytest.mark.django_db

SUGGESTIONS = "/kpis/template-suggestion-rate/"


@pytest.mark.parametrize("path", ["/", SUGGESTIONS])
def test_asks_strangers_to_sign_in(client: Client, path: str) -> None:
    response = client.get(path, {"range": "7d"})

    assert response.status_code == 302
    assert response.headers["Location"].startswith("/login/?next=")


def test_offers_to_sign_in(client: Client) -> None:
    assert "Sign in" in words(client, "/login/")


def test_signs_in_and_goes_on_to_the_page_that_was_asked_for(client: Client) -> None:
    get_user_model().objects.create_user("ada", password="correct horse")

    response = client.post("/login/", {"username": "ada", "password": "correct horse", "next": "/?range=7d"})

    assert (response.status_code, response.headers["Location"]) == (302, "/?range=7d")


def test_signs_out(reader: Client) -> None:
    before = reader.get("/").status_code

    reader.post("/logout/")

    assert (before, reader.get("/").status_code) == (200, 302)


def test_says_when_the_password_is_wrong_and_keeps_the_name(client: Client) -> None:
    response = client.post("/login/", {"username": "ada", "password": "wrong"})

    assert "do not match" in response.content.decode()
    assert 'value="ada"' in response.content.decode()
