"""What happened since the last visit: the sentence, the range that it leads to, and what counts as a look."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth.models import User
from django.test import Client, RequestFactory

from kpis.models import Annotation
from kpis.reading.periods import Range, parse_range
from kpis.reading.readings import Comparison
from pages.overview.since import SinceVisit, ago_text, is_look, make_visit_sentence, range_since, url_since
from pages.page_request import PageState
from people.models import OverviewVisit
from people.overview.visits import read_note
from tests.builders import NOW
from tests.kpis.builders import make_bucket, make_environment
from tests.pages.overview.builders import make_comparison
from tests.pages.page_content import words

SECOND = timedelta(seconds=1)
BERLIN = ZoneInfo("Europe/Berlin")
LEFT = make_comparison(days=[(600, 1_000)], previous=(800, 1_000), target=0.7)
CHANGED = make_comparison(days=[(600, 1_000)], previous=(800, 1_000))
SAME = make_comparison(days=[(800, 1_000)], previous=(800, 1_000))

# What happened, and how many annotations → what is said of it.
SAID = {
    "nothing": ([SAME], 0, "nothing changed beyond noise, and nothing left its target."),
    "a release": ([SAME], 1, "nothing changed beyond noise, and nothing left its target, 1 annotation."),
    "one": ([CHANGED, SAME], 0, "1 KPI changed beyond noise, none left its target."),
    "several": ([CHANGED, LEFT], 2, "2 KPIs changed beyond noise, 1 left its target, 2 annotations."),
    "all left": ([LEFT, LEFT], 0, "2 KPIs changed beyond noise, 2 left their targets."),
}


@pytest.mark.parametrize(("comparisons", "annotations", "said"), SAID.values(), ids=SAID)
def test_counts_what_happened(comparisons: list[Comparison], annotations: int, said: str) -> None:
    since = SinceVisit(comparisons=comparisons, annotations=annotations)

    sentence = make_visit_sentence(since, ago="3 days", url="?from=…")

    assert [(part.text, part.url) for part in sentence] == [
        ("Since your last visit 3 days ago", "?from=…"),
        (f": {said}", ""),
    ]


@pytest.mark.parametrize(
    ("passed", "text"),
    [
        (timedelta(minutes=31), "31 minutes"),
        (timedelta(minutes=59, seconds=59), "59 minutes"),
        (timedelta(hours=1), "1 hour"),
        (timedelta(hours=23, minutes=59), "23 hours"),
        (timedelta(days=1), "1 day"),
        (timedelta(days=91, hours=5), "91 days"),
    ],
)
def test_says_how_long_ago_it_was(passed: timedelta, text: str) -> None:
    assert ago_text(passed) == text


@pytest.mark.parametrize(
    ("moment", "start"),
    [
        (datetime(2026, 2, 13, 12, 14, 59, tzinfo=UTC), datetime(2026, 2, 12, 23, tzinfo=UTC)),
        (datetime(2026, 2, 13, 12, 14, 59, tzinfo=UTC) + SECOND, datetime(2026, 2, 13, 12, 15, tzinfo=UTC)),
        (datetime(2026, 2, 15, 9, 29, 59, tzinfo=UTC), datetime(2026, 2, 15, 9, 15, tzinfo=UTC)),
    ],
)
def test_the_range_begins_with_the_quarter_hour_or_a_day_and_ends_with_today(
    moment: datetime, start: datetime
) -> None:
    now = datetime(2026, 2, 15, 12, 14, 59, tzinfo=UTC)

    assert range_since(moment, zone=BERLIN, now=now) == Range(
        start=start, end=datetime(2026, 2, 15, 23, tzinfo=UTC), zone=BERLIN
    )


def test_the_link_leads_to_the_same_range() -> None:
    shown = range_since(NOW - timedelta(days=1), zone=BERLIN, now=NOW)

    url = url_since(shown, state=PageState(environment="demo", preset="month"))

    assert url == "?environment=demo&from=2026-02-14T12%3A00%3A00Z"
    assert parse_range(start="2026-02-14T12:00:00Z", end="", zone=BERLIN, now=NOW) == shown


@pytest.mark.parametrize(
    ("method", "headers", "expected"),
    [
        ("GET", {}, True),
        ("HEAD", {}, False),
        ("GET", {"Sec-Purpose": "prefetch;prerender"}, False),
        ("GET", {"Purpose": "prefetch"}, False),
    ],
)
def test_only_a_page_that_somebody_asked_for_is_a_look(
    method: str, headers: dict[str, str], *, expected: bool
) -> None:
    assert is_look(RequestFactory().generic(method, "/", headers=headers)) is expected


@pytest.fixture
def _was_here(reader: Client) -> None:
    """Three days ago."""
    OverviewVisit.objects.create(
        user=User.objects.get(), environment="production", last_looked_at=NOW - timedelta(days=3)
    )


@pytest.mark.usefixtures("clock", "_was_here")
def test_says_it_on_the_page_and_keeps_saying_it_during_the_visit(reader: Client) -> None:
    make_environment()
    for days, numerator in ((1, 200), (5, 400)):
        make_bucket(
            numerator=numerator, denominator=1_000, period_start=NOW.replace(hour=0) - timedelta(days=days)
        )
    Annotation.objects.create(environment="production", at=NOW - timedelta(days=1), text="v2.3 deployed")

    texts = [words(reader, "/") for _ in range(2)]

    said = "Since your last visit 3 days ago : 1 KPI changed beyond noise, 1 left its target, 1 annotation."
    assert [said in text for text in texts] == [True, True]


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize(("days", "is_said"), [(90, True), (91, False)])
def test_counts_nothing_after_a_long_absence(reader: Client, days: int, *, is_said: bool) -> None:
    make_environment()
    moment = NOW - timedelta(days=days)
    OverviewVisit.objects.create(user=User.objects.get(), environment="production", last_looked_at=moment)

    text = words(reader, "/")

    assert ("Since your last visit" in text) is is_said
    assert ("Your last visit was 91 days ago." in text) is not is_said


@pytest.mark.usefixtures("clock")
def test_a_page_with_a_fault_is_no_visit(reader: Client) -> None:
    make_environment()

    reader.get("/", {"range": "5d"})
    assert read_note(User.objects.get().pk) == {}
    reader.get("/")
    assert read_note(User.objects.get().pk) == {"production": (NOW, None)}
