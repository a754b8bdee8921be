"""The rows of the funnel: exact, computed from the sessions alone, in the bucket of their start."""

from datetime import datetime
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import connection

from kpis.compute import rollup
from kpis.compute.funnel import LONGEST_SOURCE, MOST_SOURCES, key_of_sources, measure_statement
from kpis.compute.rebuild import RebuildChanges, rebuild
from kpis.histogram import bin_of
from kpis.models import Freshness, FunnelBucket, StoredGranularity
from telemetry.models import Environment
from tests.builders import NOW, minutes
from workbench.buckets import bucket_of, mark_touched
from workbench.dialect import current
from workbench.models import FunnelStep, Session

pytestmark = pytest.mark.django_db

MINUTE = 60_000_000


def make_session(session: str, *moments: float, environment: str = "production", **fields: Any) -> None:
    """A session that took its steps at these minutes."""
    columns = {step.column: minutes(at) for step, at in zip(FunnelStep, moments, strict=False)}
    Session.objects.create(
        session_id=session, environment=environment, funnel_steps=len(moments), **columns, **fields
    )


def rolled_up(*buckets: float, now: datetime | None = None) -> None:
    """Computes the buckets at these minutes; the first one if none is named."""
    Environment.objects.get_or_create(name="production")
    mark_touched(environment="production", buckets={bucket_of(minutes(at)) for at in buckets or (0,)})
    rollup.roll_up(environment="production", now=now or minutes(900))


def rows(*names: str, granularity: str = StoredGranularity.BASE) -> list[tuple[Any, ...]]:
    found = FunnelBucket.objects.filter(environment="production", granularity=granularity)
    return sorted(found.values_list(*names))


def test_counts_every_step_in_the_bucket_of_the_start_with_the_time_from_the_step_before() -> None:
    make_session("s-1", 0, 1, 3, 100)
    make_session("s-2", 14.9, 15.9)
    make_session("s-3", 15, 16)
    make_session("s-4", 0, environment="staging")

    rolled_up()

    assert rows("step", "sessions", "microseconds", "histogram") == [
        (1, 2, 0, {}),
        (2, 2, 2 * MINUTE, {str(bin_of(MINUTE)): 2}),
        (3, 1, 2 * MINUTE, {str(bin_of(2 * MINUTE)): 1}),
        (4, 1, 97 * MINUTE, {str(bin_of(97 * MINUTE)): 1}),
    ]
    assert rows("step", "sessions", granularity=StoredGranularity.DAY) == rows("step", "sessions")


def test_keeps_sessions_of_other_sources_and_uses_of_templates_apart() -> None:
    make_session("s-1", 0, draft_sources='["blank","chat"]')
    make_session("s-2", 0, draft_sources='["blank", "chat"]')
    make_session("s-3", 0, draft_sources='["chat"]', template_used_at=minutes(1))
    make_session("s-4", 0)

    rolled_up()

    assert rows("sources", "used_template", "sessions") == [
        ("", False, 1),
        ('["blank", "chat"]', False, 2),
        ('["chat"]', True, 1),
    ]


def test_a_row_has_few_sources_whatever_clients_choose() -> None:
    many = ",".join(f'"{letter * 99}"' for letter in "abcdefghij")

    key = key_of_sources(f"[{many}]")

    assert key.count("a") == LONGEST_SOURCE
    assert key.count(",") == MOST_SOURCES - 1
    assert len(key) <= FunnelBucket._meta.get_field("sources").max_length  # type: ignore[operator]
    assert key_of_sources("no list") == ""


def test_days_follow_a_change_of_the_zone(settings: LazySettings) -> None:
    make_session("s-1", 0)
    make_session("s-2", 13 * 60)
    rolled_up(0, 13 * 60)
    assert rows("sessions", granularity=StoredGranularity.DAY) == [(2,)]

    settings.REPORTING_TIME_ZONE = "Asia/Tokyo"
    rollup.roll_up(environment="production", now=minutes(900))

    assert rows("sessions", granularity=StoredGranularity.DAY) == [(1,), (1,)]


def test_computing_twice_changes_nothing_and_a_session_that_left_is_gone() -> None:
    make_session("s-1", 0, 1)
    rolled_up()
    before = rows("step", "sessions", "microseconds")
    rolled_up()
    assert rows("step", "sessions", "microseconds") == before

    Session.objects.update(started_at=minutes(-1))
    rolled_up(0, -1)

    assert rows("period_start", "step", "microseconds") == [
        (minutes(-15), 1, 0),
        (minutes(-15), 2, 2 * MINUTE),
    ]


def test_the_past_is_computed_once_by_the_first_rollup_that_keeps_the_funnel() -> None:
    make_session("s-1", 0)
    make_session("s-2", -600)
    Environment.objects.create(name="production", things_kept_from=minutes(-15))
    Freshness.objects.create(environment="production", time_zone="UTC", has_usage=True)

    rollup.roll_up(environment="production", now=minutes(900))

    assert rows("period_start", "sessions") == [(minutes(0), 1)]
    assert Freshness.objects.get().has_funnel


def test_a_rebuild_says_what_differs_and_mends_it() -> None:
    make_session("s-1", 0, 1)
    rolled_up()
    FunnelBucket.objects.filter(step=2, granularity=StoredGranularity.BASE).update(sessions=9)
    FunnelBucket.objects.filter(step=1, granularity=StoredGranularity.BASE).delete()
    day = minutes(0).date()
    next_day = minutes(24 * 60).date()

    changes = rebuild(environment="production", from_date=day, to_date=next_day, apply=True, now=NOW)

    assert changes == RebuildChanges(added=1, changed=1)
    assert rows("step", "sessions") == [(1, 1), (2, 1)]


@pytest.mark.only_on("sqlite")
def test_reads_the_sessions_of_the_range_alone() -> None:
    bounds = [connection.ops.adapt_datetimefield_value(minutes(at)) for at in (0, 15)]

    with connection.cursor() as cursor:
        statement = f"EXPLAIN QUERY PLAN {measure_statement(ranges=1, dialect=current())}"
        cursor.execute(statement, ["production", *bounds] * len(FunnelStep))
        steps = [detail for *_, detail in cursor.fetchall()]

    assert len([step for step in steps if "USING INDEX session_started" in step]) == len(FunnelStep)
    assert not [step for step in steps if step.startswith("SCAN")]
