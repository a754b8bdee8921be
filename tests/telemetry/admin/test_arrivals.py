import pytest
from django.test import Client

from tests.rows import api_key, arrival
from tests.telemetry.admin.reading import page_of

pytestmark = pytest.mark.django_db

ARRIVALS = "/admin/telemetry/arrival/"


def test_arrivals_show_what_became_of_their_events(admin_client: Client) -> None:
    arrival(rejected={"wrong_type": 2, "bad_id": 1})

    page = page_of(admin_client, ARRIVALS)

    assert "3 (bad_id 1, wrong_type 2)" in page


def test_pending_arrivals_can_be_listed(admin_client: Client) -> None:
    pending, taken = arrival(0), arrival(1)

    for state, shown, hidden in (("pending", pending, taken), ("taken", taken, pending)):
        page = page_of(admin_client, f"{ARRIVALS}?state={state}")
        assert f"/arrival/{shown.pk}/change/" in page
        assert f"/arrival/{hidden.pk}/change/" not in page


def test_arrivals_of_one_key_can_be_listed(admin_client: Client) -> None:
    of_one, of_other = arrival(key=api_key(1)), arrival(key=api_key(2))

    page = page_of(admin_client, f"{ARRIVALS}?key={of_one.key_id}")

    assert f"/arrival/{of_one.pk}/change/" in page
    assert f"/arrival/{of_other.pk}/change/" not in page
    assert "/change/" not in page_of(admin_client, f"{ARRIVALS}?key=none")


def test_an_arrival_leads_to_its_events(admin_client: Client) -> None:
    number = arrival().pk

    page = page_of(admin_client, f"{ARRIVALS}{number}/change/")

    assert f'href="/admin/telemetry/rawevent/?q={number}"' in page
    assert f'href="/admin/telemetry/quarantinedevent/?q={number}"' in page
