"""Events on disk: what one process could not send, the next one does, and the portal counts each once."""

import json
import os
import stat
import subprocess
import sys
import time
from collections import Counter

import pytest
from workbench_analytics import Client, Dropped, Spool

from tests.clients.python import scripted_portal as portals
from tests.clients.python.conftest import SOURCE
from tests.clients.python.scripted_portal import fail

PROGRAM = """
import multiprocessing, os, resource, sys, time
from workbench_analytics import Backoff, Client, Spool
client = Client({url!r}, "wb_key", flush_seconds={flush_seconds}, exit_seconds=0.1,
                backoff=Backoff(first_seconds=0.002, longest_seconds=0.02), spool=Spool({directory!r}))
def track(name, count):
    for number in range(count):
        client.workbench.draft_created(session_id=name, source="chat", draft_id=f"d-{{number}}")
"""


# For what happens at once on a machine that has nothing else to do.
PATIENCE_SECONDS = 120


@pytest.fixture
def directory(tmp_path):
    return tmp_path / "spool"


@pytest.fixture
def make_spooling(make_client, directory):
    """A client with a spool in the test's directory."""

    def make(**options):
        return make_client(**{"spool": Spool(directory), **options})

    return make


def events_by_id(posts):
    return {event["id"]: event for post in posts for event in post["events"]}


def command(portal, script, directory, *, flush_seconds=60):
    program = PROGRAM.format(url=portal.url, directory=str(directory), flush_seconds=flush_seconds)
    return [sys.executable, "-c", program + script]


def run(portal, script, directory, **options):
    """Runs a program of its own that has a client with a spool; returns its process, ended."""
    return subprocess.run(
        command(portal, script, directory, **options),
        env={**os.environ, "PYTHONPATH": str(SOURCE)},
        timeout=PATIENCE_SECONDS,
        check=False,
        capture_output=True,
        text=True,
    )


def track(client, count, *, first=0):
    return [
        client.workbench.draft_created(session_id="s-1", source="chat", draft_id=f"d-{first + number}")
        for number in range(count)
    ]


def files(directory):
    return sorted((directory / "workbench-analytics").glob("*"))


def lines(directory):
    return [line for path in files(directory) for line in path.read_bytes().splitlines()]


def be_away(portal):
    portal.acts.extend([fail(503)] * 100_000)


def leave(portal, directory, *, name, count):
    """A process tracks, and is killed before it sends."""
    run(portal, f"track({name!r}, {count})\nos.kill(os.getpid(), 9)", directory)


def give_up(client, seconds):
    """Shut down with little patience, and let the post that is under way end: the portal may be back afterwards."""
    client.shutdown(seconds)
    wait_until(lambda: client._thread is None or not client._thread.is_alive())


def wait_until(condition):
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "It did not happen."
        time.sleep(0.005)


# Restarts -------------------------------------------------------------------------------------------------


def test_a_restart_during_an_outage_loses_nothing(portal, make_spooling, directory):
    dropped = []
    be_away(portal)
    before = make_spooling(on_dropped=dropped.append)
    ids = track(before, 700)
    give_up(before, 0.05)
    portal.acts.clear()

    after = make_spooling()

    wait_until(lambda: len(portal.stored) == 700)
    assert sorted(portal.stored) == sorted(ids)
    assert (dropped, before.counts) == ([], (700, 0, 0, 0, 0, 700))
    assert after.flush(PATIENCE_SECONDS)
    assert after.counts.accepted + after.counts.duplicates == after.counts.tracked == 700
    after.shutdown()
    assert files(directory) == []


def test_a_kill_loses_nothing(portal, make_spooling, directory):
    leave(portal, directory, name="killed", count=300)
    assert portal.stored == {}

    make_spooling()

    wait_until(lambda: len(portal.stored) == 300)


def test_what_was_stored_before_a_kill_is_counted_once(portal, make_spooling, directory):
    portal.acts.append(portals.lose_answer)
    run(portal, "track('killed', 20)\ntime.sleep(0.5)\nclient.flush(0.5)\nos.kill(os.getpid(), 9)", directory)

    after = make_spooling()
    track(after, 1)

    wait_until(lambda: len(portal.stored) == 21)
    assert len({event["id"] for post in portal.posts for event in post["events"]}) == 21


