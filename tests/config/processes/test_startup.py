import errno
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


def test_a_port_that_is_taken_is_named(listener):
    port = listener.getsockname()[1]

    with pytest.raises(StartRefused, match=f"Can't listen on 127.0.0.1 port {port}: Address already in use"):
        startup.check_address(host="127.0.0.1", port=port)


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
