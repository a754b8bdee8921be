import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from people.models import Role
from tests.kpis.builders import make_environment
from tests.pages.page_content import words
from tests.people.builders import make_person
from tests.telemetry.quality.builders import CREATED, make_part, make_rejected, make_sent

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]
PATH = f"/plan/{CREATED}/"


def test_shows_properties_with_their_shares_and_values(reader: Client) -> None:
    make_environment()
    make_sent(10)
    make_part(10)
    make_part(10, "source")
    make_part(8, "source", "chat")
    make_part(2, "source", "blank")
    make_part(5, "nodeCount")

    text = words(reader, PATH)

    assert "source required What the draft was made from. one of its values 100% 10" in text
    assert "chat 80% template never blank 20% 2 of 3 values seen" in text
    assert "draftId never sent" in text
    assert "nodeCount Nodes in the draft. a whole number from 0 to 2147483647 50% 5 not counted" in text


def test_leads_from_a_rejection_to_its_examples(reader: Client) -> None:
    make_environment()
    make_sent(3, "not_in_enum", client="app/1")
    row, other = make_rejected(), make_rejected(client="app/2")

    page = reader.get(PATH).content.decode()
    address = f"{PATH}?code=not_in_enum&amp;source=web&amp;client=app%2F1#rejected"
    assert f'href="{address}"' in page
    assert f"/plan/rejected/{other.pk}/" in page

    chosen = reader.get(PATH, {"code": "not_in_enum", "client": "app/1"}).content.decode()
    assert f"/plan/rejected/{row.pk}/" in chosen
    assert f"/plan/rejected/{other.pk}/" not in chosen


def test_a_viewer_reads_the_figures_and_no_rejected_event(client: Client) -> None:
    make_environment()
    make_sent(3, "not_in_enum")
    make_rejected()
    client.force_login(make_person("viewer", role=Role.VIEWER))

    text = words(client, PATH)

    assert "not_in_enum app/1 web 3 100%" in text
    assert "Newest rejected events" not in text


def test_a_name_that_is_not_in_the_plan_says_what_its_sender_may_have_meant(reader: Client) -> None:
    make_environment()
    make_sent(1, "unknown_event", event="workbench.draft_create")

    text = words(reader, "/plan/workbench.draft_create/")

    assert "The plan does not have this name. Did its sender mean workbench.draft_created ?" in text


@pytest.mark.parametrize("name", ["a.b", "%00", "a/b"])
def test_does_not_find_a_name_that_never_came(reader: Client, name: str) -> None:
    make_environment()

    assert reader.get(f"/plan/{name}/").status_code == 404


def test_an_event_without_a_name_and_one_with_slashes_have_a_page(reader: Client) -> None:
    make_environment()
    make_sent(1, "unknown_event", event="")
    make_sent(1, "unknown_event", event="a/b c")

    assert "no name" in words(reader, "/plan/-/")
    assert "a/b c" in words(reader, "/plan/a/b%20c/")
    assert 'href="/plan/a/b%20c/"' in reader.get("/plan/").content.decode()


@pytest.mark.parametrize("number", [1, 40])
def test_asks_as_many_queries_however_much_came(
    reader: Client, number: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    make_environment()
    for index in range(number):
        make_sent(1, "bad_id", client=f"app/{index}")
        make_part(1, "source", f"value-{index}")
        make_rejected(arrival_id=index)

    # Session, user, two of rights, environments, the person's limit; rows, parts, series, parts by day; freshness;
    # rejected events.
    with django_assert_num_queries(12):
        reader.get(PATH)
