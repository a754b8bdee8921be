from datetime import date, datetime, timedelta
from itertools import count
from typing import Any

import pytest

from telemetry.counters import sent
from telemetry.models import ApiKey, Arrival, ClockDay, EventDay, PlanPart, PlanPartDay
from telemetry.plan import compile_plan, get_plan
from tests import builders
from tests.builders import MOMENT, NOW, make_key, store, table
from tests.telemetry.plan.plans import shop
from workbench.fold import pending
from workbench.fold import sent as fold_sent

DAY = MOMENT.date()
HOUR = timedelta(hours=1)
EVENT_DAY = ("day", "source", "event", "client", "code", "events", "first_at", "last_at")
CREATED = "workbench.draft_created"
INVOKED = "workbench.chat_tool_invoked"
DEPRECATED = (
    ("  shop.opened:\n", "  shop.opened:\n    deprecated: {until: 2026-12-31}\n"),
    ("What it says.}", "What it says., deprecated: {until: 2026-12-31}}"),
)


@pytest.fixture
def key(db: None) -> ApiKey:
    return make_key()


numbers = count()


def event(name: str, at: datetime = MOMENT, **properties: object) -> dict[str, Any]:
    """An event of a session of its own: no two are duplicates."""
    return builders.event(name, at, session=f"s-{next(numbers)}", **properties)


def post(*events: dict[str, Any], key: ApiKey, client: str = "", **fields: Any) -> None:
    arrival = store(*events, key=key, **fields)
    Arrival.objects.filter(pk=arrival.pk).update(client=client)


def test_events_add_up_by_day_source_client_and_what_became_of_them(key: ApiKey) -> None:
    rejected = {"rejected": {"bad_id": 2}, "rejected_kinds": [["bad_id", CREATED, 2]]}
    post(event(CREATED), event(CREATED), key=key, client="app/1", received_at=MOMENT)
    post(event(CREATED), key=key, client="app/2", received_at=MOMENT + HOUR, **rejected)
    pending.fold_pending(now=NOW)
    post(event(CREATED), key=key, client="app/1", received_at=MOMENT + HOUR)
    post(event(CREATED), key=key, client="app/1", received_at=MOMENT + 24 * HOUR)
    pending.fold_pending(now=NOW)

    later, tomorrow = MOMENT + HOUR, MOMENT + 24 * HOUR
    assert table(EventDay, *EVENT_DAY) == [
        (DAY, "web", CREATED, "app/1", "", 3, MOMENT, later),
        (DAY, "web", CREATED, "app/2", "", 1, later, later),
        (DAY, "web", CREATED, "app/2", "bad_id", 2, later, later),
        (DAY + timedelta(days=1), "web", CREATED, "app/1", "", 1, tomorrow, tomorrow),
    ]


def test_parts_of_the_plan_add_up_and_only_listed_values_are_kept(key: ApiKey) -> None:
    first = [
        event(CREATED, source="chat", nodeCount=3, draftId="d-1"),
        event(CREATED, source="blank"),
        event(INVOKED, toolId="t-1", success=True),
    ]
    post(*first, key=key)
    post(event(INVOKED, toolId="t-1", success=False), key=key, received_at=MOMENT + 24 * HOUR)
    pending.fold_pending(now=NOW)

    tomorrow = DAY + timedelta(days=1)
    expected = [
        (INVOKED, "", "", 2, DAY, tomorrow),
        (INVOKED, "success", "", 2, DAY, tomorrow),
        (INVOKED, "success", "false", 1, tomorrow, tomorrow),
        (INVOKED, "success", "true", 1, DAY, DAY),
        (INVOKED, "toolId", "", 2, DAY, tomorrow),
        (CREATED, "", "", 2, DAY, DAY),
        (CREATED, "draftId", "", 1, DAY, DAY),
        (CREATED, "nodeCount", "", 1, DAY, DAY),
        (CREATED, "source", "", 2, DAY, DAY),
        (CREATED, "source", "blank", 1, DAY, DAY),
        (CREATED, "source", "chat", 1, DAY, DAY),
    ]
    assert table(PlanPart, "event", "property", "value", "events", "first_day", "last_day") == expected
    assert table(PlanPartDay, "day", "event", "property", "value", "events") == sorted(
        [
            *(
                (DAY, *row[:3], row[3] if row[5] == DAY else 1)
                for row in expected
                if row[1] and row[4] == DAY
            ),
            (tomorrow, INVOKED, "success", "", 1),
            (tomorrow, INVOKED, "success", "false", 1),
            (tomorrow, INVOKED, "toolId", "", 1),
        ],
        key=repr,
    )


def test_a_value_that_the_plan_does_not_list_is_not_kept() -> None:
    counted = [(CREATED, "source", "Anna", 1), (CREATED, "gone", None, 1), ("a.gone", "source", "chat", 1)]

    assert dict(sent.parts_of(counted, plan=get_plan())) == {(CREATED, "source", ""): 1}


