"""The end of a process, forks, and what a kill takes with it."""

import os
import subprocess
import sys
import time

import pytest

from tests.clients.python import scripted_portal as portals
from tests.clients.python.conftest import SOURCE

CLIENT = """
import os, sys, time
from workbench_analytics import Client
client = Client({url!r}, "wb_key", flush_seconds={flush_seconds})
def track(name, count):
    for number in range(count):
        client.workbench.draft_created(session_id=name, source="chat", draft_id=f"d-{{number}}")
"""


def run(portal, script, *, flush_seconds=60, check=True):
    """Runs a program of its own that has a client; returns its process, ended."""
    return subprocess.run(
        [sys.executable, "-c", CLIENT.format(url=portal.url, flush_seconds=flush_seconds) + script],
        env={**os.environ, "PYTHONPATH": str(SOURCE)},
        timeout=30,
        check=check,
        capture_output=True,
        text=True,
    )


def sessions(portal):
    """{session: number of stored events}, and no event came twice."""
    assert set(portal.seen.values()) <= {1}
    counts = {}
    for event in portal.stored.values():
        counts[event["sessionId"]] = counts.get(event["sessionId"], 0) + 1
    return counts


def test_a_program_that_ends_sends_what_it_tracked(portal):
    ended = run(portal, "track('main', 700)")

    assert sessions(portal) == {"main": 700}
    assert ended.stderr == ""


def test_a_program_that_fails_sends_what_it_tracked(portal):
    run(portal, "track('main', 3)\nraise SystemExit(3)", check=False)

    assert sessions(portal) == {"main": 3}


def test_a_program_that_ends_during_an_outage_tries_again(portal):
    portal.acts.extend([portals.fail(503), portals.fail(500)])

    run(portal, "track('main', 3)")

    assert len(portal.stored) == 3


def test_what_is_tracked_while_the_program_ends_is_sent_without_a_thread(portal):
    run(portal, "import atexit\natexit.register(track, 'exit', 2)")

    assert sessions(portal) == {"exit": 2}


FORK = """
track('parent', 300)
{before}
child = os.fork()
if child == 0:
    track('child', 200)
    sys.exit()
track('parent', 100)
os.waitpid(child, 0)
"""


@pytest.mark.parametrize("before", ["pass", "time.sleep(0.02)", "client.flush()"])
def test_a_fork_while_sending_sends_each_event_once(before, portal):
    run(portal, FORK.format(before=before), flush_seconds=0.001)

    assert sessions(portal) == {"parent": 400, "child": 200}


def test_many_forks_while_many_threads_track(portal):
    script = """
import threading
threads = [threading.Thread(target=track, args=(f"thread-{n}", 500)) for n in range(4)]
[thread.start() for thread in threads]
children = []
for number in range(8):
    child = os.fork()
    if child == 0:
        track(f"child-{number}", 50)
        client.shutdown(10)
        os._exit(0)
    children.append(child)
[os.waitpid(child, 0) for child in children]
[thread.join() for thread in threads]
"""
    run(portal, script, flush_seconds=0.001)

    threads = {f"thread-{number}": 500 for number in range(4)}
    assert sessions(portal) == {**threads, **{f"child-{number}": 50 for number in range(8)}}


def test_a_fork_has_its_own_connection(portal):
    script = """
track('parent', 1); client.flush()
if os.fork() == 0:
    track('child', 5); client.flush(); os._exit(0)
track('parent', 5); client.flush()
os.wait()
"""
    run(portal, script)

    assert sessions(portal) == {"parent": 6, "child": 5}
    assert len(portal.connections) == 2


def test_nothing_is_loaded_while_sending_that_a_fork_could_catch_half_loaded(portal):
    portal.acts.append(portals.fail(503, Retry_After="Mon, 02 Feb 2026 10:00:30 GMT"))
    script = """
known = set(sys.modules)
track('main', 100)
client.track('workbench.unknown', session_id='main')
client.flush()
assert set(sys.modules) == known, set(sys.modules) - known
"""
    run(portal, script)

    assert len(portal.stored) == 100


def test_a_child_of_multiprocessing_sends_what_it_tracked(portal):
    script = """
import multiprocessing
track('parent', 5)
child = multiprocessing.get_context("fork").Process(target=track, args=("child", 20))
child.start()
child.join()
"""
    run(portal, script)

    assert sessions(portal) == {"parent": 5, "child": 20}


def test_a_kill_takes_what_was_not_sent_yet_and_nothing_else(portal):
    script = "track('sent', 5)\nclient.flush()\ntrack('lost', 5)\nos.kill(os.getpid(), 9)"

    run(portal, script, check=False)

    assert sessions(portal) == {"sent": 5}


def test_the_thread_does_not_keep_a_program_alive_that_a_hanging_portal_would(portal):
    portal.acts.extend([portals.hang] * 10)

    began = time.monotonic()
    run(portal, "client._exit_seconds = 0.2\ntrack('main', 1)")

    assert time.monotonic() - began < 3
