from datetime import timedelta
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from kpis.compute import rollup
from kpis.compute.measures import MEASURES, tables_of
from kpis.counted import listing
from kpis.counted.listing import list_counted
from kpis.counted.places import CountedCursor
from kpis.counted.sources import RowChoice, RowFilter
from kpis.counted.totals import CountedTotal, read_total
from kpis.days import reporting_zone
from kpis.models import EnteredCount
from kpis.reading.periods import InvalidRange, Range
from kpis.registry import REGISTRY
from telemetry.models import RawEvent
from tests.builders import event, minutes, store
from workbench.models import Draft, EventCount
from workbench.raw_events import ONLY_COUNTED

pytestmark = pytest.mark.django_db
ACCEPTED, CREATED = "workbench.draft_accepted", "workbench.draft_created"


def rolled_up(*events: dict[str, Any]) -> None:
    store(*events)
    rollup.bring_up_to_date(now=minutes(60))


def day() -> Range:
    start = minutes(0).replace(hour=0)
    return Range(start=start, end=start + timedelta(days=1), zone=reporting_zone())


def wanted(choice: RowChoice = RowChoice.COUNTED, **fields: str) -> RowFilter:
    return RowFilter(environment="production", choice=choice, **fields)


def listed(
    kpi: str, choice: RowChoice = RowChoice.COUNTED, **fields: str
) -> list[tuple[float, str, int, int]]:
    """(minute, reason, numerator, denominator) of the rows of the day."""
    page = list_counted(REGISTRY[kpi], wanted(choice, **fields), range=day())
    return [
        (
            (row.found.moment - minutes(0)) / timedelta(minutes=1),
            row.found.reason,
            row.found.numerator,
            row.found.denominator,
        )
        for row in page.rows
    ]


def total(kpi: str) -> CountedTotal:
    return read_total(REGISTRY[kpi], wanted(), range=day())


def run_ended(name: str, at: float, status: str) -> dict[str, Any]:
    return event("workbench.workflow_run_completed", minutes(at), runId=name, status=status, durationMs=5)


def test_lists_what_counted_newest_first_and_what_is_in_the_numerator() -> None:
    rolled_up(run_ended("a", 0, "completed"), run_ended("b", 1, "failed"), run_ended("c", 20, "cancelled"))

    assert listed("workflow-success-rate") == [(1, "", 0, 1), (0, "", 1, 1)]
    assert listed("workflow-success-rate", RowChoice.NUMERATOR) == [(0, "", 1, 1)]
    assert listed("workflow-success-rate", RowChoice.OTHERS) == [(1, "", 0, 1)]


def test_the_others_of_a_ratio_whose_sums_count_different_events_are_those_of_the_denominator() -> None:
    rolled_up(
        event("workbench.chat_message_sent", minutes(0)),
        event("workbench.template_suggested", minutes(1), templateId="t"),
    )

    assert listed("template-suggestion-rate", RowChoice.OTHERS) == [(0, "", 0, 1)]


def test_lists_what_did_not_count_with_the_reason() -> None:
    rolled_up(
        run_ended("a", 0, "completed"),
        run_ended("c", 20, "cancelled"),
        event(ACCEPTED, minutes(1), draftId="d-1"),
        event(CREATED, minutes(9), draftId="d-2", source="chat"),
        event(ACCEPTED, minutes(2), draftId="d-2"),
        event("workbench.approval_completed", minutes(3), approved=True, approvalId="p"),
        event("workbench.approval_completed", minutes(4), approved=True, approvalId="p"),
    )

    reasons = {
        kpi: [(at, reason) for at, reason, _, _ in listed(kpi, RowChoice.EXCLUDED)]
        for kpi in ("workflow-success-rate", "time-to-create-workflow", "approval-wait", "execution-cost")
    }

    assert reasons == {
        "workflow-success-rate": [(20, "cancelled")],
        "time-to-create-workflow": [(2, "created_after_acceptance"), (1, "no_creation")],
        "approval-wait": [(4, "repeated"), (3, "no_request")],
        "execution-cost": [],
    }


def test_lists_one_value_of_a_breakdown() -> None:
    rolled_up(
        *(event(CREATED, minutes(0), draftId=source, source=source) for source in ("chat", "blank")),
        *(event(ACCEPTED, minutes(2), draftId=source) for source in ("chat", "blank")),
    )

    assert listed("time-to-create-workflow", breakdown="source", value="chat") == [(2, "", 120_000_000, 1)]


