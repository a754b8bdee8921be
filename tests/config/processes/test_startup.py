import errno
import fcntl
import os
import resource
import socket
import sys
from pathlib import Path

import pytest

from config.processes import heartbeat, memory, startup
from config.processes.startup import StartRefused


@pytest.fixture
def listener():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def test_two_portals_on_one_data_dir_are_refused(tmp_path):
    first = startup.lock_data_dir(tmp_path)
    with pytest.raises(StartRefused, match=f"Another portal runs on DATA_DIR {tmp_path}"):
        startup.lock_data_dir(tmp_path)
    os.close(first)
    os.close(startup.lock_data_dir(tmp_path))


def test_a_lock_on_a_file_that_was_removed_meanwhile_is_taken_anew(tmp_path, monkeypatch):
    path, flock, removals = tmp_path / "portal.lock", fcntl.flock, [1]

    def flock_late(descriptor, how):
        if removals:
            removals.pop()
            path.unlink()
        flock(descriptor, how)

    monkeypatch.setattr(startup.fcntl, "flock", flock_late)
    lock = startup.lock_data_dir(tmp_path)
    with pytest.raises(StartRefused, match="Another portal runs"):
        startup.lock_data_dir(tmp_path)
    os.close(lock)


def test_a_port_that_is_taken_is_named(listener):
    port = listener.getsockname()[1]

    with pytest.raises(StartRefused, match=f"Can't listen on 127.0.0.1 port {port}: Address already in use"):
        startup.check_address(host="127.0.0.1", port=port)
    with pytest.raises(StartRefused, match="Set WORKER_METRICS_PORT to a free one"):
        startup.check_address(host="127.0.0.1", port=port, setting="WORKER_METRICS_PORT")


def test_a_port_that_was_just_left_is_free(listener):
    port = listener.getsockname()[1]
    listener.close()
    startup.check_address(host="127.0.0.1", port=port)


def test_a_host_of_another_machine_is_refused():
    with pytest.raises(StartRefused, match=r"Can't listen on 192\.0\.2\.1 port 8000"):
        startup.check_address(host="192.0.2.1", port=8000)


@pytest.fixture
def collected(settings, tmp_path, monkeypatch):
    """The calls of collectstatic, with one static file in a directory of the test's own."""
    (tmp_path / "static").mkdir()
    (tmp_path / "static" / "portal.css").write_text("body {}")
    settings.STATICFILES_DIRS = [tmp_path / "static"]
    settings.STATIC_ROOT = tmp_path / "collected"
    calls = []
    monkeypatch.setattr(startup, "call_command", lambda name, **options: calls.append(name))
    return calls


def test_static_files_are_collected_when_they_changed(collected, tmp_path):
    startup.collect_static_files()
    startup.collect_static_files()
    assert collected == ["collectstatic"]

    (tmp_path / "static" / "portal.css").write_text("body { color: red }")
    startup.collect_static_files()
    assert collected == ["collectstatic"] * 2


def test_static_files_are_collected_again_after_an_interruption(collected, monkeypatch):
    def interrupt(name, **options):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(startup, "call_command", interrupt)
        with pytest.raises(KeyboardInterrupt):
            startup.collect_static_files()
    startup.collect_static_files()
    assert collected == ["collectstatic"]


def test_static_files_stay_where_they_are_while_debugging(collected, settings):
    settings.DEBUG = True
    startup.collect_static_files()

    assert collected == []


@pytest.mark.parametrize(("is_collected", "calls"), [(True, []), (False, ["collectstatic"])])
def test_static_files_that_came_collected_stay_as_they_are(
    collected, settings, monkeypatch, is_collected, calls
):
    """In a container image they belong to root and the file system is read only."""
    settings.STATIC_ROOT.mkdir()
    if is_collected:
        (settings.STATIC_ROOT / "staticfiles.json").write_text("{}")
    monkeypatch.setattr(os, "access", lambda path, mode: False)

    startup.collect_static_files()

    assert collected == calls


def test_a_full_disk_is_no_reason_not_to_start(collected, monkeypatch):
    def fail(path, text):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_text", fail)
        startup.collect_static_files()
    startup.collect_static_files()
    assert collected == ["collectstatic"] * 2


def test_signs_of_earlier_processes_are_cleared(settings, tmp_path, monkeypatch):
    settings.DATA_DIR = tmp_path / "data"
    settings.DATA_DIR.mkdir()
    settings.REDIS_URL = ""
    monkeypatch.setattr(memory, "SHARED_MEMORY", tmp_path)
    heartbeat.leave(heartbeat.SCHEDULER)
    for _ in range(2):
        startup.clear_signs_of_earlier_processes()
        assert list(settings.DATA_DIR.iterdir()) == list(memory.scratch_dir().iterdir()) == []
        (memory.scratch_dir() / "counter_1.db").write_text("")


