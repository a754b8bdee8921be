import re
from datetime import timedelta

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from people.models import EnvironmentLimit, Role
from tests.kpis.builders import DAY, make_environment
from tests.kpis.funnel_builders import make_funnel
from tests.pages.page_content import words
from tests.people.builders import make_person
from workbench.models import Session

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]


def make_sessions(number: int, **fields: object) -> None:
    """Sessions of 2026-02-10 that stopped after they created a draft, a minute apart."""
    for minute in range(number):
        start = DAY + timedelta(minutes=minute)
        Session.objects.create(
            **{
                "environment": "production",
                "session_id": f"s-{minute}",
                "started_at": start,
                "funnel_created_at": start + timedelta(seconds=90),
                "funnel_steps": 2,
                **fields,
            }
        )


def ids_in(client: Client, **query: str) -> list[str]:
    page = client.get("/funnel/sessions/", {"step": "draft_created", **query}).content.decode()
    return re.findall(r"<code>([^<]*)</code>", page)


def test_says_where_people_stop_and_shows_each_step_with_its_changes(reader: Client) -> None:
    make_environment()
    make_funnel(1000, 800, 400, 300, 300, seconds=60)
    make_funnel(500, 300, 200, 200, 200, seconds=120, period_start=DAY - timedelta(days=28))

    text = words(reader, "/funnel/")

    assert (
        "More sessions stop after creating a draft than anywhere else: 400 of the 800 that got there went no further"
        " (50%). That is 57% of all sessions that stopped."
    ) in text
    assert "1 Session started 1,000 +100%" in text
    assert "2 Draft created 800 +166.7%" in text
    assert "80% +20 points against the previous period, better" in text
    assert "against the previous period, better 400 sessions stopped after creating a draft 50% most" in text
    assert "5 Run completed 300 +50%" in text
    assert "100% no change against the previous period, unchanged 30%" in text


def test_leads_to_the_sessions_that_stopped_and_keeps_what_is_chosen(reader: Client) -> None:
    make_environment()
    make_funnel(4, 2, sources=["chat"])

    page = reader.get("/funnel/", {"source": "chat", "template": "not_used", "range": "7d"}).content.decode()

    kept = "range=7d&amp;source=chat&amp;template=not_used"
    assert f'href="/funnel/sessions/?{kept}&amp;step=session_started"' in page
    assert f'href="/funnel/sessions/?{kept}&amp;step=draft_created"' in page
    assert "step=draft_accepted" not in page
    assert 'href="?range=7d&amp;source=chat"' in page
    assert '<input type="hidden" name="source" value="chat">' in page
    assert "compare=previous&amp;source=chat&amp;template=not_used&amp;format=csv" in page


def test_a_viewer_sees_figures_and_no_sessions(client: Client) -> None:
    make_environment()
    make_funnel(4, 2)
    client.force_login(make_person("viewer", role=Role.VIEWER))

    page = client.get("/funnel/").content.decode()

    assert "/funnel/sessions/" not in page
    assert "Download CSV" not in page
    assert client.get("/funnel/sessions/", {"step": "draft_created"}).status_code == 403


def test_a_limited_person_sees_no_other_environment(client: Client) -> None:
    make_environment()
    make_environment("staging")
    make_sessions(1)
    person = make_person("operator", role=Role.OPERATOR)
    EnvironmentLimit.objects.create(user=person, environments=["staging"])
    client.force_login(person)

    query = {"environment": "production", "step": "draft_created"}
    statuses = [client.get(path, query).status_code for path in ("/funnel/", "/funnel/sessions/")]

    assert statuses == [404, 404]
    assert ids_in(client) == []


def test_says_what_an_empty_page_means(reader: Client) -> None:
    assert "create_key --scope ingest" in words(reader, "/funnel/")
    make_environment()
    assert "No session started in this range" in words(reader, "/funnel/")
    assert "No session that created a draft from chat and used a template started in this range" in words(
        reader, "/funnel/?source=chat&template=used"
    )


def test_says_that_nothing_is_computed_yet(reader: Client) -> None:
    make_environment(computed_until=None)

    assert "Nothing is computed for production yet" in words(reader, "/funnel/")


def test_says_so_when_nobody_stopped(reader: Client) -> None:
    make_environment()
    make_funnel(2, 2, 2, 2, 2)

    assert "Every session came to a run that completed." in words(reader, "/funnel/")


@pytest.mark.parametrize(
    "path",
    [
        "/funnel/?source=import",
        "/funnel/?template=yes",
        "/funnel/?environment=prod",
        "/funnel/sessions/",
        "/funnel/sessions/?step=run_completed",
        "/funnel/sessions/?step=draft_created&older=x",
    ],
)
def test_does_not_find_what_there_is_not(reader: Client, path: str) -> None:
    make_environment()

    assert reader.get(path).status_code == 404


def test_a_range_that_is_wrong_is_said_and_the_default_shown(reader: Client) -> None:
    make_environment()

    response = reader.get("/funnel/", {"from": "soon"})

    assert response.status_code == 400
    assert "The default range is shown instead." in response.content.decode()


def test_lists_sessions_a_page_at_a_time_newest_first(reader: Client) -> None:
    make_environment()
    make_sessions(60)

    first = reader.get("/funnel/sessions/", {"step": "draft_created"}).content.decode()
    [older] = re.findall(r'href="\?step=draft_created&amp;older=([^"]*)" rel="next"', first)

    assert ids_in(reader) == [f"s-{number}" for number in range(59, 9, -1)]
    assert ids_in(reader, older=older) == [f"s-{number}" for number in range(9, -1, -1)]
    assert "10 Feb 2026, 00:59 1 min 30" in words(reader, "/funnel/sessions/?step=draft_created")
    assert (
        'rel="next"' not in reader.get(f"/funnel/sessions/?step=draft_created&older={older}").content.decode()
    )


def test_lists_the_sessions_that_are_chosen(reader: Client) -> None:
    make_environment()
    make_sessions(1, draft_sources='["chat"]', template_used_at=DAY)

    assert ids_in(reader, source="chat", template="used") == ["s-0"]
    assert ids_in(reader, source="blank") == []
    assert "No session that created a draft from blank stopped here in this range." in words(
        reader, "/funnel/sessions/?step=draft_created&source=blank"
    )


@pytest.mark.parametrize("number", [1, 60])
def test_both_pages_cost_the_same_whatever_there_is(
    reader: Client, number: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    make_environment()
    make_sessions(number)
    for source in range(number):
        make_funnel(2, 1, sources=[f"s{source}"])

    # Session, user, two of rights, environments, the person's limit; freshness and two ranges, or two of sessions.
    with django_assert_num_queries(9):
        reader.get("/funnel/")
    with django_assert_num_queries(8):
        reader.get("/funnel/sessions/", {"step": "draft_created"})
