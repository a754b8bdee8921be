from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from pytest_django import Settings

from objectives.definitions import (
    BURN_WINDOWS,
    ObjectiveFault,
    Selector,
    burn_windows,
    get_objectives,
    read_objectives,
)

OBJECTIVE = """
objectives:
  - name: ingest-availability
    title: Ingest availability
    description: Posts that were not answered 5xx.
    target: 0.999
    window_days: 28
    minimum: 100
    unit: posts
    indicator:
      source: process
      good: {sample: requests_total, without: {status: 5xx}}
      total: {sample: requests_total}
"""


def written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_reads_the_objectives_of_the_portal() -> None:
    targets = {
        name: (objective.target, objective.window_days) for name, objective in get_objectives().items()
    }

    assert targets == {
        "ingest-availability": (0.999, 28),
        "ingest-latency": (0.99, 28),
        "kpi-freshness": (0.995, 28),
        "workflow-success": (0.95, 28),
        "approval-wait": (0.9, 28),
        "template-suggestions": (0.99, 28),
    }


@pytest.mark.parametrize(
    ("before", "after", "fault"),
    [
        ("target: 0.999", "target: 1", "target lies between 0 and 1"),
        ("window_days: 28", "window_days: 0", "window_days is 1 to 366"),
        ("name: ingest-availability", "name: Ingest", "is no name"),
        ("status: 5xx", "status: '['", "is no regular expression"),
        ("      total: {sample: requests_total}\n", "", "either good and total, or gauge and below"),
        ("minimum: 100", "minimum: many", "Expected `int`"),
        ("    unit: posts\n", "", "missing required field `unit`"),
        ("unit: posts", "unit: posts\n    colour: red", "unknown field `colour`"),
        ("objectives:", "objectives", "objectives.yaml: "),
    ],
)
def test_names_what_is_wrong(tmp_path: Path, before: str, after: str, fault: str) -> None:
    path = written(tmp_path / "objectives.yaml", OBJECTIVE.replace(before, after))

    with pytest.raises(ObjectiveFault, match=fault):
        read_objectives(path)


def test_an_objective_stands_there_once(tmp_path: Path) -> None:
    path = written(tmp_path / "objectives.yaml", OBJECTIVE + OBJECTIVE.partition("objectives:\n")[2])

    with pytest.raises(ObjectiveFault, match="ingest-availability stands there twice"):
        read_objectives(path)


def test_the_system_check_says_what_is_wrong(settings: Settings, tmp_path: Path) -> None:
    settings.OBJECTIVES = tmp_path / "nowhere.yaml"

    with pytest.raises(SystemCheckError, match=r"objectives\.E001.*nowhere\.yaml"):
        call_command("check")


def test_burn_factors_follow_from_the_window(tmp_path: Path) -> None:
    path = written(tmp_path / "objectives.yaml", OBJECTIVE.replace("window_days: 28", "window_days: 30"))
    objective = read_objectives(path)["ingest-availability"]

    factors = [window.factor(objective) for window in BURN_WINDOWS]

    assert factors == pytest.approx([14.4, 6, 3, 1])


def test_a_budget_is_judged_of_as_many_as_a_single_bad_one_does_not_overspend() -> None:
    smallest = {name: objective.smallest_sample for name, objective in get_objectives().items()}

    assert smallest == {
        "ingest-availability": 1000,
        "ingest-latency": 100,
        "kpi-freshness": 200,
        "workflow-success": 20,
        "approval-wait": 10,
        "template-suggestions": 100,
    }


@pytest.mark.parametrize(("window_days", "days"), [(28, 3), (3, 3), (2, 2)])
def test_a_budget_is_judged_after_three_days_or_its_window(
    tmp_path: Path, window_days: int, days: int
) -> None:
    text = OBJECTIVE.replace("window_days: 28", f"window_days: {window_days}")
    path = written(tmp_path / "objectives.yaml", text)

    assert read_objectives(path)["ingest-availability"].shortest_span == timedelta(days=days)


def test_an_alert_that_could_never_fire_is_none() -> None:
    """13.44 times a budget of 10 % is more than everything."""
    windows = list(burn_windows(get_objectives()["approval-wait"]))

    assert windows == list(BURN_WINDOWS[1:])


@pytest.mark.parametrize(
    ("name", "labels", "is_taken"),
    [
        ("requests_total", {"route": "a", "status": "2xx"}, True),
        ("requests_total", {"route": "a"}, True),
        ("requests_total", {"route": "b", "status": "5xx"}, False),
        ("requests_total", {"route": "ab", "status": "2xx"}, False),
        ("requests_total", {}, False),
        ("requests_created", {"route": "a"}, False),
    ],
)
def test_selects_samples_as_prometheus_does(name: str, labels: dict[str, str], is_taken: bool) -> None:
    selector = Selector(sample="requests_total", labels={"route": "a|b"}, without={"status": "5.."})

    assert selector.takes(name, labels) == is_taken