def test_events_of_which_no_thing_is_made_are_listed_while_they_are_kept() -> None:
    rolled_up(
        event("workbench.chat_message_sent", minutes(0)),
        event("workbench.template_suggested", minutes(1), templateId="t"),
    )

    assert listed("template-suggestion-rate") == [(1, "", 1, 0), (0, "", 0, 1)]
    assert total("template-suggestion-rate").kept == (1, 1)

    RawEvent.objects.all().delete()

    assert listed("template-suggestion-rate") == []
    assert total("template-suggestion-rate").kept == (0, 0)


def test_entered_counts_stand_at_the_start_of_their_day() -> None:
    EnteredCount.objects.create(environment="production", date=day().start.date(), source="wiki", workflows=7)
    midnight = -10 * 60
    rolled_up(
        event(ACCEPTED, minutes(0), draftId="d"),
        event("workflow.created", minutes(1), source="api"),
        event("workflow.created", minutes(midnight), source="api"),
    )

    assert listed("workbench-adoption") == [
        (1, "", 0, 1),
        (0, "", 1, 1),
        (midnight, "", 0, 1),
        (midnight, "", 0, 7),
    ]
    assert listed("workbench-adoption", breakdown="origin", value="wiki") == [(midnight, "", 0, 7)]
    assert total("workbench-adoption").kept == (1, 10)


def test_says_how_much_of_what_counted_is_kept() -> None:
    rolled_up(*(event(ACCEPTED, minutes(number), draftId=f"d-{number}") for number in range(3)))
    Draft.objects.filter(draft_id="d-1").delete()

    assert (total("template-usage-rate").denominator, total("template-usage-rate").kept) == (3, (0, 2))


def test_a_page_that_is_empty_because_its_rows_are_gone_leads_on(monkeypatch: pytest.MonkeyPatch) -> None:
    rolled_up(*(event(ACCEPTED, minutes(20 * number), draftId=f"d-{number}") for number in range(3)))
    Draft.objects.exclude(draft_id="d-0").delete()

    first = list_counted(REGISTRY["template-usage-rate"], wanted(), range=day(), size=1)
    second = list_counted(REGISTRY["template-usage-rate"], wanted(), range=day(), size=1, cursor=first.older)

    assert first.rows == []
    assert [row.found.moment for row in second.rows] == [minutes(0)]
    assert second.older is None


def test_what_did_not_count_is_searched_a_part_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "SEARCHED_ROWS", 2)
    rolled_up(
        run_ended("a", 0, "cancelled"), *(run_ended(f"b-{at}", at, "completed") for at in (1, 2, 20, 30))
    )
    kpi, moments, cursor = REGISTRY["workflow-success-rate"], [], None

    for _ in range(10):
        page = list_counted(kpi, wanted(RowChoice.EXCLUDED), range=day(), cursor=cursor)
        moments += [row.found.moment for row in page.rows]
        cursor = page.older
        if cursor is None:
            break

    assert (moments, cursor) == ([minutes(0)], None)


@pytest.mark.parametrize("text", ["x", "1", "1-1", "1-1-z", "-1-1-1", "1-100-1"])
def test_a_place_that_no_link_gives_is_refused(text: str) -> None:
    with pytest.raises(InvalidRange):
        CountedCursor.read(text)


@pytest.mark.parametrize("kpi", REGISTRY)
def test_any_place_can_be_asked_for(kpi: str) -> None:
    rolled_up(run_ended("a", 0, "completed"), event(ACCEPTED, minutes(0), draftId="d"))
    for text in (
        "1770026400000000-0-ffffffffffffffffffffffffffffffff",
        f"1770026400000000-0-{'9' * 32}",
        "1-99-0",
    ):
        for choice in RowChoice:
            list_counted(REGISTRY[kpi], wanted(choice), range=day(), cursor=CountedCursor.read(text))


def test_every_event_that_a_kpi_counts_is_in_the_index() -> None:
    def names(text: str) -> set[str]:
        return {part for part in text.split("'") if "." in part}

    counted = [table.where for kpi in MEASURES for table in tables_of(kpi) if table.model is EventCount]

    assert set().union(*map(names, counted)) <= names(ONLY_COUNTED)


@pytest.mark.parametrize("events", [1, 30])
def test_the_number_of_queries_does_not_depend_on_how_many_counted(
    events: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    rolled_up(
        *(event(ACCEPTED, minutes(20 * number), draftId=f"d-{number}") for number in range(events)),
        event("workflow.created", minutes(1), source="api"),
    )

    with django_assert_num_queries(6):
        list_counted(REGISTRY["workbench-adoption"], wanted(), range=day())
