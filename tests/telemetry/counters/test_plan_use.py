from datetime import date, datetime, timedelta

import pytest
from django.db import connection
from pytest_django import DjangoAssertNumQueries

from telemetry.counters import plan_use
from telemetry.counters.plan_use import NOT_KEPT, NameUse
from telemetry.models import BridgeCounter, QuarantinedEvent
from tests.rows import MOMENT, arrival, quarantined_event, raw_event
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


def test_senders_of_deprecated_events_and_properties_are_named() -> None:
    post = arrival(accepted=4)
    sent = [
        ("shop.opened", {}),
        ("shop.item_sold", {"kind": "food", "label": "x"}),
        ("shop.item_sold", {"kind": "food"}),
        ("shop.closed", {}),
    ]
    for number, (event, properties) in enumerate(sent):
        raw_event(number, event=event, properties=properties, arrival_id=post.pk)

    uses = plan_use.deprecated_uses(shop(*DEPRECATED))

    assert summary(uses) == [
        ("shop.item_sold", "label", "app-0", 1, MOMENT, MOMENT),
        ("shop.opened", "", "app-0", 1, MOMENT, MOMENT),
    ]


def test_only_the_newest_posts_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan_use, "NEWEST_EVENTS", 2)
    posts = [arrival(accepted=1) for _ in range(3)]
    for number, post in enumerate(posts):
        raw_event(number, event="shop.opened", arrival_id=post.pk, source=f"app-{number}")

    uses = plan_use.deprecated_uses(shop(*DEPRECATED))

    assert [use.source for use in uses] == ["app-1", "app-2"]


def test_posts_without_accepted_events_are_passed_over() -> None:
    arrival(accepted=0, first_day=None, last_day=None)

    assert plan_use.deprecated_uses(shop(*DEPRECATED)) == []


def test_a_plan_without_deprecations_reads_nothing(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_num_queries(0):
        assert plan_use.deprecated_uses(shop()) == []


def test_events_of_all_days_of_the_newest_posts_are_found() -> None:
    days = (date(2026, 2, 13), date(2026, 2, 15))
    post = arrival(accepted=2, first_day=days[0], last_day=days[1])
    for number, day in enumerate(days):
        raw_event(number, event="shop.opened", arrival_id=post.pk, day=day)

    (use,) = plan_use.deprecated_uses(shop(*DEPRECATED))

    assert use.events == 2
