"""All benchmarks, so small that their figures mean nothing: what counts is that each line is there."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks import memory
from benchmarks.__main__ import BENCHMARKS, main
from benchmarks.first_views import PAGES as FIRST_VIEWED
from benchmarks.reading import PAGES
from config.processes.supervisor import die_with_parent
from tests import services

ROOT = Path(__file__).resolve().parent.parent.parent
TIMEOUT_SECONDS = 900
STOP_SECONDS = 30
RATIO = r" +[\d.,]+ \S+ +[\d.,]+ \S+ +[\d.]+ \([\d.]+\.\.[\d.]+\)"

# Each run migrates a database first, which takes as long as many of its benchmarks: so there are few runs.
LINES = {
    ("ingest_batch", "ingest_single", "fold", "tracing", "spans", "hostile", "erasure"): [
        "against insert of the same rows",
        "against COPY, the ceiling",
        "against a bare view that inserts a row",
        "against an empty DRF view",
        "drained, against taken in",
        "the same with 2 x history",
        "cost at 2 x history, at none",
        "500 events a post, off",
        "500 events a post, on",
        "500 events a post, on, one trace in ten",
        "an event a post, off",
        "an event a post, on",
        "an event a post, on, one trace in ten",
        "their events, against the door",
        "checked",
        "stored",
        "p99 of posts, with and without",
        "the longest wait of a post, with and without",
    ],
    ("reading", "memory", "runs", "viewers", "first_views"): [
        *PAGES,
        "all, after 900 against 300",
        "page 1",
        "a page far behind",
        "failed runs",
        "a workflow's runs",
        "an error's runs",
        "a run",
        "a run of 200 agents",
        *(
            line
            for viewed in ("/runs/", "/live/")
            for line in (f"posts, 4 on {viewed}", f"p50 of /, 4 on {viewed}", f"p50 of /runs/, 4 on {viewed}")
        ),
        *FIRST_VIEWED,
    ],
    ("retention", "scrape"): [
        "PostgreSQL: a day's drop, against DROP TABLE",
        "PostgreSQL: p99 of posts, with and without",
        "PostgreSQL: the longest wait of a post",
        "SQLite: p99 of posts, with and without",
        "SQLite: the longest wait of a post, with and without",
        *(
            f"{database}: {line}"
            for database in ("PostgreSQL", "SQLite")
            for line in (
                "p50, many events against few",
                "series, many events against few",
                "series of the fullest family, of its budget",
            )
        ),
    ],
}


@pytest.mark.processes
@pytest.mark.postgres
@pytest.mark.parametrize("names", LINES, ids=" ".join)
def test_a_quick_run_prints_each_ratio_and_leaves_no_database(names: tuple[str, ...]) -> None:
    status, printed, errors = benchmarks("--quick", *names)

    assert (status, errors) == (0, "")
    found = re.findall(rf"^  (\S.*?){RATIO}", printed, flags=re.MULTILINE)
    # The name of a worst case follows its colon.
    assert [re.sub(r"(checked|stored):.*", r"\1", name).strip() for name in found] == LINES[names]


def test_each_benchmark_is_tried() -> None:
    assert sorted(name for names in LINES for name in names) == sorted(BENCHMARKS)


def benchmarks(*words: str) -> tuple[int, str, str]:
    """Exit status, output and errors. Whatever happens, no process of it is left."""
    server = services.POSTGRES_URL.rpartition("/")[0] + "/postgres"
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks", *words],
        cwd=ROOT,
        env={**os.environ, "BENCH_DATABASE_URL": server},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=die_with_parent,
    ) as process:
        try:
            printed, errors = process.communicate(timeout=TIMEOUT_SECONDS)
        finally:
            end(process)
    return process.returncode, printed, errors


def end(process: subprocess.Popen[str]) -> None:
    """Told to stop, it stops what it started; killed, it takes that with it."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is None:
            os.killpg(process.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=STOP_SECONDS)


@pytest.mark.processes
@pytest.mark.postgres
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_of_benchmarks_that_are_stopped_half_way(number: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks", "memory"],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=die_with_parent,
    ) as process:
        try:
            # The supervisor, its web server and its scheduler.
            wait_until(lambda: len(below(process.pid)) >= 3)
            started = below(process.pid)
            process.send_signal(number)
            process.wait(timeout=TIMEOUT_SECONDS)
            wait_until(lambda: not [pid for pid in started if Path("/proc", str(pid), "exe").exists()])
        finally:
            end(process)


def below(pid: int) -> list[int]:
    """The processes that it started, and those that these started."""
    parents = memory.parent_by_pid()
    return [other for other in parents if other != pid and pid in memory.ancestry(other, parents=parents)]


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_without_a_server_it_says_what_to_do(capsys, monkeypatch):
    monkeypatch.setenv("BENCH_DATABASE_URL", "postgresql://postgres@127.0.0.1:1/postgres")

    assert main(["--quick", "fold"]) == 1
    assert "set BENCH_DATABASE_URL" in capsys.readouterr().err


def test_an_unknown_name_is_refused_with_those_that_there_are(capsys):
    with pytest.raises(SystemExit):
        main(["folding"])
    assert "there is no benchmark 'folding'; there are ingest_batch, " in capsys.readouterr().err
