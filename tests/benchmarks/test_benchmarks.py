"""All benchmarks, so small that their figures mean nothing: what counts is that each line is there."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.__main__ import main
from tests import services

ROOT = Path(__file__).resolve().parent.parent.parent
RATIO = r" +[\d.,]+ \S+ +[\d.,]+ \S+ +[\d.]+ \([\d.]+\.\.[\d.]+\)"

LINES = (
    "against insert of the same rows",
    "against COPY, the ceiling",
    "against a bare view that inserts a row",
    "against an empty DRF view",
    "drained, against taken in",
    "the same with 2 x history",
    "cost at 2 x history, at none",
    "/kpis/time-to-create-workflow/",
    "/kpis/template-suggestion-rate/",
    "/",
    "/metrics",
    "all, after 3,000 against 1,000",
)


@pytest.mark.processes
@pytest.mark.postgres
def test_a_quick_run_prints_each_ratio_and_leaves_no_database():
    server = services.POSTGRES_URL.rpartition("/")[0] + "/postgres"
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--quick"],
        cwd=ROOT,
        env={**os.environ, "BENCH_DATABASE_URL": server},
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    found = re.findall(rf"^  (\S.*?){RATIO}", done.stdout, flags=re.MULTILINE)
    assert [name.strip() for name in found] == list(LINES)


def test_without_a_server_it_says_what_to_do(capsys, monkeypatch):
    monkeypatch.setenv("BENCH_DATABASE_URL", "postgresql://postgres@127.0.0.1:1/postgres")

    assert main(["--quick", "fold"]) == 1
    assert "set BENCH_DATABASE_URL" in capsys.readouterr().err


def test_an_unknown_name_is_refused_with_those_that_there_are(capsys):
    with pytest.raises(SystemExit):
        main(["folding"])
    assert "there is no benchmark 'folding'; there are ingest_batch, " in capsys.readouterr().err
