"""What a digest says, and that its figures are those of the pages."""

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.test import Client
from pytest_django import Settings

from digests.letters.bars import DigestBar, make_bars
from digests.letters.composing import Letter, preview_of
from digests.letters.content import EnvironmentPart, period_text
from digests.letters.writing import chat_text, cut, news_of
from digests.schedule import DigestClock, latest_slot
from kpis.models import Freshness
from kpis.reading.periods import Range
from tests.digests.builders import MONDAY, WEEK_START, subscribe
from tests.kpis.builders import make_base_bucket, make_bucket, make_environment, make_target
from tests.pages.page_content import words

pytestmark = pytest.mark.django_db

SUGGESTIONS, USAGE, SUCCESS = "template-suggestion-rate", "template-usage-rate", "workflow-success-rate"
DAY = timedelta(days=1)
THIS_WEEK, WEEK_BEFORE = WEEK_START + DAY, WEEK_START - DAY
EMPTY_KPIS = 9


@pytest.fixture(autouse=True)
def production() -> None:
    make_environment(computed_until=MONDAY)


def letter(*, now: datetime = MONDAY, **fields: Any) -> Letter:
    subscription = subscribe(**fields)
    return preview_of(subscription, slot=latest_slot(DigestClock.of(subscription), now=now), now=now)


def part(**fields: Any) -> EnvironmentPart:
    return letter(**fields).digest.parts[0]


def weeks(kpi: str, *, before: int, now: int, of: int = 1_000) -> None:
    """So many of a thousand in the week before, and in this one."""
    make_bucket(kpi, period_start=WEEK_BEFORE, numerator=before, denominator=of)
    make_bucket(kpi, period_start=THIS_WEEK, numerator=now, denominator=of)


def titles(part: EnvironmentPart) -> dict[str, list[str]]:
    return {heading: [line.title for line in lines] for heading, lines in news_of(part)}


# The target of the suggestions is 30 %; of a thousand, 3 points are noise at most.
@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        (400, 200, {"Left its target": 1, "Changed, beyond noise": 1}),
        (200, 400, {"Back on target": 1, "Changed, beyond noise": 1}),
        (400, 500, {"Changed, beyond noise": 1}),
        (400, 410, {}),
        (200, 205, {"Off target": 1}),
        # Off its target, but too close to call.
        (400, 299, {"Changed, beyond noise": 1}),
        # It was too close to call before.
        (301, 200, {"Off target": 1, "Changed, beyond noise": 1}),
    ],
)
def test_says_what_crossed_its_target_and_what_changed(
    before: int, now: int, expected: dict[str, int]
) -> None:
    weeks(SUGGESTIONS, before=before, now=now)

    assert {heading: len(lines) for heading, lines in titles(part()).items()} == expected


def test_too_few_events_are_no_news() -> None:
    weeks(SUGGESTIONS, before=10, now=0, of=19)

    assert part().is_quiet


def test_the_largest_change_comes_first() -> None:
    weeks(SUGGESTIONS, before=400, now=500)
    weeks(SUCCESS, before=970, now=990)
    weeks(USAGE, before=500, now=900)

    changed = titles(part())["Changed, beyond noise"]

    assert changed == ["Template usage rate", "Template suggestion rate", "Workflow success rate"]


def test_the_target_of_each_week_judges_it() -> None:
    weeks(SUGGESTIONS, before=400, now=400)
    make_target(SUGGESTIONS, "0.5", since=date(2026, 2, 10))

    assert titles(part()) == {"Left its target": ["Template suggestion rate"]}


def test_has_the_kpis_that_were_chosen() -> None:
    chosen = part(kpis=[USAGE, SUCCESS, "gone"])

    assert [line.title for line in chosen.lines] == ["Template usage rate", "Workflow success rate"]


@pytest.mark.parametrize("zone", ["UTC", "America/Los_Angeles"])
def test_the_pages_that_it_links_to_show_its_figures(reader: Client, settings: Settings, zone: str) -> None:
    # Half an hour before the week of Los Angeles begins, at its begin, and in its last quarter.
    start = datetime(2026, 2, 9, 8, tzinfo=UTC)
    for moment, numerator in ((start - DAY / 48, 1), (start, 40), (start + 7 * DAY - DAY / 96, 300)):
        make_base_bucket(SUGGESTIONS, period_start=moment, numerator=numerator, denominator=600)
    make_bucket(SUGGESTIONS, period_start=WEEK_START, numerator=41, denominator=1_200)
    now = MONDAY + DAY

    line = part(time_zone=zone, hour=7, now=now, origin="http://testserver").lines[0]

    expected = {"UTC": "3.4%", "America/Los_Angeles": "28.3%"}[zone]
    assert line.value == expected
    address = line.url.removeprefix("http://testserver")
    assert f" {expected} " in words(reader, address)


