import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from people.models import Role
from telemetry.intake.ingest import ingest_events
from telemetry.models import QuarantinedEvent
from tests.builders import NOW, make_key
from tests.pages.page_content import words
from tests.people.builders import make_person
from tests.telemetry.posts import event, raw
from tests.telemetry.quality.builders import make_rejected

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]


def test_shows_what_was_wrong_and_nothing_that_was_not_to_be_kept(reader: Client) -> None:
    posted = event(source="from Anna to Bob", nodeCount="four")
    ingest_events([raw(posted)], key=make_key(), now=NOW, client="app/1")
    row = QuarantinedEvent.objects.get()

    text = words(reader, f"/plan/rejected/{row.pk}/")

    assert "not_in_enum properties.source" in text
    assert "wrong_type properties.nodeCount" in text
    assert "The plan takes one of: chat, template, blank." in text
    assert "<16 characters>" in text
    assert "Client app/1" in text
    assert "Anna" not in text


def test_leads_to_its_neighbours(reader: Client) -> None:
    older, row, newer = (make_rejected(arrival_id=number) for number in range(3))
    beside = make_rejected(arrival_id=1, event="a.other", position=4)

    page = reader.get(f"/plan/rejected/{row.pk}/").content.decode()

    for other in (older, newer, beside):
        assert f'href="/plan/rejected/{other.pk}/"' in page


def test_does_not_exist_for_people_who_may_not_see_its_environment(client: Client) -> None:
    row = make_rejected(environment="staging")
    client.force_login(make_person("limited", role=Role.ANALYST, environments=["production"]))

    assert client.get(f"/plan/rejected/{row.pk}/").status_code == 404
    assert client.get("/plan/rejected/99999999999999999999/").status_code == 404


def test_is_for_analysts(client: Client) -> None:
    row = make_rejected()
    client.force_login(make_person("viewer", role=Role.VIEWER))

    assert client.get(f"/plan/rejected/{row.pk}/").status_code == 403


@pytest.mark.parametrize("number", [1, 40])
def test_asks_as_many_queries_however_many_are_kept(
    reader: Client, number: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    row = [make_rejected(position=index) for index in range(number)][-1]

    # Session, user, two of rights, the event, the person's limit; older, newer, the same post.
    with django_assert_num_queries(9):
        reader.get(f"/plan/rejected/{row.pk}/")
