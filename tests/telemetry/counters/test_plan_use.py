from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from pytest_django import DjangoAssertNumQueries

from telemetry.counters import plan_use
from telemetry.counters.plan_use import NOT_KEPT, NameUse
from telemetry.models import BridgeCounter, EventDay, QuarantinedEvent
from tests.rows import MOMENT, quarantined_event
from tests.telemetry.plan.plans import COUNTED_BY_NAME, metered_shop, shop

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)
COUNTED = metered_shop(*COUNTED_BY_NAME)
DEPRECATED = (
    ("  shop.opened:\n", "  shop.opened:\n    deprecated: {until: 2026-12-31}\n"),
    ("What it says.}", "What it says., deprecated: {until: 2026-12-31}}"),
)


def count(event: str, value: int, *, environment: str = "production", status: str = "") -> None:
    BridgeCounter.objects.create(
        family="workbench_events_total",
        environment=environment,
        labels=f'["{event}","{status}",""]',
        bin="",
        value=value,
    )


def reject(
    code: str, event: str, *, minute: int = 0, names: tuple[str, ...] = (), source: str = "web"
) -> None:
    errors = [{"code": code, "field": f"properties.{name}", "message": "Unknown."} for name in names]
    other = {"code": "missing_property", "field": "properties.kind", "message": "It is required."}
    quarantined_event(
        code=code, event=event, errors=[*errors, other], source=source, received_at=MOMENT + minute * MINUTE
    )


def summary(uses: list[NameUse]) -> list[tuple[str, str, str, int, datetime, datetime]]:
    return [(use.event, use.property, use.source, use.events, use.first_at, use.last_at) for use in uses]


def test_events_are_counted_by_name_and_environment(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    count("shop.opened", 3)
    count("shop.opened", 4, status="late")
    count("shop.opened", 5, environment="staging")

    with django_assert_num_queries(1):
        seen = plan_use.seen_events(COUNTED)

    assert seen == {"shop.opened": {"production": 7, "staging": 5}}
    assert plan_use.never_seen(COUNTED, seen=seen) == ["shop.item_sold"]


def test_a_plan_that_does_not_count_its_events_tells_of_none() -> None:
    count("shop.opened", 3)

    assert plan_use.seen_events(shop()) == {}
    assert plan_use.never_seen(shop(), seen={}) is None


def test_unknown_names_are_counted_by_source_with_their_first_and_last_time() -> None:
    reject("unknown_event", "shop.opend", minute=2)
    reject("unknown_event", "shop.opend", minute=1)
    reject("unknown_event", "shop.opend", minute=3, source="app")
    reject("unknown_property", "shop.opened", minute=4, names=("colour", "size"))
    reject("missing_property", "shop.item_sold", minute=5)

    uses = plan_use.unknown_names(environment="production")

    first, second, third, fourth = (MOMENT + minute * MINUTE for minute in (1, 2, 3, 4))
    assert summary(uses) == [
        ("shop.opend", "", "web", 2, first, second),
        ("shop.opend", "", "app", 1, third, third),
        ("shop.opened", "colour", "web", 1, fourth, fourth),
        ("shop.opened", "size", "web", 1, fourth, fourth),
    ]


def test_names_that_the_quarantine_does_not_keep_are_told_as_such() -> None:
    reject("unknown_event", "<30 characters>")
    reject("unknown_event", "")
    reject("unknown_property", "shop.opened", names=("<25 characters>",))

    uses = plan_use.unknown_names(environment="production")

    assert [(use.event, use.property, use.events) for use in uses] == [
        (NOT_KEPT, "", 2),
        ("shop.opened", NOT_KEPT, 1),
    ]


def test_unknown_names_are_those_of_one_environment_and_of_its_newest_events(
    monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    monkeypatch.setattr(plan_use, "NEWEST_REJECTED", 2)
    for name in ("shop.a", "shop.b", "shop.c"):
        reject("unknown_event", name)
    quarantined_event(code="unknown_event", event="shop.d", environment="staging")

    with django_assert_num_queries(2):
        uses = plan_use.unknown_names(environment="production")

    assert {use.event for use in uses} == {"shop.b", "shop.c"}


def test_an_index_finds_the_newest_rejected_events() -> None:
    reject("unknown_event", "shop.a")
    rows = QuarantinedEvent.objects.filter(environment="production", code="unknown_event").order_by("-pk")

    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off")
    plan = rows[:5].explain()

    assert "quarantine_environment" in plan
    assert "TEMP B-TREE" not in plan


TODAY = MOMENT.date()


def use_deprecated(events: int, *, event: str, part: str = "", **fields: Any) -> None:
    defaults = {"day": TODAY, "environment": "production", "source": "app-0", "client": "app/1"}
    moments = {"first_at": MOMENT, "last_at": MOMENT}
    EventDay.objects.create(
        events=events, event=event, part=part, **{"code": "deprecated", **defaults, **moments, **fields}
    )


def test_senders_of_deprecated_events_and_properties_are_named() -> None:
    use_deprecated(3, event="shop.item_sold", part="label")
    use_deprecated(1, event="shop.opened")
    use_deprecated(1, event="shop.opened", client="app/2", last_at=MOMENT + MINUTE)
    use_deprecated(9, event="shop.opened", code="")
    use_deprecated(9, event="shop.closed")

    uses = plan_use.deprecated_uses(shop(*DEPRECATED), today=TODAY)

    assert summary(uses) == [
        ("shop.item_sold", "label", "app-0", 3, MOMENT, MOMENT),
        ("shop.opened", "", "app-0", 2, MOMENT, MOMENT + MINUTE),
    ]


def test_senders_of_more_than_28_days_ago_are_not_named() -> None:
    use_deprecated(1, event="shop.opened", day=TODAY - timedelta(days=27), source="late")
    use_deprecated(1, event="shop.opened", day=TODAY - timedelta(days=28), source="gone")

    assert [use.source for use in plan_use.deprecated_uses(shop(*DEPRECATED), today=TODAY)] == ["late"]


def test_a_plan_without_deprecations_reads_nothing(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_num_queries(0):
        assert plan_use.deprecated_uses(shop(), today=TODAY) == []
