"""What is posted, folded and rolled up is what the API and the page say."""

from datetime import timedelta

import pytest
from django.test import Client

from kpis.compute.rollup import bring_up_to_date
from tests.builders import MOMENT, event, store
from tests.kpis.builders import NOW

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]

RANGE = {"from": "2026-02-02", "to": "2026-02-03"}


def store_day() -> None:
    """Ten messages and four suggestions; three drafts that took one, two and three minutes, one of no known start."""
    store(*(event("workbench.chat_message_sent", MOMENT + timedelta(hours=n)) for n in range(10)))
    store(
        *(
            event("workbench.template_suggested", MOMENT + timedelta(minutes=n), templateId="t")
            for n in range(4)
        )
    )
    for minutes in (1, 2, 3):
        draft = f"d-{minutes}"
        accepted = MOMENT + timedelta(minutes=minutes)
        store(
            event("workbench.draft_created", MOMENT, draftId=draft, source="chat", session=draft),
            event("workbench.draft_accepted", accepted, draftId=draft, session=draft),
        )
    store(event("workbench.draft_accepted", MOMENT, draftId="d-0", session="s-0"))
    bring_up_to_date(now=NOW)


def test_counts_the_events_of_a_ratio(reader: Client) -> None:
    store_day()

    body = reader.get("/api/kpis/template-suggestion-rate/", RANGE).json()

    assert body["computed_until"] == "2026-02-15T12:00:00Z"
    interval = body["total"].pop("interval")
    assert interval["low"] < 0.4 < interval["high"]
    assert body["total"] == {
        "numerator": 4,
        "denominator": 10,
        "value": 0.4,
        "verdict": "too_few_events",
        "is_too_close_to_call": False,
    }


@pytest.mark.parametrize("granularity", ["hour", "day", "total"])
def test_measures_drafts_alike_in_every_granularity(reader: Client, granularity: str) -> None:
    store_day()

    body = reader.get("/api/kpis/time-to-create-workflow/", {**RANGE, "granularity": granularity}).json()

    assert (body["total"]["count"], body["total"]["sum_seconds"]) == (3, 360)
    assert body["total"]["value"] == pytest.approx(120, rel=0.01)
    assert body["excluded"] == {"no_creation": 1}


def test_shows_the_same_on_the_page(reader: Client) -> None:
    store_day()

    page = reader.get("/kpis/template-suggestion-rate/", RANGE).content.decode()

    assert '<span class="value value-large">40%</span>' in page
