import logging
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from django.db import OperationalError, connection
from pytest_django import Settings

from telemetry.models import PlanLoad, PlanVersion
from telemetry.plan import PlanFault, TrackingPlan, get_plan, history
from telemetry.plan.history import compare, digest_of_plan, read_version, record_load
from tests.rows import plan_version
from tests.telemetry.plan.plans import metered_shop, shop
from tests.threads import run_together

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
WIDER = (("maximum: 99.5", "maximum: 100"),)
NARROWER = (("maximum: 99.5", "maximum: 9"),)


def load(
    now: datetime, *, plan: TrackingPlan | None = None, process: str = "web", machine: str = "a"
) -> PlanVersion:
    return record_load(plan=plan or shop(), process=process, machine=machine, now=now)


def versions() -> list[tuple[str, datetime, datetime]]:
    rows = PlanVersion.objects.order_by("pk")
    return list(rows.values_list("digest", "first_loaded_at", "last_loaded_at"))


def test_a_plan_has_one_row_however_often_it_is_loaded(now: datetime) -> None:
    load(now)
    load(now + HOUR, process="worker")

    assert versions() == [(digest_of_plan(shop()), now, now + HOUR)]


def test_another_plan_is_another_version_also_with_the_same_number(now: datetime) -> None:
    load(now)
    load(now + HOUR, plan=shop(*WIDER))
    load(now + 2 * HOUR)

    assert versions() == [
        (digest_of_plan(shop()), now, now + 2 * HOUR),
        (digest_of_plan(shop(*WIDER)), now + HOUR, now + HOUR),
    ]


def test_each_process_of_a_machine_has_the_plan_that_it_loaded_last(now: datetime) -> None:
    load(now)
    load(now, machine="b")
    load(now, process="worker")
    load(now + HOUR, plan=shop(*WIDER))

    found = PlanLoad.objects.order_by("machine", "process").values_list(
        "machine", "process", "plan__digest", "loaded_at"
    )

    assert list(found) == [
        ("a", "web", digest_of_plan(shop(*WIDER)), now + HOUR),
        ("a", "worker", digest_of_plan(shop()), now),
        ("b", "web", digest_of_plan(shop()), now),
    ]


def test_machines_that_are_long_gone_are_forgotten(now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "MOST_LOADS", 2)
    for number in range(3):
        load(now + number * HOUR, machine=f"m-{number}")

    assert set(PlanLoad.objects.values_list("machine", flat=True)) == {"m-1", "m-2"}


@pytest.mark.django_db(transaction=True)
def test_processes_that_start_together_store_a_plan_once(now: datetime) -> None:
    def start(machine: str) -> None:
        try:
            load(now, machine=machine)
        finally:
            connection.close()

    raised = run_together(*(lambda machine=machine: start(machine) for machine in "abcd"))

    assert raised == []
    assert (PlanVersion.objects.count(), PlanLoad.objects.count()) == (1, 4)


def test_the_running_plan_is_read_back_as_it_was(now: datetime) -> None:
    stored = load(now, plan=get_plan())

    assert digest_of_plan(read_version(stored)) == stored.digest == digest_of_plan(get_plan())


def test_order_and_comments_make_no_other_plan() -> None:
    sold = "  shop.item_sold:"
    edits = (("[food, tool]", "[tool, food]"), (sold, f"  # A comment.\n{sold}"))

    assert digest_of_plan(shop(*edits)) == digest_of_plan(shop())


@pytest.mark.parametrize(
    "edit", [("version: 1", "version: 2"), ("The shop opens.", "It opens."), ("99.5", "99.4")]
)
def test_any_other_change_makes_another_plan(edit: tuple[str, str]) -> None:
    assert digest_of_plan(shop(edit)) != digest_of_plan(shop())


def test_a_text_that_a_database_might_refuse_is_stored(now: datetime) -> None:
    plan = shop(("The shop opens.", '"The \\0 \\uD83D shop ☕"'))

    assert load(now, plan=plan).digest == digest_of_plan(plan)


def test_a_comparison_says_what_breaks(now: datetime) -> None:
    old, new = load(now), load(now, plan=shop(*NARROWER))

    there, back = (
        compare(old=first, new=second, today=date(2026, 2, 15)) for first, second in [(old, new), (new, old)]
    )

    assert [difference.after for difference in there.differences] == ["9"]
    assert there.breaking == ("shop.item_sold.price: the maximum fell from 99.5 to 9.",)
    assert (len(back.differences), back.breaking) == (1, ())


def test_a_plan_that_is_no_longer_read_says_so() -> None:
    with pytest.raises(PlanFault, match="no events"):
        read_version(plan_version())


def test_a_process_starts_also_when_its_plan_cannot_be_stored(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(**kwargs: object) -> None:
        raise OperationalError("gone")

    monkeypatch.setattr(history, "record_load", fail)
    with caplog.at_level(logging.WARNING):
        history.record_running_plan(process="web")

    assert [record.getMessage() for record in caplog.records] == [
        "That the plan was loaded could not be stored: OperationalError"
    ]


@pytest.mark.only_on("sqlite")
def test_a_process_makes_no_new_file_where_the_database_is_gone(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(settings.DATABASES["default"], "NAME", str(tmp_path / "gone"))

    history.record_running_plan(process="scheduler")

    assert not PlanLoad.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_web_process_stores_it_without_waiting() -> None:
    thread = history.record_in_background(process="web")
    thread.join(timeout=30)

    assert PlanLoad.objects.get().plan.digest == digest_of_plan(get_plan())


def test_a_stored_plan_has_its_metrics_and_their_order_does_not_tell_plans_apart(now: datetime) -> None:
    plan = metered_shop()
    other_order = replace(plan, metrics=dict(reversed(plan.metrics.items())))

    stored = load(now, plan=plan)

    assert digest_of_plan(read_version(stored)) == digest_of_plan(plan)
    assert digest_of_plan(other_order) == digest_of_plan(plan)
    assert digest_of_plan(shop()) != digest_of_plan(plan)


def test_the_order_of_labels_tells_plans_apart() -> None:
    labels = "{kind: kind, label: {from: label, capped: true}}"
    other = metered_shop((labels, "{label: {from: label, capped: true}, kind: kind}"))

    assert digest_of_plan(other) != digest_of_plan(metered_shop())


def test_lost_counts_are_among_what_a_change_breaks(now: datetime) -> None:
    old, new = load(now, plan=metered_shop()), load(now, plan=metered_shop(("kind: kind, ", "")))

    comparison = compare(old=old, new=new, today=now.date())

    assert [sentence.partition(",")[0] for sentence in comparison.breaking] == [
        "shop_items_sold_total: the labels or their order changed"
    ]
