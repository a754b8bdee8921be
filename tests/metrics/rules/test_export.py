import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import call_command
from django.core.management.base import CommandError
from pytest_django import Settings

from kpis.registry import DEFINITIONS
from metrics.management.commands import export_rules
from tests.metrics.rules.test_alerts import ALERTS


def test_the_files_follow_from_objectives_thresholds_and_kpis() -> None:
    call_command("export_rules", check=True)


def test_a_new_kpi_without_a_new_export_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    added = replace(DEFINITIONS[0], slug="patience", title="Patience")
    monkeypatch.setattr(export_rules, "DEFINITIONS", (*DEFINITIONS, added))

    with pytest.raises(CommandError, match=r"kpis\.yaml does not follow"):
        call_command("export_rules", check=True)


def test_a_changed_objective_without_a_new_export_fails(settings: Settings, tmp_path: Path) -> None:
    text = settings.OBJECTIVES.read_text().replace("target: 0.999", "target: 0.99")
    settings.OBJECTIVES = tmp_path / "objectives.yaml"
    settings.OBJECTIVES.write_text(text)

    with pytest.raises(CommandError, match=r"objectives\.yaml does not follow"):
        call_command("export_rules", check=True)


def test_writes_other_thresholds_and_runbooks_to_another_folder(settings: Settings, tmp_path: Path) -> None:
    text = settings.THRESHOLDS.read_text().replace("{seconds: 60}", "{seconds: 5}")
    settings.THRESHOLDS = tmp_path / "thresholds.yaml"
    settings.THRESHOLDS.write_text(text)

    call_command("export_rules", output=tmp_path / "rules", runbook="https://kpi.example.com/runbook")

    rule = rule_of(tmp_path / "rules" / "thresholds.yaml", alert="RollupLagHigh")
    # That runbook is no page of the portal, so its other pages are not known.
    assert "page_url" not in (tmp_path / "rules" / "kpis.yaml").read_text()
    assert rule["expr"] == "max by (environment) (portal_rollup_lag_seconds) > 5"
    assert rule["annotations"]["runbook_url"] == "https://kpi.example.com/runbook#rolluplaghigh"


def rule_of(path: Path, *, alert: str) -> dict[str, Any]:
    groups = yaml.safe_load(path.read_text())["groups"]
    (rule,) = [rule for group in groups for rule in group["rules"] if rule.get("alert") == alert]
    return rule


@pytest.mark.parametrize(
    "text", ["alerts: []", "kpi: {window: 7d, severity: ticket}\nalerts: [{alert: X}]", "["]
)
def test_names_what_is_wrong_with_the_thresholds(settings: Settings, tmp_path: Path, text: str) -> None:
    settings.THRESHOLDS = tmp_path / "thresholds.yaml"
    settings.THRESHOLDS.write_text(text)

    with pytest.raises(CommandError, match=r"thresholds\.yaml: "):
        call_command("export_rules", check=True)


def test_every_alert_says_how_bad_what_and_where_to_read_on() -> None:
    for rule in ALERTS.values():
        # Nobody is told of maintenance: it holds others back.
        severities = {"none"} if rule["alert"] == "MaintenanceOn" else {"page", "ticket"}
        assert rule["labels"]["severity"] in severities
        page = {"page_url"} if rule["alert"] == "KpiOffTarget" else set()
        assert {name for name, text in rule["annotations"].items() if text} == {
            *("summary", "description", "runbook_url"),
            *page,
        }


def test_no_placeholder_is_left() -> None:
    """Whatever begins with $ is Prometheus's."""
    for rule in ALERTS.values():
        assert set(re.findall(r"\$(\w+)", f"{rule['expr']} {rule['annotations']}")) <= {"labels", "value"}
