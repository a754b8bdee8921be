from datetime import UTC, datetime, timedelta

import pytest
from celery import Celery
from celery.schedules import crontab

from config.celery import app as portal
from config.processes import schedule
from config.processes.schedule import SteadyScheduler

DAY = 24 * 60 * 60


class World:
    """A monotonic clock, a wall clock that can be set, and the bells that a scheduler rings."""

    def __init__(self, *, entries):
        self.monotonic = 1000.0
        self.wall = datetime(2026, 2, 15, 12, 0, tzinfo=UTC)
        self.rings = []
        app = Celery("test", broker="memory://", set_as_current=False)
        app.now = lambda: self.wall
        app.conf.beat_schedule = {name: {"task": name, "schedule": when} for name, when in entries.items()}
        for entry in app.conf.beat_schedule.values():
            if isinstance(entry["schedule"], crontab):
                entry["schedule"].nowfun = app.now
        self.scheduler = SteadyScheduler(app)
        self.scheduler.apply_entry = lambda entry, producer=None: self.rings.append(entry.name)

    def offset(self):
        return self.wall.timestamp() - self.monotonic

    def set_clock(self, seconds):
        self.wall += timedelta(seconds=seconds)

    def live(self, seconds):
        """Tick for so long, as Celery does; answers the bells that rang."""
        self.rings = []
        end = self.monotonic + seconds
        while self.monotonic < end:
            wait = max(0.01, min(self.scheduler.tick(), end - self.monotonic))
            self.monotonic += wait
            self.set_clock(wait)
        return self.rings


@pytest.fixture
def world(monkeypatch):
    def make(**entries):
        worlds = []
        monkeypatch.setattr(schedule, "clock_offset", lambda: worlds[0].offset() if worlds else 0.0)
        worlds.append(World(entries=entries))
        worlds[0].scheduler.offset = worlds[0].offset()
        return worlds[0]

    return make


@pytest.mark.parametrize("step", [-DAY, -5, 5, DAY])
def test_a_clock_that_is_set_changes_no_interval(world, step):
    one = world(roll_up=2.0)
    assert len(one.live(20)) in {9, 10}
    one.set_clock(step)
    assert len(one.live(20)) in {9, 10, 11}


def test_a_clock_that_went_ahead_a_day_and_back_changes_no_interval(world):
    one = world(roll_up=2.0)
    one.live(20)
    for step in (DAY, -DAY):
        one.set_clock(step)
        assert len(one.live(20)) in {9, 10, 11}


def test_a_bell_by_the_hour_follows_the_clock_that_was_set(world):
    one = world(make_partitions=crontab(minute="7"))
    one.live(60)
    one.set_clock(-DAY)
    assert one.live(10 * 60) == ["make_partitions"]


def test_the_step_is_logged(world, caplog):
    one = world(roll_up=2.0)
    one.set_clock(-DAY)
    one.live(1)
    assert "The clock was set by -86400 seconds" in caplog.text


def test_the_portal_uses_it():
    assert portal.conf.beat_scheduler == "config.processes.schedule:SteadyScheduler"