def test_a_place_that_somebody_else_has_taken_is_refused(settings, tmp_path, monkeypatch):
    settings.DATA_DIR = tmp_path
    monkeypatch.setattr(memory, "SHARED_MEMORY", tmp_path)
    memory.scratch_dir().symlink_to(tmp_path)
    with pytest.raises(StartRefused, match="Can't make"):
        startup.clear_signs_of_earlier_processes()


def test_processes_may_open_as_many_connections_as_they_take():
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, before[1]))
        startup.raise_descriptor_limit()
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert (soft, hard) == (min(startup.MOST_DESCRIPTORS, before[1]), before[1])


@pytest.fixture
def executed(settings, tmp_path, monkeypatch):
    """What the process would become; descriptors and the working directory stay as they are."""
    settings.DATA_DIR = tmp_path
    calls = []
    monkeypatch.setattr(memory, "SHARED_MEMORY", tmp_path)
    monkeypatch.setattr(startup, "raise_descriptor_limit", lambda: None)
    monkeypatch.setattr(os, "chdir", lambda path: None)
    monkeypatch.setattr(os, "execv", lambda program, words: calls.append(words))
    # Of the other databases' connections this test knows nothing.
    monkeypatch.setattr(startup.connections, "close_all", lambda: None)
    return calls


def test_a_web_server_alone_counts_in_a_directory_of_its_own(executed, monkeypatch):
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", "")

    startup.become_web_server()

    assert executed == [startup.web_command()]
    assert os.environ["PROMETHEUS_MULTIPROC_DIR"] == str(memory.scratch_dir())


def test_a_web_server_alone_leaves_a_given_directory_as_it_is(executed, tmp_path, monkeypatch):
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path / "shared"))
    for _ in range(2):
        startup.become_web_server()
        (tmp_path / "shared" / "counter_1.db").touch(exist_ok=True)

    assert [path.name for path in (tmp_path / "shared").iterdir()] == ["counter_1.db"]


@pytest.mark.parametrize(
    ("port", "is_given", "expected"),
    [(8090, False, "own"), (8090, True, "shared"), (0, False, ""), (0, True, "shared")],
)
def test_a_worker_counts_in_a_directory_of_its_own_to_show_it(
    executed, settings, tmp_path, monkeypatch, port, is_given, expected
):
    settings.WORKER_METRICS_PORT = port
    folders = {"own": memory.scratch_dir(port=8090), "shared": tmp_path / "shared", "": ""}
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(folders["shared"]) if is_given else "")

    startup.become_worker(concurrency=3)

    assert executed == [startup.worker_command(concurrency=3)]
    assert "--concurrency=3" in executed[0]
    assert os.environ["PROMETHEUS_MULTIPROC_DIR"] == str(folders[expected])
    assert not expected or folders[expected].is_dir()


@pytest.mark.parametrize(
    ("hard", "connections"),
    [(256, 128), (2046, 1023), (2048, 1024), (100_000, 1024), (resource.RLIM_INFINITY, 1024)],
)
def test_a_web_worker_takes_no_more_connections_than_it_may_open(monkeypatch, hard, connections):
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (64, hard))

    assert f"--backpressure={connections}" in startup.web_command()


@pytest.mark.parametrize(
    ("redis_url", "children"),
    [("", ["web", "scheduler"]), ("redis://127.0.0.1/0", ["web", "scheduler", "worker"])],
)
def test_a_worker_is_started_where_there_is_a_broker(settings, redis_url, children):
    settings.REDIS_URL = redis_url

    assert list(startup.commands()) == children


def test_the_web_server_listens_where_the_settings_say(settings):
    settings.HOST, settings.PORT, settings.WEB_WORKERS = "::1", 8123, 3
    words = startup.web_command()

    assert words[0] == sys.executable
    assert {"--host=::1", "--port=8123", "--workers=3"} <= set(words)


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "http://127.0.0.1:8000"),
        ("0.0.0.0", "http://127.0.0.1:8000"),
        ("::", "http://[::1]:8000"),
        ("kpi.example", "http://kpi.example:8000"),
    ],
)
def test_the_printed_address_can_be_reached(settings, host, address):
    settings.HOST, settings.PORT = host, 8000

    assert startup.address() == address
