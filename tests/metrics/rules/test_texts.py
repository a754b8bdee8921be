"""What people are told of an alert, as Prometheus and Alertmanager write it."""

import json
from pathlib import Path

import pytest
import yaml

from metrics.management.commands.export_rules import RULES
from tests.metrics.rules.test_alerts import ALERTS
from tests.metrics.rules.test_configurations import ALERTMANAGER, tool

TEMPLATES = ALERTMANAGER.parent / "templates" / "*.tmpl"


@pytest.mark.prometheus
def test_a_kpi_off_target_is_told_with_its_value_its_target_and_its_page(tmp_path: Path) -> None:
    rule = ALERTS["KpiOffTarget", "approval-rate"]
    labels = {"kpi": "approval-rate", "persona": rule["labels"]["persona"], "environment": "production"}
    which = ",".join(f'{name}="{text}"' for name, text in {**labels, "window": "7d"}.items())
    values = {"value": 0.28, "target": 0.3, "on_target": 0}
    texts = rule["annotations"]
    _, _, definition = texts["description"].partition("enough events to judge. ")
    told = {
        **texts,
        "summary": "Approval rate is off target in production",
        "description": f"28% over 7d, target 30%, with enough events to judge. {definition}",
        "page_url": "http://localhost:8000/kpis/approval-rate/?environment=production",
    }
    unit_test = {
        "interval": "1m",
        "input_series": [
            {"series": f"workbench_kpi_{name}{{{which}}}", "values": f"{value}x5"}
            for name, value in values.items()
        ],
        "alert_rule_test": [
            {
                "eval_time": "5m",
                "alertname": "KpiOffTarget",
                "exp_alerts": [{"exp_labels": {**labels, "severity": "ticket"}, "exp_annotations": told}],
            }
        ],
    }
    test = tmp_path / "test.yaml"
    test.write_text(yaml.safe_dump({"rule_files": [str(RULES / "kpis.yaml")], "tests": [unit_test]}))

    assert "SUCCESS" in tool("promtool", "test", "rules", test)


@pytest.mark.alertmanager
@pytest.mark.parametrize(
    ("status", "text"),
    [
        ("firing", "They are 2m 22s behind."),
        ("resolved", "It was so from 2026-02-15 12:00 to 2026-02-15 12:07 UTC."),
    ],
)
def test_what_is_over_is_told_without_the_values_of_its_beginning(
    tmp_path: Path, status: str, text: str
) -> None:
    alert = {
        "status": status,
        "annotations": {"description": "They are 2m 22s behind.", "runbook_url": "https://r.example/#x"},
        "startsAt": "2026-02-15T12:00:00Z",
        "endsAt": "2026-02-15T12:07:00Z",
    }
    data = tmp_path / "data.json"
    data.write_text(json.dumps({"status": status, "alerts": [alert]}))
    template = '{{ template "portal.text" . }}'

    told = tool(
        *("amtool", "template", "render", f"--template.glob={TEMPLATES}", f"--template.data={data}"),
        f"--template.text={template}",
    )

    assert told.strip() == f"{text}\n<https://r.example/#x|Runbook>"


def test_a_promise_is_told_as_a_share() -> None:
    text = ALERTS["IngestLatencyBurning", "1h"]["annotations"]["description"]

    assert "99 % of posts in 28 days are promised. Posts of events" in text