def test_a_week_with_a_clock_change_has_its_own_hours() -> None:
    Freshness.objects.update(computed_until=datetime(2026, 4, 1, tzinfo=UTC))
    # The week from 23 March on, in which the clocks go on: it begins and ends in other hours of UTC.
    start, end = datetime(2026, 3, 22, 23, tzinfo=UTC), datetime(2026, 3, 29, 22, tzinfo=UTC)
    for moment, numerator in ((start - DAY / 96, 500), (start, 100), (end - DAY / 96, 200), (end, 900)):
        make_base_bucket(SUGGESTIONS, period_start=moment, numerator=numerator, denominator=1_000)

    found = part(time_zone="Europe/Berlin", now=datetime(2026, 3, 30, 6, tzinfo=UTC)).lines[0]

    assert (found.value, found.previous) == ("15%", "50%")


def test_a_page_costs_the_same_whatever_there_is(django_assert_max_num_queries: Any) -> None:
    subscription = subscribe()
    slot = latest_slot(DigestClock.of(subscription), now=MONDAY)
    weeks(SUGGESTIONS, before=400, now=200)

    with django_assert_max_num_queries(10):
        preview_of(subscription, slot=slot, now=MONDAY).html()


def test_the_forms_say_the_same() -> None:
    weeks(SUGGESTIONS, before=400, now=200)

    written = letter(origin="https://portal.example.com")

    sentence = "20% (target \u2265 30%), the week before 40%: \u221220 points, worse"
    assert f"- Template suggestion rate: {sentence}\n" in written.text()
    assert sentence in re.sub(r"<[^>]+>", "", written.html())
    assert sentence in str(written.chat())
    assert "https://portal.example.com/digests/unsubscribe/" in written.text()
    assert written.digest.subject == "Weekly digest, 9 to 15 Feb 2026: 1 left its target, 1 changed"


def test_without_an_address_of_the_portal_there_are_no_links() -> None:
    written = letter(origin="")

    assert "href" not in written.html()
    assert "://" not in written.text()
    assert "://" not in str(written.chat())


def test_public_url_goes_before_where_the_person_was(settings: Settings) -> None:
    settings.PUBLIC_URL = "https://kpi.example.com"

    assert letter().settings_url == "https://kpi.example.com/account/digest/"


def test_a_name_becomes_neither_html_nor_a_mention() -> None:
    make_environment("<b>@all&</b>", computed_until=MONDAY)

    written = letter(environments=["<b>@all&</b>"])

    assert "<b>@all" not in written.html()
    assert "&lt;b&gt;@all&amp;&lt;/b&gt;" in written.html()
    assert "@all" not in chat_text(written.digest.parts[0], before="the week before")


def test_a_mail_loads_nothing_and_runs_nothing() -> None:
    html = letter().html()

    for forbidden in ("<script", "<img", "<link", "<style", "url(", "src="):
        assert forbidden not in html


@pytest.mark.parametrize(
    ("values", "heights"),
    [
        ([], []),
        ([None, None], []),
        ([0.0, 0.0], [2, 2]),
        ([1.0, None, 0.5, 0.0], [26, None, 13, 2]),
    ],
)
def test_bars_are_as_high_as_their_values(values: list[float | None], heights: list[int | None]) -> None:
    assert [bar.height for bar in make_bars(values)] == heights


def test_bars_of_a_long_day_are_narrow() -> None:
    assert make_bars([1.0] * 25)[0] == DigestBar(width=3, height=26)


@pytest.mark.parametrize(
    ("first", "days", "text"),
    [
        ("2026-03-16", 1, "16 Mar 2026"),
        ("2026-03-16", 7, "16 to 22 Mar 2026"),
        ("2026-03-30", 7, "30 Mar to 5 Apr 2026"),
        ("2026-12-29", 7, "29 Dec 2026 to 4 Jan 2027"),
    ],
)
def test_a_period_is_named_by_its_days(first: str, days: int, text: str) -> None:
    start = datetime.fromisoformat(f"{first}T00:00:00+00:00")

    assert period_text(Range(start=start, end=start + days * DAY, zone=ZoneInfo("UTC"))) == text


def test_a_long_section_ends_with_a_whole_line() -> None:
    text = "\n".join(["x" * 1_000] * 4)

    assert cut(text) == "\n".join([*["x" * 1_000] * 2, "…"])
    assert cut("short") == "short"


def test_a_letter_is_in_the_persons_language_whoever_makes_it() -> None:
    make_target(SUGGESTIONS, "0.3", since=date(2026, 1, 1))
    weeks(SUGGESTIONS, before=400, now=200)

    german = letter(language="de")

    assert (
        german.subject == "Wöchentlicher Bericht, 9. bis 15. Feb 2026: 1 hat ihr Ziel verlassen, 1 geändert"
    )
    assert "Ziel verlassen\n- Vorschlagsquote für Vorlagen: 20" in german.text()
    assert '<html lang="de">' in german.html()
    assert "zum Vergleich: die Woche davor" in str(german.chat())
