"""Killed at any statement, a process leaves nothing lost and nothing doubled: see harness.py."""

import json
import os
import subprocess
import sys

import pytest
from django.conf import settings

pytestmark = pytest.mark.processes


def explore(scenario: str, *, stride: int = 1) -> dict[str, object]:
    """Run the harness on a database of the kind that the tests run on."""
    run = subprocess.run(
        [sys.executable, "-m", "tests.crash.harness", scenario, str(stride)],
        cwd=settings.BASE_DIR,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings"},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    report: dict[str, object] = json.loads(run.stdout)
    return report


# Every point after a commit, and some of the others where there are many: all of them by hand (see harness.py).
@pytest.mark.parametrize(
    ("scenario", "stride", "at_least"),
    [
        ("ingest", 1, 1),
        ("rollup", 7, 20),
        ("replay", 5, 10),
        ("retry", 1, 10),
        ("digest", 1, 15),
        ("prune", 20, 10),
        ("prune_things", 60, 5),
        ("erasure", 60, 10),
    ],
)
def test_a_kill_at_any_statement_loses_nothing_and_doubles_nothing(
    scenario: str, stride: int, at_least: int
) -> None:
    report = explore(scenario, stride=stride)

    assert report["failures"] == []
    # A harness that meets no statement would find no fault either.
    assert report["points"] > at_least  # type: ignore[operator]


def test_the_harness_finds_a_step_of_two_commits() -> None:
    report = explore("torn")

    assert len(report["failures"]) >= 1  # type: ignore[arg-type]
    assert all("lacks" in failure for failure in report["failures"])  # type: ignore[attr-defined]