def test_events_come_back_with_the_same_bytes(portal, make_spooling):
    be_away(portal)
    before = make_spooling()
    track(before, 5)
    wait_until(lambda: portal.posts)
    give_up(before, 0.05)
    tried = list(portal.posts)
    portal.acts.clear()

    make_spooling()

    wait_until(lambda: len(portal.stored) == 5)
    first, again = events_by_id(tried), events_by_id(portal.posts[len(tried) :])
    assert {event_id: again[event_id] for event_id in first} == first


def test_several_outages_and_restarts_lose_nothing(portal, make_spooling, directory):
    be_away(portal)
    ids = []
    for number in range(5):
        client = make_spooling()
        ids += track(client, 30, first=30 * number)
        give_up(client, 0.02)
    portal.acts.clear()

    last = make_spooling()

    wait_until(lambda: len(portal.stored) == 150)
    assert sorted(portal.stored) == sorted(ids)
    assert last.flush(PATIENCE_SECONDS)
    last.shutdown()
    assert files(directory) == []


def test_only_the_part_of_a_batch_that_has_no_verdict_stays(portal, make_spooling):
    portal.acts.extend([fail(413), portals.store])
    be_away(portal)
    before = make_spooling(flush_seconds=60)
    track(before, 20)

    before.flush(0)
    wait_until(lambda: len(portal.posts) > 2 and before.counts.accepted == 10)
    give_up(before, 0.05)

    assert before.counts == (20, 10, 0, 0, 0, 10)


def test_what_is_settled_leaves_the_disk(portal, make_spooling, directory):
    client = make_spooling()

    track(client, 30)

    assert client.flush(PATIENCE_SECONDS)
    assert lines(directory) == []


def test_a_rejected_event_leaves_the_disk(make_spooling, directory):
    client = make_spooling()

    client.track("workbench.unknown", session_id="s-1")

    assert client.flush(PATIENCE_SECONDS)
    assert lines(directory) == []


def test_a_refused_key_leaves_events_for_the_next_process(portal, make_spooling):
    portal.acts.append(fail(401))
    before = make_spooling()
    track(before, 5)
    wait_until(lambda: portal.posts)
    before.shutdown()

    make_spooling()

    wait_until(lambda: len(portal.stored) == 5)


# Several processes ----------------------------------------------------------------------------------------


def test_nobody_takes_the_events_of_a_process_that_lives(portal, make_spooling):
    alive = make_spooling(flush_seconds=60)
    track(alive, 50)

    other = make_spooling()
    track(other, 1)
    assert other.flush(PATIENCE_SECONDS)

    assert len(portal.stored) == 1
    assert alive.flush(PATIENCE_SECONDS)
    assert set(portal.seen.values()) == {1}


def test_processes_that_start_together_lose_nothing_that_many_left(portal, directory):
    for number in range(4):
        leave(portal, directory, name=f"p-{number}", count=100)
    script = "track('late', 50)\ntime.sleep(1)\nclient.shutdown(20)"

    started = [
        subprocess.Popen(command(portal, script, directory), env={**os.environ, "PYTHONPATH": str(SOURCE)})
        for _ in range(3)
    ]
    ended = [process.wait(PATIENCE_SECONDS) for process in started]

    assert ended == [0, 0, 0]
    assert Counter(event["sessionId"] for event in portal.stored.values()) == {
        "late": 150,
        **{f"p-{number}": 100 for number in range(4)},
    }
    assert set(portal.seen.values()) == {1}
    assert files(directory) == []


