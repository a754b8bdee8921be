import re
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import Settings

from pages.page_controls import range_links
from pages.page_request import CALENDAR_PRESETS, PRESETS, PageState
from sharing.models import SharedLink
from tests.kpis.builders import NOW, make_environment
from tests.pages.page_content import words
from tests.sharing.builders import make_link

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock", "_built_script")]

KPI = "/kpis/time-to-create-workflow/?breakdown=source&range=7d"
FORM = {"kind": "page", "dates": "moving", "last_day": "2026-03-17", "note": "For the board"}


@pytest.fixture(autouse=True)
def _production() -> None:
    make_environment()


def post(client: Client, address: str = "/", *, status: int = 200, **changes: str) -> str:
    response = client.post("/shared-links/add/", {**FORM, **changes}, query_params={"address": address})
    assert response.status_code == status
    return response.content.decode()


def test_makes_a_link_and_shows_it_once(reader: Client) -> None:
    found = re.search(r"http://testserver(/shared/[^<]+)</textarea>", post(reader, KPI))

    assert found is not None
    assert "Time to create a workflow" in words(Client(), found[1])
    row = SharedLink.objects.get()
    assert (row.page, row.kpi, row.environment, row.note) == (
        "kpi",
        "time-to-create-workflow",
        "production",
        "For the board",
    )
    # The whole of its last day counts.
    assert row.expires_at == datetime(2026, 3, 18, tzinfo=UTC)


@pytest.mark.parametrize(
    ("dates", "query"),
    [
        ("moving", "range=7d&breakdown=source"),
        ("pinned", "breakdown=source&from=2026-02-09&to=2026-02-16"),
    ],
)
def test_the_range_moves_on_or_stays(reader: Client, dates: str, query: str) -> None:
    post(reader, KPI, dates=dates)

    assert SharedLink.objects.get().query == query


@pytest.mark.parametrize("preset", [*PRESETS, *CALENDAR_PRESETS])
def test_every_named_range_is_offered_by_its_name(reader: Client, preset: str) -> None:
    (current,) = [link for link in range_links(PageState(preset=preset)) if link.is_current]

    assert current.label.lower() in words(reader, "/shared-links/add/", address=f"/?range={preset}").lower()


def test_dates_that_were_chosen_always_stay(reader: Client) -> None:
    page = words(reader, "/shared-links/add/", address="/?from=2026-02-01&to=2026-02-08")

    assert "Always 1 Feb 2026" in page
    assert "whenever somebody looks" not in page


@pytest.mark.parametrize(
    "last_day", ["2026-02-14", "2026-02-15", "2027-02-14", "2027-02-15", "soon", "9999-12-31", ""]
)
def test_takes_an_end_from_today_to_a_year_later(reader: Client, last_day: str) -> None:
    is_taken = last_day in {"2026-02-15", "2027-02-14"}

    post(reader, last_day=last_day, status=200 if is_taken else 400)

    assert SharedLink.objects.exists() is is_taken


@pytest.mark.parametrize(
    ("path", "changes"), [("/", {"kind": "chart"}), ("/?from=soon", {}), ("/costs/?by=x", {})]
)
def test_shares_no_page_that_there_is_not(reader: Client, path: str, changes: dict[str, str]) -> None:
    response = reader.post("/shared-links/add/", {**FORM, **changes}, query_params={"address": path})

    assert response.status_code in {400, 404}
    assert not SharedLink.objects.exists()


@pytest.mark.parametrize(
    ("origins", "hint"),
    [
        ([], "EMBED_ALLOWED_ORIGINS is empty"),
        (["https://wiki.example.com"], "https://wiki.example.com may show it"),
    ],
)
def test_offers_a_frame_and_says_who_may_show_it(
    reader: Client, settings: Settings, origins: list[str], hint: str
) -> None:
    settings.EMBED_ALLOWED_ORIGINS = origins
    settings.PUBLIC_URL = "https://kpi.example.com"

    page = post(reader, KPI, kind="chart")

    assert '&lt;iframe src="https://kpi.example.com/embed/' in page
    assert 'title="Time to create a workflow, production"' in page
    assert hint in re.sub("<[^>]+>", "", page)


def test_lists_links_and_revokes_one(reader: Client) -> None:
    link, token = make_link(by=User.objects.get(), now=NOW)
    assert "Overview production the last 28 days" in words(reader, "/shared-links/")

    reader.post(f"/shared-links/{link.pk}/revoke/")

    assert Client().get(f"/shared/{token}/").status_code == 404
    assert "revoked" in words(reader, "/shared-links/")


def test_nobody_sees_or_revokes_the_links_of_others(reader: Client) -> None:
    link, token = make_link(now=NOW, lasts=timedelta(days=1))

    assert "You share nothing" in words(reader, "/shared-links/")
    assert reader.post(f"/shared-links/{link.pk}/revoke/").status_code == 404
    assert Client().get(f"/shared/{token}/").status_code == 200
