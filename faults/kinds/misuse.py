"""What people do to a portal on a bad day: start it twice, stop it while it is busy."""

import contextlib
import signal
import subprocess

from benchmarks.memory import parent_by_pid
from benchmarks.servers import free_port
from faults.programs import family, wait_until
from faults.stage import Stage

REFUSED_SECONDS = 30
STOPPED_SECONDS = 20


def start_second_portal(stage: Stage) -> None:
    """On the same DATA_DIR: it says so and ends, and the first one goes on."""
    before = stage.portal.child("web")
    variables = {**stage.portal.variables, "PORT": str(free_port())}
    second = subprocess.Popen(
        stage.portal.command,
        env=variables,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        process_group=0,
    )
    try:
        _, said = second.communicate(timeout=REFUSED_SECONDS)
        stage.expect(second.returncode != 0, "a second portal ended without an error")
        stage.expect(b"Traceback" not in said, "a second portal ended with a traceback")
    except subprocess.TimeoutExpired:
        stage.expect(False, "a second portal runs on the same DATA_DIR")
    finally:
        second.kill()
        second.wait()
    stage.expect(stage.portal.child("web") == before, "a second portal ended the first one")


def stop_and_start(stage: Stage) -> None:
    """As a service manager does for an update; nothing of it is left, and not late."""
    process, below = stage.portal.process, family(stage.portal.pid)
    if process is None:
        raise ValueError("the portal was not started")
    process.send_signal(signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(STOPPED_SECONDS)
    stage.expect(process.returncode == 0, f"SIGTERM ended the portal with {process.returncode}")
    is_gone = wait_until(lambda: not parent_by_pid().keys() & set(below), seconds=1)
    stage.expect(is_gone, "children outlived the portal")
    stage.portal.kill()
    stage.portal.start()