def test_killed_children_leave_their_events_to_the_next_process(portal, make_spooling, directory):
    script = """
track("parent", 10)
context = multiprocessing.get_context("fork")
done = context.Semaphore(0)
def work():
    track("child", 50); done.release(); time.sleep(60)
children = [context.Process(target=work) for _ in range(3)]
[child.start() for child in children]
[done.acquire() for child in children]
[child.kill() for child in children]
[child.join() for child in children]
client.shutdown(10)
"""
    run(portal, script, directory)
    assert Counter(event["sessionId"] for event in portal.stored.values()) == {"parent": 10}

    make_spooling()

    wait_until(lambda: len(portal.stored) == 160)


def test_a_fork_leaves_the_parents_files_to_the_parent(portal, make_spooling, directory):
    script = """
track("parent", 10)
if os.fork() == 0:
    track("child", 5); client.shutdown(10); os._exit(0)
os.wait()
os.kill(os.getpid(), 9)
"""
    run(portal, script, directory)
    assert Counter(event["sessionId"] for event in portal.stored.values()) == {"child": 5}

    make_spooling()

    wait_until(lambda: len(portal.stored) == 15)
    assert set(portal.seen.values()) == {1}


@pytest.mark.parametrize("other", [{"key": "wb_other"}, {"url": "http://127.0.0.1:1"}])
def test_the_events_of_another_key_or_portal_stay_where_they_are(other, portal, make_spooling, directory):
    leave(portal, directory, name="killed", count=5)

    client = make_spooling(**other)
    client.shutdown(0.05)

    assert (portal.stored, len(lines(directory))) == ({}, 5)


# Bounds ---------------------------------------------------------------------------------------------------


def test_what_the_queue_cannot_hold_waits_on_disk(portal, make_spooling):
    dropped = []
    be_away(portal)
    client = make_spooling(max_queue_events=40, batch_events=10, on_dropped=dropped.append)
    ids = track(client, 500)
    wait_until(lambda: portal.posts)
    assert client.counts == (500, 0, 0, 0, 0, 500)

    portal.acts.clear()
    client.flush(PATIENCE_SECONDS)
    client.shutdown(10)
    last = make_spooling()

    wait_until(lambda: len(portal.stored) == 500)
    assert sorted(portal.stored) == sorted(ids)
    assert dropped == []
    assert last.flush(PATIENCE_SECONDS)


def test_a_full_spool_keeps_events_in_memory_and_says_so_once(portal, make_spooling, directory, caplog):
    be_away(portal)
    client = make_spooling(spool=Spool(directory, max_bytes=40_000), flush_seconds=60)

    ids = track(client, 1_000)

    sizes = [path.stat().st_size for path in files(directory)]
    assert 20_000 < sum(sizes) <= 50_000
    assert [record.getMessage() for record in caplog.records if "spool" in record.getMessage()] == [
        "The spool takes no events: the spool is full. They are kept in memory only."
    ]
    portal.acts.clear()
    assert client.flush(PATIENCE_SECONDS)
    assert sorted(portal.stored) == sorted(ids)


def test_events_that_are_too_old_are_dropped_and_counted(portal, make_spooling, directory):
    dropped = []
    leave(portal, directory, name="old", count=7)
    [old] = files(directory)
    leave(portal, directory, name="new", count=5)
    os.utime(old, (time.time() - 10_000, time.time() - 10_000))

    client = make_spooling(spool=Spool(directory, max_age_seconds=9_000), on_dropped=dropped.append)

    wait_until(lambda: len(portal.stored) == 5 and dropped)
    assert client.flush(PATIENCE_SECONDS)
    assert dropped == [Dropped(count=7, reason="spool_expired")]
    assert client.counts == (12, 5, 0, 0, 7, 0)
    assert lines(directory) == []


def test_lines_that_cannot_be_read_are_skipped_and_counted(portal, make_spooling, directory):
    dropped = []
    leave(portal, directory, name="killed", count=3)
    [path] = files(directory)
    good = path.read_bytes().splitlines()
    bad = [b"no JSON", b"\xff\xfe", b"[]", b"{}", b'{"id": 3, "event": "e.e"}', b"[" * 5000, good[2][:-9]]
    path.write_bytes(b"\n".join([good[0], *bad[:6], good[1], bad[6]]))

    make_spooling(on_dropped=dropped.append)

    wait_until(lambda: len(portal.stored) == 2 and dropped)
    assert sorted(portal.stored) == sorted(json.loads(line)["id"] for line in good[:2])
    assert dropped == [Dropped(count=7, reason="spool_corrupt")]