@pytest.mark.parametrize(
    ("seconds", "bound"),
    [
        (-90_000, -86_400),
        (-86_400, -86_400),
        (-86_399, -3_600),
        (-60, -60),
        (-59.9, 5),
        (5, 5),
        (5.1, 60),
        (600, 600),
        (601, 600),
    ],
)
def test_clocks_are_told_apart_by_the_bound_that_they_reach(seconds: float, bound: int) -> None:
    assert sent.clock_bound(seconds) == bound


def test_a_post_counts_by_its_newest_event(key: ApiKey) -> None:
    ahead = [event(CREATED, MOMENT - HOUR), event(INVOKED, MOMENT + timedelta(seconds=30))]
    post(*ahead, key=key, received_at=MOMENT)
    post(event(CREATED, MOMENT - HOUR), key=key, received_at=MOMENT)
    post(key=key, rejected={"bad_id": 1})
    pending.fold_pending(now=NOW)

    assert table(ClockDay, "day", "source", "up_to_seconds", "posts") == [
        (DAY, "web", -3600, 1),
        (DAY, "web", 60, 1),
    ]


def test_past_its_budget_a_source_has_rows_without_the_names_that_clients_choose(
    key: ApiKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sent, "ROWS_PER_SOURCE", 1)
    for number in range(3):
        rejected = {"rejected": {"unknown_event": 1}, "rejected_kinds": [["unknown_event", f"x.{number}", 1]]}
        post(event(CREATED), key=key, client=f"app/{number}", **rejected)
        pending.fold_pending(now=NOW)

    assert table(EventDay, "event", "client", "code", "events") == [
        (CREATED, "app/0", "", 1),
        (CREATED, "…", "", 2),
        ("…", "…", "unknown_event", 3),
    ]


def test_old_days_are_forgotten_and_totals_stay(key: ApiKey) -> None:
    post(event(CREATED, source="chat"), key=key)
    pending.fold_pending(now=NOW)

    sent.forget_old_days(now=MOMENT + sent.DAYS_KEPT)
    assert table(EventDay, "day") == [(DAY,)]
    sent.forget_old_days(now=MOMENT + sent.DAYS_KEPT + timedelta(days=1))
    assert [EventDay.objects.count(), PlanPartDay.objects.count(), ClockDay.objects.count()] == [0, 0, 0]
    assert PlanPart.objects.filter(event=CREATED, property="", first_day=date(2026, 2, 2)).count() == 1


def test_uses_of_deprecated_parts_are_counted_by_sender(key: ApiKey, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = compile_plan(shop(*DEPRECATED))
    monkeypatch.setattr(fold_sent, "get_compiled_plan", lambda: compiled)
    sold = [event("shop.item_sold", kind="food", label="x"), event("shop.item_sold", kind="food")]
    post(*sold, event("shop.opened"), event("shop.closed"), key=key, client="app/1")
    pending.fold_pending(now=NOW)

    assert table(EventDay, "event", "code", "part", "client", "events") == [
        ("shop.closed", "", "", "app/1", 1),
        ("shop.item_sold", "", "", "app/1", 2),
        ("shop.item_sold", "deprecated", "label", "app/1", 1),
        ("shop.opened", "", "", "app/1", 1),
        ("shop.opened", "deprecated", "", "app/1", 1),
    ]


def test_it_does_not_matter_how_posts_are_folded(db: None) -> None:
    def tables(environment: str) -> list[list[tuple[Any, ...]]]:
        return [
            sorted(model._default_manager.filter(environment=environment).values_list(*fields), key=repr)
            for model, fields in (
                (EventDay, EVENT_DAY),
                (PlanPart, ("event", "property", "value", "events", "first_day", "last_day")),
                (PlanPartDay, ("day", "event", "property", "value", "events")),
                (ClockDay, ("day", "source", "up_to_seconds", "posts")),
            )
        ]

    moments = [MOMENT + hours * HOUR for hours in (0, 30, 1, 50, 2)]
    for environment, order in (("alone", 1), ("together", -1)):
        key = make_key(environment=environment)
        for number, moment in list(enumerate(moments))[::order]:
            sources = [event(CREATED, moment, source="chat"), event(CREATED, MOMENT, source="blank")]
            rejected: dict[str, Any] = {"rejected": {"bad_id": 1}, "rejected_kinds": [["bad_id", CREATED, 1]]}
            where: dict[str, Any] = {
                "environment": environment,
                "client": f"app/{number % 2}",
                "received_at": moment,
            }
            post(*sources, key=key, **where, **rejected)
            if environment == "alone":
                pending.fold_pending(now=NOW)
    pending.fold_pending(now=NOW)

    assert tables("alone") == tables("together")
    assert all(tables("alone"))
