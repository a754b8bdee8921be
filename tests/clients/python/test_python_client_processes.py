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


CHILDREN = """
import multiprocessing, signal, sys, threading, time
from concurrent.futures import ProcessPoolExecutor
from workbench_analytics import Client

client = Client({url!r}, "wb_key", flush_seconds=60, exit_seconds={exit_seconds})


def track(number):
    for _ in range(10):
        client.workbench.session_started(session_id=f"task-{{number}}")


def track_and_wait(number, ready):
    track(number)
    ready.release()
    time.sleep(60)


def track_in_a_thread(number):
    thread = threading.Thread(target=track, args=(number,))
    thread.start()
    thread.join()


def track_with_a_handler(number, ready):
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
    track_and_wait(number, ready)


if __name__ == "__main__":
    context = multiprocessing.get_context({start_method!r})
"""
WITH_POOL = """
    with context.Pool(2) as pool:
        pool.map(track, range(30))
"""
CLOSED_POOL = """
    pool = context.Pool(2)
    pool.map(track, range(30))
    pool.close()
    pool.join()
"""
EXECUTOR = """
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        list(pool.map(track, range(30)))
"""
PROCESSES = """
    children = [context.Process(target=track, args=(number,)) for number in range(3)]
    [child.start() for child in children]
    [child.join() for child in children]
"""
TERMINATED = """
    ready = context.Semaphore(0)
    children = [context.Process(target={target}, args=(number, ready)) for number in range(3)]
    [child.start() for child in children]
    [ready.acquire() for child in children]
    [child.terminate() for child in children]
    [child.join() for child in children]
    print([child.exitcode for child in children])
"""


def run_children(portal, script, folder, *, start_method="fork", exit_seconds=10):
    """Runs a program whose children track; returns its process, ended."""
    path = folder / "program.py"
    program = CHILDREN.format(url=portal.url, start_method=start_method, exit_seconds=exit_seconds) + script
    path.write_text(program)
    return subprocess.run(
        [sys.executable, str(path)],
        env={**os.environ, "PYTHONPATH": str(SOURCE)},
        timeout=60,
        check=True,
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("start_method", ["fork", "spawn", "forkserver"])
@pytest.mark.parametrize(
    ("script", "tasks"),
    [
        pytest.param(WITH_POOL, 30, id="with Pool"),
        pytest.param(CLOSED_POOL, 30, id="Pool, closed and joined"),
        pytest.param(EXECUTOR, 30, id="ProcessPoolExecutor"),
        pytest.param(PROCESSES, 3, id="Process"),
        pytest.param(TERMINATED.format(target="track_and_wait"), 3, id="Process, terminated"),
    ],
)
def test_children_send_all_that_they_tracked(start_method, script, tasks, portal, tmp_path):
    run_children(portal, script, tmp_path, start_method=start_method)

    assert sessions(portal) == {f"task-{number}": 10 for number in range(tasks)}


def test_a_terminated_child_ends_by_the_signal(portal, tmp_path):
    ended = run_children(portal, TERMINATED.format(target="track_and_wait"), tmp_path)

    assert (ended.stdout, ended.stderr) == ("[-15, -15, -15]\n", "")


def test_a_handler_of_the_childs_own_decides(portal, tmp_path):
    ended = run_children(portal, TERMINATED.format(target="track_with_a_handler"), tmp_path)

    assert ended.stdout == "[7, 7, 7]\n"
    assert sum(sessions(portal).values()) == 30


def test_a_pool_ends_in_time_when_the_portal_hangs_and_says_what_is_lost(portal, tmp_path):
    portal.acts.extend([portals.hang] * 100)

    ended = run_children(portal, WITH_POOL, tmp_path, exit_seconds=0.3)

    assert "events were dropped: shutdown" in ended.stderr


def test_a_second_signal_ends_a_child_at_once(portal, tmp_path):
    portal.acts.extend([portals.hang] * 100)
    script = TERMINATED.format(target="track_and_wait").replace(
        "[child.join()", "time.sleep(0.5); [child.terminate() for child in children]; [child.join()", 1
    )

    ended = run_children(portal, script, tmp_path, exit_seconds=3600)

    assert ended.stdout == "[-15, -15, -15]\n"


def test_warns_in_a_child_that_cannot_send_before_it_is_terminated(portal, tmp_path):
    ended = run_children(portal, WITH_POOL.replace("track,", "track_in_a_thread,"), tmp_path)

    assert "call flush() when a task ends, or close() and join() of the pool" in ended.stderr


def test_a_kill_takes_what_was_not_sent_yet_and_nothing_else(portal):
    script = "track('sent', 5)\nclient.flush()\ntrack('lost', 5)\nos.kill(os.getpid(), 9)"

    run(portal, script, check=False)

    assert sessions(portal) == {"sent": 5}


def test_the_thread_does_not_keep_a_program_alive_that_a_hanging_portal_would(portal):
    portal.acts.extend([portals.hang] * 10)

    began = time.monotonic()
    run(portal, "client._exit_seconds = 0.2\ntrack('main', 1)")

    assert time.monotonic() - began < 3
