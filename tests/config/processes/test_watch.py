"""Somebody looks for alerts, also when the schedule does not."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from alerts.models import Alert
from config import tasks
from config.processes import heartbeat, watch
from tests.kpis.builders import make_environment

LOOKED = Callable[[], int]


@pytest.fixture(autouse=True)
def embedded(settings: Settings, tmp_path: Path) -> None:
    settings.DATA_DIR, settings.REDIS_URL = tmp_path, ""


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Counts who looked."""
    looks: list[Any] = []
    monkeypatch.setattr(watch.own_alerts, "look", lambda *, now: looks.append(now))
    return looks


@pytest.fixture
def clock_of_boot(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    def set_to(seconds: float) -> None:
        monkeypatch.setattr(heartbeat, "since_boot", lambda: seconds)

    set_to(1000)
    return set_to


@pytest.mark.parametrize(("silence", "is_overdue"), [(49.9, False), (50, True)])
def test_a_web_process_looks_when_the_schedule_missed_two_turns(
    silence: float, is_overdue: bool, looks: list[Any], clock_of_boot: Callable[[float], None]
) -> None:
    tasks.look_for_alerts()
    clock_of_boot(1000 + silence)

    assert watch.look_if_overdue(up_seconds=9999) is is_overdue
    assert len(looks) == 1 + is_overdue


def test_of_several_web_processes_one_looks_at_a_time(
    looks: list[Any], clock_of_boot: Callable[[float], None]
) -> None:
    tasks.look_for_alerts()
    clock_of_boot(2000)

    at_first = [watch.look_if_overdue(up_seconds=9999) for _ in range(3)]
    clock_of_boot(2020)
    later = [watch.look_if_overdue(up_seconds=9999) for _ in range(2)]

    assert (at_first, later) == ([True, False, False], [True, False])


@pytest.mark.parametrize(("up_seconds", "is_overdue"), [(49.9, False), (50, True)])
def test_a_schedule_that_never_looked_has_time_to_start(
    up_seconds: float, is_overdue: bool, looks: list[Any]
) -> None:
    assert watch.look_if_overdue(up_seconds=up_seconds) is is_overdue


def test_it_looks_when_a_clock_was_set_back_or_the_broker_is_away(
    looks: list[Any], clock_of_boot: Callable[[float], None], settings: Settings
) -> None:
    tasks.look_for_alerts()
    clock_of_boot(10)
    answers = [watch.look_if_overdue(up_seconds=60)]
    watch.look_by_schedule()
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    answers.append(watch.look_if_overdue(up_seconds=60))

    assert answers == [True, True]


def test_a_look_that_fails_is_not_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*, now: Any) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(watch.connections, "close_all", lambda: None)
    monkeypatch.setattr(watch, "close_old_connections", lambda: None)
    monkeypatch.setattr(watch.own_alerts, "look", fail)

    watch.watch_once(up_seconds=60)


@pytest.mark.django_db
def test_a_rollup_that_stopped_is_found_though_the_schedule_is_stuck() -> None:
    make_environment(computed_until=timezone.now() - timedelta(minutes=5))

    watch.look_if_overdue(up_seconds=60)

    assert Alert.objects.filter(name="RollupLagHigh").exists()
