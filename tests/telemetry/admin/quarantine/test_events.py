import pytest
from django.test import Client

from tests.rows import environment, quarantined_event
from tests.telemetry.admin.reading import page_of

pytestmark = pytest.mark.django_db

QUARANTINE = "/admin/telemetry/quarantinedevent/"


def test_quarantine_shows_all_errors_and_the_redacted_event(admin_client: Client) -> None:
    event = quarantined_event()

    page = page_of(admin_client, f"{QUARANTINE}{event.pk}/change/")

    assert "properties.contextType" in page
    assert "It is required." in page
    assert "[14 characters]" in page
    assert f'href="/admin/telemetry/arrival/{event.arrival_id}/change/"' in page


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("", {1, 2, 3}),
        ("environment=production", {1, 2}),
        ("code=bad_id", {2, 3}),
        ("environment=production&code=bad_id", {2}),
        ("q=5", {3}),
    ],
)
def test_quarantine_is_filtered_by_environment_and_code(
    query: str, shown: set[int], admin_client: Client
) -> None:
    environment("production")
    events = {
        1: quarantined_event(1, code="wrong_type"),
        2: quarantined_event(2, code="bad_id"),
        3: quarantined_event(3, code="bad_id", environment="staging", arrival_id=5),
    }
    page = page_of(admin_client, f"{QUARANTINE}?{query}")

    found = {number for number, event in events.items() if f"quarantinedevent/{event.pk}/change/" in page}

    assert found == shown
