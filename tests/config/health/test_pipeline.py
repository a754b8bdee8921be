from datetime import timedelta

import pytest

from config.health import pipeline
from kpis.models import Freshness
from tests.config.health.lines import line_named
from tests.rows import arrival, environment

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def interval(settings):
    settings.ROLLUP_INTERVAL_SECONDS = 2


@pytest.mark.parametrize(
    ("seconds", "status", "age"),
    [(65.9, "ok", "66 s"), (66, "warning", "66 s"), (605, "warning", "10 min"), (606, "critical", "10 min")],
)
def test_posts_may_wait_for_a_minute_and_three_rollups(now, seconds, status, age):
    arrival(0, received_at=now - timedelta(seconds=seconds), taken_at=None)
    arrival(1, received_at=now - timedelta(days=9), taken_at=now)

    found = line_named("arrivals", now=now)

    assert found == (status, f"1 post waits, the oldest for {age}", 1, (("production", "1 posts"),))


def test_nothing_waits_at_first(now):
    assert line_named("arrivals", now=now) == ("ok", "none waits", 0, ())


@pytest.mark.parametrize(
    ("seconds", "status"), [(65, "ok"), (66, "warning"), (605, "warning"), (606, "critical")]
)
def test_the_environment_that_is_furthest_behind_decides(now, seconds, status):
    for name, behind in (("staging", 1), ("production", seconds)):
        environment(name)
        Freshness.objects.create(environment=name, computed_until=now - timedelta(seconds=behind))

    found_status, text, value, details = line_named("lag", now=now)

    assert (found_status, value) == (status, seconds)
    assert text.startswith("production is ")
    assert [name for name, _ in details] == ["production", "staging"]


def test_without_an_environment_nothing_is_late(now):
    assert line_named("lag", now=now)[:2] == ("ok", "no environment has KPIs yet")


@pytest.mark.parametrize(("ahead", "status"), [(5, "ok"), (6, "warning")])
def test_kpis_of_the_future_are_told(now, monkeypatch, ahead, status):
    monkeypatch.setattr(pipeline, "database_time", lambda now: now)
    Freshness.objects.create(environment="demo", computed_until=now + timedelta(seconds=ahead))

    assert line_named("clocks", now=now)[0] == status


@pytest.mark.parametrize(
    ("apart", "status"), [(4.9, "ok"), (5, "warning"), (-299, "warning"), (-300, "critical")]
)
def test_clocks_may_differ_by_seconds(now, monkeypatch, apart, status):
    monkeypatch.setattr(pipeline, "database_time", lambda now: now + timedelta(seconds=apart))

    assert line_named("clocks", now=now)[::2] == (status, abs(apart))


@pytest.mark.only_on("postgresql")
def test_the_database_has_a_clock_of_its_own(now):
    assert pipeline.database_time(now) > now
