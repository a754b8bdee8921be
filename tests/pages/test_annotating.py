"""Annotations on a KPI's page, and the forms that add, change and delete them."""

from datetime import UTC, datetime

import pytest
from django.test import Client
from pytest_django import Settings

from kpis.models import Annotation
from people.models import Role
from tests.builders import NOW, table
from tests.kpis.builders import make_environment
from tests.pages.builders import make_days
from tests.pages.page_content import chart_of, words
from tests.people.builders import make_person

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]
KPI_PAGE = "/kpis/approval-rate/"
ADD = "/annotations/add/?environment=production&kpi=approval-rate"
FILLED = {"text": "v2.3 deployed", "at": "2026-02-10T08:30", "kpi": "approval-rate"}


@pytest.fixture
def analyst(client: Client) -> Client:
    make_environment()
    client.force_login(make_person("ada", role=Role.ANALYST))
    return client


def make_annotation(**fields: object) -> Annotation:
    defaults = {"environment": "production", "text": "v2.3 <b>deployed</b>", "at": NOW, "source": "web-ci"}
    return Annotation.objects.create(**defaults | fields)


def test_adds_one_and_returns(analyst: Client, settings: Settings) -> None:
    settings.REPORTING_TIME_ZONE = "Europe/Berlin"

    answer = analyst.post(f"{ADD}&next=/kpis/approval-rate/%3Frange%3D7d", FILLED)

    assert (answer.status_code, answer.headers["Location"]) == (302, "/kpis/approval-rate/?range=7d")
    assert table(Annotation, "environment", "kpi", "at", "text", "added_by__username") == [
        ("production", "approval-rate", datetime(2026, 2, 10, 7, 30, tzinfo=UTC), "v2.3 deployed", "ada")
    ]


def test_the_form_begins_with_now_and_the_kpi(analyst: Client) -> None:
    page = analyst.get(ADD).content.decode()

    assert 'value="2026-02-15T12:00"' in page
    assert '<option value="approval-rate" selected>' in page


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"text": ""}, "This field is required."),
        ({"at": "1999-01-01T00:00"}, "It takes a moment from the year 2000"),
        ({"kpi": "no-such-kpi"}, "Select a valid choice."),
    ],
)
def test_says_what_is_wrong_and_adds_nothing(analyst: Client, change: dict[str, str], sentence: str) -> None:
    answer = analyst.post(ADD, FILLED | change)

    assert (answer.status_code, sentence in answer.content.decode()) == (400, True)
    assert not Annotation.objects.exists()


def test_changes_one(analyst: Client) -> None:
    annotation = make_annotation()

    answer = analyst.post(f"/annotations/{annotation.pk}/", FILLED | {"kpi": ""})

    assert answer.headers["Location"] == "/"
    assert table(Annotation, "text", "kpi", "source", "edited_by__username") == [
        ("v2.3 deployed", "", "web-ci", "ada")
    ]


def test_deletes_one(analyst: Client) -> None:
    annotation = make_annotation()

    answer = analyst.post(f"/annotations/{annotation.pk}/?next=//evil.example/", {"delete": "1"})

    assert (answer.headers["Location"], Annotation.objects.count()) == ("/", 0)


def test_one_of_a_closed_environment_does_not_exist(client: Client) -> None:
    for name in ("production", "staging"):
        make_environment(name)
    annotation = make_annotation(environment="staging")
    client.force_login(make_person("ada", role=Role.ANALYST, environments=["production"]))

    path = f"/annotations/{annotation.pk}/"
    assert [client.get(path).status_code, client.post(path, {"delete": "1"}).status_code] == [404, 404]
    assert client.post("/annotations/add/?environment=staging", FILLED).status_code == 404
    assert Annotation.objects.count() == 1


def test_viewers_read_annotations_and_add_none(client: Client) -> None:
    make_environment()
    make_days(2)
    make_annotation()
    client.force_login(make_person("jo", role=Role.VIEWER))

    page = words(client, KPI_PAGE)

    assert "v2.3 <b>deployed</b> 15 Feb 2026, 12:00, by web-ci with a key · every KPI" in page
    assert ("Add one" in page, client.get(ADD).status_code) == (False, 403)


def test_analysts_are_led_to_the_forms(analyst: Client) -> None:
    make_days(2)
    annotation = make_annotation()

    page = analyst.get(f"{KPI_PAGE}?range=7d").content.decode()

    back = "next=%2Fkpis%2Fapproval-rate%2F%3Frange%3D7d"
    assert f'href="/annotations/add/?environment=production&amp;kpi=approval-rate&amp;{back}"' in page
    assert f'href="/annotations/{annotation.pk}/?{back}"' in page


@pytest.mark.usefixtures("_built_script")
def test_the_chart_marks_the_period(analyst: Client) -> None:
    make_days(2)
    make_annotation(kpi="approval-rate")
    make_annotation(kpi="execution-cost", text="of another KPI")

    chart = chart_of(analyst, KPI_PAGE, range="7d")

    [flags] = [line for line in chart["lines"] if line["key"] == "annotation"]
    marked = [period for period, value in zip(chart["periods"], flags["values"], strict=True) if value]
    assert [period["figures"][-1] for period in marked] == [["Annotation", "v2.3 <b>deployed</b>"]]
