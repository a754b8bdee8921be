import re
from datetime import date, timedelta

import pytest
from django.core.cache import cache
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings

from kpis.annotations import Note, annotate
from sharing.links import revoke_link
from sharing.models import SharedLink, SharedPage, ShareKind
from tests.alerts.builders import make_alert
from tests.kpis.builders import NOW, make_baseline, make_environment
from tests.kpis.funnel_builders import make_funnel
from tests.kpis.usage_builders import make_usage
from tests.pages.builders import make_days
from tests.pages.page_content import words
from tests.sharing.builders import make_analyst, make_kpi_link, make_link, make_place

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock", "_built_script")]

PLACES = {
    "overview": make_place(),
    "KPI": make_place(
        SharedPage.KPI, kpi="time-to-create-workflow", state={"breakdown": "source", "compare": "1"}
    ),
    "funnel": make_place(SharedPage.FUNNEL),
    "agents": make_place(SharedPage.AGENTS, state={"sort": "-cost"}),
    "costs": make_place(SharedPage.COSTS, state={"by": "agent"}),
}
# The link, four for its maker's rights, its environment and its use; the others are the overview's.
QUERIES = 15
WIKI = "https://wiki.example.com"


@pytest.fixture(autouse=True)
def _production() -> None:
    cache.clear()
    make_environment()


def fill() -> None:
    make_days(3)
    make_usage()
    make_funnel()
    baseline = make_baseline("time-to-create-workflow", "1500", since=date(2026, 1, 5))
    baseline.set_by = make_analyst()
    baseline.save()
    make_alert(summary="Something is wrong")
    annotate(
        Note(text="v2.3 deployed", at=NOW - timedelta(days=1)),
        environment="production",
        person=make_analyst(),
        now=NOW,
    )


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
@pytest.mark.parametrize("is_filled", [True, False])
def test_a_shared_page_has_no_link_form_or_name_of_others(place: object, is_filled: bool) -> None:
    if is_filled:
        fill()
    _, token = make_link(place, by=make_analyst("sharer"), now=NOW)  # type: ignore[arg-type]

    response = Client().get(f"/shared/{token}/")
    page = response.content.decode()

    assert response.status_code == 200
    assert re.findall(r"<a [^>]*>", page) == ['<a class="skip" href="#content">']
    assert "<form" not in page
    assert "Something is wrong" not in page
    assert "ada" not in re.findall(r"\w+", page)
    assert "Shared by <strong>sharer</strong>" in page


def test_a_link_shows_its_own_state_whatever_its_visitor_adds() -> None:
    make_environment("staging")
    _, token = make_link(make_place(state={"range": "7d"}), now=NOW)

    page = words(Client(), f"/shared/{token}/", environment="staging", range="90d")

    assert "production · 9 Feb 2026" in page


def test_a_chart_without_a_table_marks_annotations_and_no_alerts() -> None:
    fill()
    _, token = make_kpi_link("approval-rate", now=NOW)

    page = Client().get(f"/shared/{token}/").content.decode()

    assert "v2.3 deployed" in page
    assert '"key": "annotation"' in page
    assert '"key": "alert"' not in page


@pytest.mark.parametrize("prefix", ["shared", "embed"])
def test_links_that_open_nothing_are_answered_alike(prefix: str) -> None:
    kind = ShareKind.PAGE if prefix == "shared" else ShareKind.CHART
    make = [make_kpi_link("approval-rate", kind=kind, now=NOW) for _ in range(3)]
    revoke_link(make[0][0], now=NOW)
    SharedLink.objects.filter(pk=make[1][0].pk).update(expires_at=NOW)
    SharedLink.objects.filter(pk=make[2][0].pk).update(kpi="gone-kpi")

    answers = [Client().get(f"/{prefix}/{token}/") for token in ("made-up", *(token for _, token in make))]

    assert [answer.status_code for answer in answers] == [404] * 4
    assert len({answer.content for answer in answers}) == 1


@pytest.mark.parametrize("prefix", ["shared", "embed"])
def test_says_neither_to_search_engines_nor_to_other_sites_where_it_is(prefix: str) -> None:
    answer = Client().get(f"/{prefix}/made-up/")

    assert answer.headers["X-Robots-Tag"] == "noindex, nofollow"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert not answer.cookies


def test_an_address_may_ask_so_often(settings: Settings) -> None:
    settings.ACCOUNT_RATE_LIMITS = {**settings.ACCOUNT_RATE_LIMITS, "shared_page": "2/m/ip"}

    assert [Client().get("/shared/made-up/").status_code for _ in range(3)] == [404, 404, 429]


@pytest.mark.parametrize(("kind", "prefix"), [(ShareKind.PAGE, "shared"), (ShareKind.CHART, "embed")])
def test_a_state_that_the_page_has_no_more_opens_nothing(kind: ShareKind, prefix: str) -> None:
    """A range by hours that has no end grows until it has too many."""
    make_days(3)
    state = {"from": (NOW - timedelta(days=100)).date().isoformat(), "granularity": "hour"}
    _, token = make_kpi_link("approval-rate", kind=kind, now=NOW, **state)

    assert Client().get(f"/{prefix}/{token}/").status_code == 404


@pytest.mark.parametrize("days", [1, 9])
def test_a_visit_costs_the_same_whatever_there_is(
    days: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    make_days(days)
    _, token = make_link(now=NOW)

    with django_assert_num_queries(QUERIES):
        Client().get(f"/shared/{token}/")


def embed(settings: Settings, *origins: str) -> Client:
    settings.EMBED_ALLOWED_ORIGINS = list(origins)
    return Client()


def test_only_the_allowed_sites_may_frame_a_chart(settings: Settings) -> None:
    make_days(3)
    _, token = make_kpi_link("approval-rate", kind=ShareKind.CHART, now=NOW)

    answer = embed(settings, WIKI, "https://docs.example.com").get(f"/embed/{token}/")

    assert answer.status_code == 200
    assert (
        f"frame-ancestors {WIKI} https://docs.example.com;" in f"{answer.headers['Content-Security-Policy']};"
    )
    assert "X-Frame-Options" not in answer.headers
    assert "Approval rate" in answer.content.decode()
    assert not re.findall(r"<(a|form) ", answer.content.decode())


def test_nobody_may_frame_a_chart_where_no_site_is_allowed(settings: Settings) -> None:
    headers = embed(settings).get("/embed/made-up/").headers

    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["X-Frame-Options"] == "DENY"


@pytest.mark.parametrize(
    "path", ["/", "/shared/made-up/", "/shared-links/", "/login/", "/api/kpis/", "/healthz"]
)
def test_nothing_else_can_be_framed(reader: Client, settings: Settings, path: str) -> None:
    settings.EMBED_ALLOWED_ORIGINS = [WIKI]

    headers = reader.get(path).headers

    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["X-Frame-Options"] == "DENY"
