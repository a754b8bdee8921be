from typing import Any

import pytest

from alerts.models import Alert
from alerts.rules.catalogue import RULES
from config.health import alerting
from config.health.findings import Finding, HealthStatus
from config.health.report import CHECKS
from telemetry.lifecycle.partitions import ensure_partitions
from tests.builders import NOW


@pytest.mark.parametrize("status", HealthStatus)
def test_a_critical_line_is_an_alert(status: HealthStatus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alerting, "checked", lambda check, *, now: Finding(status, "1 KiB of 9 GiB free"))

    found = alerting.find_critical(NOW).findings

    if status is not HealthStatus.CRITICAL:
        assert found == []
        return
    disk = found[0]
    assert [finding.labels["check"] for finding in found] == list(alerting.ALERTING)
    assert disk.labels == {"alertname": "HealthCritical", "severity": "page", "check": "disk"}
    assert disk.summary == "Health: Disk is critical"
    assert disk.runbook_url == "/runbooks/health/#disk"


def test_every_line_that_alerts_is_there() -> None:
    assert set(alerting.ALERTING) <= {check.name for check in CHECKS}
    assert alerting.RULE in RULES


@pytest.mark.django_db
def test_a_healthy_portal_has_no_alert(settings: Any, tmp_path: Any) -> None:
    settings.DATA_DIR = tmp_path
    ensure_partitions(today=NOW.date())

    assert alerting.find_critical(NOW).findings == []
    assert not Alert.objects.exists()
