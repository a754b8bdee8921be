import errno
import subprocess
import sys
import time
from pathlib import Path

import pytest

from config.processes import heartbeat


@pytest.fixture
def embedded(settings, tmp_path):
    settings.DATA_DIR = tmp_path
    settings.REDIS_URL = ""


@pytest.fixture
def with_broker(settings, redis_url):
    settings.REDIS_URL = redis_url
    heartbeat.client(redis_url).delete("portal:alive:scheduler")
    yield
    heartbeat.client(redis_url).delete("portal:alive:scheduler")


@pytest.fixture
def clock(monkeypatch):
    """Sets the time since boot."""

    def set_clock(now):
        monkeypatch.setattr(heartbeat, "since_boot", lambda: now)

    return set_clock


def test_nobody_was_seen_before_the_first_sign(embedded):
    assert heartbeat.silence(heartbeat.SCHEDULER) is None


def test_the_newest_sign_counts(embedded, clock):
    for now in (1000.0, 2000.5):
        clock(now)
        heartbeat.leave(heartbeat.SCHEDULER)
    clock(2003.0)
    assert heartbeat.silence(heartbeat.SCHEDULER) == 2.5
    assert heartbeat.silence(heartbeat.WORKER) is None


def test_a_sign_of_the_future_is_told_as_that(embedded, clock):
    clock(2000.0)
    heartbeat.leave(heartbeat.SCHEDULER)
    clock(1000.0)
    assert heartbeat.silence(heartbeat.SCHEDULER) == -1000.0


def test_all_processes_of_a_machine_share_the_clock():
    command = [sys.executable, "-c", "import time; print(time.clock_gettime(time.CLOCK_BOOTTIME))"]
    if not hasattr(time, "CLOCK_BOOTTIME"):
        command[-1] = "import time; print(time.monotonic())"
    before = heartbeat.since_boot()
    theirs = float(subprocess.run(command, capture_output=True, check=True).stdout)
    assert before <= theirs <= heartbeat.since_boot()


def test_signs_of_an_earlier_start_are_forgotten(embedded):
    heartbeat.leave(heartbeat.SCHEDULER)
    heartbeat.forget()
    heartbeat.forget()
    assert heartbeat.silence(heartbeat.SCHEDULER) is None


def test_a_disk_without_space_stops_nobody(embedded, monkeypatch):
    def fail(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "touch", fail)
    heartbeat.leave(heartbeat.SCHEDULER)
    assert heartbeat.silence(heartbeat.SCHEDULER) is None


def test_a_sign_that_is_there_needs_no_space(embedded, tmp_path):
    heartbeat.leave(heartbeat.SCHEDULER)
    assert (tmp_path / "scheduler.alive").stat().st_size == 0


def test_a_data_dir_that_was_removed_stops_nobody(settings, tmp_path):
    settings.DATA_DIR, settings.REDIS_URL = tmp_path / "gone", ""
    heartbeat.leave(heartbeat.SCHEDULER)
    assert heartbeat.silence(heartbeat.SCHEDULER) is None


@pytest.mark.redis
def test_with_a_broker_the_sign_stands_there_and_the_broker_counts(with_broker, redis_url):
    assert heartbeat.silence(heartbeat.SCHEDULER) is None
    heartbeat.leave(heartbeat.SCHEDULER)
    assert 0 <= heartbeat.silence(heartbeat.SCHEDULER) < 60
    heartbeat.client(redis_url).expire("portal:alive:scheduler", heartbeat.KEPT_SECONDS + 100)
    assert -100 <= heartbeat.silence(heartbeat.SCHEDULER) < 0


def test_a_broker_that_is_away_stops_nobody(settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    heartbeat.leave(heartbeat.SCHEDULER)
