"""A long task is no silence of the scheduler; a process that is stopped is."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pytest_django import Settings

from config.processes import heartbeat
from config.processes.pulse import Pulse

LONG_TASK = """
import os
import time
import django
django.setup()
from config.processes import pulse
pulse.INTERVAL_SECONDS = 0.05
pulse.of_scheduler.task_started_at = time.monotonic()
pulse.of_scheduler.beat_in_background()
print("runs", flush=True)
time.sleep(60)
"""


@pytest.fixture(autouse=True)
def embedded(settings: Settings, tmp_path: Path) -> None:
    settings.DATA_DIR, settings.REDIS_URL = tmp_path, ""


@pytest.mark.parametrize(("running_seconds", "is_seen"), [(0, True), (300, True), (300.1, False)])
def test_a_task_is_a_sign_of_life_for_five_minutes(running_seconds: float, is_seen: bool) -> None:
    pulse = Pulse(task_started_at=1000.0)

    pulse.beat(now=1000.0 + running_seconds)

    assert (heartbeat.silence(heartbeat.SCHEDULER) is not None) is is_seen


def test_between_two_tasks_it_says_nothing() -> None:
    Pulse().beat(now=1000.0)

    assert heartbeat.silence(heartbeat.SCHEDULER) is None


def test_a_long_task_is_seen_until_its_process_is_stopped(tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "DATA_DIR": str(tmp_path),
        "REDIS_URL": "",
    }
    command = [sys.executable, "-c", LONG_TASK]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as scheduler:
        try:
            assert scheduler.stdout is not None
            assert scheduler.stdout.readline() == b"runs\n"
            seen = [shortest_silence(seconds=1.0)]
            scheduler.send_signal(signal.SIGSTOP)
            time.sleep(0.6)
            seen.append(shortest_silence(seconds=0.2))
        finally:
            scheduler.kill()

    assert seen[0] < 0.5 < seen[1]


def shortest_silence(*, seconds: float) -> float:
    """The shortest silence that is met in this time."""
    deadline, silences = time.monotonic() + seconds, [float("inf")]
    while time.monotonic() < deadline:
        silences.append(heartbeat.silence(heartbeat.SCHEDULER) or float("inf"))
        time.sleep(0.02)
    return min(silences)
