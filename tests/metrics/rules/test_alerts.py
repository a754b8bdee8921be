"""Every alert against promtool: it fires when it should, and is silent when it should be."""

import subprocess
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from metrics.management.commands.export_rules import RULES
from tests.metrics.rules.cases import ALL_CASES, Case, Kind

ALERTS_WITHOUT_MINIMUM = {
    # They are of a state, not of a share.
    *("PortalDown", "MetricsNotCollected", "RollupLagHigh", "RawRetentionBehind", "SeriesBudgetExceeded"),
    *("MaintenanceLeftOn", "AppServerRestarting", "AppServerWorkerBackoff", "AppServerMaintenanceLeftOn"),
    *("ObjectiveNoData", "MaintenanceOn", "PortalWorkerDown", "TasksFailing"),
}


def all_rules() -> list[dict[str, Any]]:
    files = sorted(RULES.glob("*.yaml"))
    groups = [group for file in files for group in yaml.safe_load(file.read_text())["groups"]]
    return [rule for group in groups for rule in group["rules"]]


def key_of(rule: Mapping[str, Any]) -> tuple[str, ...]:
    """An alert's name, with what tells the rules of one name apart."""
    labels = rule["labels"]
    parts = [labels.get("window") or labels.get("objective") or labels.get("kpi")]
    return (rule["alert"], *filter(None, parts))


RULES_WRITTEN = all_rules()
ALERTS = {key_of(rule): rule for rule in RULES_WRITTEN if "alert" in rule}
RECORDINGS = [rule for rule in RULES_WRITTEN if "record" in rule]


@pytest.mark.parametrize("kind", [Kind.FIRES, Kind.SILENT])
def test_every_alert_has_a_case_of(kind: Kind) -> None:
    assert {case.rule for case in ALL_CASES if case.kind is kind} == set(ALERTS)


def test_every_alert_on_a_share_has_a_case_of_too_little() -> None:
    tried = {case.rule for case in ALL_CASES if case.kind is Kind.TOO_LITTLE}

    assert tried == {rule for rule in ALERTS if rule[0] not in ALERTS_WITHOUT_MINIMUM}


@pytest.mark.prometheus
def test_every_alert_fires_and_is_silent_as_its_cases_say(tmp_path: Path) -> None:
    tried = run_promtool(ALL_CASES, folder=tmp_path)

    assert (tried.returncode, tried.stdout.count("SUCCESS"), tried.stderr) == (
        0,
        len(list_files(tmp_path)),
        "",
    )


@pytest.mark.prometheus
@pytest.mark.parametrize("kind", [Kind.FIRES, Kind.SILENT])
def test_a_case_that_is_wrong_fails(tmp_path: Path, kind: Kind) -> None:
    case = next(case for case in ALL_CASES if case.kind is kind)
    other = Case(**vars(case) | {"labels": None if case.labels else {"severity": "page"}})

    assert "FAILED" in run_promtool([other], folder=tmp_path).stderr


def run_promtool(cases: Iterable[Case], *, folder: Path) -> "subprocess.CompletedProcess[str]":
    """Unit tests of promtool, a file for each batch and interval of evaluation."""
    grouped: dict[tuple[str, int], list[Case]] = defaultdict(list)
    for case in cases:
        # Windows of one objective would see each other's series.
        batch = f"{case.batch} {case.interval}" if case.batch else " ".join(case.rule)
        grouped[batch, case.every or case.interval].append(case)
    for number, ((_, every), own) in enumerate(grouped.items()):
        write_files(own, every=every, stem=folder / f"{number}")
    return subprocess.run(
        ["promtool", "test", "rules", *map(str, list_files(folder))],
        capture_output=True,
        text=True,
        check=False,
    )


def list_files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.test.yaml"))


def write_files(cases: Sequence[Case], *, every: int, stem: Path) -> None:
    rules = stem.with_suffix(".rules.yaml")
    needed = needed_rules({case.rule for case in cases})
    together: dict[tuple[Kind, int, int], list[Case]] = defaultdict(list)
    for case in cases:
        # Two cases of one rule and kind are two tests.
        number = sum(case.rule == other.rule for tried in together.values() for other in tried)
        together[case.kind, case.at, number if case.batch == "" else 0].append(case)
    tests = {
        "rule_files": [rules.name],
        "evaluation_interval": f"{every}m",
        "tests": [unit_test(batch) for batch in together.values()],
    }
    rules.write_text(yaml.safe_dump({"groups": [{"name": "tried", "rules": needed}]}))
    stem.with_suffix(".test.yaml").write_text(yaml.safe_dump(tests))


def needed_rules(tried: set[tuple[str, ...]]) -> list[dict[str, Any]]:
    """The alerts and the recordings that they read. Without texts, which promtool would compare too."""
    needed = [
        {name: part for name, part in ALERTS[rule].items() if name != "annotations"} for rule in sorted(tried)
    ]
    for recording in reversed(RECORDINGS):
        if any(reads(rule, recording=recording) for rule in needed):
            needed.insert(0, recording)
    return needed


def reads(rule: Mapping[str, Any], *, recording: Mapping[str, Any]) -> bool:
    is_same = recording["labels"]["objective"] == rule["labels"].get("objective")
    return is_same and recording["record"] in rule["expr"]


def unit_test(cases: Sequence[Case]) -> dict[str, Any]:
    """The cases have the moment and the interval in common."""
    at, interval = cases[0].at, cases[0].interval
    expected: dict[str, list[dict[str, Any]]] = {case.alert: [] for case in cases}
    for case in cases:
        expected[case.alert] += [{"exp_labels": dict(case.labels)}] if case.labels else []
    return {
        "interval": f"{interval}m",
        "input_series": [
            {"series": name, "values": values} for case in cases for name, values in case.series.items()
        ],
        "alert_rule_test": [
            {"eval_time": f"{at}m", "alertname": alert, "exp_alerts": firing}
            for alert, firing in expected.items()
        ],
    }
