"""Which language an answer has, and how the language writes dates and numbers."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from django.conf import settings
from django.http import HttpRequest
from django.template import Context, Template
from django.test import Client, RequestFactory
from django.utils.safestring import mark_safe
from django.utils.translation import get_language, override

from kpis import formatting
from pages.polling import admissions
from pages.polling.fragments import Fragment, FragmentCache, Question
from tests.kpis.builders import make_bucket, make_environment

GERMAN = {"HTTP_ACCEPT_LANGUAGE": "de-AT,de;q=0.9,en;q=0.5"}
NARROW = formatting.NARROW


@pytest.fixture
def german() -> Iterator[None]:
    with override("de"):
        yield


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("header", "cookie", "expected"),
    [
        ("", "", "en"),
        ("fr", "", "en"),
        ("de-AT,de;q=0.9", "", "de"),
        ("en;q=0.4, de;q=0.6", "", "de"),
        ("de", "en", "en"),
        ("en", "de", "de"),
        ("de", "nonsense", "de"),
    ],
)
def test_answers_in_the_chosen_language_else_in_the_browsers_else_in_english(
    client: Client, header: str, cookie: str, expected: str
) -> None:
    if cookie:
        client.cookies["language"] = cookie

    response = client.get("/login/", headers={"Accept-Language": header} if header else {})

    assert response.headers["Content-Language"] == expected
    assert {"Accept-Language", "Cookie"} <= set(response.headers["Vary"].split(", "))
    assert f'<html lang="{expected}">' in response.content.decode()


@pytest.mark.django_db
def test_keeps_the_language_that_somebody_chooses_and_leads_back(client: Client) -> None:
    response = client.post("/language/", {"language": "de", "next": "/login/?next=/runs/"})

    assert response.headers["Location"] == "/login/?next=/runs/"
    assert client.get("/login/").headers["Content-Language"] == "de"


@pytest.mark.django_db
def test_leads_to_no_foreign_page_after_the_choice(client: Client) -> None:
    assert (
        client.post("/language/", {"language": "de", "next": "https://example.com/"}).headers["Location"]
        == "/"
    )


@pytest.mark.django_db
def test_takes_no_language_along_to_the_next_request_of_the_thread(client: Client) -> None:
    client.get("/login/", **GERMAN)

    assert get_language() == settings.LANGUAGE_CODE


@pytest.mark.django_db
@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize(
    "path",
    [
        "/api/kpis/",
        "/api/kpis/workbench-adoption/?format=csv",
        "/api/slos/",
        "/api/plan/events/",
        "/plan/?csv=events",
    ],
)
def test_programs_get_the_same_whatever_language_they_ask_for(reader: Client, path: str) -> None:
    make_environment()
    make_bucket("workbench-adoption", numerator=1234, denominator=5678)

    english, german = reader.get(path), reader.get(path, **GERMAN)

    assert english.status_code == 200
    assert german.headers.get("Content-Language") in {None, "en"}
    assert b"".join(english) == b"".join(german)


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/api/nothing/", "/api/kpis/"])
def test_programs_get_faults_in_english(client: Client, path: str) -> None:
    english, german = client.get(path), client.get(path, **GERMAN)

    assert english.json()["message"] == german.json()["message"]


def test_remembers_a_fragment_for_each_language(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pages.polling.fragments.fragments", FragmentCache())
    question = Question(
        key="runs", make=lambda: Fragment(html=mark_safe(str(get_language())), is_active=False)
    )
    answers = []

    for language in ("de", "en", "de"):
        with override(language):
            answers.append(question.answer().html)

    assert answers == ["de", "en", "de"]


def test_somebody_is_let_in_to_a_fragment_in_one_language(rf: RequestFactory) -> None:
    request: HttpRequest = rf.get("/runs/", {"part": "live"})
    with override("de"):
        asker = admissions.asker_of(request)

    assert asker != admissions.asker_of(request)


@pytest.mark.usefixtures("german")
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (formatting.count_text, {1234567: "1.234.567"}),
        (formatting.percent_text, {0.314: "31,4\N{NO-BREAK SPACE}%", 12.5: "1.250\N{NO-BREAK SPACE}%"}),
        (formatting.dollars_text, {1234.5: "1.234,50\N{NO-BREAK SPACE}$"}),
        (formatting.duration_text, {12.34: f"12,3{NARROW}s", 0.0004: f"<0,001{NARROW}s"}),
        (formatting.date_text, {date(2026, 3, 5): "5. Mär 2026"}),
        (formatting.month_text, {date(2026, 3, 5): "Mär 2026"}),
        (formatting.day_of_year_text, {date(2026, 12, 5): "5. Dez"}),
    ],
)  # fmt: skip
def test_writes_numbers_and_dates_as_germans_do(text: object, expected: dict[object, str]) -> None:
    assert {value: text(value) for value in expected} == expected  # type: ignore[operator]


@pytest.mark.usefixtures("german")
def test_writes_moments_in_the_zone_as_germans_do() -> None:
    moment = datetime(2026, 10, 15, 12, tzinfo=UTC)

    assert formatting.moment_text(moment, zone=ZoneInfo("Europe/Berlin")) == "15. Okt 2026, 14:00"


def test_every_language_says_how_it_writes_dates_and_numbers() -> None:
    formats = {path.parent.name for path in Path(settings.BASE_DIR, "config", "formats").glob("*/formats.py")}

    assert formats == {code for code, _ in settings.LANGUAGES}


@pytest.mark.usefixtures("german")
def test_templates_write_coordinates_with_a_point() -> None:
    assert Template("{{ x }} {{ y }}").render(Context({"x": 1234.5, "y": 1234})) == "1234.5 1234"
