"""Which worker shows metrics of its own."""

import logging
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django import Settings

from benchmarks.servers import free_port
from config.processes import memory, worker_metrics


@pytest.fixture
def port(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """That of a worker which manage.py worker started."""
    settings.DATA_DIR, settings.HOST = tmp_path, "127.0.0.1"
    settings.WORKER_METRICS_PORT = free_port()
    folder = memory.scratch_dir(port=settings.WORKER_METRICS_PORT)
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(folder))
    yield settings.WORKER_METRICS_PORT
    for server in worker_metrics.servers:
        server.shutdown()
    worker_metrics.leave()


def is_open(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def test_a_worker_that_counts_alone_shows_what_it_counts(port: int) -> None:
    worker_metrics.begin()

    assert is_open(port)


@pytest.mark.parametrize("setting", ["WORKER_METRICS_PORT", "METRICS_ENABLED"])
def test_it_is_off_where_the_settings_say_so(port: int, settings: Settings, setting: str) -> None:
    setattr(settings, setting, 0)

    worker_metrics.begin()

    assert not is_open(port)


@pytest.mark.parametrize("folder", [None, "shared"])
def test_what_others_show_is_not_shown_twice(
    port: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, folder: str | None
) -> None:
    if folder:
        monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", folder)
    else:
        monkeypatch.delenv("PROMETHEUS_MULTIPROC_DIR")

    worker_metrics.begin()

    assert not is_open(port)
    assert "only a worker that manage.py worker started" in caplog.text


def test_a_port_that_is_taken_stops_no_worker(port: int, caplog: pytest.LogCaptureFixture) -> None:
    with socket.create_server(("127.0.0.1", port)):
        worker_metrics.begin()

    assert caplog.record_tuples[-1][1:] == (
        logging.ERROR,
        "No metrics on WORKER_METRICS_PORT: Address already in use.",
    )


def test_the_port_ends_with_the_worker_though_a_fork_of_it_lives_on(port: int) -> None:
    worker_metrics.begin()
    (server,) = worker_metrics.servers
    child = os.fork()
    if child == 0:
        worker_metrics.leave()
        os.kill(os.getpid(), signal.SIGSTOP)
        os._exit(0)
    try:
        os.waitpid(child, os.WUNTRACED)
        was_open = is_open(port)
        server.shutdown()
        server.server_close()
        assert (was_open, is_open(port)) == (True, False)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
