"""What the admin's pages show."""

from django.test import Client


def page_of(client: Client, url: str) -> str:
    """The text of a page that must open."""
    response = client.get(url)
    assert response.status_code == 200
    return response.content.decode()