def test_a_disk_that_is_full_is_a_warning_and_costs_no_event_and_no_line(portal, make_spooling, directory):
    script = """
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, 1_000))
track("full", 20)
size = [path.stat().st_size for path in __import__("pathlib").Path(sys.argv[1]).rglob("*.jsonl")]
text = [path.read_text() for path in __import__("pathlib").Path(sys.argv[1]).rglob("*.jsonl")]
assert all(each.endswith("}\\n") for each in text), text
client.shutdown(10)
"""
    ended = subprocess.run(
        [*command(portal, script, directory), str(directory)],
        env={**os.environ, "PYTHONPATH": str(SOURCE)},
        timeout=PATIENCE_SECONDS,
        check=False,
        capture_output=True,
        text=True,
    )

    assert ended.returncode == 0, ended.stderr
    assert len(portal.stored) == 20
    assert ended.stderr.count("The spool takes no events") == 1


def test_a_directory_that_cannot_be_made_is_a_warning(portal, make_client, tmp_path, caplog):
    (tmp_path / "file").write_text("")
    client = make_client(spool=Spool(tmp_path / "file" / "spool"))

    track(client, 3)

    assert client.flush(PATIENCE_SECONDS)
    assert len(portal.stored) == 3
    assert "The spool takes no events: Not a directory." in caplog.text


def test_a_spool_is_refused_in_sync_mode(directory):
    with pytest.raises(ValueError, match="sync"):
        Client("https://portal.example.com", "wb_key", sync=True, spool=Spool(directory))


# Privacy --------------------------------------------------------------------------------------------------


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077])
def test_nobody_else_may_read_it(mask, portal, make_spooling, directory):
    be_away(portal)
    before = os.umask(mask)
    try:
        client = make_spooling(flush_seconds=60)
        track(client, 1)
    finally:
        os.umask(before)

    [path] = files(directory)
    assert [mode(each) for each in (directory, path.parent, path)] == [0o700, 0o700, 0o600]


def test_a_folder_that_was_opened_to_others_is_closed_again(make_spooling, directory):
    (directory / "workbench-analytics").mkdir(parents=True)
    (directory / "workbench-analytics").chmod(0o777)
    client = make_spooling(flush_seconds=60)

    track(client, 1)

    assert mode(directory / "workbench-analytics") == 0o700


def test_a_link_to_elsewhere_is_not_followed(make_spooling, directory, tmp_path, caplog):
    directory.mkdir()
    (tmp_path / "elsewhere").mkdir()
    (directory / "workbench-analytics").symlink_to(tmp_path / "elsewhere")
    client = make_spooling(flush_seconds=60)

    track(client, 1)

    assert list((tmp_path / "elsewhere").iterdir()) == []
    assert "its directory belongs to somebody else" in caplog.text


def test_withdrawn_consent_leaves_nothing_on_disk(portal, make_spooling, directory):
    be_away(portal)
    client = make_spooling(max_queue_events=40, batch_events=10)
    track(client, 300)

    client.set_consent(False)

    assert client.flush(PATIENCE_SECONDS)
    assert lines(directory) == []
    assert client.counts == (300, 0, 0, 0, 300, 0)


def test_what_was_left_waits_for_consent(portal, make_spooling, directory):
    leave(portal, directory, name="killed", count=3)

    client = make_spooling(consent=False)
    client.shutdown(0.1)

    assert (portal.stored, len(lines(directory))) == ({}, 3)


def test_a_line_is_the_event_as_it_is_sent(portal, make_spooling, directory):
    be_away(portal)
    client = make_spooling(flush_seconds=60)

    client.track("workbench.draft_edited", session_id="s-1", properties={"intent": "a\nb ü  "})

    [line] = lines(directory)
    assert json.loads(line)["properties"] == {"intent": "a\nb ü  "}
